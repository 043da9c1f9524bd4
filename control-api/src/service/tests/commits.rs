//! The committer: batches, order, failures.

use std::sync::Mutex;
use std::sync::atomic::AtomicBool;
use std::sync::mpsc;

use serde_json::json;
use store::{ChangeSet, Entries, StoreError, Table};

use super::*;

/// A store that can be made to fail, and that counts its writes.
#[derive(Default)]
struct Stubborn {
    inner: MemoryStore,
    fails: AtomicBool,
    panics: AtomicBool,
    writes: Mutex<Vec<usize>>,
}

impl Store for Stubborn {
    fn revision(&self) -> u64 {
        self.inner.revision()
    }

    fn commit(&self, sets: &[ChangeSet]) -> Result<u64, StoreError> {
        assert!(!self.panics.load(Ordering::Relaxed), "the disk is upside down");
        if self.fails.load(Ordering::Relaxed) {
            let (path, reason) = ("tables".into(), "no space".to_owned());
            return Err(StoreError::Tables { path, reason });
        }
        self.writes.lock().unwrap().push(sets.len());
        self.inner.commit(sets)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.inner.get(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>) -> Entries<'_> {
        self.inner.scan(table, prefix, after)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.inner.checkpoint()
    }
}

fn body(address: &str) -> Value {
    json!({"answers": [address]})
}

fn host(index: usize) -> RecordPath {
    path("example.com", &format!("h{index}.example.com"), "A")
}

/// A request that holds the committer until the returned sender is used or dropped.
fn hold(fixture: &Fixture) -> (mpsc::Sender<()>, std::thread::JoinHandle<()>) {
    let (release, released) = mpsc::channel::<()>();
    let (started, has_started) = mpsc::channel::<()>();
    let service = fixture.service.clone();
    let thread = std::thread::spawn(move || {
        let held = service.commit_blocking(&actor(), move |_| {
            started.send(()).unwrap();
            let _ = released.recv();
            Ok(())
        });
        held.unwrap();
    });
    has_started.recv().unwrap();
    (release, thread)
}

#[test]
fn requests_that_wait_together_share_one_write_and_see_each_other() {
    let store = Arc::new(Stubborn::default());
    let fixture = Fixture::over(store.clone());
    fixture.create_zone("example.com", json!({})).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (release, held) = hold(&fixture);
    let outcomes = runtime.block_on(async {
        let service = &fixture.service;
        let create = |index: usize| {
            let path = host(index);
            let fields = RecordFields::parse(&object(body("192.0.2.1")), &path);
            async move {
                service.commit(&actor(), move |transaction| transaction.create_record(&path, fields)).await
            }
        };
        let twice = create(3);
        let last =
            async { service.commit(&actor(), |transaction| transaction.zone(&name("example.com"))).await };
        let opener = async move {
            // Everything before is queued by now: the futures are polled in order.
            drop(release);
        };
        let (a, b, c, d, twice, last, ()) =
            tokio::join!(create(0), create(1), create(2), create(3), twice, last, opener);
        assert_refused(twice, 400, "record already exists");
        assert_eq!(last.unwrap().value.serial, START_S as u32 + 4);
        [a, b, c, d].map(|outcome| outcome.unwrap().revision)
    });
    held.join().unwrap();
    let first = outcomes[0];
    assert_eq!(outcomes, [first, first + 1, first + 2, first + 3]);
    assert_eq!(store.writes.lock().unwrap().last(), Some(&4));
    assert_eq!(fixture.serial("example.com"), START_S as u32 + 4);
    assert_eq!(fixture.service.snapshot().load().revision, first + 3);
}

#[test]
fn a_change_set_happens_as_a_whole_or_not_at_all() {
    let fixture = Fixture::with_zone();
    let revision = fixture.service.revision();
    let failed = fixture.service.commit_blocking(&actor(), |transaction| {
        for address in ["192.0.2.1", "not an address"] {
            let path = path("example.com", &format!("{}.example.com", address.len()), "A");
            let fields = RecordFields::parse(&object(body(address)), &path);
            transaction.create_record(&path, fields)?;
        }
        Ok(())
    });
    assert_refused(failed, 400, "answer 1");
    assert_eq!(fixture.service.revision(), revision);
    assert_eq!(fixture.dns("9.example.com", "A"), Found::NoName);
}

