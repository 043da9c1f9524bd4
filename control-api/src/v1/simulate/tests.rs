use serde_json::{Value, json};

use crate::testing::TestApi;

const ZONE: &str = "/v1/zones/example.com";
const GEO: &str = "/v1/simulate/example.com/geo.example.com/A";
const GEO_RECORD: &str = "/v1/zones/example.com/geo.example.com/A";

/// In Germany, Germany, Japan, and nowhere.
const CLIENTS: [&str; 4] = ["141.1.1.1", "141.1.1.2", "133.11.0.1", "192.0.2.1"];

async fn world() -> TestApi {
    let api = TestApi::new().await;
    api.done("PUT", ZONE, json!({"zone": "example.com"})).await;
    let by_country = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"country": ["DE"]}},
            {"answer": ["192.0.2.2"], "meta": {"country": "JP"}},
            {"answer": ["192.0.2.3"], "meta": {"country": "AQ"}},
        ],
        "filters": [{"filter": "geofence_country", "config": {"remove_no_location": true}}],
    });
    api.done("PUT", GEO_RECORD, by_country).await;
    api
}

async fn simulate(api: &TestApi, path: &str, body: Value) -> Value {
    api.done("POST", path, body).await
}

#[tokio::test]
async fn listed_clients_give_shares_overall_and_by_country() {
    let api = world().await;
    let before = api.service.revision();
    let told = simulate(&api, GEO, json!({"clients": CLIENTS})).await;
    assert_eq!(
        told,
        json!({
            "clients": 4, "draws": 32, "seed": 0,
            "overall": [
                {"answer": ["192.0.2.1"], "share": 0.5},
                {"answer": ["192.0.2.2"], "share": 0.25},
                {"answer": ["192.0.2.3"], "share": 0.0},
                {"answer": null, "share": 0.25},
            ],
            "countries": {
                "DE": [{"answer": ["192.0.2.1"], "share": 1.0}],
                "JP": [{"answer": ["192.0.2.2"], "share": 1.0}],
                "ZZ": [{"answer": null, "share": 1.0}],
            },
        })
    );
    assert_eq!(api.service.revision(), before);
}

#[tokio::test]
async fn a_candidate_stands_beside_what_is_stored_and_is_not_stored() {
    let api = world().await;
    let (revision, stored) = (api.service.revision(), api.get(GEO_RECORD).await.json());
    let told = simulate(
        &api,
        GEO,
        json!({"clients": CLIENTS, "record": {"answers": [["192.0.2.9"], ["192.0.2.9"]], "filters": []}}),
    )
    .await;
    assert_eq!(told["stored"]["overall"][0], json!({"answer": ["192.0.2.1"], "share": 0.5}));
    assert_eq!(told["candidate"]["overall"], json!([{"answer": ["192.0.2.9"], "share": 1.0}]));
    assert_eq!(told["changed"], json!({"share": 1.0, "countries": ["ZZ", "DE", "JP"]}));
    let fewer = json!({"answers": [{"answer": ["192.0.2.1"], "meta": {"country": "DE"}}]});
    let told = simulate(&api, GEO, json!({"clients": CLIENTS, "record": fewer})).await;
    assert_eq!(told["changed"], json!({"share": 0.25, "countries": ["JP"]}));
    let path = "/v1/simulate/example.com/new.example.com/A";
    let told =
        simulate(&api, path, json!({"clients": CLIENTS, "record": {"answers": [["192.0.2.9"]]}})).await;
    assert_eq!((&told["stored"], &told["changed"]["share"]), (&Value::Null, &json!(1.0)));
    assert_eq!((api.service.revision(), api.get(GEO_RECORD).await.json()), (revision, stored));
    assert_eq!(api.get("/v1/zones/example.com/new.example.com/A").await.status, 404);
}

#[tokio::test]
async fn feeds_can_be_said_to_have_other_values() {
    let api = world().await;
    let source = json!({"name": "s", "sourcetype": "nsone_v1", "config": {}});
    let source = api.done("PUT", "/v1/data/sources", source).await["id"].as_str().unwrap().to_owned();
    let feed = json!({"name": "f", "config": {"label": "fra"}});
    let feed =
        api.done("PUT", &format!("/v1/data/feeds/{source}"), feed).await["id"].as_str().unwrap().to_owned();
    api.done("POST", &format!("/v1/feed/{source}"), json!({"fra": {"up": true}})).await;
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"up": {"feed": feed}}}, {"answer": ["192.0.2.2"], "meta": {"up": true}}],
        "filters": [{"filter": "up", "config": {}}],
    });
    api.done("PUT", &format!("{ZONE}/live.example.com/A"), body).await;
    let path = "/v1/simulate/example.com/live.example.com/A";
    let first = |told: &Value| told["overall"][0]["share"].as_f64().unwrap();
    assert_eq!(first(&simulate(&api, path, json!({"clients": CLIENTS})).await), 1.0);
    let down = json!({"clients": CLIENTS, "feeds": {&feed: {"up": false}}});
    assert_eq!(first(&simulate(&api, path, down).await), 0.0);
    assert_eq!(first(&simulate(&api, path, json!({"clients": CLIENTS})).await), 1.0, "the feed is as it was");
    for (feeds, part) in [
        (json!({"x": {}}), "feeds.x: not the id of a feed"),
        (json!({"0".repeat(24): {"up": true}}), "there is no such feed"),
        (json!({&feed: true}), "of type object"),
        (json!({&feed: {"nokey": 1}}), "is not a metadata key"),
        (json!({&feed: {"weight": "heavy"}}), "weight"),
    ] {
        let reply = api.call("POST", path, json!({"clients": CLIENTS, "feeds": feeds})).await;
        assert_eq!(reply.status, 400, "{feeds}");
        assert!(reply.message().contains(part), "{}", reply.text());
    }
}

