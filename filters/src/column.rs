//! Columns: the metadata of all answers of a record, one array for each key that a filter reads.
//!
//! Precedence (answer, then region, then record) is resolved when the record is compiled. A place in a column
//! holds a value, nothing, or the number of a *live slot*: one key of one feed. A run reads each slot at most
//! once and remembers what it read.

use std::sync::Arc;

use geoip_data::Georegion;

use crate::live::{FeedCell, LiveList, Storage, storage, value_of_number};
use crate::meta::{MetaKey, MetaValue};
use crate::place::{CountryTag, SubdivisionTag};
use crate::prefix::{IpPrefix, PrefixSet};
use crate::trace::{Level, Used};

/// One key of one feed that a chain reads.
#[derive(Clone, Debug)]
pub(crate) struct LiveSlot {
    pub(crate) cell: Arc<FeedCell>,
    pub(crate) key: MetaKey,
}

/// All live slots of a chain.
#[derive(Clone, Debug, Default)]
pub(crate) struct LiveSlots {
    pub(crate) numbers: Box<[LiveSlot]>,
    pub(crate) lists: Box<[LiveSlot]>,
}

/// What a run has read from live slots so far.
#[derive(Debug)]
pub(crate) struct LiveReads {
    numbers: Vec<Read<f64>>,
    lists: Vec<Read<LiveList>>,
}

#[derive(Debug)]
enum Read<T> {
    NotYet,
    NoData,
    Value(T),
}

impl<T> Read<T> {
    fn from_option(value: Option<T>) -> Self {
        value.map_or(Read::NoData, Read::Value)
    }
}

impl LiveReads {
    pub(crate) fn new() -> Self {
        use crate::limits::{MAX_LIVE_LISTS, MAX_LIVE_NUMBERS};
        Self { numbers: Vec::with_capacity(MAX_LIVE_NUMBERS), lists: Vec::with_capacity(MAX_LIVE_LISTS) }
    }

    /// Forgets everything and makes room for the slots of a chain.
    #[inline]
    pub(crate) fn begin(&mut self, slots: &LiveSlots) {
        self.end();
        if slots.numbers.is_empty() && slots.lists.is_empty() {
            return;
        }
        self.numbers.resize_with(slots.numbers.len(), || Read::NotYet);
        self.lists.resize_with(slots.lists.len(), || Read::NotYet);
    }

    /// Lets go of the lists that were read.
    #[inline]
    pub(crate) fn end(&mut self) {
        self.numbers.clear();
        if !self.lists.is_empty() {
            self.lists.clear();
        }
    }

    fn number(&mut self, slots: &LiveSlots, slot: u32) -> Option<f64> {
        let (read, source) = (self.numbers.get_mut(slot as usize)?, slots.numbers.get(slot as usize)?);
        if let (Read::NotYet, Storage::Number(index)) = (&*read, storage(source.key)) {
            *read = Read::from_option(source.cell.number(index));
        }
        if let Read::Value(number) = read { Some(*number) } else { None }
    }

    fn list(&mut self, slots: &LiveSlots, slot: u32) -> Option<&MetaValue> {
        let (read, source) = (self.lists.get_mut(slot as usize)?, slots.lists.get(slot as usize)?);
        if let (Read::NotYet, Storage::List(index)) = (&*read, storage(source.key)) {
            *read = Read::from_option(Some(source.cell.list(index)).filter(|list| list.is_some()));
        }
        if let Read::Value(value) = read { value.as_deref() } else { None }
    }
}

/// The number of one answer. One word: a finite number, or a bit pattern that no finite number has.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct NumberPlace(u64);

impl NumberPlace {
    pub(crate) const MISSING: NumberPlace = NumberPlace(u64::MAX);
    /// The top bits of a live slot: a negative NaN.
    const LIVE: u64 = 0xFFF8_0000_0000_0000;

    pub(crate) fn literal(number: f64) -> Self {
        if number.is_finite() { Self(number.to_bits()) } else { Self::MISSING }
    }

    /// The number, if it is written and not live.
    pub(crate) fn as_literal(self) -> Option<f64> {
        Some(f64::from_bits(self.0)).filter(|number| number.is_finite())
    }

    pub(crate) fn live(slot: u32) -> Self {
        Self(Self::LIVE | u64::from(slot))
    }

    fn slot(self) -> Option<u32> {
        let is_live = self.0 & Self::LIVE == Self::LIVE && self != Self::MISSING;
        is_live.then(|| u32::try_from(self.0 & u64::from(u32::MAX)).unwrap_or(u32::MAX))
    }
}

/// A numeric key (or `up`, as 1 and 0) of all answers; empty when no answer has it.
#[derive(Clone, Debug)]
pub(crate) struct NumberColumn {
    pub(crate) key: MetaKey,
    pub(crate) places: Box<[NumberPlace]>,
    pub(crate) levels: Box<[Level]>,
}

impl NumberColumn {
    #[inline]
    pub(crate) fn read(&self, answer: u16, slots: &LiveSlots, reads: &mut LiveReads) -> Option<f64> {
        let place = *self.places.get(usize::from(answer))?;
        let literal = f64::from_bits(place.0);
        if literal.is_finite() {
            return Some(literal);
        }
        reads.number(slots, place.slot()?)
    }

