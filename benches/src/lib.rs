//! What the benchmarks beside this file have in common: worlds of zones and addresses.

use zones::{Change, CompiledRecord, Name, RecordType, ZoneSettings};

/// A name.
///
/// # Panics
/// When the text is none.
pub fn name(text: &str) -> Name {
    Name::parse(text).expect("benchmarks use valid names")
}

/// An ordinary zone with this serial.
pub fn settings(apex: Name, serial: u32) -> ZoneSettings {
    ZoneSettings {
        apex,
        primary_master: name("ns1.example.net"),
        hostmaster: name("hostmaster.example.net"),
        serial,
        refresh_s: 43_200,
        retry_s: 7_200,
        expire_s: 1_209_600,
        ttl_s: 3_600,
        negative_ttl_s: 3_600,
        link: None,
        is_served: true,
    }
}

/// An A record with this address.
///
/// # Panics
/// When the owner is no name.
pub fn address(zone: &Name, owner: &str, address: u32) -> Change {
    let rdata = [address.to_be_bytes()];
    let record = CompiledRecord::from_rdata(name(owner), RecordType::A, 3_600, &rdata);
    Change::PutRecord { zone: zone.clone(), record: record.expect("an address is short") }
}
