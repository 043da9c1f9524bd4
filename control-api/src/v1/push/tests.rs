//! What comes in at feed URLs, through the whole API.

use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::Request;
use serde_json::{Value, json};
use zones::RecordType;

use crate::ApiOptions;
use crate::limits::UNSIGNED_PUSH_BYTES;
use crate::outgoing::Outgoing;
use crate::testing::{Reply, TestApi};

macro_rules! fixture {
    ($name:literal) => {
        include_str!(concat!("../../source_types/fixtures/", $name))
    };
}

/// A record of two answers whose `up` and `weight` are fed, and the feed URL of their source.
async fn steered(api: &TestApi) -> (String, String) {
    let feeds = [json!({"label": "one"}), json!({"label": "two"})];
    steered_by(api, json!({"name": "probes", "sourcetype": "nsone_v1"}), feeds).await
}

/// The same with a source of any type and the configurations of the two feeds.
async fn steered_by(api: &TestApi, source: Value, feeds: [Value; 2]) -> (String, String) {
    let source = api.done("PUT", "/v1/data/sources", source).await["id"].as_str().unwrap().to_owned();
    let mut answers = Vec::new();
    for config in feeds {
        let body = json!({"name": "feed", "config": config});
        let feed = api.done("PUT", &format!("/v1/data/feeds/{source}"), body).await;
        let address = format!("192.0.2.{}", answers.len() + 1);
        answers.push(json!({"answer": [address], "meta": {"up": {"feed": feed["id"]}}}));
    }
    api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
    let record = json!({"answers": answers, "filters": [{"filter": "up", "config": {}}]});
    api.done("PUT", "/v1/zones/a.example/www.a.example/A", record).await;
    (source.clone(), format!("/v1/feed/{source}"))
}

fn addresses(api: &TestApi) -> Vec<String> {
    api.resolve("www.a.example", RecordType::A)
}

#[tokio::test]
async fn the_next_query_after_a_push_sees_it_without_a_new_snapshot() {
    let api = TestApi::new().await;
    let (source, url) = steered(&api).await;
    let before = Arc::as_ptr(&api.service.snapshot().load());
    let serial = api.get("/v1/zones/a.example").await.json()["serial"].clone();
    api.done("POST", &url, json!({"one": {"up": false}, "two": {"up": true}})).await;
    assert_eq!(addresses(&api), ["c0000202"]);
    let reply = api.call("PUT", &format!("{url}/"), json!({"one": {"up": "1"}, "two": {"up": 0}})).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "{}\n"));
    assert_eq!(addresses(&api), ["c0000201"]);
    api.get(&format!("{url}?up=true")).await;
    assert_eq!(addresses(&api), ["c0000201", "c0000202"]);
    api.done("POST", &url, json!({"one": {"up": null}})).await;
    assert_eq!(addresses(&api), ["c0000202"], "a value that was taken away is missing");
    assert_eq!(Arc::as_ptr(&api.service.snapshot().load()), before, "nothing was published");
    assert_eq!(api.get("/v1/zones/a.example").await.json()["serial"], serial);
    let feeds = api.get(&format!("/v1/data/feeds/{source}")).await.json();
    assert_eq!((&feeds[0]["data"], &feeds[1]["data"]), (&json!({}), &json!({"up": "true"})));
    let destination = &feeds[1]["destinations"][0];
    assert_eq!(destination["desttype"], "answer");
    let record = api.get("/v1/zones/a.example/www.a.example/A").await.json();
    assert_eq!(destination["destid"], record["answers"][1]["id"]);
    assert_eq!(destination["record"], record["id"]);
}

#[tokio::test]
async fn a_push_with_one_wrong_value_changes_nothing() {
    let api = TestApi::new().await;
    let (source, url) = steered(&api).await;
    api.done("POST", &url, json!({"up": true})).await;
    for body in [
        json!({"one": {"up": false}, "two": {"up": "perhaps"}}),
        json!({"up": false, "weight": "heavy"}),
        json!({"up": false, "no_such_key": 1}),
        json!({"one": {"up": false}, "two": 5}),
    ] {
        let reply = api.call("POST", &url, body.clone()).await;
        assert_eq!(reply.status.as_u16(), 400, "{body}");
        assert_eq!(addresses(&api).len(), 2, "{body}");
    }
    let feeds = api.get(&format!("/v1/data/feeds/{source}")).await.json();
    assert_eq!(feeds[0]["data"], json!({"up": true}));
}

#[tokio::test]
async fn a_push_to_nowhere_is_told_so() {
    let api = TestApi::new().await;
    let (_, url) = steered(&api).await;
    let nowhere = format!("/v1/feed/{}", "0".repeat(32));
    assert_eq!(api.call("POST", &nowhere, json!({"up": true})).await.message(), "source not found");
    assert_eq!(api.call("POST", "/v1/feed/x", json!({"up": true})).await.status.as_u16(), 404);
    for body in [json!([]), json!("up"), Value::Null] {
        assert_eq!(api.call("POST", &url, body.clone()).await.status.as_u16(), 400, "{body}");
    }
    let unmatched = api.call("POST", &url, json!({"nobody": {"up": true}})).await;
    assert_eq!(unmatched.status.as_u16(), 200);
}

