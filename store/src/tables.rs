//! The tables: the current value of every key, in sled.
//!
//! One sled tree holds everything. Its keys are a table's byte followed by a key; its values are chunks
//! (`chunk.rs`), each holding the entries from its own key up to the key of the next chunk of the same table.
//! The first chunk of a table is keyed by the table's byte alone. Under byte 0 lives the [`Mark`], which says
//! which revision the tables are at; it changes in the same batch as the entries.
//!
//! A change set too large for one batch is written in pieces between two marks, the first of which says that
//! the revision is only partly there. Operations are absolute, so doing such a set again mends it.
//!
//! sled is not trusted: a damaged file can make it panic as well as err, so every call is guarded and both
//! become [`StoreError::Tables`]. Nothing here has to survive: the journal is the truth.

use std::fs;
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};

use sled::IVec;

use crate::changes::Changes;
use crate::chunk::{ChunkBuilder, ChunkReader, MAX_CHUNK_BYTES, TARGET_CHUNK_BYTES, entry_bytes};
use crate::limits::{ATOMIC_BYTES, ATOMIC_OPS, PIECE_OPS};
use crate::{ChangeSet, Op, StoreError, Table, codec};

/// Where the mark is kept: no table has byte 0.
const MARK_KEY: &[u8] = &[0, b'm'];

/// First byte of the mark.
const MARK_FORMAT: u8 = 1;

/// [`Mark::pending`] of tables that are being rebuilt and hold nothing that can be relied on.
pub(crate) const UNFINISHED: u64 = u64::MAX;

/// What the tables say about themselves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Which store the tables belong to.
    pub store_id: u64,
    /// Every change set up to this one is in the tables.
    pub applied: u64,
    /// Change sets up to this one may be there in part; 0 when none is, [`UNFINISHED`] during a rebuild.
    pub pending: u64,
    /// The store was closed in order and `applied` was the last revision of its journal.
    pub clean: bool,
}

impl Mark {
    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![MARK_FORMAT];
        bytes.extend(self.store_id.to_le_bytes());
        bytes.extend(self.applied.to_le_bytes());
        bytes.extend(self.pending.to_le_bytes());
        bytes.push(u8::from(self.clean));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&MARK_FORMAT, rest) = bytes.split_first()? else { return None };
        let (store_id, rest) = rest.split_first_chunk()?;
        let (applied, rest) = rest.split_first_chunk()?;
        let (pending, rest) = rest.split_first_chunk()?;
        let [clean @ (0 | 1)] = rest else { return None };
        Some(Self {
            store_id: u64::from_le_bytes(*store_id),
            applied: u64::from_le_bytes(*applied),
            pending: u64::from_le_bytes(*pending),
            clean: *clean == 1,
        })
    }
}

/// The tables of one store.
pub(crate) struct Tables {
    /// `None` only while dropping.
    db: Option<sled::Db>,
    path: PathBuf,
    store_id: u64,
    /// While set, every mark says that the tables are unfinished.
    building: AtomicBool,
}

/// Where written chunks go.
enum Sink {
    /// Into one batch that takes effect at once.
    Batch(sled::Batch),
    /// Straight into the tree.
    Tree,
}

