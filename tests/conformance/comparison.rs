//! Asking all servers the same, and judging what they say.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{ErrorKind, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use sextant_tests::ZoneText;

use crate::differences::{self, Served};
use crate::message::{Reply, TC, text_of};
use crate::peers::Peers;
use crate::questions::Question;

/// Questions under way at once: few enough for any socket's buffer.
const BATCH: usize = 48;

/// How long a reply is waited for, and how often it is asked for. Datagrams may get lost.
const RETRY_AFTER: Duration = Duration::from_secs(2);
const TRIES: usize = 10;

/// Unexplained differences that are kept; one would do to fail.
const KEPT: usize = 40;

/// How the answers compare.
#[derive(Default)]
pub struct Tally {
    over_udp: usize,
    over_tcp: usize,
    /// All three say the same.
    all_equal: usize,
    /// NSD and Knot differ, and Sextant is with one of them.
    as_nsd: usize,
    as_knot: usize,
    /// What differs is listed, by the rules that explain it.
    listed: BTreeMap<String, usize>,
    unexplained_count: usize,
    pub unexplained: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { over_udp, over_tcp, all_equal, as_nsd, as_knot, .. } = self;
        write!(
            out,
            "{over_udp} questions over UDP and {over_tcp} over TCP: all equal {all_equal}, as NSD {as_nsd}, \
             as Knot {as_knot}, listed {}, unexplained {}",
            self.listed.values().sum::<usize>(),
            self.unexplained_count
        )?;
        self.listed.iter().try_for_each(|(rules, count)| write!(out, "\n  {count} {rules}"))
    }
}

impl Tally {
    /// The first unexplained differences in full.
    pub fn report(&self) -> String {
        format!("{} unexplained differences:\n{}", self.unexplained_count, self.unexplained.join("\n"))
    }

    fn judge(&mut self, served: &Served<'_>, question: &Question, transport: &str, replies: [Reply; 3]) {
        let [nsd, knot, sextant] = replies;
        match (sextant == nsd, sextant == knot) {
            (true, true) => self.all_equal += 1,
            (true, false) => self.as_nsd += 1,
            (false, true) => self.as_knot += 1,
            (false, false) => {
                let explained = [&nsd, &knot]
                    .into_iter()
                    .find_map(|theirs| differences::explain(served, question, theirs, &sextant));
                if let Some(rules) = explained {
                    *self.listed.entry(rules.join(" + ")).or_default() += 1;
                    return;
                }
                self.unexplained_count += 1;
                if self.unexplained.len() < KEPT {
                    let (name, rtype) = (text_of(&question.name), question.rtype);
                    self.unexplained.push(format!(
                        "{name} {rtype} over {transport}\n  NSD     {nsd}\n  Knot    {knot}\n  Sextant {sextant}"
                    ));
                }
            }
        }
    }
}

/// Asks every question over UDP, and over TCP where a reply was cut or the question says so.
pub fn compare(peers: &Peers, zones: &[ZoneText], questions: &[Question], tally: &mut Tally) -> Result<()> {
    let served = Served::new(zones);
    let servers = [peers.nsd, peers.knot, peers.sextant];
    let sockets = servers.map(|server| -> Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server)?;
        socket.set_read_timeout(Some(RETRY_AFTER))?;
        Ok(socket)
    });
    let [nsd, knot, sextant] = sockets;
    let sockets = [nsd?, knot?, sextant?];
    for batch in questions.chunks(BATCH) {
        let all: Vec<&Question> = batch.iter().collect();
        let replies = ask_each(&sockets, |socket| over_udp(socket, &all))?;
        let mut again = Vec::new();
        for (question, replies) in all.iter().zip(replies) {
            if question.over_tcp || replies.iter().any(|reply| reply.flags & TC != 0) {
                again.push(*question);
            }
            tally.over_udp += 1;
            tally.judge(&served, question, "UDP", replies);
        }
        if again.is_empty() {
            continue;
        }
        let replies = ask_each(&servers, |server| over_tcp(*server, &again))?;
        for (question, replies) in again.iter().zip(replies) {
            tally.over_tcp += 1;
            tally.judge(&served, question, "TCP", replies);
        }
    }
    Ok(())
}

