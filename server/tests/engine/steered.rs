//! Records with a filter chain.

use serde_json::json;
use zones::RecordType;

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    example.com NS ns1.example.com
    mx.example.com MX 10 up.example.com
    child.example.com NS ns.child.example.com
    to.example.com CNAME geo.example.com
";

fn zones() -> Zones {
    let up = json!([{"filter": "up"}]);
    let geo = json!([{"filter": "geotarget_country"}, {"filter": "select_first_n", "config": {"N": 1}}]);
    let by_country = [
        ("192.0.2.1", json!({"country": ["US"]})),
        ("192.0.2.2", json!({"country": ["DE"]})),
        ("192.0.2.3", json!({"country": ["JP"]})),
    ];
    Zones::parse(EXAMPLE)
        .steered(
            "up.example.com",
            RecordType::A,
            up.clone(),
            &[("192.0.2.1", json!({"up": true})), ("192.0.2.2", json!({"up": false}))],
        )
        .steered(
            "twice.example.com",
            RecordType::A,
            up.clone(),
            &[
                ("192.0.2.1", json!({"up": true})),
                ("192.0.2.1", json!({"up": true})),
                ("192.0.2.2", json!({"up": true})),
            ],
        )
        .steered(
            "cname.example.com",
            RecordType::CNAME,
            up.clone(),
            &[("up.example.com", json!({"up": true})), ("twice.example.com", json!({"up": true}))],
        )
        .steered("ns.child.example.com", RecordType::A, up, &[("192.0.2.61", json!({"up": true}))])
        .steered("geo.example.com", RecordType::A, geo.clone(), &by_country)
        .steered(
            "none.example.com",
            RecordType::A,
            json!([{"filter": "geofence_country"}]),
            &[("192.0.2.1", json!({"country": ["JP"]}))],
        )
        .steered_by_source("private.example.com", RecordType::A, geo, &by_country)
}

#[test]
fn the_chain_chooses() {
    let reply = ask("up.example.com", A).of(&mut zones().into_responder());
    assert_reply(&reply, &["NOERROR aa", "an up.example.com. 60 A 192.0.2.1"]);
}

#[test]
fn equal_answers_go_out_once() {
    let reply = ask("twice.example.com", A).of(&mut zones().into_responder());
    let expected = ["an twice.example.com. 60 A 192.0.2.1", "an twice.example.com. 60 A 192.0.2.2"];
    assert_reply(&reply, &[&["NOERROR aa"], &expected[..]].concat());
}

#[test]
fn of_several_aliases_the_first_goes_out() {
    let reply = ask("cname.example.com", A).of(&mut zones().into_responder());
    let expected = ["an cname.example.com. 60 CNAME up.example.com.", "an up.example.com. 60 A 192.0.2.1"];
    assert_reply(&reply, &[&["NOERROR aa"], &expected[..]].concat());
    let reply = ask("cname.example.com", CNAME).of(&mut zones().into_responder());
    assert_eq!(reply.answer().len(), 1);
}

#[test]
fn a_chain_that_leaves_nothing_is_no_data() {
    let reply = ask("none.example.com", A).of(&mut zones().into_responder());
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 0));
    assert!(reply.authority()[0].starts_with("example.com. 120 SOA"));
}

#[test]
fn a_steered_address_goes_along_as_glue_and_otherwise_not() {
    let mut responder = zones().into_responder();
    assert_eq!(ask("mx.example.com", MX).of(&mut responder).additional().len(), 0);
    let reply = ask("www.child.example.com", A).of(&mut responder);
    assert_eq!(reply.additional(), ["ns.child.example.com. 60 A 192.0.2.61"]);
}

// 8.8.8.0/24 is in the US, 141.1.0.0/16 in Germany, 133.0.0.0/8 mostly in Japan.
const US: [u8; 3] = [8, 8, 8];
const GERMANY: [u8; 3] = [141, 1, 1];

#[test]
fn the_client_is_the_subnet_where_the_record_allows_it() {
    let mut responder = zones().into_responder();
    let from_germany = ask("geo.example.com", A).from("141.1.1.1:999");
    let reply = from_germany.of(&mut responder);
    assert_eq!(reply.answer(), ["geo.example.com. 60 A 192.0.2.2"]);
    assert!(reply.subnet().is_none(), "no subnet in the query, none in the reply");

    let reply = from_germany.clone().subnet(&US).of(&mut responder);
    assert_eq!(reply.answer(), ["geo.example.com. 60 A 192.0.2.1"]);
    let subnet = reply.subnet().unwrap();
    assert_eq!((&subnet[..3], &subnet[4..]), (&[0, 1, 24][..], &US[..]));
    assert!(subnet[3] > 0, "the choice depends on the client");

    let reply = ask("private.example.com", A).from("141.1.1.1:999").subnet(&US).of(&mut responder);
    assert_eq!(reply.answer(), ["private.example.com. 60 A 192.0.2.2"]);
    assert_eq!(reply.subnet().unwrap()[3], 0);
}

#[test]
fn a_client_that_does_not_want_to_be_known_is_its_resolver_with_scope_zero() {
    let reply = ask("geo.example.com", A)
        .from("141.1.1.1:999")
        .option(8, &[0, 1, 0, 0])
        .of(&mut zones().into_responder());
    assert_eq!(reply.answer(), ["geo.example.com. 60 A 192.0.2.2"]);
    assert_eq!(reply.subnet().unwrap(), [0, 1, 0, 0]);
}

#[test]
fn a_mapped_address_is_an_ipv4_address() {
    let reply = ask("geo.example.com", A).from("[::ffff:141.1.1.1]:999").of(&mut zones().into_responder());
    assert_eq!(reply.answer(), ["geo.example.com. 60 A 192.0.2.2"]);
}

#[test]
fn the_scope_of_an_alias_is_that_of_the_chains_behind_it() {
    let reply = ask("to.example.com", A).subnet(&GERMANY).of(&mut zones().into_responder());
    assert_eq!(reply.answer()[1], "geo.example.com. 60 A 192.0.2.2");
    assert!(reply.subnet().unwrap()[3] > 0);
    let reply = ask("up.example.com", A).subnet(&GERMANY).of(&mut zones().into_responder());
    assert_eq!(reply.subnet().unwrap()[3], 0, "a chain that does not look at the client");
}
