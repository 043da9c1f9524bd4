//! Zone files (RFC 1035, 5): reading what BIND and NSD read, and writing what they read.
//!
//! [`parse`] takes any buffered reader and holds one entry of text at a time; what it returns grows with the
//! records alone. [`check`] finds all that is wrong instead of the first fault. [`Exporter`] writes one RRset at a time
//! and holds nothing.
//!
//! Understood: `$ORIGIN`, `$TTL`, `$GENERATE`, parentheses, comments, escapes, omitted owners, TTLs and classes,
//! TTL units, and the generic form of RFC 3597. `$INCLUDE` is refused: the text may come from anyone, and the
//! files it would name are this machine's. Syntax errors end the import with their line. What can be left out
//! without changing the rest (records of other zones, repeated records, signatures, what is below a DNAME) is left
//! out with a warning.

mod check;
mod export;
mod generate;
mod import;
mod lexer;
mod placement;

pub use check::{Report, apex_of, check};
pub use export::{ExportError, Exporter};
pub use import::parse;
use thiserror::Error;

use crate::{Name, RecordType};

/// What a zone file may take up; the defaults fit any zone that makes sense.
#[derive(Clone, Copy, Debug)]
pub struct ImportLimits {
    /// The most records, those of `$GENERATE` included: a line of it can say millions.
    pub records: usize,
    /// The most records with one name and type, the most answers that a record can have.
    pub rrset_records: usize,
    /// The most octets of one entry with its continuation lines. The longest record data in its longest
    /// form, four characters an octet, fits in.
    pub entry_octets: usize,
    /// The most warnings that are kept; further ones are counted.
    pub warnings: usize,
}

impl Default for ImportLimits {
    fn default() -> Self {
        Self { records: 10_000_000, rrset_records: 4_096, entry_octets: 512 * 1024, warnings: 1_000 }
    }
}

/// What was read from a zone file.
#[derive(Clone, Debug, Default)]
pub struct ZoneFile {
    /// The SOA record of the apex, if the file has one.
    pub soa: Option<Soa>,
    /// The value of the first `$TTL`, in seconds.
    pub default_ttl: Option<u32>,
    /// All other records in the order in which their names and types first occur.
    pub rrsets: Vec<ImportedRrset>,
    /// What was left out or changed, and in which line.
    pub warnings: Vec<String>,
}

/// The fields of an SOA record (RFC 1035, 3.3.13).
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct Soa {
    /// The primary name server.
    pub mname: Name,
    /// The mailbox of the person responsible, as a name.
    pub rname: Name,
    /// The version of the zone.
    pub serial: u32,
    /// How often secondaries look for a newer version, in seconds.
    pub refresh: u32,
    /// How soon they try again, in seconds.
    pub retry: u32,
    /// When they give up the zone, in seconds.
    pub expire: u32,
    /// How long negative answers may be kept at most, in seconds (RFC 2308, 4).
    pub minimum: u32,
    /// The TTL of the record itself, in seconds.
    pub ttl: u32,
}

/// The records of one name and type.
#[derive(Clone, Debug, Eq, PartialEq)]
pub struct ImportedRrset {
    /// Their name: the zone or below it.
    pub owner: Name,
    /// Their type; never SOA.
    pub rtype: RecordType,
    /// Their TTL in seconds, at most 2^31 - 1.
    pub ttl: u32,
    /// The line of the first of them.
    pub line: u32,
    /// Their data in wire form, all different, at least one.
    pub rdatas: Vec<Vec<u8>>,
}

/// Why a zone file was refused.
#[derive(Clone, Debug, Eq, Error, PartialEq)]
#[error("line {line}: {message}")]
pub struct ZoneFileError {
    /// The line of the fault, from 1: where its entry begins, or for quotes and parentheses where they stand.
    pub line: u64,
    /// What is wrong there.
    pub message: String,
}

#[cfg(test)]
mod tests;
