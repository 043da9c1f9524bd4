//! The demo zone: written through the control API itself, so that it is also a worked example.

use std::{fmt::Write, net::SocketAddr};

use anyhow::{Context, Result, bail};
use axum::{
    Router,
    body::{Body, to_bytes},
    http::{Method, Request, StatusCode, header::HOST},
};
use serde_json::{Value, json};
use tower::ServiceExt;

/// The zone; `.test` is reserved and never delegated (RFC 6761, 6.2).
const ZONE: &str = "demo.test";

/// Client networks whose place the embedded geography knows, with the answer of `geo` that is theirs.
const CLIENTS: [(&str, &str, &str); 4] = [
    ("193.0.6.0/24", "192.0.2.10", "a client in the Netherlands gets Frankfurt"),
    ("200.160.2.0/24", "192.0.2.20", "one in Brazil gets Sao Paulo"),
    ("131.113.0.0/24", "192.0.2.30", "one in Japan gets Tokyo"),
    ("8.8.8.0/24", "192.0.2.40", "one in California gets Oregon"),
];

/// The largest reply body that the demo reads, in octets.
const REPLY_OCTETS: usize = 1 << 20;

/// Where the server listens.
#[derive(Debug, Clone, Copy)]
pub struct Addresses {
    /// The first DNS address.
    pub dns: SocketAddr,
    /// The API's.
    pub api: SocketAddr,
}

/// The control API, called without a socket.
struct Api<'a> {
    router: &'a Router,
    key: &'a str,
}

impl Api<'_> {
    async fn call(&self, method: Method, path: &str, body: &Value) -> Result<(StatusCode, Value)> {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header(HOST, "localhost")
            .header("X-NSONE-Key", self.key)
            .body(Body::from(body.to_string()))?;
        let reply = self.router.clone().oneshot(request).await?;
        let status = reply.status();
        let bytes = to_bytes(reply.into_body(), REPLY_OCTETS).await?;
        Ok((status, serde_json::from_slice(&bytes)?))
    }

    async fn put(&self, path: &str, body: &Value) -> Result<Value> {
        let (status, reply) = self.call(Method::PUT, path, body).await?;
        if !status.is_success() {
            bail!("{path}: {}", reply["message"].as_str().unwrap_or("refused"));
        }
        Ok(reply)
    }

    async fn record(&self, label: &str, rtype: &str, mut body: Value) -> Result<()> {
        let domain = format!("{label}.{ZONE}");
        body["zone"] = ZONE.into();
        body["domain"] = domain.as_str().into();
        body["type"] = rtype.into();
        self.put(&format!("/v1/zones/{ZONE}/{domain}/{rtype}"), &body).await?;
        Ok(())
    }

    async fn source_id(&self) -> Result<Option<String>> {
        let (_, sources) = self.call(Method::GET, "/v1/data/sources", &Value::Null).await?;
        let ours = sources.as_array().into_iter().flatten().find(|source| source["name"] == "demo monitor");
        Ok(ours.and_then(|source| source["id"].as_str()).map(str::to_owned))
    }
}

/// Makes sure that the demo zone is there, and returns what to try; `shown_key` is how the lines to try
/// write the key.
///
/// A zone that is already there is left as it is, so that restarting keeps what was tried out.
///
/// # Errors
/// When the API refuses a part of it.
pub async fn load(router: &Router, key: &str, addresses: Addresses, shown_key: &str) -> Result<String> {
    let api = Api { router, key };
    let (status, _) = api.call(Method::GET, &format!("/v1/zones/{ZONE}?records=false"), &Value::Null).await?;
    if status == StatusCode::NOT_FOUND {
        create(&api).await?;
    }
    let source = api.source_id().await?.context("the demo zone is there, but its data source is gone")?;
    Ok(guide(addresses, shown_key, &source))
}

async fn create(api: &Api<'_>) -> Result<()> {
    let source = api
        .put("/v1/data/sources", &json!({"name": "demo monitor", "sourcetype": "nsone_v1", "config": {}}))
        .await?;
    let source = source["id"].as_str().context("a source has an id")?.to_owned();
    let mut feeds = Vec::new();
    for label in ["primary", "standby"] {
        let feed = api
            .put(&format!("/v1/data/feeds/{source}"), &json!({"name": label, "config": {"label": label}}))
            .await?;
        feeds.push(feed["id"].clone());
    }
    api.call(Method::POST, &format!("/v1/feed/{source}"), &json!({"up": true})).await?;

    api.put(&format!("/v1/zones/{ZONE}"), &json!({"zone": ZONE, "nx_ttl": 60})).await?;
    let geography = json!({
        "answers": [
            {"answer": ["192.0.2.10"], "meta": {"country": ["DE"], "note": "Frankfurt"}},
            {"answer": ["192.0.2.20"], "meta": {"country": ["BR"], "note": "Sao Paulo"}},
            {"answer": ["192.0.2.30"], "meta": {"country": ["JP"], "note": "Tokyo"}},
            {"answer": ["192.0.2.40"], "meta": {"us_state": ["OR"], "note": "Oregon"}},
        ],
        "filters": [
            {"filter": "geotarget_country", "config": {}},
            {"filter": "select_first_n", "config": {"N": 1}},
        ],
    });
    let weights = json!({
        "answers": [
            {"answer": ["192.0.2.51"], "meta": {"weight": 80}},
            {"answer": ["192.0.2.52"], "meta": {"weight": 20}},
        ],
        "filters": [
            {"filter": "weighted_shuffle", "config": {}},
            {"filter": "select_first_n", "config": {"N": 1}},
        ],
    });
    let failover = json!({
        "ttl": 5,
        "answers": [
            {"answer": ["192.0.2.61"], "meta": {"up": {"feed": feeds[0]}}},
            {"answer": ["192.0.2.62"], "meta": {"up": {"feed": feeds[1]}}},
        ],
        "filters": [
            {"filter": "up", "config": {}},
            {"filter": "select_first_n", "config": {"N": 1}},
        ],
    });
    api.record("geo", "A", geography).await?;
    api.record("weighted", "A", weights).await?;
    api.record("failover", "A", failover).await?;
    api.record("www", "CNAME", json!({"answers": [{"answer": [format!("geo.{ZONE}")]}]})).await?;
    Ok(())
}

/// The lines to try, ready to paste.
fn guide(Addresses { dns, api }: Addresses, key: &str, source: &str) -> String {
    let ask = format!("dig @{} -p {} +short", dns.ip(), dns.port());
    let push = |up: bool| {
        format!(
            "curl -H \"X-NSONE-Key: {key}\" -d '{{\"primary\":{{\"up\":{up}}}}}' http://{api}/v1/feed/{source}"
        )
    };
    let mut text = String::from("The demo zone demo.test is loaded.\n\n  Geography (EDNS Client Subnet):\n");
    for (subnet, answer, why) in CLIENTS {
        let _ = writeln!(text, "    {ask} geo.{ZONE} A +subnet={subnet}   # {answer}: {why}");
    }
    let _ = writeln!(text, "  Weights, 80 to 20:");
    let _ = writeln!(text, "    for n in $(seq 20); do {ask} weighted.{ZONE} A; done | sort | uniq -c");
    let _ = writeln!(text, "  Failover by live data:");
    let _ = writeln!(text, "    {ask} failover.{ZONE} A   # 192.0.2.61");
    let _ = writeln!(text, "    {}   # the primary goes down", push(false));
    let _ = writeln!(text, "    {ask} failover.{ZONE} A   # 192.0.2.62 from the next query on");
    let _ = writeln!(text, "    {}   # and comes back", push(true));
    text
}
