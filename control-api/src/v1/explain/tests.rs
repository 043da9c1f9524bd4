use serde_json::{Value, json};

use crate::testing::TestApi;

const ZONE: &str = "/v1/zones/example.com";
const GEO: &str = "/v1/explain/example.com/geo.example.com/A";

/// 141.1.0.0/16 is in Germany, 133.0.0.0/8 mostly in Japan.
const GERMANY: &str = "141.1.1.1";
const JAPAN: &str = "133.11.0.1";

async fn world() -> TestApi {
    let api = TestApi::new().await;
    api.done("PUT", ZONE, json!({"zone": "example.com"})).await;
    let by_country = json!({
        "ttl": 30,
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"country": ["US"]}},
            {"answer": ["192.0.2.2"], "region": "eu"},
            {"answer": ["192.0.2.3"], "meta": {"country": "JP"}},
        ],
        "regions": {"eu": {"meta": {"country": ["DE"]}}},
        "filters": [{"filter": "geotarget_country", "config": {}}, {"filter": "select_first_n", "config": {"N": 1}}],
    });
    record(&api, "geo", "A", by_country).await;
    api
}

async fn record(api: &TestApi, label: &str, rtype: &str, body: Value) -> Value {
    api.done("PUT", &format!("{ZONE}/{label}.example.com/{rtype}"), body).await
}

async fn explain(api: &TestApi, path: &str, query: &str) -> Value {
    let reply = api.get(&format!("{path}?{query}")).await;
    assert_eq!(reply.status, 200, "{path}?{query}: {}", reply.text());
    reply.json()
}

/// The fields of the final answers, one text each.
fn finals(explanation: &Value) -> Vec<&str> {
    let answers = explanation["final"].as_array().unwrap();
    answers.iter().map(|answer| answer["answer"][0].as_str().unwrap()).collect()
}

fn keys(value: &Value) -> Vec<&str> {
    value.as_object().unwrap().keys().map(String::as_str).collect()
}

#[tokio::test]
async fn an_explanation_tells_who_asked_and_what_each_step_did() {
    let api = world().await;
    let told = explain(&api, GEO, &format!("client={GERMANY}&seed=7")).await;
    assert_eq!(
        keys(&told),
        ["zone", "domain", "type", "revision", "seed", "client", "record", "steps", "final", "ttl", "scope"]
    );
    assert_eq!((&told["seed"], &told["ttl"]), (&json!(7), &json!(30)));
    assert_eq!(told["revision"], json!(api.service.revision()));
    let client = &told["client"];
    assert_eq!([&client["address"], &client["country"], &client["georegion"]], [GERMANY, "DE", "EUROPE"]);
    assert_eq!((&client["ecs"], &client["effective"]), (&Value::Null, &json!("141.1.1.1/32")));
    assert!(client["latitude"].is_f64() && client["asn"].is_u64(), "{client}");
    assert!(client["source"]["location"].as_str().unwrap().contains("embedded"), "{client}");
    let [target, first] = told["steps"].as_array().unwrap().as_slice() else { panic!("{told}") };
    assert_eq!(keys(target), ["filter", "config", "disabled", "before", "after", "answers"]);
    assert_eq!((&target["filter"], &first["config"]), (&json!("geotarget_country"), &json!({"N": 1})));
    let ids: Vec<&Value> = target["before"].as_array().unwrap().iter().collect();
    assert_eq!(target["after"][0], *ids[1], "the answer of Germany comes first");
    let judged = &target["answers"][1];
    assert_eq!(keys(judged), ["id", "answer", "verdict", "reason", "used"]);
    assert_eq!((judged["id"] == *ids[1], &judged["answer"]), (true, &json!(["192.0.2.2"])));
    assert_eq!(judged["verdict"], "moved");
    assert_eq!(judged["reason"], "the requester is in this country");
    let used = json!({"country": {"value": ["DE"], "level": "region", "feed": null, "age_s": null}});
    assert_eq!(judged["used"], used);
    let verdicts: Vec<&Value> =
        first["answers"].as_array().unwrap().iter().map(|one| &one["verdict"]).collect();
    assert_eq!(verdicts, ["kept", "dropped", "dropped"]);
    assert_eq!(told["final"], json!([{"id": ids[1], "answer": ["192.0.2.2"], "rdata": "192.0.2.2"}]));
    assert!(told["scope"].as_u64().is_some_and(|scope| (1..=32).contains(&scope)), "{}", told["scope"]);
}

