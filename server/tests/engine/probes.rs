//! Probes of EDNS, opcodes and signatures in one table: what each gets, to the last octet of its options.
//!
//! Where NSD, Knot and BIND agree, so do we. Where they do not, the comment says what decides.

use std::sync::Arc;
use std::time::Duration;

use server::edns::cookie::{Cookies, Demand, Secret};
use server::{Policy, Responder};

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    www.example.com A 192.0.2.1
";
const OPT: [u8; 11] = [0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0];

/// A responder with everything on.
fn responder() -> Responder {
    let cookies = Cookies { current: Secret::new([1; 16]), other: None, demand: Demand::Nothing };
    let policy = Policy {
        cookies: Some(cookies),
        nsid: Some("n".parse().unwrap()),
        identity: Some("i".parse().unwrap()),
        ..Policy::default()
    };
    serving(EXAMPLE).with_policy(Arc::new(policy)).with_idle_timeout(Duration::from_secs(10))
}

/// A header with counts, the question for www.example.com A unless there are none, and more.
fn packet(flags: u16, counts: [u8; 4], more: &[&[u8]]) -> Vec<u8> {
    let mut packet = vec![0xab, 0xcd];
    packet.extend(flags.to_be_bytes());
    packet.extend(counts.into_iter().flat_map(|count| [0, count]));
    for _ in 0..counts[0] {
        packet.extend(&ask("www.example.com", A).octets()[12..]);
    }
    packet.extend(more.iter().copied().flatten());
    packet
}

/// An OPT record with version, flags and options.
fn opt(version: u8, flags: u16, options: &[u8]) -> Vec<u8> {
    let mut record = vec![0, 0, 41, 4, 208, 0, version];
    record.extend(flags.to_be_bytes());
    record.extend((options.len() as u16).to_be_bytes());
    record.extend(options);
    record
}

/// Response code, flags, the count of questions, the answer records, and the OPT record: `opt` with the flags
/// that are set and each option as its code and length, or its data when that is short.
fn summary(reply: &Reply) -> String {
    let mut words = vec![reply.status(), format!("q{}", reply.octets[5])];
    words.extend((!reply.answer().is_empty()).then(|| format!("an{}", reply.answer().len())));
    if let Some(([_, version, high, low], _)) = reply.opt() {
        assert_eq!(version, 0);
        let flags = u16::from_be_bytes([high, low]);
        words.push(if flags == 0 { "opt".into() } else { format!("opt/{flags:04x}") });
        words.extend(reply.options().iter().map(|(code, data)| match data.len() {
            0..8 => format!("{code}={}", data.iter().map(|octet| format!("{octet:02x}")).collect::<String>()),
            length => format!("{code}({length})"),
        }));
    }
    words.join(" ")
}

