//! The options of EDNS whose data is looked at, each against a reader of its own.

use std::cell::RefCell;
use std::sync::Arc;
use std::time::Duration;

use server::edns::client_subnet::ClientSubnet;
use server::edns::cookie::{Cookies, Demand, Secret};
use server::{Disposition, Peer, Policy, Responder, Transport};
use sextant_tests::{hard_zones, responder_for};

use crate::query;

const CLIENT_SUBNET: u16 = 8;
const COOKIE: u16 = 10;

const FORMERR: u16 = 1;
const BADCOOKIE: u16 = 23;

/// A policy with everything on.
pub(crate) fn policy(demand: Demand) -> Arc<Policy> {
    let cookies = Cookies { current: Secret::new([1; 16]), other: Some(Secret::new([2; 16])), demand };
    let text = || "fuzz".parse().expect("it is a short text");
    Arc::new(Policy {
        cookies: Some(cookies),
        nsid: Some("fuzz".parse().expect("it is a short text")),
        version: Some(text()),
        identity: Some(text()),
        ..Policy::default()
    })
}

thread_local! {
    /// Answers anyone, and only who has a cookie.
    static RESPONDERS: RefCell<[Responder; 2]> = RefCell::new([Demand::Nothing, Demand::ServerCookie].map(
        |demand| {
            responder_for(&hard_zones(), 7).with_policy(policy(demand)).with_idle_timeout(Duration::from_secs(10))
        },
    ));
}

/// The response code and the data of an option in the reply to a good query with this option.
fn ask(demand: Demand, code: u16, data: &[u8]) -> (u16, Option<Vec<u8>>) {
    let packet = query::with_options(&query::option(code, data));
    let mut out = vec![0; 1232];
    let peer = Peer { address: ([198, 51, 100, 7], 4242).into(), transport: Transport::Udp };
    let disposition =
        RESPONDERS.with_borrow_mut(|responders| responders[demand as usize].answer(&packet, peer, &mut out));
    let Disposition::Reply(octets) = disposition else { panic!("a query has a reply") };
    sextant_tests::check_reply(&packet, Some(&out[..octets]), Transport::Udp);
    sextant_tests::option_of(&out[..octets], code)
}

/// Any data as a client subnet: what RFC 7871, 6 and 7.1.2 allow is echoed with a scope, all else is malformed.
pub fn client_subnet(data: &[u8]) {
    let data = &data[..data.len().min(64)];
    let is_sound = is_sound_subnet(data).unwrap_or(false);
    let parsed = ClientSubnet::parse(data);
    assert_eq!(parsed.is_ok(), is_sound);
    if let Ok(subnet) = parsed {
        assert_eq!(&subnet.reply_data(0)[..subnet.octets()], data, "the echo is what came");
    }
    let (code, echo) = ask(Demand::Nothing, CLIENT_SUBNET, data);
    assert_eq!(code == FORMERR, !is_sound);
    if is_sound {
        let mut echo = echo.expect("a client subnet is echoed");
        assert!(echo[3] <= if data[1] == 2 { 128 } else { 32 });
        echo[3] = 0;
        assert_eq!(echo, data, "all but the scope is repeated");
    }
}

/// The rules once more, bit by bit. Family 0 says that there is no client, as `dig +subnet=0` does.
fn is_sound_subnet(data: &[u8]) -> Option<bool> {
    let [high, family, source, scope, address @ ..] = data else { return None };
    let longest = match (high, family) {
        (0, 0) => 0,
        (0, 1) => 32,
        (0, 2) => 128,
        _ => return None,
    };
    let bits = usize::from(*source);
    let is_set = |bit: usize| address[bit / 8] & (0x80 >> (bit % 8)) != 0;
    let has_length = address.len() == bits.div_ceil(8);
    Some(bits <= longest && *scope == 0 && has_length && !(bits..address.len() * 8).any(is_set))
}

/// Any data as cookies: eight octets, with 8 to 32 more or without (RFC 7873, 4). The reply has a server cookie which
/// a server that demands one takes, and it takes no other.
pub fn cookie(data: &[u8]) {
    let data = &data[..data.len().min(64)];
    let is_sound = matches!(data.len(), 8 | 16..=40);
    let (code, ours) = ask(Demand::Nothing, COOKIE, data);
    assert_eq!(code == FORMERR, !is_sound);
    if !is_sound {
        return;
    }
    let ours = ours.expect("a cookie gets a cookie");
    assert_eq!((ours.len(), &ours[..8]), (24, &data[..8]), "the client's part is repeated");
    let (code, again) = ask(Demand::ServerCookie, COOKIE, data);
    assert_eq!(again.map(|cookie| cookie.len()), Some(24));
    assert!(code == BADCOOKIE || data.len() == 24, "a server cookie that is not ours");
    assert_ne!(ask(Demand::ServerCookie, COOKIE, &ours).0, BADCOOKIE, "what we made is taken");
}
