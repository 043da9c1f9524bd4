//! Which data are in use: for logs, the API and explanations.

use std::fmt;
use std::path::PathBuf;

use serde::Serialize;

use crate::reload::FileStamp;

// Defines LOCATION and ASN: name, date and attribution of the embedded data.
include!(concat!(env!("OUT_DIR"), "/sources.rs"));

/// Where the two kinds of data come from.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GeoSources {
    /// Address to place.
    pub location: GeoSource,
    /// Address to AS number.
    pub asn: GeoSource,
}

/// One origin of data.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct GeoSource {
    /// What the data call themselves, such as `DB-IP City Lite` or `GeoLite2-City`.
    pub name: String,
    /// The day they were made, `YYYY-MM-DD`; empty if that is unknown.
    pub date: String,
    /// The file they were read from; `None` for the embedded data.
    pub file: Option<PathBuf>,
    /// What the license of the data asks to be shown to users; empty if nothing is known.
    pub attribution: String,
    /// The size of the lookup tables. Those of embedded data are mapped from the executable, those of files
    /// are in memory.
    pub table_bytes: usize,
    /// What the file looked like when it was read.
    #[serde(skip)]
    pub(crate) stamp: Option<FileStamp>,
}

impl GeoSource {
    /// The embedded address to place data.
    pub(crate) fn embedded_location(table_bytes: usize) -> Self {
        Self::embedded(LOCATION, table_bytes)
    }

    /// The embedded address to AS number data.
    pub(crate) fn embedded_asn(table_bytes: usize) -> Self {
        Self::embedded(ASN, table_bytes)
    }

    fn embedded([name, date, attribution]: [&str; 3], table_bytes: usize) -> Self {
        Self {
            name: name.to_owned(),
            date: date.to_owned(),
            file: None,
            attribution: attribution.to_owned(),
            table_bytes,
            stamp: None,
        }
    }
}

impl fmt::Display for GeoSource {
    /// One line for logs: `GeoLite2-City of 2026-06-05 (/var/lib/geo/city.mmdb)`.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)?;
        if !self.date.is_empty() {
            write!(formatter, " of {}", self.date)?;
        }
        match &self.file {
            Some(path) => write!(formatter, " ({})", path.display()),
            None => formatter.write_str(" (embedded)"),
        }
    }
}
