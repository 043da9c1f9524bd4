//! Answers while everything changes at once: records are published, feeds pushed, a zone is imported and the
//! geography replaced, and no answer is wrong or mixed from two revisions.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU16, Ordering::SeqCst},
    time::{Duration, Instant},
};

use hickory_proto::{op::ResponseCode, rr::RecordType};
use serde_json::{Value, json};
use sextant_tests::{Answered, Api, Question, exchange_udp};

use crate::{World, launch};

/// Answers of the record that is published again and again; each carries the revision.
const ANSWERS: u16 = 8;
/// Publishes, and pushes, at least.
const CHANGES: u16 = 100;
/// Records of the imported zone.
const IMPORTED: u32 = 5_000;
/// The geography is looked at every few seconds; this is far beyond.
const PATIENCE: Duration = Duration::from_secs(60);

/// A client in London, by the file that is there at first.
const LONDON: &str = "81.2.69.160/27";
/// A client in Sweden by either file.
const SWEDEN: &str = "89.160.20.112/28";

/// Where the threads of the test find the server.
struct Client {
    dns: SocketAddr,
    api: Api,
}

impl Client {
    fn ask(&self, name: &str) -> Answered {
        exchange_udp(self.dns, &Question::new(name, RecordType::A)).unwrap()
    }

    fn ask_for(&self, name: &str, prefix: &str) -> Answered {
        exchange_udp(self.dns, &Question::new(name, RecordType::A).subnet(prefix)).unwrap()
    }
}

/// How far the changes are.
#[derive(Default)]
struct Progress {
    /// The last revision whose publish has begun.
    begun: AtomicU16,
    /// The last revision whose publish was acknowledged.
    acknowledged: AtomicU16,
    /// The imported zone was acknowledged.
    is_imported: AtomicBool,
    /// The new geography was seen.
    is_moved: AtomicBool,
    /// Nothing changes any more.
    is_over: AtomicBool,
}

impl Progress {
    fn keeps_changing(&self, changes: u16) -> bool {
        changes < CHANGES || !self.is_moved.load(SeqCst) || !self.is_imported.load(SeqCst)
    }
}

fn revision_body(revision: u16) -> Value {
    let [high, low] = revision.to_be_bytes();
    let answers: Vec<_> =
        (0..ANSWERS).map(|index| json!({"answer": [format!("10.{high}.{low}.{index}")]})).collect();
    json!({"zone": "example.test", "domain": "set.example.test", "type": "A", "answers": answers})
}

/// The revision that all addresses of a reply carry.
fn revision_of(reply: &Answered) -> u16 {
    let mut revisions = Vec::new();
    for line in reply.answers() {
        let Some(address) = line.strip_prefix("A 10.") else { continue };
        let octets: Vec<u8> = address.split('.').map(|octet| octet.parse().unwrap()).collect();
        revisions.push(u16::from_be_bytes([octets[0], octets[1]]));
    }
    assert_eq!(revisions.len(), usize::from(ANSWERS), "{:?}", reply.answers());
    assert!(revisions.iter().all(|revision| *revision == revisions[0]), "mixed: {:?}", reply.answers());
    revisions[0]
}

fn prepare(world: &World) -> String {
    world.record("example.test", "set.example.test", "A", &revision_body(0));
    world.plain("example.test", "alias.example.test", "CNAME", &[json!(["set.example.test"])]);
    let near = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"country": "GB"}},
            {"answer": ["192.0.2.2"], "meta": {"country": "SE"}},
        ],
        "filters": [{"filter": "geotarget_country", "config": {}}, {"filter": "select_first_n", "config": {}}],
    });
    world.record("example.test", "near.example.test", "A", &near);
    let api = world.server.api();
    let source = api
        .put("/v1/data/sources", &json!({"name": "mine", "sourcetype": "nsone_v1", "config": {}}))
        .unwrap();
    let source = source.body["id"].as_str().unwrap().to_owned();
    let feed = api
        .put(&format!("/v1/data/feeds/{source}"), &json!({"name": "a", "config": {"label": "a"}}))
        .unwrap();
    let fed = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"up": {"feed": feed.body["id"]}}},
            {"answer": ["192.0.2.2"], "meta": {"up": true}},
        ],
        "filters": [{"filter": "up", "config": {}}],
    });
    world.record("example.test", "fed.example.test", "A", &fed);
    source
}

/// Publishes one revision after the other.
fn publish(server: &Client, progress: &Progress) {
    let api = &server.api;
    for revision in 1.. {
        if !progress.keeps_changing(revision) {
            break;
        }
        progress.begun.store(revision, SeqCst);
        let reply = api.post("/v1/zones/example.test/set.example.test/A", &revision_body(revision)).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        progress.acknowledged.store(revision, SeqCst);
    }
}

/// Pushes values and sees each in the next answer.
fn push(server: &Client, source: &str, progress: &Progress) {
    let api = &server.api;
    for round in 0.. {
        if !progress.keeps_changing(round) {
            break;
        }
        let up = round % 2 == 0;
        let reply = api.post(&format!("/v1/feed/{source}"), &json!({"a": {"up": up}})).unwrap();
        assert_eq!(reply.status, 200, "{reply:?}");
        let expected: &[&str] = if up { &["A 192.0.2.1", "A 192.0.2.2"] } else { &["A 192.0.2.2"] };
        assert_eq!(server.ask("fed.example.test").answers(), expected);
    }
}

