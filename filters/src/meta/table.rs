//! One table of metadata: of an answer, of a region or of a record.

use serde_json::{Map, Value};

use super::parse::{MetaError, parse_entry};
use super::{MetaKey, MetaValue};
use crate::FeedId;

/// One entry of a metadata table.
#[derive(Clone, Debug, PartialEq)]
pub enum MetaEntry {
    /// A value that was written down.
    Literal(MetaValue),
    /// A pointer to the value of the same key in a data feed: `{"feed": "<24 hex digits>"}`.
    Feed(FeedId),
}

/// Metadata by key. Entries are few, so that a sorted list is the whole index.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct MetaTable {
    entries: Vec<(MetaKey, MetaEntry)>,
}

impl MetaTable {
    /// Reads a JSON object of metadata.
    ///
    /// An empty list, an empty object and `null` count as if the key were absent. The key `pulse`, which old
    /// clients still send, is ignored. When a key comes in two spellings, the last one counts.
    ///
    /// # Errors
    /// An unknown key, a value that is not allowed for its key, or a low watermark above the high one.
    pub fn parse(object: &Map<String, Value>) -> Result<Self, MetaError> {
        let mut table = Self::default();
        for (name, json) in object {
            if name == "pulse" {
                continue;
            }
            let key = MetaKey::parse(name).ok_or_else(|| MetaError::unknown_key(name))?;
            if let Some(entry) = parse_entry(key, json)? {
                table.insert(key, entry);
            }
        }
        table.check_watermarks()?;
        Ok(table)
    }

    /// The entry of a key.
    pub fn get(&self, key: MetaKey) -> Option<&MetaEntry> {
        self.position(key).ok().map(|position| &self.entries[position].1)
    }

    /// All entries, ordered by key.
    pub fn iter(&self) -> impl Iterator<Item = (MetaKey, &MetaEntry)> {
        self.entries.iter().map(|(key, entry)| (*key, entry))
    }

    /// The feeds that the table points at, one for each pointer.
    pub fn feeds(&self) -> impl Iterator<Item = FeedId> + '_ {
        self.entries.iter().filter_map(|(_, entry)| match entry {
            MetaEntry::Feed(feed) => Some(*feed),
            MetaEntry::Literal(_) => None,
        })
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Puts an entry in, in place of the one that the key had.
    pub fn insert(&mut self, key: MetaKey, entry: MetaEntry) {
        match self.position(key) {
            Ok(position) => self.entries[position].1 = entry,
            Err(position) => self.entries.insert(position, (key, entry)),
        }
    }

    fn position(&self, key: MetaKey) -> Result<usize, usize> {
        self.entries.binary_search_by_key(&key, |(key, _)| *key)
    }

    fn literal_number(&self, key: MetaKey) -> Option<f64> {
        match self.get(key)? {
            MetaEntry::Literal(value) => value.as_number(),
            MetaEntry::Feed(_) => None,
        }
    }

    fn check_watermarks(&self) -> Result<(), MetaError> {
        match (self.literal_number(MetaKey::LowWatermark), self.literal_number(MetaKey::HighWatermark)) {
            (Some(low), Some(high)) if low > high => Err(MetaError::Watermarks { low, high }),
            _ => Ok(()),
        }
    }
}
