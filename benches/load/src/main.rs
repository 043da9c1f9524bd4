//! Runs Sextant beside other servers and a bare echo, on the same data in one run, and compares them.
//!
//! ```text
//! cargo build --release && cargo run --release -p sextant-load
//! ```
//!
//! runs everything. Two builds of Sextant and the echo, at a tenth of the size, one or two scenarios, in about a minute:
//!
//! ```text
//! load --quick --parts queries --scenarios static,chain --servers echo,sextant --sextant before=/tmp/a/sextant --sextant after=/tmp/b/sextant
//! ```
//!
//! Only the control plane, and of what it can have to do only two things:
//!
//! ```text
//! load --parts control --work puts,import
//! ```
//!
//! A build may be followed by arguments of its own: `--sextant "small=/tmp/a/sextant --some-option 16"`.
//!
//! The servers run on the first core (or the first `--workers` cores), the generator on the last. Rounds are
//! interleaved: each round asks every server in turn, and what is printed are medians over the rounds. The figure to
//! compare is the CPU time of the server's process per answered query; its ratio to that of the echo, which does
//! nothing but receive and send, moves least from machine to machine.
#![forbid(unsafe_code)]

mod beside;
mod check;
mod control;
mod data;
mod echo;
mod geography;
mod http;
mod process;
mod query;
mod report;
mod rounds;
mod servers;
mod statistics;
mod tcp;
mod udp;
mod work;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    process::ExitCode,
};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use geoip_data::GeoData;

use data::DataSet;
use query::{Scenario, Sizes};
use report::{Footprint, Report};
use servers::{Server, Setting, sextant::Build};
use work::Work;

/// Runs Sextant beside other servers and a bare echo, and compares them.
#[derive(Debug, Parser)]
#[command(name = "load", args_conflicts_with_subcommands = true)]
struct Options {
    #[command(subcommand)]
    role: Option<Role>,
    /// What to ask.
    #[arg(long, value_delimiter = ',', default_values_t = Scenario::value_variants().to_vec())]
    scenarios: Vec<Scenario>,
    /// Whom to ask.
    #[arg(long, value_delimiter = ',', default_values_t = Kind::value_variants().to_vec())]
    servers: Vec<Kind>,
    /// A build of Sextant, `[NAME=]PATH [ARGUMENT...]`; several are compared with each other.
    #[arg(long, default_value = "target/release/sextant")]
    sextant: Vec<String>,
    /// Rounds of each scenario, after one to warm up.
    #[arg(long, default_value_t = 7)]
    rounds: usize,
    /// Seconds of each server's turn in a round.
    #[arg(long, default_value_t = 2.0)]
    seconds: f64,
    /// Names of the large zone.
    #[arg(long, default_value_t = 1_000_000)]
    names: u32,
    /// Small zones.
    #[arg(long, default_value_t = 100_000)]
    zones: u32,
    /// A tenth of the data, and 10 rounds of a third of a second.
    #[arg(long)]
    quick: bool,
    /// Leaves out the latency at a fixed rate.
    #[arg(long)]
    no_latency: bool,
    /// What to measure.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = [Part::Queries, Part::Control])]
    parts: Vec<Part>,
    /// What the control plane has to do.
    #[arg(long, value_enum, value_delimiter = ',', default_values_t = Work::value_variants().to_vec())]
    work: Vec<Work>,
    /// Queries per second offered meanwhile.
    #[arg(long, default_value_t = 50_000)]
    offered: u32,
    /// Worker threads of each server, one core each.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Where to write the results as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
}

/// A part of what can be measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Part {
    /// What queries cost the servers.
    Queries,
    /// How fast the control plane works beside queries, and what these notice of it.
    Control,
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Serves as the echo.
    #[command(hide = true)]
    Echo { address: SocketAddr },
    /// Serves as an authority made of hickory-server.
    #[command(hide = true)]
    Hickory { address: SocketAddr, zones: PathBuf, workers: usize },
}

/// A server that can be compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kind {
    Echo,
    Sextant,
    Gdnsd,
    Knot,
    Nsd,
    Powerdns,
    Hickory,
}

impl std::fmt::Display for Kind {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::Echo => "echo",
            Self::Sextant => "sextant",
            Self::Gdnsd => "gdnsd",
            Self::Knot => "knot",
            Self::Nsd => "nsd",
            Self::Powerdns => "powerdns",
            Self::Hickory => "hickory",
        })
    }
}

