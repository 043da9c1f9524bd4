//! The store on disk: journal, tables and checkpoint behind one door.
//!
//! ```text
//! DIR/lock                     held while the store is open
//! DIR/journal/<revision>.log   segments, named after their first revision
//! DIR/checkpoint               the state at one revision
//! DIR/tables/                  sled: the current value of every key
//! DIR/damaged/                 what was found damaged and replaced, for inspection
//! ```
//!
//! A commit appends to the journal, waits for the disk, applies to the tables, and returns. One lock orders
//! commits. Reads share the tables with them and never wait for the disk's confirmation.
//!
//! When the tables turn out to be damaged while the store is open, they are rebuilt on the spot from the
//! checkpoint and the journal, and the call that met the damage goes on as if nothing had happened.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::thread::JoinHandle;

use crate::checkpoint::CheckpointWriter;
use crate::files::{Context, make_private_dir};
use crate::journal::Journal;
use crate::maintenance::{self, Work};
use crate::recover::{self, copy_entries};
use crate::replay::{Gaps, Stretch, read_ops};
use crate::tables::{Cursor, Tables};
use crate::{ChangeSet, Entries, Entry, Store, StoreError, Table, limits};

/// How a [`JournalStore`] is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// Go on although acknowledged changes are lost for good (`--accept-loss`).
    pub accept_loss: bool,
    /// What sled may use as a page cache, in bytes; it takes a few times as much.
    pub sled_cache_bytes: u64,
    /// Size of a journal segment, in bytes, between 16 KiB and 256 MiB; change sets that are larger get a
    /// segment of their own.
    pub segment_bytes: u64,
    /// A checkpoint is written in the background once the journal behind the last one is longer than this
    /// and longer than that checkpoint itself, in bytes.
    pub checkpoint_after_bytes: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            accept_loss: false,
            sled_cache_bytes: 8 << 20,
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
    /// How many acknowledged change sets are lost, as far as that can be told (only with
    /// [`Options::accept_loss`]).
    pub lost: u64,
}

/// A [`Store`] in a folder on disk, which it locks while it is open.
pub struct JournalStore {
    shared: Arc<Shared>,
    maintenance: Option<JoinHandle<()>>,
    /// Unlocks the folder when it is closed, after everything else.
    _lock: File,
}

/// What the callers and the maintenance thread share.
pub(crate) struct Shared {
    dir: PathBuf,
    options: Options,
    /// Locked by commits, and before `tables` when both are needed.
    journal: Mutex<Journal>,
    tables: RwLock<Slot>,
    revision: AtomicU64,
    /// Length of the journal behind the last checkpoint.
    journal_bytes: AtomicU64,
    /// Length of the last checkpoint.
    checkpoint_bytes: AtomicU64,
    /// Held while a checkpoint is being written.
    checkpointing: Mutex<()>,
    pub(crate) work: Work,
}

/// The tables in use.
struct Slot {
    /// `None` once they could not be rebuilt.
    tables: Option<Tables>,
    /// Counts rebuilds.
    generation: u64,
}

impl JournalStore {
    /// Opens a folder, making it if it does not exist, and brings its parts into agreement.
    ///
    /// # Errors
    /// [`StoreError::DirInUse`], [`StoreError::WouldLose`], or what the disk said.
    pub fn open(dir: &Path, options: Options) -> Result<(JournalStore, RecoveryReport), StoreError> {
        make_private_dir(dir)?;
        let lock = lock(dir)?;
        let parts = recover::open(dir, &options)?;
        let journal_bytes = parts.journal.segments().iter();
        let journal_bytes =
            journal_bytes.filter_map(|segment| Some(fs::metadata(&segment.path).ok()?.len())).sum();
        let shared = Arc::new(Shared {
            dir: dir.to_owned(),
            options,
            journal: Mutex::new(parts.journal),
            tables: RwLock::new(Slot { tables: Some(parts.tables), generation: 0 }),
            revision: AtomicU64::new(parts.report.revision),
            journal_bytes: AtomicU64::new(journal_bytes),
            checkpoint_bytes: AtomicU64::new(parts.checkpoint_bytes),
            checkpointing: Mutex::new(()),
            work: Work::new(parts.checkpoint_bytes > 0),
        });
        let maintenance = Some(maintenance::start(Arc::clone(&shared)).context("start a thread for", dir)?);
        Ok((JournalStore { shared, maintenance, _lock: lock }, parts.report))
    }

    /// Flushes everything and closes the folder. Dropping does the same, but only logs errors.
    ///
    /// # Errors
    /// What the disk said; nothing acknowledged is lost by it.
    pub fn close(mut self) -> Result<(), StoreError> {
        self.shut()
    }

    fn shut(&mut self) -> Result<(), StoreError> {
        let Some(maintenance) = self.maintenance.take() else { return Ok(()) };
        self.shared.work.stop();
        if maintenance.join().is_err() {
            tracing::warn!("the store's maintenance thread had panicked");
        }
        self.shared.seal()
    }
}

