//! Trying one record, or two side by side, on many clients.
//!
//! Each client has entropy of its own, the same for both sides, so that a difference comes from the records and
//! not from the dice. Where no draw was made, one run stands for all.

use std::collections::BTreeMap;

use filters::Entropy;
use geoip_data::{CountryCode, GeoData};
use serde::Serialize;
use serde_json::Value;
use zones::{Asker, Workspace};

use super::population::Sample;
use super::side::Side;

/// The key of clients whose country is not known, as in CLDR.
const UNKNOWN_COUNTRY: &str = "ZZ";

/// What is tried on whom.
pub(crate) struct Trial<'a> {
    pub(crate) samples: &'a [Sample],
    /// Runs for each client of a record that draws.
    pub(crate) draws: u32,
    pub(crate) seed: u64,
    pub(crate) geo: &'a GeoData,
}

/// What came of it for each side, and where the sides differ.
pub(crate) struct Outcome {
    pub(crate) sides: Vec<Tally>,
    pub(crate) changed: Changed,
}

/// Where clients get other replies from one side than from the other, in other order included.
#[derive(Debug, Default, PartialEq, Serialize)]
pub(crate) struct Changed {
    /// The share of clients.
    pub(crate) share: f64,
    /// The countries of such clients.
    pub(crate) countries: Vec<String>,
}

/// The shares of answers.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Shares {
    /// Of all clients; every answer of the record.
    pub(crate) overall: Vec<Share>,
    /// Of the clients of each country; only answers with a share.
    pub(crate) countries: BTreeMap<String, Vec<Share>>,
}

/// How much of the clients an answer serves: those that get it first.
#[derive(Debug, PartialEq, Serialize)]
pub(crate) struct Share {
    /// Null for no answer at all.
    pub(crate) answer: Option<Vec<Value>>,
    pub(crate) share: f64,
}

/// Weights of clients by country and by the answer they get first; the last place is for no answer.
pub(crate) struct Tally(BTreeMap<Option<CountryCode>, Vec<f64>>);

impl Trial<'_> {
    /// Runs all sides; one that is `None` gives no answers.
    pub(crate) fn run(&self, sides: &[Option<&Side>]) -> Outcome {
        let mut workspace = Workspace::default();
        let mut tallies: Vec<Tally> = sides.iter().map(|_| Tally(BTreeMap::new())).collect();
        let mut orders: Vec<Vec<u16>> = vec![Vec::new(); sides.len()];
        let mut changed: BTreeMap<Option<CountryCode>, f64> = BTreeMap::new();
        for (number, sample) in (0u64..).zip(self.samples) {
            let asker = Asker::new(sample.address, None);
            let mut draw = 0;
            while draw < self.draws {
                let entropy = self.entropy(number, draw);
                let mut was_drawn = false;
                for (side, order) in sides.iter().zip(&mut orders) {
                    let mut own = entropy.clone();
                    if let Some(side) = side {
                        side.run(&asker, self.geo, &mut own, &mut workspace, order);
                    }
                    was_drawn |= own != entropy;
                }
                let runs = if was_drawn { 1 } else { self.draws - draw };
                let weight = sample.weight * f64::from(runs) / f64::from(self.draws);
                for ((side, order), tally) in sides.iter().zip(&orders).zip(&mut tallies) {
                    let answers = side.map_or(0, |side| side.answers.len());
                    tally.add(sample.country, answers, order.first().copied(), weight);
                }
                if differ(sides, &orders) {
                    *changed.entry(sample.country).or_default() += weight;
                }
                draw += runs;
            }
        }
        let all: f64 = self.samples.iter().map(|sample| sample.weight).sum();
        let changed = Changed {
            share: rounded(changed.values().sum::<f64>() / all),
            countries: changed.keys().map(key_of).collect(),
        };
        Outcome { sides: tallies, changed }
    }

    fn entropy(&self, client: u64, draw: u32) -> Entropy {
        // Seeds next to each other give unrelated entropy.
        filters::from_seed_u64(self.seed.wrapping_add(client << 32 | u64::from(draw)))
    }
}

/// Whether the first two sides give different data, or in another order.
fn differ(sides: &[Option<&Side>], orders: &[Vec<u16>]) -> bool {
    let data = |side: usize| {
        let answers = sides[side].map(|side| side.answers.as_slice()).unwrap_or_default();
        orders[side].iter().filter_map(|index| answers.get(usize::from(*index))).map(|answer| answer.data)
    };
    sides.len() > 1 && !data(0).eq(data(1))
}

impl Tally {
    fn add(&mut self, country: Option<CountryCode>, answers: usize, first: Option<u16>, weight: f64) {
        let weights = self.0.entry(country).or_insert_with(|| vec![0.0; answers + 1]);
        weights[first.map_or(answers, |first| usize::from(first).min(answers))] += weight;
    }

    /// The shares; `side` is what the tally is of.
    pub(crate) fn shares(&self, side: &Side) -> Shares {
        let mut sums = vec![0.0; side.answers.len() + 1];
        for weights in self.0.values() {
            for (sum, weight) in sums.iter_mut().zip(weights) {
                *sum += weight;
            }
        }
        let countries =
            self.0.iter().map(|(country, weights)| (key_of(country), shares(side, weights, false)));
        Shares { overall: shares(side, &sums, true), countries: countries.collect() }
    }
}

/// The shares of answers, in the order of the record; equal answers are one.
fn shares(side: &Side, weights: &[f64], with_unused: bool) -> Vec<Share> {
    let all: f64 = weights.iter().sum();
    let mut of_data: BTreeMap<u32, f64> = BTreeMap::new();
    for (answer, weight) in side.answers.iter().zip(weights) {
        *of_data.entry(answer.data).or_default() += weight;
    }
    // Taken out when listed, so that an equal answer further on is not listed again.
    let listed = side.answers.iter().filter_map(|answer| {
        let weight = of_data.remove(&answer.data).filter(|weight| with_unused || *weight > 0.0)?;
        Some(Share { answer: Some(answer.fields.clone()), share: rounded(weight / all) })
    });
    let nothing = weights.last().filter(|weight| **weight > 0.0);
    let nothing = nothing.map(|weight| Share { answer: None, share: rounded(weight / all) });
    listed.chain(nothing).collect()
}

fn key_of(country: &Option<CountryCode>) -> String {
    country.as_ref().map_or(UNKNOWN_COUNTRY, CountryCode::as_str).to_owned()
}

/// A share in millionths: more would be noise.
fn rounded(share: f64) -> f64 {
    (share * 1e6).round() / 1e6
}