#[test]
fn every_probe_of_edns_gets_what_the_rfcs_say() {
    let option = |code: u8, data: &[u8]| [&[0, code, 0, data.len() as u8][..], data].concat();
    let edns =
        |version: u8, flags: u16, options: &[u8]| packet(0, [1, 0, 0, 1], &[&opt(version, flags, options)]);
    let with = |options: &[u8]| edns(0, 0, options);
    let a_record = [0, 0, 1, 0, 1, 0, 0, 0, 9, 0, 4, 1, 2, 3, 4];
    let own_name = [&[1, b'a'][..], &OPT].concat();
    let mut small = with(&[]);
    let payload_at = small.len() - 8;
    small[payload_at..payload_at + 2].copy_from_slice(&[0, 0]);
    let table: Vec<(&str, Vec<u8>, &str)> = vec![
        ("nothing", with(&[]), "NOERROR aa q1 an1 opt"),
        ("DO", edns(0, 0x8000, &[]), "NOERROR aa q1 an1 opt/8000"),
        ("unknown flags", edns(0, 0x7fff, &[]), "NOERROR aa q1 an1 opt"),
        ("a payload of 0", small, "NOERROR aa q1 an1 opt"),
        ("version 1", edns(1, 0x8000, &[]), "BADVERS q1 opt/8000"),
        // NSD agrees. What options of version 1 look like is not for version 0 to say.
        ("version 1, nonsense", edns(1, 0, &[0, 8, 1]), "BADVERS q1 opt"),
        ("version 1, cookie", edns(1, 0, &option(10, &[1; 8])), "BADVERS q1 opt"),
        // Knot and BIND agree (RFC 6891, 6.1.3).
        ("version 1, opcode 2", packet(0x1000, [1, 0, 0, 1], &[&opt(1, 0, &[])]), "BADVERS q1 opt"),
        ("an unknown option", with(&option(200, b"xyz")), "NOERROR aa q1 an1 opt"),
        ("an option in a query that is for replies", with(&option(15, &[0, 1])), "NOERROR aa q1 an1 opt"),
        ("padding", with(&option(12, &[0; 20])), "NOERROR aa q1 an1 opt"),
        // All leave the OPT record out or the question; with it the client sees that we have EDNS.
        ("an option past the end", with(&[0, 9, 0, 5, 1]), "FORMERR q1 opt"),
        ("three octets", with(&[0, 9, 0]), "FORMERR q1 opt"),
        ("OPT twice", packet(0, [1, 0, 0, 2], &[&OPT, &OPT]), "FORMERR q1"),
        // NSD and BIND agree.
        ("OPT with a name", packet(0, [1, 0, 0, 1], &[&own_name]), "FORMERR q1"),
        ("OPT as an answer", packet(0, [1, 1, 0, 0], &[&OPT]), "FORMERR q1"),
        ("OPT as an authority", packet(0, [1, 0, 1, 0], &[&OPT]), "FORMERR q1"),
        // Knot and BIND agree.
        ("OPT before another", packet(0, [1, 0, 0, 2], &[&OPT, &a_record]), "NOERROR aa q1 an1 opt"),
        // Knot agrees; NSD and BIND overlook them.
        ("octets behind the last", packet(0, [1, 0, 0, 1], &[&OPT, &[0]]), "FORMERR q1"),
        ("NSID", with(&option(3, &[])), "NOERROR aa q1 an1 opt 3=6e"),
        ("NSID twice", with(&option(3, b"x").repeat(2)), "NOERROR aa q1 an1 opt 3=6e"),
        ("cookie", with(&option(10, &[1; 8])), "NOERROR aa q1 an1 opt 10(24)"),
        ("cookies of others", with(&option(10, &[1; 40])), "NOERROR aa q1 an1 opt 10(24)"),
        ("cookie twice", with(&option(10, &[1; 8]).repeat(2)), "NOERROR aa q1 an1 opt 10(24)"),
        ("cookie of 7", with(&option(10, &[1; 7])), "FORMERR q1 opt"),
        ("cookie of 15", with(&option(10, &[1; 15])), "FORMERR q1 opt"),
        ("cookie of 41", with(&option(10, &[1; 41])), "FORMERR q1 opt"),
        ("cookie, NSID", with(&[option(10, &[1; 7]), option(3, &[])].concat()), "FORMERR q1 opt"),
        ("subnet", with(&option(8, &[0, 1, 24, 0, 192, 0, 2])), "NOERROR aa q1 an1 opt 8=00011800c00002"),
        ("subnet of all", with(&option(8, &[0, 1, 0, 0])), "NOERROR aa q1 an1 opt 8=00010000"),
        ("subnet of family 3", with(&option(8, &[0, 3, 0, 0])), "FORMERR q1 opt"),
        ("subnet too short", with(&option(8, &[0, 1, 24, 0, 192, 0])), "FORMERR q1 opt"),
        // BIND agrees (RFC 7871, 6 and 7.1.2).
        ("subnet too long", with(&option(8, &[0, 1, 24, 0, 192, 0, 2, 0])), "FORMERR q1 opt"),
        ("subnet with a scope", with(&option(8, &[0, 1, 24, 1, 192, 0, 2])), "FORMERR q1 opt"),
        ("subnet with bits behind", with(&option(8, &[0, 1, 20, 0, 192, 0, 2])), "FORMERR q1 opt"),
        ("subnet of 33 bits", with(&option(8, &[0, 1, 33, 0, 192, 0, 2, 0, 0])), "FORMERR q1 opt"),
        ("subnet, nothing", with(&option(8, &[])), "FORMERR q1 opt"),
        ("keepalive in a datagram", with(&option(11, &[])), "NOERROR aa q1 an1 opt"),
        // BIND agrees (RFC 6891, 6.1.1).
        ("opcode 15", packet(0x7800, [1, 0, 0, 1], &[&OPT]), "NOTIMP q1 opt"),
        ("opcode 15 and nonsense", packet(0x7800, [0, 0, 0, 9], &[&OPT]), "NOTIMP q0"),
        ("opcode 6", packet(0x3000, [0, 0, 0, 0], &[]), "NOTIMP q0"),
        ("notify", packet(0x2000, [1, 0, 0, 1], &[&OPT]), "REFUSED q1 opt 15=0015"),
        ("update", packet(0x2800, [1, 0, 0, 1], &[&OPT]), "REFUSED q1 opt 15=0015"),
        ("notify of nothing", packet(0x2000, [0, 0, 0, 1], &[&OPT]), "FORMERR q0 opt"),
        ("no question", packet(0, [0, 0, 0, 1], &[&OPT]), "FORMERR q0 opt"),
        (
            "no question, cookie",
            packet(0, [0, 0, 0, 1], &[&opt(0, 0, &option(10, &[1; 8]))]),
            "NOERROR q0 opt 10(24)",
        ),
        ("two questions", packet(0, [2, 0, 0, 1], &[&OPT]), "FORMERR q0"),
    ];
    for (what, packet, expected) in table {
        assert_eq!(summary(&raw_reply(&mut responder(), &packet)), expected, "{what}");
    }
}

