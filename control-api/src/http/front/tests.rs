use axum::body::Body;
use axum::http::{Request, StatusCode};
use serde_json::{Value, json};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::*;
use crate::testing::{KEY, TestApi};

fn with_key(method: &str, path: &str) -> Request<Body> {
    let request = Request::builder().method(method).uri(path).header("x-nsone-key", KEY);
    request.body(Body::empty()).unwrap()
}

#[tokio::test]
async fn without_a_valid_key_nothing_else_is_looked_at() {
    let api = TestApi::new().await;
    for (method, path) in [("GET", "/v1/zones"), ("PUT", "/v1/zones/x"), ("GET", "/nowhere"), ("GET", "/%zz")]
    {
        for key in [None, Some(""), Some("wrong"), Some("ü")] {
            let mut request = Request::builder().method(method).uri(path);
            if let Some(key) = key {
                request = request.header("X-NSONE-Key", key);
            }
            let reply = api.send(request.body(Body::from("{broken")).unwrap()).await;
            assert_eq!(reply.status, StatusCode::UNAUTHORIZED, "{method} {path} {key:?}");
            assert_eq!(reply.text(), "{\"message\":\"Unauthorized\"}\n");
            assert_eq!(reply.header("x-ratelimit-by"), "customer");
        }
    }
}

#[tokio::test]
async fn every_reply_carries_the_fixed_headers() {
    let api = TestApi::new().await;
    for path in ["/v1/networks", "/v1/nothing", "/v1/monitoring/jobs"] {
        let reply = api.send(with_key("GET", path)).await;
        for (name, value) in [
            ("server", "Sextant"),
            ("pragma", "no-cache"),
            ("cache-control", "no-cache"),
            ("expires", "0"),
            ("content-type", "application/json"),
            ("x-ratelimit-by", "customer"),
            ("x-ratelimit-limit", "600000"),
            ("x-ratelimit-period", "60"),
        ] {
            assert_eq!(reply.header(name), value, "{path} {name}");
        }
        assert!(reply.text().ends_with("}\n") || reply.text().ends_with("]\n"), "{}", reply.text());
        assert!(!reply.text().contains("\": "), "compact: {}", reply.text());
    }
}

#[tokio::test]
async fn unknown_paths_and_methods_answer_in_json() {
    let api = TestApi::new().await;
    for (method, path, status, text) in [
        ("GET", "/v1/nothing", 404, "not found"),
        ("GET", "/v1/dhcp/scope", 404, "DHCP"),
        ("GET", "/v1/monitoring/jobtypes", 501, "not served yet"),
        ("GET", "/v1/lists", 501, "not served yet"),
        ("GET", "/v1/../alerting/v1/alerts", 501, "not served yet"),
        ("GET", "/v1/zones/a.example/versions/7", 405, "GET"),
        ("PATCH", "/v1/zones", 405, "PATCH"),
        ("DELETE", "/v1/networks", 405, "DELETE"),
        ("GET", "/v1/%zz", 400, "percent escape"),
    ] {
        let reply = api.send(with_key(method, path)).await;
        assert_eq!(reply.status.as_u16(), status, "{method} {path}: {}", reply.text());
        assert!(reply.message().contains(text), "{}", reply.text());
    }
    let long = format!("/v1/zones/{}", "a".repeat(limits::PATH_BYTES));
    assert_eq!(api.send(with_key("GET", &long)).await.status, StatusCode::URI_TOO_LONG);
}

#[tokio::test]
async fn every_spelling_of_a_path_reaches_the_same_resource() {
    let api = TestApi::new().await;
    api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
    let plain = api.send(with_key("GET", "/v1/zones/a.example")).await;
    assert_eq!(plain.status, StatusCode::OK);
    for path in [
        "/v1/zones/a.example/",
        "//v1//zones/a.example",
        "/v1/x/../zones/./a.example",
        "/v1/z%6Fnes/a%2Eexample",
    ] {
        let reply = api.send(with_key("GET", path)).await;
        assert_eq!(reply.body, plain.body, "{path}");
    }
}

