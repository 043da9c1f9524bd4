//! An authority made of the `hickory-server` crate, as a process of its own.

use std::{
    net::SocketAddr,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use anyhow::{Result, anyhow};
use hickory_proto::{rr::Name, serialize::txt::Parser};
use hickory_server::{
    Server,
    store::in_memory::InMemoryZoneHandler,
    zone_handler::{AxfrPolicy, Catalog, ZoneType},
};
use tokio::net::{TcpListener, UdpSocket};

use super::{Peer, Setting};
use crate::query::Scenario;

/// hickory-server; part of this program.
///
/// # Errors
/// When this program's own path is not known.
pub fn peer() -> Result<Peer> {
    Ok(Peer {
        name: "hickory",
        program: std::env::current_exe()?,
        scenarios: &[Scenario::Static, Scenario::Nxdomain, Scenario::Tcp, Scenario::Zones],
        configure,
    })
}

fn configure(setting: &Setting, _: &Path, address: SocketAddr) -> Result<Vec<String>> {
    let zones = setting.zones.display().to_string();
    Ok(vec!["hickory".into(), address.to_string(), zones, setting.workers.to_string()])
}

/// Serves the zone files in `zones`, each named after its apex, for good.
///
/// # Errors
/// When a file does not parse or a socket does not open.
pub fn serve(address: SocketAddr, zones: &PathBuf, workers: usize) -> Result<()> {
    let mut catalog = Catalog::new();
    for file in std::fs::read_dir(zones)? {
        let file = file?;
        let apex = Name::from_ascii(file.file_name().to_string_lossy())?;
        let text = std::fs::read_to_string(file.path())?;
        let (origin, records) = Parser::new(text, None, Some(apex)).parse()?;
        let zone: InMemoryZoneHandler =
            InMemoryZoneHandler::new(origin.clone(), records, ZoneType::Primary, AxfrPolicy::Deny)
                .map_err(|error| anyhow!(error))?;
        catalog.upsert(origin.into(), vec![Arc::new(zone)]);
    }
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(workers).enable_all().build()?;
    runtime.block_on(async {
        let mut server = Server::new(catalog);
        server.register_socket(UdpSocket::bind(address).await?);
        server.register_listener(TcpListener::bind(address).await?, Duration::from_secs(60), 4096);
        server.block_until_done().await?;
        Ok(())
    })
}
