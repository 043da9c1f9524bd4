//! `weighted_sticky`: every requester has its own order, and heavy answers come first for more of them.
//!
//! The share of requesters that see an answer first is its weight over the sum of the weights. Answers with
//! weight 0 or without a weight come after all others.

use super::stickiness::{OPTIONS, StickTo, answer_hash, score};
use super::weighted_shuffle::exponential_key;
use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::column::NumberColumn;
use crate::context::unit_from_bits;
use crate::meta::MetaKey;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "weighted_sticky",
    aliases: &["weighted_sticky_shuffle"],
    short_description: "Shuffles the answers by weight and requester",
    description: "Puts the answers in an order that depends on the requester and on the <code>weight</code> of \
                  each answer: the same requester always gets the same order, and heavy answers come first for \
                  more requesters.",
    tier: 2,
    inputs: &[MetaKey::Weight],
    options: OPTIONS,
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, settings| {
        Ok(Filter::WeightedSticky(Box::new(WeightedSticky {
            hashes: compiler.answer_ids().map(answer_hash).collect(),
            weight: compiler.number(MetaKey::Weight)?,
            stick_to: StickTo::read(settings),
        })))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct WeightedSticky {
    hashes: Box<[u64]>,
    weight: NumberColumn,
    stick_to: StickTo,
}

impl WeightedSticky {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if run.selection.len() < 2 {
            return run.explain(|_, _, _, _| Reason::NothingToDo);
        }
        let requester = self.stick_to.requester(run);
        run.set_keys(|run, answer| {
            let hash = self.hashes.get(usize::from(answer)).copied().unwrap_or_default();
            let uniform = 1.0 - unit_from_bits(score(requester, hash));
            exponential_key(uniform, run.number(&self.weight, answer))
        });
        run.explain(|run, _, answer, used| {
            used.extend(run.used_number(&self.weight, answer));
            match run.number(&self.weight, answer) {
                Some(weight) if weight > 0.0 => Reason::StickyOrderByWeight { weight },
                _ => Reason::StickyOrder,
            }
        });
        run.sort_by_keys();
    }
}
