//! Queries while something else goes on: at a fixed rate, to Sextant and to the echo in turns.
//!
//! The generator rests while nothing is due, for on a machine of two cores the API and its clients live on its core.
//! It gets the core when it wants it, because they run at a lower priority, but still gives its queries later and in
//! other bursts than when it is alone, and a worker's cost depends on how many queries it finds together. So the
//! echo, on the worker's core and with nothing to do with Sextant, is asked the same way at the same rate. What it
//! then costs more is the measurement's own doing, and is taken off.

use std::time::Duration;

use anyhow::Result;
use geoip_data::GeoData;

use crate::{
    query::{Queries, Scenario, Sizes},
    servers::Server,
    statistics::{median, percentile},
    udp::Generator,
};

/// Time of one turn: enough for some thousand answers, and short beside what goes on meanwhile.
const TURN: Duration = Duration::from_millis(100);

/// One of the two, with a generator of its own.
struct Side<'a> {
    server: &'a Server,
    /// How the names of its threads that answer begin.
    threads: &'static str,
    generator: Generator<'a>,
}

/// The generators.
pub struct Beside<'a> {
    sextant: Side<'a>,
    echo: Side<'a>,
    offered: u32,
}

/// What one of the two did in all turns of a kind.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    cpu_us: Vec<f64>,
    sent: u64,
    answered: u64,
    latencies_ns: Vec<u32>,
    /// Replies that were wrong.
    pub wrong: u64,
}

/// What both did.
#[derive(Clone, Debug, Default)]
pub struct Both {
    /// Sextant.
    pub sextant: Seen,
    /// The echo.
    pub echo: Seen,
}

impl Both {
    /// What an answer of Sextant costs in answers of the echo: the median over the pairs of turns, which drift together.
    pub fn ratio(&self) -> f64 {
        let pairs = self.sextant.cpu_us.iter().zip(&self.echo.cpu_us);
        median(&pairs.map(|(sextant, echo)| sextant / echo).collect::<Vec<_>>())
    }
}

impl Seen {
    /// CPU time of the threads that answer per answer, in microseconds: the median of the turns.
    pub fn cpu_us(&self) -> f64 {
        median(&self.cpu_us)
    }

    /// Percent of the queries sent that were answered right.
    pub fn answered_percent(&self) -> f64 {
        self.answered as f64 * 100.0 / self.sent.max(1) as f64
    }

    /// The 99th percentile of the time from when a query was due until its reply, in microseconds.
    pub fn p99_us(&mut self) -> f64 {
        f64::from(percentile(&mut self.latencies_ns, 99.0)) / 1e3
    }
}

impl<'a> Beside<'a> {
    /// Opens the sockets; `offered` queries of `scenario` a second go to whom it is the turn of.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(
        sextant: &'a Server,
        echo: &'a Server,
        geo: &'a GeoData,
        (scenario, sizes): (Scenario, Sizes),
        offered: u32,
    ) -> Result<Self> {
        let queries = Queries::new(scenario, sizes, 1);
        let side = |server: &'a Server, threads, checks| -> Result<Side<'a>> {
            let generator = Generator::new(server.address, queries.clone(), geo, checks)?;
            Ok(Side { server, threads, generator })
        };
        Ok(Self { sextant: side(sextant, "udp", true)?, echo: side(echo, "", false)?, offered })
    }

    /// Queries offered per second.
    pub fn offered(&self) -> u32 {
        self.offered
    }

    /// Asks both in turns, at least once each, until `is_over`; adds what it sees to `both`.
    ///
    /// # Errors
    /// When a socket fails or a process is gone.
    pub fn ask(&mut self, both: &mut Both, mut is_over: impl FnMut() -> bool) -> Result<()> {
        loop {
            turn(&mut self.sextant, &mut both.sextant, self.offered)?;
            turn(&mut self.echo, &mut both.echo, self.offered)?;
            if is_over() {
                return Ok(());
            }
        }
    }
}

fn turn(side: &mut Side<'_>, seen: &mut Seen, offered: u32) -> Result<()> {
    // The first queries after a rest are for the caches.
    seen.wrong += side.generator.offer(offered, TURN / 10)?.wrong;
    let before = side.server.process.thread_cpu_ns(side.threads)?;
    let outcome = side.generator.offer(offered, TURN)?;
    let cpu_ns = side.server.process.thread_cpu_ns(side.threads)?.saturating_sub(before);
    seen.cpu_us.push(cpu_ns as f64 / 1e3 / outcome.answered.max(1) as f64);
    seen.sent += outcome.sent;
    seen.answered += outcome.answered;
    seen.wrong += outcome.wrong;
    seen.latencies_ns.extend(outcome.latencies_ns);
    Ok(())
}