#[tokio::test]
async fn the_subnet_stands_for_the_client_where_the_record_honors_it() {
    let api = world().await;
    let query = format!("client={GERMANY}&ecs={JAPAN}/24");
    let told = explain(&api, GEO, &query).await;
    assert_eq!(finals(&told), ["192.0.2.3"]);
    let client = &told["client"];
    assert_eq!(
        [&client["ecs"], &client["effective"], &client["country"]],
        ["133.11.0.0/24", "133.11.0.0/24", "JP"]
    );
    api.done("POST", &format!("{ZONE}/geo.example.com/A"), json!({"use_client_subnet": false})).await;
    let told = explain(&api, GEO, &query).await;
    assert_eq!((finals(&told), &told["scope"]), (vec!["192.0.2.2"], &json!(0)));
    assert_eq!(told["client"]["effective"], "141.1.1.1/32");
    let told = explain(&api, GEO, &format!("client={GERMANY}&ecs=0.0.0.0/0")).await;
    assert_eq!((finals(&told), &told["scope"]), (vec!["192.0.2.2"], &json!(0)), "not to be known");
    let told = explain(&api, GEO, "client=2001:db8::1&ecs=2001:db8::%2F56").await;
    assert_eq!(told["client"]["effective"], "2001:db8::1/128");
}

#[tokio::test]
async fn a_value_from_a_feed_comes_with_its_feed_and_age() {
    let api = world().await;
    let source = api
        .done("PUT", "/v1/data/sources", json!({"name": "s", "sourcetype": "nsone_v1", "config": {}}))
        .await["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let feed = json!({"name": "f", "config": {"label": "fra"}});
    let feed = api.done("PUT", &format!("/v1/data/feeds/{source}"), feed).await["id"].clone();
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"up": {"feed": feed}}}, {"answer": ["192.0.2.2"], "meta": {"up": true}}],
        "filters": [{"filter": "up", "config": {}}],
    });
    record(&api, "live", "A", body).await;
    let path = "/v1/explain/example.com/live.example.com/A";
    let told = explain(&api, path, "client=192.0.2.99").await;
    let used = json!({"up": {"value": null, "level": "answer", "feed": feed, "age_s": null}});
    assert_eq!(told["steps"][0]["answers"][0]["used"], used, "nothing was heard yet");
    api.done("POST", &format!("/v1/feed/{source}"), json!({"fra": {"up": true}})).await;
    let told = explain(&api, path, "client=192.0.2.99").await;
    let used = &told["steps"][0]["answers"][0]["used"]["up"];
    assert_eq!((&used["value"], &used["feed"]), (&json!(true), &feed));
    assert!(used["age_s"].as_u64().is_some_and(|age_s| age_s < 3600), "{used}");
    assert_eq!(finals(&told), ["192.0.2.1", "192.0.2.2"]);
}

#[tokio::test]
async fn a_record_without_a_chain_gives_all_answers_in_order() {
    let api = world().await;
    let answers = json!([["192.0.2.9"], ["192.0.2.8"], ["192.0.2.9"]]);
    let stored = record(&api, "plain", "A", json!({"answers": answers})).await;
    let told = explain(&api, "/v1/explain/example.com/plain.example.com/A", "client=192.0.2.99").await;
    assert_eq!(finals(&told), ["192.0.2.9", "192.0.2.8"], "equal answers go out once");
    assert_eq!(told["final"][1]["id"], stored["answers"][1]["id"]);
    assert_eq!((&told["steps"], &told["scope"]), (&json!([]), &json!(0)));

    let steps = json!([{"filter": "select_first_n", "config": {"N": 1}, "disabled": true}]);
    record(&api, "off", "A", json!({"answers": answers, "filters": steps})).await;
    let told = explain(&api, "/v1/explain/example.com/off.example.com/A", "client=192.0.2.99").await;
    assert_eq!(finals(&told), ["192.0.2.9", "192.0.2.8"]);
    let step = &told["steps"][0];
    assert_eq!((&step["disabled"], &step["before"]), (&json!(true), &step["after"]));
    assert_eq!(step["answers"][0]["reason"], "the step is disabled");
}

