//! Records of any shape: what a client has read, or has written before, is no change when it is written.

use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{Config, TestRunner};
use serde_json::{Map, Value, json};

use crate::testing::TestApi;

/// Stands for the id of the feed, which is not known before the test runs.
const FEED: &str = "FEED";

/// Metadata in the forms that clients send.
fn metadata() -> impl Strategy<Value = Value> {
    let values = vec![
        ("up", json!({"feed": FEED})),
        ("up", json!("1")),
        ("up", json!(false)),
        ("up", json!(null)),
        ("weight", json!("12.50")),
        ("weight", json!(0)),
        ("weight", json!({"feed": FEED})),
        ("priority", json!(1.0)),
        ("cost", json!(2)),
        ("country", json!("DE")),
        ("country", json!(["us", "CA"])),
        ("us_state", json!([])),
        ("subdivisions", json!({"BR": ["SP", "SC"]})),
        ("georegion", json!("us-east")),
        ("latitude", json!("-1.50")),
        ("loadAvg", json!(1.25)),
        ("loadavg", json!({"feed": FEED})),
        ("low_watermark", json!(0.5)),
        ("high_watermark", json!("7")),
        ("asn", json!(["64500", 64501])),
        ("ip_prefixes", json!(["192.0.2.7/24", "2001:DB8::/32"])),
        ("note", json!("  pool:a  ")),
        ("additional_metadata", json!([{"b": "1", "a": "2"}])),
        ("pulse", json!("x")),
    ];
    let table = |pairs: Vec<(&str, Value)>| {
        let mut table = Map::new();
        for (key, value) in pairs {
            table.insert(key.to_owned(), value);
        }
        Value::Object(table)
    };
    subsequence(values, 0..5).prop_shuffle().prop_map(table)
}

fn answer() -> impl Strategy<Value = Value> {
    let address = select(vec!["192.0.2.1", "192.0.2.2", "192.0.2.3"]);
    let region = select(vec![None, Some("eu"), Some("us"), Some("nowhere"), Some("")]);
    (address, 0..4, metadata(), region).prop_map(|(address, form, meta, region)| match form {
        0 => json!(address),
        1 => json!([address]),
        2 => json!({"answer": address, "meta": meta}),
        _ => json!({"answer": [address], "meta": meta, "region": region}),
    })
}

fn chain() -> impl Strategy<Value = Value> {
    let steps = vec![
        json!({"filter": "up"}),
        json!({"filter": "geofence_country", "config": {"remove_no_location": "1"}}),
        json!({"filter": "geotarget_regional", "config": {}, "disabled": true}),
        json!({"filter": "shed_load", "config": {"metric": "loadavg"}, "disabled": "0"}),
        json!({"filter": "priority", "config": {"eliminate": 0}}),
        json!({"filter": "weighted_sticky", "config": {"sticky_by_network": "true"}}),
        json!({"filter": "group_sticky_shuffle", "config": null}),
        json!({"filter": "select_first_n", "config": {"N": "2"}}),
    ];
    subsequence(steps, 0..6).prop_shuffle().prop_map(Value::from)
}

/// The body of a request that makes a record.
fn record() -> impl Strategy<Value = Value> {
    let regions = prop_oneof![
        Just(json!({})),
        metadata().prop_map(|meta| json!({"us": {"meta": meta}, "eu": {}})),
        metadata().prop_map(|meta| json!({"eu": {"meta": meta}})),
    ];
    let rest = vec![
        ("ttl", json!("60")),
        ("ttl", json!(0)),
        ("use_client_subnet", json!("0")),
        ("override_ttl", json!(1)),
        ("tags", json!({"b": "x", "a": null})),
        ("blocked_tags", json!(["b"])),
        ("link", json!(null)),
        ("networks", json!([0, 0])),
        ("on_empty", json!("all")),
    ];
    (vec(answer(), 0..6), chain(), regions, metadata(), subsequence(rest, 0..5)).prop_map(
        |(answers, filters, regions, meta, rest)| {
            let mut body = json!({"answers": answers, "filters": filters, "regions": regions, "meta": meta});
            for (key, value) in rest {
                body[key] = value;
            }
            body
        },
    )
}

/// The reply of a write that is to succeed, and the number of the last change there is then.
async fn write(api: &TestApi, method: &str, path: &str, body: &Value) -> (Value, String) {
    let reply = api.call(method, path, body.clone()).await;
    assert_eq!(reply.status, 200, "{method} {body}: {}", reply.text());
    (reply.json(), reply.header("x-sextant-revision").to_owned())
}

#[test]
fn any_record_sent_back_is_no_change() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let api = runtime.block_on(TestApi::new());
    let feed = runtime.block_on(async {
        api.done("PUT", "/v1/zones/a.test", json!({"zone": "a.test"})).await;
        let source =
            api.done("PUT", "/v1/data/sources", json!({"name": "s", "sourcetype": "nsone_v1"})).await;
        let feeds = format!("/v1/data/feeds/{}", source["id"].as_str().unwrap());
        api.done("PUT", &feeds, json!({"name": "f", "config": {"label": "l"}})).await["id"].clone()
    });
    let feed = feed.as_str().unwrap();
    let path = "/v1/zones/a.test/www.a.test/A";
    let mut runner = TestRunner::new(Config { cases: 150, failure_persistence: None, ..Config::default() });
    let outcome = runner.run(&record(), |body| {
        let body: Value = serde_json::from_str(&body.to_string().replace(FEED, feed)).unwrap();
        runtime.block_on(async {
            let made = write(&api, "PUT", path, &body).await;
            let read = api.get(path).await.json();
            assert_eq!(read, made.0);
            let mut bare = read.clone();
            for answer in bare["answers"].as_array_mut().unwrap() {
                answer.as_object_mut().unwrap().retain(|key, _| !["id", "feeds"].contains(&key.as_str()));
            }
            for again in [&read, &bare, &body] {
                assert_eq!(write(&api, "POST", path, again).await, made, "{again}");
            }
            let clone = write(&api, "PUT", "/v1/zones/a.test/copy.a.test/A", &renamed(&read)).await.0;
            assert_eq!(clone["filters"], read["filters"]);
            for record in [path, "/v1/zones/a.test/copy.a.test/A"] {
                api.done("DELETE", record, Value::Null).await;
            }
            let feeds = api.get("/v1/data/sources").await.json();
            assert_eq!(feeds[0]["feeds"][0]["destinations"], json!([]), "no use is left behind");
        });
        Ok(())
    });
    outcome.unwrap();
}

fn renamed(record: &Value) -> Value {
    let mut copy = record.clone();
    copy["domain"] = json!("copy.a.test");
    copy
}
