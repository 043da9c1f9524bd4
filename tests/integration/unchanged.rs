//! What a client fetched and sends back unchanged is no change: no new serial, no new ids, no entry in the log.

use serde_json::{Value, json};

use crate::World;

/// Records of every shape that clients send, each with its name and type.
fn records(feed: &str) -> Vec<(&'static str, &'static str, Value)> {
    let octodns = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "region": "pool__country",
             "meta": {"priority": 1, "weight": "12", "note": "pool:a fallback: ", "up": {"feed": feed}}},
            {"answer": ["192.0.2.1"], "region": "pool__catchall", "meta": {"priority": "2", "up": true}},
        ],
        "filters": [
            {"filter": "up", "config": {}},
            {"filter": "geofence_country", "config": {"remove_no_location": true}},
            {"filter": "priority", "config": {"eliminate": "1"}},
            {"filter": "weighted_shuffle", "config": {}, "disabled": false},
            {"filter": "select_first_n", "config": {"N": "1"}},
        ],
        "regions": {
            "pool__country": {"meta": {"country": "DE", "us_state": ["CA"], "note": "x"}},
            "pool__catchall": {"meta": {}},
        },
        "ttl": 60,
    });
    let nested = json!({
        "answers": [{"answer": ["192.0.2.7"], "meta": {
            "ip_prefixes": ["198.51.100.7/24"], "asn": 64500, "subdivisions": {"BR": ["SP"]},
            "additional_metadata": [{"a": "b"}], "latitude": "1.5", "loadavg": {"feed": feed},
        }}],
        "meta": {"up": {"feed": feed}, "high_watermark": 10.0}, "use_client_subnet": false, "override_ttl": true,
        "tags": {"site": "a", "bare": null}, "blocked_tags": ["b"],
    });
    vec![
        ("octodns", "A", octodns),
        ("nested", "A", nested),
        ("plain", "AAAA", json!({"answers": [["2001:DB8::1"], ["2001:db8::2"]], "ttl": 0})),
        ("short", "A", json!({"answers": ["192.0.2.1", "192.0.2.2"]})),
        ("mail", "MX", json!({"answers": [{"answer": ["10", "Mail.Example.test."]}, {"answer": [20, "b"]}]})),
        ("one", "MX", json!({"answers": [["10 mail.example.test"]]})),
        ("srv", "SRV", json!({"answers": [[1, 2, "80", "srv.example.test"]]})),
        ("caa", "CAA", json!({"answers": [["0", "issue", "ca.test; a=b"]]})),
        ("text", "TXT", json!({"answers": [["x".repeat(600)], ["a", "b c"], ["\"quoted\""]]})),
        ("svc", "HTTPS", json!({"answers": [["1", ".", "alpn=h2,h3 port=8443"]]})),
        ("odd", "TYPE65280", json!({"answers": [["\\# 2 abcd"]]})),
        ("name", "CNAME", json!({"answers": [["Other.Example.test."]]})),
        ("linked", "A", json!({"link": "plain.example.test", "answers": []})),
        ("none", "A", json!({"answers": []})),
    ]
}

