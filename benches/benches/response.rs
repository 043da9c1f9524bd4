//! `Responder::answer` from octets to octets: what one query costs beside the kernel.

use std::hint::black_box;

use criterion::{Criterion, criterion_group, criterion_main};
use filters::AnswerId;
use geoip_data::{GeoData, GeoHandle};
use serde_json::json;
use server::{Disposition, Peer, Responder, Transport};
use sextant_benches::{address, name, settings};
use zones::{AnswerDoc, Change, CompiledRecord, RecordDoc, RecordId, RecordType, Snapshot, World};

/// Names of the static zone: far more than the processor's caches hold.
const NAMES: u32 = 1_000_000;
/// Queries asked in turn, so that they meet different names.
const QUERIES: u32 = 4096;
/// A prime beside `NAMES`: steps by it visit names all over the zone.
const STRIDE: u32 = 7919;

fn steered() -> CompiledRecord {
    let mut document =
        RecordDoc::new(RecordId([1; 12]), "steered.test", "www.steered.test", RecordType::A, 60);
    document.filters = serde_json::from_value(json!([
        {"filter": "up"},
        {"filter": "geotarget_country"},
        {"filter": "weighted_shuffle"},
        {"filter": "select_first_n", "config": {"N": 1}},
    ]))
    .expect("valid filters");
    document.answers = (0..8u8)
        .zip(["DE", "US", "FR", "JP"].into_iter().cycle())
        .map(|(index, country)| AnswerDoc {
            id: AnswerId([index; 12]),
            answer: vec![json!(format!("192.0.2.{index}"))],
            meta: json!({"up": true, "country": [country], "weight": index})
                .as_object()
                .cloned()
                .unwrap_or_default(),
            region: None,
        })
        .collect();
    zones::compile::record(&document, &|_| None).expect("a valid record")
}

fn responder() -> Responder {
    let zone = name("example.com");
    let owner = |index| format!("host-{index}.example.com");
    let records = (0..NAMES).map(|index| address(&zone, &owner(index), index));
    let zones = ["example.com", "steered.test"].map(|apex| Change::PutZone(settings(name(apex), 1)));
    let chain = [Change::PutRecord { zone: name("steered.test"), record: steered() }];
    let snapshot = World::new().apply(1, zones.into_iter().chain(records).chain(chain));
    let cell = Snapshot::empty().into_cell();
    cell.store(snapshot);
    Responder::new(&cell, &GeoHandle::new(GeoData::embedded()), 1232, 1)
}

/// A query with EDNS, and with a client subnet of 24 bits if there is one.
fn query(owner: &str, subnet: Option<[u8; 3]>) -> Vec<u8> {
    let options = subnet.map_or(Vec::new(), |[a, b, c]| vec![0, 8, 0, 7, 0, 1, 24, 0, a, b, c]);
    let mut packet = vec![1, 2, 0, 0, 0, 1, 0, 0, 0, 0, 0, 1];
    packet.extend(name(owner).as_wire());
    packet.extend([0, 1, 0, 1]);
    packet.extend([0, 0, 41, 4, 208, 0, 0, 0, 0, 0, options.len() as u8]);
    packet.extend(options);
    packet
}

fn response(criterion: &mut Criterion) {
    let mut responder = responder();
    let mut group = criterion.benchmark_group("response");
    let spread = |index: u32| index.wrapping_mul(STRIDE) % NAMES;
    let of = |make: &dyn Fn(u32) -> Vec<u8>| (0..QUERIES).map(make).collect::<Vec<_>>();
    let kinds = [
        ("static A", of(&|index| query(&format!("host-{}.example.com", spread(index)), None))),
        ("NXDOMAIN", of(&|index| query(&format!("none-{}.example.com", spread(index)), None))),
        ("chain", of(&|_| query("www.steered.test", None))),
        (
            "chain with client subnet",
            of(&|index| {
                let [a, b, c, _] = index.wrapping_mul(0x9e37_79b1).to_be_bytes();
                query("www.steered.test", Some([a, b, c]))
            }),
        ),
        ("refused", of(&|index| query(&format!("host-{index}.example.org"), None))),
    ];
    let peer = Peer { address: ([198, 51, 100, 7], 4242).into(), transport: Transport::Udp };
    let mut out = vec![0; 1232];
    for (kind, queries) in &kinds {
        let mut turn = queries.iter().cycle();
        group.bench_function(*kind, |bencher| {
            bencher.iter(|| {
                let query = turn.next().map_or(&[][..], Vec::as_slice);
                let disposition = responder.answer(black_box(query), peer, &mut out);
                assert!(matches!(disposition, Disposition::Reply(_)));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, response);
criterion_main!(benches);
