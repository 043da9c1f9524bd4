//! Measures how far the scope of chains is from the shortest one that would be sound.
//!
//! `cargo run --release -p filters --example scope [clients]`. For each client the scope is shortened bit by bit
//! as long as no address drawn from the newly included half gets another result. Draws can miss a difference, so
//! the excess shown is at most too large. Where a sound scope ends depends on all networks of the geography; the
//! chains promise the block around the client over which what they look at is constant.

mod support;

use std::net::{IpAddr, Ipv4Addr};

use filters::{Client, from_seed_u64};
use geoip_data::GeoData;
use rand::RngExt;
use serde_json::{Value, json};
use support::Runner;

/// Addresses drawn from each half.
const PROBES: usize = 200;

fn main() {
    let clients = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(2_000);
    let geo = GeoData::embedded();
    println!("{:<52} {:>8} {:>10} {:>6} {:>7}", "chain", "scope", "excess", "max", "exact");
    for (name, steps) in chains() {
        measure(name, &steps, clients, &geo);
    }
}

fn chains() -> Vec<(&'static str, Value)> {
    vec![
        (
            "up, weighted_shuffle (ignores the client)",
            json!([{"filter": "up"}, {"filter": "weighted_shuffle"}]),
        ),
        ("geotarget_country", json!([{"filter": "geotarget_country"}])),
        (
            "geotarget_country, select_first_n",
            json!([{"filter": "geotarget_country"}, {"filter": "select_first_n"}]),
        ),
        ("geotarget_regional", json!([{"filter": "geotarget_regional"}])),
        ("geotarget_latlong", json!([{"filter": "geotarget_latlong"}])),
        ("geofence_country", json!([{"filter": "geofence_country"}])),
        ("geofence_regional", json!([{"filter": "geofence_regional"}])),
        ("netfence_asn", json!([{"filter": "netfence_asn"}])),
        ("netfence_prefix", json!([{"filter": "netfence_prefix"}])),
        ("sticky", json!([{"filter": "sticky"}])),
        ("sticky by network", json!([{"filter": "sticky", "config": {"sticky_by_network": true}}])),
        (
            "netfence_prefix, geofence_country, select_first_n",
            json!([{"filter": "netfence_prefix"}, {"filter": "geofence_country"}, {"filter": "select_first_n"}]),
        ),
    ]
}

fn answers() -> Vec<(u32, Value)> {
    let metas = [
        json!({"up": true, "weight": 1, "country": "US", "georegion": "US-EAST", "latitude": 40.7, "longitude": -74,
               "asn": [7922, 7018], "ip_prefixes": ["8.0.0.0/7", "63.0.0.0/8"]}),
        json!({"up": true, "weight": 2, "country": ["DE", "FR"], "georegion": "EUROPE", "latitude": 50.1,
               "longitude": 8.7, "asn": [3320, 3215], "ip_prefixes": ["84.128.0.0/10", "217.0.0.0/13"]}),
        json!({"up": true, "weight": 3, "country": "JP", "georegion": "ASIAPAC", "latitude": 35.7, "longitude": 139.7,
               "asn": [4713], "ip_prefixes": ["133.0.0.0/8", "126.0.0.0/8", "150.1.2.0/24"]}),
        json!({"up": true, "weight": 4, "us_state": ["CA", "WA"], "georegion": "US-WEST", "latitude": 37.8,
               "longitude": -122.4}),
        json!({"up": true}),
    ];
    (0u32..).zip(metas).collect()
}

fn measure(name: &str, steps: &Value, clients: usize, geo: &GeoData) {
    let mut runner = Runner::new(steps, &answers());
    let mut random = from_seed_u64(11);
    let (mut scopes, mut excesses, mut most, mut exact) = (0u64, 0u64, 0, 0);
    for _ in 0..clients {
        let address: u32 = random.random();
        let (expected, scope) = result(&mut runner, address, geo);
        let mut shortest = scope;
        while shortest > 0 {
            let half = 1u32 << (32 - shortest);
            let free = half.wrapping_sub(1);
            let differs = (0..PROBES).any(|_| {
                let probe = (address ^ half) & !free | random.random::<u32>() & free;
                result(&mut runner, probe, geo).0 != expected
            });
            if differs {
                break;
            }
            shortest -= 1;
        }
        let excess = scope - shortest;
        scopes += u64::from(scope);
        excesses += u64::from(excess);
        most = most.max(excess);
        exact += u64::from(excess == 0);
    }
    let mean = |sum: u64| sum as f64 / clients as f64;
    println!(
        "{name:<52} {:>8.2} {:>10.2} {most:>6} {:>6.1}%",
        mean(scopes),
        mean(excesses),
        100.0 * mean(exact)
    );
}

fn result(runner: &mut Runner, address: u32, geo: &GeoData) -> (Vec<u16>, u8) {
    let client = Client::source(IpAddr::V4(Ipv4Addr::from(address)));
    let (answers, scope) = runner.run(client, geo, &mut from_seed_u64(5));
    (answers.to_vec(), scope)
}
