//! Runs Sextant beside other servers and a bare echo, on the same data in one run, and compares them.
//!
//! ```text
//! cargo build --release && cargo run --release -p sextant-load
//! ```
//!
//! runs everything. Two builds of Sextant and the echo, at a tenth of the size, one or two scenarios, in about a minute:
//!
//! ```text
//! load --quick --scenarios static,chain --servers echo,sextant --sextant before=/tmp/a/sextant --sextant after=/tmp/b/sextant
//! ```
//!
//! A build may be followed by arguments of its own: `--sextant "small=/tmp/a/sextant --some-option 16"`.
//!
//! The servers run on the first core (or the first `--workers` cores), the generator on the last. Rounds are
//! interleaved: each round asks every server in turn, and what is printed are medians over the rounds. The figure to
//! compare is the CPU time of the server's process per answered query; its ratio to that of the echo, which does
//! nothing but receive and send, moves least from machine to machine.
#![forbid(unsafe_code)]

mod changing;
mod check;
mod data;
mod echo;
mod geography;
mod process;
mod query;
mod report;
mod rounds;
mod servers;
mod statistics;
mod tcp;
mod udp;

use std::{net::SocketAddr, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, ensure};
use clap::{Parser, Subcommand, ValueEnum};
use geoip_data::GeoData;

use data::DataSet;
use query::{Scenario, Sizes};
use report::{Footprint, Report};
use servers::{Server, Setting, sextant::Build};

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
    /// Leaves out what queries cost while data change.
    #[arg(long)]
    no_changing: bool,
    /// Worker threads of each server, one core each.
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Where to write the results as JSON.
    #[arg(long)]
    json: Option<PathBuf>,
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
    for data_set in DataSet::ALL {
        let scenarios: Vec<_> =
            options.scenarios.iter().copied().filter(|asked| asked.data_set() == data_set).collect();
        if scenarios.is_empty() {
            continue;
        }
        // Some of the configuration files do not take blanks in paths.
        let folder = folder.path().join(data_set.name().replace(' ', "-"));
        let zones = folder.join("zones");
        data_set.write(sizes, &zones)?;
        let setting = Setting {
            cores: format!("0-{}", options.workers - 1),
            workers: options.workers,
            sizes,
            data_set,
            zones,
            geography: geography.clone(),
            folder: folder.clone(),
        };
        let running = start_all(options, &setting, &geo)?;
        for scenario in scenarios {
            let result = rounds::run(&plan, scenario, &running, &geo)?;
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
    }
    print!("{}", report.footprints_markdown());
    if !options.no_changing && !options.quick && options.servers.contains(&Kind::Sextant) {
        let folder = folder.path().join("changing");
        let zones = folder.join("zones");
        DataSet::Large.write(sizes, &zones)?;
        let setting = Setting {
            cores: format!("0-{}", cores - 1),
            workers: 1,
            sizes,
            data_set: DataSet::Large,
            zones,
            geography,
            folder,
        };
        let build = Build::parse(options.sextant.first().context("a build of Sextant")?, 0)?;
        report.costs = changing::run(&setting, &build, &geo, cores, options.seconds)?;
        print!("{}", changing::markdown(&report.costs));
    }
    if let Some(path) = &options.json {
        std::fs::write(path, format!("{:#}\n", report.json()))?;
    }
    Ok(())
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
