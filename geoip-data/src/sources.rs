//! Which data are in use: for logs, the API and explanations.

use std::path::PathBuf;

use serde::Serialize;

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
    /// The day they were made, `YYYY-MM-DD`.
    pub date: String,
    /// The file they were read from; `None` for the embedded data.
    pub file: Option<PathBuf>,
    /// What the license of the data asks to be shown to users; empty if nothing is known.
    pub attribution: String,
}

impl GeoSources {
    /// The embedded data.
    pub(crate) fn embedded() -> Self {
        let source =
            || GeoSource { name: String::new(), date: String::new(), file: None, attribution: String::new() };
        Self { location: source(), asn: source() }
    }
}