#[test]
fn a_record_or_zone_sent_back_as_it_was_read_is_no_change() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    let source = api
        .put("/v1/data/sources", &json!({"name": "s", "sourcetype": "nsone_v1", "config": {}}))
        .unwrap()
        .body;
    let feeds = format!("/v1/data/feeds/{}", source["id"].as_str().unwrap());
    let feed = api.put(&feeds, &json!({"name": "f", "config": {"label": "l"}})).unwrap().body;
    let state = || {
        let zone = api.get("/v1/zones/example.test").unwrap().body;
        let log = api.get("/v1/account/activity?limit=10000").unwrap().body;
        (zone, log.as_array().map(Vec::len))
    };
    for (label, rtype, body) in records(feed["id"].as_str().unwrap()) {
        let owner = format!("{label}.example.test");
        let path = format!("/v1/zones/example.test/{owner}/{rtype}");
        let made = world.record("example.test", &owner, rtype, &body);
        for (field, sent) in body.as_object().unwrap().iter().filter(|(field, _)| field.as_str() != "answers")
        {
            if field != "ttl" || *sent != json!(0) {
                assert_eq!(&made[field], sent, "{path}: {field} is echoed as sent");
            }
        }
        let before = state();
        let read = api.get(&path).unwrap().body;
        assert_eq!(read, made, "{path}");
        assert_eq!(api.post(&path, &read).unwrap().body, read, "{path}: sent back whole");
        let mut bare = read.clone();
        for answer in bare["answers"].as_array_mut().unwrap() {
            answer.as_object_mut().unwrap().retain(|field, _| !["id", "feeds"].contains(&field.as_str()));
        }
        assert_eq!(api.post(&path, &bare).unwrap().body, read, "{path}: sent back without ids");
        if label != "linked" {
            // As it was written in the first place.
            let again = api.post(&path, &body).unwrap().body;
            assert_eq!(again, read, "{path}: sent again as in the configuration");
        }
        assert_eq!(state(), before, "{path}: nothing has changed");
    }
    let before = state();
    let read = before.0.clone();
    assert_eq!(api.post("/v1/zones/example.test", &read).unwrap().body, read);
    assert_eq!(state(), before);
}

/// Every record type that can be made, with data as its clients send it: as fields of both kinds, in one string, or
/// in a form that is not the one it would be printed in.
fn types() -> Vec<(&'static str, Value)> {
    let hash = "AB".repeat(32);
    vec![
        ("A", json!(["192.0.2.1"])),
        ("AAAA", json!(["2001:DB8:0::1"])),
        ("AFSDB", json!([1, "Host.test"])),
        ("APL", json!(["1:10.0.0.0/8", "!2:2001:db8::/32"])),
        ("AVC", json!(["a b"])),
        ("CAA", json!([0, "issuewild", ";"])),
        ("CERT", json!(["PKIX", "1", "RSASHA256", "dGVzdA=="])),
        ("CNAME", json!(["a.test"])),
        ("CSYNC", json!(["66", "3", "A NS"])),
        ("DHCID", json!(["AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="])),
        ("DNAME", json!(["a.test."])),
        ("DS", json!(["48553", 13, "2", hash])),
        ("EUI48", json!(["00-00-5E-00-53-2A"])),
        ("GPOS", json!(["-32.6882", 116.8652, "10.0"])),
        ("HINFO", json!(["a b", ""])),
        ("HTTPS", json!(["1", ".", "port=8443 alpn=\"h2,h3\""])),
        (
            "IPSECKEY",
            json!(["10", "1", "2", "192.0.2.38", "AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ=="]),
        ),
        ("KX", json!([1, "a.test"])),
        ("LOC", json!(["51 30 12.748 N 0 7 39.612 W 0.00m"])),
        ("MX", json!(["010", "."])),
        ("NAPTR", json!(["1", 2, "S", "", "!^.*$!x!", ""])),
        ("NS", json!(["ns.test"])),
        ("OPENPGPKEY", json!(["dGVz dA=="])),
        ("PTR", json!(["a.test"])),
        ("RP", json!(["bob.test", "."])),
        ("SMIMEA", json!(["3", "1", "1", hash])),
        ("SPF", json!(["v=spf1", "-all"])),
        ("SRV", json!(["1 2 80 a.test"])),
        ("SSHFP", json!([1, 2, hash])),
        ("SVCB", json!(["0", "a.test"])),
        ("TLSA", json!([format!("3 1 1 {hash}")])),
        ("TXT", json!(["a;b \\; \"c\"", "", "x".repeat(300)])),
        ("TYPE65281", json!(["\\# 0"])),
        ("URI", json!(["10", "1", "\"ftp://a.test/\""])),
    ]
}

