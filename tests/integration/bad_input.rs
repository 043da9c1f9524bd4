//! Wrong input over REST: the right status, a message that names the field, and nothing stored.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::World;

const RECORD: &str = "/v1/zones/example.test/www.example.test/A";

fn answers(rdata: &Value) -> Value {
    json!([{"answer": rdata}])
}

#[test]
fn wrong_records_are_refused_by_name_of_the_field() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    let good = json!(["192.0.2.1"]);
    let cases = [
        (json!({"answers": answers(&json!(["192.0.2.300"]))}), "answer"),
        (json!({"answers": answers(&json!(["192.0.2.1", "192.0.2.2"]))}), "answer"),
        (json!({"answers": "192.0.2.1"}), "answers"),
        (json!({}), "answers"),
        (json!({"answers": answers(&good), "ttl": -1}), "ttl"),
        (json!({"answers": answers(&good), "ttl": "soon"}), "ttl"),
        (json!({"answers": answers(&good), "filters": [{"filter": "teleport", "config": {}}]}), "teleport"),
        (json!({"answers": answers(&good), "filters": [{"filter": "up", "config": {"maybe": 1}}]}), "maybe"),
        (
            json!({"answers": answers(&good), "filters": [{"filter": "select_first_n", "config": {"N": "many"}}]}),
            "N",
        ),
        (json!({"answers": answers(&good), "filters": null}), "filters"),
        (json!({"answers": answers(&good), "meta": {"colour": "red"}}), "colour"),
        (json!({"answers": answers(&good), "meta": {"latitude": 91}}), "latitude"),
        (json!({"answers": answers(&good), "meta": {"country": "ZZ"}}), "country"),
        (json!({"answers": answers(&good), "regions": {"a": {"meta": {"weight": "heavy"}}}}), "weight"),
        (json!({"answers": answers(&good), "use_client_subnet": "perhaps"}), "use_client_subnet"),
        (json!({"answers": answers(&good), "type": "AAAA"}), "type"),
        (json!({"answers": answers(&good), "domain": "other.example.test"}), "domain"),
        (json!({"answers": [{"answer": ["192.0.2.1"], "meta": {"weight": -3}}]}), "weight"),
    ];
    for (body, named) in cases {
        let reply = api.put(RECORD, &body).unwrap();
        assert_eq!(reply.status, 400, "{body}: {reply:?}");
        assert!(reply.message().contains(named), "{body}: {}", reply.message());
        assert_eq!(api.get(RECORD).unwrap().message(), "record not found", "{body}");
    }
    assert!(world.server.ask("www.example.test", RecordType::A).unwrap().answers().is_empty());
}

#[test]
fn what_exists_or_does_not_is_said_in_the_words_that_clients_compare() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    let body = json!({"zone": "example.test", "domain": "www.example.test", "type": "A", "answers": answers(&json!(["192.0.2.2"]))});
    let said = |reply: anyhow::Result<sextant_tests::Reply>| {
        let reply = reply.unwrap();
        (reply.status, reply.message().to_owned())
    };
    assert_eq!(
        said(api.put("/v1/zones/example.test", &json!({"zone": "example.test"}))),
        (400, "zone already exists".into())
    );
    assert_eq!(said(api.put(RECORD, &body)), (400, "record already exists".into()));
    assert_eq!(said(api.get("/v1/zones/missing.test")), (404, "zone not found".into()));
    assert_eq!(said(api.delete("/v1/zones/missing.test")), (404, "zone not found".into()));
    assert_eq!(
        said(api.put("/v1/zones/missing.test/www.missing.test/A", &json!({"wrong": true}))),
        (404, "zone not found".into())
    );
    assert_eq!(said(api.get("/v1/zones/example.test/no.example.test/A")), (404, "record not found".into()));
    assert_eq!(said(api.with_key("nope").get("/v1/no/such/path")), (401, "Unauthorized".into()));
    assert_eq!(api.get("/v1/no/such/path").unwrap().status, 404);
    assert_eq!(world.server.ask("www.example.test", RecordType::A).unwrap().answers(), ["A 192.0.2.1"]);
}

#[test]
fn names_that_do_not_fit_together_are_refused() {
    let world = World::with_zone("example.test");
    let api = world.server.api();
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    let put = |domain: &str, rtype: &str, rdata: Value| {
        api.put(
            &format!("/v1/zones/example.test/{domain}/{rtype}"),
            &json!({"zone": "example.test", "domain": domain, "type": rtype, "answers": answers(&rdata)}),
        )
        .unwrap()
    };
    for (domain, rtype, rdata, named) in [
        ("www.example.org", "A", json!(["192.0.2.1"]), "www.example.org"),
        ("www.example.test", "CNAME", json!(["a.test"]), "CNAME"),
        ("example.test", "CNAME", json!(["a.test"]), "CNAME"),
        ("a..example.test", "A", json!(["192.0.2.1"]), "a..example.test"),
        ("x.example.test", "NOTATYPE", json!(["192.0.2.1"]), "NOTATYPE"),
        ("x.example.test", "ALIAS", json!(["a.test"]), "ALIAS"),
        ("x.example.test", "URLFWD", json!(["/", "http://a.test", 301, 1, 1]), "URLFWD"),
    ] {
        let reply = put(domain, rtype, rdata);
        assert_eq!(reply.status, 400, "{domain} {rtype}: {reply:?}");
        assert!(reply.message().contains(named), "{domain} {rtype}: {}", reply.message());
    }
    let secondary = api
        .put(
            "/v1/zones/second.test",
            &json!({"zone": "second.test", "secondary": {"enabled": true, "primary_ip": "192.0.2.1"}}),
        )
        .unwrap();
    assert_eq!(secondary.status, 400, "{secondary:?}");
    assert!(secondary.message().contains("secondary"), "{}", secondary.message());
    assert_eq!(api.get("/v1/zones/second.test").unwrap().status, 404);
}

#[test]
fn garbage_over_udp_is_answered_small_or_not_at_all_and_the_server_lives() {
    let world = World::with_zone("example.test");
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.connect(world.server.dns()).unwrap();
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    let mut next = move || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state
    };
    for _ in 0..2_000 {
        let length = (next() % 64) as usize;
        let packet: Vec<u8> = (0..length).map(|_| next() as u8).collect();
        socket.send(&packet).unwrap();
    }
    assert!(!world.server.ask("example.test", RecordType::SOA).unwrap().answers().is_empty());
    socket.set_nonblocking(true).unwrap();
    let mut buffer = [0; 2_048];
    while let Ok(length) = socket.recv(&mut buffer) {
        assert!(length <= 64, "a reply of {length} octets to garbage");
    }
}