#[tokio::test]
async fn a_read_that_changed_nothing_is_304() {
    let api = TestApi::new().await;
    let first = api.send(with_key("GET", "/v1/networks")).await;
    let tag = first.header("etag").to_owned();
    assert_eq!(tag.trim_matches('"').len(), 40);
    let mut again = with_key("GET", "/v1/networks");
    again.headers_mut().insert(header::IF_NONE_MATCH, tag.parse().unwrap());
    let reply = api.send(again).await;
    assert_eq!((reply.status, reply.text(), reply.header("etag")), (StatusCode::NOT_MODIFIED, "", &*tag));
    assert_eq!(api.send(with_key("GET", "/v1/nothing")).await.header("etag"), "", "errors have no tag");
    let created = api.call("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
    assert_eq!(created.header("etag"), "", "only reads have one");
}

#[tokio::test]
async fn pages_link_to_each_other_as_the_client_sees_the_server() {
    let api = TestApi::new().await;
    let zones = ["a.example", "b.example", "c.example"];
    for zone in zones {
        api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
    }
    let mut found = Vec::new();
    let mut path = "/v1/zones/?limit=2".to_owned();
    loop {
        let mut request = with_key("GET", &path);
        request.headers_mut().insert("host", "dns.example:8443".parse().unwrap());
        request.headers_mut().insert("x-forwarded-proto", "https".parse().unwrap());
        let reply = api.send(request).await;
        found.extend(reply.json().as_array().unwrap().iter().map(|zone| zone["zone"].clone()));
        let Some(link) = reply.header("link").strip_suffix(">; rel=\"next\"") else { break };
        path = link.strip_prefix("<https://dns.example:8443").unwrap().to_owned();
    }
    assert_eq!(found, zones);
}

#[tokio::test]
async fn what_may_be_meant_to_be_tried_out_is_not_done() {
    let api = TestApi::new().await;
    let zone = json!({"zone": "a.example"});
    for query in ["dry_run=true", "dry_run", "dry_run=perhaps", "dry_run=true&x=%zz"] {
        let reply = api.call("PUT", &format!("/v1/zones/a.example?{query}"), zone.clone()).await;
        assert_eq!(reply.status, StatusCode::BAD_REQUEST, "{query}");
        assert!(reply.message().contains("dry_run"), "{query}: {}", reply.text());
    }
    api.done("PUT", "/v1/zones/a.example?dry_run=false", zone).await;
}

#[tokio::test]
async fn a_small_body_is_received_whoever_sends_it_and_whatever_is_answered() {
    let api = TestApi::new().await;
    for (method, path, key) in [
        ("GET", "/v1/zones", KEY),
        ("DELETE", "/v1/zones/none.example", KEY),
        ("PUT", "/v1/export/zonefile/none.example", KEY),
        ("PUT", "/v1/zones/a.example", "wrong"),
        ("GET", "/healthz", ""),
    ] {
        let taken = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&taken);
        let pieces = ["{", "}"].into_iter().map(move |piece| {
            count.fetch_add(1, Ordering::Relaxed);
            Ok::<_, std::io::Error>(piece)
        });
        let request = Request::builder().method(method).uri(path).header("x-nsone-key", key);
        let body = Body::from_stream(futures_util::stream::iter(pieces));
        api.send(request.header("content-length", "2").body(body).unwrap()).await;
        assert_eq!(taken.load(Ordering::Relaxed), 2, "{method} {path}");
    }
}

#[tokio::test]
async fn bodies_of_reads_and_deletes_are_ignored() {
    let api = TestApi::new().await;
    api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
    for method in ["GET", "DELETE"] {
        let mut request = with_key(method, "/v1/zones/a.example");
        *request.body_mut() = Body::from("{not json");
        assert_eq!(api.send(request).await.status, StatusCode::OK, "{method}");
    }
}