#[tokio::test]
async fn aliases_are_followed_to_the_record_that_decides() {
    let api = world().await;
    record(&api, "www", "CNAME", json!({"answers": [["geo.example.com"]]})).await;
    record(&api, "below", "DNAME", json!({"answers": [["example.com"]]})).await;
    record(&api, "out", "CNAME", json!({"answers": [["example.org"]]})).await;
    record(&api, "a", "CNAME", json!({"answers": [["b.example.com"]]})).await;
    record(&api, "b", "CNAME", json!({"answers": [["a.example.com"]]})).await;
    for (name, rtype) in [("www", "CNAME"), ("geo.below", "DNAME")] {
        let path = format!("/v1/explain/example.com/{name}.example.com/A");
        let told = explain(&api, &path, &format!("client={GERMANY}&ecs={GERMANY}/24")).await;
        assert_eq!((&told["type"], &told["record"]["type"]), (&json!("A"), &json!(rtype)));
        let next = &told["next"];
        assert_eq!((&next["domain"], finals(next)), (&json!("geo.example.com"), vec!["192.0.2.2"]));
        assert_eq!(told["scope"], next["scope"], "the reply depends on all of it");
    }
    let told = explain(&api, "/v1/explain/example.com/www.example.com/CNAME", "client=192.0.2.99").await;
    assert_eq!((finals(&told), told.get("next")), (vec!["geo.example.com"], None));
    let told = explain(&api, "/v1/explain/example.com/out.example.com/A", "client=192.0.2.99").await;
    assert_eq!((finals(&told), told.get("next")), (vec!["example.org"], None), "not served here");
    let told = explain(&api, "/v1/explain/example.com/a.example.com/A", "client=192.0.2.99").await;
    assert_eq!(told["next"].get("next"), None, "a circle ends");
}

#[tokio::test]
async fn links_and_wildcards_lead_to_the_record_that_is_stored() {
    let api = world().await;
    record(&api, "linked", "A", json!({"link": "geo.example.com"})).await;
    api.done("PUT", "/v1/zones/example.net", json!({"zone": "example.net", "link": "example.com"})).await;
    record(&api, "*", "A", json!({"answers": [["192.0.2.77"]]})).await;
    for (path, zone, domain) in [
        ("example.com/linked.example.com", "example.com", "geo.example.com"),
        ("example.net/geo.example.net", "example.com", "geo.example.com"),
        ("example.net/linked.example.net", "example.com", "geo.example.com"),
        ("example.com/any.example.com", "example.com", "*.example.com"),
    ] {
        let told = explain(&api, &format!("/v1/explain/{path}/A"), &format!("client={GERMANY}")).await;
        assert_eq!([&told["record"]["zone"], &told["record"]["domain"]], [zone, domain], "{path}");
        assert_eq!(format!("{}/{}", told["zone"].as_str().unwrap(), told["domain"].as_str().unwrap()), path);
        assert!(told["final"][0]["id"].is_string(), "{told}");
    }
}

#[tokio::test]
async fn a_seed_replays_the_decision() {
    let api = world().await;
    let answers: Vec<Value> = (1..=50).map(|n| json!([format!("192.0.2.{n}")])).collect();
    record(&api, "drawn", "A", json!({"answers": answers, "filters": [{"filter": "shuffle", "config": {}}]}))
        .await;
    let path = "/v1/explain/example.com/drawn.example.com/A";
    let drawn = explain(&api, path, "client=192.0.2.99").await;
    assert_eq!(explain(&api, path, &format!("client=192.0.2.99&seed={}", drawn["seed"])).await, drawn);
    let other = explain(&api, path, "client=192.0.2.99&seed=18446744073709551615").await;
    assert_ne!(finals(&other), finals(&drawn));
}