fn import(server: &Client, progress: &Progress) {
    let mut file = String::from("$TTL 60\n@ IN SOA ns. admin. 1 2 3 4 5\n");
    for number in 0..IMPORTED {
        file.push_str(&format!("h{number} IN A 192.0.2.{}\n", number % 250));
    }
    let reply = server.api.import("big.test", "", &file).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    progress.is_imported.store(true, SeqCst);
}

/// Puts a geography in place that has Sweden where Great Britain was, and waits until it is in use.
fn move_london(server: &Client, file: &Path, progress: &Progress) {
    let mut bytes = fs::read(file).unwrap();
    // A text of two octets in the file: its control octet, then the country.
    let places: Vec<_> =
        bytes.windows(3).enumerate().filter(|(_, text)| text == b"\x42GB").map(|(at, _)| at).collect();
    for at in places {
        bytes[at + 1..at + 3].copy_from_slice(b"SE");
    }
    let aside = file.with_extension("new");
    fs::write(&aside, bytes).unwrap();
    fs::rename(&aside, file).unwrap();
    let begun = Instant::now();
    while ask_near(server, LONDON) != "A 192.0.2.2" {
        assert!(begun.elapsed() < PATIENCE, "the new geography is not in use");
        std::thread::yield_now();
    }
    progress.is_moved.store(true, SeqCst);
}

/// The one answer that a client in `subnet` gets.
fn ask_near(server: &Client, subnet: &str) -> String {
    let answers = server.ask_for("near.example.test", subnet).answers();
    assert_eq!(answers.len(), 1, "{answers:?}");
    answers[0].clone()
}

/// Asks for everything until nothing changes any more.
fn ask(server: &Client, progress: &Progress) {
    let mut number = 0;
    while !progress.is_over.load(SeqCst) {
        for name in ["set.example.test", "alias.example.test"] {
            let acknowledged = progress.acknowledged.load(SeqCst);
            let revision = revision_of(&server.ask(name));
            let begun = progress.begun.load(SeqCst);
            assert!((acknowledged..=begun).contains(&revision), "{acknowledged} {revision} {begun}");
        }
        let is_moved = progress.is_moved.load(SeqCst);
        let near = ask_near(server, LONDON);
        assert!(near == "A 192.0.2.2" || near == "A 192.0.2.1" && !is_moved, "{near}");
        assert_eq!(ask_near(server, SWEDEN), "A 192.0.2.2");
        // The imported zone is there as a whole or not at all.
        number = (number + 997) % IMPORTED;
        let is_imported = progress.is_imported.load(SeqCst);
        let reply = server.ask(&format!("h{number}.big.test"));
        if is_imported || reply.rcode() != ResponseCode::Refused {
            assert_eq!(reply.answers(), [format!("A 192.0.2.{}", number % 250)]);
        }
    }
}

/// Runs a part of the test; when it fails, the other parts end too.
fn part(progress: &Progress, work: impl FnOnce()) {
    struct EndAll<'a>(&'a Progress);
    impl Drop for EndAll<'_> {
        fn drop(&mut self) {
            if std::thread::panicking() {
                for flag in [&self.0.is_moved, &self.0.is_imported, &self.0.is_over] {
                    flag.store(true, SeqCst);
                }
            }
        }
    }
    let _end_all = EndAll(progress);
    work();
}

#[test]
fn no_answer_is_wrong_or_mixed_while_everything_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("city.mmdb");
    let original = concat!(env!("CARGO_MANIFEST_DIR"), "/../geoip-data/tests/data/GeoLite2-City-Test.mmdb");
    fs::copy(original, &file).unwrap();
    let server = launch(&folder).arguments(&["--geoip-city", &file.display().to_string()]).start().unwrap();
    let world = World { server, folder };
    let reply = world.server.api().put("/v1/zones/example.test", &json!({"zone": "example.test"})).unwrap();
    assert_eq!(reply.status, 200, "{reply:?}");
    let source = prepare(&world);
    let server = &Client { dns: world.server.dns(), api: world.server.api() };
    let progress = &Progress::default();
    assert_eq!(ask_near(server, LONDON), "A 192.0.2.1");
    std::thread::scope(|scope| {
        for _ in 0..2 {
            scope.spawn(|| part(progress, || ask(server, progress)));
        }
        let changes = [
            scope.spawn(|| part(progress, || publish(server, progress))),
            scope.spawn(|| part(progress, || push(server, &source, progress))),
            scope.spawn(|| part(progress, || import(server, progress))),
            scope.spawn(|| part(progress, || move_london(server, &file, progress))),
        ];
        let are_right = changes.map(|change| change.join().is_ok());
        progress.is_over.store(true, SeqCst);
        assert_eq!(are_right, [true; 4], "publishes, pushes, import, geography");
    });
}
