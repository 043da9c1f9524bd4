//! What the service promises, seen through its documents and through the snapshot that queries read.

mod commits;
mod expiry;
mod feeds;
mod records;
mod restart;
mod zones;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ::zones::{Lookup, Name, QueryName, RecordDoc, RecordType, RrsetBody, ZoneDoc};
use serde_json::{Map, Value};
use store::{MemoryStore, Store};

use super::{Actor, ActorKind, Clock, RecordPath, Service, ServiceOptions};
use crate::dto::record::RecordFields;
use crate::dto::zone::ZoneFields;
use crate::error::ApiError;

/// When the tests begin, unix time in seconds.
const START_S: u64 = 1_700_000_000;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn object(value: Value) -> Map<String, Value> {
    value.as_object().cloned().unwrap()
}

fn actor() -> Actor {
    Actor { kind: ActorKind::User, id: "ab".repeat(12), name: "tester".to_owned(), ..Actor::system() }
}

fn path(zone: &str, domain: &str, rtype: &str) -> RecordPath {
    RecordPath { zone: name(zone), owner: name(domain), rtype: RecordType::parse(rtype).unwrap() }
}

/// A clock that stands still until it is moved.
fn clock(now_s: &Arc<AtomicU64>) -> Clock {
    let now_s = Arc::clone(now_s);
    Clock::new(move || now_s.load(Ordering::Relaxed) * 1_000_000)
}

/// A service and shorthands for what clients ask of it.
struct Fixture {
    service: Service,
    store: Arc<dyn Store>,
    now_s: Arc<AtomicU64>,
}

impl Drop for Fixture {
    fn drop(&mut self) {
        self.service.shutdown();
    }
}

impl Fixture {
    fn new() -> Self {
        Self::over(Arc::new(MemoryStore::new()))
    }

    /// With the zone `example.com`.
    fn with_zone() -> Self {
        let fixture = Self::new();
        fixture.create_zone("example.com", serde_json::json!({})).unwrap();
        fixture
    }

    fn over(store: Arc<dyn Store>) -> Self {
        Self::over_at(store, START_S)
    }

    fn over_at(store: Arc<dyn Store>, now_s: u64) -> Self {
        let now_s = Arc::new(AtomicU64::new(now_s));
        let options = ServiceOptions {
            nameservers: vec!["ns1.test".to_owned(), "ns2.test".to_owned()],
            hostmaster: "hostmaster@test".to_owned(),
            clock: clock(&now_s),
            ..ServiceOptions::default()
        };
        let service = Service::open(Arc::clone(&store), options).unwrap();
        Self { service, store, now_s }
    }

    /// Stops the service and opens another over the same store.
    fn reopen(self) -> Self {
        self.service.shutdown();
        Self::over(Arc::clone(&self.store))
    }

    /// As [`Self::reopen`], at another time.
    fn reopen_at(self, now_s: u64) -> Self {
        self.service.shutdown();
        Self::over_at(Arc::clone(&self.store), now_s)
    }

    fn create_zone(&self, zone: &str, mut body: Value) -> Result<ZoneDoc, ApiError> {
        body["zone"] = Value::from(zone);
        let zone = name(zone);
        let fields = ZoneFields::from_create(&object(body), &zone)?;
        let committed =
            self.service.commit_blocking(&actor(), move |transaction| transaction.create_zone(&zone, fields));
        Ok(committed?.value)
    }

    fn update_zone(&self, zone: &str, body: Value) -> Result<ZoneDoc, ApiError> {
        let zone = name(zone);
        let fields = ZoneFields::from_update(&object(body), &zone);
        let committed =
            self.service.commit_blocking(&actor(), move |transaction| transaction.update_zone(&zone, fields));
        Ok(committed?.value)
    }

    fn delete_zone(&self, zone: &str) -> Result<(), ApiError> {
        let zone = name(zone);
        let committed =
            self.service.commit_blocking(&actor(), move |transaction| transaction.delete_zone(&zone));
        committed.map(|_| ())
    }

    fn zone(&self, zone: &str) -> ZoneDoc {
        self.service.existing_zone(&name(zone)).unwrap()
    }

