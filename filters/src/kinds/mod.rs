//! The filters, one file each.
//!
//! Every filter follows one pattern: it decides (writing marks or sort keys for each position of the
//! selection), reports to the trace if there is one, and then changes the selection. Since live values are
//! remembered for the length of a run, reporting after deciding tells the same values.

mod run;
mod select_first_n;
mod shuffle;
mod up;

pub(crate) use run::Run;

use crate::catalog::FilterType;
use crate::trace::Trace;

/// The types of all filters, in alphabetical order.
pub(crate) static TYPES: [FilterType; 3] = [select_first_n::TYPE, shuffle::TYPE, up::TYPE];

/// A compiled filter.
#[derive(Clone, Debug)]
pub(crate) enum Filter {
    SelectFirstN(select_first_n::SelectFirstN),
    Shuffle(shuffle::Shuffle),
    Up(up::Up),
}

impl Filter {
    #[inline]
    pub(crate) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        match self {
            Filter::SelectFirstN(filter) => filter.apply(run),
            Filter::Shuffle(filter) => filter.apply(run),
            Filter::Up(filter) => filter.apply(run),
        }
    }

    /// How many of the first positions the filter looks at; the order of those after them changes nothing.
    pub(crate) fn positions_that_matter(&self) -> usize {
        match self {
            Filter::SelectFirstN(filter) => filter.count(),
            Filter::Shuffle(_) | Filter::Up(_) => usize::MAX,
        }
    }

    /// Says how many of the first positions matter to what comes after the filter.
    pub(crate) fn limit_positions(&mut self, needed: usize) {
        match self {
            Filter::Shuffle(filter) => filter.limit_positions(needed),
            Filter::SelectFirstN(_) | Filter::Up(_) => {}
        }
    }
}
