//! The embedded geography as a MaxMind DB file, so that every server steers by the same data.
//!
//! The format (MaxMind DB File Format Specification 2.0): a binary tree over the bits of an address, whose
//! nodes are pairs of 24-bit records; then the data, then metadata behind a marker. A record below the number
//! of nodes is a node, that number itself is "nothing known", and above it stands an offset into the data.

use std::{
    collections::HashMap,
    net::{IpAddr, Ipv4Addr},
};

use anyhow::{Result, ensure};
use geoip_data::{CountryCode, GeoData, catalog};

/// A record of the tree while it grows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Link {
    Nothing,
    Node(u32),
    Country(CountryCode),
}

/// Writes the country of every IPv4 network that `geo` knows.
///
/// # Errors
/// When the tree does not fit 24-bit records.
pub fn write(geo: &GeoData) -> Result<Vec<u8>> {
    let mut nodes = vec![[Link::Nothing; 2]];
    let mut address = 0u32;
    loop {
        let located = geo.place(IpAddr::V4(Ipv4Addr::from(address)));
        if let Some(country) = located.value.and_then(|place| place.country) {
            insert(&mut nodes, address, located.prefix_bits, country);
        }
        // The last address of the network, then the next one.
        let last = address | u32::MAX.checked_shr(located.prefix_bits.into()).unwrap_or(0);
        let Some(next) = last.checked_add(1) else { break };
        address = next;
    }
    encode(&nodes)
}

fn insert(nodes: &mut Vec<[Link; 2]>, address: u32, bits: u8, country: CountryCode) {
    let mut at = 0;
    for depth in 0..bits {
        let side = (address >> (31 - depth) & 1) as usize;
        if depth + 1 == bits {
            nodes[at][side] = Link::Country(country);
            return;
        }
        at = match nodes[at][side] {
            Link::Node(next) => next as usize,
            Link::Nothing | Link::Country(_) => {
                nodes.push([Link::Nothing; 2]);
                let next = nodes.len() - 1;
                nodes[at][side] = Link::Node(next as u32);
                next
            }
        };
    }
}

fn encode(nodes: &[[Link; 2]]) -> Result<Vec<u8>> {
    let count = u32::try_from(nodes.len())?;
    let mut data = Vec::new();
    let mut offsets: HashMap<CountryCode, u32> = HashMap::new();
    let mut file = Vec::with_capacity(nodes.len() * 6);
    for link in nodes.iter().flatten() {
        let record = match *link {
            Link::Nothing => count,
            Link::Node(next) => next,
            // Sixteen zero octets stand between the tree and the data; offsets count from before them.
            Link::Country(country) => {
                let offset = *offsets.entry(country).or_insert_with(|| {
                    let offset = data.len() as u32;
                    put_country(&mut data, country);
                    offset
                });
                count + 16 + offset
            }
        };
        ensure!(record < 1 << 24, "the tree does not fit its records");
        file.extend(&record.to_be_bytes()[1..]);
    }
    file.extend([0; 16]);
    file.extend(data);
    file.extend(b"\xab\xcd\xefMaxMind.com");
    put_metadata(&mut file, count);
    Ok(file)
}

fn put_country(out: &mut Vec<u8>, country: CountryCode) {
    put_map(out, 2);
    put_text(out, "continent");
    put_map(out, 1);
    put_text(out, "code");
    put_text(out, catalog::country(country).map_or("", |facts| facts.continent));
    put_text(out, "country");
    put_map(out, 1);
    put_text(out, "iso_code");
    put_text(out, country.as_str());
}

fn put_metadata(out: &mut Vec<u8>, nodes: u32) {
    put_map(out, 9);
    put_text(out, "node_count");
    out.push(6 << 5 | 4);
    out.extend(nodes.to_be_bytes());
    for (key, value) in [
        ("record_size", 24u8),
        ("ip_version", 4),
        ("binary_format_major_version", 2),
        ("binary_format_minor_version", 0),
    ] {
        put_text(out, key);
        out.extend([5 << 5 | 1, value]);
    }
    put_text(out, "build_epoch");
    // An extended type: 64 bits, type 7 + 2. The moment means nothing here.
    out.extend([4, 2]);
    out.extend(1_700_000_000u32.to_be_bytes());
    put_text(out, "database_type");
    put_text(out, "GeoIP2-Country");
    put_text(out, "languages");
    // An extended type: an array, type 7 + 4, of none.
    out.extend([0, 4]);
    put_text(out, "description");
    put_map(out, 0);
}

fn put_map(out: &mut Vec<u8>, pairs: u8) {
    out.push(7 << 5 | pairs);
}

/// Texts here are shorter than 29 octets, the longest that one control octet can tell.
fn put_text(out: &mut Vec<u8>, text: &str) {
    out.push(2 << 5 | text.len() as u8);
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use maxminddb::Reader;

    use super::*;

    #[test]
    fn the_file_says_what_the_embedded_tables_say() {
        let geo = GeoData::embedded();
        let reader = Reader::from_source(write(&geo).unwrap()).unwrap();
        let mut known = 0;
        let mut draw = crate::query::Draw::new(3);
        for _ in 0..2_000 {
            let address = IpAddr::V4(draw.next().into());
            let expected = geo.place(address).value.and_then(|place| place.country);
            let found: Option<BTreeMap<String, BTreeMap<String, String>>> =
                reader.lookup(address).unwrap().decode().unwrap();
            let found = found.map(|record| record["country"]["iso_code"].clone());
            assert_eq!(found.as_deref(), expected.as_ref().map(CountryCode::as_str), "{address}");
            known += u32::from(found.is_some());
        }
        assert!(known > 1_000, "{known}");
    }
}
