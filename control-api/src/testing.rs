//! The whole API over a store in memory, for tests.

use axum::Router;
use axum::body::{Body, Bytes};
use axum::http::{HeaderMap, Request, StatusCode};
use filters::{Client, Context, Scratch, Selection};
use geoip_data::{GeoData, GeoHandle};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use std::net::IpAddr;
use std::sync::Arc;
use store::MemoryStore;
use tower::ServiceExt;
use zones::{Lookup, Name, QueryName, RecordType, RrsetBody};

use crate::auth::Permissions;
use crate::http::Peer;
use crate::ids;
use crate::limits::Limits;
use crate::router::{ApiOptions, router};
use crate::service::account::{KeyDoc, Member, SecretDoc};
use crate::service::{Actor, Service, ServiceOptions, Transaction};
use crate::statistics::Statistics;

/// The secret of the key that every test uses.
pub(crate) const KEY: &str = "test-key";

/// A key whose name is its secret.
fn key_document(service: &Service, name: &str, permissions: Permissions) -> KeyDoc {
    let hash = data_encoding::HEXLOWER.encode(&service.hasher().hash(name));
    KeyDoc {
        id: ids::new_object_id_text(0),
        name: name.to_owned(),
        created_s: 0,
        secrets: vec![SecretDoc::new(ids::new_object_id_text(0), hash)],
        expiry_days: None,
        member: Member { permissions, ..Member::default() },
    }
}

/// A running API without a socket.
pub(crate) struct TestApi {
    pub(crate) service: Service,
    pub(crate) statistics: Arc<Statistics>,
    router: Router,
}

/// A reply, read to its end.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Bytes,
}

impl Reply {
    pub(crate) fn text(&self) -> &str {
        std::str::from_utf8(&self.body).unwrap()
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|_| panic!("not JSON: {}", self.text()))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    pub(crate) fn message(&self) -> String {
        self.json()["message"].as_str().unwrap_or_default().to_owned()
    }
}

impl TestApi {
    pub(crate) async fn new() -> Self {
        Self::with_limits(Limits::default()).await
    }

    pub(crate) async fn with_limits(limits: Limits) -> Self {
        Self::with_limits_and(limits, ServiceOptions::default()).await
    }

    pub(crate) async fn with_options(options: ServiceOptions) -> Self {
        Self::with_limits_and(Limits::default(), options).await
    }

    /// With settings of the HTTP side.
    pub(crate) async fn with_api(options: ApiOptions) -> Self {
        Self::open(Arc::new(MemoryStore::new()), options, ServiceOptions::default()).await
    }

    async fn with_limits_and(limits: Limits, options: ServiceOptions) -> Self {
        let api = ApiOptions { limits, ..ApiOptions::default() };
        Self::open(Arc::new(MemoryStore::new()), api, options).await
    }

    /// Over a store that may hold something already.
    pub(crate) async fn over(store: Arc<MemoryStore>, options: ServiceOptions) -> Self {
        Self::open(store, ApiOptions::default(), options).await
    }

    async fn open(store: Arc<MemoryStore>, api: ApiOptions, options: ServiceOptions) -> Self {
        let service = Service::open(store, options).unwrap();
        if !service.has_keys().unwrap() {
            let key = key_document(&service, KEY, Permissions::default());
            let key = KeyDoc { id: "5".repeat(24), name: "tests".to_owned(), ..key };
            service.commit(&Actor::system(), |transaction| transaction.put_key(key)).await.unwrap();
        }
        let statistics = Arc::clone(&api.statistics);
        let router = router(service.clone(), GeoHandle::new(GeoData::embedded()), api);
        Self { service, statistics, router }
    }

    /// Sends a request as it is.
    pub(crate) async fn send(&self, request: Request<Body>) -> Reply {
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes();
        Reply { status: parts.status, headers: parts.headers, body }
    }

    /// Sends `body` with the key of the tests. Null is no body.
    pub(crate) async fn call(&self, method: &str, path: &str, body: Value) -> Reply {
        self.call_with(KEY, method, path, body).await
    }

    /// Sends `body` with a key. Null is no body.
    pub(crate) async fn call_with(&self, key: &str, method: &str, path: &str, body: Value) -> Reply {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        let request = Request::builder().method(method).uri(path).header("X-NSONE-Key", key);
        self.send(request.body(body).unwrap()).await
    }

    /// Sends `body` with a key from an address.
    pub(crate) async fn call_from(
        &self,
        address: &str,
        key: &str,
        method: &str,
        path: &str,
        body: Value,
    ) -> Reply {
        let request = Request::builder().method(method).uri(path).header("X-NSONE-Key", key);
        let mut request = request.body(Body::from(body.to_string())).unwrap();
        request.extensions_mut().insert(Peer((address.parse::<IpAddr>().unwrap(), 4321).into()));
        self.send(request).await
    }

    /// Makes a key with these permissions; its secret is its name.
    pub(crate) async fn key(&self, name: &str, permissions: Map<String, Value>) -> String {
        let permissions = Permissions::default().merged(&permissions).unwrap();
        let key = key_document(&self.service, name, permissions);
        let make = move |transaction: &mut Transaction<'_>| transaction.put_key(key);
        self.service.commit(&Actor::system(), make).await.unwrap();
        name.to_owned()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.call("GET", path, Value::Null).await
    }

    /// As [`Self::call`], and the call has to succeed.
    pub(crate) async fn done(&self, method: &str, path: &str, body: Value) -> Value {
        let reply = self.call(method, path, body).await;
        assert_eq!(reply.status, StatusCode::OK, "{method} {path}: {}", reply.text());
        reply.json()
    }
}

impl TestApi {
    /// The rdata that queries for a name get, as hex: all of a plain record, what the chain leaves otherwise.
    pub(crate) fn resolve(&self, name: &str, rtype: RecordType) -> Vec<String> {
        let hex = |rdata: &[u8]| data_encoding::HEXLOWER.encode(rdata);
        let name = QueryName::from_wire(Name::parse(name).unwrap().as_wire()).unwrap();
        let snapshot = self.service.snapshot().load();
        let Some(found) = snapshot.find_zone(&name, rtype) else { return Vec::new() };
        let Lookup::Found(node) = found.zone.lookup(&name, found.apex_label, rtype) else {
            return Vec::new();
        };
        let Some(rrset) = node.rrset(rtype) else { return Vec::new() };
        match rrset.body {
            RrsetBody::Static(list) => list.iter().map(hex).collect(),
            RrsetBody::Steered(record) => {
                let (mut scratch, mut selection) = (Scratch::new(), Selection::new());
                let mut entropy = filters::from_seed_u64(7);
                let (geo, client) = (GeoData::embedded(), Client::source("192.0.2.53".parse().unwrap()));
                let mut context = Context::new(client, &geo, &mut entropy, &mut scratch);
                selection.reset(record.answer_count());
                record.chain.run(&mut context, &mut selection, &mut ());
                selection.as_slice().iter().map(|&index| hex(record.rdata(usize::from(index)))).collect()
            }
        }
    }
}

impl Drop for TestApi {
    fn drop(&mut self) {
        self.service.shutdown();
    }
}