#[tokio::test]
async fn the_rate_headers_count_down_and_end_in_429() {
    let limits = Limits { rate_limit: 3, rate_period_s: 3600, anonymous_rate_limit: 1, ..Limits::default() };
    let api = TestApi::with_limits(limits).await;
    for remaining in ["2", "1", "0"] {
        let reply = api.send(with_key("GET", "/v1/networks")).await;
        assert_eq!((reply.status, reply.header("x-ratelimit-remaining")), (StatusCode::OK, remaining));
    }
    let reply = api.send(with_key("GET", "/v1/networks")).await;
    assert_eq!(reply.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(reply.header("retry-after"), "1200", "then there is a token again");
    assert!(reply.message().contains("3 requests per 3600 s"), "{}", reply.text());
    let anonymous = || Request::get("/v1/networks").body(Body::empty()).unwrap();
    assert_eq!(api.send(anonymous()).await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(api.send(anonymous()).await.status, StatusCode::TOO_MANY_REQUESTS);
    let probe = Request::get("/healthz").body(Body::empty()).unwrap();
    assert_eq!(api.send(probe).await.status, StatusCode::OK, "probes are not counted");
}

#[tokio::test]
async fn long_replies_without_a_key_have_the_rate_of_their_address_and_probes_have_none() {
    let limits = Limits { anonymous_rate_limit: 2, rate_period_s: 3600, ..Limits::default() };
    let api = TestApi::with_limits(limits).await;
    let get = async |path: &str| api.call_from("192.0.2.1", "", "GET", path, Value::Null).await;
    let first = get("/metrics").await;
    assert_eq!((first.status, first.header("x-ratelimit-remaining")), (StatusCode::OK, "1"));
    assert_eq!(get("/openapi.json").await.status, StatusCode::OK);
    for path in ["/metrics", "/openapi.json", "/openapi.json/", "/v1/networks"] {
        let refused = get(path).await;
        assert_eq!(refused.status, StatusCode::TOO_MANY_REQUESTS, "{path}");
        assert_eq!(refused.header("retry-after"), "1800");
    }
    for path in ["/healthz", "/readyz"] {
        assert_eq!(get(path).await.status, StatusCode::OK, "{path}");
    }
    let elsewhere = api.call_from("192.0.2.2", "", "GET", "/metrics", Value::Null).await;
    assert_eq!(elsewhere.status, StatusCode::OK);
}

/// A front before a handler that misbehaves as its path says.
async fn misbehaving(path: &str, limits: Limits) -> (StatusCode, String) {
    use axum::routing::get;
    let api = TestApi::new().await;
    let routes = Router::new()
        .route("/panic", get(async || -> &'static str { panic!("a bug") }))
        .route("/sleep", get(std::future::pending::<&'static str>));
    let front = Front::new(api.service.clone(), routes, limits, Arc::default());
    let response = front.handle(with_key("GET", path)).await;
    let status = response.status();
    let body = response.into_body().collect().await.unwrap().to_bytes();
    (status, String::from_utf8(body.to_vec()).unwrap())
}

#[tokio::test]
async fn a_panic_is_a_500_of_that_request_only() {
    let (status, body) = misbehaving("/panic", Limits::default()).await;
    assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
    let message = serde_json::from_str::<Value>(&body).unwrap()["message"].to_string();
    assert!(message.contains("internal error") && !message.contains("a bug"), "{message}");
}

#[tokio::test]
async fn a_handler_that_never_ends_is_a_503() {
    let limits = Limits { handler_timeout: Duration::from_millis(1), ..Limits::default() };
    assert_eq!(misbehaving("/sleep", limits).await.0, StatusCode::SERVICE_UNAVAILABLE);
}

#[tokio::test]
async fn too_many_requests_at_once_are_told_to_wait() {
    let limits = Limits { concurrent_requests: 0, ..Limits::default() };
    assert_eq!(misbehaving("/sleep", limits).await.0, StatusCode::TOO_MANY_REQUESTS);
}

#[test]
fn ipv6_addresses_are_counted_by_network() {
    let network = |text: &str| network_of(text.parse().unwrap()).to_string();
    assert_eq!(network("2001:db8:1:2:3:4:5:6"), "2001:db8:1:2::");
    assert_eq!(network("::ffff:192.0.2.1"), "192.0.2.1");
    assert_eq!(network("192.0.2.1"), "192.0.2.1");
}

#[tokio::test]
async fn each_reply_names_its_request() {
    let api = TestApi::new().await;
    let mut request = with_key("GET", "/v1/networks");
    request.headers_mut().insert("x-request-id", "abc-123".parse().unwrap());
    assert_eq!(api.send(request).await.header("x-request-id"), "abc-123");
    for path in ["/v1/networks", "/nowhere", "/healthz"] {
        let [first, second] = [api.send(with_key("GET", path)).await, api.send(with_key("GET", path)).await];
        assert_eq!(first.header("x-request-id").len(), 16, "{path}");
        assert_ne!(first.header("x-request-id"), second.header("x-request-id"), "{path}");
    }
}

#[tokio::test]
async fn many_or_long_headers_are_refused_with_the_limit() {
    let api = TestApi::new().await;
    let mut many = with_key("GET", "/v1/networks");
    for number in 0..limits::HEADER_COUNT {
        many.headers_mut().insert(
            axum::http::HeaderName::from_bytes(format!("x-{number}").as_bytes()).unwrap(),
            "y".parse().unwrap(),
        );
    }
    let mut long = with_key("GET", "/v1/networks");
    long.headers_mut().insert("x-long", "z".repeat(limits::HEADER_BYTES).parse().unwrap());
    for (request, limit) in [(many, limits::HEADER_COUNT), (long, limits::HEADER_BYTES)] {
        let reply = api.send(request).await;
        assert_eq!(reply.status, StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE);
        assert!(reply.message().contains(&format!("at most {limit}")), "{}", reply.message());
    }
}

#[tokio::test]
async fn requests_are_counted_by_route_and_status() {
    let api = TestApi::new().await;
    api.get("/v1/zones/none.example").await;
    api.get("/v1/zones/other.example").await;
    api.get("/nowhere").await;
    let metrics = api.send(Request::get("/metrics").body(Body::empty()).unwrap()).await;
    let lines: Vec<&str> = metrics.text().lines().collect();
    for line in [
        "sextant_api_requests_total{method=\"GET\",route=\"/v1/zones/{zone}\",status=\"404\"} 2",
        "sextant_api_requests_total{method=\"GET\",route=\"none\",status=\"404\"} 1",
        "sextant_api_request_duration_seconds_count{method=\"GET\",route=\"/v1/zones/{zone}\"} 2",
    ] {
        assert!(lines.contains(&line), "{line} is not in\n{}", metrics.text());
    }
}

#[tokio::test]
async fn too_deep_json_and_too_many_answers_are_refused_with_a_message() {
    let api = TestApi::new().await;
    api.done("PUT", "/v1/zones/a.example", json!({ "zone": "a.example" })).await;
    let path = "/v1/zones/a.example/www.a.example/A";
    let put = async |body: String| {
        let request = Request::put(path).header("x-nsone-key", KEY).body(Body::from(body)).unwrap();
        let reply = api.send(request).await;
        (reply.status, reply.message())
    };
    let deep = format!("{{\"zone\":\"a.example\",\"meta\":{}", "{\"up\":[".repeat(10_000));
    let (status, message) = put(deep).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(message.contains("recursion limit"), "{message}");
    let answers = vec![json!({ "answer": ["192.0.2.1"] }); 100_000];
    let record = json!({ "zone": "a.example", "domain": "www.a.example", "type": "A", "answers": answers });
    let (status, message) = put(record.to_string()).await;
    assert_eq!(status, StatusCode::BAD_REQUEST);
    assert!(message.contains("4096"), "{message}");
}
