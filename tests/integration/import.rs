//! Zone files over REST.

use std::fmt::Write;

use hickory_proto::rr::RecordType;
use serde_json::json;

use crate::World;

const FILE: &str = "\
$ORIGIN example.test.
$TTL 1h
@   IN SOA ns.elsewhere.test. admin.example.test. ( 2524010101 ; serial
        7200 900 1209600 300 )
    IN NS ns.elsewhere.test.
    IN MX 10 mail
mail    IN A 192.0.2.25
www 300 IN A 192.0.2.1
        IN A 192.0.2.2
*.wild  IN TXT \"a b\" c\\;d
outside.org. IN A 192.0.2.9
";

#[test]
fn an_imported_zone_is_answered_with_our_name_servers() {
    let world = World::start();
    let reply = world.server.api().import("example.test", "", FILE).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    let warnings = reply.body["warnings"].as_array().unwrap();
    assert!(warnings.iter().any(|warning| warning.as_str().unwrap().contains("outside.org")), "{warnings:?}");
    let ask = |name: &str, rtype| world.server.ask(name, rtype).unwrap();
    assert_eq!(ask("www.example.test", RecordType::A).answers(), ["A 192.0.2.1", "A 192.0.2.2"]);
    assert_eq!(ask("www.example.test", RecordType::A).message.answers[0].ttl, 300);
    assert_eq!(
        ask("example.test", RecordType::NS).answers(),
        ["NS ns1.sextant.internal.", "NS ns2.sextant.internal."]
    );
    assert_eq!(ask("example.test", RecordType::MX).additionals(), ["A 192.0.2.25"]);
    assert_eq!(ask("any.wild.example.test", RecordType::TXT).message.answers.len(), 1);
    let zone = world.server.api().get("/v1/zones/example.test").unwrap().body;
    assert_eq!(
        (&zone["refresh"], &zone["retry"], &zone["expiry"]),
        (&json!(7200), &json!(900), &json!(1_209_600))
    );
    assert!(
        world
            .server
            .api()
            .import("example.test", "", FILE)
            .unwrap()
            .message()
            .contains("zone already exists")
    );
}

#[test]
fn a_file_that_does_not_parse_names_its_line_and_stores_nothing() {
    let world = World::start();
    let reply = world.server.api().import("example.test", "", "$TTL 60\nwww IN A not-an-address\n").unwrap();
    assert_eq!(reply.status, 400);
    assert!(reply.message().contains("line 2"), "{}", reply.message());
    assert_eq!(world.server.api().get("/v1/zones/example.test").unwrap().status, 404);
}

#[test]
fn what_an_import_cannot_do_is_refused() {
    let world = World::start();
    for (query, named) in [("?views=inside", "views"), ("?name=inside", "name"), ("?networks=7", "network")] {
        let reply = world.server.api().import("example.test", query, FILE).unwrap();
        assert_eq!(reply.status, 400, "{query}: {reply:?}");
        assert!(reply.message().contains(named), "{query}: {}", reply.message());
    }
    assert_eq!(world.server.api().get("/v1/zones/example.test").unwrap().status, 404);
}

#[test]
fn an_asynchronous_import_is_followed_through_its_job() {
    let world = World::start();
    let api = world.server.api();
    let mut file = String::from("$TTL 60\n@ IN SOA ns. admin. 1 2 3 4 5\n");
    for number in 0..5_000 {
        writeln!(file, "h{number} IN A 192.0.2.{}", number % 250).unwrap();
    }
    let job = api.import("big.test", "?async=true", &file).unwrap();
    assert_eq!(job.status, 200, "{job:?}");
    assert_eq!(job.body["type"], json!("importzonefile"));
    let id = job.body["id"].as_str().unwrap().to_owned();
    assert_eq!(id.len(), 20);
    let finished = loop {
        let status = api.get(&format!("/v1/import/zonefile/{id}")).unwrap().body;
        if status["percent"] == json!(100) {
            break status;
        }
        std::thread::yield_now();
    };
    assert_eq!(finished["response_code"], json!(200), "{finished}");
    assert_eq!(
        world.server.ask("h4321.big.test", RecordType::A).unwrap().answers(),
        [format!("A 192.0.2.{}", 4_321 % 250)]
    );
    assert_eq!(api.get("/v1/import/zonefile/aaaaaaaaaaaaaaaaaaaa").unwrap().status, 404);
}