#[test]
fn a_refusal_says_why_to_clients_with_edns() {
    let table = [
        (ask("example.org", A), "REFUSED q1 opt 15=0014"),
        (ask("example.com", 252), "REFUSED q1 opt 15=0015"),
        (ask("example.com", 251), "REFUSED q1 opt 15=0015"),
        (ask("www.example.com", A).class(4), "REFUSED q1 opt 15=0015"),
        (ask("version.bind", TXT).class(3), "REFUSED q1 opt 15=0015"),
        (ask("id.server", TXT).class(3), "NOERROR q1 an1 opt"),
        (ask("nope.example.com", A), "NXDOMAIN aa q1 opt"),
        (ask("www.example.com", TXT), "NOERROR aa q1 opt"),
        (ask("example.com", 254), "NOTIMP q1 opt"),
        (ask("example.com", 250), "FORMERR q1 opt"),
    ];
    for (asked, expected) in table {
        assert_eq!(summary(&asked.clone().edns(512).of(&mut responder())), expected);
        let without = expected.split(" opt").next().unwrap();
        assert_eq!(summary(&asked.of(&mut responder())), without, "without EDNS");
    }
}

#[test]
fn all_options_together_fit_the_smallest_reply() {
    let name =
        [[&[63][..], &[b'a'; 63]].concat().repeat(3), [&[61][..], &[b'b'; 61], &[0]].concat()].concat();
    let asked = Ask { name, ..ask("", A) };
    let asked = asked
        .edns(0)
        .option(3, &[])
        .option(10, &[1; 8])
        .option(11, &[])
        .option(8, &[&[0, 2, 128, 0][..], &[1; 16]].concat());
    let policy = Policy {
        cookies: Some(Cookies { current: Secret::new([1; 16]), other: None, demand: Demand::Nothing }),
        nsid: Some("n".repeat(128).parse().unwrap()),
        ..Policy::default()
    };
    let responder = serving(EXAMPLE).with_policy(Arc::new(policy));
    let reply = asked.tcp().of(&mut responder.with_idle_timeout(Duration::from_secs(10)));
    let codes: Vec<u16> = reply.options().iter().map(|(code, _)| *code).collect();
    assert_eq!((reply.status().as_str(), codes), ("REFUSED", vec![8, 10, 3, 11, 15]));
    assert!(reply.octets.len() <= 512, "{}", reply.octets.len());
}

