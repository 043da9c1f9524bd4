//! The answers that are still in play, in order, and the addresses that filters made up.

use crate::context::{Scratch, SortEntry};
use crate::limits::MAX_ANSWERS;

/// What an entry of a selection stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Entry {
    /// An answer of the record, by its index.
    Answer(u16),
    /// An IPv4 address that a filter made for this run.
    Address {
        /// The answer in whose place the address stands; `None` for one that stands for itself.
        answer: Option<u16>,
        /// The address, which is the rdata of an A record.
        octets: [u8; 4],
    },
}

/// An address that a filter made.
#[derive(Clone, Copy, Debug)]
struct Address {
    /// The answer whose metadata it has; [`NO_ANSWER`] if it has none.
    answer: u16,
    octets: [u8; 4],
}

/// An index that no answer has.
const NO_ANSWER: u16 = u16::MAX;

/// Entries from here on are addresses.
#[expect(clippy::cast_possible_truncation, reason = "checked when compiled")]
const FIRST_ADDRESS: u16 = {
    assert!(MAX_ANSWERS < (NO_ANSWER / 2) as usize);
    MAX_ANSWERS as u16
};

/// An ordered list of entries: indices of answers, and from [`MAX_ANSWERS`] on addresses that filters made.
///
/// One selection is made per worker and used for every query; after that it never allocates.
///
/// Invariants: no entry appears twice; there are at most [`MAX_ANSWERS`]; only the filters that make addresses
/// add any, all others reorder and remove.
#[derive(Debug)]
pub struct Selection {
    entries: Vec<u16>,
    addresses: Vec<Address>,
    /// Whether all answers are there in their own order.
    is_whole: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self::new()
    }
}

impl Selection {
    /// An empty selection with room for [`MAX_ANSWERS`] entries.
    pub fn new() -> Self {
        Self {
            entries: Vec::with_capacity(MAX_ANSWERS),
            addresses: Vec::with_capacity(MAX_ANSWERS),
            is_whole: false,
        }
    }

    /// Starts anew with the first `count` answers in their own order; never more than [`MAX_ANSWERS`].
    #[inline]
    pub fn reset(&mut self, count: usize) {
        let end = u16::try_from(count.min(MAX_ANSWERS)).unwrap_or(u16::MAX);
        self.addresses.clear();
        self.entries.clear();
        self.entries.extend(0..end);
        self.is_whole = true;
    }

    /// The entries in order, as a trace names them.
    #[inline]
    pub fn as_slice(&self) -> &[u16] {
        &self.entries
    }

    /// What goes out, in order.
    #[inline]
    pub fn entries(&self) -> impl ExactSizeIterator<Item = Entry> {
        self.entries.iter().map(|entry| self.resolve(*entry))
    }

    /// What an entry stands for.
    #[inline]
    pub fn resolve(&self, entry: u16) -> Entry {
        match self.address(entry) {
            None => Entry::Answer(entry),
            Some(Address { answer, octets }) => {
                Entry::Address { answer: Some(answer).filter(|answer| *answer != NO_ANSWER), octets }
            }
        }
    }

    /// How many entries there are.
    #[inline]
    pub fn len(&self) -> usize {
        self.entries.len()
    }

    /// Whether nothing is selected.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    /// Whether a filter made an address.
    #[inline]
    pub fn has_addresses(&self) -> bool {
        !self.addresses.is_empty()
    }

    /// Keeps the first `count` entries.
    #[inline]
    pub fn truncate(&mut self, count: usize) {
        self.is_whole &= count >= self.entries.len();
        self.entries.truncate(count);
    }

    /// Keeps the entries for which `keep` holds, in order.
    #[inline]
    pub fn retain(&mut self, mut keep: impl FnMut(u16) -> bool) {
        let before = self.entries.len();
        self.entries.retain(|entry| keep(*entry));
        self.is_whole &= self.entries.len() == before;
    }

    /// Keeps the entries for whose answers `keep` holds, in order; an entry without metadata has an index that no
    /// answer has.
    #[inline]
    pub(crate) fn retain_by_answer(&mut self, mut keep: impl FnMut(u16) -> bool) {
        let (before, addresses) = (self.entries.len(), &self.addresses);
        self.entries.retain(|entry| keep(answer_of(addresses, *entry)));
        self.is_whole &= self.entries.len() == before;
    }

    /// Whether all answers are known to be there in their own order, and nothing else.
    #[inline]
    pub(crate) fn is_whole(&self) -> bool {
        self.is_whole
    }

    /// The entries, for reordering.
    #[inline]
    pub(crate) fn as_mut_slice(&mut self) -> &mut [u16] {
        self.is_whole = false;
        &mut self.entries
    }

    fn address(&self, entry: u16) -> Option<Address> {
        address(&self.addresses, entry)
    }

