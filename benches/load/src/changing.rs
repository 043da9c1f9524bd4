//! What queries cost while Sextant is changed through its API.
//!
//! Sextant's UDP worker has the first core to itself. Its other threads, and the driver that speaks HTTP to
//! it, share the cores between the first and the last, where the generator is; where there are two cores in
//! all they share the generator's. Queries are offered at a fixed rate, a good half of what the worker can
//! answer, with and without the change in turns.
//!
//! A generator that shares its core gives its queries later and in other bursts, and a worker's cost depends on how
//! many queries it finds together. So the echo, on the worker's core and with nothing to do with Sextant, is asked
//! the same way at the same rate during the same change. What it then costs more is the measurement's own doing,
//! and is taken off.

use std::{
    fmt::Write as _,
    fs,
    ops::Range,
    path::Path,
    sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use geoip_data::GeoData;
use serde_json::{Value, json};
use sextant_tests::Api;

use crate::{
    check::numbered_address,
    data,
    process::{self, Process},
    query::{Queries, Scenario, Sizes},
    servers::{Server, Setting, echo, sextant},
    statistics::{median, percentile},
    udp,
};

/// Record publishes per second.
const PUBLISHES: u32 = 1_000;
/// Connections that publish.
const PUBLISHERS: u32 = 8;
/// Feeds of the source that is pushed to, all in one request.
const FEEDS: u32 = 1_000;
/// Pushes per second: 100,000 values.
const PUSHES: u32 = 100;
/// Turns without and with each change.
const ROUNDS: u64 = 5;
/// The share of what the worker can answer that is offered.
const OFFERED_SHARE: f64 = 0.6;

/// A change that goes on while queries are answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Change {
    Publishes,
    Feeds,
    Import,
    Geography,
}

impl Change {
    fn title(self) -> &'static str {
        match self {
            Self::Publishes => "1,000 records published per second",
            Self::Feeds => "100,000 feed values pushed per second",
            Self::Import => "import of a zone as large as the large one",
            Self::Geography => "reload of the geography",
        }
    }

    /// What is asked meanwhile: something that the change could slow down.
    fn scenario(self) -> Scenario {
        match self {
            Self::Publishes | Self::Import => Scenario::Static,
            Self::Feeds => Scenario::Many,
            Self::Geography => Scenario::Country,
        }
    }
}

/// What one change costs; pairs are of turns without and with it.
#[derive(Clone, Debug)]
pub struct Cost {
    change: Change,
    /// CPU time of the worker per answer, in microseconds.
    cpu_us: (f64, f64),
    /// The same of the echo.
    echo_us: (f64, f64),
    /// Queries offered per second, so long as the generator had its core.
    offered: u32,
    /// Percent of the queries sent that were answered.
    answered_percent: (f64, f64),
    /// The 99th percentile of the latency, in microseconds.
    p99_us: (f64, f64),
    /// The same of the echo.
    echo_p99_us: (f64, f64),
    /// Wrong replies in all turns.
    wrong: u64,
    /// Changes made per second: records, values, records, files.
    changes_per_s: f64,
}

impl Cost {
    /// By how many percent the worker's core gives fewer answers, beyond what the echo's gives.
    fn fewer_percent(&self) -> f64 {
        let growth = |(quiet, changing): (f64, f64)| changing / quiet;
        (1.0 - growth(self.echo_us) / growth(self.cpu_us)) * 100.0
    }
}

/// A server to change.
struct Subject<'a> {
    process: Process,
    address: std::net::SocketAddr,
    echo: Server,
    api: Api,
    sizes: Sizes,
    geo: &'a GeoData,
    geography: &'a Path,
    source: String,
    seconds: f64,
    /// Cores of everything but the worker and the generator.
    other_cores: Range<usize>,
}

/// Whom a turn asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Asked {
    Sextant,
    Echo,
}

/// Figures of one turn.
struct Turn {
    cpu_us: f64,
    answered_percent: f64,
    p99_us: f64,
    wrong: u64,
}

/// Runs all changes against `build`.
///
/// # Errors
/// When the server does not start or refuses a change.
pub fn run(
    setting: &Setting,
    build: &sextant::Build,
    geo: &GeoData,
    cores: usize,
    seconds: f64,
) -> Result<Vec<Cost>> {
    // A file of its own, as it will be replaced.
    let geography = setting.folder.join("geography.mmdb");
    fs::create_dir_all(&setting.folder)?;
    fs::copy(&setting.geography, &geography)?;
    let build = build.clone().with_arguments(&["--geoip-city", &geography.display().to_string()]);
    let (server, api) = sextant::start_with_api(setting, &build)?;
    let other_cores = if cores > 2 { 1..cores - 1 } else { 1..2 };
    process::keep_apart(server.process.id(), "udp", 0..1, other_cores.clone())?;
    let echo = echo::start(&Setting { cores: "0".into(), ..setting.clone() })?;
    let mut subject = Subject {
        process: server.process,
        address: server.address,
        echo,
        api,
        sizes: setting.sizes,
        geo,
        geography: &geography,
        source: String::new(),
        seconds,
        other_cores,
    };
    subject.prepare()?;
    Change::value_variants().iter().map(|change| subject.measure(*change)).collect()
}

