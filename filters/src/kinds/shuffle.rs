//! `shuffle`: every order equally likely.

use rand::RngExt;

use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::context::Entropy;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "shuffle",
    aliases: &[],
    short_description: "Shuffles the answers",
    description: "Puts the answers in random order; every order is equally likely.",
    tier: 2,
    inputs: &[],
    options: &[],
    record_types: &[],
    looks_at_client: false,
    compile: |_, _| Ok(Filter::Shuffle(Shuffle)),
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct Shuffle;

impl Shuffle {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        run.explain(|_, _, _, _| Reason::Drawn);
        shuffle(run.selection.as_mut_slice(), run.needed, run.context.entropy);
    }
}

/// Draws the first `needed` positions uniformly from all items (Fisher and Yates, stopped early).
pub(super) fn shuffle<I>(items: &mut [I], needed: usize, entropy: &mut Entropy) {
    let draws = needed.min(items.len().saturating_sub(1));
    for position in 0..draws {
        let drawn = entropy.random_range(position..items.len());
        items.swap(position, drawn);
    }
}
