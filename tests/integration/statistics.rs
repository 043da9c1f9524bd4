//! What was asked over DNS, counted and told over REST.

use std::time::{Duration, Instant};

use hickory_proto::rr::RecordType;
use serde_json::{Value, json};
use sextant_tests::Server;

use crate::{World, launch};

/// The counts of the account, the zone and the record.
fn counts(server: &Server) -> [Value; 3] {
    ["", "/example.test", "/example.test/www.example.test/A"].map(|of| {
        let usage = server.api().get(&format!("/v1/stats/usage{of}?period=1h&expand=false")).unwrap();
        assert_eq!(usage.status, 200, "{usage:?}");
        usage.body[0]["queries"].clone()
    })
}

#[test]
fn queries_are_counted_at_three_levels_and_outlive_a_restart() {
    let world = World::with_zone("example.test");
    world.plain("example.test", "www.example.test", "A", &[json!(["192.0.2.1"])]);
    for _ in 0..5 {
        world.server.ask("www.example.test", RecordType::A).unwrap();
        world.server.ask("nope.example.test", RecordType::A).unwrap();
    }
    world.server.ask("example.org", RecordType::A).unwrap();
    let expected = [json!(10), json!(10), json!(5)];
    // Counting is done within a second; a loaded machine may need longer.
    let deadline = Instant::now() + Duration::from_secs(60);
    while counts(&world.server) != expected && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert_eq!(counts(&world.server), expected);

    let World { server, folder } = world;
    server.ask("www.example.test", RecordType::A).unwrap();
    assert!(server.terminate().unwrap().success());
    let server = launch(&folder).start().unwrap();
    assert_eq!(counts(&server), [json!(11), json!(11), json!(6)], "the last query was counted as well");
}