#[test]
fn one_change_set_raises_a_serial_once_however_much_it_changes() {
    let fixture = Fixture::with_zone();
    fixture
        .service
        .commit_blocking(&actor(), |transaction| {
            for index in 0..3 {
                let fields = RecordFields::parse(&object(body("192.0.2.1")), &host(index));
                transaction.create_record(&host(index), fields)?;
            }
            Ok(())
        })
        .unwrap();
    assert_eq!(fixture.serial("example.com"), START_S as u32 + 1);
    assert_eq!(fixture.zone("example.com").serial, START_S as u32 + 1);
}

#[test]
fn a_panic_is_an_error_of_that_request_only() {
    let fixture = Fixture::with_zone();
    let panicked = fixture.service.commit_blocking(&actor(), |transaction| -> Result<(), ApiError> {
        transaction.delete_zone(&name("example.com"))?;
        panic!("a bug");
    });
    let error = panicked.unwrap_err();
    assert_eq!((error.status.as_u16(), error.message.as_str()), (500, "internal error"));
    assert!(error.detail.unwrap().contains("a bug"));
    fixture.create_www();
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(3600, &["192.0.2.1"]));
}

#[test]
fn a_store_that_fails_acknowledges_nothing_and_changes_nothing() {
    let store = Arc::new(Stubborn::default());
    let fixture = Fixture::over(store.clone());
    fixture.create_zone("example.com", json!({})).unwrap();
    store.fails.store(true, Ordering::Relaxed);
    assert_refused(fixture.create(host(1), body("192.0.2.1")), 503, "could not be stored");
    assert_eq!(fixture.dns("h1.example.com", "A"), Found::NoName);
    assert_eq!(fixture.record(&host(1)), None);
    assert_refused(fixture.create(host(1), json!({})), 400, "answers");
    store.fails.store(false, Ordering::Relaxed);
    fixture.create(host(1), body("192.0.2.1")).unwrap();
    assert_eq!(fixture.serial("example.com"), START_S as u32 + 1);
}

#[test]
fn a_store_that_panics_ends_changes_and_not_queries() {
    let store = Arc::new(Stubborn::default());
    let fixture = Fixture::over(store.clone());
    fixture.create_zone("example.com", json!({})).unwrap();
    store.panics.store(true, Ordering::Relaxed);
    assert_refused(fixture.create(host(1), body("192.0.2.1")), 500, "internal error");
    store.panics.store(false, Ordering::Relaxed);
    assert_refused(fixture.create(host(2), body("192.0.2.1")), 503, "until the server is restarted");
    assert!(fixture.service.is_ready() && !fixture.service.takes_changes());
    assert_eq!(fixture.dns("example.com", "NS"), rdata(3600, &["ns1.test.", "ns2.test."]));
}

#[test]
fn after_the_shutdown_changes_are_refused_and_reads_go_on() {
    let fixture = Fixture::with_zone();
    assert!(fixture.service.is_ready());
    fixture.service.shutdown();
    assert!(!fixture.service.is_ready());
    assert_refused(fixture.create(host(1), body("192.0.2.1")), 503, "stopping");
    assert_eq!(fixture.zone("example.com").zone, "example.com");
}

#[test]
fn the_log_tells_who_did_what_newest_first() {
    let fixture = Fixture::with_zone();
    let record = fixture.create_www();
    fixture.now_s.store(START_S + 5, Ordering::Relaxed);
    fixture.delete_zone("example.com").unwrap();
    let entries: Vec<_> = fixture.service.activity().map(Result::unwrap).collect();
    assert_eq!(fixture.activity(), ["delete zone", "create record", "create zone"]);
    let newest = &entries[0];
    assert_eq!((newest.timestamp, newest.user_name.as_str()), (START_S + 5, "tester"));
    assert_eq!(newest.user_id, "ab".repeat(12));
    assert_eq!(newest.resource["zone"], "example.com");
    assert_eq!(entries[1].resource_id, record.id.to_string());
    assert!(crate::ids::is_object_id(&newest.id));
}

#[test]
fn entries_of_the_log_go_after_a_year() {
    let fixture = Fixture::with_zone();
    for ttl in 1..=3 {
        fixture.update_zone("example.com", json!({"ttl": ttl})).unwrap();
    }
    fixture.now_s.fetch_add(364 * 24 * 3600, Ordering::Relaxed);
    fixture.create_www();
    assert_eq!(fixture.activity().len(), 5);
    fixture.now_s.fetch_add(2 * 24 * 3600, Ordering::Relaxed);
    fixture.update_zone("example.com", json!({"ttl": 4})).unwrap();
    assert_eq!(fixture.activity().len(), 4);
    fixture.update_zone("example.com", json!({"ttl": 5})).unwrap();
    assert_eq!(fixture.activity(), ["update zone", "update zone", "create record"]);
}
