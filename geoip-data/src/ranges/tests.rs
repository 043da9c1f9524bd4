use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;

/// The obvious table: a list of (start, value), walked from the front.
struct Model(Vec<(u128, u32)>);

impl Model {
    /// Sorted by start; a later entry with the same start wins.
    fn new(mut entries: Vec<(u128, u32)>) -> Self {
        entries.sort_by_key(|entry| entry.0);
        entries.reverse();
        entries.dedup_by_key(|entry| entry.0);
        entries.reverse();
        Self(entries)
    }

    fn ranges(&self) -> Ranges {
        let mut ranges = Ranges::new();
        for &(start, value) in &self.0 {
            ranges.push(start, value);
        }
        ranges
    }

    fn value(&self, key: u128) -> u32 {
        self.0.iter().take_while(|entry| entry.0 <= key).last().map_or(NO_VALUE, |entry| entry.1)
    }

    /// Whether all addresses of the block have the same value.
    fn is_uniform(&self, key: u128, prefix_bits: u32) -> bool {
        let host = u128::MAX.checked_shr(prefix_bits).unwrap_or(0);
        let (first, last) = (key & !host, key | host);
        let value = self.value(first);
        let mut inside = self.0.iter().filter(|entry| entry.0 > first && entry.0 <= last);
        inside.all(|entry| entry.1 == value)
    }

    /// The length of the shortest prefix with one value, found by trying all.
    fn prefix_bits(&self, key: u128, width: u32) -> u32 {
        (0..=width).find(|&bits| self.is_uniform(key, bits)).expect("a single address has one value")
    }
}

/// An address of either family, as a left-aligned key of `width` bits.
fn address(key: u128, width: u32) -> IpAddr {
    match width {
        32 => Ipv4Addr::from_bits((key >> 96) as u32).into(),
        _ => Ipv6Addr::from_bits(key).into(),
    }
}

/// Looks up every boundary, its neighbors and some more keys in the table and in the model.
fn check(model: &Model, width: u32, more_keys: &[u128]) {
    let ranges = model.ranges();
    let table = match width {
        32 => AddressTable::build(&ranges, &Ranges::new()),
        _ => AddressTable::build(&Ranges::new(), &ranges),
    };
    let unit = 1_u128 << (128 - width);
    let edges =
        model.0.iter().flat_map(|&(start, _)| [start.wrapping_sub(unit), start, start.wrapping_add(unit)]);
    for key in edges.chain(more_keys.iter().copied()).chain([0, u128::MAX]) {
        let key = key & !(unit - 1);
        let hit = table.find(address(key, width));
        let wanted = (model.value(key), model.prefix_bits(key, width));
        assert_eq!((hit.value, u32::from(hit.prefix_bits)), wanted, "{}", address(key, width));
    }
}

/// A key whose bits cluster, as allocations do: a few top bits, then a length from which on all is zero.
fn clustered_key(finest: u32) -> impl Strategy<Value = u128> {
    (any::<u128>(), 0..=finest, 0_u32..3).prop_map(move |(bits, length, spread)| {
        let kept = bits & !u128::MAX.checked_shr(length).unwrap_or(0);
        // Two in three keys share their first 15 bits, so that buckets get crowded.
        if spread == 0 {
            kept
        } else {
            (0x2a02 << 112) | (kept >> 15) & !u128::MAX.checked_shr(finest).unwrap_or(0)
        }
    })
}

fn entries(finest: u32, most: usize) -> impl Strategy<Value = Vec<(u128, u32)>> {
    vec((clustered_key(finest), 0_u32..4), 0..most)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn an_ipv4_table_agrees_with_the_model(entries in entries(32, 120), keys in vec(any::<u128>(), 20)) {
        check(&Model::new(entries), 32, &keys);
    }

    #[test]
    fn an_ipv6_table_agrees_with_the_model(
        (finest, entries) in prop_oneof![Just(48_u32), Just(80), Just(128)]
            .prop_flat_map(|finest| (Just(finest), entries(finest, 120))),
        keys in vec(clustered_key(128), 20),
    ) {
        prop_assert!(entries.iter().all(|entry| entry.0.trailing_zeros() >= 128 - finest));
        check(&Model::new(entries), 128, &keys);
    }
}

fn v4(text: &str) -> u128 {
    u128::from(text.parse::<Ipv4Addr>().unwrap().to_bits()) << 96
}

