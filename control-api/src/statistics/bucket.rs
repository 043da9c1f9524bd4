//! Counts of a span of time, in memory and as a file has them.
//!
//! ```text
//! file    mark 8 octets │ fingerprint │ start, unix seconds │ queries │ zones │ records │ entries │ CRC-32
//! entry   key │ queries; those of zones first, each kind by ascending key
//! ```
//!
//! All numbers but the CRC have 64 bits, little-endian. The fingerprint tells the hashes apart that keys are made
//! of: counts of another seed would be nobody's.

use zones::{Name, TallyKeys};

/// The beginning of each file, and the version of its form.
const MARK: &[u8; 8] = b"sxcount1";

/// Octets of what comes before the entries.
const HEAD: usize = 8 * 6;

/// Queries by key. Sorted by key once it was read or written.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Counts(Vec<(u64, u64)>);

impl Counts {
    /// Counts in any order, each key once.
    pub(super) fn unsorted(counts: Vec<(u64, u64)>) -> Self {
        Self(counts)
    }

    pub(super) fn as_slice(&self) -> &[(u64, u64)] {
        &self.0
    }

    pub(super) fn sort(&mut self) {
        self.0.sort_unstable();
    }

    /// The count of a key, among sorted ones.
    pub(super) fn get(&self, key: u64) -> u64 {
        self.0.binary_search_by_key(&key, |&(key, _)| key).map_or(0, |index| self.0[index].1)
    }

    /// Adds counts; of more keys than `bound` the largest are kept.
    pub(super) fn add(&mut self, others: &Self, bound: usize) {
        self.0.extend_from_slice(&others.0);
        self.sort();
        self.0.dedup_by(|next, kept| {
            let is_same = next.0 == kept.0;
            if is_same {
                kept.1 = kept.1.saturating_add(next.1);
            }
            is_same
        });
        if self.0.len() > bound {
            self.0.select_nth_unstable_by(bound, |a, b| b.1.cmp(&a.1));
            self.0.truncate(bound);
            self.sort();
        }
    }
}

/// What was counted in a span of time.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bucket {
    /// When the span began, in unix seconds.
    pub(super) start_s: u64,
    /// All queries for zones of ours.
    pub(super) total: u64,
    pub(super) zones: Counts,
    pub(super) records: Counts,
}

impl Bucket {
    /// Adds what another bucket counted.
    pub(super) fn add(&mut self, other: &Self, bound: usize) {
        self.total = self.total.saturating_add(other.total);
        self.zones.add(&other.zones, bound);
        self.records.add(&other.records, bound);
    }

    /// The contents of a file. The counts must be sorted.
    pub(super) fn encode(&self) -> Vec<u8> {
        let entries = self.zones.0.len() + self.records.0.len();
        let mut octets = Vec::with_capacity(HEAD + entries * 16 + 4);
        octets.extend_from_slice(MARK);
        let numbers = [self.zones.0.len() as u64, self.records.0.len() as u64];
        for number in [fingerprint(), self.start_s, self.total].into_iter().chain(numbers) {
            octets.extend_from_slice(&number.to_le_bytes());
        }
        for (key, count) in self.zones.0.iter().chain(&self.records.0) {
            octets.extend_from_slice(&key.to_le_bytes());
            octets.extend_from_slice(&count.to_le_bytes());
        }
        octets.extend_from_slice(&crc32fast::hash(&octets).to_le_bytes());
        octets
    }

    /// Reads the contents of a file; `None` if they are damaged, or counted under other hashes.
    pub(super) fn decode(octets: &[u8]) -> Option<Self> {
        let (content, crc) = octets.split_last_chunk::<4>()?;
        if crc32fast::hash(content) != u32::from_le_bytes(*crc) {
            return None;
        }
        let (mark, content) = content.split_first_chunk::<8>()?;
        let (words, []) = content.as_chunks::<8>() else { return None };
        let words: Vec<u64> = words.iter().map(|word| u64::from_le_bytes(*word)).collect();
        let (&[hashes, start_s, total, zones, records], entries) = words.split_first_chunk::<5>()?;
        if mark != MARK || hashes != fingerprint() {
            return None;
        }
        let (entries, []) = entries.as_chunks::<2>() else { return None };
        let entries: Vec<(u64, u64)> = entries.iter().map(|&[key, count]| (key, count)).collect();
        let zones = usize::try_from(zones).ok().filter(|&zones| zones <= entries.len())?;
        if u64::try_from(entries.len() - zones) != Ok(records) {
            return None;
        }
        let (zones, records) = entries.split_at(zones);
        Some(Self { start_s, total, zones: Counts(zones.to_vec()), records: Counts(records.to_vec()) })
    }
}

/// What all keys have to do with: the hash of the root.
fn fingerprint() -> u64 {
    TallyKeys::of_zone(&Name::root())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(u64, u64)]) -> Counts {
        Counts(counts.to_vec())
    }

    fn bucket() -> Bucket {
        Bucket { start_s: 1800, total: 9, zones: counts(&[(3, 5), (8, 4)]), records: counts(&[(1, 2)]) }
    }

    #[test]
    fn a_bucket_survives_being_a_file_and_damage_is_noticed() {
        let octets = bucket().encode();
        assert_eq!(Bucket::decode(&octets), Some(bucket()));
        for at in 0..octets.len() {
            let mut damaged = octets.clone();
            damaged[at] ^= 0x10;
            assert_eq!(Bucket::decode(&damaged), None, "octet {at}");
            assert_eq!(Bucket::decode(&octets[..at]), None, "{at} octets");
        }
    }

    #[test]
    fn a_file_that_claims_more_than_it_holds_is_refused() {
        for (at, number) in [(8 * 4, u64::MAX), (8 * 5, 7), (8 * 4, 1 << 40)] {
            let mut octets = bucket().encode();
            octets[at..at + 8].copy_from_slice(&number.to_le_bytes());
            let end = octets.len() - 4;
            let crc = crc32fast::hash(&octets[..end]).to_le_bytes();
            octets[end..].copy_from_slice(&crc);
            assert_eq!(Bucket::decode(&octets), None);
        }
    }

    #[test]
    fn sums_keep_the_largest_counts_of_too_many() {
        let mut sum = counts(&[(1, 10), (2, 1), (5, 3)]);
        sum.add(&counts(&[(2, 1), (4, 30), (5, 3)]), 3);
        assert_eq!(sum, counts(&[(1, 10), (4, 30), (5, 6)]));
        assert_eq!((sum.get(4), sum.get(2)), (30, 0));
    }
}
