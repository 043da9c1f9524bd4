//! File operations that say what they were doing when they failed, and that reach the disk.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use crate::StoreError;

/// Gives an I/O error its context.
pub(crate) trait Context<T> {
    /// `action` is a verb: `write`, `open`.
    fn context(self, action: &'static str, path: &Path) -> Result<T, StoreError>;
}

impl<T> Context<T> for io::Result<T> {
    fn context(self, action: &'static str, path: &Path) -> Result<T, StoreError> {
        self.map_err(|source| StoreError::Io { action, path: path.to_owned(), source })
    }
}

/// Makes a folder that only its owner can look into, with the folders above it.
pub(crate) fn make_private_dir(path: &Path) -> Result<(), StoreError> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).context("create", path)
}

/// Makes the names in a folder durable: after creating, renaming or removing a file in it.
pub(crate) fn sync_dir(path: &Path) -> Result<(), StoreError> {
    File::open(path).and_then(|dir| dir.sync_all()).context("sync", path)
}

/// Moves a file or folder into `dir/damaged` under a name that is free, and returns where it went.
pub(crate) fn move_aside(dir: &Path, name: &str) -> Result<PathBuf, StoreError> {
    let damaged = dir.join("damaged");
    make_private_dir(&damaged)?;
    let from = dir.join(name);
    let last = aside(&damaged, name)?.last().map_or(0, |(number, _)| *number);
    let to = damaged.join(format!("{name}-{}", last.saturating_add(1)));
    fs::rename(&from, &to).context("move aside", &from)?;
    sync_dir(&damaged)?;
    sync_dir(dir)?;
    Ok(to)
}

/// What was moved aside under this name so far, oldest first, with its number.
pub(crate) fn aside(damaged: &Path, name: &str) -> Result<Vec<(u64, PathBuf)>, StoreError> {
    let mut found = Vec::new();
    for entry in fs::read_dir(damaged).context("list", damaged)? {
        let path = entry.context("list", damaged)?.path();
        let number = path
            .file_name()
            .and_then(|file| file.to_str()?.strip_prefix(name)?.strip_prefix('-')?.parse::<u64>().ok());
        found.extend(number.map(|number| (number, path)));
    }
    found.sort();
    Ok(found)
}