/// Asks each server in its own thread; gives for each question what each server said.
fn ask_each<S: Sync>(
    servers: &[S; 3],
    ask: impl Fn(&S) -> Result<Vec<Reply>> + Sync,
) -> Result<Vec<[Reply; 3]>> {
    let [nsd, knot, sextant] = servers;
    let name = |result: Result<Vec<Reply>>, name: &'static str| result.context(name);
    let mut columns = std::thread::scope(|scope| -> Result<_> {
        let (nsd, knot) = (scope.spawn(|| ask(nsd)), scope.spawn(|| ask(knot)));
        let sextant = name(ask(sextant), "Sextant")?;
        let nsd = name(nsd.join().expect("the thread does not panic"), "NSD")?;
        let knot = name(knot.join().expect("the thread does not panic"), "Knot")?;
        Ok(nsd.into_iter().zip(knot).zip(sextant))
    })?;
    Ok(columns.by_ref().map(|((nsd, knot), sextant)| [nsd, knot, sextant]).collect())
}

fn over_udp(socket: &UdpSocket, questions: &[&Question]) -> Result<Vec<Reply>> {
    let mut replies: Vec<Option<Reply>> = vec![None; questions.len()];
    let mut buffer = vec![0; 65_535];
    for _ in 0..TRIES {
        let mut missing = 0;
        for (id, question) in questions.iter().enumerate().filter(|(id, _)| replies[*id].is_none()) {
            socket.send(&with_id(question, id)?)?;
            missing += 1;
        }
        while missing > 0 {
            let length = match socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => break,
                Err(error) => return Err(error.into()),
            };
            // Replies to what was asked twice may still come in with the next batch.
            missing -= usize::from(take_reply(&buffer[..length], questions, &mut replies)?);
        }
        if missing == 0 {
            return Ok(replies.into_iter().flatten().collect());
        }
    }
    bail!("no reply to some of {} questions", questions.len())
}

fn over_tcp(server: SocketAddr, questions: &[&Question]) -> Result<Vec<Reply>> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(RETRY_AFTER * 5))?;
    let mut request = Vec::new();
    for (id, question) in questions.iter().enumerate() {
        let octets = with_id(question, id)?;
        request.extend(u16::try_from(octets.len())?.to_be_bytes());
        request.extend(octets);
    }
    stream.write_all(&request)?;
    let mut replies: Vec<Option<Reply>> = vec![None; questions.len()];
    for _ in questions {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut octets = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut octets)?;
        ensure!(take_reply(&octets, questions, &mut replies)?, "a reply to nothing");
    }
    Ok(replies.into_iter().flatten().collect())
}

fn with_id(question: &Question, id: usize) -> Result<Vec<u8>> {
    let mut octets = question.octets.clone();
    octets[..2].copy_from_slice(&u16::try_from(id)?.to_be_bytes());
    Ok(octets)
}

/// Puts a reply in its place; false if it is for no question that waits for one.
fn take_reply(octets: &[u8], questions: &[&Question], replies: &mut [Option<Reply>]) -> Result<bool> {
    let id = octets.get(..2).map(|id| usize::from(u16::from_be_bytes([id[0], id[1]])));
    let Some(slot) = id.and_then(|id| replies.get_mut(id)).filter(|slot| slot.is_none()) else {
        return Ok(false);
    };
    let question = questions[id.unwrap_or(0)];
    if octets.get(12..12 + question.name.len() + 4) != question.octets.get(12..12 + question.name.len() + 4) {
        return Ok(false);
    }
    let describe = || format!("{} {}: {}", text_of(&question.name), question.rtype, octets.escape_ascii());
    *slot = Some(Reply::read(octets, &question.octets).with_context(describe)?);
    Ok(true)
}
