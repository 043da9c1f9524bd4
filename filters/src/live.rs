//! Live values: what the data feeds say right now.
//!
//! A feed is one [`FeedCell`], shared by the control plane that writes and every worker that reads. A push is
//! a few atomic stores and the next query sees it; nothing is rebuilt. Numbers (and `up`) are one atomic word
//! each; lists sit behind a swappable pointer that readers follow without a lock.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use arc_swap::{ArcSwapOption, Guard};

use crate::FeedId;
use crate::meta::{MetaKey, MetaValue};

/// The word that stands for "no data". Values are finite, and no finite number has these bits.
const NO_DATA: u64 = u64::MAX;

const NUMBERS: usize = 11;
const LISTS: usize = MetaKey::COUNT - NUMBERS;

/// A list as it was when it was read.
pub(crate) type LiveList = Guard<Option<Arc<MetaValue>>>;

/// The current values of one data feed.
#[derive(Debug)]
pub struct FeedCell {
    id: FeedId,
    updated_at_s: AtomicU64,
    expired: AtomicBool,
    numbers: [AtomicU64; NUMBERS],
    lists: [ArcSwapOption<MetaValue>; LISTS],
}

/// Where the value of a key is kept in a cell.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Storage {
    Number(usize),
    List(usize),
}

pub(crate) const fn storage(key: MetaKey) -> Storage {
    match key {
        MetaKey::Up => Storage::Number(0),
        MetaKey::Connections => Storage::Number(1),
        MetaKey::Requests => Storage::Number(2),
        MetaKey::Loadavg => Storage::Number(3),
        MetaKey::Latitude => Storage::Number(4),
        MetaKey::Longitude => Storage::Number(5),
        MetaKey::Priority => Storage::Number(6),
        MetaKey::Weight => Storage::Number(7),
        MetaKey::Cost => Storage::Number(8),
        MetaKey::LowWatermark => Storage::Number(9),
        MetaKey::HighWatermark => Storage::Number(10),
        MetaKey::Pulsar => Storage::List(0),
        MetaKey::Georegion => Storage::List(1),
        MetaKey::Country => Storage::List(2),
        MetaKey::UsState => Storage::List(3),
        MetaKey::CaProvince => Storage::List(4),
        MetaKey::Subdivisions => Storage::List(5),
        MetaKey::Asn => Storage::List(6),
        MetaKey::IpPrefixes => Storage::List(7),
        MetaKey::Note => Storage::List(8),
        MetaKey::AdditionalMetadata => Storage::List(9),
    }
}

impl FeedCell {
    /// A feed without data.
    pub fn new(id: FeedId) -> Self {
        Self {
            id,
            updated_at_s: AtomicU64::new(0),
            expired: AtomicBool::new(false),
            numbers: std::array::from_fn(|_| AtomicU64::new(NO_DATA)),
            lists: std::array::from_fn(|_| ArcSwapOption::empty()),
        }
    }

    /// The feed's identifier.
    pub fn id(&self) -> FeedId {
        self.id
    }

    /// When a value last came, in seconds since the Unix epoch; 0 when none ever came.
    pub fn updated_at_s(&self) -> u64 {
        self.updated_at_s.load(Ordering::Acquire)
    }

    /// Sets the value of one key, or takes it away; queries from now on see it.
    ///
    /// `value` is what [`parse_value`](crate::parse_value) gave for the same key; one of another type counts
    /// as no data. `now_s` is in seconds since the Unix epoch.
    pub fn set(&self, key: MetaKey, value: Option<&MetaValue>, now_s: u64) {
        match storage(key) {
            Storage::Number(index) => {
                let number = value.and_then(MetaValue::as_number);
                self.numbers[index].store(number.map_or(NO_DATA, f64::to_bits), Ordering::Release);
            }
            Storage::List(index) => self.lists[index].store(value.cloned().map(Arc::new)),
        }
        self.heard(now_s);
    }

    /// Says that the feed was heard, without a value. `now_s` is in seconds since the Unix epoch.
    pub fn heard(&self, now_s: u64) {
        self.updated_at_s.store(now_s, Ordering::Release);
        self.expired.store(false, Ordering::Release);
    }

