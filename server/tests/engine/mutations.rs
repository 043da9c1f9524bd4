//! Millions of packets that are nearly good: no panic, no allocation, nothing gained.

use rand::rngs::SmallRng;
use rand::{Rng, SeedableRng};
use server::{Disposition, Peer, Transport};
use sextant_tests::{check_reply, hard_zones, is_well_formed, responder_for};

use super::counting::allocator_calls;
use super::support::*;

/// Debug builds take forty times as long.
const PACKETS: u32 = if cfg!(debug_assertions) { 150_000 } else { 10_000_000 };

/// One in so many replies is read by the independent codec, which allocates.
const CHECKED: u32 = 64;

/// Good queries of each kind, from which the packets are made.
fn seeds() -> Vec<Vec<u8>> {
    let cookie = |ask: Ask| ask.edns(1232).option(10, &[7; 8]);
    vec![
        ask("www.b.test", A).octets(),
        ask("main.test", MX).edns(4096).octets(),
        ask("x.y.a.wild.test", TXT).octets(),
        cookie(ask("c15-0.loop.test", A)).octets(),
        ask("x.chain.dname.test", A).edns(512).octets(),
        ask(&format!("{}.long.dname.test", "a".repeat(60)), A).octets(),
        ask("x.many.glue.test", A).subnet(&[192, 0, 2]).octets(),
        ask("main.test", ANY).edns(1232).octets(),
        ask("nope.r4.test", AAAA).octets(),
        ask("a.b.c.d.r7.test", 39).octets(),
        ask("two.svcb.test", 65).edns(1232).option(12, &[0; 40]).octets(),
        ask("25.2.0.192.in-addr.arpa", 12).flags(0x0100).octets(),
        ask("child.parent.test", DS).edns(1232).option(3, &[]).octets(),
        ask("a200.big.test", A).edns(4096).octets(),
        ask("main.test", SOA).flags(0x2800).octets(),
    ]
}

/// Changes a good query in a few places.
fn mutate(seeds: &[Vec<u8>], packet: &mut Vec<u8>, random: &mut SmallRng) {
    let mut word = random.next_u64();
    let mut draw = |below: usize| {
        let drawn = (word & 0xffff) as usize % below.max(1);
        word = word >> 16 | random.next_u64() << 48;
        drawn
    };
    packet.clear();
    packet.extend_from_slice(&seeds[draw(seeds.len())]);
    for _ in 0..draw(4) {
        let at = draw(packet.len());
        match draw(8) {
            0 => packet.truncate(at),
            1 => packet.insert(at, draw(256) as u8),
            2 => drop(packet.remove(at)),
            3 => packet[at] ^= 1 << draw(8),
            // The counts and flags, where a change matters most.
            4 => {
                let at = (2 + draw(10)).min(packet.len() - 1);
                packet[at] = draw(4) as u8;
            }
            5 => packet[at] = [0, 1, 0x3f, 0x40, 0x80, 0xc0, 0xff][draw(7)],
            // The end of another query, such as a second OPT record.
            6 => {
                let other = &seeds[draw(seeds.len())];
                packet.extend_from_slice(&other[draw(other.len())..]);
            }
            _ => packet[at] = draw(256) as u8,
        }
        if packet.len() < 4 {
            return;
        }
    }
}

#[test]
fn millions_of_mutated_packets_do_no_harm_and_allocate_nothing() {
    let mut responder = responder_for(&hard_zones(), 7);
    let seeds = seeds();
    let mut random = SmallRng::seed_from_u64(0x5e77);
    let mut out = vec![0; 65_535];
    let mut packet = Vec::with_capacity(4096);
    let (mut replies, mut calls, mut larger) = (0u32, 0, 0u32);
    for number in 0..PACKETS {
        mutate(&seeds, &mut packet, &mut random);
        let transport = if number % 4 == 0 { Transport::Tcp } else { Transport::Udp };
        let peer = Peer { address: CLIENT.parse().unwrap(), transport };
        let mut disposition = None;
        let calls_now = allocator_calls(|| disposition = Some(responder.answer(&packet, peer, &mut out)));
        // The first answer may set up what the process shares, such as hash keys.
        calls += if number == 0 { 0 } else { calls_now };
        let reply = match disposition {
            Some(Disposition::Reply(octets)) => Some(&out[..octets]),
            _ => None,
        };
        replies += u32::from(reply.is_some());
        let is_larger = reply.is_some_and(|reply| reply.len() > packet.len());
        larger += u32::from(is_larger);
        // Every reply that is larger than its packet must be to something that can be understood.
        if is_larger {
            assert!(is_well_formed(&packet), "a reply to garbage is larger: {packet:02x?}");
        }
        if number % CHECKED == 0 {
            check_reply(&packet, reply, transport);
        }
    }
    assert_eq!(calls, 0, "allocations in {PACKETS} packets");
    assert!(replies > PACKETS / 2 && larger > PACKETS / 10, "the packets are worth sending");
}
