//! `weighted_shuffle`: random order, heavy answers first more often.
//!
//! Answers are drawn one after another; each draw takes one of those left with a probability proportional to
//! its weight. So the share of an answer in the first place is its weight over the sum of the weights. Answers
//! with weight 0 or without a weight come after all others, in random order.
//!
//! Few draws walk the weights left. Many draws give each answer the key E / weight with E exponential, and
//! sort: the least of such keys belongs to an answer with a probability proportional to its weight, and so does
//! the next among those left, which makes the two ways the same distribution.
//!
//! Often the order is wanted only where a geotarget finds several answers equally near, and of that only the
//! first. Then the shuffle is put off: the geotarget asks for the keys of the few answers that it cannot tell
//! apart, and all others are never worked out.

use rand::Rng;

use super::shuffle::shuffle;
use super::stickiness::score;
use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::column::{NumberColumn, NumberPlace};
use crate::context::{Entropy, draw_unit, unit_from_bits};
use crate::meta::MetaKey;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "weighted_shuffle",
    aliases: &["shuffle_weighted"],
    short_description: "Shuffles the answers by weight",
    description: "Puts the answers in random order, drawing one after another with a probability proportional to \
                  its <code>weight</code>. Answers without a positive weight come last.",
    tier: 2,
    inputs: &[MetaKey::Weight],
    options: &[],
    record_types: &[],
    looks_at_client: false,
    compile: |compiler, _| {
        let weight = compiler.number(MetaKey::Weight)?;
        let sums = sums(&weight);
        Ok(Filter::WeightedShuffle(WeightedShuffle { weight, sums, is_put_off: false }))
    },
};

/// Steps of walking above which sorting is cheaper: a logarithm and its share of a sort cost some fifty
/// additions.
const MAX_WALK: usize = 2048;

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct WeightedShuffle {
    weight: NumberColumn,
    /// The sum of the weights of all answers up to each; empty when one of them is live.
    sums: Box<[f64]>,
    /// Whether the next step sorts, and only what comes first then matters.
    is_put_off: bool,
}

/// An order by weight that is drawn as a whole, and worked out entry by entry.
#[derive(Clone, Copy, Debug)]
pub(crate) struct WeightedOrder<'chain> {
    weight: &'chain NumberColumn,
    draw: u64,
}

impl WeightedOrder<'_> {
    /// The sort key of the entry at a position of the selection, before anything is moved.
    #[inline]
    pub(super) fn key<T: Trace>(self, run: &mut Run<'_, '_, T>, position: usize) -> u64 {
        let entry = run.selection.as_slice()[position];
        let uniform = 1.0 - unit_from_bits(score(self.draw, u64::from(entry)));
        exponential_key(uniform, run.number(self.weight, run.answer_at(position)))
    }
}

/// Adds the weights up, if they are all known.
fn sums(weight: &NumberColumn) -> Box<[f64]> {
    let literal =
        |place: &NumberPlace| place.as_literal().or((*place == NumberPlace::MISSING).then_some(0.0));
    let mut sum = 0.0;
    let sums = weight.places.iter().map(|place| {
        sum += literal(place)?;
        Some(sum)
    });
    sums.collect::<Option<_>>().unwrap_or_default()
}

impl WeightedShuffle {
    /// Says that the next step sorts, and that only what comes first then matters.
    pub(crate) fn put_off(&mut self) {
        self.is_put_off = true;
    }

    /// Whether the next step can make use of [`WeightedShuffle::order`], and decides the same with it.
    #[inline]
    pub(crate) fn is_put_off(&self) -> bool {
        self.is_put_off
    }

