//! NSD.

use std::{fmt::Write, net::SocketAddr, path::Path};

use anyhow::Result;

use super::{Peer, Setting, installed, write};
use crate::query::Scenario;

/// NSD, if it is installed.
pub fn peer() -> Option<Peer> {
    Some(Peer {
        name: "nsd",
        program: installed("nsd")?,
        scenarios: &[Scenario::Static, Scenario::Nxdomain, Scenario::Tcp, Scenario::Zones],
        configure,
    })
}

fn configure(setting: &Setting, folder: &Path, address: SocketAddr) -> Result<Vec<String>> {
    let (ip, port, base) = (address.ip(), address.port(), folder.display());
    let mut text = format!(
        "server:
  ip-address: {ip}@{port}
  server-count: {}
  username: \"\"
  zonesdir: \"{base}\"
  database: \"\"
  pidfile: \"{base}/pid\"
  xfrdfile: \"{base}/xfrd\"
  zonelistfile: \"{base}/list\"
  xfrdir: \"{base}\"
  tcp-count: 100
  rrl-ratelimit: 0
remote-control:
  control-enable: no
",
        setting.workers
    );
    for apex in setting.apexes() {
        writeln!(text, "zone:\n  name: {apex}\n  zonefile: {}/{apex}", setting.zones.display())?;
    }
    Ok(vec!["-d".into(), "-c".into(), write(folder, "nsd.conf", &text)?])
}