#[tokio::test]
async fn draws_give_shares_near_the_weights_and_a_seed_gives_them_again() {
    let api = world().await;
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"weight": 80}}, {"answer": ["192.0.2.2"], "meta": {"weight": 20}}],
        "filters": [{"filter": "weighted_shuffle", "config": {}}, {"filter": "select_first_n", "config": {"N": 1}}],
    });
    api.done("PUT", &format!("{ZONE}/drawn.example.com/A"), body.clone()).await;
    let path = "/v1/simulate/example.com/drawn.example.com/A";
    let ask = json!({"clients": CLIENTS, "draws": 1000, "seed": 7});
    let told = simulate(&api, path, ask.clone()).await;
    let share = told["overall"][0]["share"].as_f64().unwrap();
    // The standard deviation of 4,000 draws is 0.0063.
    assert!((share - 0.8).abs() < 0.04, "{share}");
    assert_eq!(simulate(&api, path, ask).await, told);
    assert_ne!(simulate(&api, path, json!({"clients": CLIENTS, "draws": 1000, "seed": 8})).await, told);
    let told = simulate(&api, path, json!({"clients": CLIENTS, "record": body})).await;
    assert_eq!(told["changed"], json!({"share": 0.0, "countries": []}), "the same draws for both sides");
}

#[tokio::test]
async fn all_countries_weigh_by_their_addresses_and_a_dry_run_tells_which_would_change() {
    let api = world().await;
    let told = simulate(&api, GEO, json!({})).await;
    assert!(told["clients"].as_u64().unwrap() > 2000, "{}", told["clients"]);
    let countries = told["countries"].as_object().unwrap();
    assert!(countries.len() > 200, "{}", countries.len());
    assert_eq!(countries["DE"], json!([{"answer": ["192.0.2.1"], "share": 1.0}]));
    let share = told["overall"][0]["share"].as_f64().unwrap();
    assert!((0.02..0.06).contains(&share), "Germany has some 3 % of all addresses: {share}");

    let (revision, stored) = (api.service.revision(), api.get(GEO_RECORD).await.json());
    let serial = api.get(ZONE).await.json()["serial"].clone();
    let change = json!({"answers": [{"answer": ["192.0.2.1"], "meta": {"country": ["DE"]}}, {"answer": ["192.0.2.2"], "meta": {"country": ["JP", "KR"]}}]});
    let path = format!("{GEO_RECORD}?dry_run=true");
    let tried = api.call("POST", &path, change.clone()).await;
    assert_eq!((tried.status.as_u16(), tried.header("x-sextant-revision")), (200, ""), "{}", tried.text());
    let mut tried = tried.json();
    assert_eq!(tried["changes"]["countries"], json!(["AQ", "KR"]));
    assert!(tried["changes"]["share"].as_f64().is_some_and(|share| share > 0.0 && share < 0.1));
    assert_eq!(tried["dry_run"], true);
    let new = format!("{ZONE}/new.example.com/A");
    let body = json!({"answers": [["192.0.2.1"]]});
    let created = api.done("PUT", &format!("{new}?dry_run=true"), body).await;
    assert_eq!(created["changes"]["share"], 1.0);
    assert_eq!((api.service.revision(), api.get(GEO_RECORD).await.json()), (revision, stored));
    assert_eq!(api.get(ZONE).await.json()["serial"], serial);
    assert_eq!(api.get(&new).await.status, 404);

    let done = api.done("POST", GEO_RECORD, change).await;
    tried.as_object_mut().unwrap().retain(|key, _| key != "dry_run" && key != "changes");
    assert_eq!(tried, done, "what would be stored is what is stored then");
}

