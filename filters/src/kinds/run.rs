//! What a filter has in hand while it is applied.

use super::additional_metadata::pairs;
use super::weighted_shuffle::WeightedOrder;
use crate::column::{ListColumn, ListItem, LiveSlots, NumberColumn, ValueColumn};
use crate::context::{Context, Mark, SortEntry};
use crate::meta::MetaValue;
use crate::selection::{Entry, Selection};
use crate::trace::{Reason, Trace, Used};

/// Entries up to which plain insertion is the fastest way to sort.
const MAX_INSERTIONS: usize = 20;

/// Sorts by key; stable, so that equal keys stay as they are.
fn insertion_sort(keys: &mut [SortEntry]) {
    for end in 1..keys.len() {
        let moving = keys[end];
        let mut place = end;
        while place > 0 && keys[place - 1].key > moving.key {
            keys[place] = keys[place - 1];
            place -= 1;
        }
        keys[place] = moving;
    }
}

/// One step in the middle of a run.
pub(crate) struct Run<'run, 'context, T> {
    pub(super) slots: &'run LiveSlots,
    pub(crate) context: &'run mut Context<'context>,
    pub(crate) selection: &'run mut Selection,
    pub(super) trace: &'run mut T,
    /// How many of the first positions matter to the steps that follow.
    pub(super) needed: usize,
    /// The order of a shuffle right before this step that was put off, until it has decided between equals.
    ties: Option<WeightedOrder<'run>>,
}

impl<'run, 'context, T: Trace> Run<'run, 'context, T> {
    pub(crate) fn new(
        slots: &'run LiveSlots,
        context: &'run mut Context<'context>,
        selection: &'run mut Selection,
        trace: &'run mut T,
        needed: usize,
        ties: Option<WeightedOrder<'run>>,
    ) -> Self {
        Self { slots, context, selection, trace, needed, ties }
    }

    /// Puts a shuffle that was put off into effect, if the step did not come to sort.
    #[inline]
    pub(crate) fn settle_ties(&mut self) {
        if self.ties.is_some() && !self.selection.is_empty() {
            self.set_keys(|_, _| 0);
            self.sort_by_keys();
        }
    }

    /// The answer at a position of the selection: the one whose metadata counts there.
    #[inline]
    pub(crate) fn answer_at(&self, position: usize) -> u16 {
        self.selection.answer_of(self.selection.as_slice()[position])
    }

    /// What stands at a position of the selection.
    pub(crate) fn entry_at(&self, position: usize) -> Entry {
        self.selection.resolve(self.selection.as_slice()[position])
    }

    /// The number that an answer has right now.
    #[inline]
    pub(crate) fn number(&mut self, column: &NumberColumn, answer: u16) -> Option<f64> {
        column.read(answer, self.slots, &mut self.context.scratch.live)
    }

