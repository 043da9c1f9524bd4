//! A responder over zone files, without sockets and without the control API.

use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use geoip_data::{GeoData, GeoHandle};
use server::Responder;
use zones::zone_file::{self, ImportLimits};
use zones::{Change, CompiledRecord, Name, Snapshot, SnapshotCell, World, ZoneSettings};

use crate::ZoneText;

/// A snapshot cell with these zones, each with the SOA fields of its file.
///
/// # Panics
/// When a file cannot be served.
pub fn snapshot_of(zones: &[ZoneText]) -> SnapshotCell {
    let changes = zones.iter().flat_map(changes).collect::<Vec<_>>();
    Arc::new(ArcSwap::new(World::new().apply(1, changes)))
}

/// A responder for these zones; all its draws follow from `seed`.
///
/// # Panics
/// As [`snapshot_of`].
pub fn responder_for(zones: &[ZoneText], seed: u64) -> Responder {
    responder(&snapshot_of(zones), seed)
}

fn responder(cell: &SnapshotCell, seed: u64) -> Responder {
    static GEO: OnceLock<GeoHandle> = OnceLock::new();
    let geo = GEO.get_or_init(|| GeoHandle::new(GeoData::embedded()));
    Responder::new(cell, geo, server::limits::DEFAULT_UDP_PAYLOAD, seed)
}

fn changes(zone: &ZoneText) -> Vec<Change> {
    let apex = Name::parse(&zone.apex).expect("an apex is a name");
    let file = zone_file::parse(zone.text.as_bytes(), &apex, &ImportLimits::default())
        .unwrap_or_else(|error| panic!("{apex}: {error}"));
    let soa = file.soa.unwrap_or_else(|| panic!("{apex} has no SOA record"));
    let settings = ZoneSettings {
        apex: apex.clone(),
        primary_master: soa.mname,
        hostmaster: soa.rname,
        serial: soa.serial,
        refresh_s: soa.refresh,
        retry_s: soa.retry,
        expire_s: soa.expire,
        ttl_s: soa.ttl,
        negative_ttl_s: soa.minimum,
        link: None,
        is_served: true,
    };
    let records = file.rrsets.into_iter().map(|rrset| {
        let record = CompiledRecord::from_rdata(rrset.owner, rrset.rtype, rrset.ttl, &rrset.rdatas)
            .unwrap_or_else(|error| panic!("{apex}: {error}"));
        Change::PutRecord { zone: apex.clone(), record }
    });
    std::iter::once(Change::PutZone(settings)).chain(records).collect()
}

/// A responder over a snapshot.
pub fn responder_over(snapshot: Arc<Snapshot>, seed: u64) -> Responder {
    responder(&Arc::new(ArcSwap::new(snapshot)), seed)
}