impl Subject<'_> {
    /// Makes the feeds and the steered records; one answer listens to each of the first feeds.
    fn prepare(&mut self) -> Result<()> {
        let body = json!({"name": "load", "sourcetype": "nsone_v1", "config": {}});
        let source = sextant::accepted(self.api.put("/v1/data/sources", &body)?)?;
        self.source = source["id"].as_str().context("a source has an id")?.to_owned();
        let mut ids = Vec::new();
        for number in 0..FEEDS {
            let body = json!({"name": format!("f{number}"), "config": {"label": format!("f{number}")}});
            let feed = sextant::accepted(self.api.put(&format!("/v1/data/feeds/{}", self.source), &body)?)?;
            ids.push(feed["id"].clone());
        }
        sextant::put_steered_records(&self.api, |label, record| {
            if label == "many" {
                let answers = record["answers"].as_array_mut();
                for (answer, id) in answers.into_iter().flatten().zip(&ids) {
                    answer["meta"]["weight"] = json!({"feed": id});
                }
            }
        })
    }

    fn measure(&self, change: Change) -> Result<Cost> {
        let scenario = change.scenario();
        let queries = Queries::new(scenario, self.sizes, 1);
        let mut generator = udp::Generator::new(self.address, queries, self.geo, true)?;
        let offered = (generator.saturate(self.turn_time())?.rate() * OFFERED_SHARE) as u32;
        drop(generator);
        let both = |seed| -> Result<[Turn; 2]> {
            let turn = |asked| self.turn(asked, scenario, seed, offered);
            Ok([turn(Asked::Sextant)?, turn(Asked::Echo)?])
        };
        let (mut quiet, mut changing) = (Vec::new(), Vec::new());
        let mut rates = Vec::new();
        for round in 0..ROUNDS {
            quiet.push(both(round)?);
            let stop = AtomicBool::new(false);
            let made = AtomicU64::new(0);
            let begun = Instant::now();
            std::thread::scope(|scope| {
                let driver = scope.spawn(|| self.drive(change, round, &stop, &made));
                let turns = both(ROUNDS + round);
                stop.store(true, Relaxed);
                driver.join().map_err(|_| anyhow::anyhow!("the driver failed"))??;
                changing.push(turns?);
                anyhow::Ok(())
            })?;
            rates.push(made.load(Relaxed) as f64 / begun.elapsed().as_secs_f64());
        }
        let pair = |asked: Asked, figure: fn(&Turn) -> f64| {
            let of = |rounds: &[[Turn; 2]]| {
                median(&rounds.iter().map(|turns| figure(&turns[asked as usize])).collect::<Vec<_>>())
            };
            (of(&quiet), of(&changing))
        };
        Ok(Cost {
            change,
            cpu_us: pair(Asked::Sextant, |turn| turn.cpu_us),
            echo_us: pair(Asked::Echo, |turn| turn.cpu_us),
            offered,
            answered_percent: pair(Asked::Sextant, |turn| turn.answered_percent),
            p99_us: pair(Asked::Sextant, |turn| turn.p99_us),
            echo_p99_us: pair(Asked::Echo, |turn| turn.p99_us),
            wrong: quiet.iter().chain(&changing).map(|[sextant, _]| sextant.wrong).sum(),
            changes_per_s: median(&rates),
        })
    }

    fn turn_time(&self) -> Duration {
        Duration::from_secs_f64(self.seconds)
    }

    fn turn(&self, asked: Asked, scenario: Scenario, seed: u64, offered: u32) -> Result<Turn> {
        let (address, process, threads) = match asked {
            Asked::Sextant => (self.address, &self.process, "udp"),
            Asked::Echo => (self.echo.address, &self.echo.process, ""),
        };
        let queries = Queries::new(scenario, self.sizes, seed * 2 + 1);
        let mut generator = udp::Generator::new(address, queries, self.geo, asked == Asked::Sextant)?;
        generator.offer(offered, self.turn_time() / 10)?;
        let before = process.thread_cpu_ns(threads)?;
        let mut outcome = generator.offer(offered, self.turn_time())?;
        let cpu_ns = process.thread_cpu_ns(threads)?.saturating_sub(before);
        Ok(Turn {
            cpu_us: cpu_ns as f64 / 1e3 / outcome.answered.max(1) as f64,
            answered_percent: outcome.answered as f64 * 100.0 / outcome.sent.max(1) as f64,
            p99_us: f64::from(percentile(&mut outcome.latencies_ns, 99.0)) / 1e3,
            wrong: outcome.wrong,
        })
    }

    /// Makes changes until `stop`; counts them in `made`.
    fn drive(&self, change: Change, round: u64, stop: &AtomicBool, made: &AtomicU64) -> Result<()> {
        process::pin(self.other_cores.clone())?;
        match change {
            Change::Publishes => self.publish(stop, made),
            Change::Feeds => self.push(stop, made),
            Change::Import => self.import(round, stop, made),
            Change::Geography => self.reload(stop, made),
        }
    }

    fn publish(&self, stop: &AtomicBool, made: &AtomicU64) -> Result<()> {
        std::thread::scope(|scope| {
            let publishers: Vec<_> = (0..PUBLISHERS)
                .map(|publisher| {
                    scope.spawn(move || {
                        paced(PUBLISHES / PUBLISHERS, stop, |turn| {
                            let number = (publisher + turn * PUBLISHERS) % self.sizes.names;
                            let domain = format!("h{number}.{}", data::LARGE);
                            let body = json!({
                                "zone": data::LARGE,
                                "domain": domain,
                                "type": "A",
                                "ttl": 60 + turn % 60,
                                "answers": [{"answer": [numbered_address(number).to_string()]}],
                            });
                            sextant::accepted(
                                self.api.post(&format!("/v1/zones/{}/{domain}/A", data::LARGE), &body)?,
                            )?;
                            made.fetch_add(1, Relaxed);
                            Ok(())
                        })
                    })
                })
                .collect();
            publishers.into_iter().try_for_each(|publisher| match publisher.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
        })
    }

    fn push(&self, stop: &AtomicBool, made: &AtomicU64) -> Result<()> {
        paced(PUSHES, stop, |turn| {
            let values: serde_json::Map<String, Value> = (0..FEEDS)
                .map(|number| (format!("f{number}"), json!({"weight": 1 + (number + turn) % 8})))
                .collect();
            sextant::accepted(self.api.post(&format!("/v1/feed/{}", self.source), &Value::Object(values))?)?;
            made.fetch_add(u64::from(FEEDS), Relaxed);
            Ok(())
        })
    }

    /// One import after the other, each removed again; the first begins at once.
    fn import(&self, round: u64, stop: &AtomicBool, made: &AtomicU64) -> Result<()> {
        let text = data::large_zone(self.sizes);
        let apex = format!("import{round}.test");
        while !stop.load(Relaxed) {
            sextant::accepted(self.api.import(&apex, "", &text)?)?;
            made.fetch_add(u64::from(self.sizes.names), Relaxed);
            sextant::accepted(self.api.delete(&format!("/v1/zones/{apex}"))?)?;
        }
        Ok(())
    }

    /// Puts the same file in place again and again, so that it is read whenever the server looks.
    fn reload(&self, stop: &AtomicBool, made: &AtomicU64) -> Result<()> {
        paced(2, stop, |_| {
            let aside = self.geography.with_extension("new");
            fs::copy(self.geography, &aside)?;
            fs::rename(&aside, self.geography)?;
            made.fetch_add(1, Relaxed);
            Ok(())
        })
    }
}