impl Tables {
    /// Opens existing tables and reads their mark.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<(Self, Mark), StoreError> {
        let mut tables = Self::open_db(path, cache_bytes, 0)?;
        let mark = tables.guarded(|db| db.get(MARK_KEY))?;
        let mark = mark
            .and_then(|bytes| Mark::from_bytes(&bytes))
            .ok_or_else(|| tables.failed("they do not say which revision they are at"))?;
        tables.store_id = mark.store_id;
        Ok((tables, mark))
    }

    /// Makes empty tables, unfinished until [`Tables::finish_building`].
    pub(crate) fn create(path: &Path, cache_bytes: u64, store_id: u64) -> Result<Self, StoreError> {
        let tables = Self::open_db(path, cache_bytes, store_id)?;
        tables.building.store(true, Ordering::Relaxed);
        tables.set_mark(0, 0, false)?;
        Ok(tables)
    }

    fn open_db(path: &Path, cache_bytes: u64, store_id: u64) -> Result<Self, StoreError> {
        let mut tables = Self { db: None, path: path.to_owned(), store_id, building: AtomicBool::new(false) };
        let config = sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(None);
        let opened = catch_unwind(AssertUnwindSafe(|| config.open()));
        tables.db = Some(match opened {
            Ok(Ok(db)) => db,
            Ok(Err(error)) => return Err(tables.failed(error)),
            Err(panic) => return Err(tables.failed(panic_text(panic.as_ref()))),
        });
        Ok(tables)
    }

    /// Whether there is a folder of tables at all.
    pub(crate) fn exist(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    // --- reading ---

    /// The value of a key.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Some(chunk) = self.chunk_at(&place(table, key))?.bytes else { return Ok(None) };
        let mut reader = self.read(&chunk)?;
        while let Some((found, value)) = reader.next_entry().map_err(|e| self.failed(e))? {
            if found >= key {
                return Ok((found == key).then(|| value.to_vec()));
            }
        }
        Ok(None)
    }

    /// The next entries of a scan; none when it is over.
    pub(crate) fn next_entries(&self, scan: &mut Cursor) -> Result<Vec<crate::Entry>, StoreError> {
        loop {
            let chunk = match &scan.lower {
                None => {
                    let start = scan.after.as_deref().unwrap_or(&[]).max(scan.prefix.as_slice());
                    let found = self.chunk_at(&place(scan.table, start))?;
                    scan.lower = Some(found.lower);
                    found.bytes.unwrap_or_default()
                }
                Some(lower) => {
                    let Some((lower, bytes)) = self.chunk_after(lower)? else { return Ok(Vec::new()) };
                    if lower[1..] > scan.prefix[..] && !lower[1..].starts_with(&scan.prefix) {
                        return Ok(Vec::new());
                    }
                    scan.lower = Some(lower.to_vec());
                    bytes
                }
            };
            let entries = self.entries_of(&chunk, scan)?;
            if let Some((key, _)) = entries.last() {
                scan.after = Some(key.clone());
                return Ok(entries);
            }
        }
    }

    /// The entries of a chunk that belong to a scan.
    fn entries_of(&self, chunk: &[u8], scan: &Cursor) -> Result<Vec<crate::Entry>, StoreError> {
        let mut reader = self.read(chunk)?;
        let mut entries = Vec::new();
        while let Some((key, value)) = reader.next_entry().map_err(|e| self.failed(e))? {
            if key.starts_with(&scan.prefix) && scan.after.as_deref().is_none_or(|after| key > after) {
                entries.push((key.to_vec(), value.to_vec()));
            }
        }
        Ok(entries)
    }

    /// The chunk that holds, or would hold, the entry of this place.
    fn chunk_at(&self, place: &[u8]) -> Result<Chunk, StoreError> {
        let found = self.guarded(|db| db.range(..=place).next_back().transpose())?;
        Ok(match found {
            Some((lower, bytes)) if lower.first() == place.first() => {
                Chunk { lower: lower.to_vec(), bytes: Some(bytes) }
            }
            _ => Chunk { lower: place[..1].to_vec(), bytes: None },
        })
    }

    /// The chunk behind the one with this key, in the same table.
    fn chunk_after(&self, lower: &[u8]) -> Result<Option<(IVec, IVec)>, StoreError> {
        let range = (Bound::Excluded(lower), Bound::Unbounded);
        let next = self.guarded(|db| db.range::<&[u8], _>(range).next().transpose())?;
        Ok(next.filter(|(next, _)| next.first() == lower.first()))
    }

    fn read<'a>(&self, chunk: &'a [u8]) -> Result<ChunkReader<'a>, StoreError> {
        ChunkReader::new(chunk).map_err(|error| self.failed(error))
    }

    // --- writing ---

    /// Applies change sets, the last of which has revision `last`.
    pub(crate) fn apply(&self, sets: &[ChangeSet], last: u64) -> Result<(), StoreError> {
        let ops = || sets.iter().flat_map(|set| &set.ops);
        let bytes: u64 = ops().map(codec::encoded_bytes).sum();
        if bytes > ATOMIC_BYTES || ops().count() > ATOMIC_OPS {
            let before = last.saturating_sub(sets.len() as u64);
            self.begin(before, last)?;
            for set in sets {
                self.apply_piece(&set.ops)?;
            }
            return self.set_mark(last, 0, false);
        }
        let mut sink = Sink::Batch(sled::Batch::default());
        self.write(Changes::collect(ops()), &mut sink)?;
        let Sink::Batch(mut batch) = sink else { return Ok(()) };
        batch.insert(MARK_KEY, self.mark(last, 0, false).to_bytes());
        self.guarded(|db| db.apply_batch(batch))
    }

    /// Announces that operations of the change sets up to `pending` follow in pieces.
    pub(crate) fn begin(&self, applied: u64, pending: u64) -> Result<(), StoreError> {
        self.set_mark(applied, pending, false)
    }

    /// Applies some operations of an announced change set.
    pub(crate) fn apply_piece(&self, ops: &[Op]) -> Result<(), StoreError> {
        ops.chunks(PIECE_OPS).try_for_each(|piece| self.write(Changes::collect(piece), &mut Sink::Tree))
    }

    /// Says which revision the tables are at.
    pub(crate) fn set_mark(&self, applied: u64, pending: u64, clean: bool) -> Result<(), StoreError> {
        let mark = self.mark(applied, pending, clean);
        self.guarded(|db| db.insert(MARK_KEY, mark.to_bytes())).map(drop)
    }

    /// Ends a rebuild: from here on the tables can be relied on.
    pub(crate) fn finish_building(&self, applied: u64) -> Result<(), StoreError> {
        self.building.store(false, Ordering::Relaxed);
        self.set_mark(applied, 0, false)?;
        self.flush()
    }

    /// Hands everything written to the operating system.
    ///
    /// This survives the end of the process but not a power cut; sled offers no more.
    pub(crate) fn flush(&self) -> Result<(), StoreError> {
        self.guarded(|db| db.flush()).map(drop)
    }

    fn mark(&self, applied: u64, pending: u64, clean: bool) -> Mark {
        let pending = if self.building.load(Ordering::Relaxed) { UNFINISHED } else { pending };
        Mark { store_id: self.store_id, applied, pending, clean }
    }

    /// Rewrites every chunk that the changes touch.
    fn write(&self, changes: Changes<'_>, sink: &mut Sink) -> Result<(), StoreError> {
        let mut changes = changes.into_sweep();
        while let Some(start) = changes.next_place() {
            let chunk = self.chunk_at(&start)?;
            // Most change sets touch one key of a chunk; then the chunk's end need not be looked up.
            let upper = if changes.is_last_point() {
                None
            } else {
                self.chunk_after(&chunk.lower)?.map(|(lower, _)| lower.to_vec())
            };
            let old = chunk.bytes.as_deref().unwrap_or_default();
            let mut reader = self.read(old)?;
            let mut kept = Vec::new();
            while let Some((key, value)) = reader.next_entry().map_err(|e| self.failed(e))? {
                kept.push((key.to_vec(), value));
            }
            let merged = changes.merge_chunk(chunk.lower[0], &kept, upper.as_deref());
            self.write_chunk(&chunk, &merged, sink)?;
        }
        Ok(())
    }

    /// Replaces a chunk by as many as its entries need.
    fn write_chunk(
        &self,
        old: &Chunk,
        entries: &[(&[u8], &[u8])],
        sink: &mut Sink,
    ) -> Result<(), StoreError> {
        if entries.is_empty() {
            return if old.bytes.is_some() { self.remove_chunk(&old.lower, sink) } else { Ok(()) };
        }
        let total: usize = entries.iter().map(|(key, value)| entry_bytes(key, value)).sum();
        let pieces = if total <= MAX_CHUNK_BYTES { 1 } else { total.div_ceil(TARGET_CHUNK_BYTES) };
        let mut first = None;
        for piece in split(entries, total.div_ceil(pieces)) {
            let mut builder = ChunkBuilder::new();
            piece.iter().for_each(|(key, value)| builder.push(key, value));
            match first {
                None => first = Some(builder.finish()),
                Some(_) => {
                    let mut lower = vec![old.lower[0]];
                    lower.extend_from_slice(piece[0].0);
                    self.put_chunk(lower, builder.finish(), sink)?;
                }
            }
        }
        // Readers find every entry at all times, because the chunk that shrinks is written last.
        first.map_or(Ok(()), |bytes| self.put_chunk(old.lower.clone(), bytes, sink))
    }

    fn put_chunk(&self, lower: Vec<u8>, bytes: Vec<u8>, sink: &mut Sink) -> Result<(), StoreError> {
        match sink {
            Sink::Batch(batch) => {
                batch.insert(lower, bytes);
                Ok(())
            }
            Sink::Tree => self.guarded(|db| db.insert(lower, bytes)).map(drop),
        }
    }

    fn remove_chunk(&self, lower: &[u8], sink: &mut Sink) -> Result<(), StoreError> {
        match sink {
            Sink::Batch(batch) => {
                batch.remove(lower);
                Ok(())
            }
            Sink::Tree => self.guarded(|db| db.remove(lower)).map(drop),
        }
    }

    // --- guarding ---

    /// Calls sled, turning its errors and its panics into ours.
    fn guarded<T>(&self, call: impl FnOnce(&sled::Db) -> sled::Result<T>) -> Result<T, StoreError> {
        let Some(db) = &self.db else { return Err(self.failed("they are closed")) };
        match catch_unwind(AssertUnwindSafe(|| call(db))) {
            Ok(Ok(value)) => Ok(value),
            Ok(Err(sled::Error::Io(source))) if is_full(&source) => {
                Err(StoreError::Io { action: "write", path: self.path.clone(), source })
            }
            Ok(Err(error)) => Err(self.failed(error)),
            Err(panic) => Err(self.failed(panic_text(panic.as_ref()))),
        }
    }

    fn failed(&self, reason: impl ToString) -> StoreError {
        StoreError::Tables { path: self.path.clone(), reason: reason.to_string() }
    }
}

