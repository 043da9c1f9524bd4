//! RFC 1034 and its friends, seen over DNS.

use hickory_proto::{op::ResponseCode, rr::RecordType};
use serde_json::json;
use sextant_tests::{Question, exchange_tcp, exchange_udp};

use crate::World;

/// A zone with one of everything.
fn world() -> World {
    let world = World::with_zone("example.test");
    let plain = |domain: &str, rtype: &str, answer| {
        world.plain("example.test", &format!("{domain}.example.test"), rtype, &[answer])
    };
    plain("www", "A", json!(["192.0.2.1"]));
    plain("a.b.c", "A", json!(["192.0.2.2"]));
    plain("alias", "CNAME", json!(["second.example.test"]));
    plain("second", "CNAME", json!(["www.example.test"]));
    plain("dangling", "CNAME", json!(["nowhere.example.test"]));
    plain("foreign", "CNAME", json!(["www.example.org"]));
    plain("loop1", "CNAME", json!(["loop2.example.test"]));
    plain("loop2", "CNAME", json!(["loop1.example.test"]));
    plain("*.wild", "A", json!(["192.0.2.3"]));
    plain("host.wild", "TXT", json!(["mine"]));
    plain("old", "DNAME", json!(["example.test"]));
    plain("child", "NS", json!(["ns.child.example.test"]));
    plain(
        "child",
        "DS",
        json!([1, 13, 2, "d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"]),
    );
    plain("ns.child", "A", json!(["192.0.2.4"]));
    world
}

#[test]
fn cname_chains_are_followed_inside_our_zones() {
    let world = world();
    let reply = world.server.ask("alias.example.test", RecordType::A).unwrap();
    assert_eq!(
        reply.answers_in_order(),
        ["CNAME second.example.test.", "CNAME www.example.test.", "A 192.0.2.1"]
    );
    world.server.api().put("/v1/zones/other.test", &json!({"zone": "other.test"})).unwrap();
    world.plain("other.test", "www.other.test", "CNAME", &[json!(["www.example.test"])]);
    let across = world.server.ask("www.other.test", RecordType::A).unwrap();
    assert_eq!(across.answers_in_order(), ["CNAME www.example.test.", "A 192.0.2.1"]);
    assert_eq!(world.server.ask("alias.example.test", RecordType::CNAME).unwrap().answers().len(), 1);
    let foreign = world.server.ask("foreign.example.test", RecordType::A).unwrap();
    assert_eq!(
        (foreign.rcode(), foreign.answers()),
        (ResponseCode::NoError, vec!["CNAME www.example.org.".to_owned()])
    );
}

#[test]
fn a_cname_to_a_missing_name_says_so() {
    // RFC 6604, 3: the response code is that of the last name of the chain.
    let reply = world().server.ask("dangling.example.test", RecordType::A).unwrap();
    assert_eq!(
        (reply.rcode(), reply.answers().len(), reply.authorities().len()),
        (ResponseCode::NXDomain, 1, 1)
    );
}

#[test]
fn a_cname_loop_ends() {
    let reply = world().server.ask("loop1.example.test", RecordType::A).unwrap();
    assert_eq!(reply.rcode(), ResponseCode::NoError);
    assert_eq!(reply.answers().len(), 2);
}

#[test]
fn an_empty_non_terminal_is_no_data_and_a_missing_name_is_nxdomain() {
    let world = world();
    for name in ["b.c.example.test", "c.example.test", "wild.example.test"] {
        let reply = world.server.ask(name, RecordType::A).unwrap();
        assert_eq!((reply.rcode(), reply.answers().len()), (ResponseCode::NoError, 0), "{name}");
        assert_eq!(reply.message.authorities[0].record_type(), RecordType::SOA);
        assert!(reply.message.authoritative);
    }
    let reply = world.server.ask("x.b.c.example.test", RecordType::A).unwrap();
    assert_eq!(reply.rcode(), ResponseCode::NXDomain);
}

#[test]
fn negative_answers_live_as_long_as_the_smaller_of_soa_ttl_and_minimum() {
    // RFC 2308, 3 and 5.
    let world = world();
    for (ttl, nx_ttl, expected) in [(3_600, 60, 60), (30, 60, 30)] {
        world.server.api().post("/v1/zones/example.test", &json!({"ttl": ttl, "nx_ttl": nx_ttl})).unwrap();
        let reply = world.server.ask("nothing.example.test", RecordType::A).unwrap();
        assert_eq!(reply.message.authorities[0].ttl, expected);
    }
}

