//! Zones and records over REST, seen over DNS.

use hickory_proto::{op::ResponseCode, rr::RecordType};
use serde_json::json;

use crate::{World, launch};

#[test]
fn a_new_zone_answers_soa_and_its_name_servers() {
    let world = World::with_zone("example.test");
    let soa = world.server.ask("example.test", RecordType::SOA).unwrap();
    assert!(soa.message.authoritative);
    assert_eq!(soa.message.answers.len(), 1);
    let ns = world.server.ask("example.test", RecordType::NS).unwrap();
    assert_eq!(ns.answers(), ["NS ns1.sextant.internal.", "NS ns2.sextant.internal."]);
    let zone = world.server.api().get("/v1/zones/example.test").unwrap().body;
    assert_eq!(zone["records"][0]["short_answers"], json!(["ns1.sextant.internal", "ns2.sextant.internal"]));
}

#[test]
fn names_that_no_zone_holds_are_refused() {
    let world = World::with_zone("example.test");
    let reply = world.server.ask("example.org", RecordType::A).unwrap();
    assert_eq!(reply.rcode(), ResponseCode::Refused);
    assert!(!reply.message.authoritative);
}

#[test]
fn every_write_is_seen_by_the_next_query() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    let path = "/v1/zones/example.test/www.example.test/A";
    for last in 2..30 {
        assert_eq!(
            world.server.ask("www.example.test", RecordType::A).unwrap().answers(),
            [format!("A 192.0.2.{}", last - 1)]
        );
        let reply = api.post(path, &json!({"answers": [{"answer": [format!("192.0.2.{last}")]}]})).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
    }
    assert_eq!(api.delete(path).unwrap().status, 200);
    assert_eq!(world.server.ask("www.example.test", RecordType::A).unwrap().rcode(), ResponseCode::NXDomain);
    assert_eq!(api.delete("/v1/zones/example.test").unwrap().status, 200);
    assert_eq!(world.server.ask("example.test", RecordType::SOA).unwrap().rcode(), ResponseCode::Refused);
}

#[test]
fn each_acknowledged_change_raises_the_serial_by_one_and_no_change_does_not() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    let serial = || api.get("/v1/zones/example.test?records=false").unwrap().body["serial"].as_u64().unwrap();
    let first = serial();
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    assert_eq!(serial(), first + 1);
    let record = api.get("/v1/zones/example.test/www.example.test/A").unwrap().body;
    let again = api.post("/v1/zones/example.test/www.example.test/A", &record).unwrap();
    assert_eq!(again.body, record);
    assert_eq!(serial(), first + 1);
}

#[test]
fn a_linked_zone_answers_with_its_targets_records_under_its_own_name() {
    let world = World::with_zone("example.test");
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    let api = world.server.api();
    assert_eq!(
        api.put("/v1/zones/linked.test", &json!({"zone": "linked.test", "link": "example.test"}))
            .unwrap()
            .status,
        200
    );
    assert_eq!(world.server.ask("www.linked.test", RecordType::A).unwrap().answers(), ["A 192.0.2.1"]);
    assert_eq!(
        world.server.ask("linked.test", RecordType::SOA).unwrap().message.answers[0].name.to_ascii(),
        "linked.test."
    );
    world.plain("example.test", "new.example.test", "TXT", &[json!(["later"])]);
    assert_eq!(world.server.ask("new.linked.test", RecordType::TXT).unwrap().answers().len(), 1);
    assert_eq!(api.post("/v1/zones/linked.test", &json!({"ttl": 60})).unwrap().status, 400);
    let refused = api.put("/v1/zones/linked.test/a.linked.test/A", &json!({"zone":"linked.test","domain":"a.linked.test","type":"A","answers":[{"answer":["192.0.2.9"]}]}));
    assert_eq!(refused.unwrap().status, 400);
    assert_eq!(api.delete("/v1/zones/linked.test").unwrap().status, 200);
    assert_eq!(world.server.ask("www.example.test", RecordType::A).unwrap().answers(), ["A 192.0.2.1"]);
}

