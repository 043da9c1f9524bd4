//! Wrong input over REST: the right status, a message that names the field, and nothing stored.

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};

use crate::World;
use crate::raw::send;

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

#[test]
fn every_refusal_names_the_field_and_what_it_allows() {
    let world = World::with_zone("example.test");
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    let api = world.server.api();
    let source = api.put("/v1/data/sources", &json!({"name": "s", "sourcetype": "nsone_v1"})).unwrap().body;
    let source = source["id"].as_str().unwrap();
    let feed = api
        .put(&format!("/v1/data/feeds/{source}"), &json!({"name": "f", "config": {"label": "l"}}))
        .unwrap();
    let feed = feed.body["id"].as_str().unwrap();
    let zone = "/v1/zones/example.test";
    let (sources, feeds) = (format!("/v1/data/sources/{source}"), format!("/v1/data/feeds/{source}"));
    let (one_feed, push) = (format!("{feeds}/{feed}"), format!("/v1/feed/{source}"));
    let (explain, simulate) =
        ("/v1/explain/example.test/www.example.test/A", "/v1/simulate/example.test/www.example.test/A");
    let cases: &[Case<'_>] = &[
        ("POST", zone, "", &["body", "JSON"]),
        ("POST", zone, "{\"ttl\":", &["JSON"]),
        ("POST", zone, "[]", &["object"]),
        ("POST", zone, "\"x\"", &["object"]),
        ("POST", zone, "{\"ttl\":\"soon\"}", &["ttl", "integer"]),
        ("POST", zone, "{\"ttl\":-1}", &["ttl", "2147483647"]),
        ("POST", zone, "{\"nx_ttl\":1.5}", &["nx_ttl", "integer"]),
        ("POST", zone, "{\"refresh\":[]}", &["refresh", "integer"]),
        ("POST", zone, "{\"retry\":{}}", &["retry", "integer"]),
        ("POST", zone, "{\"expiry\":99999999999}", &["expiry", "2147483647"]),
        ("POST", zone, "{\"hostmaster\":5}", &["hostmaster", "string"]),
        ("POST", zone, "{\"hostmaster\":\"\"}", &["hostmaster", "non-empty"]),
        ("POST", zone, "{\"primary_master\":\"a..b\"}", &["primary_master"]),
        ("POST", zone, "{\"networks\":[7]}", &["networks[0]", "0"]),
        ("POST", zone, "{\"networks\":\"0\"}", &["networks", "array"]),
        ("POST", zone, "{\"meta\":[]}", &["meta", "object"]),
        ("POST", zone, "{\"dnssec\":\"maybe\"}", &["dnssec", "boolean"]),
        ("POST", zone, "{\"link\":7}", &["link", "string"]),
        ("POST", zone, "{\"zone\":\"other.test\"}", &["zone", "example.test"]),
        ("POST", zone, "{\"primary\":7}", &["primary", "object"]),
        ("POST", zone, "{\"secondary\":7}", &["secondary", "object"]),
        ("POST", RECORD, "{\"answers\":[{}]}", &["answers[0]", "answer"]),
        ("POST", RECORD, "{\"answers\":[7]}", &["answers[0]", "object"]),
        ("POST", RECORD, "{\"answers\":[{\"answer\":[]}]}", &["answers[0].answer", "at least one"]),
        (
            "POST",
            RECORD,
            "{\"answers\":[{\"answer\":[null]}]}",
            &["answers[0].answer[0]", "string or a number"],
        ),
        ("POST", RECORD, "{\"answers\":[{\"answer\":[\"x\"]}]}", &["answer", "\\\"x\\\""]),
        ("POST", RECORD, "{\"regions\":{\"eu\":5}}", &["regions.eu", "object"]),
        (
            "POST",
            RECORD,
            "{\"filters\":[{\"filter\":\"up\",\"x\":1}]}",
            &["filters[0]", "config", "disabled"],
        ),
        ("POST", RECORD, "{\"filters\":[{}]}", &["filters[0].filter"]),
        ("POST", RECORD, "{\"meta\":{\"up\":\"maybe\"}}", &["up", "maybe"]),
        ("POST", RECORD, "{\"on_empty\":\"none\"}", &["on_empty", "nodata", "previous"]),
        ("POST", RECORD, "{\"ttl\":4294967296}", &["ttl", "2147483647"]),
        ("POST", RECORD, "{\"use_client_subnet\":5}", &["use_client_subnet", "boolean"]),
        ("PUT", "/v1/zones/example.test/x.example.test/NOPE", "{\"answers\":[]}", &["NOPE"]),
        ("PUT", "/v1/zones/example.test/x.example.test/A", "{}", &["answers"]),
        ("PUT", "/v1/zones/a.test", "{}", &["zone"]),
        ("PUT", "/v1/zones/a..test", "{\"zone\":\"a..test\"}", &["zone", "a..test"]),
        ("GET", "/v1/zones?limit=many", "", &["limit", "whole number"]),
        ("GET", "/v1/zones?after=a..b", "", &["after", "a..b"]),
        ("GET", "/v1/zones/example.test?records=perhaps", "", &["records", "true or false"]),
        ("GET", "/v1/zones/example.test?after=x", "", &["after", "NAME/TYPE"]),
        ("GET", "/v1/zones/example.test?q=%zz", "", &["q", "escapes"]),
        ("GET", "/v1/search", "", &["q", "required"]),
        ("GET", "/v1/search?q=a&type=b", "", &["type", "zone, record, all or answers"]),
        ("GET", "/v1/search?q=a&max=-1", "", &["max", "whole number"]),
        ("GET", explain, "", &["client", "address"]),
        ("GET", &format!("{explain}?client=here"), "", &["client", "here"]),
        ("GET", &format!("{explain}?client=192.0.2.1&ecs=192.0.2.0/33"), "", &["ecs", "/33"]),
        ("POST", simulate, "{\"clients\":[]}", &["clients", "10000"]),
        ("POST", simulate, "{\"clients\":[\"x\"]}", &["clients[0]", "address"]),
        ("POST", simulate, "{\"draws\":0}", &["draws", "1000"]),
        ("POST", simulate, "{\"population\":\"world\"}", &["population", "countries"]),
        ("POST", simulate, "{\"clint\":1}", &["clint", "clients"]),
        ("PUT", "/v1/data/sources", "{}", &["name"]),
        ("PUT", "/v1/data/sources", "{\"name\":\"x\"}", &["sourcetype"]),
        ("PUT", "/v1/data/sources", "{\"name\":\"\",\"sourcetype\":\"nsone_v1\"}", &["name", "1 to"]),
        (
            "PUT",
            "/v1/data/sources",
            "{\"name\":\"x\",\"sourcetype\":\"nope\"}",
            &["sourcetype", "nope", "nsone_v1"],
        ),
        ("POST", &sources, "{\"config\":7}", &["config", "object"]),
        ("PUT", &feeds, "{\"name\":\"x\",\"config\":{}}", &["config.label"]),
        ("POST", &one_feed, "{\"name\":7}", &["name", "string"]),
        ("POST", &push, "[]", &["object"]),
        ("POST", &push, "{\"up\":\"maybe\"}", &["up", "maybe"]),
        ("POST", &push, "{\"nope\":1}", &["nope", "known keys"]),
        ("POST", &push, "{\"l\":{\"weight\":\"heavy\"}}", &["weight", "heavy"]),
        ("PUT", "/v1/import/zonefile/b.test", "x", &["multipart/form-data", "zonefile"]),
    ];
    refused(&world, cases);
}