#[tokio::test]
async fn parameters_that_cannot_be_are_named() {
    let api = world().await;
    for (query, parameter) in [
        ("", "client"),
        ("client=", "client"),
        ("client=nowhere", "client"),
        ("client=192.0.2.0/24", "client"),
        ("client=192.0.2.1&ecs=", "ecs"),
        ("client=192.0.2.1&ecs=192.0.2.0/33", "ecs"),
        ("client=192.0.2.1&ecs=x/24", "ecs"),
        ("client=192.0.2.1&seed=-1", "seed"),
        ("client=192.0.2.1&seed=1.5", "seed"),
        ("client=192.0.2.1&seed=18446744073709551616", "seed"),
    ] {
        let reply = api.get(&format!("{GEO}?{query}")).await;
        assert_eq!(reply.status, 400, "{query}");
        assert!(reply.message().starts_with(&format!("query parameter {parameter}: ")), "{}", reply.text());
    }
    let reply = api.get(&format!("{GEO}?client=192.0.2.1&unknown=1")).await;
    assert_eq!(reply.status, 200, "unknown parameters are ignored, as everywhere");
}

#[tokio::test]
async fn what_queries_do_not_get_is_not_found() {
    let api = world().await;
    api.done("PUT", "/v1/zones/sub.example.com", json!({"zone": "sub.example.com"})).await;
    api.done("PUT", "/v1/zones/off.test", json!({"zone": "off.test", "networks": []})).await;
    record(&api, "child", "NS", json!({"answers": [["ns.example.org"]]})).await;
    for (path, message) in [
        ("absent.test/www.absent.test/A", "zone not found"),
        ("a..b/www/A", "zone not found"),
        ("example.com/absent.example.com/A", "record not found"),
        ("example.com/geo.example.com/AAAA", "record not found"),
        ("example.com/geo.example.com/NOTYPE", "record not found"),
        ("example.com/geo.example.com/ANY", "record not found"),
        ("example.com/example.org/A", "record not found"),
        ("example.com/a..b/A", "record not found"),
        ("example.com/www.sub.example.com/A", "are answered by zone sub.example.com"),
        ("off.test/off.test/NS", "zone off.test is not served"),
        ("example.com/www.child.example.com/A", "referred to the servers of child.example.com"),
    ] {
        let reply = api.get(&format!("/v1/explain/{path}?client=192.0.2.1")).await;
        assert_eq!(reply.status, 404, "{path}: {}", reply.text());
        assert!(reply.message().contains(message), "{path}: {}", reply.text());
    }
    let told = explain(&api, "/v1/explain/example.com/child.example.com/NS", "client=192.0.2.1").await;
    assert_eq!(finals(&told), ["ns.example.org"]);
    assert_eq!(api.call("POST", GEO, json!({})).await.status, 405);
}

#[tokio::test]
async fn addresses_that_a_chain_makes_and_restored_answers_are_told() {
    let api = world().await;
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"ip_prefixes": ["198.51.100.7/32"]}}],
        "filters": [{"filter": "ipv4_prefix_shuffle"}, {"filter": "parse_ipv4"}],
    });
    let stored = record(&api, "*.made", "A", body).await;
    let told =
        explain(&api, "/v1/explain/example.com/192-0-2-9.made.example.com/A", "client=192.0.2.99").await;
    assert_eq!(finals(&told), ["198.51.100.7", "192.0.2.9"]);
    let id = &stored["answers"][0]["id"];
    assert_eq!((&told["final"][0]["id"], &told["final"][1]["id"]), (id, &Value::Null));
    assert_eq!(told["steps"][1]["before"], json!([id]));
    assert_eq!(told["steps"][1]["answers"][0]["answer"], json!(["198.51.100.7"]));
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"country": "JP"}}],
        "filters": [{"filter": "geofence_country"}],
        "on_empty": "all",
    });
    let stored = record(&api, "fenced", "A", body).await;
    let told =
        explain(&api, "/v1/explain/example.com/fenced.example.com/A", &format!("client={GERMANY}")).await;
    assert_eq!(told["restored"], json!({"on_empty": "all", "after": [stored["answers"][0]["id"]]}));
    assert_eq!((&told["steps"][0]["after"], finals(&told)), (&json!([]), vec!["192.0.2.1"]));
}
