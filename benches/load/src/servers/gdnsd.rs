//! gdnsd, with its `weighted` and `geoip` plugins.

use std::{fmt::Write, net::SocketAddr, path::Path};

use anyhow::Result;

use super::{Peer, Setting, installed, write};
use crate::{
    check::{COUNTRIES, steered_address},
    data::{self, DataSet, STEERED},
    query::Scenario,
};

/// gdnsd, if it is installed.
pub fn peer() -> Option<Peer> {
    Some(Peer {
        name: "gdnsd",
        program: installed("gdnsd")?,
        scenarios: &[
            Scenario::Static,
            Scenario::Nxdomain,
            Scenario::Tcp,
            Scenario::Zones,
            Scenario::Country,
            Scenario::Weighted,
            Scenario::Chain,
        ],
        configure,
    })
}

fn configure(setting: &Setting, folder: &Path, address: SocketAddr) -> Result<Vec<String>> {
    let base = folder.display();
    for name in ["run", "state"] {
        std::fs::create_dir_all(folder.join(name))?;
    }
    let mut text = format!(
        "options => {{
  listen => [ {address} ]
  udp_threads => {workers}
  tcp_threads => {workers}
  run_dir => {base}/run
  state_dir => {base}/state
}}
",
        workers = setting.workers
    );
    if setting.data_set == DataSet::Steered {
        text.push_str(&plugins(setting)?);
        let mut zone = data::head();
        for (label, resource) in
            [("weighted", "weighted!weighted"), ("country", "geoip!country"), ("chain", "geoip!chain")]
        {
            writeln!(zone, "{label} DYNA {resource}")?;
        }
        write(folder, &format!("zones/{STEERED}"), &zone)?;
    } else {
        std::os::unix::fs::symlink(&setting.zones, folder.join("zones"))?;
    }
    write(folder, "config", &text)?;
    Ok(vec!["-c".into(), base.to_string(), "start".into()])
}

/// The resources: four weighted addresses; one address per country; two weighted addresses per country.
fn plugins(setting: &Setting) -> Result<String> {
    let mut weighted = String::from("    weighted => {");
    let mut pairs = String::new();
    let mut map = String::new();
    let mut single = String::new();
    let mut nested = String::new();
    for (index, country) in (0u8..).zip(COUNTRIES) {
        let [one, two, three] =
            [steered_address(index), steered_address(2 * index), steered_address(2 * index + 1)];
        write!(weighted, " a{index} => [{one}, {}]", index + 1)?;
        writeln!(pairs, "    {country} => {{ a => [{two}, 1] b => [{three}, 2] }}")?;
        writeln!(map, "        {} => {{ {country} => [{country}] }}", data::continent(country))?;
        writeln!(single, "        {country} => {one}")?;
        writeln!(nested, "        {country} => \"%weighted!{country}\"")?;
    }
    weighted.push_str(" }\n");
    Ok(format!(
        "plugins => {{
  weighted => {{
    service_types => up
{weighted}{pairs}  }}
  geoip => {{
    maps => {{ world => {{
      geoip2_db => {geography}
      datacenters => [{countries}]
      map => {{
{map}      }}
    }} }}
    resources => {{
      country => {{ map => world, service_types => up, dcmap => {{
{single}      }} }}
      chain => {{ map => world, service_types => up, dcmap => {{
{nested}      }} }}
    }}
  }}
}}
",
        geography = setting.geography.display(),
        countries = COUNTRIES.join(", "),
    ))
}
