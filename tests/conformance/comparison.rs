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
    /// With which of the others Sextant agrees, where with any.
    agreeing: BTreeMap<String, usize>,
    /// What differs from all is listed, by the rules that explain it.
    listed: BTreeMap<String, usize>,
    unexplained_count: usize,
    pub unexplained: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { over_udp, over_tcp, unexplained_count, .. } = self;
        let agreeing: usize = self.agreeing.values().sum();
        let listed: usize = self.listed.values().sum();
        write!(
            out,
            "{over_udp} questions over UDP and {over_tcp} over TCP: as one at least {agreeing}, listed {listed}, \
             unexplained {unexplained_count}"
        )?;
        let (agreeing, listed) = (self.agreeing.iter(), self.listed.iter());
        agreeing.clone().try_for_each(|(names, count)| write!(out, "\n  {count} as {names}"))?;
        listed.clone().try_for_each(|(rules, count)| write!(out, "\n  {count} {rules}"))
    }
}

impl Tally {
    /// The first unexplained differences in full.
    pub fn report(&self) -> String {
        format!("{} unexplained differences:\n{}", self.unexplained_count, self.unexplained.join("\n"))
    }

    fn judge(
        &mut self,
        peers: &Peers,
        served: &Served<'_>,
        question: &Question,
        transport: &str,
        replies: &[Reply],
    ) {
        let (sextant, others) = replies.split_last().expect("Sextant is one of them");
        let counting =
            peers.servers.iter().zip(others).filter(|(server, _)| !server.altered.contains(&question.zone));
        let agreeing = counting.clone().filter(|(_, reply)| *reply == sextant);
        let names: Vec<&str> = agreeing.map(|(server, _)| server.name).collect();
        if !names.is_empty() {
            *self.agreeing.entry(names.join(", ")).or_default() += 1;
            return;
        }
        let mut theirs = counting.map(|(_, reply)| reply);
        let explained = theirs.find_map(|theirs| differences::explain(served, question, theirs, sextant));
        if let Some(rules) = explained {
            *self.listed.entry(rules.join(" + ")).or_default() += 1;
            return;
        }
        self.unexplained_count += 1;
        if self.unexplained.len() < KEPT {
            let (name, rtype) = (text_of(&question.name), question.rtype);
            let said = peers
                .servers
                .iter()
                .zip(replies)
                .map(|(server, reply)| format!("\n  {:7} {reply}", server.name));
            self.unexplained.push(format!("{name} {rtype} over {transport}{}", said.collect::<String>()));
        }
    }
}

/// Asks every question over UDP, and over TCP where a reply was cut or the question says so.
pub fn compare(peers: &Peers, zones: &[ZoneText], questions: &[Question], tally: &mut Tally) -> Result<()> {
    let served = Served::new(zones);
    let sockets = peers.servers.iter().map(|server| -> Result<UdpSocket> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server.address)?;
        socket.set_read_timeout(Some(RETRY_AFTER))?;
        Ok(socket)
    });
    let sockets = sockets.collect::<Result<Vec<_>>>()?;
    for batch in questions.chunks(BATCH) {
        let all: Vec<&Question> = batch.iter().collect();
        let replies = ask_each(peers, |index| over_udp(&sockets[index], &all))?;
        let mut again = Vec::new();
        for (question, replies) in all.iter().zip(replies) {
            if question.over_tcp || replies.iter().any(|reply| reply.flags & TC != 0) {
                again.push(*question);
            }
            tally.over_udp += 1;
            tally.judge(peers, &served, question, "UDP", &replies);
        }
        if again.is_empty() {
            continue;
        }
        let servers = &peers.servers;
        let replies = ask_each(peers, |index| over_tcp(servers[index].address, &again))?;
        for (question, replies) in again.iter().zip(replies) {
            tally.over_tcp += 1;
            tally.judge(peers, &served, question, "TCP", &replies);
        }
    }
    Ok(())
}

/// Asks each server in its own thread; gives for each question what each server said.
fn ask_each(peers: &Peers, ask: impl Fn(usize) -> Result<Vec<Reply>> + Sync) -> Result<Vec<Vec<Reply>>> {
    let columns = std::thread::scope(|scope| {
        let ask = &ask;
        let threads: Vec<_> = (0..peers.servers.len()).map(|index| scope.spawn(move || ask(index))).collect();
        let columns = threads.into_iter().zip(&peers.servers);
        columns
            .map(|(thread, server)| thread.join().expect("the thread does not panic").context(server.name))
            .collect::<Result<Vec<_>>>()
    })?;
    let mut columns: Vec<_> = columns.into_iter().map(Vec::into_iter).collect();
    Ok(std::iter::from_fn(|| columns.iter_mut().map(Iterator::next).collect()).collect())
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
