//! `select_first_region`: only the region of the first answer.
//!
//! Keeps every answer in the same region as the first one, in order, wherever it stands. Answers without a
//! region form one common region.

use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::compile::Compiler;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "select_first_region",
    aliases: &["select_first_group"],
    short_description: "Keeps the region of the first answer",
    description: "Keeps the answers in the same region (answer group) as the first answer and removes all others.",
    tier: 2,
    inputs: &[],
    options: &[],
    record_types: &[],
    looks_at_client: false,
    compile: |compiler, _| {
        Ok(Filter::SelectFirstRegion(SelectFirstRegion { regions: region_numbers(compiler) }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct SelectFirstRegion {
    /// Equal numbers for answers of one region.
    regions: Box<[u16]>,
}

/// Numbers the regions in the order in which answers name them; no region has the number 0.
fn region_numbers(compiler: &Compiler<'_>) -> Box<[u16]> {
    let mut known = std::collections::HashMap::from([(None, 0)]);
    compiler
        .region_names()
        .map(|name| {
            let next = u16::try_from(known.len()).unwrap_or(u16::MAX);
            *known.entry(name).or_insert(next)
        })
        .collect()
}

impl SelectFirstRegion {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        let region = |answer: u16| self.regions.get(usize::from(answer));
        if run.selection.is_empty() {
            return;
        }
        let first = region(run.answer_at(0));
        run.explain(
            |_, _, answer, _| {
                if region(answer) == first { Reason::RegionOfFirst } else { Reason::OtherRegion }
            },
        );
        run.selection.retain_by_answer(|answer| region(answer) == first);
    }
}
