//! What the server says about itself: class CH and NSID.

use std::sync::Arc;

use server::{Policy, Responder};

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    www.example.com A 192.0.2.1
";
const CH: u16 = 3;
const NSID: u16 = 3;

fn talkative() -> Responder {
    serving(EXAMPLE).with_policy(Arc::new(Policy {
        nsid: Some("fra-1".parse().unwrap()),
        version: Some("Sextant".parse().unwrap()),
        identity: Some("ns1 in Frankfurt".parse().unwrap()),
        ..Policy::default()
    }))
}

#[test]
fn the_names_of_class_ch_have_the_texts_of_the_operator() {
    let table = [
        ("version.bind", "version.bind. 0 TXT Sextant"),
        ("Version.Server", "Version.Server. 0 TXT Sextant"),
        ("id.server", "id.server. 0 TXT ns1 in Frankfurt"),
        ("hostname.bind", "hostname.bind. 0 TXT ns1 in Frankfurt"),
    ];
    for (name, expected) in table {
        for rtype in [TXT, ANY] {
            let reply = ask(name, rtype).class(CH).flags(0x0100).of(&mut talkative());
            assert_reply(&reply, &["NOERROR rd", &format!("an {expected}")]);
            assert_eq!(u16::from(reply.message.answers[0].dns_class), CH);
        }
    }
}

#[test]
fn other_names_types_and_classes_are_refused() {
    for asked in [
        ask("other.bind", TXT).class(CH),
        ask("bind", TXT).class(CH),
        ask("a.version.bind", TXT).class(CH),
        ask("www.example.com", A).class(CH),
        ask("version.bind", A).class(CH),
        ask("version.bind", TXT),
        ask("version.bind", TXT).class(4),
    ] {
        assert_reply(&asked.of(&mut talkative()), &["REFUSED"]);
    }
}

#[test]
fn a_server_says_nothing_of_itself_unless_told_to() {
    for name in ["version.bind", "version.server", "id.server", "hostname.bind"] {
        assert_reply(&ask(name, TXT).class(CH).of(&mut serving(EXAMPLE)), &["REFUSED"]);
    }
    let reply = ask("www.example.com", A).option(NSID, &[]).of(&mut serving(EXAMPLE));
    assert!(reply.options().is_empty());
}

#[test]
fn a_text_of_255_octets_fits_every_client() {
    let policy = Policy { version: Some("v".repeat(255).parse().unwrap()), ..Policy::default() };
    let mut responder = serving(EXAMPLE).with_policy(Arc::new(policy));
    let reply = ask("version.server", TXT).class(CH).edns(0).option(65001, &[0; 100]).of(&mut responder);
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR", 1));
}

#[test]
fn an_identifier_is_sent_to_those_who_ask_for_it() {
    let nsid = |asked: Ask| asked.of(&mut talkative()).option(NSID);
    assert_eq!(nsid(ask("www.example.com", A).edns(1232)), None);
    let identifier = Some(b"fra-1".to_vec());
    assert_eq!(nsid(ask("www.example.com", A).option(NSID, &[])), identifier);
    assert_eq!(nsid(ask("www.example.com", A).option(NSID, b"ignored")), identifier);
    assert_eq!(nsid(ask("nope.example.com", A).option(NSID, &[])), identifier);
    assert_eq!(nsid(ask("example.org", A).option(NSID, &[])), identifier, "also when refused");
    let twice = ask("www.example.com", A).option(NSID, &[]).option(NSID, &[]).of(&mut talkative());
    assert_eq!(twice.options().len(), 1);
}

#[test]
fn the_identifier_has_its_place_in_the_fullest_reply() {
    let mut text = String::from("zone example.com\n");
    for index in 0..100 {
        text += &format!("many.example.com A 192.0.2.{index}\n");
    }
    let policy = Policy { nsid: Some("n".repeat(128).parse().unwrap()), ..Policy::default() };
    let mut responder = serving(&text).with_policy(Arc::new(policy));
    for payload in [512, 700, 1232] {
        let asked = ask("many.example.com", A).edns(payload).option(NSID, &[]).subnet(&[192, 0, 2]);
        let reply = asked.of(&mut responder);
        assert_eq!(reply.status(), "NOERROR aa tc");
        assert!(reply.octets.len() <= usize::from(payload));
        assert_eq!(reply.option(NSID).unwrap().len(), 128);
        assert!(reply.subnet().is_some());
    }
}

#[test]
fn a_query_of_an_unknown_opcode_is_not_told_who_answers() {
    for version in [0, 1] {
        let mut query = ask("www.example.com", A).octets();
        query[2] |= 0x40;
        query[11] = 1;
        query
            .extend([&[0, 0, 41, 4, 208, 0, version, 0, 0, 0, 4][..], &NSID.to_be_bytes(), &[0, 0]].concat());
        let reply = raw_reply(&mut talkative(), &query).octets;
        assert!(reply.len() <= query.len(), "{} octets for {}", reply.len(), query.len());
    }
}
