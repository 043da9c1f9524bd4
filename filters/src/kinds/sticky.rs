//! `sticky`: every requester has its own order, and keeps it.

use super::stickiness::{OPTIONS, StickTo, answer_hash, score};
use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "sticky",
    aliases: &["sticky_shuffle"],
    short_description: "Shuffles the answers by requester",
    description: "Puts the answers in an order that depends on the requester: the same requester always gets the \
                  same order.",
    tier: 2,
    inputs: &[],
    options: OPTIONS,
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, settings| {
        let hashes = compiler.answer_ids().map(answer_hash).collect();
        Ok(Filter::Sticky(Sticky { hashes, stick_to: StickTo::read(settings) }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct Sticky {
    hashes: Box<[u64]>,
    stick_to: StickTo,
}

impl Sticky {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if run.selection.len() < 2 {
            return run.explain(|_, _, _, _| Reason::NothingToDo);
        }
        let requester = self.stick_to.requester(run);
        run.set_keys(|_, answer| {
            let hash = self.hashes.get(usize::from(answer)).copied().unwrap_or_default();
            score(requester, hash)
        });
        run.explain(|_, _, _, _| Reason::StickyOrder);
        run.sort_by_keys();
    }
}
