//! PowerDNS, with the `bind` backend, and the `geoip` backend for what it can steer.

use std::{fmt::Write, net::SocketAddr, path::Path};

use anyhow::Result;

use super::{Peer, Setting, installed, write};
use crate::{
    check::{COUNTRIES, steered_address},
    data::{DataSet, STEERED},
    query::Scenario,
};

/// PowerDNS, if it is installed.
pub fn peer() -> Option<Peer> {
    Some(Peer {
        name: "powerdns",
        program: installed("pdns_server")?,
        scenarios: &[
            Scenario::Static,
            Scenario::Nxdomain,
            Scenario::Tcp,
            Scenario::Zones,
            Scenario::Country,
            Scenario::Weighted,
        ],
        configure,
    })
}

fn configure(setting: &Setting, folder: &Path, address: SocketAddr) -> Result<Vec<String>> {
    let mut text = format!(
        "local-address={}
local-port={}
socket-dir={}
receiver-threads={workers}
distributor-threads={workers}
max-tcp-connections=100
max-tcp-transactions-per-conn=0
guardian=no
daemon=no
disable-syslog=yes
webserver=no
",
        address.ip(),
        address.port(),
        folder.display(),
        workers = setting.workers,
    );
    if setting.data_set == DataSet::Steered {
        let zones = write(folder, "geo.yaml", &steered()?)?;
        let geography = setting.geography.display();
        writeln!(
            text,
            "launch=geoip\ngeoip-zones-file={zones}\ngeoip-database-files=mmdb:{geography}\nedns-subnet-processing=yes"
        )?;
    } else {
        let mut zones = String::new();
        for apex in setting.apexes() {
            let file = setting.zones.join(&apex);
            writeln!(zones, "zone \"{apex}\" {{ type native; file \"{}\"; }};", file.display())?;
        }
        writeln!(text, "launch=bind\nbind-config={}", write(folder, "named.conf", &zones)?)?;
    }
    write(folder, "pdns.conf", &text)?;
    Ok(vec![format!("--config-dir={}", folder.display())])
}

/// A service whose name is formed from the country's code, and a name with weighted addresses.
fn steered() -> Result<String> {
    let mut text = format!(
        "domains:
- domain: {STEERED}
  ttl: 300
  records:
    {STEERED}:
      - soa: ns1.{STEERED} hostmaster.{STEERED} 1 7200 900 1209600 300
      - ns: ns1.{STEERED}
    other.{STEERED}:
      - a: {}
",
        steered_address(0)
    );
    for (index, country) in (0u8..).zip(COUNTRIES) {
        let label = country.to_ascii_lowercase();
        writeln!(text, "    {label}.{STEERED}:\n      - a: {}", steered_address(index))?;
    }
    writeln!(text, "    weighted.{STEERED}:")?;
    for index in 0..4 {
        writeln!(text, "      - a: {{content: {}, weight: {}}}", steered_address(index), index + 1)?;
    }
    writeln!(text, "  services:\n    country.{STEERED}: ['%cc.{STEERED}', 'other.{STEERED}']")?;
    Ok(text)
}