    /// The list that an answer has right now.
    #[inline]
    pub(crate) fn list<'a, I: ListItem>(
        &'a mut self,
        column: &'a ListColumn<I>,
        answer: u16,
    ) -> Option<&'a [I]> {
        column.read(answer, self.slots, &mut self.context.scratch.live)
    }

    /// Decides about every position of the selection: `decide` gives a mark for each answer.
    pub(crate) fn mark(&mut self, mut decide: impl FnMut(&mut Self, u16) -> Mark) {
        self.context.scratch.marks.clear();
        for position in 0..self.selection.len() {
            let answer = self.answer_at(position);
            let mark = decide(self, answer);
            self.context.scratch.marks.push(mark);
        }
    }

    /// The mark at a position.
    pub(crate) fn mark_at(&self, position: usize) -> Mark {
        self.context.scratch.marks[position]
    }

    /// Whether any position has this mark.
    pub(crate) fn has_mark(&self, mark: Mark) -> bool {
        self.context.scratch.marks.contains(&mark)
    }

    /// Removes the positions whose mark says so; `untagged` says what an untagged one means.
    pub(crate) fn keep_marked(&mut self, untagged: Mark) {
        let mut marks = self.context.scratch.marks.iter();
        self.selection.retain(|_| match marks.next() {
            Some(Mark::Untagged) => untagged == Mark::Keep,
            Some(mark) => *mark == Mark::Keep,
            None => true,
        });
    }

    /// Whether only the first position matters. A trace shows the whole order all the same.
    #[inline]
    fn needs_only_first(&self) -> bool {
        !T::ENABLED && self.needed == 1 && !self.selection.is_empty()
    }

    /// Gives every position a sort key by its answer; equal keys keep their order. When only the first position
    /// matters, only the entry that belongs there is kept.
    #[inline]
    pub(crate) fn set_keys(&mut self, mut key: impl FnMut(&mut Self, u16) -> u64) {
        self.set_keys_by_position(|run, position| key(run, run.answer_at(position)));
    }

    /// The same by the position.
    #[inline]
    pub(crate) fn set_keys_by_position(&mut self, mut key: impl FnMut(&mut Self, usize) -> u64) {
        self.context.scratch.keys.clear();
        if self.needs_only_first() {
            let first = self.first_by(key);
            return self.context.scratch.keys.push(first);
        }
        for (position, index) in (0..self.selection.len()).zip(0u16..) {
            let (key, entry) = (key(self, position), self.selection.as_slice()[position]);
            self.context.scratch.keys.push(SortEntry { key, position: index, entry });
        }
    }

    /// The entry with the least key; of equal ones the first in the order of a shuffle that was put off, or else
    /// of the selection. The selection is not empty.
    #[inline]
    fn first_by(&mut self, mut key: impl FnMut(&mut Self, usize) -> u64) -> SortEntry {
        let ties = self.ties.take();
        let (mut best, mut least) = (0u16, key(self, 0));
        let mut least_tie = None;
        for (position, index) in (0..self.selection.len()).zip(0u16..).skip(1) {
            let key = key(self, position);
            if key < least {
                (best, least, least_tie) = (index, key, None);
            } else if key == least
                && let Some(order) = ties
            {
                let best_tie = least_tie.unwrap_or_else(|| order.key(self, usize::from(best)));
                let tie = order.key(self, position);
                (best, least_tie) = if tie < best_tie { (index, Some(tie)) } else { (best, Some(best_tie)) };
            }
        }
        SortEntry { key: least, position: best, entry: self.selection.as_slice()[usize::from(best)] }
    }

    /// The key at a position of the selection before it is sorted.
    pub(crate) fn key_at(&self, position: usize) -> u64 {
        self.context.scratch.keys[position].key
    }

    /// Sorts the selection by its keys, ascending and stably. In place: the position breaks ties, so the
    /// unstable sort, which needs no memory, does.
    #[inline]
    pub(crate) fn sort_by_keys(&mut self) {
        if self.needs_only_first() {
            if let Some(first) = self.context.scratch.keys.first() {
                self.selection.as_mut_slice().swap(0, usize::from(first.position));
            }
            return;
        }
        let keys = &mut self.context.scratch.keys;
        if keys.len() <= MAX_INSERTIONS {
            insertion_sort(keys);
        } else {
            keys.sort_unstable_by_key(SortEntry::rank);
        }
        for (place, sorted) in self.selection.as_mut_slice().iter_mut().zip(keys) {
            *place = sorted.entry;
        }
    }

    /// Takes all entries out; `replace` puts those that belong in place of each.
    pub(crate) fn replace_entries(&mut self, mut replace: impl FnMut(&mut Self, u16)) {
        self.context.scratch.entries.clear();
        self.selection.swap_entries(&mut self.context.scratch.entries);
        for position in 0..self.context.scratch.entries.len() {
            let entry = self.context.scratch.entries[position];
            replace(self, entry);
        }
    }

    /// The value that an answer has right now.
    pub(crate) fn value<'a>(&'a mut self, column: &'a ValueColumn, answer: u16) -> Option<&'a MetaValue> {
        column.read(answer, self.slots, &mut self.context.scratch.live)
    }

    /// What a trace tells of a value.
    pub(crate) fn used_value(&mut self, column: &ValueColumn, answer: u16) -> Option<Used> {
        column.used(answer, self.slots, &mut self.context.scratch.live)
    }

    /// Adds the pairs of an answer to the reply, for the answer at `position`.
    pub(crate) fn add_texts(&mut self, column: &ValueColumn, answer: u16, position: u16) {
        let scratch = &mut *self.context.scratch;
        for (name, text) in pairs(column.read(answer, self.slots, &mut scratch.live)) {
            scratch.texts.push(position, name, text);
        }
    }

    /// Tells the trace about every answer: `reason` gives why, and collects the metadata that it rests on.
    /// Does nothing, and costs nothing, when nobody listens.
    pub(crate) fn explain(
        &mut self,
        mut reason: impl FnMut(&mut Self, usize, u16, &mut Vec<Used>) -> Reason,
    ) {
        if !T::ENABLED {
            return;
        }
        for position in 0..self.selection.len() {
            let (answer, entry) = (self.answer_at(position), self.selection.as_slice()[position]);
            let mut used = Vec::new();
            let reason = reason(self, position, answer, &mut used);
            self.trace.answer(entry, reason, used);
        }
    }

    /// What a trace tells of a number.
    pub(crate) fn used_number(&mut self, column: &NumberColumn, answer: u16) -> Option<Used> {
        column.used(answer, self.slots, &mut self.context.scratch.live)
    }

    /// What a trace tells of a list.
    pub(crate) fn used_list<I: ListItem>(&mut self, column: &ListColumn<I>, answer: u16) -> Option<Used> {
        column.used(answer, self.slots, &mut self.context.scratch.live)
    }
}
