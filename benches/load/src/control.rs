//! The control plane under load: how fast it works while queries are answered, and what these notice of it.
//!
//! Sextant's UDP worker has the first core to itself. Its other threads, and the client that speaks HTTP to
//! it, share the cores between the first and the last, where the generator is; where there are two cores in
//! all they share the generator's, below it. How queries are asked meanwhile is told in [`crate::beside`].

use std::{
    fmt::Write as _,
    fs,
    ops::Range,
    time::{Duration, Instant},
};

use anyhow::Result;
use geoip_data::GeoData;
use serde_json::{Value, json};

use crate::{
    beside::{Beside, Both},
    process,
    servers::{Setting, echo, sextant},
    work::{Client, Target, Work},
};

/// Time of queries without work, before each round and behind the last.
const QUIET: Duration = Duration::from_millis(1_500);

/// Memory of the server, in MiB.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// Proportional set size before the work.
    before: f64,
    /// The most that was resident at once meanwhile.
    peak: f64,
    /// Proportional set size behind it and the queries after it.
    after: f64,
}

/// What one kind of work took and what it cost the queries beside it.
#[derive(Clone, Debug)]
pub struct Cost {
    work: Work,
    /// Units done in a round.
    done: u64,
    /// Seconds of a round; the slowest.
    seconds: f64,
    memory: Memory,
    quiet: Figures,
    busy: Figures,
    /// Queries offered per second.
    offered: u32,
    /// Wrong replies in all turns.
    wrong: u64,
}

/// What was seen with the work, or without.
#[derive(Clone, Copy, Debug)]
struct Figures {
    /// CPU time of the worker per answer, in microseconds.
    cpu_us: f64,
    /// The same of the echo.
    echo_us: f64,
    /// The worker's over the echo's, turn by turn.
    ratio: f64,
    /// Percent of the queries sent that were answered.
    answered_percent: f64,
    /// The 99th percentile of the latency, in microseconds.
    p99_us: f64,
    /// The same of the echo.
    echo_p99_us: f64,
}

impl Figures {
    fn of(both: &mut Both) -> Self {
        Self {
            cpu_us: both.sextant.cpu_us(),
            echo_us: both.echo.cpu_us(),
            ratio: both.ratio(),
            answered_percent: both.sextant.answered_percent(),
            p99_us: both.sextant.p99_us(),
            echo_p99_us: both.echo.p99_us(),
        }
    }
}

impl Cost {
    /// By how many percent the worker's core gives fewer answers, beyond what the echo's gives.
    fn fewer_percent(&self) -> f64 {
        (1.0 - self.quiet.ratio / self.busy.ratio) * 100.0
    }

    fn per_second(&self) -> f64 {
        self.done as f64 / self.seconds
    }
}

/// Has `build` do each of `works` with `offered` queries a second beside it.
///
/// # Errors
/// When the server does not start or refuses something.
pub fn run(
    setting: &Setting,
    build: &sextant::Build,
    geo: &GeoData,
    works: &[Work],
    (cores, offered, seconds): (usize, u32, f64),
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
    let client = Client::new(api, setting.sizes, geography, Duration::from_secs_f64(seconds));
    client.make_feeds()?;
    let mut costs = Vec::new();
    for &work in works {
        client.prepare(work)?;
        let asked = (work.scenario(), setting.sizes);
        let beside = Beside::new(&server, &echo, geo, asked, offered)?;
        let cost = measure(&client, work, beside, &server.process, &other_cores)?;
        eprintln!("{}: {} {} in {:.2} s", work.title(), cost.done, work.unit(), cost.seconds);
        costs.push(cost);
    }
    Ok(costs)
}