    /// Draws an order; the one that `apply` puts into effect when the shuffle is put off.
    #[inline]
    pub(crate) fn order(&self, entropy: &mut Entropy) -> WeightedOrder<'_> {
        WeightedOrder { weight: &self.weight, draw: entropy.next_u64() }
    }

    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        run.explain(|run, _, answer, used| {
            used.extend(run.used_number(&self.weight, answer));
            match run.number(&self.weight, answer) {
                Some(weight) if weight > 0.0 => Reason::DrawnByWeight { weight },
                _ => Reason::DrawnWithoutWeight,
            }
        });
        if self.is_put_off {
            return self.sort(run);
        }
        if self.weight.places.is_empty() {
            return shuffle(run.selection.as_mut_slice(), run.needed, run.context.entropy);
        }
        if run.needed == 1 && self.draw_of_all(run) {
            return;
        }
        let draws = run.needed.min(run.selection.len());
        if draws.saturating_mul(run.selection.len()) <= MAX_WALK {
            self.walk(run, draws);
        } else {
            self.sort(run);
        }
    }

    /// Draws the first position when all answers are there in their own order and the sums of their weights are
    /// known. False if that is not so, or no weight is positive.
    fn draw_of_all<T: Trace>(&self, run: &mut Run<'_, '_, T>) -> bool {
        let Some(total) = self.sums.last().copied().filter(|total| *total > 0.0) else { return false };
        if !run.selection.is_whole() || self.sums.len() != run.selection.len() {
            return false;
        }
        let point = draw_unit(run.context.entropy) * total;
        let drawn = self.sums.partition_point(|sum| *sum <= point);
        // Rounding can carry the point to the total; the last positive weight is where it was headed.
        let drawn =
            if drawn < self.sums.len() { drawn } else { self.sums.partition_point(|sum| *sum < total) };
        run.selection.as_mut_slice().swap(0, drawn);
        true
    }

    /// Draws the first `draws` positions by walking over the weights that are left.
    fn walk<T: Trace>(&self, run: &mut Run<'_, '_, T>, draws: usize) {
        run.context.scratch.weights.clear();
        for position in 0..run.selection.len() {
            let weight = run.number(&self.weight, run.answer_at(position)).unwrap_or(0.0);
            run.context.scratch.weights.push(weight);
        }
        let weights = &mut run.context.scratch.weights;
        let answers = run.selection.as_mut_slice();
        for position in 0..draws {
            match draw_by_weight(&weights[position..], run.context.entropy) {
                Some(offset) => {
                    answers.swap(position, position + offset);
                    weights.swap(position, position + offset);
                }
                // Only answers without a positive weight are left.
                None => return shuffle(&mut answers[position..], draws - position, run.context.entropy),
            }
        }
    }

    /// Draws all positions at once by sorting.
    fn sort<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        let order = self.order(run.context.entropy);
        run.set_keys_by_position(|run, position| order.key(run, position));
        run.sort_by_keys();
    }
}

/// The index of a weight, drawn with a probability proportional to it; `None` when no weight is positive.
fn draw_by_weight(weights: &[f64], entropy: &mut Entropy) -> Option<usize> {
    let total: f64 = weights.iter().sum();
    if total <= 0.0 {
        return None;
    }
    let mut left = draw_unit(entropy) * total;
    for (index, weight) in weights.iter().enumerate() {
        if left < *weight {
            return Some(index);
        }
        left -= weight;
    }
    // Rounding can carry the walk past the end; the last positive weight is where it was headed.
    weights.iter().rposition(|weight| *weight > 0.0)
}

/// A sort key that turns a uniform number from (0, 1] into an order by weight: -ln(u) / weight, ascending, and
/// after all of these the answers without a positive weight, by their uniform number.
pub(super) fn exponential_key(uniform: f64, weight: Option<f64>) -> u64 {
    /// The sign bit: larger than the bits of every number that is not negative.
    const LAST: u64 = 1 << 63;
    match weight.filter(|weight| *weight > 0.0) {
        // Adding zero makes the minus zero of ln(1) a plain zero.
        Some(weight) => (-uniform.ln() / weight + 0.0).to_bits(),
        None => LAST | uniform.to_bits(),
    }
}