#[test]
fn wildcards_cover_what_does_not_exist() {
    // RFC 4592, 2.2.1.
    let world = world();
    let ask = |name: &str| world.server.ask(name, RecordType::A).unwrap();
    let covered = ask("x.y.wild.example.test");
    assert_eq!(covered.answers(), ["A 192.0.2.3"]);
    assert_eq!(covered.message.answers[0].name.to_ascii(), "x.y.wild.example.test.");
    assert_eq!(
        (ask("host.wild.example.test").rcode(), ask("host.wild.example.test").answers().len()),
        (ResponseCode::NoError, 0)
    );
    assert_eq!(ask("x.host.wild.example.test").rcode(), ResponseCode::NXDomain);
    assert_eq!(ask("*.wild.example.test").answers(), ["A 192.0.2.3"]);
}

#[test]
fn a_dname_redirects_what_is_below_it() {
    // RFC 6672, 2.2 and 3.1.
    let reply = world().server.ask("www.old.example.test", RecordType::A).unwrap();
    let answers = reply.answers_in_order();
    // The reader prints a DNAME's data as it came on the wire, so only its type is compared.
    assert!(answers[0].starts_with("DNAME "), "{answers:?}");
    assert_eq!(answers[1..], ["CNAME www.example.test.", "A 192.0.2.1"]);
}

#[test]
fn names_below_a_cut_are_referred_with_glue_and_ds_stays_with_the_parent() {
    let world = world();
    let referral = world.server.ask("www.child.example.test", RecordType::A).unwrap();
    assert_eq!(referral.rcode(), ResponseCode::NoError);
    assert!(!referral.message.authoritative);
    assert!(referral.answers().is_empty());
    assert!(
        referral.authorities().contains(&"NS ns.child.example.test.".to_owned()),
        "{:?}",
        referral.authorities()
    );
    assert_eq!(referral.additionals(), ["A 192.0.2.4"]);
    let ds = world.server.ask("child.example.test", RecordType::DS).unwrap();
    assert!(ds.message.authoritative);
    assert_eq!(ds.answers().len(), 1);
}

#[test]
fn the_case_of_the_question_is_kept() {
    let reply = world().server.ask("wWw.ExAmPlE.test", RecordType::A).unwrap();
    assert_eq!(reply.message.queries[0].name().to_ascii(), "wWw.ExAmPlE.test.");
    assert_eq!(reply.message.answers[0].name.to_ascii(), "wWw.ExAmPlE.test.");
}

#[test]
fn what_does_not_fit_is_truncated_over_udp_and_whole_over_tcp() {
    let world = world();
    let many: Vec<_> = (0..200).map(|n| json!([format!("192.0.2.{n}")])).collect();
    world.plain("example.test", "many.example.test", "A", &many);
    for (payload, limit) in [(None, 512), (Some(1232), 1232), (Some(4096), 1232), (Some(100), 512)] {
        let mut question = Question::new("many.example.test", RecordType::A);
        question.payload = payload;
        let reply = exchange_udp(world.server.dns(), &question).unwrap();
        assert!(reply.message.truncation, "{payload:?}");
        assert!(reply.octets <= limit, "{payload:?}: {}", reply.octets);
        assert_eq!(reply.message.edns.is_some(), payload.is_some());
    }
    let whole =
        exchange_tcp(world.server.dns(), &[Question::new("many.example.test", RecordType::A)]).unwrap();
    assert_eq!(whole[0].answers().len(), 200);
    assert!(!whole[0].message.truncation);
}

#[test]
fn tcp_answers_everything_that_was_pipelined() {
    let world = world();
    let names = ["www.example.test", "alias.example.test", "nothing.example.test", "www.child.example.test"];
    let questions: Vec<_> =
        names.iter().cycle().take(400).map(|name| Question::new(name, RecordType::A)).collect();
    let replies = exchange_tcp(world.server.dns(), &questions).unwrap();
    assert_eq!(replies.len(), 400);
    for (question, reply) in questions.iter().zip(&replies) {
        assert_eq!(reply.answers(), world.server.ask(&question.name, RecordType::A).unwrap().answers());
    }
}

#[test]
fn the_do_bit_is_echoed_and_a_newer_edns_version_is_badvers() {
    let world = world();
    let mut question = Question::new("www.example.test", RecordType::A).payload(1232);
    question.dnssec_ok = true;
    let reply = exchange_udp(world.server.dns(), &question).unwrap();
    assert!(reply.message.edns.as_ref().is_some_and(|edns| edns.flags().dnssec_ok));
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(std::time::Duration::from_secs(10))).unwrap();
    let mut wire = question.to_wire(7).unwrap();
    let version = wire.len() - 5;
    wire[version] = 1;
    socket.send_to(&wire, world.server.dns()).unwrap();
    let mut buffer = [0; 1500];
    let length = socket.recv(&mut buffer).unwrap();
    // RFC 6891, 6.1.3: BADVERS is 16, of which the upper eight bits stand in the OPT record.
    assert_eq!(buffer[3] & 0x0f, 0);
    assert_eq!(buffer[length - 6], 1);
}
