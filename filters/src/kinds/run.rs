//! What a filter has in hand while it is applied.

use crate::column::{ListColumn, ListItem, LiveSlots, NumberColumn};
use crate::context::{Context, Mark, SortEntry};
use crate::selection::Selection;
use crate::trace::{Reason, Trace, Used};

/// One step in the middle of a run.
pub(crate) struct Run<'run, 'context, T> {
    slots: &'run LiveSlots,
    pub(crate) context: &'run mut Context<'context>,
    pub(crate) selection: &'run mut Selection,
    trace: &'run mut T,
}

impl<'run, 'context, T: Trace> Run<'run, 'context, T> {
    pub(crate) fn new(
        slots: &'run LiveSlots,
        context: &'run mut Context<'context>,
        selection: &'run mut Selection,
        trace: &'run mut T,
    ) -> Self {
        Self { slots, context, selection, trace }
    }

    /// The answer at a position of the selection.
    pub(crate) fn answer_at(&self, position: usize) -> u16 {
        self.selection.as_slice()[position]
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

    /// Gives every position a sort key; equal keys keep their order.
    pub(crate) fn set_keys(&mut self, mut key: impl FnMut(&mut Self, u16) -> u64) {
        self.context.scratch.keys.clear();
        for (position, index) in (0..self.selection.len()).zip(0u16..) {
            let answer = self.answer_at(position);
            let key = key(self, answer);
            self.context.scratch.keys.push(SortEntry { key, position: index, answer });
        }
    }

    /// The key at a position of the selection before it is sorted.
    pub(crate) fn key_at(&self, position: usize) -> u64 {
        self.context.scratch.keys[position].key
    }

    /// Sorts the selection by its keys, ascending and stably. In place: the position breaks ties, so the
    /// unstable sort, which needs no memory, does.
    pub(crate) fn sort_by_keys(&mut self) {
        let keys = &mut self.context.scratch.keys;
        keys.sort_unstable();
        for (answer, entry) in self.selection.as_mut_slice().iter_mut().zip(keys) {
            *answer = entry.answer;
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
            let answer = self.answer_at(position);
            let mut used = Vec::new();
            let reason = reason(self, position, answer, &mut used);
            self.trace.answer(answer, reason, used);
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
