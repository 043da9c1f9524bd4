//! Sextant: filled through its API, then started again, so that it is measured as it serves after a restart.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use serde_json::Value;

use super::{Server, Setting, wait_for};
use crate::{
    data::{self, DataSet},
    http::Connection,
    process::Process,
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

impl Build {
    /// The same build with more arguments.
    pub fn with_arguments(mut self, arguments: &[&str]) -> Self {
        self.arguments.extend(arguments.iter().map(ToString::to_string));
        self
    }
}

/// Starts `build` on fresh data, fills it and starts it again.
///
/// # Errors
/// When it does not start or refuses the data.
pub fn start(setting: &Setting, build: &Build) -> Result<Server> {
    Ok(start_with_api(setting, build)?.0)
}

/// Where the API of a running server is.
#[derive(Clone, Copy, Debug)]
pub struct Control(SocketAddr);

impl Control {
    /// Opens a connection.
    ///
    /// # Errors
    /// When nobody listens there any more.
    pub fn connect(self) -> Result<Connection> {
        Connection::open(self.0, KEY)
    }
}

/// As [`start`], with the API of the second start.
///
/// # Errors
/// As for [`start`].
pub fn start_with_api(setting: &Setting, build: &Build) -> Result<(Server, Control)> {
    let folder = setting.folder_of(&build.name)?;
    let mut load = Vec::new();
    let (mut process, _, control) = run(setting, build, &folder)?;
    fill(control, setting, &mut load)?;
    process.stop();
    let begun = Instant::now();
    let (process, address, control) = run(setting, build, &folder)?;
    load.push(("restart", begun.elapsed()));
    let name = build.name.clone();
    Ok((Server { name, process, address, scenarios: setting.data_set.scenarios(), load }, control))
}

/// Starts the process; returns where it answers DNS, and its API.
fn run(setting: &Setting, build: &Build, folder: &Path) -> Result<(Process, SocketAddr, Control)> {
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
    let control = Control(api.context("no API address printed")?);
    Ok((process, dns.context("no DNS address printed")?, control))
}

/// The address that is printed behind `label`.
fn printed(text: &str, label: &str) -> Option<SocketAddr> {
    let line = text.lines().find_map(|line| line.trim().strip_prefix(label))?;
    line.split([' ', '/']).next()?.parse().ok()
}

/// Puts the data in through the API.
fn fill(control: Control, setting: &Setting, load: &mut Vec<(&'static str, Duration)>) -> Result<()> {
    let mut api = control.connect()?;
    let begun = Instant::now();
    match setting.data_set {
        DataSet::Large => {
            let text = std::fs::read_to_string(setting.zones.join(data::LARGE))?;
            api.import(data::LARGE, &text)?;
        }
        DataSet::Small => import_small_zones(control, setting.sizes.zones)?,
        DataSet::Steered => put_steered_records(&mut api, |_, _| {})?,
    }
    load.push(("import", begun.elapsed()));
    Ok(())
}

/// Makes the zone with steered records; `change` may change each, told by its label, before.
///
/// # Errors
/// When the API refuses one.
pub fn put_steered_records(api: &mut Connection, change: impl Fn(&str, &mut Value)) -> Result<()> {
    api.import(data::STEERED, &data::head())?;
    for (label, mut record) in data::steered_records() {
        let domain = format!("{label}.{}", data::STEERED);
        record["zone"] = data::STEERED.into();
        record["domain"] = domain.clone().into();
        record["type"] = "A".into();
        change(label, &mut record);
        api.send_json("PUT", &format!("/v1/zones/{}/{domain}/A", data::STEERED), &record)?;
    }
    Ok(())
}

fn import_small_zones(control: Control, count: u32) -> Result<()> {
    std::thread::scope(|scope| {
        let threads: Vec<_> = (0..IMPORTS_AT_ONCE)
            .map(|first| {
                scope.spawn(move || {
                    let mut api = control.connect()?;
                    (first..count).step_by(IMPORTS_AT_ONCE as usize).try_for_each(|number| {
                        api.import(&data::small_apex(number), &data::small_zone(number)).map(drop)
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
