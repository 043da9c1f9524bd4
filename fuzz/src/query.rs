//! Packets, as transports hand them over.

use std::cell::RefCell;
use std::time::Duration;

use server::edns::cookie::Demand;
use server::{Disposition, Peer, Responder, Transport};
use sextant_tests::{hard_zones, responder_for};

use crate::edns::policy;

thread_local! {
    static RESPONDER: RefCell<Responder> = RefCell::new(
        responder_for(&hard_zones(), 7)
            .with_policy(policy(Demand::Nothing))
            .with_idle_timeout(Duration::from_secs(10)),
    );
}

/// Any octets: no panic, and a reply that can be read and is worth its size; as long as the one to a query that came
/// with others.
pub fn message(packet: &[u8]) {
    for transport in [Transport::Udp, Transport::Tcp] {
        let mut out = vec![0; 65_535];
        let peer = Peer { address: ([198, 51, 100, 7], 4242).into(), transport };
        let disposition = RESPONDER.with_borrow_mut(|responder| {
            let alone = responder.answer(packet, peer, &mut out);
            let mut together = responder.read_ahead([packet, &[], packet].into_iter());
            assert_eq!(together.answer(2, packet, peer, &mut out), alone);
            alone
        });
        let reply = match disposition {
            Disposition::Reply(octets) => Some(&out[..octets]),
            Disposition::Drop(_) => None,
        };
        sextant_tests::check_reply(packet, reply, transport);
    }
}

/// The codes of options that mean something to a server.
const OPTION_CODES: [u16; 10] = [3, 8, 9, 10, 11, 12, 13, 14, 15, 65_001];

/// A good query with options of any content. The input is a list of options: code, length, data.
pub fn edns_options(data: &[u8]) {
    let mut options = Vec::new();
    let mut rest = data;
    while let [code, length, behind @ ..] = rest {
        let code = OPTION_CODES[usize::from(*code) % OPTION_CODES.len()];
        let (value, behind) = behind.split_at(usize::from(*length).min(behind.len()));
        options.extend(option(code, value));
        rest = behind;
    }
    options.truncate(usize::from(u16::MAX));
    message(&with_options(&options));
}

/// An option as it stands in a message.
pub(crate) fn option(code: u16, data: &[u8]) -> Vec<u8> {
    let [c0, c1] = code.to_be_bytes();
    let [l0, l1] = (data.len() as u16).to_be_bytes();
    [&[c0, c1, l0, l1][..], data].concat()
}

/// A good query with these options.
pub(crate) fn with_options(options: &[u8]) -> Vec<u8> {
    let mut packet = b"\xab\xcd\x01\0\0\x01\0\0\0\0\0\x01\x03www\x04main\x04test\0\0\x01\0\x01".to_vec();
    packet.extend(b"\0\0\x29\x04\xd0\0\0\0\0");
    packet.extend((options.len() as u16).to_be_bytes());
    packet.extend(options);
    packet
}
