//! Address prefixes, and sets of them that answer with exact scope.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// An address family with its number of bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Family {
    V4,
    V6,
}

impl Family {
    const fn bits(self) -> u8 {
        match self {
            Family::V4 => 32,
            Family::V6 => 128,
        }
    }
}

/// An IPv4 or IPv6 prefix.
///
/// Invariants: octets past the prefix length are zero; an IPv4 address stands in the first four octets.
/// Prefixes order by family, then by address, then from short to long.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IpPrefix {
    family: Family,
    octets: [u8; 16],
    bits: u8,
}

impl IpPrefix {
    /// The prefix of the first `bits` bits of an address; more bits than the family has count as all of them.
    ///
    /// An IPv4-mapped IPv6 address is taken as the IPv4 address, when the prefix is long enough to be one.
    pub fn new(address: IpAddr, bits: u8) -> Self {
        const MAPPED_BITS: u8 = 96;
        let (family, value, bits) = match address {
            IpAddr::V4(v4) => (Family::V4, v4_value(v4), bits),
            IpAddr::V6(v6) => match v6.to_ipv4_mapped() {
                Some(v4) if bits >= MAPPED_BITS => (Family::V4, v4_value(v4), bits - MAPPED_BITS),
                Some(_) | None => (Family::V6, v6.to_bits(), bits),
            },
        };
        let bits = bits.min(family.bits());
        Self { family, octets: (value & mask(bits)).to_be_bytes(), bits }
    }

    /// Reads CIDR notation, or an address alone, which is a prefix of full length. Host bits may be set.
    pub fn parse(text: &str) -> Option<Self> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.trim().parse().ok()?;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => width,
            Some(digits) if digits.bytes().all(|digit| digit.is_ascii_digit()) => digits.parse().ok()?,
            Some(_) => return None,
        };
        (bits <= width).then(|| Self::new(address, bits))
    }

    /// The first address of the prefix.
    pub fn address(&self) -> IpAddr {
        match self.family {
            Family::V4 => {
                let [a, b, c, d, ..] = self.octets;
                IpAddr::V4(Ipv4Addr::new(a, b, c, d))
            }
            Family::V6 => IpAddr::V6(Ipv6Addr::from(self.octets)),
        }
    }

    /// The length: 0 to 32 for IPv4, 0 to 128 for IPv6.
    pub fn bits(&self) -> u8 {
        self.bits
    }

    fn value(&self) -> u128 {
        u128::from_be_bytes(self.octets)
    }

    /// Whether the other prefix lies inside this one.
    fn holds(&self, other: &Self) -> bool {
        self.family == other.family && self.bits <= other.bits && self.common_bits(other) >= self.bits
    }

    /// How many leading bits two prefixes of one family share, as far as their first addresses go.
    fn common_bits(&self, other: &Self) -> u8 {
        let shared = (self.value() ^ other.value()).leading_zeros();
        u8::try_from(shared).unwrap_or(u8::MAX).min(self.family.bits())
    }

    /// The prefix one bit shorter, if the other is its other half.
    fn joined(&self, other: &Self) -> Option<Self> {
        let shorter = self.bits.checked_sub(1)?;
        let halves =
            self.family == other.family && self.bits == other.bits && self.common_bits(other) == shorter;
        halves.then(|| Self {
            family: self.family,
            octets: (self.value() & mask(shorter)).to_be_bytes(),
            bits: shorter,
        })
    }
}

fn v4_value(address: Ipv4Addr) -> u128 {
    u128::from(address.to_bits()) << 96
}

/// The top `bits` bits set.
fn mask(bits: u8) -> u128 {
    u128::MAX.checked_shl(128 - u32::from(bits.min(128))).unwrap_or(0)
}

impl fmt::Display for IpPrefix {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{}/{}", self.address(), self.bits)
    }
}

/// A set of addresses, given as prefixes.
///
/// Invariants: the prefixes are sorted, do not overlap, and no two of them are the halves of one. So a binary
/// search finds the only candidate, and its length is the exact scope of a match.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct PrefixSet(Box<[IpPrefix]>);

/// Whether a set holds an address, and how far around it that answer holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Membership {
    pub(crate) is_member: bool,
    /// The length of the longest prefix needed: for every address in the shortest prefix of this length around
    /// the one asked about, the answer is the same; for one bit less it is not.
    pub(crate) scope_bits: u8,
}

impl PrefixSet {
    /// Makes a set of prefixes in any order, overlapping or not.
    pub fn new(mut prefixes: Vec<IpPrefix>) -> Self {
        prefixes.sort_unstable();
        let mut merged: Vec<IpPrefix> = Vec::with_capacity(prefixes.len());
        for prefix in prefixes {
            if merged.last().is_some_and(|last| last.holds(&prefix)) {
                continue;
            }
            merged.push(prefix);
            while let [.., left, right] = merged.as_slice()
                && let Some(whole) = left.joined(right)
            {
                merged.truncate(merged.len() - 2);
                merged.push(whole);
            }
        }
        Self(merged.into_boxed_slice())
    }

    /// The prefixes, sorted.
    pub fn iter(&self) -> impl Iterator<Item = &IpPrefix> {
        self.0.iter()
    }