impl Drop for JournalStore {
    fn drop(&mut self) {
        if let Err(error) = self.shut() {
            tracing::warn!(%error, "the store was not closed in order; the next start takes longer");
        }
    }
}

/// Takes the folder for this process.
fn lock(dir: &Path) -> Result<File, StoreError> {
    let path = dir.join("lock");
    let file = File::options().create(true).write(true).truncate(false).open(&path).context("open", &path)?;
    match file.try_lock() {
        Ok(()) => Ok(file),
        Err(TryLockError::WouldBlock) => Err(StoreError::DirInUse { dir: dir.to_owned() }),
        Err(TryLockError::Error(error)) => Err(error).context("lock", &path),
    }
}

impl Store for JournalStore {
    fn revision(&self) -> u64 {
        self.shared.revision()
    }

    fn commit(&self, sets: &[ChangeSet]) -> Result<u64, StoreError> {
        self.shared.commit(sets)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.shared.with_tables(|tables| tables.get(table, key))
    }

    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>) -> Entries<'_> {
        let mut cursor = Some(Cursor::new(table, prefix, after));
        let chunks = std::iter::from_fn(move || {
            let read = self.shared.next_entries(cursor.as_mut()?);
            if !matches!(&read, Ok(entries) if !entries.is_empty()) {
                cursor = None;
            }
            let (entries, error): (Vec<Entry>, _) = match read {
                Ok(entries) => (entries, None),
                Err(error) => (Vec::new(), Some(error)),
            };
            Some(entries.into_iter().map(Ok).chain(error.map(Err)))
        });
        Box::new(chunks.flatten())
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        self.shared.checkpoint()
    }
}

impl Shared {
    fn revision(&self) -> u64 {
        self.revision.load(Ordering::Acquire)
    }

    fn journal(&self) -> MutexGuard<'_, Journal> {
        self.journal.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn commit(&self, sets: &[ChangeSet]) -> Result<u64, StoreError> {
        let payload_bytes = sets.iter().map(limits::check).collect::<Result<Vec<_>, _>>()?;
        let mut journal = self.journal();
        let before = self.revision();
        if sets.is_empty() {
            return Ok(before);
        }
        let bytes = journal.append(before + 1, sets, &payload_bytes)?;
        // The change sets are stored from here on; what goes wrong now must not say that they are not.
        let last = before + sets.len() as u64;
        if let Err(error) = self.apply(sets, last) {
            self.rebuild(&mut journal, last, &error)?;
        }
        self.revision.store(last, Ordering::Release);
        let journal_bytes = self.journal_bytes.fetch_add(bytes, Ordering::Relaxed) + bytes;
        let limit = self.options.checkpoint_after_bytes.max(self.checkpoint_bytes.load(Ordering::Relaxed));
        self.work.request(journal.wants_spare(), journal_bytes > limit);
        Ok(last)
    }

    fn apply(&self, sets: &[ChangeSet], last: u64) -> Result<(), StoreError> {
        let slot = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        slot.tables()?.apply(sets, last)
    }

    // --- reading ---

    /// Reads from the tables, mending them once if they are damaged.
    fn with_tables<T>(&self, read: impl Fn(&Tables) -> Result<T, StoreError>) -> Result<T, StoreError> {
        let (result, generation) = self.read_tables(&read);
        match result {
            Err(error @ StoreError::Tables { .. }) => {
                self.mend(generation, &error)?;
                self.read_tables(&read).0
            }
            result => result,
        }
    }

    fn read_tables<T>(
        &self,
        read: impl FnOnce(&Tables) -> Result<T, StoreError>,
    ) -> (Result<T, StoreError>, u64) {
        let slot = self.tables.read().unwrap_or_else(PoisonError::into_inner);
        (slot.tables().and_then(read), slot.generation)
    }

    /// The next entries of a scan; none when it is over.
    fn next_entries(&self, cursor: &mut Cursor) -> Result<Vec<Entry>, StoreError> {
        let (result, generation) = self.read_tables(|tables| tables.next_entries(cursor));
        match result {
            Err(error @ StoreError::Tables { .. }) => {
                self.mend(generation, &error)?;
                cursor.restart();
                self.read_tables(|tables| tables.next_entries(cursor)).0
            }
            result => result,
        }
    }

    // --- mending ---

    /// Rebuilds the tables, unless someone has since they were of this generation.
    fn mend(&self, generation: u64, error: &StoreError) -> Result<(), StoreError> {
        let mut journal = self.journal();
        let current = self.tables.read().unwrap_or_else(PoisonError::into_inner).generation;
        if current != generation {
            return Ok(());
        }
        let revision = self.revision();
        self.rebuild(&mut journal, revision, error)
    }

