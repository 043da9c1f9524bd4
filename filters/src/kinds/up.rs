//! `up`: only what is up.
//!
//! Removes every answer whose `up` is false or missing; a feed pointer without data counts as missing. When
//! that would remove all answers, the filter lets all pass: an answer that may be down is better than none.

use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::column::NumberColumn;
use crate::context::Mark;
use crate::meta::MetaKey;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "up",
    aliases: &[],
    short_description: "Removes answers that are not up",
    description: "Removes every answer whose <code>up</code> is not true. If no answer is up, all of them pass.",
    tier: 2,
    inputs: &[MetaKey::Up],
    options: &[],
    record_types: &[],
    looks_at_client: false,
    compile: |compiler, _| Ok(Filter::Up(Up { up: compiler.number(MetaKey::Up)? })),
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct Up {
    up: NumberColumn,
}

impl Up {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        run.mark(
            |run, answer| if run.number(&self.up, answer) == Some(1.0) { Mark::Keep } else { Mark::Drop },
        );
        let any_is_up = run.has_mark(Mark::Keep);
        run.explain(|run, _, answer, used| {
            used.extend(run.used_number(&self.up, answer));
            match (any_is_up, run.number(&self.up, answer)) {
                (false, _) => Reason::NoneIsUp,
                (true, None) => Reason::UpMissing,
                (true, Some(1.0)) => Reason::IsUp,
                (true, Some(_)) => Reason::IsDown,
            }
        });
        if any_is_up {
            run.keep_marked(Mark::Keep);
        }
    }
}