    /// What a trace tells of the answer's value; `None` when nothing defines it.
    pub(crate) fn used(&self, answer: u16, slots: &LiveSlots, reads: &mut LiveReads) -> Option<Used> {
        let place = *self.places.get(usize::from(answer))?;
        let level = *self.levels.get(usize::from(answer))?;
        if place == NumberPlace::MISSING {
            return None;
        }
        let source = place.slot().and_then(|slot| slots.numbers.get(slot as usize));
        let value = self.read(answer, slots, reads).map(|number| value_of_number(self.key, number));
        Some(used(self.key, value, level, source))
    }
}

fn used(key: MetaKey, value: Option<MetaValue>, level: Level, source: Option<&LiveSlot>) -> Used {
    let feed = source.map(|slot| slot.cell.id());
    Used { key, value, level, feed, updated_at_s: source.map(|slot| slot.cell.updated_at_s()) }
}

/// An item of a list-valued key.
pub(crate) trait ListItem: Copy {
    /// The items of a value, if it is a list of this kind.
    fn items(value: &MetaValue) -> Option<&[Self]>;
    /// The list as a value.
    fn value(items: &[Self]) -> MetaValue;
}

macro_rules! list_item {
    ($item:ty, $variant:ident, $items:ident => $slice:expr, $list:ident => $value:expr) => {
        impl ListItem for $item {
            fn items(value: &MetaValue) -> Option<&[Self]> {
                if let MetaValue::$variant($items) = value { Some($slice) } else { None }
            }
            fn value($list: &[Self]) -> MetaValue {
                MetaValue::$variant($value)
            }
        }
    };
}

list_item!(Georegion, Georegions, items => items, list => list.into());
list_item!(CountryTag, Countries, items => items, list => list.into());
list_item!(SubdivisionTag, Subdivisions, items => items, list => list.into());
list_item!(u32, AsNumbers, items => items, list => list.into());
list_item!(IpPrefix, Prefixes, set => set.as_slice(), list => PrefixSet::new(list.to_vec()));

/// The list of one answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ListPlace {
    Missing,
    /// A range of the column's items.
    Literal {
        start: u32,
        end: u32,
    },
    Live(u32),
}

/// A list-valued key of all answers, the literal lists end to end; empty when no answer has it.
#[derive(Clone, Debug)]
pub(crate) struct ListColumn<T> {
    pub(crate) key: MetaKey,
    pub(crate) places: Box<[ListPlace]>,
    pub(crate) items: Box<[T]>,
    pub(crate) levels: Box<[Level]>,
}

impl<T: ListItem> ListColumn<T> {
    /// The list of an answer as it is written, empty without one; `None` when it is live.
    pub(crate) fn literal(&self, answer: usize) -> Option<&[T]> {
        match self.places.get(answer).copied().unwrap_or(ListPlace::Missing) {
            ListPlace::Missing => Some(&[]),
            ListPlace::Literal { start, end } => self.items.get(start as usize..end as usize),
            ListPlace::Live(_) => None,
        }
    }

    /// Whether no answer has the key, not even live.
    pub(crate) fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    #[inline]
    pub(crate) fn read<'a>(
        &'a self,
        answer: u16,
        slots: &LiveSlots,
        reads: &'a mut LiveReads,
    ) -> Option<&'a [T]> {
        match *self.places.get(usize::from(answer))? {
            ListPlace::Missing => None,
            ListPlace::Literal { start, end } => self.items.get(start as usize..end as usize),
            ListPlace::Live(slot) => reads.list(slots, slot).and_then(T::items),
        }
    }

    /// What a trace tells of the answer's list; `None` when nothing defines it.
    pub(crate) fn used(&self, answer: u16, slots: &LiveSlots, reads: &mut LiveReads) -> Option<Used> {
        let level = *self.levels.get(usize::from(answer))?;
        let source = match *self.places.get(usize::from(answer))? {
            ListPlace::Missing => return None,
            ListPlace::Literal { .. } => None,
            ListPlace::Live(slot) => slots.lists.get(slot as usize),
        };
        Some(used(self.key, self.read(answer, slots, reads).map(T::value), level, source))
    }
}

/// The value of one answer.
#[derive(Clone, Debug)]
pub(crate) enum ValuePlace {
    Missing,
    Literal(MetaValue),
    Live(u32),
}

/// Any key of all answers, for filters that are not in a hurry; empty when no answer has it.
#[derive(Clone, Debug)]
pub(crate) struct ValueColumn {
    pub(crate) key: MetaKey,
    pub(crate) places: Box<[ValuePlace]>,
    pub(crate) levels: Box<[Level]>,
}

impl ValueColumn {
    pub(crate) fn read<'a>(
        &'a self,
        answer: u16,
        slots: &LiveSlots,
        reads: &'a mut LiveReads,
    ) -> Option<&'a MetaValue> {
        match self.places.get(usize::from(answer))? {
            ValuePlace::Missing => None,
            ValuePlace::Literal(value) => Some(value),
            ValuePlace::Live(slot) => reads.list(slots, *slot),
        }
    }

    /// What a trace tells of the answer's value; `None` when nothing defines it.
    pub(crate) fn used(&self, answer: u16, slots: &LiveSlots, reads: &mut LiveReads) -> Option<Used> {
        let level = *self.levels.get(usize::from(answer))?;
        let source = match self.places.get(usize::from(answer))? {
            ValuePlace::Missing => return None,
            ValuePlace::Literal(_) => None,
            ValuePlace::Live(slot) => slots.lists.get(*slot as usize),
        };
        Some(used(self.key, self.read(answer, slots, reads).cloned(), level, source))
    }
}
