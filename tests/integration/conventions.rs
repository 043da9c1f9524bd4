//! What all replies have in common, as clients see it on the wire.

use serde_json::json;

use crate::World;
use crate::raw::{send, send_without_key};

const RECORD: &str = "/v1/zones/example.test/www.example.test/A";

#[test]
fn a_path_may_be_spelled_as_clients_spell_it() {
    let world = World::with_zone("example.test");
    let plain = send(&world.server, "GET", "/v1/zones/example.test", &[], "");
    assert_eq!(plain.status, "200 OK");
    for target in [
        "/v1/zones/example.test/",
        "/v1//zones/example.test",
        "/v1/../v1/zones/example.test",
        "/v1/./zones/./example.test/",
        "/v1/zones/EXAMPLE.test",
        "/v1/zones/example%2Etest",
        "/alerting/../v1/zones/example.test",
    ] {
        assert_eq!(send(&world.server, "GET", target, &[], "").body, plain.body, "{target}");
    }
    // What lies beside /v1 is reached from it, and never outside of the API.
    for target in ["/v1/../alerting/v1/alerts", "/v1/alerting/v1/alerts", "/v1/../apikeys/v1/secrets/self"] {
        let reply = send(&world.server, "GET", target, &[], "");
        assert!(["200 OK", "501 Not Implemented"].contains(&&*reply.status), "{target}: {reply:?}");
    }
    for target in ["/../../etc/passwd", "/v1/../../../etc/passwd"] {
        assert_eq!(send(&world.server, "GET", target, &[], "").status, "404 Not Found", "{target}");
    }
}

#[test]
fn the_content_type_of_a_body_does_not_matter() {
    let world = World::with_zone("example.test");
    let body = json!({"answers": [{"answer": ["192.0.2.1"]}]}).to_string();
    for kind in [
        None,
        Some("application/json"),
        Some("application/x-www-form-urlencoded"),
        Some("text/plain; charset=utf-8"),
        Some("nonsense"),
    ] {
        let headers: Vec<(&str, &str)> = kind.into_iter().map(|kind| ("Content-Type", kind)).collect();
        let put = send(&world.server, "PUT", RECORD, &headers, &body);
        assert_eq!(put.status, "200 OK", "{kind:?}: {}", put.body);
        assert_eq!(send(&world.server, "POST", RECORD, &headers, "{\"ttl\":9}").json()["ttl"], 9, "{kind:?}");
        // Some clients send an empty object with every request.
        assert_eq!(send(&world.server, "GET", RECORD, &headers, "{}").json()["ttl"], 9, "{kind:?}");
        assert_eq!(send(&world.server, "DELETE", RECORD, &headers, "{}").body, "{}\n", "{kind:?}");
    }
}

#[test]
fn statuses_have_their_standard_phrases() {
    let world = World::with_zone("example.test");
    let server = &world.server;
    for (reply, status) in [
        (send(server, "GET", "/v1/zones/example.test", &[], ""), "200 OK"),
        (
            send(server, "PUT", "/v1/zones/example.test", &[], "{\"zone\":\"example.test\"}"),
            "400 Bad Request",
        ),
        (send(server, "GET", "/v1/zones/missing.test", &[], ""), "404 Not Found"),
        (send(server, "GET", "/v1/nothing", &[], ""), "404 Not Found"),
        (send(server, "PATCH", "/v1/zones/example.test", &[], "{}"), "405 Method Not Allowed"),
        (send(server, "TRACE", &format!("{RECORD}?dry_run=true"), &[], ""), "405 Method Not Allowed"),
        (send_without_key(server, "GET", "/v1/zones", &[], ""), "401 Unauthorized"),
        (send_without_key(server, "GET", "/v1/zones", &[("X-NSONE-KEY", "wrong")], ""), "401 Unauthorized"),
    ] {
        assert_eq!(reply.status, status, "{reply:?}");
        if status != "200 OK" {
            assert!(reply.json()["message"].as_str().is_some_and(|message| !message.is_empty()), "{reply:?}");
        }
    }
}

