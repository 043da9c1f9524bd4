//! Whatever the octets: no panic, and nothing gained by sending nonsense.

use std::cell::RefCell;

use proptest::prelude::*;
use server::{Disposition, Peer, Responder, Transport};

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    example.com NS ns1.example.com
    ns1.example.com A 192.0.2.53
    www.example.com A 192.0.2.1
    alias.example.com CNAME www.example.com
    tree.example.com DNAME www.example.com
    *.wild.example.com MX 10 www.example.com
    child.example.com NS ns.child.example.com
    ns.child.example.com A 192.0.2.61
    loop.example.com CNAME loop.example.com
";

fn seeds() -> Vec<Vec<u8>> {
    vec![
        ask("www.example.com", A).octets(),
        ask("www.example.com", A).subnet(&[192, 0, 2]).octets(),
        ask("alias.example.com", A).edns(1232).octets(),
        ask("x.tree.example.com", A).edns(512).option(10, &[7; 8]).octets(),
        ask("x.wild.example.com", MX).edns(4096).octets(),
        ask("a.child.example.com", A).octets(),
        ask("loop.example.com", ANY).octets(),
    ]
}

/// Sends octets over both transports, and checks what holds for all of them.
fn send(responder: &RefCell<Responder>, packet: &[u8]) -> Result<(), TestCaseError> {
    for transport in [Transport::Udp, Transport::Tcp] {
        let (mut out, mut other_out) = ([0; 2048], [0; 2048]);
        let peer = Peer { address: CLIENT.parse().unwrap(), transport };
        let alone = responder.borrow_mut().answer(packet, peer, &mut out);
        let mut responder = responder.borrow_mut();
        let mut together = responder.read_ahead([packet, &[], packet].into_iter());
        for index in [0, 2, 31, usize::MAX] {
            prop_assert_eq!(alone, together.answer(index, packet, peer, &mut other_out));
            prop_assert!(
                out == other_out,
                "a query that came with others is answered as one that came alone"
            );
        }
        let Disposition::Reply(length) = alone else { continue };
        prop_assert!(packet.len() >= 12 && length >= 12);
        prop_assert_eq!(&out[..2], &packet[..2], "the identifier is repeated");
        prop_assert!(out[2] & 0x80 != 0, "it is a reply");
        prop_assert!(transport == Transport::Tcp || length <= 1232);
        let reasons = match out[3] & 0xf {
            0 | 3 | 6 => usize::MAX,
            // A query that is refused was understood; an extended error says why.
            5 => 6,
            _ => 0,
        };
        prop_assert!(length <= packet.len().saturating_add(reasons), "a reply to garbage is larger than it");
        prop_assert!(hickory_proto::op::Message::from_vec(&out[..length]).is_ok());
    }
    Ok(())
}

#[test]
fn no_octets_do_harm() {
    let responder = RefCell::new(serving(EXAMPLE));
    proptest!(ProptestConfig::with_cases(2000), |(packet in prop::collection::vec(any::<u8>(), 0..600))| {
        send(&responder, &packet)?;
    });
}

#[test]
fn no_mutation_of_a_good_query_does_harm() {
    let responder = RefCell::new(serving(EXAMPLE));
    let seeds = seeds();
    let edit = (any::<prop::sample::Index>(), any::<u8>(), 0..3u8);
    let strategy = (0..seeds.len(), prop::collection::vec(edit, 1..6));
    proptest!(ProptestConfig::with_cases(4000), |((seed, edits) in strategy)| {
        let mut packet = seeds[seed].clone();
        for (index, octet, kind) in edits {
            match kind {
                0 if !packet.is_empty() => { let at = index.index(packet.len()); packet[at] = octet; }
                1 => packet.insert(index.index(packet.len() + 1), octet),
                _ => packet.truncate(index.index(packet.len() + 1)),
            }
        }
        send(&responder, &packet)?;
    });
}

#[test]
fn every_octet_of_a_good_query_may_be_anything() {
    let responder = RefCell::new(serving(EXAMPLE));
    for packet in seeds() {
        for at in 0..packet.len() {
            for octet in [0, 1, 0x3f, 0x40, 0x7f, 0x80, 0xc0, 0xff] {
                let mut packet = packet.clone();
                packet[at] = octet;
                send(&responder, &packet).unwrap();
            }
        }
    }
}