#[test]
fn data_of_every_type_comes_back_as_it_was_sent_and_is_no_change_then() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    for (rtype, data) in types() {
        let owner = format!("{}.example.test", rtype.to_lowercase());
        let path = format!("/v1/zones/example.test/{owner}/{rtype}");
        let reply = api.put(&path, &json!({"answers": [{"answer": data, "meta": {"note": "n"}}]})).unwrap();
        assert_eq!(reply.status, 200, "{rtype}: {reply:?}");
        assert_eq!(reply.body["answers"][0]["answer"], data, "{rtype}");
        let before = api.get("/v1/zones/example.test").unwrap().body;
        assert_eq!(api.post(&path, &reply.body).unwrap().body, reply.body, "{rtype}");
        let short = api.post(&path, &json!({"answers": [{"answer": data, "meta": {"note": "n"}}]})).unwrap();
        assert_eq!(short.body, reply.body, "{rtype}");
        assert_eq!(api.get("/v1/zones/example.test").unwrap().body, before, "{rtype}: nothing has changed");
    }
}

#[test]
fn what_else_is_sent_back_as_it_was_read_is_no_change_either() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    let settings = json!({
        "ttl": "60", "hostmaster": "a\\.b.c.test", "primary_master": "M.test.", "tags": {"a": null}, "views": [],
        "meta": {"note": " x "}, "secondary": {"enabled": false}, "dnssec": false,
        "primary": {"enabled": false, "secondaries": [{"ip": "192.0.2.1", "port": "5353", "notify": 1}]},
    });
    assert_eq!(api.post("/v1/zones/example.test", &settings).unwrap().status, 200);
    let link = json!({"zone": "linked.test", "link": "example.test"});
    assert_eq!(api.put("/v1/zones/linked.test", &link).unwrap().status, 200);
    let source = json!({
        "name": "s", "sourcetype": "newrelic_webhook", "config": {"account_id": "4711"},
    });
    let source = api.put("/v1/data/sources", &source).unwrap().body["id"].as_str().unwrap().to_owned();
    let feeds = format!("/v1/data/feeds/{source}");
    let feed =
        json!({"name": "f", "config": {"resource_name": "r", "initial_up": "1", "expire_after_s": 3600.0}});
    let feed = api.put(&feeds, &feed).unwrap().body["id"].as_str().unwrap().to_owned();
    let key = json!({"algorithm": "hmac-sha256", "secret": "dGVzdA=="});
    assert_eq!(api.put("/v1/tsig/key", &key).unwrap().status, 200);
    let log = || api.get("/v1/account/activity?limit=10000").unwrap().body;
    let before = log();
    for path in [
        "/v1/zones/example.test",
        "/v1/zones/linked.test",
        &format!("/v1/data/sources/{source}"),
        &format!("{feeds}/{feed}"),
        "/v1/tsig/key",
    ] {
        let read = api.get(path).unwrap().body;
        let reply = api.post(path, &read).unwrap();
        assert_eq!((reply.status, &reply.body), (200, &read), "{path}");
        assert_eq!(api.get(path).unwrap().body, read, "{path}");
    }
    let again = api.post("/v1/zones/example.test", &settings).unwrap().body;
    assert_eq!(again, api.get("/v1/zones/example.test").unwrap().body);
    assert_eq!(log(), before);
    let other = api.post("/v1/zones/linked.test", &json!({"link": "linked.test"})).unwrap();
    assert_eq!(other.status, 400, "{other:?}");
    assert_eq!(api.post("/v1/zones/linked.test", &json!({"ttl": 61})).unwrap().status, 400);
}

#[test]
fn a_clone_of_a_record_gets_ids_of_its_own() {
    let world = World::with_zone("example.test");
    let made = world.plain("example.test", "a.example.test", "A", &[json!(["192.0.2.1"])]);
    let mut copy = made.clone();
    copy["domain"] = json!("b.example.test");
    let reply = world.server.api().put("/v1/zones/example.test/b.example.test/A", &copy).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    assert_eq!(reply.body["answers"][0]["answer"], made["answers"][0]["answer"]);
    assert_ne!(reply.body["id"], made["id"]);
    assert_ne!(reply.body["answers"][0]["id"], made["answers"][0]["id"]);
}
