//! The servers that are compared: how each is started with the common data.
//!
//! Every server is configured for one worker per core it is given and otherwise left at its defaults; what
//! would make it do less than the others, such as rate limiting, is off.

pub mod echo;
pub mod gdnsd;
pub mod hickory;
pub mod knot;
pub mod nsd;
pub mod powerdns;
pub mod sextant;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use geoip_data::GeoData;

use crate::{
    data::DataSet,
    process::{Process, free_port, tail},
    query::{Queries, Scenario, Sizes},
    udp,
};

/// Time for a server to load its data.
const LOAD_PATIENCE: Duration = Duration::from_secs(300);
/// Probes that a server must answer to count as ready: enough to meet a zone that is not loaded yet.
const READY_PROBES: u16 = 200;

/// What all servers are started with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The cores of the servers, as `taskset` lists them.
    pub cores: String,
    /// Worker threads of each server.
    pub workers: usize,
    /// How much data.
    pub sizes: Sizes,
    /// Which data.
    pub data_set: DataSet,
    /// A zone file per apex, named after it.
    pub zones: PathBuf,
    /// The geography as a MaxMind DB file.
    pub geography: PathBuf,
    /// A folder for everything.
    pub folder: PathBuf,
}

impl Setting {
    /// A fresh folder for the server `name`.
    fn folder_of(&self, name: &str) -> Result<PathBuf> {
        let folder = self.folder.join(name);
        std::fs::create_dir_all(&folder)?;
        Ok(folder)
    }

    /// The apexes of the zones.
    fn apexes(&self) -> Vec<String> {
        self.data_set.apexes(self.sizes)
    }
}

/// A server that answers.
#[derive(Debug)]
pub struct Server {
    /// Its name in tables.
    pub name: String,
    /// Its process.
    pub process: Process,
    /// Where it answers, UDP and TCP.
    pub address: SocketAddr,
    /// What it can answer.
    pub scenarios: Vec<Scenario>,
    /// How long it took to have the data, and what that means; none for the echo.
    pub load: Vec<(&'static str, Duration)>,
}

/// A server that reads its data from files: how to start it.
pub struct Peer {
    /// Its name in tables.
    pub name: &'static str,
    /// Its program.
    pub program: PathBuf,
    /// What it can answer.
    pub scenarios: &'static [Scenario],
    /// Writes its configuration into the folder for the address; returns its arguments.
    pub configure: fn(&Setting, &Path, SocketAddr) -> Result<Vec<String>>,
}

impl Peer {
    /// Starts it and waits until it answers; `None` if it can do nothing with this data.
    ///
    /// # Errors
    /// When it does not start.
    pub fn start(&self, setting: &Setting, geo: &GeoData) -> Result<Option<Server>> {
        let scenarios: Vec<_> =
            self.scenarios.iter().copied().filter(|able| able.data_set() == setting.data_set).collect();
        let Some(&first) = scenarios.first() else { return Ok(None) };
        let folder = setting.folder_of(self.name)?;
        let address = SocketAddr::from(([127, 0, 0, 1], free_port()?));
        let arguments = (self.configure)(setting, &folder, address)?;
        let log = folder.join("log");
        let begun = Instant::now();
        let mut process = Process::spawn(&setting.cores, &self.program, &arguments, &log)?;
        let mut last = String::new();
        wait_for(&mut process, &log, || {
            let queries = Queries::new(first, setting.sizes, begun.elapsed().as_nanos() as u64);
            match udp::probe(address, queries, geo, READY_PROBES) {
                Ok(()) => true,
                Err(error) => {
                    last = format!("{error:#}");
                    false
                }
            }
        })
        .map_err(|error| error.context(last))?;
        let load = vec![("load", begun.elapsed())];
        Ok(Some(Server { name: self.name.into(), process, address, scenarios, load }))
    }
}

/// The program `name`, if it is installed.
pub fn installed(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    std::env::split_paths(&path)
        .chain(["/usr/sbin".into()])
        .map(|folder| folder.join(name))
        .find(|program| program.is_file())
}

/// Writes a file of a configuration; returns its path as text.
fn write(folder: &Path, name: &str, text: &str) -> Result<String> {
    let path = folder.join(name);
    if let Some(parent) = path.parent() {
        std::fs::create_dir_all(parent)?;
    }
    std::fs::write(&path, text)?;
    Ok(path.display().to_string())
}

/// Waits until `is_ready` or the process ends.
fn wait_for(process: &mut Process, log: &Path, mut is_ready: impl FnMut() -> bool) -> Result<()> {
    let begun = Instant::now();
    while !is_ready() {
        if process.has_ended()? || begun.elapsed() > LOAD_PATIENCE {
            bail!("it did not start: {}", tail(log));
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    Ok(())
}
