//! Records whose chains make addresses and texts.

use serde_json::json;
use server::{Disposition, Peer, Transport};
use zones::RecordType;

use super::counting::allocator_calls;
use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    example.com NS ns1.example.com
    to.example.com CNAME described.example.com
";

fn zones() -> Zones {
    let parse = |separator: &str| json!([{"filter": "parse_ipv4", "config": {"separator": separator}}]);
    let pairs = |pairs: serde_json::Value| json!({"additional_metadata": [pairs]});
    Zones::parse(EXAMPLE)
        .steered("*.dash.example.com", RecordType::A, parse("-"), &[])
        .steered("*.dot.example.com", RecordType::A, parse("."), &[("192.0.2.1", json!({}))])
        .steered(
            "drawn.example.com",
            RecordType::A,
            json!([{"filter": "ipv4_prefix_shuffle", "config": {"N": 3}}]),
            &[
                ("192.0.2.1", json!({})),
                ("192.0.2.2", json!({"ip_prefixes": ["192.0.2.1/32", "192.0.2.9/32"]})),
                ("192.0.2.9", json!({})),
            ],
        )
        .steered(
            "described.example.com",
            RecordType::A,
            json!([{"filter": "cost"}, {"filter": "additional_metadata"}]),
            &[
                ("192.0.2.1", json!({"cost": 2, "additional_metadata": [{"foo": "bar", "baz": "blarg"}]})),
                ("192.0.2.2", json!({"cost": 1, "additional_metadata": [{"red": "blue"}]})),
            ],
        )
        .steered(
            "alias.example.com",
            RecordType::CNAME,
            json!([{"filter": "additional_metadata"}]),
            &[("described.example.com", pairs(json!({"via": "alias"})))],
        )
}

#[test]
fn making_addresses_and_texts_does_not_allocate() {
    let mut responder = zones().into_responder();
    for name in ["192-0-2-7.dash", "192.0.2.7.dot", "drawn", "described", "alias"] {
        let ask = ask(&format!("{name}.example.com"), A).edns(1232).subnet(&[0, 1, 24, 0, 193, 0, 6]);
        let query = ask.octets();
        let peer = Peer { address: CLIENT.parse().unwrap(), transport: Transport::Udp };
        let mut out = vec![0; 4096];
        // The first answer may set up what the process shares.
        assert!(matches!(responder.answer(&query, peer, &mut out), Disposition::Reply(_)));
        let calls = allocator_calls(|| {
            for _ in 0..100 {
                responder.answer(&query, peer, &mut out);
            }
        });
        assert_eq!(calls, 0, "{name}");
    }
}

#[test]
fn a_wildcard_answers_with_the_address_in_the_name() {
    let mut responder = zones().into_responder();
    let reply = ask("192-0-2-7.dash.example.com", A).of(&mut responder);
    assert_reply(&reply, &["NOERROR aa", "an 192-0-2-7.dash.example.com. 60 A 192.0.2.7"]);
    let reply = ask("192.0.2.7.dot.example.com", A).of(&mut responder);
    assert_eq!(
        reply.answer(),
        ["192.0.2.7.dot.example.com. 60 A 192.0.2.1", "192.0.2.7.dot.example.com. 60 A 192.0.2.7"]
    );
    let reply = ask("192.0.2.1.dot.example.com", A).of(&mut responder);
    assert_eq!(reply.answer().len(), 1, "equal addresses go out once");
    for name in ["www.dash.example.com", "*.dash.example.com", "192.0.2.7.dash.example.com"] {
        let reply = ask(name, A).of(&mut responder);
        assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 0), "{name}");
    }
}

#[test]
fn drawn_addresses_go_out_in_place_of_their_answer_and_once() {
    let reply = ask("drawn.example.com", A).of(&mut zones().into_responder());
    let expected = ["drawn.example.com. 60 A 192.0.2.1", "drawn.example.com. 60 A 192.0.2.9"];
    assert_eq!(reply.answer(), expected);
}

#[test]
fn texts_about_the_answers_are_additional_records_in_their_order() {
    let mut responder = zones().into_responder();
    let expected = [
        "1.described.example.com. 60 TXT red=blue",
        "2.described.example.com. 60 TXT foo=bar",
        "2.described.example.com. 60 TXT baz=blarg",
    ];
    let reply = ask("described.example.com", A).of(&mut responder);
    assert_eq!((reply.answer().len(), reply.additional()), (2, expected.map(str::to_owned).to_vec()));
    let reply = ask("example.com", NS).of(&mut responder);
    assert_eq!(reply.additional().len(), 0, "the next query has none");
}

#[test]
fn only_the_chain_at_the_questions_name_adds_texts() {
    let mut responder = zones().into_responder();
    let reply = ask("alias.example.com", A).of(&mut responder);
    assert_eq!(reply.answer().len(), 3);
    assert_eq!(reply.additional(), ["1.alias.example.com. 60 TXT via=alias"]);
    let reply = ask("to.example.com", A).of(&mut responder);
    assert_eq!((reply.answer().len(), reply.additional().len()), (3, 0));
}
