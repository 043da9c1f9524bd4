//! Probes of EDNS, header fields and opcodes, asked of every server: one table, a probe in each row.
//!
//! What Sextant says must be what one of the others says, and what all say where all agree; else the row gives the
//! RFC that decides. The engine's own tests hold Sextant to the last octet of the same probes.

use std::fmt::Write as _;
use std::io::{Read, Write as _};
use std::net::{Ipv4Addr, SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use anyhow::{Context, Result, ensure};

use crate::message::{AA, AD, CD, TC};
use crate::peers::Peers;

/// How long a reply may take before it is asked for again.
const RETRY_AFTER: Duration = Duration::from_millis(500);
const TRIES: usize = 6;

/// `main.test`, SOA, IN.
const SOA_QUESTION: &[u8] = b"\x04main\x04test\0\0\x06\0\x01";
/// `a70.big.test`, A, IN: the answer fits into 1232 octets and not into 512.
const LARGE_QUESTION: &[u8] = b"\x03a70\x03big\x04test\0\0\x01\0\x01";
/// `a76.big.test`, A, IN: the answer fits into 4096 octets and not into 1232.
const LARGER_QUESTION: &[u8] = b"\x03a76\x03big\x04test\0\0\x01\0\x01";

/// An OPT record with nothing in it.
const OPT: &[u8] = &[0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

const SUBNET: u8 = 8;
const COOKIE: u8 = 10;
const KEEPALIVE: u8 = 11;

const EDNS_IN_REPLIES: &str = "a reply to a query with EDNS has EDNS (RFC 6891, 7)";

/// One row: what it is, the message without its identifier, and why Sextant may be alone with its reply.
struct Probe(&'static str, Vec<u8>, Option<&'static str>);

fn probe(what: &'static str, message: Vec<u8>) -> Probe {
    Probe(what, message, None)
}

impl Probe {
    fn alone_by(self, rule: &'static str) -> Self {
        Self(self.0, self.1, Some(rule))
    }
}

/// Flags, the four counts, and what follows the header.
fn message(flags: u16, counts: [u8; 4], rest: &[&[u8]]) -> Vec<u8> {
    let mut message = flags.to_be_bytes().to_vec();
    message.extend(counts.into_iter().flat_map(|count| [0, count]));
    message.extend(rest.concat());
    message
}

fn opt(payload: u16, version: u8, flags: u16, options: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0, 41];
    record.extend(payload.to_be_bytes());
    record.extend([0, version]);
    record.extend(flags.to_be_bytes());
    record.extend((options.len() as u16).to_be_bytes());
    record.extend(options);
    record
}

fn option(code: u8, data: &[u8]) -> Vec<u8> {
    [&[0, code, 0, data.len() as u8][..], data].concat()
}

fn with(options: &[u8]) -> Vec<u8> {
    message(0, [1, 0, 0, 1], &[SOA_QUESTION, &opt(1232, 0, 0, options)])
}

fn probes() -> Vec<Probe> {
    let sized = |question, payload| message(0, [1, 0, 0, 1], &[question, &opt(payload, 0, 0, &[])]);
    let edns = |version, flags, options: &[u8]| {
        message(0, [1, 0, 0, 1], &[SOA_QUESTION, &opt(1232, version, flags, options)])
    };
    let plain = |flags| message(flags, [1, 0, 0, 0], &[SOA_QUESTION]);
    let of_class = |class: u8| message(0, [1, 0, 0, 0], &[&SOA_QUESTION[..SOA_QUESTION.len() - 1], &[class]]);
    let a_record: &[u8] = &[0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4];
    let own_name = [&b"\x01a"[..], OPT].concat();
    vec![
        probe("no EDNS", plain(0)),
        probe("EDNS", with(&[])),
        probe("DO", edns(0, 0x8000, &[])),
        probe("unknown flags", edns(0, 0x7fff, &[])),
        probe("payload 0, a reply of 1160", sized(LARGE_QUESTION, 0)),
        probe("payload 511, a reply of 1160", sized(LARGE_QUESTION, 511)),
        probe("payload 1232, a reply of 1160", sized(LARGE_QUESTION, 1232)),
        probe("payload 4096, a reply of 1256", sized(LARGER_QUESTION, 4096)),
        probe("version 1", edns(1, 0, &[])),
        probe("version 255, DO", edns(255, 0x8000, &[])),
        probe("version 1, an option", edns(1, 0, &option(200, b"xyz"))),
        probe("OPT twice", message(0, [1, 0, 0, 2], &[SOA_QUESTION, OPT, OPT])),
        probe("OPT with an owner", message(0, [1, 0, 0, 1], &[SOA_QUESTION, &own_name])),
        probe("OPT as an answer", message(0, [1, 1, 0, 0], &[SOA_QUESTION, OPT])),
        probe("OPT before another record", message(0, [1, 0, 0, 2], &[SOA_QUESTION, OPT, a_record])),
        probe("unknown option", with(&option(200, b"xyz"))),
        probe("option past the end", with(&[0, 9, 0, 5, 1])).alone_by(EDNS_IN_REPLIES),
        probe("octets behind the last record", message(0, [1, 0, 0, 1], &[SOA_QUESTION, OPT, &[0]])),
        probe("NSID", with(&option(3, &[]))),
        probe("NSID with data", with(&option(3, b"x"))),
        probe("cookie", with(&option(COOKIE, &[1; 8]))),
        probe("cookie with a wrong server part", with(&option(COOKIE, &[1; 24]))),
        probe("cookie of 7", with(&option(COOKIE, &[1; 7]))),
        probe("cookie of 15", with(&option(COOKIE, &[1; 15]))),
        probe("cookie of 41", with(&option(COOKIE, &[1; 41]))),
        probe("subnet of 24 bits", with(&option(SUBNET, &[0, 1, 24, 0, 192, 0, 2]))),
        probe("subnet of 56 bits", with(&option(SUBNET, &[0, 2, 56, 0, 32, 1, 13, 184, 0, 0, 0]))),
        probe("subnet of 0 bits", with(&option(SUBNET, &[0, 1, 0, 0]))),
        probe("subnet of family 3", with(&option(SUBNET, &[0, 3, 0, 0]))),
        probe("subnet too short", with(&option(SUBNET, &[0, 1, 24, 0, 192, 0]))),
        probe("subnet too long", with(&option(SUBNET, &[0, 1, 24, 0, 192, 0, 2, 0]))),
        probe("subnet of 33 bits", with(&option(SUBNET, &[0, 1, 33, 0, 192, 0, 2, 0, 0]))),
        probe("subnet with bits behind", with(&option(SUBNET, &[0, 1, 20, 0, 192, 0, 2]))),
        probe("subnet with a scope", with(&option(SUBNET, &[0, 1, 24, 1, 192, 0, 2])))
            .alone_by(EDNS_IN_REPLIES),
        probe("subnet of nothing", with(&option(SUBNET, &[]))),
        probe("keepalive in a datagram", with(&option(KEEPALIVE, &[]))),
        probe("padding", with(&option(12, &[0; 20]))),
        probe("extended error in a query", with(&option(15, &[0, 1]))),
        probe("RD, CD and AD", plain(0x130)),
        probe("the zero bit", plain(0x40)),
        probe("AA, TC and RA in a query", plain(0x680)),
        probe("QR", plain(0x8000)),
        probe("opcode 1", plain(0x800)),
        probe("opcode 2", plain(0x1000)),
        probe("NOTIFY", plain(0x2000)).alone_by("refused as a matter of policy (RFC 1035, 4.1.1)"),
        probe("UPDATE", plain(0x2800)),
        probe("opcode 15", plain(0x7800)),
        probe("no question", message(0, [0, 0, 0, 0], &[])),
        probe("two questions", message(0, [2, 0, 0, 0], &[SOA_QUESTION, SOA_QUESTION])),
        probe("a question cut short", message(0, [1, 0, 0, 0], &[&SOA_QUESTION[..8]])),
        probe("a record that is not there", message(0, [1, 0, 0, 1], &[SOA_QUESTION])),
        probe("an answer in a query", message(0, [1, 1, 0, 0], &[SOA_QUESTION, a_record])),
        probe("a header cut short", message(0, [1, 0, 0, 0], &[])[..8].to_vec()),
        probe("class CHAOS", of_class(3)),
        probe("class HESIOD", of_class(4)),
        probe("class NONE", of_class(254)),
        probe("class ANY", of_class(255)),
        probe("a name not served", message(0, [1, 0, 0, 1], &[b"\x07invalid\0\0\x01\0\x01", OPT])),
        probe("type AXFR in a datagram", message(0, [1, 0, 0, 0], &[b"\x04main\x04test\0\0\xfc\0\x01"])),
        probe("type IXFR without a SOA", message(0, [1, 0, 0, 0], &[b"\x04main\x04test\0\0\xfb\0\x01"])),
        probe("type OPT", message(0, [1, 0, 0, 0], &[b"\x04main\x04test\0\0\x29\0\x01"])),
        probe("type 0", message(0, [1, 0, 0, 0], &[b"\x04main\x04test\0\0\0\0\x01"])),
    ]
}

/// Asks all, gives the table as text, and says which rows are not as they should be.
///
/// # Errors
/// When a server does not answer a good query any more.
pub fn compare(peers: &Peers) -> Result<(String, Vec<String>)> {
    let mut table = String::new();
    let mut faults = Vec::new();
    let sockets = peers.servers.iter().map(|server| {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.connect(server.address)?;
        socket.set_read_timeout(Some(RETRY_AFTER))?;
        Ok(socket)
    });
    let sockets = sockets.collect::<Result<Vec<_>>>()?;
    for (id, Probe(what, message, alone)) in (1u16..).zip(probes()) {
        let packet = [&id.to_be_bytes()[..], &message].concat();
        let packet = &packet;
        let replies = std::thread::scope(|scope| {
            let asked: Vec<_> =
                sockets.iter().map(|socket| scope.spawn(move || over_udp(socket, id, packet))).collect();
            let replies = asked.into_iter().map(|thread| thread.join().expect("the thread does not panic"));
            replies.collect::<Result<Vec<String>>>()
        })
        .with_context(|| what.to_owned())?;
        judge(peers, what, &replies, alone, &mut table, &mut faults);
    }
    for (what, data) in [("keepalive on TCP", &[][..]), ("keepalive with a time on TCP", &[0, 5])] {
        let packet = [&[0, 0][..], &with(&option(KEEPALIVE, data))].concat();
        let replies = peers.servers.iter().map(|server| over_tcp(server.address, &packet));
        judge(peers, what, &replies.collect::<Result<Vec<_>>>()?, None, &mut table, &mut faults);
    }
    Ok((table, faults))
}

/// Adds a row to the table, and to the faults if Sextant is alone without a reason.
fn judge(
    peers: &Peers,
    what: &str,
    replies: &[String],
    alone: Option<&str>,
    table: &mut String,
    faults: &mut Vec<String>,
) {
    let (ours, theirs) = replies.split_last().expect("Sextant is one of them");
    // Groups of servers that say the same, ours first.
    let mut row = format!("  {what}: ");
    let mut said: Vec<&String> = Vec::new();
    for reply in std::iter::once(ours).chain(theirs) {
        if !said.contains(&reply) {
            let names = peers.servers.iter().zip(replies).filter(|(_, other)| *other == reply);
            let names: Vec<&str> = names.map(|(server, _)| server.name).collect();
            let comma = if said.is_empty() { "" } else { "; " };
            write!(row, "{comma}{reply} ({})", names.join(", ")).expect("a string takes what is written");
            said.push(reply);
        }
    }
    let is_alone = !theirs.contains(ours);
    if let Some(rule) = alone.filter(|_| is_alone) {
        write!(row, " [{rule}]").expect("a string takes what is written");
    } else if is_alone {
        faults.push(row.trim().to_owned());
    }
    table.push_str(&row);
    table.push('\n');
}

/// Sends the probe and a good query behind it: when that has its reply and the probe has none, there is none.
fn over_udp(socket: &UdpSocket, id: u16, packet: &[u8]) -> Result<String> {
    let good_id = id | 0x8000;
    let good = [&good_id.to_be_bytes()[..], &message(0, [1, 0, 0, 0], &[SOA_QUESTION])].concat();
    let mut buffer = [0; 4096];
    for _ in 0..TRIES {
        socket.send(packet)?;
        socket.send(&good)?;
        let mut is_alive = false;
        // A server with several threads may answer the second query first: the time-out says that nothing comes.
        while let Ok(length) = socket.recv(&mut buffer) {
            let came = buffer.first_chunk().map(|id| u16::from_be_bytes(*id));
            if came == Some(id) && length >= 4 {
                return summary(&buffer[..length]);
            }
            is_alive |= came == Some(good_id);
        }
        if is_alive {
            return Ok("no reply".to_owned());
        }
    }
    anyhow::bail!("no reply to a good query")
}

fn over_tcp(server: SocketAddr, packet: &[u8]) -> Result<String> {
    let mut stream = TcpStream::connect(server)?;
    stream.set_read_timeout(Some(RETRY_AFTER * 10))?;
    stream.write_all(&[&u16::try_from(packet.len())?.to_be_bytes(), packet].concat())?;
    let mut length = [0; 2];
    stream.read_exact(&mut length)?;
    let mut reply = vec![0; usize::from(u16::from_be_bytes(length))];
    stream.read_exact(&mut reply)?;
    summary(&reply)
}

/// The names of response codes, extended ones as well.
fn code_name(code: u16) -> String {
    const NAMES: [&str; 10] = [
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED", "YXDOMAIN", "YXRRSET", "NXRRSET",
        "NOTAUTH",
    ];
    match code {
        16 => "BADVERS".to_owned(),
        23 => "BADCOOKIE".to_owned(),
        _ => NAMES.get(usize::from(code)).map_or_else(|| code.to_string(), |name| (*name).to_owned()),
    }
}

/// What a reply says: its code, the flags but RD, how many questions come back if not one, whether there are answers,
/// and the options; the data of options that each server makes its own way is left out.
fn summary(reply: &[u8]) -> Result<String> {
    let word = |at: usize| reply.get(at..at + 2).map(|two| u16::from_be_bytes([two[0], two[1]]));
    let flags = word(2).context("a reply without flags")?;
    let counts: Vec<u16> = (0..4).map(|count| word(4 + 2 * count).unwrap_or(0)).collect();
    ensure!(flags & 0x8000 != 0, "a reply that is a query");
    let (edns, is_readable) = match crate::message::read_opt(reply) {
        Ok(edns) => (edns, true),
        // Some repeat what they could not read.
        Err(_) => (None, false),
    };
    let code = edns.as_ref().map_or(0, |edns| u16::from(edns.extended_code) << 4) | flags & 0xf;
    let mut words = vec![code_name(code)];
    let names = [(AA, "aa"), (TC, "tc"), (0x80, "ra"), (AD, "ad"), (CD, "cd"), (0x40, "z"), (0x100, "rd")];
    words.extend(names.iter().filter(|(flag, _)| flags & flag != 0).map(|(_, name)| (*name).to_owned()));
    words.extend((counts[0] != 1).then(|| format!("q{}", counts[0])));
    words.extend((!is_readable).then(|| "unreadable".to_owned()));
    words.extend((counts[1] != 0).then(|| "answer".to_owned()));
    if let Some(edns) = edns {
        ensure!(edns.version == 0, "a reply of version {}", edns.version);
        words.push(if edns.flags == 0 { "opt".to_owned() } else { format!("opt/{:04x}", edns.flags) });
        // Which of its reasons a server gives for a refusal is its own affair.
        let options = edns.options.iter().filter(|(code, _)| *code != 15);
        words.extend(options.map(|(code, data)| match code {
            8 => format!("subnet={}", data.iter().map(|octet| format!("{octet:02x}")).collect::<String>()),
            3 => "nsid".to_owned(),
            10 => format!("cookie({})", data.len()),
            11 => "keepalive".to_owned(),
            code => format!("option {code}"),
        }));
    }
    Ok(words.join(" "))
}