fn measure(
    client: &Client,
    work: Work,
    mut beside: Beside<'_>,
    server: &process::Process,
    cores: &Range<usize>,
) -> Result<Cost> {
    let (mut quiet, mut busy) = (Both::default(), Both::default());
    let (mut done, mut seconds) = (0, 0.0_f64);
    let before = server.pss_bytes()?;
    server.forget_peak()?;
    for round in 0..work.rounds() {
        ask_for(&mut beside, &mut quiet)?;
        std::thread::scope(|scope| {
            let driver = scope.spawn(|| {
                process::pin(cores.clone())?;
                process::lower_priority()?;
                let begun = Instant::now();
                Ok((client.work(work, round)?, begun.elapsed()))
            });
            let asked = beside.ask(&mut busy, || driver.is_finished());
            let worked: Result<_> = driver.join().map_err(|_| anyhow::anyhow!("the client failed"))?;
            let (count, time) = worked?;
            done = count;
            seconds = seconds.max(time.as_secs_f64());
            asked
        })?;
    }
    let peak = server.peak_bytes()?;
    ask_for(&mut beside, &mut quiet)?;
    let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
    Ok(Cost {
        work,
        done,
        seconds,
        memory: Memory { before: mib(before), peak: mib(peak), after: mib(server.pss_bytes()?) },
        quiet: Figures::of(&mut quiet),
        busy: Figures::of(&mut busy),
        offered: beside.offered(),
        wrong: quiet.sextant.wrong + busy.sextant.wrong,
    })
}

fn ask_for(beside: &mut Beside<'_>, quiet: &mut Both) -> Result<()> {
    let begun = Instant::now();
    beside.ask(quiet, || begun.elapsed() >= QUIET)
}

/// As Markdown tables: what the work took, and what it cost the queries.
pub fn markdown(costs: &[Cost]) -> String {
    let mut text = String::from(
        "\n### the control plane under load\n\n\
         | work | done | s | per s | target | MiB before | peak | after |\n\
         | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for cost in costs {
        let target = match cost.work.target() {
            Some(Target::PerSecond(rate)) => format!("≥ {rate:.0}/s"),
            Some(Target::Seconds(seconds)) => format!("≤ {seconds:.0} s"),
            None => String::new(),
        };
        let Memory { before, peak, after } = cost.memory;
        let _ = writeln!(
            text,
            "| {} | {} {} | {:.2} | {:.0} | {target} | {before:.1} | {peak:.1} | {after:.1} |",
            cost.work.title(),
            cost.done,
            cost.work.unit(),
            cost.seconds,
            cost.per_second(),
        );
    }
    text.push_str(
        "\n| queries beside it | asked | offered/s | worker µs/answer | echo µs/answer | × echo | fewer answers | answered % | p99 µs | echo p99 µs | wrong |\n\
         | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |\n",
    );
    for cost in costs {
        let Cost { quiet, busy, .. } = cost;
        let _ = writeln!(
            text,
            "| {} | {} | {} | {:.3} → {:.3} | {:.3} → {:.3} | {:.3} → {:.3} | {:.1} % | {:.3} → {:.3} | {:.0} → {:.0} | {:.0} → {:.0} | {} |",
            cost.work.title(),
            cost.work.scenario().name(),
            cost.offered,
            quiet.cpu_us,
            busy.cpu_us,
            quiet.echo_us,
            busy.echo_us,
            quiet.ratio,
            busy.ratio,
            cost.fewer_percent(),
            quiet.answered_percent,
            busy.answered_percent,
            quiet.p99_us,
            busy.p99_us,
            quiet.echo_p99_us,
            busy.echo_p99_us,
            cost.wrong,
        );
    }
    text
}

/// As JSON.
pub fn json(costs: &[Cost]) -> Value {
    let figures = |figures: &Figures| {
        json!({
            "worker_cpu_us": figures.cpu_us,
            "echo_cpu_us": figures.echo_us,
            "ratio": figures.ratio,
            "answered_percent": figures.answered_percent,
            "p99_us": figures.p99_us,
            "echo_p99_us": figures.echo_p99_us,
        })
    };
    costs
        .iter()
        .map(|cost| {
            json!({
                "work": cost.work.title(),
                "done": cost.done,
                "unit": cost.work.unit(),
                "seconds": cost.seconds,
                "per_second": cost.per_second(),
                "pss_mib_before": cost.memory.before,
                "rss_mib_peak": cost.memory.peak,
                "pss_mib_after": cost.memory.after,
                "scenario": cost.work.scenario().name(),
                "offered": cost.offered,
                "without": figures(&cost.quiet),
                "with": figures(&cost.busy),
                "fewer_percent": cost.fewer_percent(),
                "wrong": cost.wrong,
            })
        })
        .collect()
}
