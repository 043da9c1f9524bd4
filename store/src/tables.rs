//! The tables: the current value of every key, in sled.
//!
//! One sled tree holds everything. Its keys are a table's byte followed by a key; its values are chunks
//! (`chunk.rs`), each holding the entries from its own key up to the key of the next chunk of the same table.
//! The first chunk of a table is keyed by the table's byte alone. A second tree holds the [`Mark`], which says
//! which revision the tables are at.
//!
//! A group of change sets is written between two marks: the first says that it is there in part, the second
//! that it is there. sled recovers a prefix of what was written to it, so after a crash the mark is right; and
//! operations are absolute, so doing a group again that is there in part mends it. sled's own batches would
//! say the same, but each waits for the disk and holds a copy of all it touches: with them a commit costs
//! several times as much.
//!
//! sled skips some damage to its files without a word when it opens them. So the mark also holds a digest: the
//! sum of the hashes of all chunks, which every write adjusts, and which opening computes anew.
//!
//! sled is not trusted: a damaged file can make it panic as well as err, so every call is guarded and both
//! become [`StoreError::Tables`]. Nothing here has to survive: the journal is the truth.

use std::fs::{self, File, TryLockError};
use std::io::{self, ErrorKind};
use std::ops::Bound;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use sled::IVec;

use crate::changes::Changes;
use crate::chunk::{ChunkBuilder, ChunkReader, MAX_CHUNK_BYTES, TARGET_CHUNK_BYTES, entry_bytes};
use crate::files::Context;
use crate::limits::PIECE_OPS;
use crate::{ChangeSet, Op, StoreError, Table};

/// Name of the tree with the mark, and the mark's key in it.
const MARK: &[u8] = b"mark";

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
    /// Which start of the machine the mark was written in.
    pub boot: u64,
    /// Sum of the hashes of all chunks, unless something is pending.
    pub digest: u64,
}

impl Mark {
    /// Whether the machine went down while the tables were open. sled does not promise to survive that.
    pub(crate) fn is_suspect(&self) -> bool {
        !self.clean && self.boot != boot()
    }

    fn to_bytes(self) -> Vec<u8> {
        let mut bytes = vec![MARK_FORMAT];
        bytes.extend(self.store_id.to_le_bytes());
        bytes.extend(self.applied.to_le_bytes());
        bytes.extend(self.pending.to_le_bytes());
        bytes.extend(self.boot.to_le_bytes());
        bytes.extend(self.digest.to_le_bytes());
        bytes.push(u8::from(self.clean));
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Self> {
        let (&MARK_FORMAT, rest) = bytes.split_first()? else { return None };
        let (store_id, rest) = rest.split_first_chunk()?;
        let (applied, rest) = rest.split_first_chunk()?;
        let (pending, rest) = rest.split_first_chunk()?;
        let (boot, rest) = rest.split_first_chunk()?;
        let (digest, rest) = rest.split_first_chunk()?;
        let [clean @ (0 | 1)] = rest else { return None };
        Some(Self {
            store_id: u64::from_le_bytes(*store_id),
            applied: u64::from_le_bytes(*applied),
            pending: u64::from_le_bytes(*pending),
            clean: *clean == 1,
            boot: u64::from_le_bytes(*boot),
            digest: u64::from_le_bytes(*digest),
        })
    }
}

/// The tables of one store.
pub(crate) struct Tables {
    /// `None` only while opening and dropping.
    trees: Option<Trees>,
    path: PathBuf,
    store_id: u64,
    /// Sum of the hashes of all chunks; only the one writer changes it.
    digest: AtomicU64,
    /// While set, every mark says that the tables are unfinished.
    building: AtomicBool,
    /// Makes every further call panic inside sled's guard.
    #[cfg(test)]
    pub(crate) broken: AtomicBool,
}

/// What sled gave us.
struct Trees {
    db: sled::Db,
    marks: sled::Tree,
}

impl Tables {
    /// Opens existing tables, reads their mark and checks that they hold what it says.
    pub(crate) fn open(path: &Path, cache_bytes: u64) -> Result<(Self, Mark), StoreError> {
        let mut tables = Self::open_trees(path, cache_bytes, 0)?;
        let mark = tables.guarded(|trees| trees.marks.get(MARK))?;
        let mark = mark
            .and_then(|bytes| Mark::from_bytes(&bytes))
            .ok_or_else(|| tables.failed("they do not say which revision they are at"))?;
        tables.store_id = mark.store_id;
        let digest = tables.compute_digest()?;
        tables.digest.store(digest, Ordering::Relaxed);
        if mark.pending == 0 && mark.digest != digest {
            return Err(tables.failed("they do not hold what was written to them"));
        }
        Ok((tables, mark))
    }

