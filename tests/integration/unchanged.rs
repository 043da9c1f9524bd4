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
