//! Filter chains, seen over DNS.

use hickory_proto::rr::RecordType;
use serde_json::json;
use sextant_tests::{Question, exchange_tcp};

use crate::{World, launch};

/// RIPE NCC's office network, in the Netherlands.
const IN_NL: &str = "193.0.6.0/24";
/// NIC.br's, in Brazil.
const IN_BR: &str = "200.160.2.0/24";
/// Keio University's, in Japan.
const IN_JP: &str = "131.113.0.0/24";

#[test]
fn geotarget_country_answers_with_the_nearest_country_and_an_exact_scope() {
    let world = World::with_zone("example.test");
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"country": ["DE"]}},
            {"answer": ["192.0.2.2"], "meta": {"country": "BR"}},
            {"answer": ["192.0.2.3"], "meta": {"country": ["KR", "JP"]}},
        ],
        "filters": [{"filter": "geotarget_country", "config": {}}, {"filter": "select_first_n", "config": {"N": 1}}],
    });
    world.record("example.test", "www.example.test", "A", &body);
    for (subnet, expected) in [(IN_NL, "A 192.0.2.1"), (IN_BR, "A 192.0.2.2"), (IN_JP, "A 192.0.2.3")] {
        let reply = world.server.ask_for("www.example.test", RecordType::A, subnet).unwrap();
        assert_eq!(reply.answers(), [expected], "{subnet}");
        assert!(reply.scope().is_some_and(|scope| scope > 0 && scope <= 32), "{:?}", reply.scope());
    }
}

#[test]
fn geotarget_regional_and_latlong_sort_by_distance() {
    let world = World::with_zone("example.test");
    let chain = |name: &str| json!([{"filter": name, "config": {}}, {"filter": "select_first_n", "config": {"N": "1"}}]);
    let regional = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"georegion": "EUROPE"}},
            {"answer": ["192.0.2.2"], "meta": {"georegion": ["SOUTH-AMERICA"]}},
            {"answer": ["192.0.2.3"], "meta": {"georegion": ["ASIAPAC"]}},
        ],
        "filters": chain("geotarget_regional"),
    });
    let by_point = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"latitude": 52.4, "longitude": 4.9}},
            {"answer": ["192.0.2.2"], "meta": {"latitude": "-23.5", "longitude": "-46.6"}},
            {"answer": ["192.0.2.3"], "meta": {"latitude": 35.7, "longitude": 139.7}},
        ],
        "filters": chain("geotarget_latlong"),
    });
    world.record("example.test", "regional.example.test", "A", &regional);
    world.record("example.test", "point.example.test", "A", &by_point);
    for owner in ["regional.example.test", "point.example.test"] {
        for (subnet, expected) in [(IN_NL, "A 192.0.2.1"), (IN_BR, "A 192.0.2.2"), (IN_JP, "A 192.0.2.3")] {
            assert_eq!(
                world.server.ask_for(owner, RecordType::A, subnet).unwrap().answers(),
                [expected],
                "{owner} {subnet}"
            );
        }
    }
}

#[test]
fn weights_decide_the_shares() {
    let world = World::with_zone("example.test");
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"weight": 3}},
            {"answer": ["192.0.2.2"], "meta": {"weight": "1"}},
            {"answer": ["192.0.2.3"], "meta": {"weight": 0}},
        ],
        "filters": [{"filter": "weighted_shuffle", "config": {}}, {"filter": "select_first_n", "config": {"N": 1}}],
    });
    world.record("example.test", "www.example.test", "A", &body);
    let draws = 4_000;
    let questions = vec![Question::new("www.example.test", RecordType::A); draws];
    let replies = exchange_tcp(world.server.dns(), &questions).unwrap();
    let share = |answer: &str| replies.iter().filter(|reply| reply.answers() == [answer]).count();
    assert_eq!(share("A 192.0.2.3"), 0);
    assert_eq!(share("A 192.0.2.1") + share("A 192.0.2.2"), draws);
    // 3,000 expected with a standard deviation of 27; eight of those either way.
    assert!((2_784..=3_216).contains(&share("A 192.0.2.1")), "{}", share("A 192.0.2.1"));
}

