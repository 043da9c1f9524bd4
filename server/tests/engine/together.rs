//! Queries that come together get what each gets alone.

use std::cell::Cell;
use std::io::Write;
use std::net::Shutdown;

use rand::rngs::SmallRng;
use rand::seq::IndexedRandom;
use rand::{RngExt, SeedableRng};
use server::limits::READ_AHEAD;
use server::{Disposition, Peer, Transport};

use super::kinds::{kinds, zones};
use super::streams::start;
use super::support::*;
use super::transports::{framed, is_closed, read_frame, tcp_client};

/// Queries of many kinds, and messages that are none.
fn messages() -> Vec<Vec<u8>> {
    let mut deepest = ask("www.example.com", A);
    deepest.name = [[1, b'a'].repeat(127), vec![0]].concat();
    let mut too_long = ask("www.example.com", A);
    too_long.name = [[1, b'a'].repeat(128), vec![0]].concat();
    let others = [
        ask("Child.Example.Com", DS),
        ask("example.com", DS),
        ask("EXAMPLE.com", SOA),
        ask(".", NS),
        ask("com", A),
        deepest,
        too_long,
        ask("www.example.com", A).flags(0x8000),
        ask("www.example.com", A).flags(0x2800),
    ];
    // A cookie is answered with the time.
    let kinds = kinds().into_iter().filter(|(kind, _)| !kind.contains("cookie")).map(|(_, ask)| ask);
    let mut messages: Vec<_> = kinds.chain(others).map(|ask| ask.octets()).collect();
    let whole = messages[0].clone();
    messages.extend([0, 1, 11, 12, 13, 20, whole.len() - 1].map(|length| whole[..length].to_vec()));
    messages
}

#[test]
fn a_query_among_others_gets_what_it_gets_alone() {
    let messages = messages();
    let mut random = SmallRng::seed_from_u64(5);
    // Draws of chains are the same, too.
    let (mut alone, mut together) = (zones().into_responder(), zones().into_responder());
    for round in 0..300 {
        let transport = if round % 2 == 0 { Transport::Udp } else { Transport::Tcp };
        let peer = Peer { address: CLIENT.parse().unwrap(), transport };
        let count = random.random_range(1..=2 * READ_AHEAD + 3);
        let group: Vec<&[u8]> =
            (0..count).map(|_| messages.choose(&mut random).unwrap().as_slice()).collect();
        let mut together = together.read_ahead(group.iter().copied());
        for (index, query) in group.iter().enumerate() {
            let (mut expected, mut got) = (vec![0; 65_535], vec![0; 65_535]);
            let disposition = alone.answer(query, peer, &mut expected);
            assert_eq!(together.answer(index, query, peer, &mut got), disposition, "{query:02x?}");
            if let Disposition::Reply(length) = disposition {
                assert_eq!(got[..length], expected[..length], "{query:02x?}");
            }
        }
    }
}

#[test]
fn of_many_queries_only_those_of_a_group_are_looked_at() {
    let mut responder = zones().into_responder();
    let query = ask("www.example.com", A).octets();
    let looks = Cell::new(0);
    let queries = std::iter::repeat_n(query.as_slice(), 10_000).inspect(|_| looks.set(looks.get() + 1));
    responder.read_ahead(queries);
    assert!(looks.get() <= 2 * READ_AHEAD, "{} looks", looks.get());
}

#[test]
fn thousands_of_queries_on_a_connection_are_answered_in_order() {
    let kinds = ["static", "NXDOMAIN", "no data", "large", "referral", "refused"];
    let asks: Vec<_> = self::kinds()
        .into_iter()
        .filter(|(kind, _)| kinds.contains(kind))
        .map(|(_, ask)| ask.tcp())
        .collect();
    let mut random = SmallRng::seed_from_u64(6);
    let mut responder = zones().into_responder();
    let (mut request, mut expected) = (Vec::new(), Vec::new());
    for _ in 0..3000 {
        let ask = asks.choose(&mut random).unwrap();
        request.extend(framed(&ask.octets()));
        expected.push(ask.raw(&mut responder));
    }
    let server = start(zones(), server::ServerConfig::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    let mut writer = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        writer.write_all(&request).unwrap();
        writer.shutdown(Shutdown::Write).unwrap();
    });
    for reply in expected {
        assert_eq!(read_frame(&mut stream).unwrap(), reply);
    }
    assert!(is_closed(&mut stream));
    writer.join().unwrap();
}

#[test]
fn queries_before_one_that_is_none_are_answered_wherever_it_comes() {
    let server = start(zones(), server::ServerConfig::default());
    let good = framed(&ask("www.example.com", A).octets());
    let response = framed(&ask("www.example.com", A).flags(0x8000).octets());
    for bad in [framed(&[]), framed(&[0; 11]), response] {
        for before in [0, 1, 31, 32, 33, 70] {
            let mut stream = tcp_client(server.local_addrs()[0]);
            stream.write_all(&[good.repeat(before), bad.clone(), good.repeat(3)].concat()).unwrap();
            for _ in 0..before {
                assert_eq!(read_frame(&mut stream).unwrap().len(), 49);
            }
            assert!(is_closed(&mut stream));
        }
    }
}