    /// Makes empty tables, unfinished until [`Tables::finish_building`].
    pub(crate) fn create(path: &Path, cache_bytes: u64, store_id: u64) -> Result<Self, StoreError> {
        let tables = Self::open_trees(path, cache_bytes, store_id)?;
        tables.building.store(true, Ordering::Relaxed);
        tables.set_mark(0, 0, false)?;
        Ok(tables)
    }

    fn open_trees(path: &Path, cache_bytes: u64, store_id: u64) -> Result<Self, StoreError> {
        if !wait_for_release(path)? {
            return Err(StoreError::DirInUse { dir: path.to_owned() });
        }
        let mut tables = Self {
            trees: None,
            path: path.to_owned(),
            store_id,
            digest: AtomicU64::new(0),
            building: AtomicBool::new(false),
            #[cfg(test)]
            broken: AtomicBool::new(false),
        };
        let config = sled::Config::new().path(path).cache_capacity(cache_bytes).flush_every_ms(None);
        let open = || {
            let db = config.open()?;
            let marks = db.open_tree(MARK)?;
            Ok(Trees { db, marks })
        };
        tables.trees = Some(match catch_unwind(AssertUnwindSafe(open)) {
            Ok(Ok(trees)) => trees,
            Ok(Err(sled::Error::Io(source))) if is_full(&source) => {
                return Err(StoreError::Io { action: "open", path: path.to_owned(), source });
            }
            Ok(Err(error)) => return Err(tables.failed(error)),
            Err(panic) => return Err(tables.failed(panic_text(panic.as_ref()))),
        });
        Ok(tables)
    }

    /// Adds up the hashes of all chunks.
    fn compute_digest(&self) -> Result<u64, StoreError> {
        let mut digest = 0u64;
        let mut last = IVec::default();
        // Each step is a search of its own: one long iteration keeps sled from freeing what it read.
        loop {
            let range = (Bound::Excluded(&last), Bound::<&IVec>::Unbounded);
            let next = self.guarded(|trees| trees.db.range::<&IVec, _>(range).next().transpose())?;
            let Some((lower, bytes)) = next else { return Ok(digest) };
            digest = digest.wrapping_add(chunk_hash(&lower, &bytes));
            last = lower;
        }
    }

    /// Whether there is a folder of tables at all.
    pub(crate) fn exist(path: &Path) -> bool {
        fs::symlink_metadata(path).is_ok()
    }

    // --- reading ---

    /// The value of a key.
    pub(crate) fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let place = place(table, key);
        self.value_at(self.chunk_at(&place)?, &place)
    }

