use axum::http::StatusCode;
use serde_json::{Value, json};
use zones::{Name, RecordType, TallyKeys};

use crate::statistics::WINDOW_S;
use crate::testing::TestApi;

fn keys(zone: &str, record: Option<(&str, RecordType)>) -> TallyKeys {
    let zone = Name::parse(zone).unwrap();
    let record =
        record.map(|(owner, rtype)| TallyKeys::of_record(&zone, &Name::parse(owner).unwrap(), rtype));
    TallyKeys { zone: TallyKeys::of_zone(&zone), record: record.unwrap_or_default() }
}

async fn api_with_counts() -> TestApi {
    let api = TestApi::new().await;
    for zone in ["a.example", "b.example"] {
        api.done("PUT", &format!("/v1/zones/{zone}"), json!({ "zone": zone })).await;
    }
    let record =
        json!({ "zone": "a.example", "domain": "www.a.example", "type": "A", "answers": [["192.0.2.1"]] });
    api.done("PUT", "/v1/zones/a.example/www.a.example/A", record).await;
    let now_s = api.service.clock().now_us() / 1_000_000;
    let statistics = &api.statistics;
    statistics.count_at(now_s, keys("a.example", Some(("www.a.example", RecordType::A))), 30);
    statistics.count_at(now_s, keys("a.example", None), 10);
    statistics.count_at(now_s, keys("b.example", None), 5);
    statistics.count_at(now_s + WINDOW_S, keys("b.example", None), 0);
    api
}

#[tokio::test]
async fn the_rate_is_told_at_three_levels() {
    let api = api_with_counts().await;
    for (path, rate) in [
        ("", 4.5),
        ("/", 4.5),
        ("/a.example", 4.0),
        ("/b.example/", 0.5),
        ("/a.example/www.a.example/A", 3.0),
    ] {
        let reply = api.get(&format!("/v1/stats/qps{path}")).await;
        assert_eq!(reply.json(), json!({ "qps": rate }), "{path}");
    }
}

#[tokio::test]
async fn usage_has_a_row_for_the_account_and_one_for_each_zone() {
    let api = api_with_counts().await;
    let rows = api.get("/v1/stats/usage?period=1h").await.json();
    let shown = |row: &Value, key: &str| row[key].clone();
    assert_eq!(rows.as_array().unwrap().len(), 3);
    assert_eq!(rows[0].get("zone"), None);
    assert_eq!(
        ["queries", "zones", "records", "feeds", "jobs"].map(|key| shown(&rows[0], key)),
        [45, 2, 3, 0, 0]
    );
    assert_eq!(
        ["zone", "queries", "records"].map(|key| shown(&rows[1], key)),
        [json!("a.example"), json!(40), json!(2)]
    );
    assert_eq!(rows[2]["queries"], 5);
    let graph = rows[0]["graph"].as_array().unwrap();
    assert_eq!(graph.len(), 3);
    assert!(graph.iter().all(|point| point[0].as_u64().unwrap() % 1800 == 0 && point[1].is_u64()));
    let alone =
        api.get("/v1/stats/usage?expand=False&period=30d&aggregate=True&by_tier=True&networks=0").await;
    assert_eq!(alone.json().as_array().unwrap().len(), 1);
    assert_eq!(alone.json()[0]["graph"].as_array().unwrap().len(), 61);
}

#[tokio::test]
async fn the_account_of_a_restricted_key_is_the_zones_that_it_may_see() {
    let api = api_with_counts().await;
    let records = json!([{"zone": "a.example", "domain": "www.a.example"}]);
    for (number, (dns, rate, counts)) in [
        (json!({"zones_deny": ["a.example"]}), 0.5, [5, 1, 1]),
        (json!({"zones_allow_by_default": false, "zones_allow": ["a.example"]}), 4.0, [40, 1, 2]),
        (json!({"zones_allow_by_default": false, "records_allow": records}), 4.0, [40, 1, 2]),
        (json!({"records_deny": records}), 4.5, [45, 2, 3]),
        (json!({"zones_allow_by_default": false}), 0.0, [0, 0, 0]),
    ]
    .into_iter()
    .enumerate()
    {
        let permissions = json!({"dns": dns}).as_object().cloned().unwrap();
        let key = api.key(&format!("restricted-{number}"), permissions).await;
        let get = async |path: &str| api.call_with(&key, "GET", path, Value::Null).await.json();
        assert_eq!(get("/v1/stats/qps").await, json!({ "qps": rate }), "{dns}");
        let rows = get("/v1/stats/usage?period=30d").await;
        assert_eq!(["queries", "zones", "records"].map(|name| rows[0][name].clone()), counts, "{dns}");
        let points = rows[0]["graph"].as_array().unwrap();
        assert_eq!((points.len(), &points[60][1]), (61, &json!(counts[0])), "{dns}");
        assert_eq!(rows.as_array().unwrap().len(), 1 + counts[1]);
    }
}

#[tokio::test]
async fn usage_of_a_zone_shows_its_records_when_asked_to() {
    let api = api_with_counts().await;
    let rows = api.get("/v1/stats/usage/a.example").await.json();
    assert_eq!(rows.as_array().unwrap().len(), 1);
    assert_eq!((&rows[0]["period"], &rows[0]["queries"]), (&json!("24h"), &json!(40)));
    let rows = api.get("/v1/stats/usage/a.example?expand=true").await.json();
    assert_eq!(rows.as_array().unwrap().len(), 3, "the zone, its NS record, and the other");
    let record = rows.as_array().unwrap().iter().find(|row| row["rectype"] == "A").unwrap();
    assert_eq!((&record["domain"], &record["queries"]), (&json!("www.a.example"), &json!(30)));
    let alone = api.get("/v1/stats/usage/a.example/www.a.example/A").await.json();
    assert_eq!(alone, json!([record]));
}

#[tokio::test]
async fn expanded_usage_comes_in_pages() {
    let api = api_with_counts().await;
    let first = api.get("/v1/stats/usage?limit=1").await;
    assert_eq!(first.json().as_array().unwrap().len(), 2, "the account and one zone");
    let link = first.header("link");
    assert!(link.contains("/v1/stats/usage?limit=1&after=a.example>; rel=\"next\""), "{link}");
    let second = api.get("/v1/stats/usage?limit=1&after=a.example").await;
    assert_eq!(second.json()[0]["zone"], "b.example");
    assert_eq!(second.json().as_array().unwrap().len(), 1);
    assert_eq!(second.header("link"), "");
    let records = api.get("/v1/stats/usage/a.example?expand=true&limit=1").await;
    assert!(records.header("link").contains("after=a.example%2FNS>"), "{}", records.header("link"));
}

#[tokio::test]
async fn what_is_not_there_and_what_cannot_be_asked_is_refused() {
    let api = api_with_counts().await;
    for path in ["qps", "usage"] {
        let zone = api.get(&format!("/v1/stats/{path}/c.example")).await;
        assert_eq!((zone.status, zone.message().as_str()), (StatusCode::NOT_FOUND, "zone not found"));
        let record = api.get(&format!("/v1/stats/{path}/a.example/www.a.example/TXT")).await;
        assert_eq!((record.status, record.message().as_str()), (StatusCode::NOT_FOUND, "record not found"));
    }
    for query in ["period=7d", "expand=maybe", "networks=3", "limit=x", "after=."] {
        let reply = api.get(&format!("/v1/stats/usage?{query}")).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
        let name = query.split('=').next().unwrap();
        assert!(reply.message().contains(name), "{query}: {}", reply.message());
    }
}
