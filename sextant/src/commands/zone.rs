//! `sextant zone`: zone files into a running server and out of it, its zones, and a look at a file alone.

mod check;
mod transfer;

use std::path::PathBuf;

use anyhow::Result;
use serde_json::{Value, json};
use std::io::Write;

use super::api::{Api, ApiArguments, escaped};
use super::array;
use super::table::{Table, plain};

pub use check::check;
pub use transfer::{export, import};

/// Zones asked for at once; a list of any length is printed page by page.
const PAGE: usize = 1000;

/// What to do with zones.
#[derive(Debug, clap::Subcommand)]
pub enum ZoneCommand {
    /// Make a zone of a zone file (RFC 1035, as BIND and NSD read it) on a running server
    ///
    /// The zone must not exist yet. SOA timers and mailbox are those of the file; the NS records of its apex are
    /// replaced by the server's own. All of the file is taken or nothing. What is left out is told on standard error.
    Import(ImportArguments),
    /// Write a zone of a running server as a zone file
    ///
    /// The file shows the zone at one moment. Filter chains, regions, metadata and feeds have no place in a zone file
    /// and are left out: such records are written with all their answers, and a comment says so.
    Export(ExportArguments),
    /// List the zones of a running server
    List(ListArguments),
    /// Check a zone file, without a server: every fault with its line
    ///
    /// Prints one line for each fault and each doubt, FILE:LINE: error or warning: what. Errors are what an import
    /// refuses; the exit code is 1 when there is any. What is only doubtful, or left out by an import, is a warning.
    Check(CheckArguments),
}

/// Options of `zone import`.
#[derive(Debug, clap::Args)]
pub struct ImportArguments {
    /// The zone to make
    pub zone: String,
    /// The zone file; - reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// Print the finished import job of the server, with the zone, as JSON
    #[arg(long)]
    pub json: bool,
    /// Where the server is.
    #[command(flatten)]
    pub api: ApiArguments,
}

/// Options of `zone export`.
#[derive(Debug, clap::Args)]
pub struct ExportArguments {
    /// The zone to write
    pub zone: String,
    /// Write to this file, which is replaced once all is there (default: standard output)
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,
    /// Where the server is.
    #[command(flatten)]
    pub api: ApiArguments,
}

/// Options of `zone list`.
#[derive(Debug, clap::Args)]
pub struct ListArguments {
    /// Print each zone as JSON, one a line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArguments,
}

/// Options of `zone check`.
#[derive(Debug, clap::Args)]
pub struct CheckArguments {
    /// The zone file; - reads standard input
    #[arg(value_name = "FILE")]
    pub file: PathBuf,
    /// The zone that the file is of (default: its first $ORIGIN, or the owner of its first record)
    #[arg(long, value_name = "ZONE")]
    pub origin: Option<String>,
    /// Let warnings fail, too
    #[arg(long)]
    pub strict: bool,
}

/// Lists the zones by name.
///
/// # Errors
/// What the server says against it, and a server that does not answer.
pub fn list(arguments: &ListArguments, out: &mut impl Write) -> Result<()> {
    let api = Api::open(&arguments.api)?;
    let mut after: Option<String> = None;
    loop {
        let from = after.as_deref().map(|zone| format!("&after={}", escaped(zone))).unwrap_or_default();
        let page = api.get(&format!("/v1/zones?limit={PAGE}{from}"))?;
        let zones = array(&page);
        if zones.is_empty() && after.is_none() {
            eprintln!("no zones");
        }
        if arguments.json {
            for zone in zones {
                writeln!(out, "{zone}")?;
            }
        } else {
            write!(out, "{}", table(zones, after.is_none()).print(0))?;
        }
        match zones.last() {
            Some(last) if zones.len() == PAGE => after = Some(plain(&last["zone"])),
            _ => return Ok(()),
        }
    }
}

fn table(zones: &[Value], has_titles: bool) -> Table {
    let mut table = Table::default();
    if has_titles && !zones.is_empty() {
        table.row(["ZONE", "SERIAL", "TTL", "LINKED TO"].map(str::to_owned).into());
    }
    for zone in zones {
        let link = if zone["link"] == json!(null) { String::new() } else { plain(&zone["link"]) };
        table.row(vec![plain(&zone["zone"]), plain(&zone["serial"]), plain(&zone["ttl"]), link]);
    }
    table
}