#[test]
fn a_linked_record_follows_its_target_in_another_zone() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    assert_eq!(api.put("/v1/zones/other.test", &json!({"zone": "other.test"})).unwrap().status, 200);
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    world.record("other.test", "other.test", "A", &json!({"link": "www.example.test", "answers": []}));
    assert_eq!(world.server.ask("other.test", RecordType::A).unwrap().answers(), ["A 192.0.2.1"]);
    api.post("/v1/zones/example.test/www.example.test/A", &json!({"answers": [{"answer": ["192.0.2.2"]}]}))
        .unwrap();
    assert_eq!(world.server.ask("other.test", RecordType::A).unwrap().answers(), ["A 192.0.2.2"]);
}

#[test]
fn everything_is_there_after_a_restart() {
    let world = World::with_zone("example.test");
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"weight": "3"}, "region": "a"},
            {"answer": ["192.0.2.2"], "meta": {"weight": 1.5}},
        ],
        "filters": [{"filter": "weighted_shuffle", "config": {}}, {"filter": "select_first_n", "config": {"N": "2"}}],
        "regions": {"a": {"meta": {"note": " spaced  note "}}},
        "ttl": 77,
    });
    let stored = world.record("example.test", "www.example.test", "A", &body);
    for (key, value) in body.as_object().unwrap() {
        if key != "answers" {
            assert_eq!(&stored[key], value, "{key} is echoed as sent");
        }
    }
    let before = world.server.api().get("/v1/zones/example.test/www.example.test/A").unwrap();
    let zone_before = world.server.api().get("/v1/zones/example.test").unwrap();
    let folder = world.folder;
    world.server.terminate().unwrap();
    let server = launch(&folder).start().unwrap();
    assert_eq!(server.api().get("/v1/zones/example.test/www.example.test/A").unwrap(), before);
    assert_eq!(server.api().get("/v1/zones/example.test").unwrap(), zone_before);
    assert_eq!(
        server.ask("www.example.test", RecordType::A).unwrap().answers(),
        ["A 192.0.2.1", "A 192.0.2.2"]
    );
}

#[test]
fn equal_rdata_in_one_record_goes_out_once() {
    let world = World::with_zone("example.test");
    let twice = [json!(["192.0.2.1"]), json!(["192.0.2.1"]), json!(["192.0.2.2"])];
    world.plain("example.test", "plain.example.test", "A", &twice);
    assert_eq!(world.server.ask("plain.example.test", RecordType::A).unwrap().answers().len(), 2);
    let answers: Vec<_> = twice.iter().map(|answer| json!({"answer": answer})).collect();
    world.record(
        "example.test",
        "chain.example.test",
        "A",
        &json!({"answers": answers, "filters": [{"filter": "shuffle", "config": {}}]}),
    );
    assert_eq!(
        world.server.ask("chain.example.test", RecordType::A).unwrap().answers(),
        ["A 192.0.2.1", "A 192.0.2.2"]
    );
}

