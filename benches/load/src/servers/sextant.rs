//! Sextant: filled through its API, then started again, so that it is measured as it serves after a restart.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use clap::ValueEnum;
use sextant_tests::{Api, Reply};

use super::{Server, Setting, wait_for};
use crate::{
    data,
    process::Process,
    query::{Scenario, Sizes},
};

/// The admin key.
const KEY: &str = "load-tool-key";
/// Imports that the API takes at once.
const IMPORTS_AT_ONCE: u32 = 2;

/// A build of Sextant to run, with extra arguments.
#[derive(Clone, Debug)]
pub struct Build {
    name: String,
    binary: PathBuf,
    arguments: Vec<String>,
}

impl Build {
    /// Reads `[NAME=]PATH [ARGUMENT...]`; `place` tells builds without a name apart.
    ///
    /// # Errors
    /// When nothing executable is there.
    pub fn parse(text: &str, place: usize) -> Result<Self> {
        let mut words = text.split_whitespace();
        let first = words.next().unwrap_or_default();
        let default = if place == 0 { "sextant".to_owned() } else { format!("sextant-{}", place + 1) };
        let (name, path) = match first.split_once('=') {
            Some((name, path)) => (name.to_owned(), path),
            None => (default, first),
        };
        let binary = std::fs::canonicalize(path).with_context(|| format!("no Sextant at {path:?}"))?;
        Ok(Self { name, binary, arguments: words.map(ToOwned::to_owned).collect() })
    }
}

/// Starts `build` on fresh data and fills it.
///
/// # Errors
/// When it does not start or refuses the data.
pub fn start(setting: &Setting, build: &Build) -> Result<Server> {
    let folder = setting.folder_of(&build.name)?;
    let mut load = Vec::new();
    let (mut process, _, api) = run(setting, build, &folder)?;
    fill(&Api::new(api, KEY), setting.sizes, setting, &mut load)?;
    process.stop();
    let begun = Instant::now();
    let (process, address, _) = run(setting, build, &folder)?;
    load.push(("restart", begun.elapsed()));
    Ok(Server {
        name: build.name.clone(),
        process,
        address,
        scenarios: Scenario::value_variants().to_vec(),
        load,
    })
}

/// Starts the process; returns where it answers DNS and HTTP.
fn run(setting: &Setting, build: &Build, folder: &Path) -> Result<(Process, SocketAddr, SocketAddr)> {
    let log = folder.join("log");
    let mut arguments: Vec<String> = [
        "serve",
        "--dns",
        "127.0.0.1:0",
        "--api",
        "127.0.0.1:0",
        "--admin-key",
        KEY,
        "--log",
        "warn",
        "--workers",
    ]
    .map(Into::into)
    .into();
    arguments.extend([
        setting.workers.to_string(),
        "--data-dir".into(),
        folder.join("data").display().to_string(),
    ]);
    arguments.extend(build.arguments.iter().cloned());
    let mut process = Process::spawn(&setting.cores, &build.binary, &arguments, &log)?;
    let mut addresses = None;
    wait_for(&mut process, &log, || {
        let text = std::fs::read_to_string(&log).unwrap_or_default();
        if text.contains("Sextant is ready") {
            addresses = Some((printed(&text, "DNS  "), printed(&text, "API  http://")));
        }
        addresses.is_some()
    })?;
    let (dns, api) = addresses.context("ready")?;
    Ok((process, dns.context("no DNS address printed")?, api.context("no API address printed")?))
}

/// The address that is printed behind `label`.
fn printed(text: &str, label: &str) -> Option<SocketAddr> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(label))?;
    line.split([' ', '/']).next()?.parse().ok()
}

fn fill(api: &Api, sizes: Sizes, setting: &Setting, load: &mut Vec<(&'static str, Duration)>) -> Result<()> {
    if setting.needs_large_zone() {
        let text = data::large_zone(sizes);
        let begun = Instant::now();
        accepted(api.import(data::LARGE, "", &text)?)?;
        load.push(("import of the large zone", begun.elapsed()));
    }
    if setting.needs_small_zones() {
        let begun = Instant::now();
        import_small_zones(api, sizes.zones)?;
        load.push(("import of the small zones", begun.elapsed()));
    }
    if setting.needs_steered_zone() {
        accepted(api.import(data::STEERED, "", &data::head())?)?;
        for (label, mut record) in data::steered_records() {
            let domain = format!("{label}.{}", data::STEERED);
            record["zone"] = data::STEERED.into();
            record["domain"] = domain.clone().into();
            record["type"] = "A".into();
            accepted(api.put(&format!("/v1/zones/{}/{domain}/A", data::STEERED), &record)?)?;
        }
    }
    Ok(())
}

fn import_small_zones(api: &Api, count: u32) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..IMPORTS_AT_ONCE)
            .map(|first| {
                scope.spawn(move || {
                    (first..count).step_by(IMPORTS_AT_ONCE as usize).try_for_each(|number| {
                        let zone = format!("z{number}.test");
                        accepted(api.import(&zone, "", &data::small_zone(number))?)
                    })
                })
            })
            .collect();
        threads.into_iter().try_for_each(|thread| match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        })
    })
}

fn accepted(reply: Reply) -> Result<()> {
    ensure!(reply.status == 200, "the API said {}: {}", reply.status, reply.message());
    Ok(())
}