    /// The answer whose metadata an entry has; for an entry without metadata an index that no answer has.
    #[inline]
    pub(crate) fn answer_of(&self, entry: u16) -> u16 {
        answer_of(&self.addresses, entry)
    }

    /// Makes an address that has the metadata of an answer, or none, and adds it at the end. Gives its entry;
    /// `None` when there is no room.
    pub(crate) fn push_address(&mut self, answer: Option<u16>, octets: [u8; 4]) -> Option<u16> {
        if self.addresses.len() >= MAX_ANSWERS || self.entries.len() >= MAX_ANSWERS {
            return None;
        }
        let entry = FIRST_ADDRESS + u16::try_from(self.addresses.len()).ok()?;
        self.is_whole = false;
        self.addresses.push(Address { answer: answer.unwrap_or(NO_ANSWER), octets });
        self.entries.push(entry);
        Some(entry)
    }

    /// Adds an entry that was taken out before; nothing happens when there is no room.
    pub(crate) fn push(&mut self, entry: u16) {
        if self.entries.len() < MAX_ANSWERS {
            self.is_whole = false;
            self.entries.push(entry);
        }
    }

    /// Keeps of entries with equal keys the first.
    ///
    /// Sorts, because any number of addresses may have been made.
    pub fn retain_first_of_equal(&mut self, scratch: &mut Scratch, key: impl Fn(Entry) -> u64) {
        scratch.keys.clear();
        for (position, entry) in (0u16..).zip(&self.entries) {
            scratch.keys.push(SortEntry { key: key(self.resolve(*entry)), position, entry: *entry });
        }
        scratch.keys.sort_unstable_by_key(SortEntry::rank);
        scratch.keys.dedup_by_key(|entry| entry.key);
        scratch.keys.sort_unstable_by_key(|entry| entry.position);
        self.is_whole = false;
        self.entries.clear();
        self.entries.extend(scratch.keys.iter().map(|entry| entry.entry));
    }

    /// Exchanges the entries for those in a buffer of the same capacity.
    pub(crate) fn swap_entries(&mut self, buffer: &mut Vec<u16>) {
        self.is_whole = false;
        std::mem::swap(&mut self.entries, buffer);
    }
}

#[inline]
fn answer_of(addresses: &[Address], entry: u16) -> u16 {
    if entry < FIRST_ADDRESS { entry } else { address(addresses, entry).map_or(NO_ANSWER, |it| it.answer) }
}

fn address(addresses: &[Address], entry: u16) -> Option<Address> {
    let index = entry.checked_sub(FIRST_ADDRESS)?;
    addresses.get(usize::from(index)).copied()
}

/// Where an entry stands in a list of all `answer_count` answers of a record and, after them, the addresses of a
/// run in the order in which they were made.
pub fn position_of_entry(entry: u16, answer_count: usize) -> usize {
    match entry.checked_sub(FIRST_ADDRESS) {
        Some(address) => answer_count + usize::from(address),
        None => usize::from(entry),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reset_selection_holds_all_answers_in_order_and_never_too_many() {
        let mut selection = Selection::new();
        selection.reset(3);
        selection.retain(|answer| answer != 1);
        assert_eq!(selection.as_slice(), [0, 2]);
        selection.reset(MAX_ANSWERS + 1);
        assert_eq!(selection.len(), MAX_ANSWERS);
        assert_eq!(selection.push_address(None, [1, 2, 3, 4]), None, "there is no room");
    }

    #[test]
    fn of_equal_entries_the_first_stays_where_it_is() {
        let mut selection = Selection::new();
        selection.reset(4);
        selection.retain_first_of_equal(&mut Scratch::new(), |entry| match entry {
            Entry::Answer(answer) => u64::from(9 - answer % 3),
            Entry::Address { .. } => 0,
        });
        assert_eq!(selection.as_slice(), [0, 1, 2]);
    }

    #[test]
    fn an_address_stands_for_an_answer_or_for_itself() {
        let mut selection = Selection::new();
        selection.reset(2);
        let drawn = selection.push_address(Some(1), [192, 0, 2, 1]).unwrap();
        let parsed = selection.push_address(None, [192, 0, 2, 2]).unwrap();
        assert_eq!((selection.answer_of(drawn), selection.answer_of(0)), (1, 0));
        assert!(usize::from(selection.answer_of(parsed)) >= MAX_ANSWERS);
        let chosen: Vec<_> = selection.entries().collect();
        assert_eq!(
            chosen[1..3],
            [Entry::Answer(1), Entry::Address { answer: Some(1), octets: [192, 0, 2, 1] }]
        );
        assert_eq!(chosen[3], Entry::Address { answer: None, octets: [192, 0, 2, 2] });
        selection.reset(1);
        assert!(!selection.has_addresses());
    }
}
