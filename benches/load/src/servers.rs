//! The servers that are compared: how each is started with the common data.

pub mod echo;
pub mod sextant;

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Result, bail};

use crate::{
    process::{Process, tail},
    query::{Scenario, Sizes},
};

/// Time for a server to load its data.
const LOAD_PATIENCE: Duration = Duration::from_secs(600);

/// What all servers are started with.
#[derive(Clone, Debug)]
pub struct Setting {
    /// The cores of the servers, as `taskset` lists them.
    pub cores: String,
    /// Worker threads of each server.
    pub workers: usize,
    /// How much data.
    pub sizes: Sizes,
    /// What will be asked.
    pub scenarios: Vec<Scenario>,
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

    /// Whether any of `scenarios` is asked.
    fn asks(&self, scenarios: &[Scenario]) -> bool {
        self.scenarios.iter().any(|scenario| scenarios.contains(scenario))
    }

    fn needs_large_zone(&self) -> bool {
        self.asks(&[Scenario::Static, Scenario::Nxdomain, Scenario::Tcp])
    }

    fn needs_small_zones(&self) -> bool {
        self.asks(&[Scenario::Zones])
    }

    fn needs_steered_zone(&self) -> bool {
        self.asks(&[Scenario::Country, Scenario::Weighted, Scenario::Chain, Scenario::Many])
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
