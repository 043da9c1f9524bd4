//! Loading `.mmdb` files, and loading them again when they change.
//!
//! A file is looked at by its metadata only; when those change it is read, and if it is good, its data replace
//! the old ones in the [`GeoHandle`] at once. If it is not, the old data stay and the log says why, once for
//! each version of the file. The two kinds of data come and go independently.

use std::fs::{self, Metadata};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::geo_data::{AsnData, LocationData};
use crate::sources::GeoSource;
use crate::{GeoData, GeoError, GeoHandle, mmdb};

/// How often is looked whether readers have let go of replaced data. They do at their next query, or soon without.
const FREE_INTERVAL: Duration = Duration::from_millis(200);

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
pub fn load(files: &GeoFiles) -> Result<GeoData, GeoError> {
    let location = match &files.city {
        Some(path) => mmdb::read_location(path)?,
        None => LocationData::embedded(),
    };
    let asn = match &files.asn {
        Some(path) => mmdb::read_asn(path)?,
        None => AsnData::embedded(),
    };
    Ok(GeoData { location: Arc::new(location), asn: Arc::new(asn) })
}

/// Looks every `interval` whether a file changed, and then replaces the data in `handle`.
///
/// A file that changed since the data in `handle` were loaded is noticed, too. Without files there is nothing
/// to watch and no thread.
pub fn watch(files: GeoFiles, handle: GeoHandle, interval: Duration) -> Watcher {
    if files == GeoFiles::default() {
        return Watcher { stop: None, thread: None };
    }
    let mut reloader = Reloader::new(files, handle);
    let (stop, stopped) = mpsc::channel();
    let run = move || {
        let mut due = Instant::now() + interval;
        loop {
            let wait = due.saturating_duration_since(Instant::now());
            let wait = if reloader.free_replaced() { wait } else { wait.min(FREE_INTERVAL) };
            if stopped.recv_timeout(wait) != Err(RecvTimeoutError::Timeout) {
                return;
            }
            if Instant::now() >= due {
                reloader.check();
                due = Instant::now() + interval;
            }
        }
    };
    match thread::Builder::new().name("geo-reload".to_owned()).spawn(run) {
        Ok(thread) => Watcher { stop: Some(stop), thread: Some(thread) },
        Err(error) => {
            tracing::error!(%error, "geography files are not watched: no thread could be started");
            Watcher { stop: None, thread: None }
        }
    }
}

/// The background thread of [`watch`]. Dropping it stops the thread and waits for it, which takes as long as a
/// reload that has begun.
#[derive(Debug)]
pub struct Watcher {
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Drop for Watcher {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread that watches geography files had failed");
        }
    }
}

/// What one check found.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Checked {
    /// How many files had changed and are in use now.
    pub replaced: u32,
    /// How many files had changed and cannot be used; the data from before stay.
    pub rejected: u32,
}

/// The work of [`watch`] without its thread, for callers that check at times of their own.
pub struct Reloader {
    handle: GeoHandle,
    city: Option<WatchedFile>,
    asn: Option<WatchedFile>,
    /// Data that readers may still hold. Whoever lets go of them last returns their many megabytes to the system,
    /// which must not be somebody with a query to answer.
    replaced: Vec<Arc<GeoData>>,
}

impl Reloader {
    /// Prepares to keep the data in `handle` the same as the files.
    pub fn new(files: GeoFiles, handle: GeoHandle) -> Self {
        let watched = |path| WatchedFile { path, rejected: None };
        Self { handle, city: files.city.map(watched), asn: files.asn.map(watched), replaced: vec![] }
    }

    /// Frees replaced data that no reader holds any more; false while there are others.
    fn free_replaced(&mut self) -> bool {
        self.replaced.retain(|data| Arc::strong_count(data) > 1);
        self.replaced.is_empty()
    }

    /// Looks at the files once, and replaces the data of those that changed.
    pub fn check(&mut self) -> Checked {
        self.free_replaced();
        let mut checked = Checked::default();
        let current = self.handle.cell().load_full();
        let location = self.city.as_mut().and_then(|file| {
            file.read_if_changed(&current.location.source, mmdb::read_location, &mut checked)
        });
        let asn = self
            .asn
            .as_mut()
            .and_then(|file| file.read_if_changed(&current.asn.source, mmdb::read_asn, &mut checked));
        if checked.replaced > 0 {
            self.handle.store(GeoData {
                location: location.unwrap_or_else(|| Arc::clone(&current.location)),
                asn: asn.unwrap_or_else(|| Arc::clone(&current.asn)),
            });
            self.replaced.push(current);
        }
        checked
    }
}

/// A file that is looked at again and again.
struct WatchedFile {
    path: PathBuf,
    /// The version that was last found to be of no use, so that it is not read and reported each time.
    rejected: Option<Seen>,
}

impl WatchedFile {
    /// Reads the file if it is neither the version in use nor the one rejected last.
    fn read_if_changed<D>(
        &mut self,
        in_use: &GeoSource,
        read: impl FnOnce(&Path) -> Result<D, GeoError>,
        checked: &mut Checked,
    ) -> Option<Arc<D>> {
        let seen = Seen::now(&self.path);
        if Some(seen) == self.rejected {
            return None;
        }
        if in_use.file.as_ref() == Some(&self.path) && in_use.stamp.map(Seen::Version) == Some(seen) {
            self.rejected = None;
            return None;
        }
        let start = Instant::now();
        match read(&self.path) {
            Ok(data) => {
                let took_ms = start.elapsed().as_millis() as u64;
                tracing::info!(path = %self.path.display(), took_ms, "geography file loaded");
                self.rejected = None;
                checked.replaced += 1;
                Some(Arc::new(data))
            }
            Err(error) => {
                tracing::warn!(%error, in_use = %in_use, "geography file cannot be used, the data from before stay");
                self.rejected = Some(seen);
                checked.rejected += 1;
                None
            }
        }
    }
}

/// What is found where a file should be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    /// Nothing that can be looked at.
    Missing,
    /// A version of the file.
    Version(FileStamp),
}

impl Seen {
    fn now(path: &Path) -> Self {
        fs::metadata(path).map_or(Self::Missing, |metadata| Self::Version(FileStamp::of(&metadata)))
    }
}

/// What tells two versions of a file apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct FileStamp {
    device: u64,
    inode: u64,
    size: u64,
    modified_s: i64,
    modified_ns: i64,
}

impl FileStamp {
    /// The stamp of a file with this metadata.
    pub(crate) fn of(metadata: &Metadata) -> Self {
        Self {
            device: metadata.dev(),
            inode: metadata.ino(),
            size: metadata.size(),
            modified_s: metadata.mtime(),
            modified_ns: metadata.mtime_nsec(),
        }
    }

    /// The size in bytes.
    pub(crate) fn size(&self) -> u64 {
        self.size
    }
}

#[cfg(test)]
mod tests;