    fn create(&self, path: RecordPath, body: Value) -> Result<RecordDoc, ApiError> {
        let fields = RecordFields::parse(&object(body), &path);
        let committed = self
            .service
            .commit_blocking(&actor(), move |transaction| transaction.create_record(&path, fields));
        Ok(committed?.value)
    }

    fn update(&self, path: RecordPath, body: Value) -> Result<RecordDoc, ApiError> {
        let fields = RecordFields::parse(&object(body), &path);
        let committed = self
            .service
            .commit_blocking(&actor(), move |transaction| transaction.update_record(&path, fields));
        Ok(committed?.value)
    }

    fn delete(&self, path: RecordPath) -> Result<(), ApiError> {
        let committed =
            self.service.commit_blocking(&actor(), move |transaction| transaction.delete_record(&path));
        committed.map(|_| ())
    }

    fn record(&self, path: &RecordPath) -> Option<RecordDoc> {
        self.service.record(&path.zone, &path.owner, path.rtype).unwrap()
    }

    /// `www.example.com` A with one address.
    fn create_www(&self) -> RecordDoc {
        let body = serde_json::json!({"answers": [{"answer": ["192.0.2.1"]}]});
        self.create(path("example.com", "www.example.com", "A"), body).unwrap()
    }

    /// What queries find: the rdata in the form of the API, all answers of a chain, or why there is none.
    fn dns(&self, domain: &str, rtype: &str) -> Found {
        let rtype = RecordType::parse(rtype).unwrap();
        let question = QueryName::from_wire(name(domain).as_wire()).unwrap();
        let snapshot = self.service.snapshot().load();
        let Some(zone) = snapshot.find_zone(&question, rtype) else { return Found::NoZone };
        let node = match zone.zone.lookup(&question, zone.apex_label, rtype) {
            Lookup::Found(node) | Lookup::Wildcard { node, .. } => node,
            Lookup::NxDomain => return Found::NoName,
            Lookup::Delegation { .. } | Lookup::Dname { .. } => return Found::Elsewhere,
        };
        let Some(rrset) = node.rrset(rtype) else { return Found::NoData };
        let rdatas: Vec<Vec<u8>> = match rrset.body {
            RrsetBody::Static(list) => list.iter().map(<[u8]>::to_vec).collect(),
            RrsetBody::Steered(steered) => {
                (0..steered.answer_count()).map(|index| steered.rdata(index).to_vec()).collect()
            }
        };
        let text = |rdata: &Vec<u8>| ::zones::rdata::to_text(rtype, rdata).unwrap();
        Found::Rdata(rrset.ttl, rdatas.iter().map(text).collect())
    }

    /// The serial in the SOA that queries see.
    fn serial(&self, zone: &str) -> u32 {
        let snapshot = self.service.snapshot().load();
        snapshot.zone(&name(zone)).unwrap().soa().serial
    }

    fn activity(&self) -> Vec<String> {
        let entries = self.service.activity().map(Result::unwrap);
        let line = |entry: super::documents::ActivityEntry| {
            let action = serde_json::to_value(entry.action).unwrap();
            format!("{} {}", action.as_str().unwrap(), entry.resource_type)
        };
        entries.map(line).collect()
    }
}

/// What a query finds in the snapshot.
#[derive(Debug, PartialEq)]
enum Found {
    /// A TTL and rdata in zone-file form.
    Rdata(u32, Vec<String>),
    NoData,
    NoName,
    NoZone,
    /// Below a delegation or DNAME.
    Elsewhere,
}

fn rdata(ttl: u32, texts: &[&str]) -> Found {
    Found::Rdata(ttl, texts.iter().map(|text| (*text).to_owned()).collect())
}

/// Asserts a refusal by status and by what the message holds.
fn assert_refused<T: std::fmt::Debug>(result: Result<T, ApiError>, status: u16, part: &str) {
    let error = result.unwrap_err();
    assert_eq!(error.status, status, "{error}");
    assert!(error.message.contains(part), "{error} does not say {part:?}");
}