#[test]
fn every_reply_is_compact_and_carries_the_headers_that_clients_read() {
    let world = World::with_zone("example.test");
    let server = &world.server;
    let replies = [
        send(server, "GET", "/v1/zones", &[], ""),
        send(server, "GET", "/v1/zones/example.test", &[], ""),
        send(server, "GET", "/v1/zones/missing.test", &[], ""),
        send(server, "GET", "/v1/nothing", &[], ""),
        send(server, "POST", "/v1/zones/example.test", &[], "{\"ttl\":60}"),
        send(server, "POST", "/v1/zones/example.test", &[], "{broken"),
        send(server, "DELETE", "/v1/zones/example.test", &[], ""),
        send_without_key(server, "GET", "/v1/zones", &[], ""),
    ];
    for reply in &replies {
        let compact = format!("{}\n", reply.json());
        assert_eq!(reply.body, compact);
        assert_eq!(reply.header("Content-Length"), compact.len().to_string());
        for (name, value) in [
            ("Content-Type", "application/json"),
            ("Pragma", "no-cache"),
            ("Cache-Control", "no-cache"),
            ("Expires", "0"),
            ("X-RateLimit-By", "customer"),
        ] {
            assert_eq!(reply.header(name), value, "{name} of {reply:?}");
        }
        assert!(!reply.header("Server").is_empty());
        let number =
            |name: &str| reply.header(name).parse::<u64>().unwrap_or_else(|_| panic!("{name}: {reply:?}"));
        let (limit, left) = (number("X-RateLimit-Limit"), number("X-RateLimit-Remaining"));
        assert!(number("X-RateLimit-Period") > 0 && left <= limit && left > 1, "{reply:?}");
    }
}

#[test]
fn a_read_carries_an_entity_tag_of_forty_digits_that_changes_with_the_object() {
    let world = World::with_zone("example.test");
    let get = |headers: &[(&str, &str)]| send(&world.server, "GET", "/v1/zones/example.test", headers, "");
    let first = get(&[]);
    let tag = first.header("ETag").to_owned();
    let digits = tag.trim_matches('"');
    assert!(digits.len() == 40 && digits.bytes().all(|digit| digit.is_ascii_hexdigit()), "{tag}");
    let again = get(&[("If-None-Match", &tag)]);
    assert_eq!((&*again.status, &*again.body, again.header("ETag")), ("304 Not Modified", "", &*tag));
    send(&world.server, "POST", "/v1/zones/example.test", &[], "{\"ttl\":61}");
    let changed = get(&[("If-None-Match", &tag)]);
    assert_eq!(changed.status, "200 OK");
    assert_ne!(changed.header("ETag"), tag);
}

#[test]
fn the_next_page_has_the_scheme_and_host_of_the_request() {
    let world = World::with_zone("a.test");
    world.server.api().put("/v1/zones/b.test", &json!({"zone": "b.test"})).unwrap();
    for (headers, base) in [
        (vec![("Host", "api.example:8080")], "http://api.example:8080"),
        (vec![("Host", "api.example"), ("X-Forwarded-Proto", "https")], "https://api.example"),
    ] {
        let reply = send(&world.server, "GET", "/v1/zones?limit=1", &headers, "");
        assert_eq!(reply.header("Link"), format!("<{base}/v1/zones?limit=1&after=a.test>; rel=\"next\""));
    }
    assert_eq!(send(&world.server, "GET", "/v1/zones", &[], "").header("Link"), "");
}

#[test]
fn what_was_read_can_be_sent_back_and_is_no_change() {
    let world = World::with_zone("example.test");
    let server = &world.server;
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"up": true, "weight": "3"}},
            {"answer": ["192.0.2.2"], "region": "eu"},
        ],
        "regions": {"eu": {"meta": {"country": "DE"}}},
        "filters": [
            {"filter": "up", "config": {}},
            {"filter": "geofence_regional", "config": {"remove_no_georegion": true}},
            {"filter": "select_first_n", "config": {"N": "1"}},
        ],
    });
    send(server, "PUT", RECORD, &[], &body.to_string());
    for target in ["/v1/zones/example.test", RECORD] {
        let zone = || send(server, "GET", "/v1/zones/example.test", &[], "").body;
        let (before, zone_before) = (send(server, "GET", target, &[], ""), zone());
        let sent_back = send(server, "POST", target, &[], &before.body);
        assert_eq!(sent_back.status, "200 OK", "{sent_back:?}");
        assert_eq!(sent_back.body, before.body, "{target}");
        assert_eq!(zone(), zone_before, "the serial stays");
    }
}
