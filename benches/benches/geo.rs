//! Address lookups: the embedded tables, at random (every lookup touches cold lines) and hot (a few thousand
//! addresses again and again, as resolvers do), and the distance between two points.
//!
//! Run with `cargo bench -p sextant-benches --bench geo`. Times are of 1,000 lookups, so that microseconds read
//! as nanoseconds each.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use criterion::{BenchmarkGroup, Criterion, criterion_group, criterion_main, measurement::WallTime};
use geoip_data::{Coordinates, GeoData};
use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

/// Lookups per measured call.
const LOOKUPS: usize = 1000;

/// Any unicast IPv4 address.
fn v4(rng: &mut SmallRng) -> IpAddr {
    Ipv4Addr::from_bits(rng.random_range(0x0100_0000..0xe000_0000)).into()
}

/// An IPv6 address from the blocks that registries give to networks; most others are one empty bucket.
fn v6(rng: &mut SmallRng) -> IpAddr {
    let blocks = [0x2001, 0x2400, 0x2600, 0x2607, 0x2804, 0x2a00, 0x2a02, 0x2a03, 0x2a0d];
    let block: u128 = blocks[rng.random_range(0..blocks.len())];
    Ipv6Addr::from_bits(block << 112 | rng.random::<u128>() >> 16).into()
}

/// Measures a lookup on random addresses, never the same twice within a cache's memory, and on 2,000 hot ones.
fn measure(
    group: &mut BenchmarkGroup<'_, WallTime>,
    name: &str,
    address: fn(&mut SmallRng) -> IpAddr,
    look_up: impl Fn(IpAddr) -> u32,
) {
    for (kind, count) in [("random", 1 << 20), ("hot", 2_000)] {
        let mut rng = SmallRng::seed_from_u64(1);
        let addresses: Vec<IpAddr> = (0..count).map(|_| address(&mut rng)).collect();
        let mut chunks = addresses.chunks_exact(LOOKUPS).cycle();
        group.bench_function(format!("{name}/{kind}"), |bencher| {
            bencher.iter(|| {
                let chunk = chunks.next().unwrap_or_default();
                chunk.iter().fold(0_u32, |sum, &address| sum.wrapping_add(look_up(black_box(address))))
            });
        });
    }
}

fn geo(criterion: &mut Criterion) {
    let data = GeoData::embedded();
    let mut group = criterion.benchmark_group("geo, 1000 lookups");
    let place = |address| {
        let found = data.place(address);
        u32::from(found.prefix_bits) + u32::from(found.value.is_some())
    };
    let asn = |address| {
        let found = data.asn(address);
        u32::from(found.prefix_bits) + found.value.unwrap_or_default()
    };
    measure(&mut group, "place/ipv4", v4, place);
    measure(&mut group, "place/ipv6", v6, place);
    measure(&mut group, "asn/ipv4", v4, asn);
    measure(&mut group, "asn/ipv6", v6, asn);
    group.finish();

    criterion.bench_function("geo, one distance", |bencher| {
        let (from, to) = (
            Coordinates { latitude: 51.5, longitude: -0.1 },
            Coordinates { latitude: 40.7, longitude: -74.0 },
        );
        bencher.iter(|| black_box(from).distance_km(black_box(to)));
    });
    criterion.bench_function("geo, start with embedded data", |bencher| {
        bencher.iter(GeoData::embedded);
    });
}

criterion_group!(benches, geo);
criterion_main!(benches);
