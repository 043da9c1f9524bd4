//! What can go wrong when storing.

use std::io;
use std::path::PathBuf;

/// Why the store could not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has the folder open.
    #[error("the data directory {} is in use by another process", .dir.display())]
    DirInUse {
        /// The folder.
        dir: PathBuf,
    },
    /// The operating system refused a file operation.
    #[error("cannot {action} {}: {source}", .path.display())]
    Io {
        /// What was attempted, as a verb: `write`, `open`.
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The tables cannot be read or written.
    #[error("the tables in {} failed: {reason}", .path.display())]
    Tables {
        /// The folder of the tables.
        path: PathBuf,
        /// What went wrong.
        reason: String,
    },
    /// A change set, key or value is larger than the store takes.
    #[error("a {what} of {bytes} bytes is larger than the {limit} bytes that can be stored")]
    TooLarge {
        /// `key`, `value` or `change set`.
        what: &'static str,
        /// Its size.
        bytes: u64,
        /// The largest that is taken.
        limit: u64,
    },
    /// A write failed in a way that leaves open whether it reached the disk. No further commit is taken;
    /// opening the folder again finds out what is there.
    #[error("the store stopped taking changes after a failed write ({reason}); restart the server")]
    Failed {
        /// The first failure.
        reason: String,
    },
    /// Acknowledged changes are unreadable and nothing else holds them, so opening was refused.
    #[error("{message}")]
    WouldLose {
        /// How many change sets would be lost, where that is known.
        revisions: u64,
        /// What is damaged, what would be lost, and how to go on.
        message: String,
    },
    /// A file was written by a version of this software that this one does not know.
    #[error("{} has format {found}, this version reads format {known}", .path.display())]
    UnknownFormat {
        /// The file.
        path: PathBuf,
        /// The number found in it.
        found: u32,
        /// The number this version writes.
        known: u32,
    },
}
