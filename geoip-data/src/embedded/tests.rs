use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::GeoData;

fn address(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn places_are_what_the_catalog_makes_of_their_codes() {
    assert!(PLACES.len() > 250);
    for place in &PLACES {
        assert_eq!(*place, Place::of(place.country.unwrap(), place.subdivision));
    }
}

#[test]
fn arrays_begin_on_a_cache_line_and_fill_their_files() {
    let array: &[[u8; 8]] = array!("location-ipv4.buckets");
    assert_eq!(array.as_ptr().align_offset(64), 0);
    assert_eq!(array.len(), 1 << 16);
}

#[test]
fn well_known_addresses_are_where_they_should_be() {
    let data = GeoData::embedded();
    for (text, country, subdivision) in [
        ("8.8.8.8", "US", Some("CA")),
        ("193.0.6.139", "NL", None),
        ("130.149.7.201", "DE", None),
        ("200.160.2.3", "BR", None),
        ("2001:67c:2e8::1", "NL", None),
    ] {
        let place = data.place(address(text)).value.unwrap();
        assert_eq!(place.country, CountryCode::parse(country), "{text}");
        assert_eq!(place.subdivision, subdivision.and_then(SubdivisionCode::parse), "{text}");
    }
    for (text, number) in [("8.8.8.8", 15169), ("1.1.1.1", 13335), ("2001:4860:4860::8888", 15169)] {
        assert_eq!(data.asn(address(text)).value, Some(number), "{text}");
    }
}

#[test]
fn private_and_reserved_addresses_have_no_place() {
    let data = GeoData::embedded();
    for text in ["10.1.2.3", "127.0.0.1", "192.168.0.1", "255.255.255.255", "::1", "fe80::1", "fd00::1"] {
        let (place, asn) = (data.place(address(text)), data.asn(address(text)));
        assert_eq!((place.value, asn.value), (None, None), "{text}");
    }
}

/// The addresses of a block at both ends and at random, and one just outside that shares all but the last bit
/// of the prefix.
fn block_samples(bits: u128, prefix_bits: u32, rng: &mut SmallRng) -> ([u128; 4], Option<u128>) {
    let host = u128::MAX.checked_shr(prefix_bits).unwrap_or(0);
    let inside = [bits & !host, bits | host, (bits & !host) | (rng.random::<u128>() & host), bits];
    let outside = prefix_bits.checked_sub(1).map(|last| bits ^ (1 << (127 - last)));
    (inside, outside)
}

#[test]
fn what_is_found_holds_for_the_whole_block() {
    let data = GeoData::embedded();
    let mut rng = SmallRng::seed_from_u64(32);
    let v4 = |bits: u128| IpAddr::from(Ipv4Addr::from_bits((bits >> 96) as u32));
    let v6 = |bits: u128| IpAddr::from(Ipv6Addr::from_bits(bits));
    for round in 0..40_000 {
        let is_v4 = round % 2 == 0;
        let bits = match is_v4 {
            true => u128::from(rng.random::<u32>()) << 96,
            false => 0x2000 << 112 | rng.random::<u128>() >> 3,
        };
        let address = |bits| if is_v4 { v4(bits) } else { v6(bits) };
        let (place, asn) = (data.place(address(bits)), data.asn(address(bits)));
        assert!(place.prefix_bits <= if is_v4 { 32 } else { 48 });
        for inside in block_samples(bits, place.prefix_bits.into(), &mut rng).0 {
            assert_eq!(data.place(address(inside)), place, "{} and {}", address(bits), address(inside));
        }
        for inside in block_samples(bits, asn.prefix_bits.into(), &mut rng).0 {
            assert_eq!(data.asn(address(inside)), asn, "{} and {}", address(bits), address(inside));
        }
    }
}

#[test]
fn blocks_follow_each_other_without_gap_or_overlap_and_are_as_large_as_can_be() {
    let data = GeoData::embedded();
    let mut next: u64 = u64::from(Ipv4Addr::new(24, 0, 0, 0).to_bits());
    let end = u64::from(Ipv4Addr::new(26, 0, 0, 0).to_bits());
    let mut blocks = 0;
    while next < end {
        let here = data.place(Ipv4Addr::from_bits(next as u32).into());
        let size = 1_u64 << (32 - here.prefix_bits);
        assert_eq!(next % size, 0, "{}/{}", Ipv4Addr::from_bits(next as u32), here.prefix_bits);
        // The other half of the next larger block has something else in it.
        let sibling = data.place(Ipv4Addr::from_bits(next as u32 ^ size as u32).into());
        assert!(sibling.value != here.value || sibling.prefix_bits > here.prefix_bits);
        next += size;
        blocks += 1;
    }
    assert_eq!(next, end);
    assert!(blocks > 10_000);
}

#[test]
fn the_notice_file_has_the_attributions() {
    let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
    let notice = words(include_str!("../../../NOTICE"));
    let sources = GeoData::embedded().sources();
    for source in [sources.location, sources.asn] {
        assert!(notice.contains(&words(&source.attribution)), "{}", source.attribution);
        assert!(source.date.len() == 10 && source.file.is_none() && source.table_bytes > 1 << 20);
    }
}