/// Calls `work` so many times a second until `stop`, each time with the next number.
fn paced(per_second: u32, stop: &AtomicBool, mut work: impl FnMut(u32) -> Result<()>) -> Result<()> {
    ensure!(per_second > 0, "a rate of nothing");
    let interval = Duration::from_secs(1) / per_second;
    let mut due = Instant::now();
    for turn in 0.. {
        if stop.load(Relaxed) {
            break;
        }
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        work(turn)?;
        due += interval;
    }
    Ok(())
}

/// As a Markdown table.
pub fn markdown(costs: &[Cost]) -> String {
    let mut text = String::from(
        "\n### while changing\n\n| change | made per s | asked | offered/s | worker µs/answer | echo µs/answer | fewer answers | answered % | p99 µs | echo p99 µs | wrong |\n\
         | --- | ---: | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for cost in costs {
        let _ = writeln!(
            text,
            "| {} | {:.0} | {} | {} | {:.3} → {:.3} | {:.3} → {:.3} | {:.1} % | {:.3} → {:.3} | {:.0} → {:.0} | {:.0} → {:.0} | {} |",
            cost.change.title(),
            cost.changes_per_s,
            cost.change.scenario().name(),
            cost.offered,
            cost.cpu_us.0,
            cost.cpu_us.1,
            cost.echo_us.0,
            cost.echo_us.1,
            cost.fewer_percent(),
            cost.answered_percent.0,
            cost.answered_percent.1,
            cost.p99_us.0,
            cost.p99_us.1,
            cost.echo_p99_us.0,
            cost.echo_p99_us.1,
            cost.wrong,
        );
    }
    text
}

/// As JSON.
pub fn json(costs: &[Cost]) -> Value {
    let pair = |(quiet, changing): (f64, f64)| json!({"without": quiet, "with": changing});
    costs
        .iter()
        .map(|cost| {
            json!({
                "change": cost.change.title(),
                "changes_per_s": cost.changes_per_s,
                "scenario": cost.change.scenario().name(),
                "offered": cost.offered,
                "worker_cpu_us": pair(cost.cpu_us),
                "echo_cpu_us": pair(cost.echo_us),
                "fewer_percent": cost.fewer_percent(),
                "answered_percent": pair(cost.answered_percent),
                "p99_us": pair(cost.p99_us),
                "echo_p99_us": pair(cost.echo_p99_us),
                "wrong": cost.wrong,
            })
        })
        .collect()
}