    /// The prefixes, sorted, without overlap, and joined where two halves meet.
    pub fn as_slice(&self) -> &[IpPrefix] {
        &self.0
    }
}

/// Looks an address up in the prefixes of a [`PrefixSet`].
pub(crate) fn membership(prefixes: &[IpPrefix], address: IpAddr) -> Membership {
    let asked = IpPrefix::new(address, u8::MAX);
    let after = prefixes.partition_point(|prefix| *prefix <= asked);
    let before = after.checked_sub(1).and_then(|index| prefixes.get(index));
    if let Some(prefix) = before.filter(|prefix| prefix.holds(&asked)) {
        return Membership { is_member: true, scope_bits: prefix.bits };
    }
    // The nearest prefixes on both sides share the most bits with the address; one more tells them apart.
    let scope_bits = before
        .into_iter()
        .chain(prefixes.get(after))
        .filter(|prefix| prefix.family == asked.family)
        .map(|prefix| prefix.common_bits(&asked) + 1)
        .max()
        .unwrap_or(0);
    Membership { is_member: false, scope_bits }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn set(texts: &[&str]) -> PrefixSet {
        PrefixSet::new(texts.iter().map(|text| IpPrefix::parse(text).unwrap()).collect())
    }

    fn member(set: &PrefixSet, address: &str) -> (bool, u8) {
        let found = membership(set.as_slice(), address.parse().unwrap());
        (found.is_member, found.scope_bits)
    }

    #[test]
    fn host_bits_may_be_set_and_a_bare_address_is_a_whole_prefix() {
        assert_eq!(IpPrefix::parse("1.2.3.4/24").unwrap().to_string(), "1.2.3.0/24");
        assert_eq!(IpPrefix::parse("2001:db8::1").unwrap().to_string(), "2001:db8::1/128");
        assert_eq!(IpPrefix::parse("::ffff:1.2.3.4/120").unwrap().to_string(), "1.2.3.0/24");
        assert_eq!(IpPrefix::parse("0.0.0.0/0").unwrap().to_string(), "0.0.0.0/0");
    }

    #[test]
    fn what_is_not_a_prefix_is_refused() {
        for text in
            ["", "/", "1.2.3.4/33", "1.2.3/24", "::/129", "1.2.3.4/", "1.2.3.4/+8", "1.2.3.4/ 8", "a/8"]
        {
            assert_eq!(IpPrefix::parse(text), None, "{text}");
        }
    }

    #[test]
    fn overlapping_prefixes_and_halves_become_one() {
        let joined = set(&["10.0.0.0/9", "10.128.0.0/9", "10.1.0.0/16", "10.0.0.0/9"]);
        assert_eq!(joined, set(&["10.0.0.0/8"]));
        assert_eq!(set(&["0.0.0.0/1", "128.0.0.0/2", "192.0.0.0/2"]), set(&["0.0.0.0/0"]));
    }

    #[test]
    fn a_member_has_the_scope_of_its_prefix_and_a_stranger_that_of_the_nearest_difference() {
        let prefixes = set(&["10.0.0.0/8", "192.0.2.0/25", "2001:db8::/32"]);
        assert_eq!(member(&prefixes, "10.200.0.1"), (true, 8));
        assert_eq!(member(&prefixes, "192.0.2.200"), (false, 25));
        assert_eq!(member(&prefixes, "11.0.0.0"), (false, 8));
        assert_eq!(member(&prefixes, "64.0.0.0"), (false, 2));
        assert_eq!(member(&prefixes, "2001:db9::"), (false, 32));
        assert_eq!(member(&set(&["10.0.0.0/8"]), "2001:db8::1"), (false, 0));
        assert_eq!(member(&set(&["::/0"]), "::ffff:10.0.0.1"), (false, 0));
    }

    fn small_prefix() -> impl Strategy<Value = IpPrefix> {
        // Few top bits, so that prefixes meet often.
        (0u32..64, 0u8..=8)
            .prop_map(|(top, bits)| IpPrefix::new(IpAddr::V4(Ipv4Addr::from_bits(top << 24)), bits))
    }

    proptest! {
        #[test]
        fn the_scope_is_sound_and_the_shortest_possible(
            prefixes in proptest::collection::vec(small_prefix(), 0..8), top in 0u32..256,
        ) {
            let set = PrefixSet::new(prefixes.clone());
            let asked = |top: u32| {
                let address = IpAddr::V4(Ipv4Addr::from_bits(top << 24));
                let truth = prefixes.iter().any(|prefix| prefix.holds(&IpPrefix::new(address, 32)));
                let found = membership(set.as_slice(), address);
                prop_assert_eq!(found.is_member, truth);
                Ok(found)
            };
            let found = asked(top)?;
            prop_assert!(found.scope_bits <= 8);
            let around = |bits: u8| (0u32..256).filter(move |other| (top ^ other) >> (8 - bits) == 0);
            for other in around(found.scope_bits) {
                prop_assert_eq!(asked(other)?.is_member, found.is_member);
            }
            if found.scope_bits > 0 {
                let mut wider = around(found.scope_bits - 1).map(asked);
                prop_assert!(wider.any(|other| other.is_ok_and(|other| other.is_member != found.is_member)));
            }
        }
    }
}
