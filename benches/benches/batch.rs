//! What a worker does with queries that came together: their memory is fetched for all of them, then each is answered.
//!
//! A batch has 32 queries, and the time is that of one of them. Names are random, so that neither they nor their
//! answers stay in the caches by themselves.
//!
//! `cargo bench -p sextant-benches --bench batch -- --quick`

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use geoip_data::{GeoData, GeoHandle};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use server::{Disposition, Peer, Responder, Transport};
use sextant_benches::{address, name, settings};
use zones::{Change, Snapshot, World};

const NAMES: u32 = 1_000_000;
const ZONES: u32 = 100_000;
const BATCH: usize = 32;
/// Digits in each name.
const DIGITS: usize = 7;

fn large_zone() -> Responder {
    let apex = name("big.example");
    let owner = |number| format!("host{number:07}.big.example");
    let records = (0..NAMES).map(|number| address(&apex, &owner(number), number));
    responder(std::iter::once(Change::PutZone(settings(apex.clone(), 1))).chain(records))
}

fn many_zones() -> Responder {
    responder((0..ZONES).flat_map(|number| {
        let apex = format!("zone{number:07}.example");
        let owner = |prefix| format!("{prefix}zone{number:07}.example");
        zone(&apex, ["", "www.", "mail.", "a.", "b."].map(owner))
    }))
}

fn small_zone() -> Responder {
    let owner = |prefix| format!("{prefix}small.example");
    let owners = ["", "ns1.", "host0000000.", "a.", "b.", "c."].map(owner);
    responder(zone("small.example", owners).into_iter())
}

/// A zone with an A record at each owner.
fn zone<const COUNT: usize>(apex: &str, owners: [String; COUNT]) -> Vec<Change> {
    let apex = name(apex);
    let records = owners.map(|owner| address(&apex, &owner, 1));
    std::iter::once(Change::PutZone(settings(apex, 1))).chain(records).collect()
}

fn responder(changes: impl Iterator<Item = Change>) -> Responder {
    let cell = Snapshot::empty().into_cell();
    cell.store(World::new().apply(1, changes));
    Responder::new(&cell, &GeoHandle::new(GeoData::embedded()), 1232, 1)
}

/// A query with EDNS for an owner whose name has digits, and where these are.
struct Template {
    query: Vec<u8>,
    digits_at: usize,
    numbers: u32,
}

impl Template {
    fn new(owner: &str, numbers: u32) -> Self {
        let mut query = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
        query.extend(name(owner).as_wire());
        query.extend([0, 1, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0, 0, 0]);
        let digits_at = query.iter().position(|octet| octet.is_ascii_digit()).expect("it has digits");
        Self { query, digits_at, numbers }
    }

    /// Makes the digits those of a random number.
    fn randomize(&self, query: &mut [u8], random: &mut SmallRng) {
        let mut number = random.random_range(0..self.numbers);
        for digit in query[self.digits_at..self.digits_at + DIGITS].iter_mut().rev() {
            *digit = b'0' + (number % 10) as u8;
            number /= 10;
        }
    }
}

fn answer(criterion: &mut Criterion, kind: &str, responder: &mut Responder, template: &Template) {
    let mut random = SmallRng::seed_from_u64(7);
    let mut queries = vec![template.query.clone(); BATCH];
    let peer = Peer { address: ([198, 51, 100, 7], 4242).into(), transport: Transport::Udp };
    let mut out = vec![0; 1232];
    let mut group = criterion.benchmark_group("batch");
    group.throughput(Throughput::Elements(BATCH as u64));
    group.bench_function(kind, |bencher| {
        bencher.iter(|| {
            for query in &mut queries {
                template.randomize(query, &mut random);
            }
            let mut together = responder.read_ahead(black_box(&queries).iter().map(Vec::as_slice));
            for (index, query) in queries.iter().enumerate() {
                let disposition = together.answer(index, query, peer, &mut out);
                assert!(matches!(disposition, Disposition::Reply(_)));
            }
        });
    });
    group.finish();
}

fn batch(criterion: &mut Criterion) {
    answer(criterion, "one name", &mut small_zone(), &Template::new("host0000000.small.example", 1));
    let mut large = large_zone();
    answer(criterion, "static A", &mut large, &Template::new("host0000000.big.example", NAMES));
    answer(criterion, "NXDOMAIN", &mut large, &Template::new("none0000000.big.example", NAMES));
    drop(large);
    let mut many = many_zones();
    answer(criterion, "100,000 zones", &mut many, &Template::new("www.zone0000000.example", ZONES));
}

criterion_group!(benches, batch);
criterion_main!(benches);
