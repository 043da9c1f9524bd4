//! What is counted now: the half hour under way, and the rate of the last seconds.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};
use std::hint::black_box;

use zones::TallyKeys;

use super::bucket::{Bucket, Counts};
use super::{HALF_HOUR_S, Key, WINDOW_S};
use crate::limits::STATISTICS_KEYS;

/// Passes on a key that is a hash already.
#[derive(Default)]
pub(super) struct Hashed(u64);

impl Hasher for Hashed {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        // Keys are written as one word; this is here for completeness.
        self.0 = octets.iter().fold(self.0, |hash, &octet| hash.rotate_left(8) ^ u64::from(octet));
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}

/// Queries for one thing.
#[derive(Clone, Copy, Debug, Default)]
struct Tally {
    /// In this half hour.
    count: u64,
    /// The window in which something was counted last, and what.
    window: u32,
    in_window: u32,
    in_window_before: u32,
}

impl Tally {
    fn add(&mut self, window: u32, queries: u32) {
        if self.window != window {
            self.in_window_before = self.in_last_window(window);
            (self.window, self.in_window) = (window, 0);
        }
        self.count += u64::from(queries);
        self.in_window = self.in_window.saturating_add(queries);
    }

    /// What was counted in the window before `window`.
    fn in_last_window(&self, window: u32) -> u32 {
        match window.wrapping_sub(self.window) {
            0 => self.in_window_before,
            1 => self.in_window,
            _ => 0,
        }
    }
}

/// The tallies of zones, or of records, of a bounded number.
#[derive(Default)]
struct Tallies(HashMap<u64, Tally, BuildHasherDefault<Hashed>>);

impl Tallies {
    /// Counts, or says that there is no room for a further key.
    fn add(&mut self, key: u64, window: u32, queries: u32) -> bool {
        if let Some(tally) = self.0.get_mut(&key) {
            tally.add(window, queries);
            return true;
        }
        if self.is_full() {
            return false;
        }
        self.0.entry(key).or_default().add(window, queries);
        true
    }

    fn is_full(&self) -> bool {
        self.0.len() >= STATISTICS_KEYS
    }

    /// Which of up to 64 keys are counted already, the first in the lowest bit. This reads where their counts are, so
    /// that counting need not wait for memory once for each.
    fn known(&self, keys: impl Iterator<Item = u64>) -> u64 {
        keys.enumerate().fold(0, |known, (index, key)| {
            let tally = self.0.get(&key);
            // Reading the count itself is what brings it closer.
            black_box(tally.map(|tally| tally.window));
            known | u64::from(tally.is_some()) << index
        })
    }

    fn restore(&mut self, counts: &Counts) {
        for &(key, count) in counts.as_slice().iter().take(STATISTICS_KEYS) {
            self.0.entry(key).or_default().count = count;
        }
    }

    /// Begins a new half hour; what was counted just now goes on to tell the rate.
    fn begin(&mut self, window: u32) {
        self.0.retain(|_, tally| window.wrapping_sub(tally.window) <= 1);
        self.0.values_mut().for_each(|tally| tally.count = 0);
        self.0.shrink_to(self.0.len() * 2);
    }

    fn counts(&self) -> Vec<(u64, u64)> {
        let counted = self.0.iter().filter(|(_, tally)| tally.count > 0);
        counted.map(|(&key, tally)| (key, tally.count)).collect()
    }
}

/// The half hour under way.
#[derive(Default)]
pub(super) struct Live {
    start_s: u64,
    window: u32,
    total: Tally,
    zones: Tallies,
    records: Tallies,
    /// Queries since the process started that found no room for their zone or record.
    pub(super) crowded_out: u64,
    /// Whether something was counted since [`Live::bucket`] was called last.
    is_changed: bool,
}

impl Live {
    /// When the half hour began, in unix seconds.
    pub(super) fn start_s(&self) -> u64 {
        self.start_s
    }

    /// Says what time it is.
    pub(super) fn set_time(&mut self, now_s: u64) {
        self.window = (now_s / WINDOW_S) as u32;
    }

    /// Begins the half hour that `now_s` is in, with what `stored` says was counted in it before.
    pub(super) fn begin(&mut self, now_s: u64, stored: Option<&Bucket>) {
        self.set_time(now_s);
        self.start_s = now_s - now_s % HALF_HOUR_S;
        self.zones.begin(self.window);
        self.records.begin(self.window);
        self.total.count = 0;
        if let Some(stored) = stored {
            self.total.count = stored.total;
            self.zones.restore(&stored.zones);
            self.records.restore(&stored.records);
        }
    }

    /// Counts queries.
    pub(super) fn count(&mut self, queries: &[TallyKeys]) {
        self.is_changed |= !queries.is_empty();
        queries.chunks(64).for_each(|queries| self.count_some(queries));
    }