impl Drop for Tables {
    fn drop(&mut self) {
        let db = self.db.take();
        // sled flushes when it is dropped, which can fail like any other of its calls.
        if catch_unwind(AssertUnwindSafe(|| drop(db))).is_err() {
            tracing::warn!(path = %self.path.display(), "the tables could not be closed");
        }
    }
}

/// A chunk as it was found.
struct Chunk {
    /// Its key in the tree.
    lower: Vec<u8>,
    /// Its entries; `None` if there is no such chunk yet.
    bytes: Option<IVec>,
}

/// Where a scan is.
#[derive(Clone, Debug)]
pub(crate) struct Cursor {
    table: Table,
    prefix: Vec<u8>,
    /// The last key that was given out, or the one to begin behind.
    after: Option<Vec<u8>>,
    /// The key of the chunk that was read last.
    lower: Option<Vec<u8>>,
}

impl Cursor {
    /// A scan of the keys that start with `prefix` and lie behind `after`.
    pub(crate) fn new(table: Table, prefix: &[u8], after: Option<&[u8]>) -> Self {
        Self { table, prefix: prefix.to_vec(), after: after.map(<[u8]>::to_vec), lower: None }
    }

    /// Looks the place up again, in other tables.
    pub(crate) fn restart(&mut self) {
        self.lower = None;
    }
}

