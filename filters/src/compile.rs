//! Laying out metadata as columns when a record is compiled.

use std::collections::HashMap;
use std::sync::Arc;

use crate::chain::{ChainError, ChainInput};
use crate::column::{
    ListColumn, ListItem, ListPlace, LiveSlot, LiveSlots, NumberColumn, NumberPlace, ValueColumn, ValuePlace,
};
use crate::limits::{MAX_LIVE_LISTS, MAX_LIVE_NUMBERS};
use crate::live::FeedCell;
use crate::meta::{MetaEntry, MetaKey, MetaTable, MetaValue};
use crate::trace::Level;
use crate::{AnswerId, FeedId};

type FindFeed<'a> = &'a dyn Fn(FeedId) -> Option<Arc<FeedCell>>;

/// Builds columns for the steps of one chain.
pub(crate) struct Compiler<'a> {
    input: &'a ChainInput<'a>,
    feeds: FindFeed<'a>,
    /// The metadata of each answer's region.
    regions: Vec<Option<&'a MetaTable>>,
    numbers: Slots,
    lists: Slots,
    step: usize,
}

/// Live slots in the making: each key of each feed once.
#[derive(Default)]
struct Slots {
    slots: Vec<LiveSlot>,
    by_source: HashMap<(FeedId, MetaKey), u32>,
}

impl Slots {
    fn slot(
        &mut self,
        feeds: FindFeed<'_>,
        feed: FeedId,
        key: MetaKey,
        limit: usize,
    ) -> Result<u32, ChainError> {
        if let Some(slot) = self.by_source.get(&(feed, key)) {
            return Ok(*slot);
        }
        let cell = feeds(feed).ok_or(ChainError::UnknownFeed { feed })?;
        let slot = u32::try_from(self.slots.len()).map_err(|_| ChainError::TooManyLiveValues)?;
        if self.slots.len() >= limit {
            return Err(ChainError::TooManyLiveValues);
        }
        self.slots.push(LiveSlot { cell, key });
        self.by_source.insert((feed, key), slot);
        Ok(slot)
    }
}

impl<'a> Compiler<'a> {
    pub(crate) fn new(input: &'a ChainInput<'a>, feeds: FindFeed<'a>) -> Self {
        let by_name: HashMap<&str, &MetaTable> =
            input.regions.iter().map(|(name, meta)| (*name, meta)).collect();
        let region = |name: Option<&str>| name.and_then(|name| by_name.get(name).copied());
        let regions = input.answers.iter().map(|answer| region(answer.region)).collect();
        Self { input, feeds, regions, numbers: Slots::default(), lists: Slots::default(), step: 0 }
    }

    /// Says which step the next columns are for.
    pub(crate) fn begin_step(&mut self, step: usize) {
        self.step = step;
    }

    /// The position of the step being compiled.
    pub(crate) fn step(&self) -> usize {
        self.step
    }

    /// The live slots of all columns.
    pub(crate) fn finish(self) -> LiveSlots {
        LiveSlots { numbers: self.numbers.slots.into(), lists: self.lists.slots.into() }
    }

    /// The effective entry of an answer and its level: the answer's own, else its region's, else the record's.
    fn effective(&self, answer: usize, key: MetaKey) -> Option<(&'a MetaEntry, Level)> {
        let own = self.input.answers[answer].meta.get(key).map(|entry| (entry, Level::Answer));
        let region = || self.regions[answer]?.get(key).map(|entry| (entry, Level::Region));
        let record = || self.input.record.get(key).map(|entry| (entry, Level::Record));
        own.or_else(region).or_else(record)
    }

    /// Every answer's effective entry; empty when no answer has one.
    fn entries(&self, key: MetaKey) -> Vec<Option<(&'a MetaEntry, Level)>> {
        let entries: Vec<_> =
            (0..self.input.answers.len()).map(|answer| self.effective(answer, key)).collect();
        if entries.iter().all(Option::is_none) { Vec::new() } else { entries }
    }

    /// The column of a numeric key, or of `up`.
    pub(crate) fn number(&mut self, key: MetaKey) -> Result<NumberColumn, ChainError> {
        let entries = self.entries(key);
        let levels = levels(&entries);
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            places.push(match entry {
                None => NumberPlace::MISSING,
                Some((MetaEntry::Literal(value), _)) => {
                    value.as_number().map_or(NumberPlace::MISSING, NumberPlace::literal)
                }
                Some((MetaEntry::Feed(feed), _)) => {
                    NumberPlace::live(self.numbers.slot(self.feeds, *feed, key, MAX_LIVE_NUMBERS)?)
                }
            });
        }
        Ok(NumberColumn { key, places: places.into(), levels })
    }

    /// The column of a list-valued key.
    pub(crate) fn list<T: ListItem>(&mut self, key: MetaKey) -> Result<ListColumn<T>, ChainError> {
        let entries = self.entries(key);
        let levels = levels(&entries);
        let mut items: Vec<T> = Vec::new();
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            places.push(match entry {
                None => ListPlace::Missing,
                Some((MetaEntry::Literal(value), _)) => append(&mut items, value),
                Some((MetaEntry::Feed(feed), _)) => {
                    ListPlace::Live(self.lists.slot(self.feeds, *feed, key, MAX_LIVE_LISTS)?)
                }
            });
        }
        Ok(ListColumn { key, places: places.into(), items: items.into(), levels })
    }

    /// The column of a key whose values are not numbers.
    pub(crate) fn value(&mut self, key: MetaKey) -> Result<ValueColumn, ChainError> {
        let entries = self.entries(key);
        let levels = levels(&entries);
        let mut places = Vec::with_capacity(entries.len());
        for entry in entries {
            places.push(match entry {
                None => ValuePlace::Missing,
                Some((MetaEntry::Literal(value), _)) => ValuePlace::Literal(value.clone()),
                Some((MetaEntry::Feed(feed), _)) => {
                    ValuePlace::Live(self.lists.slot(self.feeds, *feed, key, MAX_LIVE_LISTS)?)
                }
            });
        }
        Ok(ValueColumn { key, places: places.into(), levels })
    }

    /// The literal number that an answer has in the end, if it is not live.
    pub(crate) fn literal_number(&self, answer: usize, key: MetaKey) -> Option<f64> {
        match self.effective(answer, key)? {
            (MetaEntry::Literal(value), _) => value.as_number(),
            (MetaEntry::Feed(_), _) => None,
        }
    }

    /// How many answers the record has.
    pub(crate) fn answer_count(&self) -> usize {
        self.input.answers.len()
    }

    /// The identifiers of the answers.
    pub(crate) fn answer_ids(&self) -> impl Iterator<Item = AnswerId> + 'a {
        self.input.answers.iter().map(|answer| answer.id)
    }

    /// The names of the answers' regions.
    pub(crate) fn region_names(&self) -> impl Iterator<Item = Option<&'a str>> {
        self.input.answers.iter().map(|answer| answer.region)
    }
}

fn levels(entries: &[Option<(&MetaEntry, Level)>]) -> Box<[Level]> {
    entries.iter().map(|entry| entry.map_or(Level::Record, |(_, level)| level)).collect()
}

fn append<T: ListItem>(items: &mut Vec<T>, value: &MetaValue) -> ListPlace {
    let Some(list) = T::items(value) else { return ListPlace::Missing };
    let start = u32::try_from(items.len());
    items.extend_from_slice(list);
    // At most 4096 answers of at most 1000 items each: far below 2^32.
    match (start, u32::try_from(items.len())) {
        (Ok(start), Ok(end)) => ListPlace::Literal { start, end },
        _ => ListPlace::Missing,
    }
}
