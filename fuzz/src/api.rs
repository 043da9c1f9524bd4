//! Requests to the control API, as its router gets them.

use std::cell::RefCell;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode};
use control_api::auth::open_admin_key;
use control_api::outgoing::Outgoing;
use control_api::{ApiOptions, Service, ServiceOptions, limits::Limits, router};
use geoip_data::{GeoData, GeoHandle};
use serde_json::{Value, json};
use store::MemoryStore;
use tower::ServiceExt;

const KEY: &str = "fuzz-key";
const SOURCE: &str = "/v1/data/sources";

/// Requests after which everything is made anew, so that inputs do not depend on too many before them.
const REQUESTS_PER_API: u32 = 500;

/// What the first octet of an input picks: a method and a path. A `*` is where the input's first line goes.
const TARGETS: [(&str, &str); 16] = [
    ("PUT", "/v1/zones/z.test"),
    ("POST", "/v1/zones/z.test"),
    ("DELETE", "/v1/zones/z.test"),
    ("PUT", "/v1/zones/z.test/www.z.test/A"),
    ("POST", "/v1/zones/z.test/www.z.test/A"),
    ("PUT", "/v1/zones/z.test/*"),
    ("POST", "/v1/zones/z.test/*"),
    ("DELETE", "/v1/zones/z.test/*"),
    ("PUT", "/v1/import/zonefile/*"),
    ("PUT", SOURCE),
    ("PUT", "/v1/data/feeds/*"),
    ("POST", "/v1/feed/*"),
    ("GET", "/v1/feed/*"),
    ("GET", "/v1/search?*"),
    ("GET", "/*"),
    ("PUT", "/v1/zones/*"),
];

struct Api {
    runtime: tokio::runtime::Runtime,
    geo: GeoHandle,
    service: Service,
    router: Router,
    /// The ids of [`SOURCES`].
    sources: Vec<String>,
    requests: u32,
}