/// Fills empty tables from entries in ascending order.
pub(crate) struct BulkLoader<'a> {
    tables: &'a Tables,
    table: Option<Table>,
    lower: Vec<u8>,
    builder: ChunkBuilder,
    bytes: usize,
}

impl<'a> BulkLoader<'a> {
    /// Loads into `tables`, which must be empty.
    pub(crate) fn new(tables: &'a Tables) -> Self {
        Self { tables, table: None, lower: Vec::new(), builder: ChunkBuilder::new(), bytes: 0 }
    }

    /// Adds an entry; its table and key are above all before it.
    pub(crate) fn push(&mut self, table: Table, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        let bytes = entry_bytes(key, value);
        if self.table != Some(table) {
            self.finish_chunk()?;
            self.table = Some(table);
            self.lower = vec![table.prefix()];
        } else if self.bytes + bytes > TARGET_CHUNK_BYTES {
            self.finish_chunk()?;
            self.lower = place(table, key);
        }
        self.builder.push(key, value);
        self.bytes += bytes;
        Ok(())
    }

    /// Writes what is left.
    pub(crate) fn finish(mut self) -> Result<(), StoreError> {
        self.finish_chunk()
    }

    fn finish_chunk(&mut self) -> Result<(), StoreError> {
        if self.bytes == 0 {
            return Ok(());
        }
        self.bytes = 0;
        let chunk = std::mem::replace(&mut self.builder, ChunkBuilder::new()).finish();
        self.tables.put_chunk(std::mem::take(&mut self.lower), chunk, &mut Sink::Tree)
    }
}

/// The key in the tree of a key in a table.
fn place(table: Table, key: &[u8]) -> Vec<u8> {
    let mut place = Vec::with_capacity(1 + key.len());
    place.push(table.prefix());
    place.extend_from_slice(key);
    place
}

/// Cuts entries into runs of about `target` bytes, none of them empty.
fn split<'e, 'a>(
    mut entries: &'e [(&'a [u8], &'a [u8])],
    target: usize,
) -> impl Iterator<Item = &'e [(&'a [u8], &'a [u8])]> {
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fitting = entries.iter().take_while(|(key, value)| {
            let fits = bytes < target;
            bytes += entry_bytes(key, value);
            fits
        });
        let count = fitting.count();
        let (piece, rest) = entries.split_at(count);
        entries = rest;
        (count > 0).then_some(piece)
    })
}

/// Whether a full disk is the reason: then the tables are not damaged, only behind.
fn is_full(error: &std::io::Error) -> bool {
    use std::io::ErrorKind::{QuotaExceeded, StorageFull};
    matches!(error.kind(), StorageFull | QuotaExceeded)
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("sled panicked").to_owned()
}
