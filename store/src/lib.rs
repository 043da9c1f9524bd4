//! The durable, ordered log of changes and its tables.
//!
//! State is a fold over change sets numbered 1, 2, 3 … ([`ChangeSet`], its number is its *revision*). A
//! change set is a list of absolute operations on keys of a few tables; what keys and values mean is the
//! callers' business. [`JournalStore`] keeps them on disk, [`MemoryStore`] keeps them in memory for tests;
//! both are a [`Store`] and pass the same battery of tests.
//!
//! Promises of every [`Store`]:
//!
//! - a change set is stored as a whole or not at all;
//! - what [`Store::commit`] acknowledged, every later read sees, and (for [`JournalStore`]) every later
//!   opening of the folder finds, also after `kill -9` or a power cut;
//! - revisions only grow and are never used twice.
#![forbid(unsafe_code)]

mod change;
mod changes;
mod checkpoint;
mod chunk;
mod codec;
mod error;
mod files;
mod journal;
mod journal_store;
pub mod limits;
mod maintenance;
mod memory;
mod recover;
mod replay;
mod segment;
mod survey;
mod tables;
#[cfg(test)]
mod tests;

pub use change::{ChangeSet, Op, Puts, Table};
pub use error::StoreError;
pub use journal_store::{JournalStore, Options, RecoveryReport};
pub use memory::MemoryStore;

/// A key and its value, as a scan gives them.
pub type Entry = (Vec<u8>, Vec<u8>);

/// The entries of a scan, in key order, read as they are asked for.
pub type Entries<'a> = Box<dyn Iterator<Item = Result<Entry, StoreError>> + Send + 'a>;

/// A numbered sequence of change sets and the tables they add up to.
///
/// All methods block; call them from a thread that may.
pub trait Store: Send + Sync {
    /// The revision of the last change set applied; 0 before the first.
    fn revision(&self) -> u64;

    /// Stores the change sets in order, each under a revision of its own, and returns the last revision.
    ///
    /// One call costs one wait for the disk, however many sets it brings. No sets is no change.
    ///
    /// # Errors
    /// After an error none of the sets is stored, except after [`StoreError::Failed`], when only the next
    /// opening of the folder tells; then the store refuses all further commits.
    fn commit(&self, sets: &[ChangeSet]) -> Result<u64, StoreError>;

    /// The value of a key.
    ///
    /// # Errors
    /// When the tables cannot be read.
    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError>;

    /// The entries of a table whose key starts with `prefix`, in key order, beginning behind the key `after`
    /// (a whole key, prefix included; it need not exist).
    ///
    /// The scan reads as it goes, in bounded memory. While commits go on beside it, it sees each key in some
    /// state that the key had between the scan's beginning and its end.
    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>) -> Entries<'_>;

    /// Writes down the whole state, so that the history before it need not be replayed at the next start.
    ///
    /// # Errors
    /// When the disk refuses; the store goes on with the older checkpoint.
    fn checkpoint(&self) -> Result<(), StoreError>;
}