/// A source of every type: its configuration, and those of its two feeds.
const SOURCES: [(&str, &str, [&str; 2]); 15] = [
    ("nsone_v1", "{}", [r#"{"label":"one"}"#, r#"{"label":"two"}"#]),
    ("nsone_monitoring", "{}", [r#"{"jobid":"52a27d4397d5f07003fdbe7b"}"#, r#"{"jobid":"two"}"#]),
    ("cloudwatch", "{}", [r#"{"alarm_name":"web-1"}"#, r#"{"alarm_name":"two"}"#]),
    ("datadog", "{}", [r#"{"monitor_id":55512}"#, r#"{"monitor_id":2,"fail_on_warning":"1"}"#]),
    (
        "newrelic_webhook",
        r#"{"account_id":4711}"#,
        [r#"{"resource_name":"web-1"}"#, r#"{"resource_name":"web-2"}"#],
    ),
    ("pingdom", "{}", [r#"{"check_id":12345}"#, r#"{"check_id":2}"#]),
    ("catchpoint", "{}", [r#"{"test_id":81726}"#, r#"{"test_id":81726,"fail_on_warning":true}"#]),
    ("rackspace", "{}", [r#"{"entity_id":"enOne"}"#, r#"{"entity_id":"enOne","alarm_id":"alOne"}"#]),
    ("thousandeyes", "{}", [r#"{"test_id":281474}"#, r#"{"test_id":2}"#]),
    ("webcheck", "{}", [r#"{"check_id":9}"#, r#"{"check_id":2,"fail_on_warning":1}"#]),
    (
        "prometheus_alertmanager",
        "{}",
        [r#"{"label":"web-1:9100"}"#, r#"{"label":"web-2:9100","alertname":"InstanceDown"}"#],
    ),
    ("grafana", "{}", [r#"{"label":"web-1"}"#, r#"{"label":"two","expire_after_s":60}"#]),
    ("uptime_kuma", "{}", [r#"{"monitor_id":29}"#, r#"{"monitor_id":2,"initial_up":true}"#]),
    ("shodan", "{}", [r#"{"ip":"192.0.2.1"}"#, r#"{"ip":"2001:db8::1","port":443}"#]),
    (
        "webhook",
        r#"{"label":"/monitor/name","value":"/result/latency_ms","key":"loadavg"}"#,
        [r#"{"label":"web-1"}"#, r#"{"label":"two"}"#],
    ),
];

/// The certificate that the messages of SNS among the seeds are signed with.
const CERTIFICATE: &[u8] =
    include_bytes!("../../control-api/src/source_types/fixtures/cloudwatch_certificate.pem");

thread_local! {
    static API: RefCell<Api> = RefCell::new(Api::new());
}

impl Api {
    fn new() -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime");
        let geo = GeoHandle::new(GeoData::embedded());
        let (service, router) = fresh(&geo);
        let mut api = Self { runtime, geo, service, router, sources: Vec::new(), requests: 0 };
        api.sources = api.make_sources();
        api
    }

    fn make_sources(&self) -> Vec<String> {
        let config = |text: &str| serde_json::from_str::<Value>(text).expect("it is JSON");
        let make = |(sourcetype, source, feeds): (&str, &str, [&str; 2])| {
            let body = json!({"name": sourcetype, "sourcetype": sourcetype, "config": config(source)});
            let id = self.made(SOURCE, &body)["id"].as_str().expect("a source has an id").to_owned();
            for feed in feeds {
                let body = json!({"name": "fuzz", "config": config(feed)});
                self.made(&format!("/v1/data/feeds/{id}"), &body);
            }
            id
        };
        SOURCES.map(make).to_vec()
    }

    fn made(&self, path: &str, body: &Value) -> Value {
        let request = Request::put(path).header("x-nsone-key", KEY).body(Body::from(body.to_string()));
        let (status, reply) = self.reply(request.expect("it is a request"));
        assert_eq!(status, StatusCode::OK, "{}", String::from_utf8_lossy(&reply));
        serde_json::from_slice(&reply).expect("a reply is JSON")
    }

    fn send(&mut self, request: Request<Body>) -> StatusCode {
        if self.requests == REQUESTS_PER_API {
            self.service.shutdown();
            (self.service, self.router) = fresh(&self.geo);
            self.requests = 0;
            self.sources = self.make_sources();
        }
        self.requests += 1;
        let (status, body) = self.reply(request);
        // "Not implemented" is what paths of later versions say.
        let is_ours = status.is_server_error() && status != StatusCode::NOT_IMPLEMENTED;
        assert!(!is_ours, "{status}: {}", String::from_utf8_lossy(&body));
        status
    }

    fn reply(&self, request: Request<Body>) -> (StatusCode, Vec<u8>) {
        let router = self.router.clone();
        self.runtime.block_on(async move {
            let response = router.oneshot(request).await.expect("a router always replies");
            let status = response.status();
            let body = to_bytes(response.into_body(), usize::MAX).await.expect("a body in memory");
            (status, body.to_vec())
        })
    }
}

fn fresh(geo: &GeoHandle) -> (Service, Router) {
    let service =
        Service::open(Arc::new(MemoryStore::new()), ServiceOptions::default()).expect("an empty store");
    open_admin_key(&service, &std::env::temp_dir(), Some(KEY)).expect("a key");
    let limits = Limits { rate_limit: u32::MAX, ..Limits::default() };
    let outgoing = Some(Outgoing::new(Arc::new(|_| Ok(CERTIFICATE.to_vec()))));
    let options = ApiOptions { limits, outgoing, ..ApiOptions::default() };
    let router = router(service.clone(), geo.clone(), options);
    (service, router)
}

/// An octet for method and path, a line that goes into the path, and a body. No request may fail for a reason of
/// ours.
pub fn request(data: &[u8]) {
    let Some((&first, rest)) = data.split_first() else { return };
    let (method, path) = TARGETS[usize::from(first) % TARGETS.len()];
    let (line, body) = match rest.iter().position(|&octet| octet == b'\n') {
        Some(end) if path.contains('*') => (&rest[..end], &rest[end + 1..]),
        _ if path.contains('*') => (rest, &[][..]),
        _ => (&[][..], rest),
    };
    let Ok(line) = std::str::from_utf8(line) else { return };
    let mut request =
        Request::builder().method(method).uri(path.replace('*', line)).header("x-nsone-key", KEY);
    let mut body = body.to_vec();
    if path.contains("zonefile") {
        request = request.header("content-type", "multipart/form-data; boundary=edge");
        let head = "--edge\r\ncontent-disposition: form-data; name=\"zonefile\"; filename=\"z\"\r\n\r\n";
        body = [head.as_bytes(), &body, b"\r\n--edge--\r\n"].concat();
    }
    let Ok(request) = request.body(Body::from(body)) else { return };
    API.with_borrow_mut(|api| api.send(request));
}

/// What a monitoring system pushes for feeds: a letter for the source, small for a JSON body and capital for a form,
/// and the body. It is taken, or refused for what it says.
pub fn push(data: &[u8]) {
    let Some((&first, body)) = data.split_first() else { return };
    let content_type =
        if first.is_ascii_uppercase() { "application/x-www-form-urlencoded" } else { "application/json" };
    let source = usize::from(first.to_ascii_lowercase().wrapping_sub(b'a')) % SOURCES.len();
    API.with_borrow_mut(|api| {
        let request = Request::post(format!("/v1/feed/{}", api.sources[source]))
            .header("x-nsone-key", KEY)
            .header("content-type", content_type);
        let status = api.send(request.body(Body::from(body.to_vec())).expect("it is a request"));
        // A request that has the API made anew comes with the id of a source that is gone. Messages of SNS that
        // are not signed are forbidden, and so are those of other accounts.
        let expected =
            [StatusCode::OK, StatusCode::BAD_REQUEST, StatusCode::NOT_FOUND, StatusCode::FORBIDDEN];
        assert!(expected.contains(&status), "{status}");
    });
}