#[test]
fn every_record_type_is_served_as_it_was_sent() {
    let world = World::with_zone("example.test");
    let cases = [
        ("A", json!(["192.0.2.1"])),
        ("AAAA", json!(["2001:db8::1"])),
        ("AFSDB", json!([1, "afs.example.test"])),
        ("APL", json!(["1:192.0.2.0/24", "!2:2001:db8::/32"])),
        ("CAA", json!([0, "issue", "ca.example.test; account=1"])),
        ("CERT", json!([3, 0, 0, "dGVzdA=="])),
        ("CSYNC", json!([66, 3, "A NS AAAA"])),
        ("DHCID", json!(["AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="])),
        ("DNAME", json!(["target.test"])),
        ("GPOS", json!(["116.8652", "-32.6882", "10.0"])),
        ("HINFO", json!(["fancy", "potato"])),
        ("HTTPS", json!([1, ".", "alpn=h2,h3 ipv4hint=192.0.2.1"])),
        ("IPSECKEY", json!([10, 1, 2, "192.0.2.38", "AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ=="])),
        ("MX", json!([10, "mail.example.test"])),
        ("NAPTR", json!([1, 2, "S", "http", "", "hi.example.test"])),
        ("OPENPGPKEY", json!(["mQENBFVHm5sBCADMUDtZuYzFCl1Z"])),
        ("PTR", json!(["host.example.test"])),
        ("RP", json!(["bob.example.test", "alice.example.test"])),
        ("SMIMEA", json!([3, 0, 1, "d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"])),
        ("SPF", json!(["v=spf1", "-all"])),
        ("SRV", json!([1, 1, 80, "srv.example.test"])),
        ("SSHFP", json!([1, 1, "dd465c09cfa51fb45020cc83316fff21b9ec74ac"])),
        ("SVCB", json!([0, "svc.example.test", ""])),
        ("TLSA", json!([3, 1, 1, "d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"])),
        ("TXT", json!(["some", "text; here"])),
        ("URI", json!([10, 1, "https://example.test/"])),
        ("TYPE65400", json!(["\\# 4 0a000001"])),
    ];
    for (rtype, answer) in cases {
        let owner = format!("{}.example.test", rtype.to_lowercase());
        let stored = world.plain("example.test", &owner, rtype, std::slice::from_ref(&answer));
        assert_eq!(stored["answers"][0]["answer"], answer, "{rtype} is echoed as sent");
        let code = match rtype {
            "AFSDB" => 18,
            "APL" => 42,
            "CSYNC" => 62,
            "DHCID" => 49,
            "DNAME" => 39,
            "GPOS" => 27,
            "IPSECKEY" => 45,
            "RP" => 17,
            "SPF" => 99,
            "URI" => 256,
            "SMIMEA" => 53,
            "TYPE65400" => 65400,
            known => known.parse::<RecordType>().map(u16::from).unwrap(),
        };
        let reply = world.server.ask(&owner, RecordType::from(code)).unwrap();
        assert_eq!(reply.message.answers.len(), 1, "{rtype}: {reply:?}");
        assert_eq!(u16::from(reply.message.answers[0].record_type()), code, "{rtype}");
    }
}

#[test]
fn the_catalogs_name_what_works() {
    let world = World::start();
    let api = world.server.api();
    let filters = api.get("/v1/filtertypes").unwrap().body;
    for name in [
        "up",
        "shed_load",
        "weighted_shuffle",
        "geotarget_country",
        "geotarget_regional",
        "geotarget_latlong",
        "select_first_n",
        "shuffle",
    ] {
        assert!(filters[name]["desc"].is_string(), "{name}");
    }
    assert_eq!(filters["select_first_n"]["config"]["N"]["default"], json!("1"));
    assert_eq!(api.get("/v1/metatypes").unwrap().body["up"]["category"], json!("status"));
    let geo = api.get("/v1/metatypes/geo").unwrap().body;
    assert_eq!(geo["countries"].as_array().map(Vec::len), Some(249));
    assert!(geo["subdivisions"]["US"].as_array().unwrap().contains(&json!("NY")));
    assert_eq!(api.get("/v1/networks").unwrap().body[0]["network_id"], json!(0));
    assert!(api.get("/v1/data/sourcetypes").unwrap().body["nsone_v1"]["feed_config"]["label"].is_object());
}

#[test]
fn search_finds_zones_records_and_answers() {
    let world = World::with_zone("example.test");
    world.plain("example.test", "needle.example.test", "A", &[json!(["192.0.2.77"])]);
    let api = world.server.api();
    let names = |query: &str| api.get(&format!("/v1/search?{query}")).unwrap().body;
    assert_eq!(
        names("q=needle&type=record"),
        json!([{"zone": "example.test", "type": "A", "domain": "needle.example.test"}])
    );
    assert_eq!(names("q=192.0.2.77&type=answers").as_array().map(Vec::len), Some(1));
    assert_eq!(names("q=example.te&type=zone"), json!([{"zone": "example.test"}]));
    assert_eq!(api.get("/v1/search").unwrap().status, 400);
}
