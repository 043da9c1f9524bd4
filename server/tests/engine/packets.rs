//! Hand-made packets: what is answered how, and what is dropped.

use hickory_proto::op::Message;
use server::{Disposition, DropReason, Peer, Responder, Transport};

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    www.example.com A 192.0.2.1
";

fn send(responder: &mut Responder, packet: &[u8]) -> Result<Vec<u8>, DropReason> {
    let mut out = [0; 1232];
    let peer = Peer { address: CLIENT.parse().unwrap(), transport: Transport::Udp };
    match responder.answer(packet, peer, &mut out) {
        Disposition::Reply(length) => Ok(out[..length].to_vec()),
        Disposition::Drop(reason) => Err(reason),
    }
}

fn status(packet: &[u8]) -> String {
    let octets = send(&mut serving(EXAMPLE), packet).unwrap();
    Reply { message: Message::from_vec(&octets).unwrap(), octets }.status()
}

/// The packet with some octets replaced.
fn with(packet: &[u8], at: usize, octets: &[u8]) -> Vec<u8> {
    let mut packet = packet.to_vec();
    packet[at..at + octets.len()].copy_from_slice(octets);
    packet
}

#[test]
fn packets_that_are_no_queries_are_dropped() {
    let query = ask("www.example.com", A).octets();
    let mut responder = serving(EXAMPLE);
    for length in 0..12 {
        assert_eq!(send(&mut responder, &query[..length]), Err(DropReason::Short));
    }
    assert_eq!(send(&mut responder, &with(&query, 2, &[0x80])), Err(DropReason::Response));
    assert_eq!(send(&mut responder, &[0xff; 12]), Err(DropReason::Response));
}

#[test]
fn packets_cut_anywhere_are_format_errors_that_repeat_what_can_be_read() {
    let query = ask("www.example.com", A).subnet(&[192, 0, 2]).octets();
    let question_end = ask("www.example.com", A).octets().len();
    let mut responder = serving(EXAMPLE);
    for length in 12..query.len() {
        let reply = send(&mut responder, &query[..length]).unwrap();
        let (count, question) =
            if length < question_end { (0, &[][..]) } else { (1, &query[12..question_end]) };
        let header = [0xab, 0xcd, 0x80, 0x01, 0, count, 0, 0, 0, 0, 0, 0];
        assert_eq!(reply, [&header[..], question].concat(), "cut at {length}");
    }
}

#[test]
fn each_kind_of_packet_has_its_code() {
    let query = ask("www.example.com", A).octets();
    let question = &query[12..];
    let header = |flags: u16, counts: [u8; 4]| {
        let mut packet = vec![0xab, 0xcd];
        packet.extend(flags.to_be_bytes());
        packet.extend(counts.into_iter().flat_map(|count| [0, count]));
        packet
    };
    let a_record = [question, &[0, 0, 0, 9, 0, 4, 1, 2, 3, 4]].concat();
    let opt = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("a plain query", query.clone(), "NOERROR aa"),
        ("recursion desired", ask("www.example.com", A).flags(0x0100).octets(), "NOERROR aa rd"),
        ("checking disabled", ask("www.example.com", A).flags(0x0010).octets(), "NOERROR aa cd"),
        ("all other bits", ask("www.example.com", A).flags(0x06ef).octets(), "NOERROR aa"),
        ("no question", header(0, [0, 0, 0, 0]), "FORMERR"),
        (
            "two questions",
            [header(0, [2, 0, 0, 0]), question.to_vec(), question.to_vec()].concat(),
            "FORMERR",
        ),
        ("octets behind the question", [query.clone(), vec![0]].concat(), "FORMERR"),
        ("an inverse query", with(&query, 2, &[0x08]), "NOTIMP"),
        ("a status query", with(&query, 2, &[0x10]), "NOTIMP"),
        ("an unassigned opcode", with(&query, 2, &[0x78]), "NOTIMP"),
        ("a notification", with(&query, 2, &[0x24]), "REFUSED"),
        ("an update", with(&query, 2, &[0x28]), "REFUSED"),
        ("an update without a zone", header(0x2800, [0, 0, 0, 0]), "FORMERR"),
        ("a notification without a zone", header(0x2000, [0, 0, 0, 0]), "FORMERR"),
        ("an update that is cut", with(&query[..20], 2, &[0x28]), "FORMERR"),
        ("an unassigned opcode and nonsense", [header(0x7800, [5, 4, 3, 2]), vec![9]].concat(), "NOTIMP"),
        ("class CH", ask("version.bind", TXT).class(3).octets(), "REFUSED"),
        ("class NONE", ask("www.example.com", A).class(254).octets(), "REFUSED"),
        ("AXFR", ask("example.com", 252).octets(), "REFUSED"),
        ("IXFR", ask("example.com", 251).octets(), "REFUSED"),
        ("MAILB", ask("example.com", 253).octets(), "NOTIMP"),
        ("MAILA", ask("example.com", 254).octets(), "NOTIMP"),
        ("OPT as a type", ask("example.com", 41).octets(), "FORMERR"),
        ("TSIG as a type", ask("example.com", 250).octets(), "FORMERR"),
        ("an unknown type", ask("www.example.com", 4711).octets(), "NOERROR aa"),
        (
            "a record in the answer section",
            [header(0, [1, 1, 0, 0]), question.to_vec(), a_record.clone()].concat(),
            "NOERROR aa",
        ),
        (
            "OPT twice",
            [header(0, [1, 0, 0, 2]), question.to_vec(), opt.to_vec(), opt.to_vec()].concat(),
            "FORMERR",
        ),
        (
            "OPT in the authority section",
            [header(0, [1, 0, 1, 0]), question.to_vec(), opt.to_vec()].concat(),
            "FORMERR",
        ),
        ("a count without its record", [header(0, [1, 0, 0, 1]), question.to_vec()].concat(), "FORMERR"),
        (
            "a pointer in the question",
            [header(0, [1, 0, 0, 0]), vec![0xc0, 12, 0, 1, 0, 1]].concat(),
            "FORMERR",
        ),
        (
            "a reserved label type",
            [header(0, [1, 0, 0, 0]), vec![0x41, b'a', 0, 0, 1, 0, 1]].concat(),
            "FORMERR",
        ),
    ];
    for (what, packet, expected) in table {
        assert_eq!(status(&packet), expected, "{what}");
    }
}

#[test]
fn names_of_255_octets_are_read_and_longer_ones_are_not() {
    let longest =
        [&[63; 1][..], &[b'a'; 63], &[63], &[b'b'; 63], &[63], &[b'c'; 63], &[61], &[b'd'; 61], &[0]]
            .concat();
    assert_eq!(longest.len(), 255);
    let query = Ask { name: longest.clone(), ..ask("", A) };
    assert_eq!(status(&query.octets()), "REFUSED");
    let mut longer = longest;
    longer[192] = 62;
    longer.insert(193, b'd');
    assert_eq!(status(&Ask { name: longer, ..ask("", A) }.octets()), "FORMERR");
    let labels = [[1, b'a'].repeat(127), vec![0]].concat();
    assert_eq!(status(&Ask { name: labels, ..ask("", A) }.octets()), "REFUSED");
    let labels = [[1, b'a'].repeat(128), vec![0]].concat();
    assert_eq!(status(&Ask { name: labels, ..ask("", A) }.octets()), "FORMERR");
}
