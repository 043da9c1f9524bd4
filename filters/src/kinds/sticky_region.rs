//! `sticky_region`: every requester has its own order of regions, and keeps it.
//!
//! The answers of a region come together, in the order in which they came. Answers without a region form one
//! common region.

use super::stickiness::{OPTIONS, StickTo, hash, score};
use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "sticky_region",
    aliases: &["group_sticky_shuffle"],
    short_description: "Shuffles the regions by requester",
    description: "Brings the answers of each region (answer group) together, in an order of regions that depends \
                  on the requester: the same requester always gets the same order.",
    tier: 2,
    inputs: &[],
    options: OPTIONS,
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, settings| {
        let hashes = compiler.region_names().map(|name| hash(name.unwrap_or_default().as_bytes())).collect();
        Ok(Filter::StickyRegion(StickyRegion { hashes, stick_to: StickTo::read(settings) }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct StickyRegion {
    /// The hash of each answer's region.
    hashes: Box<[u64]>,
    stick_to: StickTo,
}

impl StickyRegion {
    fn hash(&self, answer: u16) -> u64 {
        self.hashes.get(usize::from(answer)).copied().unwrap_or_default()
    }

    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        let mut regions = (0..run.selection.len()).map(|position| self.hash(run.answer_at(position)));
        let first = regions.next();
        if regions.all(|region| Some(region) == first) {
            return run.explain(|_, _, _, _| Reason::NothingToDo);
        }
        let requester = self.stick_to.requester(run);
        run.set_keys(|_, answer| score(requester, self.hash(answer)));
        run.explain(|_, _, _, _| Reason::StickyOrder);
        run.sort_by_keys();
    }
}