#[test]
fn shed_load_removes_above_the_high_watermark_and_never_everything() {
    let world = World::with_zone("example.test");
    let watermarks = |load: f64| json!({"loadavg": load, "low_watermark": 1, "high_watermark": 2});
    let chain = json!([{"filter": "shed_load", "config": {"metric": "loadavg"}}]);
    let some = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": watermarks(0.5)}, {"answer": ["192.0.2.2"], "meta": watermarks(2.5)}],
        "filters": chain,
    });
    let all = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": watermarks(3.0)}, {"answer": ["192.0.2.2"], "meta": watermarks(2.5)}],
        "filters": chain,
    });
    world.record("example.test", "some.example.test", "A", &some);
    world.record("example.test", "all.example.test", "A", &all);
    assert_eq!(world.server.ask("some.example.test", RecordType::A).unwrap().answers(), ["A 192.0.2.1"]);
    assert_eq!(world.server.ask("all.example.test", RecordType::A).unwrap().answers().len(), 2);
}

#[test]
fn metadata_comes_from_the_answer_then_its_region_then_the_record() {
    let world = World::with_zone("example.test");
    let body = json!({
        "meta": {"up": true},
        "regions": {"dark": {"meta": {"up": false}}},
        "answers": [
            {"answer": ["192.0.2.1"]},
            {"answer": ["192.0.2.2"], "region": "dark"},
            {"answer": ["192.0.2.3"], "region": "dark", "meta": {"up": "1"}},
        ],
        "filters": [{"filter": "up", "config": {}}],
    });
    world.record("example.test", "www.example.test", "A", &body);
    assert_eq!(
        world.server.ask("www.example.test", RecordType::A).unwrap().answers(),
        ["A 192.0.2.1", "A 192.0.2.3"]
    );
}

#[test]
fn a_record_that_ignores_the_client_subnet_says_scope_zero() {
    let world = World::with_zone("example.test");
    let body = json!({
        "use_client_subnet": false,
        "answers": [{"answer": ["192.0.2.1"], "meta": {"country": "NL"}}, {"answer": ["192.0.2.2"], "meta": {"country": "BR"}}],
        "filters": [{"filter": "geotarget_country", "config": {}}, {"filter": "select_first_n", "config": {}}],
    });
    world.record("example.test", "www.example.test", "A", &body);
    world.plain("example.test", "static.example.test", "A", &[json!(["192.0.2.9"])]);
    for owner in ["www.example.test", "static.example.test"] {
        let reply = world.server.ask_for(owner, RecordType::A, IN_BR).unwrap();
        assert_eq!(reply.scope(), Some(0), "{owner}");
        assert_eq!(reply.answers().len(), 1);
    }
    assert_eq!(
        world.server.ask_for("www.example.test", RecordType::A, IN_BR).unwrap().answers(),
        ["A 192.0.2.1"]
    );
}

#[test]
fn a_disabled_filter_is_kept_and_skipped() {
    let world = World::with_zone("example.test");
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"]}, {"answer": ["192.0.2.2"]}],
        "filters": [{"filter": "select_first_n", "config": {"N": 1}, "disabled": true}],
    });
    let stored = world.record("example.test", "www.example.test", "A", &body);
    assert_eq!(stored["filters"], body["filters"]);
    assert_eq!(world.server.ask("www.example.test", RecordType::A).unwrap().answers().len(), 2);
}

#[test]
fn a_geography_file_stands_in_for_the_embedded_one() {
    let folder = tempfile::tempdir().unwrap();
    let city = concat!(env!("CARGO_MANIFEST_DIR"), "/../geoip-data/tests/data/GeoLite2-City-Test.mmdb");
    let server = launch(&folder).arguments(&["--geoip-city", city]).start().unwrap();
    let world = World { server, folder };
    world.server.api().put("/v1/zones/example.test", &json!({"zone": "example.test"})).unwrap();
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"country": "GB"}},
            {"answer": ["192.0.2.2"], "meta": {"country": "SE"}},
        ],
        "filters": [{"filter": "geotarget_country", "config": {}}, {"filter": "select_first_n", "config": {}}],
    });
    world.record("example.test", "www.example.test", "A", &body);
    // The file places these networks in London and in Linkoeping, and has nothing for the third.
    let ask = |subnet| world.server.ask_for("www.example.test", RecordType::A, subnet).unwrap();
    assert_eq!(ask("81.2.69.160/27").answers(), ["A 192.0.2.1"]);
    assert_eq!(ask("89.160.20.112/28").answers(), ["A 192.0.2.2"]);
    assert_eq!(ask("89.160.20.112/28").scope(), Some(28));
    assert_eq!(ask("193.0.6.0/24").answers(), ["A 192.0.2.1"]);
}
