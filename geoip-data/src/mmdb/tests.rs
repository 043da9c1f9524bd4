use std::collections::HashMap;
use std::fs;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::PathBuf;

use rand::rngs::SmallRng;
use rand::{RngExt, SeedableRng};

use super::*;
use crate::GeoData;
use crate::place::Located;

fn test_file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data").join(name)
}

fn data(city: &str, asn: &str) -> GeoData {
    GeoData {
        location: read_location(&test_file(city)).unwrap().into(),
        asn: read_asn(&test_file(asn)).unwrap().into(),
    }
}

/// What the file itself says about an address.
fn asked_directly(reader: &Reader<Vec<u8>>, address: IpAddr) -> Option<Place> {
    let record = reader.lookup(address).unwrap().decode::<LocationRecord<'_>>().unwrap()?;
    let place = place(&record);
    (place.country.is_some() || place.georegion.is_some() || place.position.is_some()).then_some(place)
}

/// First and last address of a network, and those just outside it.
fn edges(network: &LookupResult<'_, Vec<u8>>) -> Vec<IpAddr> {
    let network = network.network().unwrap();
    match (network.network(), network.broadcast()) {
        (IpAddr::V4(first), IpAddr::V4(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                .map(|bits| Ipv4Addr::from_bits(bits).into())
                .to_vec()
        }
        (IpAddr::V6(first), IpAddr::V6(last)) => {
            let (first, last) = (first.to_bits(), last.to_bits());
            [first.wrapping_sub(1), first, last, last.wrapping_add(1)]
                .into_iter()
                .filter(|&bits| !is_alias(bits))
                .map(|bits| Ipv6Addr::from_bits(bits).into())
                .collect()
        }
        mixed => panic!("{mixed:?}"),
    }
}

/// Whether an IPv6 address is in a part of the tree that repeats the IPv4 networks, which tables leave out.
fn is_alias(bits: u128) -> bool {
    bits >> 32 == 0 || bits >> 32 == 0xffff || bits >> 112 == 0x2002 || bits >> 96 == 0x2001_0000
}

#[test]
fn every_network_of_a_file_has_the_place_the_file_gives_it() {
    for name in ["GeoIP2-City-Test.mmdb", "GeoIP2-Country-Test.mmdb", "GeoLite2-City-Test.mmdb"] {
        let data = data(name, "GeoLite2-ASN-Test.mmdb");
        let reader = Reader::from_source(fs::read(test_file(name)).unwrap()).unwrap();
        let mut checked = 0;
        for network in reader.networks(WithinOptions::default()).unwrap() {
            for address in edges(&network.unwrap()) {
                let found = data.place(address).value.copied();
                assert_eq!(found, asked_directly(&reader, address), "{name}: {address}");
                checked += 1;
            }
        }
        assert!(checked > 500, "{name}: {checked}");
    }
}

#[test]
fn every_network_of_a_file_has_the_as_number_the_file_gives_it() {
    let name = "GeoLite2-ASN-Test.mmdb";
    let data = data("GeoIP2-City-Test.mmdb", name);
    let reader = Reader::from_source(fs::read(test_file(name)).unwrap()).unwrap();
    for network in reader.networks(WithinOptions::default()).unwrap() {
        for address in edges(&network.unwrap()) {
            let record = reader.lookup(address).unwrap().decode::<AsnRecord>().unwrap();
            let number = record.and_then(|record| record.autonomous_system_number);
            assert_eq!(data.asn(address).value, number, "{address}");
        }
    }
}

#[test]
fn a_city_file_gives_its_own_positions_and_subdivisions() {
    let data = data("GeoIP2-City-Test.mmdb", "GeoLite2-ASN-Test.mmdb");
    let Located { value: Some(place), prefix_bits } = data.place("216.160.83.58".parse().unwrap()) else {
        panic!("the test file has this address")
    };
    assert_eq!(place.country, CountryCode::parse("US"));
    assert_eq!(place.subdivision, SubdivisionCode::parse("WA"));
    assert_eq!(place.georegion, Some(Georegion::UsWest));
    assert_eq!(place.position, Some(Coordinates { latitude: 47.2513, longitude: -122.3149 }));
    assert_eq!(prefix_bits, 29);
    assert_eq!(data.place("192.0.2.1".parse().unwrap()).value, None);
    assert_eq!(data.asn("1.128.0.1".parse().unwrap()), Located { value: Some(1221), prefix_bits: 11 });
}

#[test]
fn a_country_file_gives_centers_of_countries() {
    let data = data("GeoIP2-Country-Test.mmdb", "GeoLite2-ASN-Test.mmdb");
    let place = data.place("81.2.69.160".parse().unwrap()).value.unwrap();
    let country = CountryCode::parse("GB").unwrap();
    assert_eq!(*place, Place::of(country, None));
    assert!(place.position.is_some() && place.georegion == Some(Georegion::Europe));
}

#[test]
fn the_sources_say_what_the_file_is() {
    let sources = data("GeoLite2-City-Test.mmdb", "GeoLite2-ASN-Test.mmdb").sources();
    assert_eq!(sources.location.name, "GeoLite2-City");
    assert_eq!(sources.location.file, Some(test_file("GeoLite2-City-Test.mmdb")));
    assert!(sources.location.date.starts_with("202") && sources.location.date.len() == 10);
    assert!(sources.location.attribution.contains("MaxMind"));
    assert!(sources.asn.to_string().starts_with("GeoLite2-ASN of 202"));
}

/// Flattens a file of MaxMind's generic test set, whose records hold their own network's first address.
fn flatten_by(name: &str, key: &str) -> (AddressTable, HashMap<u32, String>) {
    let reader = Reader::from_source(fs::read(test_file(name)).unwrap()).unwrap();
    let mut names = HashMap::new();
    let table = flatten(&reader, |record| {
        let text = match record.decode::<HashMap<&str, &str>>() {
            Ok(map) => map.unwrap()[key],
            Err(_) => record.decode::<&str>()?.unwrap(),
        };
        names.insert(names.len() as u32 + 1, text.to_owned());
        Ok(names.len() as u32)
    })
    .unwrap();
    (table, names)
}

/// Looks addresses up: `(address, text of the record, prefix)`.
fn check_names((table, names): &(AddressTable, HashMap<u32, String>), expected: &[(&str, &str, u8)]) {
    for &(address, name, prefix_bits) in expected {
        let hit = table.find(address.parse().unwrap());
        let found = names.get(&hit.value).map_or("", String::as_str);
        assert_eq!((found, hit.prefix_bits), (name, prefix_bits), "{address}");
    }
}

#[test]
fn a_file_with_ipv4_only_has_nothing_for_ipv6() {
    let file = flatten_by("MaxMind-DB-test-ipv4-24.mmdb", "ip");
    check_names(
        &file,
        &[
            ("1.1.1.1", "1.1.1.1", 32),
            ("1.1.1.3", "1.1.1.2", 31),
            ("1.1.1.7", "1.1.1.4", 30),
            ("1.1.1.31", "1.1.1.16", 28),
            ("1.1.1.32", "1.1.1.32", 32),
            ("1.1.1.33", "", 32),
            ("2001:db8::1", "", 0),
        ],
    );
}

#[test]
fn an_ipv6_file_keeps_networks_finer_than_48_bits() {
    let file = flatten_by("MaxMind-DB-test-ipv6-24.mmdb", "ip");
    check_names(
        &file,
        &[
            ("::1:ffff:ffff", "::1:ffff:ffff", 128),
            ("::2:0:0", "::2:0:0", 122),
            ("::2:0:41", "::2:0:40", 124),
            ("::2:0:59", "::2:0:58", 127),
            ("::3:0:0", "", 96),
            ("1.1.1.1", "", 0),
        ],
    );
}

#[test]
fn ipv4_networks_are_found_in_an_ipv6_tree() {
    let file = flatten_by("MaxMind-DB-test-mixed-24.mmdb", "ip");
    check_names(&file, &[("1.1.1.3", "::1.1.1.2", 31), ("::2:0:41", "::2:0:40", 124), ("1.1.1.33", "", 32)]);
}

#[test]
fn a_record_above_the_ipv4_networks_holds_for_all_of_ipv4() {
    let file = flatten_by("MaxMind-DB-no-ipv4-search-tree.mmdb", "");
    check_names(&file, &[("192.0.2.1", "::/64", 0), ("::1", "::/64", 64), ("::1:0:0:0:0", "", 64)]);
}

#[test]
fn a_file_of_another_kind_is_refused_by_name() {
    let error = read_location(&test_file("GeoLite2-ASN-Test.mmdb")).err().unwrap();
    assert!(error.to_string().ends_with(
        "GeoLite2-ASN-Test.mmdb: a \"GeoLite2-ASN\" database, which holds no places; a City or Country \
         database is needed"
    ));
    let error = read_asn(&test_file("GeoIP2-City-Test.mmdb")).err().unwrap();
    assert!(matches!(error, GeoError::NoAsNumbers { .. }), "{error}");
    let error = read_asn(&test_file("no-such-file.mmdb")).err().unwrap();
    assert!(matches!(error, GeoError::Read { .. }), "{error}");
}

#[test]
fn every_damaged_file_is_an_error() {
    let mut files = 0;
    for entry in fs::read_dir(test_file("bad")).unwrap() {
        let path = entry.unwrap().path();
        assert!(read_location(&path).is_err(), "{}", path.display());
        assert!(read_asn(&path).is_err(), "{}", path.display());
        files += 1;
    }
    assert!(files >= 25, "{files}");
}

#[test]
fn random_damage_never_panics() {
    let mut rng = SmallRng::seed_from_u64(0x6765_6f21);
    let good = fs::read(test_file("GeoIP2-City-Test.mmdb")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("damaged.mmdb");
    for _ in 0..150 {
        let mut bytes = good.clone();
        for _ in 0..rng.random_range(1..20) {
            let at = rng.random_range(0..bytes.len());
            bytes[at] = rng.random();
        }
        if rng.random_range(0..4) == 0 {
            bytes.truncate(rng.random_range(0..bytes.len()));
        }
        fs::write(&path, &bytes).unwrap();
        // Some damage cannot be seen; what matters is that either way there is an outcome.
        let _ = read_location(&path);
    }
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("large.mmdb");
    File::create(&path).unwrap().set_len(MAX_FILE_BYTES + 1).unwrap();
    assert!(matches!(read_location(&path).err().unwrap(), GeoError::TooLarge { .. }));
}

#[test]
fn a_record_is_completed_from_the_catalog() {
    let us = Some("US");
    let record = |country, registered, subdivision, continent| LocationRecord {
        country: Country { iso_code: country },
        registered_country: Country { iso_code: registered },
        subdivisions: Vec::from_iter(subdivision)
            .into_iter()
            .map(|code| Country { iso_code: Some(code) })
            .collect(),
        continent: Continent { code: continent },
        location: Location { latitude: Some(f64::NAN), longitude: Some(0.0) },
    };
    let expected = Place::of(CountryCode::parse("US").unwrap(), SubdivisionCode::parse("NY"));
    assert_eq!(place(&record(us, None, Some("NY"), None)), expected);
    assert_eq!(expected.georegion, Some(Georegion::UsEast));

    let registered = place(&record(None, us, Some("NY"), None));
    assert_eq!((registered.country, registered.subdivision), (CountryCode::parse("US"), None));

    let continent = place(&record(None, None, None, Some("EU")));
    assert_eq!((continent.country, continent.georegion), (None, Some(Georegion::Europe)));

    let unknown = place(&record(Some("A1"), None, Some("NY"), None));
    assert_eq!((unknown.country, unknown.subdivision, unknown.position), (None, None, None));
}