#[test]
fn every_refusal_about_the_account_names_the_field_and_what_it_allows() {
    let world = World::with_zone("example.test");
    let keys = "/v1/account/apikeys";
    refused(
        &world,
        &[
            ("PUT", keys, "{}", &["name"]),
            ("PUT", keys, "{\"name\":7}", &["name", "string"]),
            ("PUT", keys, "{\"name\":\"x\"}", &["name", "2 to 64"]),
            ("PUT", keys, "{\"name\":\"ci\",\"permissions\":5}", &["permissions", "object"]),
            ("PUT", keys, "{\"name\":\"ci\",\"permissions\":{\"dns\":5}}", &["permissions.dns", "object"]),
            (
                "PUT",
                keys,
                "{\"name\":\"ci\",\"permissions\":{\"dns\":{\"view_zones\":\"maybe\"}}}",
                &["permissions.dns.view_zones", "boolean"],
            ),
            (
                "PUT",
                keys,
                "{\"name\":\"ci\",\"permissions\":{\"dns\":{\"records_allow\":[{}]}}}",
                &["records_allow[0].zone"],
            ),
            ("PUT", keys, "{\"name\":\"ci\",\"ip_whitelist\":[\"x\"]}", &["ip_whitelist[0]", "192.0.2.0/24"]),
            ("PUT", keys, "{\"name\":\"ci\",\"teams\":[\"zz\"]}", &["teams", "zz"]),
            ("PUT", keys, "{\"name\":\"ci\",\"expiry_duration\":\"soon\"}", &["expiry_duration", "3650d"]),
            ("PUT", "/v1/account/teams", "{\"name\":\"\"}", &["name", "1 to 64"]),
            ("PUT", "/v1/account/users", "{\"username\":\"jane\"}", &["email"]),
            (
                "PUT",
                "/v1/account/whitelist",
                "{\"name\":\"w\",\"values\":[\"x\"]}",
                &["values[0]", "192.0.2.0/24"],
            ),
            ("POST", "/v1/account/settings", "{\"address\":5}", &["address", "object"]),
            (
                "POST",
                "/v1/account/usagewarnings",
                "{\"queries\":{\"warning_1\":\"x\"}}",
                &["queries.warning_1"],
            ),
            ("POST", "/v1/account/plan", "{\"type\":\"gold\"}", &["type", "self-hosted"]),
            ("PUT", "/v1/account/paymentmethods", "{\"card\":1}", &["payment"]),
            ("PUT", "/apikeys/v1/secrets/self", "{\"enabled\":5}", &["enabled", "boolean"]),
            ("GET", "/v1/account/activity?limit=x", "", &["limit", "whole number"]),
            ("GET", "/v1/account/activity?start=x", "", &["start", "whole number"]),
        ],
    );
}

