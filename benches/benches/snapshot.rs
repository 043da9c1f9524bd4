//! The snapshot: finding names in large zones and among many zones, and publishing one change.
//!
//! Prints what a record takes and how long the worlds take to build before the measurements.
//!
//! `cargo bench -p sextant-benches --bench snapshot -- --quick`

use std::hint::black_box;
use std::time::{Duration, Instant};

use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use sextant_benches::{address, name, settings};
use zones::{Change, Lookup, Name, QueryName, RecordType, Snapshot, World};

const NAMES: u32 = 1_000_000;
const ZONES: u32 = 100_000;

/// Questions asked in turn: enough that neither they nor their answers stay in the caches by themselves.
const QUESTIONS: u32 = 1 << 16;

/// One zone of a million A records.
fn large_zone(with_wildcard: bool) -> World {
    let apex = name("big.example");
    let records = (0..NAMES).map(|number| address(&apex, &format!("host{number:07}.big.example"), number));
    let wildcard = with_wildcard.then(|| address(&apex, "*.big.example", 0));
    let mut world = World::new();
    let zone = std::iter::once(Change::PutZone(settings(apex.clone(), 1)));
    world.apply(1, zone.chain(records).chain(wildcard));
    world
}

/// A hundred thousand zones of five A records.
fn many_zones() -> World {
    let changes = (0..ZONES).flat_map(|number| {
        let apex = name(&format!("zone{number:06}.example"));
        let records = ["", "www.", "mail.", "a.", "b."]
            .map(|prefix| address(&apex, &format!("{prefix}zone{number:06}.example"), number));
        std::iter::once(Change::PutZone(settings(apex, 1))).chain(records)
    });
    let mut world = World::new();
    world.apply(1, changes);
    world
}

fn built(what: &str, make: impl FnOnce() -> World) -> World {
    let start = Instant::now();
    let world = make();
    println!("{what}: built in {:.2} s, names parsed and records compiled", start.elapsed().as_secs_f64());
    world
}

/// Resident memory of this process, in KiB.
fn resident_kib() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    line.and_then(|line| line.split_whitespace().next()?.parse().ok()).unwrap_or(0)
}

/// Questions in wire form, one after the other, in random order.
fn questions(text: impl Fn(u32) -> String, range: u32) -> Vec<Name> {
    let mut random = SmallRng::seed_from_u64(1);
    (0..QUESTIONS).map(|_| name(&text(random.random_range(0..range)))).collect()
}

/// Reads, finds and looks up one question after the other.
fn ask(criterion: &mut Criterion, what: &str, snapshot: &Snapshot, questions: &[Name], is_hit: bool) {
    let mut question = QueryName::default();
    let mut next = 0;
    criterion.bench_function(what, |bencher| {
        bencher.iter(|| {
            next = (next + 1) % questions.len();
            question.read(questions[next].as_wire(), 0).expect("names are valid wire form");
            let found = snapshot.find_zone(&question, RecordType::A).expect("all names are in our zones");
            let rrset = match found.zone.lookup(&question, found.apex_label, RecordType::A) {
                Lookup::Found(node) | Lookup::Wildcard { node, .. } => node.rrset(RecordType::A),
                _ => None,
            };
            assert_eq!(rrset.is_some(), is_hit);
            black_box(rrset.map(|rrset| rrset.ttl))
        });
    });
}

/// Publishes a changed record together with its zone's new serial.
fn publish(criterion: &mut Criterion, what: &str, world: &mut World, owners: &[(Name, String)]) {
    let mut serial = 1;
    criterion.bench_function(what, |bencher| {
        bencher.iter_batched(
            || {
                serial += 1;
                let (apex, owner) = &owners[serial as usize % owners.len()];
                [Change::PutZone(settings(apex.clone(), serial)), address(apex, owner, serial)]
            },
            |changes| world.apply(1, changes).zone_count(),
            BatchSize::SmallInput,
        );
    });
}

fn snapshot(criterion: &mut Criterion) {
    let before = resident_kib();
    let mut world = built("1M A records in one zone", || large_zone(false));
    let apex = name("big.example");
    let zone = world.snapshot().zone(&apex).expect("the zone was made").clone();
    println!(
        "  {:.1} octets of tables per record; {} KiB more resident",
        zone.heap_octets() as f64 / zone.rrset_count() as f64,
        resident_kib() - before
    );
    drop(zone);
    let hits = questions(|number| format!("host{number:07}.big.example"), NAMES);
    let misses = questions(|number| format!("nope{number:07}.big.example"), NAMES);
    ask(criterion, "lookup/1M names, hit", world.snapshot(), &hits, true);
    ask(criterion, "lookup/1M names, NXDOMAIN", world.snapshot(), &misses, false);
    ask(criterion, "lookup/1M names, one name", world.snapshot(), &hits[..1], true);
    let owners: Vec<_> = hits.iter().map(|owner| (apex.clone(), owner.to_string())).collect();
    publish(criterion, "publish/changed record, 1M names", &mut world, &owners);
    let new: Vec<_> = misses.iter().map(|owner| (apex.clone(), owner.to_string())).collect();
    publish(criterion, "publish/new record, 1M names", &mut world, &new);
    drop(world);

    let world = built("1M A records and a wildcard", || large_zone(true));
    ask(criterion, "lookup/1M names, wildcard", world.snapshot(), &misses, true);
    drop(world);

    let before = resident_kib();
    let mut world = built("100k zones of 5 A records", many_zones);
    println!("  {} KiB more resident", resident_kib().saturating_sub(before));
    let hits = questions(|number| format!("www.zone{number:06}.example"), ZONES);
    ask(criterion, "lookup/100k zones, hit", world.snapshot(), &hits, true);
    let owners: Vec<_> = hits
        .iter()
        .map(|owner| (owner.parent().expect("owners are below their apex"), owner.to_string()))
        .collect();
    publish(criterion, "publish/changed record, 100k zones", &mut world, &owners);
}

fn quick() -> Criterion {
    Criterion::default()
        .sample_size(20)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args()
}

criterion_group! { name = benches; config = quick(); targets = snapshot }
criterion_main!(benches);
