//! Knot DNS, with its `geoip` module for what it can steer.

use std::{fmt::Write, net::SocketAddr, path::Path};

use anyhow::Result;

use super::{Peer, Setting, installed, write};
use crate::{
    check::{COUNTRIES, steered_address},
    data::{self, DataSet, STEERED},
    query::Scenario,
};

/// Knot, if it is installed.
pub fn peer() -> Option<Peer> {
    Some(Peer {
        name: "knot",
        program: installed("knotd")?,
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
    let (ip, port, base) = (address.ip(), address.port(), folder.display());
    let mut text = format!(
        "server:
  rundir: {base}
  listen: {ip}@{port}
  udp-workers: {workers}
  tcp-workers: {workers}
  background-workers: 1
  edns-client-subnet: on
database:
  storage: {base}
",
        workers = setting.workers
    );
    if setting.data_set == DataSet::Steered {
        text.push_str(&steered(setting, folder)?);
    } else {
        writeln!(
            text,
            "template:\n  - id: default\n    storage: {}\n    file: \"%s\"\n    zonefile-sync: -1\n    \
             journal-content: none\nzone:",
            setting.zones.display()
        )?;
        for apex in setting.apexes() {
            writeln!(text, "  - domain: {apex}")?;
        }
    }
    Ok(vec!["-c".into(), write(folder, "knot.conf", &text)?])
}

fn steered(setting: &Setting, folder: &Path) -> Result<String> {
    let mut countries = format!("country.{STEERED}:\n");
    let mut weights = format!("weighted.{STEERED}:\n");
    for (index, country) in (0u8..).zip(COUNTRIES) {
        let answer = steered_address(index);
        writeln!(countries, "  - geo: \"{country}\"\n    A: {answer}")?;
        writeln!(weights, "  - weight: {}\n    A: {answer}", index + 1)?;
    }
    let countries = write(folder, "countries", &countries)?;
    let weights = write(folder, "weights", &weights)?;
    let unmatched = steered_address(0);
    let zone = format!("$ORIGIN {STEERED}.\n{}country A {unmatched}\nweighted A {unmatched}\n", data::head());
    Ok(format!(
        "mod-geoip:
  - id: country
    config-file: {countries}
    ttl: 300
    mode: geodb
    geodb-file: {geography}
    geodb-key: country/iso_code
  - id: weighted
    config-file: {weights}
    ttl: 300
    mode: weighted
zone:
  - domain: {STEERED}
    file: {zone}
    zonefile-sync: -1
    journal-content: none
    module: [mod-geoip/country, mod-geoip/weighted]
",
        geography = setting.geography.display(),
        zone = write(folder, "zone", &zone)?,
    ))
}