#[test]
fn a_connection_tells_how_long_it_may_be_idle_when_asked() {
    let asked = ask("www.example.com", A);
    let keepalive = |asked: Ask| asked.of(&mut responder()).option(11);
    assert_eq!(keepalive(asked.clone().option(11, &[]).tcp()), Some(vec![0, 100]));
    assert_eq!(keepalive(asked.clone().option(11, &[0, 5]).tcp()), Some(vec![0, 100]), "as BIND does");
    assert_eq!(keepalive(asked.clone().edns(1232).tcp()), None);
    assert_eq!(keepalive(asked.clone().option(11, &[])), None, "not in a datagram");
    let without_timeout = asked.option(11, &[]).tcp().of(&mut serving(EXAMPLE));
    assert_eq!(without_timeout.option(11), None);
}

/// A TSIG record with a key name.
fn tsig(key: &[u8], class: u8) -> Vec<u8> {
    let rdata =
        [&b"\x0bhmac-sha256\0\0\0\x65\x53\xf1\0\x01\x2c\0\x20"[..], &[7; 32], b"\xab\xcd\0\0\0\0"].concat();
    [key, &[0, 250, 0, class, 0, 0, 0, 0, 0, rdata.len() as u8], &rdata].concat()
}

#[test]
fn a_signed_query_is_told_that_its_key_is_unknown() {
    let bad_key = |key: &[u8]| {
        let rdata = b"\x0bhmac-sha256\0\0\0\x65\x53\xf1\0\x01\x2c\0\0\xab\xcd\0\x11\0\0";
        [key, &[0, 250, 0, 255, 0, 0, 0, 0, 0, rdata.len() as u8], rdata].concat()
    };
    let own = b"\x03key\x07example\0";
    let pointer = [0xc0, 12];
    for key in [&own[..], &pointer] {
        for (flags, what) in [(0u16, "query"), (0x2000, "notify"), (0x2800, "update")] {
            let query = packet(flags, [1, 0, 0, 2], &[&OPT, &tsig(key, 255)]);
            let reply = raw_reply(&mut responder(), &query);
            let mut expected = packet(0x8009 | flags, [1, 0, 0, 2], &[&OPT, &bad_key(key)]);
            // The code needs no more than four bits.
            expected[3] = 9;
            assert_eq!(reply.octets, expected, "{what}");
        }
    }
    let table = [
        ("not the last", vec![tsig(own, 255), OPT.to_vec()], 2),
        ("twice", vec![tsig(own, 255), tsig(own, 255)], 2),
        ("of class IN", vec![tsig(own, 1)], 1),
        ("cut", vec![tsig(own, 255)[..40].to_vec()], 1),
        ("named by a pointer to itself", vec![tsig(&[0xc0, 33], 255)], 1),
    ];
    for (what, records, count) in table {
        let query = packet(0, [1, 0, 0, count], &[&records.concat()]);
        assert_eq!(summary(&raw_reply(&mut responder(), &query)), "FORMERR q1", "{what}");
    }
}

#[test]
fn a_key_with_a_name_too_long_for_the_reply_gets_the_code_alone() {
    let label = [&[63][..], &[b'k'; 63]].concat();
    let long = [label.repeat(3), [&[61][..], &[b'k'; 61], &[0]].concat()].concat();
    let mut query = Ask { name: long.clone(), ..ask("", A) }.octets();
    query[11] = 1;
    query.extend(tsig(&long, 255));
    let mut out = [0; 512];
    let peer = server::Peer { address: CLIENT.parse().unwrap(), transport: server::Transport::Udp };
    let server::Disposition::Reply(length) = responder().answer(&query, peer, &mut out) else {
        panic!("dropped");
    };
    assert_eq!((out[3], &out[4..12]), (9, &[0, 1, 0, 0, 0, 0, 0, 0][..]));
    assert_eq!(length, 12 + 255 + 4);
}
