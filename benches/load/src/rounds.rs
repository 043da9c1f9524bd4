//! The interleaved rounds and what comes out of them.

use std::time::Duration;

use anyhow::Result;
use geoip_data::GeoData;

use crate::{
    query::{Queries, Scenario, Sizes},
    servers::{Server, echo},
    statistics::{median, percentile},
    tcp,
    udp::{self, Outcome},
};

/// Probes before the first round.
const PROBES: u16 = 500;
/// Queries per second for the latency.
const FIXED_RATE: u32 = 20_000;

/// How long and how often.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Rounds that count.
    pub rounds: usize,
    /// Seconds of each turn.
    pub seconds: f64,
    /// Whether to measure the latency at a fixed rate too.
    pub with_latency: bool,
    /// How much there is to ask for.
    pub sizes: Sizes,
}

/// What one server did in one scenario: medians over the rounds.
#[derive(Clone, Debug)]
pub struct Figures {
    /// Which server.
    pub server: String,
    /// Why it is not ranked, if it answered a probe wrongly or failed.
    pub fault: Option<String>,
    /// CPU time of the process per answered query, in microseconds.
    pub cpu_us: f64,
    /// The middle half of the rounds lies within so many percent of that median.
    pub spread_percent: f64,
    /// Answers per second.
    pub rate: f64,
    /// Median over the rounds of the CPU time over that of the echo in the same round.
    pub ratio: Option<f64>,
    /// Queries lost and wrong replies, over all rounds.
    pub lost: u64,
    /// Wrong replies, over all rounds.
    pub wrong: u64,
    /// Median and 99th percentile of the latency at the fixed rate, in microseconds.
    pub latency_us: Option<(f64, f64)>,
}

/// The figures of one scenario.
#[derive(Clone, Debug)]
pub struct Results {
    /// Which.
    pub scenario: Scenario,
    /// One entry per server that can answer it.
    pub figures: Vec<Figures>,
}

/// Measurements of one server, one entry per round.
#[derive(Default)]
struct Rounds {
    fault: Option<String>,
    cpu_us: Vec<f64>,
    rates: Vec<f64>,
    lost: u64,
    wrong: u64,
    latencies_ns: Vec<u32>,
}

/// Runs one scenario on all servers.
///
/// # Errors
/// When a server is gone.
pub fn run(plan: &Plan, scenario: Scenario, servers: &[Server], geo: &GeoData) -> Result<Results> {
    let able: Vec<_> = servers.iter().filter(|server| server.scenarios.contains(&scenario)).collect();
    let mut measured: Vec<Rounds> = able.iter().map(|_| Rounds::default()).collect();
    for (server, rounds) in able.iter().zip(&mut measured) {
        if server.name != echo::NAME {
            let queries = Queries::new(scenario, plan.sizes, 99);
            let probed = match scenario {
                Scenario::Tcp => tcp::probe(server.address, queries, geo, PROBES),
                _ => udp::probe(server.address, queries, geo, PROBES),
            };
            rounds.fault = probed.err().map(|error| format!("{error:#}"));
        }
    }
    for round in 0..=plan.rounds {
        for (server, rounds) in able.iter().zip(&mut measured) {
            // What it does is not what is asked for, so there is nothing to compare.
            if rounds.fault.is_some() {
                continue;
            }
            let seed = 0x9e37_79b9 * (round as u64 + 1);
            let queries = Queries::new(scenario, plan.sizes, seed);
            let (outcome, cpu_ns) = match turn(plan, server, queries, geo) {
                Ok(turn) => turn,
                Err(error) => {
                    rounds.fault = Some(format!("{error:#}"));
                    continue;
                }
            };
            if outcome.answered == 0 {
                rounds.fault = Some("no answers".into());
            }
            // The first round warms caches up.
            if round == 0 || outcome.answered == 0 {
                continue;
            }
            rounds.cpu_us.push(cpu_ns as f64 / 1e3 / outcome.answered.max(1) as f64);
            rounds.rates.push(outcome.rate());
            rounds.lost += outcome.lost;
            rounds.wrong += outcome.wrong;
            if plan.with_latency && scenario != Scenario::Tcp {
                let queries = Queries::new(scenario, plan.sizes, seed + 1);
                let mut generator =
                    udp::Generator::new(server.address, queries, geo, server.name != echo::NAME)?;
                let paced = generator.pace(FIXED_RATE, Duration::from_secs_f64(plan.seconds / 2.0))?;
                rounds.latencies_ns.extend(paced.latencies_ns);
            }
        }
    }
    let floor = able.iter().position(|server| server.name == echo::NAME);
    let floor = floor.map(|index| measured[index].cpu_us.clone());
    let figures =
        able.iter().zip(measured).map(|(server, rounds)| figures(server, rounds, floor.as_deref())).collect();
    Ok(Results { scenario, figures })
}

/// One server's turn: how many answers, at what CPU time.
fn turn(plan: &Plan, server: &Server, queries: Queries, geo: &GeoData) -> Result<(Outcome, u64)> {
    let time = Duration::from_secs_f64(plan.seconds);
    let settle = time / 10;
    let checks = server.name != echo::NAME;
    if queries.scenario() == Scenario::Tcp {
        let mut generator = tcp::Generator::new(server.address, queries, geo, checks)?;
        generator.saturate(settle)?;
        let before = server.process.cpu_ns()?;
        let outcome = generator.saturate(time)?;
        return Ok((outcome, server.process.cpu_ns()? - before));
    }
    let mut generator = udp::Generator::new(server.address, queries, geo, checks)?;
    generator.saturate(settle)?;
    let before = server.process.cpu_ns()?;
    let outcome = generator.saturate(time)?;
    Ok((outcome, server.process.cpu_ns()?.saturating_sub(before)))
}

fn figures(server: &Server, mut rounds: Rounds, floor: Option<&[f64]>) -> Figures {
    let ratios = floor
        .map(|floor| rounds.cpu_us.iter().zip(floor).map(|(own, floor)| own / floor).collect::<Vec<_>>());
    let cpu_us = median(&rounds.cpu_us);
    let deviations: Vec<_> = rounds.cpu_us.iter().map(|value| (value - cpu_us).abs()).collect();
    let latency_us = (!rounds.latencies_ns.is_empty()).then(|| {
        let latencies = &mut rounds.latencies_ns;
        (f64::from(percentile(latencies, 50.0)) / 1e3, f64::from(percentile(latencies, 99.0)) / 1e3)
    });
    let fault = rounds.fault.or_else(|| (rounds.wrong > 0).then(|| "wrong replies".into()));
    Figures {
        server: server.name.clone(),
        fault,
        cpu_us,
        spread_percent: median(&deviations) / cpu_us * 100.0,
        rate: median(&rounds.rates),
        ratio: ratios.map(|ratios| median(&ratios)),
        lost: rounds.lost,
        wrong: rounds.wrong,
        latency_us,
    }
}