/// A method, a path, a body, and what the message has to say.
type Case<'a> = (&'a str, &'a str, &'a str, &'a [&'a str]);

/// Sends each request, which has to be refused and to change nothing.
fn refused(world: &World, cases: &[Case<'_>]) {
    let before = everything(world);
    for (method, path, body, parts) in cases {
        let reply = send(&world.server, method, path, &[], body);
        assert_eq!(reply.status, "400 Bad Request", "{method} {path} {body}: {}", reply.body);
        let message = reply.json()["message"].as_str().unwrap_or_default().to_owned();
        for part in *parts {
            assert!(
                message.contains(&part.replace('\\', "")),
                "{method} {path} {body}: {message:?} lacks {part}"
            );
        }
        assert!(message.len() < 1_000, "{method} {path} {body}: a message of {} octets", message.len());
    }
    assert_eq!(everything(world), before, "nothing was stored");
}

/// All that a refused request could have changed.
fn everything(world: &World) -> Vec<Value> {
    let read = |path: &str| world.server.api().get(path).expect("a reply").body;
    ["/v1/zones", "/v1/zones/example.test", RECORD, "/v1/data/sources", "/v1/account/activity"]
        .map(read)
        .to_vec()
}

#[test]
fn floods_are_refused_at_a_limit_and_the_server_lives() {
    let world = World::with_zone("example.test");
    let server = &world.server;
    let answer = "{\"answer\":[\"192.0.2.1\"]}";
    let many = format!("{{\"answers\":[{}]}}", vec![answer; 100_000].join(","));
    let reply = send(server, "PUT", RECORD, &[], &many);
    assert_eq!(reply.status, "400 Bad Request");
    assert!(reply.body.contains("answers") && reply.body.contains("4096"), "{}", reply.body);
    for deep in ["[".repeat(100_000), "{\"a\":".repeat(100_000)] {
        let reply = send(server, "PUT", RECORD, &[], &format!("{{\"meta\":{deep}"));
        assert_eq!(reply.status, "400 Bad Request", "{}", reply.body);
    }
    let headers: Vec<(String, String)> = (0..500).map(|n| (format!("X-Flood-{n}"), "x".to_owned())).collect();
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (&**name, &**value)).collect();
    assert_eq!(send(server, "GET", "/v1/zones", &headers, "").status, "431 Request Header Fields Too Large");
    let long = format!("/v1/zones/{}", "a".repeat(10_000));
    assert_eq!(send(server, "GET", &long, &[], "").status, "414 URI Too Long");
    let announced = [("Content-Length", "99999999999")];
    assert_eq!(send(server, "PUT", RECORD, &announced, "").status, "413 Payload Too Large");
    assert!(!server.ask("example.test", RecordType::SOA).unwrap().answers().is_empty());
}