#[tokio::test]
async fn a_dry_run_refuses_what_the_real_thing_refuses() {
    let api = world().await;
    for (method, path, body, status) in [
        ("PUT", GEO_RECORD, json!({"answers": [["192.0.2.1"]]}), 400),
        ("PUT", "/v1/zones/example.com/a.example.com/A", json!({"answers": [["x"]]}), 400),
        ("PUT", "/v1/zones/example.com/a.example.com/A", json!({}), 400),
        ("PUT", "/v1/zones/example.com/geo.example.com/CNAME", json!({"answers": [["x.test"]]}), 400),
        ("PUT", "/v1/zones/absent.test/a.absent.test/A", json!({"answers": [["192.0.2.1"]]}), 404),
        ("POST", "/v1/zones/example.com/a.example.com/A", json!({"ttl": 5}), 404),
        ("POST", GEO_RECORD, json!({"filters": [{"filter": "nofilter"}]}), 400),
        ("POST", GEO_RECORD, json!({"ttl": -1}), 400),
    ] {
        let tried = api.call(method, &format!("{path}?dry_run=true"), body.clone()).await;
        let done = api.call(method, path, body.clone()).await;
        assert_eq!((tried.status, tried.text()), (done.status, done.text()), "{method} {path} {body}");
        assert_eq!(tried.status, status, "{method} {path} {body}");
    }
    let revision = api.service.revision();
    for (method, path) in
        [("DELETE", GEO_RECORD), ("DELETE", ZONE), ("POST", ZONE), ("PUT", "/v1/data/sources")]
    {
        let reply = api.call(method, &format!("{path}?dry_run=true"), json!({})).await;
        assert_eq!(reply.status, 400, "{method} {path}: what cannot be tried out must not be done");
        assert!(reply.message().starts_with("query parameter dry_run: "), "{}", reply.text());
    }
    assert_eq!(api.service.revision(), revision);
    let reply = api.call("POST", &format!("{GEO_RECORD}?dry_run=maybe"), json!({"ttl": 5})).await;
    assert!(reply.message().starts_with("query parameter dry_run"), "{}", reply.text());
    let kept = api.done("POST", &format!("{GEO_RECORD}?dry_run=false"), json!({"ttl": 5})).await;
    assert_eq!((&kept["ttl"], kept.get("dry_run")), (&json!(5), None));
}

#[tokio::test]
async fn requests_that_cannot_be_are_refused_by_name() {
    let api = world().await;
    let many = vec!["192.0.2.1"; crate::limits::SIMULATED_CLIENTS + 1];
    for (body, part) in [
        (json!({"clients": []}), "from 1 to 10000 are allowed"),
        (json!({"clients": many}), "has 10001 clients"),
        (json!({"clients": ["192.0.2.1", "x"]}), "clients[1]"),
        (json!({"clients": [1]}), "clients[0]"),
        (json!({"clients": "192.0.2.1"}), "clients"),
        (json!({"clients": ["192.0.2.1"], "population": "countries"}), "exclude each other"),
        (json!({"population": "cities"}), "population"),
        (json!({"population": 1}), "population"),
        (json!({"seed": -1}), "seed"),
        (json!({"draws": 0}), "draws"),
        (json!({"draws": 1001}), "draws"),
        (json!({"record": []}), "record"),
        (json!({"record": {"answers": [["x"]]}}), "answer 1"),
        (json!({"record": {"filters": [{"filter": "nofilter"}]}}), "nofilter"),
        (json!({"feeds": []}), "feeds"),
        (json!({"client": ["192.0.2.1"]}), "unknown field \"client\"; allowed are clients, population"),
    ] {
        let reply = api.call("POST", GEO, body.clone()).await;
        assert_eq!(reply.status, 400, "{body}: {}", reply.text());
        assert!(reply.message().contains(part), "{}", reply.text());
    }
    for path in
        ["absent.test/a.absent.test/A", "example.com/a.example.com/A", "example.com/geo.example.com/TXT"]
    {
        assert_eq!(api.call("POST", &format!("/v1/simulate/{path}"), json!({})).await.status, 404, "{path}");
    }
    assert_eq!(api.get(GEO).await.status, 405);
}

#[tokio::test]
async fn the_work_of_one_simulation_is_bounded() {
    let api = world().await;
    let answers: Vec<Value> =
        (0..4000).map(|n| json!([format!("10.0.{}.{}", n / 250, n % 250 + 1)])).collect();
    let step = json!({"filter": "up", "config": {}});
    let body = json!({"answers": answers, "filters": vec![step; 49], "meta": {"up": true}});
    api.done("PUT", &format!("{ZONE}/large.example.com/A"), body).await;
    let path = "/v1/simulate/example.com/large.example.com/A";
    // 4,000 answers in 49 steps: 1,000 runs.
    let reply = api.call("POST", path, json!({"clients": vec!["192.0.2.1"; 1001]})).await;
    assert_eq!(reply.status, 400);
    assert_eq!(
        reply.message(),
        "clients: 1001 are too many for a record of this size; at most 1000 can be tried"
    );
    let reply = api.call("POST", path, json!({"clients": vec!["192.0.2.1"; 400], "draws": 3})).await;
    assert!(reply.message().ends_with("at most 2 are possible"), "{}", reply.text());
}