    /// The value of a place, given the chunk that was found for it.
    ///
    /// That chunk may have been split while it was looked for: the search goes from right to left, so it may miss the
    /// new chunk and still find the old one without what went there. So behind the last entry the next chunk counts.
    fn value_at(&self, found: Chunk, place: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let Chunk { mut lower, mut bytes } = found;
        while let Some(chunk) = bytes {
            let mut reader = self.read(&chunk)?;
            while let Some((key, value)) = reader.next_entry().map_err(|e| self.failed(e))? {
                if key >= &place[1..] {
                    return Ok((key == &place[1..]).then(|| value.to_vec()));
                }
            }
            let next = self.chunk_after(&lower)?.filter(|(next, _)| **next <= *place);
            bytes = next.map(|(next, chunk)| {
                lower = next.to_vec();
                chunk
            });
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
        // Keys ascend: behind the first that is far enough, none needs to be compared.
        let mut is_behind = scan.after.is_none();
        while let Some((key, value)) = reader.next_entry().map_err(|e| self.failed(e))? {
            is_behind = is_behind || scan.after.as_deref().is_some_and(|after| key > after);
            if is_behind && key.starts_with(&scan.prefix) {
                entries.push((key.to_vec(), value.to_vec()));
            }
        }
        Ok(entries)
    }

    /// The chunk that holds, or would hold, the entry of this place.
    fn chunk_at(&self, place: &[u8]) -> Result<Chunk, StoreError> {
        let found = self.guarded(|trees| trees.db.range(..=place).next_back().transpose())?;
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
        let next = self.guarded(|trees| trees.db.range::<&[u8], _>(range).next().transpose())?;
        Ok(next.filter(|(next, _)| next.first() == lower.first()))
    }

    fn read<'a>(&self, chunk: &'a [u8]) -> Result<ChunkReader<'a>, StoreError> {
        ChunkReader::new(chunk).map_err(|error| self.failed(error))
    }

    // --- writing ---

    /// Applies change sets, the last of which has revision `last`.
    pub(crate) fn apply(&self, sets: &[ChangeSet], last: u64) -> Result<(), StoreError> {
        self.begin(last.saturating_sub(sets.len() as u64), last)?;
        self.apply_ops(sets.iter().flat_map(|set| &set.ops))?;
        self.set_mark(last, 0, false)
    }

    /// Announces that operations of the change sets up to `pending` follow.
    pub(crate) fn begin(&self, applied: u64, pending: u64) -> Result<(), StoreError> {
        self.set_mark(applied, pending, false)
    }

    /// Applies operations of announced change sets, a bounded number at a time.
    pub(crate) fn apply_ops<'a>(&self, ops: impl IntoIterator<Item = &'a Op>) -> Result<(), StoreError> {
        let mut changes = Changes::default();
        for op in ops {
            op.each(|table, key, action| {
                changes.add(table, key, action);
                if changes.len() < PIECE_OPS { Ok(()) } else { self.write(std::mem::take(&mut changes)) }
            })?;
        }
        self.write(changes)
    }

    /// Says which revision the tables are at.
    pub(crate) fn set_mark(&self, applied: u64, pending: u64, clean: bool) -> Result<(), StoreError> {
        self.write_mark(self.mark(applied, pending, clean))
    }

    /// Writes a mark of any content.
    pub(crate) fn write_mark(&self, mark: Mark) -> Result<(), StoreError> {
        self.guarded(|trees| trees.marks.insert(MARK, mark.to_bytes())).map(drop)
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
        self.guarded(|trees| trees.db.flush()).map(drop)
    }

    fn mark(&self, applied: u64, pending: u64, clean: bool) -> Mark {
        let pending = if self.building.load(Ordering::Relaxed) { UNFINISHED } else { pending };
        let digest = self.digest.load(Ordering::Relaxed);
        Mark { store_id: self.store_id, applied, pending, clean, boot: boot(), digest }
    }

    /// Rewrites every chunk that the changes touch.
    fn write(&self, changes: Changes<'_>) -> Result<(), StoreError> {
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
            self.write_chunk(&chunk, &merged)?;
        }
        Ok(())
    }

    /// Replaces a chunk by as many as its entries need.
    fn write_chunk(&self, old: &Chunk, entries: &[(&[u8], &[u8])]) -> Result<(), StoreError> {
        if entries.is_empty() {
            return self.replace_chunk(&old.lower, old.bytes.as_deref(), None);
        }
        let total: usize = entries.iter().map(|(key, value)| entry_bytes(key, value)).sum();
        let pieces = if total <= MAX_CHUNK_BYTES { 1 } else { total.div_ceil(TARGET_CHUNK_BYTES) };
        let pieces: Vec<_> = split(entries, total.div_ceil(pieces)).collect();
        // The last one first: readers find every entry at all times, in the chunk that shrinks until that is written.
        for (index, piece) in pieces.iter().enumerate().rev() {
            let mut builder = ChunkBuilder::new();
            piece.iter().for_each(|(key, value)| builder.push(key, value));
            let (lower, bytes) = match index {
                0 => (old.lower.clone(), old.bytes.as_deref()),
                _ => ([&old.lower[..1], piece[0].0].concat(), None),
            };
            self.replace_chunk(&lower, bytes, Some(builder.finish()))?;
        }
        Ok(())
    }

    /// Puts or removes a chunk, and keeps the digest.
    fn replace_chunk(
        &self,
        lower: &[u8],
        old: Option<&[u8]>,
        new: Option<Vec<u8>>,
    ) -> Result<(), StoreError> {
        let hash = |bytes| chunk_hash(lower, bytes);
        let change = new.as_deref().map_or(0, hash).wrapping_sub(old.map_or(0, hash));
        self.digest.fetch_add(change, Ordering::Relaxed);
        match (old, new) {
            (_, Some(bytes)) => self.guarded(|trees| trees.db.insert(lower, bytes)).map(drop),
            (Some(_), None) => self.guarded(|trees| trees.db.remove(lower)).map(drop),
            (None, None) => Ok(()),
        }
    }

    // --- guarding ---

    /// Calls sled, turning its errors and its panics into ours.
    fn guarded<T>(&self, call: impl FnOnce(&Trees) -> sled::Result<T>) -> Result<T, StoreError> {
        let Some(trees) = &self.trees else { return Err(self.failed("they are closed")) };
        let call = || {
            #[cfg(test)]
            assert!(!self.broken.load(Ordering::Relaxed), "broken by a test");
            call(trees)
        };
        match catch_unwind(AssertUnwindSafe(call)) {
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
        let trees = self.trees.take();
        // sled flushes when it is dropped, which can fail like any other of its calls.
        if catch_unwind(AssertUnwindSafe(|| drop(trees))).is_err() {
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
        self.tables.replace_chunk(&self.lower, None, Some(chunk))
    }
}

/// The hash of a chunk under its key: enough to notice accidents.
fn chunk_hash(lower: &[u8], bytes: &[u8]) -> u64 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(lower);
    hasher.update(bytes);
    // Spread over 64 bits (the finalizer of SplitMix64), so that sums of hashes differ like hashes do.
    let mut hash = u64::from(hasher.finalize()) | (bytes.len() as u64) << 32;
    hash = (hash ^ hash >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    hash = (hash ^ hash >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    hash ^ hash >> 31
}

/// A number for the current start of the machine; 0 where the system does not tell.
fn boot() -> u64 {
    static BOOT: OnceLock<u64> = OnceLock::new();
    *BOOT.get_or_init(|| {
        let id = fs::read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        id.iter().fold(0, |number: u64, byte| number.wrapping_mul(31).wrapping_add(u64::from(*byte)))
    })
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

/// Waits until nobody has the tables open; returns whether that came about.
///
/// sled's threads keep its file open, and locked, for a moment after the tables were dropped.
pub(crate) fn wait_for_release(path: &Path) -> Result<bool, StoreError> {
    const PATIENCE: Duration = Duration::from_secs(5);
    const PAUSE: Duration = Duration::from_millis(1);
    let path = path.join("db");
    let file = match File::open(&path) {
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(true),
        opened => opened.context("open", &path)?,
    };
    let deadline = Instant::now() + PATIENCE;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(true),
            Err(TryLockError::Error(error)) => return Err(error).context("lock", &path),
            Err(TryLockError::WouldBlock) if Instant::now() >= deadline => return Ok(false),
            Err(TryLockError::WouldBlock) => thread::sleep(PAUSE),
        }
    }
}

/// Whether a full disk is the reason: then the tables are not damaged, only behind.
fn is_full(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::QuotaExceeded)
}

/// What a panic said.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| panic.downcast_ref::<&str>().copied()).unwrap_or("sled panicked").to_owned()
}

#[cfg(test)]
mod tests;