#[test]
fn an_empty_table_holds_for_everything() {
    let table = AddressTable::build(&Ranges::new(), &Ranges::new());
    let nothing = Hit { value: NO_VALUE, prefix_bits: 0 };
    assert_eq!(table.find("192.0.2.1".parse().unwrap()), nothing);
    assert_eq!(table.find("2001:db8::1".parse().unwrap()), nothing);
}

#[test]
fn a_range_that_is_no_block_gives_the_largest_block_inside_it() {
    let mut ranges = Ranges::new();
    ranges.push(v4("10.0.0.3"), 7);
    ranges.push(v4("10.0.1.64"), 8);
    let table = AddressTable::build(&ranges, &Ranges::new());
    for (address, value, prefix_bits) in [
        ("10.0.0.2", 0, 32),
        ("10.0.0.1", 0, 31),
        ("10.0.0.3", 7, 32),
        ("10.0.0.4", 7, 30),
        ("10.0.0.200", 7, 25),
        ("10.0.1.63", 7, 26),
        ("10.0.1.64", 8, 26),
        ("11.0.0.0", 8, 8),
        ("200.0.0.0", 8, 1),
        ("9.255.0.0", 0, 7),
    ] {
        assert_eq!(table.find(address.parse().unwrap()), Hit { value, prefix_bits }, "{address}");
    }
}

#[test]
fn a_crowded_bucket_is_split_and_still_exact() {
    let entries = (0..1000).map(|step| (v4("10.1.0.0") + ((step * 13) << 96), step as u32 % 3 + 1)).collect();
    check(&Model::new(entries), 32, &[v4("10.0.255.255"), v4("10.2.0.0")]);
}

#[test]
fn values_beyond_two_bytes_are_kept() {
    let mut ranges = Ranges::new();
    ranges.push(v4("10.0.0.1"), u32::MAX);
    let table = AddressTable::build(&ranges, &Ranges::new());
    assert_eq!(table.find("10.0.0.1".parse().unwrap()).value, u32::MAX);
    assert_eq!(table.find("10.1.0.1".parse().unwrap()).value, u32::MAX);
}

#[test]
fn blocks_leave_gaps_without_data_and_equal_neighbors_merge() {
    let mut ranges = Ranges::new();
    ranges.push_block(v4("10.0.0.0"), 25, 5);
    ranges.push_block(v4("10.0.0.128"), 25, 5);
    ranges.push_block(v4("10.0.2.0"), 24, 5);
    ranges.push_block(v4("255.0.0.0"), 8, 6);
    // Nothing, 10.0.0.0/24, nothing, 10.0.2.0/24, nothing, 255.0.0.0/8.
    assert_eq!(ranges.len(), 6);
    let table = AddressTable::build(&ranges, &Ranges::new());
    assert_eq!(table.find("10.0.0.130".parse().unwrap()), Hit { value: 5, prefix_bits: 24 });
    assert_eq!(table.find("10.0.1.1".parse().unwrap()), Hit { value: NO_VALUE, prefix_bits: 24 });
    assert_eq!(table.find("255.255.255.255".parse().unwrap()), Hit { value: 6, prefix_bits: 8 });
}

#[test]
fn a_bucket_reads_back_as_written() {
    for bucket in [
        Bucket::Whole { value: u32::MAX, prefix_bits: 0 },
        Bucket::Whole { value: 0, prefix_bits: 16 },
        Bucket::Plain { first: u32::MAX, count: 2 },
        Bucket::Split { first_cell: 12, cell_bits: 16 },
    ] {
        assert_eq!(Bucket::read(bucket.bytes()), bucket);
    }
}

#[test]
fn any_number_of_addresses_is_warmed_in_any_table() {
    let crowded =
        Model::new((0..4000).map(|step| (u128::from(0x0a00_0000_u32 + step * 16) << 96, step)).collect());
    let empty = Ranges::new();
    for table in [AddressTable::build(&crowded.ranges(), &empty), AddressTable::build(&empty, &empty)] {
        let addresses: Vec<Ipv4Addr> =
            (0..100).map(|step| Ipv4Addr::from(0x09ff_ff00 + step * 640)).collect();
        let before: Vec<Hit> = addresses.iter().map(|&address| table.find(address.into())).collect();
        for count in [0, 1, 2, 31, 32, 33, 100] {
            table.warm(&addresses[..count]);
        }
        let after: Vec<Hit> = addresses.iter().map(|&address| table.find(address.into())).collect();
        assert_eq!(before, after);
    }
}