/// Posts without a key.
async fn post(api: &TestApi, url: &str, body: &str) -> Reply {
    api.send(Request::post(url).body(Body::from(body.to_owned())).unwrap()).await
}

/// Two feeds of a Pingdom source; both are up until told otherwise.
async fn pingdom(api: &TestApi) -> (String, String) {
    let feed = |check: u32| json!({"check_id": check, "initial_up": true});
    steered_by(api, json!({"name": "p", "sourcetype": "pingdom"}), [feed(12345), feed(6)]).await
}

#[tokio::test]
async fn a_service_that_knows_the_id_needs_no_key() {
    let api = TestApi::new().await;
    let (source, url) = pingdom(&api).await;
    assert_eq!(addresses(&api).len(), 2, "both begin up");
    let reply = post(&api, &url, fixture!("pingdom_down.json")).await;
    assert_eq!((reply.status.as_u16(), reply.text()), (200, "{}\n"));
    assert_eq!(addresses(&api), ["c0000202"]);
    let feeds = api.get(&format!("/v1/data/feeds/{source}")).await.json();
    assert_eq!((&feeds[0]["data"], &feeds[1]["data"]), (&json!({"up": false}), &json!({"up": true})));
    assert!(feeds[0]["updated_at"].as_u64() > Some(1_700_000_000) && feeds[0].get("expired").is_none());
    let query = "check_id=12345&current_state=up";
    let get = Request::get(format!("{url}?{query}")).body(Body::empty()).unwrap();
    assert_eq!(api.send(get).await.status.as_u16(), 200);
    let form = Request::put(&url).header("content-type", "application/x-www-form-urlencoded");
    assert_eq!(api.send(form.body(Body::from(fixture!("pingdom_up.form"))).unwrap()).await.status, 200);
    assert_eq!(addresses(&api).len(), 2);
    let entries = api.get("/v1/account/activity").await.text().to_owned();
    assert!(!entries.contains(&source), "the id is a secret");
}

#[tokio::test]
async fn our_own_types_need_a_key_with_the_right_to_push() {
    let api = TestApi::new().await;
    let (_, url) = steered(&api).await;
    let jobs =
        api.done("PUT", "/v1/data/sources", json!({"name": "j", "sourcetype": "nsone_monitoring"})).await;
    let jobs = format!("/v1/feed/{}", jobs["id"].as_str().unwrap());
    let rights = |push: bool| json!({"data": {"push_to_datafeeds": push}}).as_object().cloned().unwrap();
    let (may, may_not) = (api.key("may", rights(true)).await, api.key("may-not", rights(false)).await);
    for (url, body) in [(url, json!({"up": true})), (jobs, json!({"jobid": "a", "up": true}))] {
        assert_eq!(post(&api, &url, &body.to_string()).await.status.as_u16(), 401, "{url}");
        assert_eq!(api.call_with(&may_not, "POST", &url, body.clone()).await.status.as_u16(), 403, "{url}");
        assert_eq!(api.call_with(&may, "POST", &url, body).await.status.as_u16(), 200, "{url}");
    }
}

#[tokio::test]
async fn nothing_but_the_feed_url_of_a_source_that_is_there_is_open() {
    let api = TestApi::new().await;
    let (source, url) = pingdom(&api).await;
    let nowhere = format!("/v1/feed/{}", "0".repeat(32));
    let other = format!("/v1/data/sources/{source}");
    for path in ["/v1/feed/x", "/v1/data/sources", &nowhere, &other] {
        assert_eq!(post(&api, path, "{}").await.status.as_u16(), 401, "{path}");
    }
    let down = fixture!("pingdom_down.json");
    assert_eq!(post(&api, &url, down).await.status.as_u16(), 200);
    api.done("DELETE", &other, Value::Null).await;
    assert_eq!(post(&api, &url, down).await.status.as_u16(), 401);
    assert_eq!(api.call("POST", &url, json!({})).await.message(), "source not found");
}

