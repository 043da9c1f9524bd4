//! The request sequences of ACME clients: acme.sh, certbot and lego.
//!
//! They are replayed byte by byte, with the checks that each makes on raw text or on reason phrases.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};
use sextant_tests::Server;

use crate::World;
use crate::raw::{RawReply, send};

const ZONE: &str = "example.test";
const NAME: &str = "_acme-challenge.www.example.test";
const RECORD: &str = "/v1/zones/example.test/_acme-challenge.www.example.test/TXT";

fn tokens(server: &Server) -> Vec<String> {
    server.ask(NAME, RecordType::TXT).expect("a reply").answers()
}

/// What acme.sh finds with `"domain":"NAME",[^{]*"type":"TXT"`.
fn has_text_record(reply: &RawReply) -> bool {
    let start = format!("\"domain\":\"{NAME}\",");
    reply.body.split(&start).skip(1).any(|rest| {
        let object = rest.split('{').next().unwrap_or_default();
        object.contains("\"type\":\"TXT\"")
    })
}

/// What acme.sh cuts out of `"domain":"NAME","short_answers":["VALUE`: the first value with its quotes.
fn first_short_answer(reply: &RawReply) -> Option<String> {
    let start = format!("\"domain\":\"{NAME}\",\"short_answers\":[");
    let rest = reply.body.split(&start).nth(1)?;
    rest.split([',', ']']).next().map(str::to_owned)
}

#[test]
fn acme_sh_finds_what_it_looks_for_in_raw_text() {
    let world = World::with_zone(ZONE);
    let server = &world.server;
    world.plain(ZONE, "www.example.test", "A", &[json!(["192.0.2.1"])]);
    let form = [("Content-Type", "application/x-www-form-urlencoded")];
    // Each parent of the name, until the list of zones has it.
    let zones = send(server, "GET", "/v1/zones", &form, "").body;
    assert!(!zones.contains("\"zone\":\"www.example.test\""));
    assert!(zones.contains("\"zone\":\"example.test\""));

    let listed = send(server, "GET", "/v1/zones/example.test", &form, "");
    assert!(listed.body.contains("\"records\":") && !has_text_record(&listed), "{}", listed.body);
    let body = format!(
        "{{\"answers\":[{{\"answer\":[\"token1\"]}}],\"type\":\"TXT\",\"domain\":\"{NAME}\",\"zone\":\"{ZONE}\",\"ttl\":0}}"
    );
    assert!(send(server, "PUT", RECORD, &form, &body).body.contains(NAME));
    assert_eq!(tokens(server), ["TXT token1"]);

    let listed = send(server, "GET", "/v1/zones/example.test", &form, "");
    assert!(has_text_record(&listed), "{}", listed.body);
    let earlier = first_short_answer(&listed).expect("the first value");
    let body = format!(
        "{{\"answers\":[{{\"answer\":[\"token2\"]}},{{\"answer\":[{earlier}]}}],\"type\":\"TXT\",\"domain\":\"{NAME}\",\"zone\":\"{ZONE}\",\"ttl\":0}}"
    );
    assert!(send(server, "POST", RECORD, &form, &body).body.contains(NAME));
    assert_eq!(tokens(server), ["TXT token1", "TXT token2"]);

    let record = send(server, "GET", RECORD, &form, "");
    let (domain, kind) =
        (record.body.find(&format!("\"domain\":\"{NAME}\",")), record.body.find("\"type\":\"TXT\""));
    assert!(domain.is_some() && domain < kind, "{}", record.body);
    assert_eq!(send(server, "DELETE", RECORD, &form, "").status, "200 OK");
    assert!(tokens(server).is_empty());
}

#[test]
fn certbot_and_lexicon_walk_up_to_the_zone_and_share_a_record() {
    let world = World::with_zone(ZONE);
    let server = &world.server;
    let json_type = [("Content-Type", "application/json")];
    let call = |method: &str, target: &str, body: &Value| {
        send(server, method, target, &json_type, &body.to_string())
    };
    for guess in ["www.example.test", "test"] {
        let reply = call("GET", &format!("/v1/zones/{guess}"), &json!({}));
        assert_eq!((&*reply.status, &*reply.body), ("404 Not Found", "{\"message\":\"zone not found\"}\n"));
    }
    assert!(call("GET", "/v1/zones/example.test", &json!({})).json()["id"].is_string());

    assert_eq!(call("GET", RECORD, &json!({})).status, "404 Not Found");
    let made =
        json!({"type": "TXT", "domain": NAME, "ttl": 60, "zone": ZONE, "answers": [{"answer": ["token1"]}]});
    assert_eq!(call("PUT", RECORD, &made).status, "200 OK");
    // The same again is refused with 400, which they take for done.
    assert_eq!(call("PUT", RECORD, &made).status, "400 Bad Request");
    let mut record = call("GET", RECORD, &json!({})).json();
    let answers = record["answers"].as_array_mut().expect("answers");
    answers.push(json!({"answer": ["token2"]}));
    let both = json!({"type": "TXT", "name": NAME, "ttl": record["ttl"], "answers": record["answers"]});
    assert_eq!(call("POST", RECORD, &both).status, "200 OK");
    assert_eq!(tokens(server), ["TXT token1", "TXT token2"]);

    let record = call("GET", RECORD, &json!({})).json();
    let left: Vec<Value> = record["answers"].as_array().expect("answers")[1..].to_vec();
    let one = json!({"type": "TXT", "name": NAME, "ttl": record["ttl"], "answers": left});
    assert_eq!(call("POST", RECORD, &one).json()["answers"][0]["id"], record["answers"][1]["id"]);
    assert_eq!(tokens(server), ["TXT token2"]);
    assert_eq!(call("DELETE", RECORD, &json!({})).body, "{}\n");
    assert_eq!(call("DELETE", RECORD, &json!({})).status, "404 Not Found");
}

#[test]
fn lego_creates_appends_and_cleans_up() {
    let world = World::with_zone(ZONE);
    let server = &world.server;
    // It finds the zone by its SOA: the apex has one, and names below it come with it as authority.
    let missing = server.ask(NAME, RecordType::SOA).expect("a reply");
    assert!(missing.answers().is_empty() && missing.authorities()[0].starts_with("SOA "), "{missing:?}");
    assert_eq!(server.ask(ZONE, RecordType::SOA).expect("a reply").answers().len(), 1);

    let zone = send(server, "GET", "/v1/zones/example.test?records=false", &[], "").json();
    assert_eq!((&zone["zone"], zone.get("records")), (&json!(ZONE), None));
    assert_eq!(send(server, "GET", RECORD, &[], "").body, "{\"message\":\"record not found\"}\n");
    let made = json!({
        "meta": {}, "zone": ZONE, "domain": NAME, "type": "TXT", "ttl": 120,
        "answers": [{"answer": ["token1"], "meta": {}}], "filters": [], "regions": {},
    });
    assert_eq!(send(server, "PUT", RECORD, &[], &made.to_string()).status, "200 OK");
    let mut record = send(server, "GET", RECORD, &[], "").json();
    record["answers"].as_array_mut().expect("answers").push(json!({"answer": ["token2"], "meta": {}}));
    assert_eq!(send(server, "POST", RECORD, &[], &record.to_string()).status, "200 OK");
    assert_eq!(tokens(server), ["TXT token1", "TXT token2"]);
    assert_eq!(send(server, "DELETE", RECORD, &[], "").status, "200 OK");
    assert_eq!(send(server, "DELETE", RECORD, &[], "").body, "{\"message\":\"record not found\"}\n");
}
