//! Answers compared with those of independent servers, over the same zones.
//!
//! [`peers`] starts NSD, Knot, BIND and Sextant on loopback ports with the same zone files; [`questions`] makes
//! questions of every name that could matter; [`comparison`] asks each of them of all. Where the others agree, Sextant
//! must agree with them; where they do not, it must agree with one. What differs all the same is listed in
//! [`differences`], each entry as a precise rule with the RFC that allows it. [`edns`] asks them odd things.
//!
//! It needs `nsd` and `knotd` and says so where they are not there; BIND is asked where `named` is installed. It asks a sample of all questions;
//! `SEXTANT_CONFORMANCE=all` asks every one, `SEXTANT_CONFORMANCE_SEED` picks another sample.
#![forbid(unsafe_code)]

mod comparison;
mod differences;
mod edns;
mod hickory;
mod message;
mod peers;
mod questions;

use std::io::Write;

use comparison::Tally;
use sextant_tests::hard_zones;

/// How many questions are asked of each server unless all are.
const SAMPLE: usize = 30_000;

#[test]
fn other_servers_and_sextant_give_the_same_answers() {
    let zones = hard_zones();
    assert!(zones.len() >= 40);
    let missing: Vec<&str> = ["nsd", "knotd"].into_iter().filter(|name| !peers::is_installed(name)).collect();
    if !missing.is_empty() {
        // Not `eprintln!`, which the test harness keeps to itself.
        let message = format!("conformance: NOT compared with other servers, {missing:?} not installed\n");
        std::io::stderr().write_all(message.as_bytes()).expect("standard error takes text");
        return;
    }
    let seed = variable("SEXTANT_CONFORMANCE_SEED").and_then(|seed| seed.parse().ok()).unwrap_or(1);
    let most = if variable("SEXTANT_CONFORMANCE").as_deref() == Some("all") { usize::MAX } else { SAMPLE };
    let questions = questions::for_zones(&zones, seed, most);
    if !peers::is_installed("named") {
        let message = "conformance: BIND is not asked, named not installed\n";
        std::io::stderr().write_all(message.as_bytes()).expect("standard error takes text");
    }
    let peers = peers::start(&zones).expect("the servers start");
    let mut tally = Tally::default();
    comparison::compare(&peers, &zones, &questions, &mut tally).expect("the servers answer");
    let summary = format!("conformance, seed {seed}: {tally}\n");
    std::io::stderr().write_all(summary.as_bytes()).expect("standard error takes text");
    let (table, faults) = edns::compare(&peers).expect("the servers answer");
    let table = format!("conformance, what each probe gets:\n{table}");
    std::io::stderr().write_all(table.as_bytes()).expect("standard error takes text");
    assert!(tally.unexplained.is_empty(), "{}", tally.report());
    assert!(faults.is_empty(), "Sextant alone says:\n{}", faults.join("\n"));
}

fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok()
}