    fn count_some(&mut self, queries: &[TallyKeys]) {
        // Neighbors are often of one zone.
        let by_zone = || queries.chunk_by(|left, right| left.zone == right.zone);
        self.zones.known(by_zone().map(|same| same[0].zone));
        let was_full = self.records.is_full();
        let known = self.records.known(queries.iter().map(|keys| keys.record));
        let mut index = 0;
        for same in by_zone() {
            let count = same.len() as u32;
            self.total.add(self.window, count);
            let has_zone = self.zones.add(same[0].zone, self.window, count);
            for keys in same {
                // Where there was no room for a new record before, there is none now.
                let has_room = !was_full || known >> index & 1 == 1;
                let has_record =
                    keys.record == 0 || (has_room && self.records.add(keys.record, self.window, 1));
                self.crowded_out += u64::from(!(has_zone && has_record));
                index += 1;
            }
        }
    }

    /// Queries in this half hour.
    pub(super) fn counted(&self, key: Key) -> u64 {
        self.tally(key).map_or(0, |tally| tally.count)
    }

    /// Queries in the last complete window.
    pub(super) fn in_last_window(&self, key: Key) -> u32 {
        self.tally(key).map_or(0, |tally| tally.in_last_window(self.window))
    }

    fn tally(&self, key: Key) -> Option<&Tally> {
        match key {
            Key::Account => Some(&self.total),
            Key::Zone(key) => self.zones.0.get(&key),
            Key::Record(key) => self.records.0.get(&key),
        }
    }

    /// What was counted in this half hour, to be stored; `None` if that is what was stored last.
    pub(super) fn changed_bucket(&mut self) -> Option<Bucket> {
        if !std::mem::take(&mut self.is_changed) {
            return None;
        }
        Some(Bucket {
            start_s: self.start_s,
            total: self.total.count,
            zones: Counts::unsorted(self.zones.counts()),
            records: Counts::unsorted(self.records.counts()),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOON: u64 = 1_800_000_000;

    fn keys(zone: u64, record: u64) -> TallyKeys {
        TallyKeys { zone, record }
    }

    #[test]
    fn the_rate_is_that_of_the_last_complete_window() {
        let mut live = Live::default();
        live.begin(NOON, None);
        for _ in 0..30 {
            live.count(&[keys(1, 2)]);
        }
        assert_eq!(live.in_last_window(Key::Zone(1)), 0, "the window is not complete");
        live.set_time(NOON + WINDOW_S);
        assert_eq!(live.in_last_window(Key::Zone(1)), 30);
        live.count(&[keys(1, 0)]);
        assert_eq!(live.in_last_window(Key::Zone(1)), 30);
        live.set_time(NOON + 2 * WINDOW_S);
        assert_eq!(live.in_last_window(Key::Zone(1)), 1);
        assert_eq!(live.in_last_window(Key::Record(2)), 0);
        live.set_time(NOON + 9 * WINDOW_S);
        assert_eq!(live.in_last_window(Key::Account), 0);
    }

    #[test]
    fn a_new_half_hour_counts_from_0_and_keeps_the_rate() {
        let mut live = Live::default();
        live.begin(NOON, None);
        live.count(&[keys(1, 2)]);
        live.set_time(NOON + HALF_HOUR_S - 1);
        live.count(&[keys(3, 4)]);
        live.begin(NOON + HALF_HOUR_S, None);
        assert_eq!((live.counted(Key::Account), live.counted(Key::Record(4))), (0, 0));
        assert_eq!(live.in_last_window(Key::Record(4)), 1);
        assert_eq!(live.zones.0.len(), 1, "what was not asked for lately is forgotten");
    }

    #[test]
    fn keys_past_the_bound_count_for_their_zone_and_are_told_of() {
        let mut live = Live::default();
        live.begin(NOON, None);
        let bound = STATISTICS_KEYS as u64;
        (1..=bound + 10).for_each(|record| live.count(&[keys(7, record)]));
        assert_eq!(live.counted(Key::Zone(7)), bound + 10);
        assert_eq!(live.counted(Key::Record(bound)), 1);
        assert_eq!(live.counted(Key::Record(bound + 1)), 0);
        assert_eq!(live.crowded_out, 10);
    }

    #[test]
    fn a_stored_half_hour_is_continued() {
        let mut live = Live::default();
        live.begin(NOON + 5, None);
        assert_eq!(live.start_s(), NOON - NOON % HALF_HOUR_S);
        live.count(&[keys(1, 2)]);
        let stored = live.changed_bucket().unwrap();
        assert!(live.changed_bucket().is_none());
        let mut next = Live::default();
        next.begin(NOON + 6, Some(&stored));
        next.count(&[keys(1, 3)]);
        assert_eq!(next.counted(Key::Zone(1)), 2);
        assert_eq!(next.counted(Key::Record(2)), 1);
        assert_eq!(next.in_last_window(Key::Zone(1)), 0);
    }
}
