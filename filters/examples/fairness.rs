//! Measures how fair the drawing filters are and how little the sticky ones move.
//!
//! `cargo run --release -p filters --example fairness [draws]`. Every line is a chi-square test (with the bound
//! that a fair draw passes once in 10^5 tries) or a share of clients against its ideal; the last line says
//! whether all held, and the exit status too.

mod support;

use std::net::{IpAddr, Ipv4Addr};
use std::process::ExitCode;

use filters::{Client, from_seed_u64};
use geoip_data::GeoData;
use serde_json::{Value, json};
use support::Runner;

const NOBODY: Client =
    Client { address: IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), prefix_bits: 32, from_subnet: false };

/// The most clients that may move, as a multiple of the ideal.
const MOST_MOVED: f64 = 1.05;

struct Report {
    geo: GeoData,
    draws: usize,
    all_hold: bool,
}

fn main() -> ExitCode {
    let draws = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1_000_000);
    let mut report = Report { geo: GeoData::embedded(), draws, all_hold: true };
    println!("{draws} draws each\n\n{:<58} {:>10} {:>10}", "draws", "chi-square", "bound");
    report.orders();
    report.shedding();
    println!("\n{:<58} {:>10} {:>10}", "clients", "chi-square", "bound");
    report.sticky_shares();
    println!("\n{:<58} {:>10} {:>10} {:>8}", "moves", "moved", "ideal", "ratio");
    report.churn();
    println!("\n{}", if report.all_hold { "all hold" } else { "NOT ALL HOLD" });
    if report.all_hold { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn weighted(weights: &[f64]) -> Vec<(u32, Value)> {
    (0u32..).zip(weights).map(|(number, weight)| (number, json!({"weight": weight}))).collect()
}

fn client(number: usize) -> Client {
    Client::source(IpAddr::V4(Ipv4Addr::from(0x6440_0000 + u32::try_from(number).unwrap_or(0))))
}

/// The chance of each answer to come at a position when answers are drawn one after another by weight.
fn position_shares(weights: &[f64], position: usize) -> Vec<f64> {
    fn go(weights: &[f64], left: &mut Vec<usize>, chance: f64, depth: usize, shares: &mut [f64]) {
        let total: f64 = left.iter().map(|index| weights[*index]).sum();
        for place in 0..left.len() {
            let index = left[place];
            let share = if total > 0.0 { weights[index] / total } else { 1.0 / left.len() as f64 };
            if depth == 0 {
                shares[index] += chance * share;
            } else if share > 0.0 {
                left.remove(place);
                go(weights, left, chance * share, depth - 1, shares);
                left.insert(place, index);
            }
        }
    }
    let mut shares = vec![0.0; weights.len()];
    go(weights, &mut (0..weights.len()).collect(), 1.0, position, &mut shares);
    shares
}

impl Report {
    /// Compares counts with expected shares; cells that can never come up must be empty.
    fn test(&mut self, what: &str, counts: &[usize], shares: &[f64]) {
        let total: usize = counts.iter().sum();
        let cells: Vec<(f64, f64)> = counts
            .iter()
            .zip(shares)
            .filter(|(_, share)| **share * total as f64 > 5.0)
            .map(|(count, share)| (*count as f64, share * total as f64))
            .collect();
        let impossible = counts.iter().zip(shares).any(|(count, share)| *share == 0.0 && *count > 0);
        let chi_square: f64 = cells.iter().map(|(seen, expected)| (seen - expected).powi(2) / expected).sum();
        let freedom = cells.len().saturating_sub(1).max(1) as f64;
        let spread = 2.0 / (9.0 * freedom);
        let bound = freedom * (1.0 - spread + 4.265 * spread.sqrt()).powi(3);
        let holds = chi_square < bound && !impossible;
        self.all_hold &= holds;
        println!("{what:<58} {chi_square:>10.2} {bound:>10.2}{}", if holds { "" } else { "  FAILS" });
    }

    fn tally(&self, steps: &Value, answers: &[(u32, Value)], position: usize) -> Vec<usize> {
        let (mut runner, mut entropy) = (Runner::new(steps, answers), from_seed_u64(20_26));
        let mut counts = vec![0; answers.len()];
        for _ in 0..self.draws {
            let (order, _) = runner.run(NOBODY, &self.geo, &mut entropy);
            counts[usize::from(order[position])] += 1;
        }
        counts
    }

    fn orders(&mut self) {
        let shuffle = json!([{"filter": "shuffle"}]);
        for position in [0, 3, 7] {
            let counts = self.tally(&shuffle, &weighted(&[1.0; 8]), position);
            self.test(&format!("shuffle of 8, position {}", position + 1), &counts, &[0.125; 8]);
        }
        let whole = json!([{"filter": "weighted_shuffle"}]);
        let first = json!([{"filter": "weighted_shuffle"}, {"filter": "select_first_n"}]);
        let cases: [(&str, &[f64]); 4] = [
            ("1 2 3 14", &[1.0, 2.0, 3.0, 14.0]),
            ("0 5 0 1", &[0.0, 5.0, 0.0, 1.0]),
            ("1e-6 1 1000 1e6", &[1e-6, 1.0, 1e3, 1e6]),
            ("7 times 1, once 93", &[1.0, 1.0, 1.0, 93.0, 1.0, 1.0, 1.0, 1.0]),
        ];
        for (name, weights) in cases {
            let answers = weighted(weights);
            let counts = self.tally(&first, &answers, 0);
            let shares = position_shares(weights, 0);
            self.test(&format!("weighted_shuffle, select_first_n; weights {name}"), &counts, &shares);
            for position in 0..3 {
                let counts = self.tally(&whole, &answers, position);
                let shares = position_shares(weights, position);
                self.test(
                    &format!("weighted_shuffle; weights {name}; position {}", position + 1),
                    &counts,
                    &shares,
                );
            }
        }
        let many: Vec<f64> = (0..64u8).map(|index| f64::from(index % 8)).collect();
        for (position, shares) in [(0, Some(position_shares(&many, 0))), (1, Some(position_shares(&many, 1)))]
        {
            let counts = self.tally(&whole, &weighted(&many), position);
            self.test(
                &format!("weighted_shuffle of 64 by sorting, position {}", position + 1),
                &counts,
                &shares.unwrap_or_default(),
            );
        }
    }

    fn shedding(&mut self) {
        for load in [10.0, 11.0, 12.0, 15.0, 19.0, 20.0] {
            let answers =
                [(0, json!({"loadavg": load, "low_watermark": 10, "high_watermark": 20})), (1, json!({}))];
            let (mut runner, mut entropy) =
                (Runner::new(&json!([{"filter": "shed_load"}]), &answers), from_seed_u64(3));
            let mut counts = [0; 2];
            for _ in 0..self.draws {
                let (order, _) = runner.run(NOBODY, &self.geo, &mut entropy);
                counts[usize::from(order.len() == 2)] += 1;
            }
            let shed = (load - 10.0) / 10.0;
            self.test(&format!("shed_load at {load} between 10 and 20"), &counts, &[shed, 1.0 - shed]);
        }
    }

    fn firsts(&self, steps: &Value, answers: &[(u32, Value)]) -> Vec<u32> {
        let (mut runner, mut entropy) = (Runner::new(steps, answers), from_seed_u64(1));
        (0..self.draws)
            .map(|number| answers[usize::from(runner.run(client(number), &self.geo, &mut entropy).0[0])].0)
            .collect()
    }

    fn sticky_shares(&mut self) {
        for filter in ["sticky", "weighted_sticky"] {
            let weights = [1.0, 2.0, 3.0, 14.0];
            let firsts = self.firsts(&json!([{"filter": filter}]), &weighted(&weights));
            let counts: Vec<_> =
                (0..4).map(|number| firsts.iter().filter(|first| **first == number).count()).collect();
            let shares = if filter == "sticky" { vec![0.25; 4] } else { position_shares(&weights, 0) };
            self.test(&format!("{filter}; weights 1 2 3 14; first answer"), &counts, &shares);
        }
    }

    /// The share of clients whose first answer changes when one leaves, arrives, or changes its weight.
    fn churn(&mut self) {
        let weights = [1.0, 2.0, 3.0, 4.0, 10.0, 5.0];
        let total: f64 = weights.iter().sum();
        for filter in ["sticky", "weighted_sticky"] {
            let steps = json!([{"filter": filter}]);
            let all = weighted(&weights);
            let before = self.firsts(&steps, &all);
            for gone in [0, 4] {
                let share = if filter == "sticky" { 1.0 / 6.0 } else { weights[gone] / total };
                let mut fewer = all.clone();
                fewer.remove(gone);
                let after = self.firsts(&steps, &fewer);
                self.moved(
                    &format!("{filter}: answer with weight {} leaves", weights[gone]),
                    &before,
                    &after,
                    share,
                );
                self.moved(
                    &format!("{filter}: answer with weight {} arrives", weights[gone]),
                    &after,
                    &before,
                    share,
                );
            }
        }
        let steps = json!([{"filter": "weighted_sticky"}]);
        let before = self.firsts(&steps, &weighted(&weights));
        let heavier = [1.0, 2.0, 3.0, 4.0, 20.0, 5.0];
        let after = self.firsts(&steps, &weighted(&heavier));
        let ideal = 20.0 / 35.0 - 10.0 / 25.0;
        self.moved("weighted_sticky: weight 10 becomes 20", &before, &after, ideal);
    }

    fn moved(&mut self, what: &str, before: &[u32], after: &[u32], ideal: f64) {
        let moved = before.iter().zip(after).filter(|(before, after)| before != after).count();
        let share = moved as f64 / before.len() as f64;
        let ratio = share / ideal;
        let holds = ratio <= MOST_MOVED;
        self.all_hold &= holds;
        println!("{what:<58} {share:>10.5} {ideal:>10.5} {ratio:>8.4}{}", if holds { "" } else { "  FAILS" });
    }
}
