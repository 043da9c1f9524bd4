//! Filter chains by themselves: one run for a random client, with few and with many answers. First every filter
//! alone, then the chains that operators write most.

use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use filters::{
    AnswerId, AnswerInput, Chain, ChainInput, Client, Context, FilterStep, MetaTable, OnEmpty, Scratch,
    Selection, filter_types, from_seed_u64,
};
use geoip_data::GeoData;
use rand::RngExt;
use serde_json::{Value, json};

/// Clients asked for in turn, so that lookups of their place are not all in the cache.
const CLIENTS: usize = 4096;

/// Every filter alone, by name.
fn filters_alone() -> impl Iterator<Item = (String, Value)> {
    filter_types().iter().map(|filter| (format!("filter/{}", filter.name), json!([{"filter": filter.name}])))
}

/// The chains that operators write most, by name.
fn chains() -> impl Iterator<Item = (String, Value)> {
    let first = json!({"filter": "select_first_n", "config": {"N": 1}});
    let chains = [
        ("up", json!([{"filter": "up"}])),
        ("shed_load", json!([{"filter": "shed_load", "config": {"metric": "loadavg"}}, first])),
        ("weighted", json!([{"filter": "weighted_shuffle"}, first])),
        ("country", json!([{"filter": "geotarget_country"}, first])),
        (
            "country_then_weight",
            json!([{"filter": "up"}, {"filter": "weighted_shuffle"}, {"filter": "geotarget_country"}, first]),
        ),
        (
            "fence_then_weight",
            json!([{"filter": "up"}, {"filter": "geofence_country"}, {"filter": "weighted_shuffle"}, first]),
        ),
        ("sticky", json!([{"filter": "up"}, {"filter": "weighted_sticky"}, first])),
        (
            "groups",
            json!([{"filter": "up"}, {"filter": "geotarget_regional"}, {"filter": "select_first_region"},
                   {"filter": "weighted_shuffle"}, first]),
        ),
    ];
    chains.into_iter().map(|(name, steps)| (format!("chain/{name}"), steps))
}

/// A chain over `count` answers in sixteen countries.
fn compile(steps: &Value, count: u16) -> Chain {
    let countries =
        ["DE", "US", "FR", "JP", "BR", "IN", "ZA", "AU", "GB", "CA", "MX", "SE", "PL", "KR", "SG", "NL"];
    let georegions = ["US-EAST", "EUROPE", "ASIAPAC", "US-WEST"];
    let groups = ["a", "b", "c", "d"];
    let steps: Vec<FilterStep> = serde_json::from_value(steps.clone()).expect("valid steps");
    let metas: Vec<MetaTable> = (0..usize::from(count))
        .map(|index| {
            let meta = json!({
                "up": index % 3 != 2,
                "country": [countries[index % countries.len()]],
                "weight": index % 7,
                "cost": index % 5,
                "priority": index % 4,
                "georegion": georegions[index % georegions.len()],
                "latitude": (index * 37 % 180) as f64 - 90.0,
                "longitude": (index * 53 % 360) as f64 - 180.0,
                "asn": [3320 + index, 7018],
                "ip_prefixes": [format!("{}.0.0.0/8", 1 + index % 200), format!("10.{}.0.0/16", index % 250)],
                "additional_metadata": [{"rack": "r1"}],
                "loadavg": (index % 5) as f64,
                "low_watermark": 1.0,
                "high_watermark": 4.5,
            });
            MetaTable::parse(meta.as_object().expect("an object")).expect("valid metadata")
        })
        .collect();
    let answers: Vec<AnswerInput<'_>> = (0u16..)
        .zip(&metas)
        .map(|(index, meta)| {
            let mut id = [0; 12];
            id[10..].copy_from_slice(&index.to_be_bytes());
            let group = groups[usize::from(index) % groups.len()];
            AnswerInput { id: AnswerId(id), meta, region: Some(group) }
        })
        .collect();
    let record = MetaTable::default();
    let input = ChainInput {
        steps: &steps,
        answers: &answers,
        regions: &[],
        record: &record,
        record_type: 1,
        on_empty: OnEmpty::Nodata,
    };
    Chain::compile(&input, &|_| None).expect("a valid chain")
}

fn run(criterion: &mut Criterion) {
    let geo = GeoData::embedded();
    let mut entropy = from_seed_u64(1);
    let clients: Vec<Client> = (0..CLIENTS)
        .map(|_| {
            let address = Ipv4Addr::from(entropy.random::<u32>() & 0xffff_ff00);
            Client::subnet(IpAddr::V4(address), 24)
        })
        .collect();
    for (name, steps) in filters_alone().chain(chains()) {
        let mut group = criterion.benchmark_group(name);
        for count in [2u16, 8, 64, 1000] {
            let chain = compile(&steps, count);
            let (mut scratch, mut selection) = (Scratch::new(), Selection::new());
            let mut turn = clients.iter().cycle();
            group.bench_function(BenchmarkId::from_parameter(count), |bencher| {
                bencher.iter(|| {
                    let client = *turn.next().expect("a cycle does not end");
                    let mut context = Context::new(client, &geo, &mut entropy, &mut scratch);
                    selection.reset(usize::from(count));
                    chain.run(&mut context, &mut selection, &mut ());
                    black_box((selection.as_slice().first().copied(), context.scope_bits()))
                });
            });
        }
        group.finish();
    }
}

criterion_group!(benches, run);
criterion_main!(benches);
