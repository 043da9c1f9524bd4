//! What two workers take from each other: batches answered by one thread alone, then by two at once.
//!
//! `cargo run --release -p sextant-benches --example workers`
//!
//! Both threads have a responder of their own on one snapshot of 1,000,000 names, and each is as fast as when it is alone
//! if nothing is written that both read. They need a core each. Times are of one query: the least and the median of
//! twenty parts, so that what else the machine does matters little.

use std::sync::Barrier;
use std::thread;
use std::time::Instant;

use geoip_data::{GeoData, GeoHandle};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};
use server::{Peer, Responder, TallyReader, Transport};
use sextant_benches::{address, name, settings};
use zones::{Change, Snapshot, SnapshotCell, World};

const NAMES: u32 = 1_000_000;
const BATCH: usize = 32;
const PARTS: usize = 20;
const BATCHES_IN_A_PART: usize = 4000;

fn snapshot() -> SnapshotCell {
    let apex = name("big.example");
    let owner = |number| format!("h{number:07}.big.example");
    let records = (0..NAMES).map(|number| address(&apex, &owner(number), number));
    let zone = Change::PutZone(settings(apex.clone(), 1));
    let cell = Snapshot::empty().into_cell();
    cell.store(World::new().apply(1, std::iter::once(zone).chain(records)));
    cell
}

/// Answers batches of random names and returns the nanoseconds of a query in each part.
fn work(mut responder: Responder, seed: u64, start: &Barrier) -> Vec<f64> {
    let mut random = SmallRng::seed_from_u64(seed);
    let mut query = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0];
    query.extend(name("h0000000.big.example").as_wire());
    query.extend([0, 1, 0, 1]);
    let mut queries = vec![query; BATCH];
    let peer = Peer { address: ([198, 51, 100, 7], 4242).into(), transport: Transport::Udp };
    let mut out = [0; 1232];
    start.wait();
    let part = || {
        let before = Instant::now();
        for _ in 0..BATCHES_IN_A_PART {
            for query in &mut queries {
                let mut number = random.random_range(0..NAMES);
                for digit in query[14..21].iter_mut().rev() {
                    *digit = b'0' + (number % 10) as u8;
                    number /= 10;
                }
            }
            let mut together = responder.read_ahead(queries.iter().map(Vec::as_slice));
            for (index, query) in queries.iter().enumerate() {
                together.answer(index, query, peer, &mut out);
            }
            responder.finish_batch();
        }
        before.elapsed().as_nanos() as f64 / (BATCHES_IN_A_PART * BATCH) as f64
    };
    let mut parts: Vec<f64> = std::iter::repeat_with(part).take(PARTS).collect();
    parts.sort_by(f64::total_cmp);
    parts
}

fn main() {
    let cell = snapshot();
    let geo = GeoHandle::new(GeoData::embedded());
    for workers in [1, 2, 1, 2] {
        let mut tallies = TallyReader::default();
        let responders: Vec<_> = (0..workers)
            .map(|seed| Responder::new(&cell, &geo, 1232, seed).with_tally(tallies.new_writer()))
            .collect();
        let start = Barrier::new(responders.len());
        let start = &start;
        let times: Vec<_> = thread::scope(|scope| {
            let threads: Vec<_> = (0..)
                .zip(responders)
                .map(|(seed, responder)| scope.spawn(move || work(responder, seed, start)))
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no worker panics")).collect()
        });
        let told: Vec<_> = times
            .iter()
            .map(|parts| format!("{:.0} ns (median {:.0})", parts[0], parts[PARTS / 2]))
            .collect();
        println!("{workers} at once: {}", told.join(", "));
    }
}