#[tokio::test]
async fn what_becomes_of_pushes_is_counted() {
    let api = TestApi::new().await;
    let rackspace = json!({"name": "r", "sourcetype": "rackspace", "config": {"webhook_token": "secret"}});
    let (refusing, refusing_url) =
        steered_by(&api, rackspace, [json!({"entity_id": "a"}), json!({"entity_id": "b"})]).await;
    api.done("DELETE", "/v1/zones/a.example", Value::Null).await;
    let (source, url) = pingdom(&api).await;
    for (body, status) in [
        (fixture!("pingdom_down.json"), 200),
        ("{\"check_id\":999,\"current_state\":\"UP\"}", 200),
        ("{\"check_id\":999,\"current_state\":\"SIDEWAYS\"}", 400),
        ("check", 400),
        ("", 400),
    ] {
        assert_eq!(post(&api, &url, body).await.status.as_u16(), status, "{body}");
    }
    assert_eq!(post(&api, &refusing_url, fixture!("rackspace_critical.json")).await.status.as_u16(), 403);
    let large = format!("{{\"x\":\"{}\"}}", "x".repeat(UNSIGNED_PUSH_BYTES));
    assert_eq!(post(&api, &url, &large).await.status.as_u16(), 413);
    let metrics = api.get("/metrics").await.text().to_owned();
    for (source, kind, outcome, count) in [
        (&source, "pingdom", "delivered", 1),
        (&source, "pingdom", "unmatched", 1),
        (&source, "pingdom", "malformed", 4),
        (&source, "pingdom", "limited", 0),
        (&refusing, "rackspace", "refused", 1),
    ] {
        let id = &source[..8];
        let line = format!(
            "sextant_source_pushes_total{{source=\"{id}\",sourcetype=\"{kind}\",outcome=\"{outcome}\"}} {count}\n"
        );
        assert!(metrics.contains(&line), "{line}{metrics}");
    }
    assert!(!metrics.contains(&source), "the id is a secret");
    assert!(metrics.contains("\nsextant_feeds_expired 0\n"), "{metrics}");
}

#[tokio::test]
async fn a_subscription_of_sns_is_confirmed_and_its_alarms_are_believed() {
    let asked: Arc<Mutex<Vec<String>>> = Arc::default();
    let log = Arc::clone(&asked);
    let fetch = move |url: &str| {
        log.lock().unwrap().push(url.to_owned());
        Ok(fixture!("cloudwatch_certificate.pem").as_bytes().to_vec())
    };
    let outgoing = Some(Outgoing::new(Arc::new(fetch)));
    let api = TestApi::with_api(ApiOptions { outgoing, ..ApiOptions::default() }).await;
    let source = json!({"name": "c", "sourcetype": "cloudwatch"});
    let feed = |name: &str| json!({"alarm_name": name, "initial_up": "1"});
    let (source, url) = steered_by(&api, source, [feed("web-1"), feed("web-2")]).await;
    let path = format!("/v1/data/sources/{source}");
    assert_eq!(api.get(&path).await.json()["status"], "pending");
    let confirmation = fixture!("cloudwatch_subscription.json");
    assert_eq!(post(&api, &url, confirmation).await.status.as_u16(), 200);
    assert_eq!(api.get(&path).await.json()["status"], "ok");
    assert_eq!(post(&api, &url, fixture!("cloudwatch_alarm.json")).await.status.as_u16(), 200);
    assert_eq!(addresses(&api), ["c0000202"]);
    let forged = fixture!("cloudwatch_ok.json").replace("eu-central-1:1234", "eu-central-1:9999");
    assert_eq!(post(&api, &url, &forged).await.status.as_u16(), 403);
    assert_eq!(addresses(&api), ["c0000202"], "a forged message changes nothing");
    assert_eq!(post(&api, &url, fixture!("cloudwatch_ok.json")).await.status.as_u16(), 200);
    assert_eq!(addresses(&api).len(), 2);
    let elsewhere = confirmation.replace("https://sns.eu-central-1.amazonaws.com", "http://169.254.169.254");
    assert_eq!(post(&api, &url, &elsewhere).await.status.as_u16(), 400);
    assert_eq!(post(&api, &url, fixture!("cloudwatch_unsubscribe.json")).await.status.as_u16(), 200);
    assert_eq!(api.get(&path).await.json()["status"], "pending");
    let asked = asked.lock().unwrap().clone();
    let kinds: Vec<bool> = asked.iter().map(|url| url.ends_with(".pem")).collect();
    assert_eq!(kinds, [true, false], "one certificate, remembered, and one confirmation: {asked:?}");
    let api = TestApi::new().await;
    let refused = api.call("PUT", "/v1/data/sources", json!({"name": "c", "sourcetype": "cloudwatch"})).await;
    assert_eq!(refused.status.as_u16(), 403, "without requests to SNS there is no such source");
}

#[tokio::test]
async fn a_certificate_that_cannot_be_got_is_told_to_the_sender() {
    let outgoing = Some(Outgoing::new(Arc::new(|_: &str| Err("no route".to_owned()))));
    let api = TestApi::with_api(ApiOptions { outgoing, ..ApiOptions::default() }).await;
    let source = api.done("PUT", "/v1/data/sources", json!({"name": "c", "sourcetype": "cloudwatch"})).await;
    let url = format!("/v1/feed/{}", source["id"].as_str().unwrap());
    let reply = post(&api, &url, fixture!("cloudwatch_alarm.json")).await;
    assert_eq!(reply.status.as_u16(), 502);
    assert!(reply.message().contains("sns.eu-central-1.amazonaws.com"), "{}", reply.text());
}
