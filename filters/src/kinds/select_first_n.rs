//! `select_first_n`: keeps the first N answers.

use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "select_first_n",
    aliases: &[],
    short_description: "Keeps the first N answers",
    description: "Keeps the first <code>N</code> answers and removes all others.",
    tier: 2,
    inputs: &[],
    options: &[OptionType {
        name: "N",
        kind: OptionKind::Count { low: 1, high: 1_000_000 },
        required: false,
        default: Some("1"),
        short_description: "Number of answers",
        description: "How many answers to keep.",
    }],
    record_types: &[],
    looks_at_client: false,
    compile: |_, settings| {
        let count = usize::try_from(settings.count("N")).unwrap_or(usize::MAX);
        Ok(Filter::SelectFirstN(SelectFirstN { count }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct SelectFirstN {
    count: usize,
}

impl SelectFirstN {
    pub(super) fn count(&self) -> usize {
        self.count
    }

    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        run.explain(
            |_, position, _, _| if position < self.count { Reason::AmongFirst } else { Reason::PastFirst },
        );
        run.selection.truncate(self.count);
    }
}
