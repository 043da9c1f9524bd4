//! EDNS.

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    www.example.com A 192.0.2.1
";

fn reply(ask: &Ask) -> Reply {
    ask.of(&mut serving(EXAMPLE))
}

#[test]
fn a_reply_has_edns_when_the_query_has() {
    assert!(reply(&ask("www.example.com", A)).message.edns.is_none());
    let with = reply(&ask("www.example.com", A).edns(4096));
    assert_eq!(with.message.edns.as_ref().unwrap().max_payload(), 1232);
    assert_eq!(with.opt().unwrap(), ([0, 0, 0, 0], Vec::new()));
    for other in [ask("nope.example.com", A), ask("example.org", A), ask("example.com", 252)] {
        assert!(reply(&other.edns(512)).message.edns.is_some());
    }
}

#[test]
fn dnssec_ok_is_copied() {
    let asked = Ask { dnssec_ok: true, ..ask("www.example.com", A).edns(1232) };
    assert_eq!(reply(&asked).opt().unwrap().0, [0, 0, 0x80, 0]);
}

#[test]
fn a_later_version_is_bad() {
    let mut packet = ask("www.example.com", A).edns(1232).octets();
    let version_at = packet.len() - 5;
    packet[version_at] = 1;
    let mut out = [0; 512];
    let peer = server::Peer { address: CLIENT.parse().unwrap(), transport: server::Transport::Udp };
    let server::Disposition::Reply(length) = serving(EXAMPLE).answer(&packet, peer, &mut out) else {
        panic!("dropped");
    };
    let message = hickory_proto::op::Message::from_vec(&out[..length]).unwrap();
    let reply = Reply { message, octets: out[..length].to_vec() };
    assert_reply(&reply, &["BADVERS"]);
    assert_eq!(reply.opt().unwrap().0, [1, 0, 0, 0]);
}

#[test]
fn unknown_options_are_ignored() {
    let asked = ask("www.example.com", A).option(10, &[1; 8]).option(65001, b"x");
    let reply = reply(&asked);
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 1));
    assert!(reply.opt().unwrap().1.is_empty());
}

#[test]
fn a_subnet_is_echoed_with_scope_zero_where_no_chain_looked() {
    let asked = ask("www.example.com", A).subnet(&[192, 0, 2]);
    assert_eq!(reply(&asked).subnet().unwrap(), [0, 1, 24, 0, 192, 0, 2]);
    let asked = ask("nope.example.com", A).option(8, &[0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 1]);
    assert_eq!(reply(&asked).subnet().unwrap(), [0, 2, 56, 0, 0x20, 1, 0xd, 0xb8, 0, 0, 1]);
    let asked = ask("example.com", 252).subnet(&[192]);
    assert_eq!(reply(&asked).subnet().unwrap(), [0, 1, 8, 0, 192], "also when refused");
}

#[test]
fn options_that_do_not_add_up_are_a_format_error() {
    let mut packet = ask("www.example.com", A).option(10, &[1; 8]);
    if let Some((_, options)) = &mut packet.edns {
        options.truncate(10);
    }
    let reply = reply(&packet);
    assert_reply(&reply, &["FORMERR"]);
    assert!(reply.message.edns.is_some());
}

#[test]
fn a_malformed_subnet_is_a_format_error() {
    for data in [&[][..], &[0, 1, 24, 0, 192, 0], &[0, 1, 24, 8, 192, 0, 2], &[0, 9, 0, 0]] {
        let reply = reply(&ask("www.example.com", A).option(8, data));
        assert_reply(&reply, &["FORMERR"]);
        assert!(reply.message.edns.is_some() && reply.subnet().is_none(), "{data:?}");
    }
}

#[test]
fn a_subnet_of_no_family_is_echoed() {
    // This is how dig +subnet=0 asks, which the independent codec cannot read.
    let reply = ask("www.example.com", A).option(8, &[0; 4]).raw(&mut serving(EXAMPLE));
    assert_eq!((reply[3], &reply[reply.len() - 10..]), (0, &[0, 8, 0, 8, 0, 4, 0, 0, 0, 0][..]));
}