    /// Replaces the tables by new ones at this revision. The journal is locked, so nobody writes.
    fn rebuild(&self, journal: &mut Journal, revision: u64, error: &StoreError) -> Result<(), StoreError> {
        tracing::error!(%error, revision, "the tables failed; they are rebuilt from checkpoint and journal");
        let mut slot = self.tables.write().unwrap_or_else(PoisonError::into_inner);
        slot.generation += 1;
        // A full disk is no reason to throw the tables away; the next start catches up.
        let damaged = matches!(error, StoreError::Tables { .. });
        slot.tables = None;
        if !damaged {
            return Err(journal.fail(format!("the tables cannot be written: {error}")));
        }
        match recover::rebuild_tables(&self.dir, &self.options, journal, revision) {
            Ok(tables) => {
                tracing::warn!(revision, "the tables are rebuilt");
                slot.tables = Some(tables);
                Ok(())
            }
            Err(again) => {
                Err(journal.fail(format!("the tables failed ({error}) and so did rebuilding: {again}")))
            }
        }
    }

    // --- maintaining ---

    /// Writes a checkpoint while commits go on, and removes the segments that it makes superfluous.
    pub(crate) fn checkpoint(&self) -> Result<(), StoreError> {
        let _only = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
        let (store_id, base) = {
            let journal = self.journal();
            (journal.store_id(), self.revision())
        };
        let mut writer = CheckpointWriter::create(&self.dir, store_id, base)?;
        let (copied, generation) = self.read_tables(|tables| copy_entries(tables, &mut writer));
        if let Err(error) = copied {
            if matches!(error, StoreError::Tables { .. }) {
                self.mend(generation, &error)?;
            }
            return Err(error);
        }
        // With the journal locked, no change set is half in the tables: the copy has nothing behind this.
        let (segments, through, journal_bytes) = {
            let journal = self.journal();
            (journal.segments().to_vec(), self.revision(), self.journal_bytes.load(Ordering::Relaxed))
        };
        let stretch = Stretch { segments: &segments, store_id, after: base, through, gaps: Gaps::Refused };
        stretch.each(|_, payload| {
            loop {
                let ops = read_ops(payload, limits::GROUP_BYTES)?;
                if ops.is_empty() {
                    return Ok(());
                }
                ops.iter().try_for_each(|op| writer.push_operation(op))?;
            }
        })?;
        let bytes = writer.finish(through)?;
        // Without this, a killed process could leave tables that the shortened journal cannot bring up.
        self.flush()?;
        self.journal().remove_through(through)?;
        self.checkpoint_bytes.store(bytes, Ordering::Relaxed);
        self.journal_bytes.fetch_sub(journal_bytes, Ordering::Relaxed);
        Ok(())
    }

    /// Hands the tables to the operating system, so that the next start replays little.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.read_tables(Tables::flush).0
    }

    /// Prepares the next journal segment.
    pub(crate) fn prepare_spare(&self) -> Result<(), StoreError> {
        let segment_bytes = recover::segment_bytes(&self.options);
        crate::journal::prepare_spare(&self.dir.join(recover::JOURNAL), segment_bytes)
    }

    /// Reads the checkpoint through, and writes a new one if it is damaged.
    pub(crate) fn verify_checkpoint(&self) -> Result<(), StoreError> {
        let damage = {
            let _only = self.checkpointing.lock().unwrap_or_else(PoisonError::into_inner);
            recover::checkpoint_damage(&self.dir)?
        };
        if let Some(reason) = damage {
            tracing::error!(reason, "the checkpoint is damaged; a new one is written from the tables");
            self.checkpoint()?;
        }
        Ok(())
    }

    /// Notes in journal and tables that nothing comes behind the current revision.
    fn seal(&self) -> Result<(), StoreError> {
        let mut journal = self.journal();
        if journal.has_failed() {
            return Ok(());
        }
        let revision = self.revision();
        journal.seal(revision)?;
        self.read_tables(|tables| tables.set_mark(revision, 0, true).and_then(|()| tables.flush())).0
    }

    /// Makes the tables in use fail from now on.
    #[cfg(test)]
    pub(crate) fn break_tables(&self) {
        let break_them = |tables: &Tables| {
            tables.broken.store(true, Ordering::Relaxed);
            Ok(())
        };
        self.read_tables(break_them).0.unwrap();
    }

    /// Makes the coming journal writes fail.
    #[cfg(test)]
    pub(crate) fn set_faults(&self, faults: crate::journal::Faults) {
        self.journal().set_faults(faults);
    }
}

impl Slot {
    fn tables(&self) -> Result<&Tables, StoreError> {
        self.tables.as_ref().ok_or_else(|| StoreError::Failed { reason: "the tables are gone".to_owned() })
    }
}

#[cfg(test)]
impl JournalStore {
    /// For tests of what goes on behind the trait.
    pub(crate) fn shared(&self) -> &Shared {
        &self.shared
    }
}
