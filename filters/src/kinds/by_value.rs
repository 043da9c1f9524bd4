//! What `priority` and `cost` share: the lowest value wins.
//!
//! With `eliminate` only the answers with the lowest value stay, all ties of it, and answers without a value
//! go. Without it the answers are sorted by value, equals in their order, those without a value last. When no
//! answer has a value, nothing happens.

use super::Run;
use crate::column::NumberColumn;
use crate::context::Mark;
use crate::trace::{Reason, Trace};

/// What happens to answers that do not have the lowest value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Others {
    Eliminate,
    Sort,
}

impl Others {
    pub(super) fn from_option(eliminate: bool) -> Self {
        if eliminate { Others::Eliminate } else { Others::Sort }
    }
}

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct ByValue {
    pub(super) value: NumberColumn,
    pub(super) others: Others,
}

impl ByValue {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        let lowest = (0..run.selection.len())
            .filter_map(|position| run.number(&self.value, run.answer_at(position)))
            .min_by(f64::total_cmp);
        let Some(lowest) = lowest else {
            return run.explain(|_, _, _, _| Reason::NothingToDo);
        };
        run.explain(|run, _, answer, used| {
            used.extend(run.used_number(&self.value, answer));
            match (run.number(&self.value, answer), self.others) {
                (None, _) => Reason::ValueMissing,
                (Some(_), Others::Sort) => Reason::OrderedByValue,
                (Some(value), Others::Eliminate) if value == lowest => Reason::LowestValue,
                (Some(_), Others::Eliminate) => Reason::HigherValue,
            }
        });
        match self.others {
            Others::Eliminate => {
                run.mark(|run, answer| {
                    if run.number(&self.value, answer) == Some(lowest) { Mark::Keep } else { Mark::Drop }
                });
                run.keep_marked(Mark::Keep);
            }
            Others::Sort => {
                // Values are never negative, so their bits order like they do.
                run.set_keys(|run, answer| run.number(&self.value, answer).map_or(u64::MAX, f64::to_bits));
                run.sort_by_keys();
            }
        }
    }
}