fn main() -> ExitCode {
    let options = Options::parse();
    let result = match options.role {
        Some(Role::Echo { address }) => echo::serve(address),
        Some(Role::Hickory { address, ref zones, workers }) => {
            servers::hickory::serve(address, zones, workers)
        }
        None => compare(&options),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn compare(options: &Options) -> Result<()> {
    let folder = tempfile::Builder::new().prefix("sextant-load-").tempdir()?;
    process::clean_up_on_signals(folder.path())?;
    let cores = std::thread::available_parallelism()?.get();
    ensure!(options.workers >= 1 && options.workers < cores, "there must be a core left for the generator");
    process::pin(cores - 1..cores)?;
    let scale = if options.quick { 10 } else { 1 };
    let sizes = Sizes { names: (options.names / scale).max(1), zones: (options.zones / scale).max(1) };
    let plan = rounds::Plan {
        rounds: if options.quick { 10 } else { options.rounds },
        seconds: if options.quick { 0.35 } else { options.seconds },
        with_latency: !options.no_latency && !options.quick,
        sizes,
    };
    let geo = GeoData::embedded();
    let geography = folder.path().join("geography.mmdb");
    std::fs::write(&geography, geography::write(&geo)?)?;
    let mut report = Report::default();
    let common = Common { options, geo: &geo, geography: &geography, sizes, cores };
    if options.parts.contains(&Part::Queries) {
        for data_set in DataSet::ALL {
            common.compare_with(data_set, &plan, folder.path(), &mut report)?;
        }
        print!("{}", report.footprints_markdown());
    }
    if options.parts.contains(&Part::Control) && options.servers.contains(&Kind::Sextant) {
        report.costs = common.load_control_plane(&folder.path().join("control"))?;
        print!("{}", control::markdown(&report.costs));
    }
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", report.json()))?;
    }
    Ok(())
}

/// What all parts need.
struct Common<'a> {
    options: &'a Options,
    geo: &'a GeoData,
    geography: &'a Path,
    sizes: Sizes,
    cores: usize,
}

impl Common<'_> {
    /// Runs the scenarios that ask for one data set, with all servers.
    fn compare_with(
        &self,
        data_set: DataSet,
        plan: &rounds::Plan,
        folder: &Path,
        report: &mut Report,
    ) -> Result<()> {
        let Self { options, geo, .. } = self;
        let scenarios: Vec<_> =
            options.scenarios.iter().copied().filter(|asked| asked.data_set() == data_set).collect();
        if scenarios.is_empty() {
            return Ok(());
        }
        // Some of the configuration files do not take blanks in paths.
        let folder = folder.join(data_set.name().replace(' ', "-"));
        let cores = format!("0-{}", options.workers - 1);
        let setting = self.setting(data_set, &folder, cores, options.workers)?;
        let running = start_all(options, &setting, geo)?;
        for scenario in scenarios {
            let result = rounds::run(plan, scenario, &running, geo)?;
            print!("{}", report::scenario_markdown(&result));
            report.results.push(result);
        }
        for server in &running {
            match Footprint::of(data_set, server) {
                Ok(footprint) => report.footprints.push(footprint),
                Err(error) => eprintln!("{error:#}"),
            }
        }
        drop(running);
        std::fs::remove_dir_all(&folder)?;
        Ok(())
    }

    /// Has the first build of Sextant work while it answers.
    fn load_control_plane(&self, folder: &Path) -> Result<Vec<control::Cost>> {
        let Self { options, geo, cores, .. } = *self;
        let setting = self.setting(DataSet::Large, folder, format!("0-{}", cores - 1), 1)?;
        let build = Build::parse(options.sextant.first().context("a build of Sextant")?, 0)?;
        control::run(&setting, &build, geo, &options.work, (cores, options.offered, options.seconds))
    }

    /// What servers with `data_set` are started with; its zone files are written.
    fn setting(&self, data_set: DataSet, folder: &Path, cores: String, workers: usize) -> Result<Setting> {
        let zones = folder.join("zones");
        data_set.write(self.sizes, &zones)?;
        let (sizes, geography) = (self.sizes, self.geography.to_owned());
        Ok(Setting { cores, workers, sizes, data_set, zones, geography, folder: folder.to_owned() })
    }
}

/// Starts every server that is asked for, installed, and able to serve the data.
fn start_all(options: &Options, setting: &Setting, geo: &GeoData) -> Result<Vec<Server>> {
    let mut running = Vec::new();
    for kind in &options.servers {
        let peer = match kind {
            Kind::Echo => {
                running.push(servers::echo::start(setting)?);
                continue;
            }
            Kind::Sextant => {
                for (place, text) in options.sextant.iter().enumerate() {
                    running.push(servers::sextant::start(setting, &Build::parse(text, place)?)?);
                }
                continue;
            }
            Kind::Gdnsd => servers::gdnsd::peer(),
            Kind::Knot => servers::knot::peer(),
            Kind::Nsd => servers::nsd::peer(),
            Kind::Powerdns => servers::powerdns::peer(),
            Kind::Hickory => Some(servers::hickory::peer()?),
        };
        let Some(peer) = peer else {
            eprintln!("{kind} is not installed and left out");
            continue;
        };
        match peer.start(setting, geo) {
            Ok(server) => running.extend(server),
            Err(error) => eprintln!("{kind} with the {} is left out: {error:#}", setting.data_set.name()),
        }
    }
    Ok(running)
}