    /// Takes all values away, because none came for too long; when the last one came stays known.
    pub fn expire(&self) {
        self.numbers.iter().for_each(|number| number.store(NO_DATA, Ordering::Release));
        self.lists.iter().for_each(|list| list.store(None));
        self.expired.store(true, Ordering::Release);
    }

    /// Whether its values were taken away by [`Self::expire`] and none came since.
    pub fn is_expired(&self) -> bool {
        self.expired.load(Ordering::Acquire)
    }

    /// The value of one key, if the feed has data for it.
    pub fn get(&self, key: MetaKey) -> Option<MetaValue> {
        match storage(key) {
            Storage::Number(index) => self.number(index).map(|number| value_of_number(key, number)),
            Storage::List(index) => self.lists[index].load().as_deref().cloned(),
        }
    }

    pub(crate) fn number(&self, index: usize) -> Option<f64> {
        let bits = self.numbers[index].load(Ordering::Acquire);
        (bits != NO_DATA).then(|| f64::from_bits(bits))
    }

    /// The list itself and not a count of its own on it: workers that share a feed would write that count in turn.
    pub(crate) fn list(&self, index: usize) -> LiveList {
        self.lists[index].load()
    }
}

/// The typed value of a key that is kept as a number.
pub(crate) fn value_of_number(key: MetaKey, number: f64) -> MetaValue {
    if key == MetaKey::Up { MetaValue::Flag(number != 0.0) } else { MetaValue::Number(number) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn set(cell: &FeedCell, key: MetaKey, json: &serde_json::Value) {
        cell.set(key, crate::parse_value(key, json).unwrap().as_ref(), 1000);
    }

    #[test]
    fn a_new_feed_has_no_data_under_any_key() {
        let cell = FeedCell::new(FeedId([1; 12]));
        assert!(MetaKey::ALL.iter().all(|key| cell.get(*key).is_none()));
        assert_eq!(cell.updated_at_s(), 0);
    }

    #[test]
    fn every_key_has_a_place_of_its_own() {
        for key in MetaKey::ALL {
            let same = MetaKey::ALL.iter().filter(|other| storage(**other) == storage(*key)).count();
            assert_eq!(same, 1, "{key}");
        }
    }

    #[test]
    fn a_value_is_seen_until_it_is_taken_away() {
        let cell = FeedCell::new(FeedId([1; 12]));
        set(&cell, MetaKey::Up, &json!("0"));
        set(&cell, MetaKey::Weight, &json!(0));
        set(&cell, MetaKey::Country, &json!(["DE", "FR"]));
        assert_eq!(cell.get(MetaKey::Up), Some(MetaValue::Flag(false)));
        assert_eq!(cell.get(MetaKey::Weight), Some(MetaValue::Number(0.0)));
        assert_eq!(cell.get(MetaKey::Country).unwrap().to_json(), json!(["DE", "FR"]));
        assert_eq!(cell.updated_at_s(), 1000);
        cell.set(MetaKey::Weight, None, 1001);
        cell.set(MetaKey::Country, None, 1002);
        assert_eq!((cell.get(MetaKey::Weight), cell.get(MetaKey::Country)), (None, None));
        assert_eq!(cell.updated_at_s(), 1002);
    }

    #[test]
    fn an_expired_feed_has_no_data_until_it_is_heard_again() {
        let cell = FeedCell::new(FeedId([1; 12]));
        set(&cell, MetaKey::Up, &json!(true));
        set(&cell, MetaKey::Country, &json!(["DE"]));
        assert!(!cell.is_expired());
        cell.expire();
        assert!(cell.is_expired() && MetaKey::ALL.iter().all(|key| cell.get(*key).is_none()));
        assert_eq!(cell.updated_at_s(), 1000);
        set(&cell, MetaKey::Up, &json!(false));
        assert!(!cell.is_expired());
        assert_eq!(cell.get(MetaKey::Up), Some(MetaValue::Flag(false)));
    }
}
