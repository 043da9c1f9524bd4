//! The journal: the truth about what was acknowledged.
//!
//! Appends change sets to the active segment (`segment.rs`) and waits for the disk once per call. The next
//! segment is prepared ahead of time by [`prepare_spare`], because filling it with zeros takes a while.
//!
//! A call's change sets never spread over two segments, so a failed call is undone in one place. If undoing
//! fails, or the disk did not confirm a write, nobody knows what is on disk; the journal then takes nothing
//! more ([`StoreError::Failed`]).

use std::fs::{self, File, OpenOptions};
use std::io;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::files::{Context, sync_dir};
use crate::segment::{
    DATA_START, RECORD_HEADER_BYTES, RecordHeader, RecordKind, SegmentHeader, record_bytes,
};
use crate::{ChangeSet, Op, StoreError, codec};

/// Encoded bytes are handed to the file in portions of this size.
const WRITE_BYTES: usize = 1 << 20;

/// The append side of the journal.
pub(crate) struct Journal {
    dir: PathBuf,
    segment_bytes: u64,
    active: Active,
    /// All segments in order, the active one last.
    segments: Vec<SegmentFile>,
    failed: Option<String>,
}

/// A segment in the folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct SegmentFile {
    /// The revision of its first record, as its name says.
    pub first: u64,
    pub path: PathBuf,
}

/// The segment that is written to.
struct Active {
    file: File,
    path: PathBuf,
    header: SegmentHeader,
    /// Where the next record goes.
    position: u64,
    #[cfg(test)]
    faults: Faults,
}

/// Makes writes fail, for tests.
#[cfg(test)]
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Faults {
    /// This many writes succeed, then one is cut short and fails.
    pub writes_before_failure: Option<u32>,
    /// The next wait for the disk fails.
    pub sync_fails: bool,
    /// Undoing fails.
    pub undo_fails: bool,
}

/// A segment to go on with.
pub(crate) struct Resume {
    pub path: PathBuf,
    pub header: SegmentHeader,
    pub position: u64,
}

impl Journal {
    /// Starts a new segment behind what there is in the folder.
    pub(crate) fn create(
        dir: &Path,
        segment_bytes: u64,
        store_id: u64,
        first: u64,
        older: Vec<SegmentFile>,
    ) -> Result<Self, StoreError> {
        let header = SegmentHeader { store_id, first, capacity: segment_bytes };
        let active = Active::create(dir, header, segment_bytes)?;
        let mut segments = older;
        segments.retain(|segment| segment.path != active.path);
        segments.push(SegmentFile { first, path: active.path.clone() });
        Ok(Self { dir: dir.to_owned(), segment_bytes, active, segments, failed: None })
    }

    /// Goes on in the last of the segments.
    pub(crate) fn resume(
        dir: &Path,
        segment_bytes: u64,
        last: Resume,
        segments: Vec<SegmentFile>,
    ) -> Result<Self, StoreError> {
        let file = OpenOptions::new().read(true).write(true).open(&last.path).context("open", &last.path)?;
        let active = Active {
            file,
            path: last.path,
            header: last.header,
            position: last.position,
            #[cfg(test)]
            faults: Faults::default(),
        };
        Ok(Self { dir: dir.to_owned(), segment_bytes, active, segments, failed: None })
    }

    /// The segments, oldest first.
    pub(crate) fn segments(&self) -> &[SegmentFile] {
        &self.segments
    }

    /// The id that marks the records of this store.
    pub(crate) fn store_id(&self) -> u64 {
        self.active.header.store_id
    }

    /// Whether the active segment is so full that a spare should be ready.
    pub(crate) fn wants_spare(&self) -> bool {
        self.active.position > self.active.header.capacity / 2
    }

    /// Whether it takes nothing more.
    pub(crate) fn has_failed(&self) -> bool {
        self.failed.is_some()
    }

    /// Takes nothing more, because what is on disk is unknown.
    pub(crate) fn fail(&mut self, reason: String) -> StoreError {
        tracing::error!(reason, "the store takes no more changes");
        self.failed = Some(reason.clone());
        StoreError::Failed { reason }
    }

    /// Appends change sets from revision `first` on and waits until they are on disk.
    ///
    /// `payload_bytes` is the encoded length of each. Returns the bytes that were written.
    ///
    /// # Errors
    /// After [`StoreError::Failed`] it is unknown what is on disk; after any other error it is as before.
    pub(crate) fn append(
        &mut self,
        first: u64,
        sets: &[ChangeSet],
        payload_bytes: &[u64],
    ) -> Result<u64, StoreError> {
        if let Some(reason) = &self.failed {
            return Err(StoreError::Failed { reason: reason.clone() });
        }
        let total = payload_bytes.iter().map(|bytes| record_bytes(*bytes)).sum();
        self.make_room(first, total)?;
        let start = self.active.position;
        if let Err(error) = self.active.write_group(first, sets) {
            if let Err(undo) = self.active.undo_from(start) {
                let reason =
                    format!("writing {} failed: {error}; undoing: {undo}", self.active.path.display());
                return Err(self.fail(reason));
            }
            return Err(error).context("write", &self.active.path);
        }
        // After a failed sync the system may have dropped the data and forgotten the failure, so neither
        // trying again nor undoing would prove anything.
        if let Err(error) = self.active.sync() {
            let reason = format!("the disk did not confirm {}: {error}", self.active.path.display());
            return Err(self.fail(reason));
        }
        self.active.position = start + total;
        Ok(total)
    }

    /// Makes sure that the active segment has room for this many bytes.
    fn make_room(&mut self, first: u64, bytes: u64) -> Result<(), StoreError> {
        if self.active.position.saturating_add(bytes) <= self.active.header.capacity {
            return Ok(());
        }
        let capacity = self.segment_bytes.max(DATA_START + bytes);
        let header = SegmentHeader { store_id: self.store_id(), first, capacity };
        #[cfg(test)]
        let faults = self.active.faults;
        self.active = Active::create(&self.dir, header, self.segment_bytes)?;
        #[cfg(test)]
        self.set_faults(faults);
        // A segment that never got a record has the same name and was replaced.
        self.segments.retain(|segment| segment.first < first);
        self.segments.push(SegmentFile { first, path: self.active.path.clone() });
        Ok(())
    }

    /// Notes that the journal ends at this revision, if there is room.
    pub(crate) fn seal(&mut self, revision: u64) -> Result<(), StoreError> {
        let end = self.active.position + RECORD_HEADER_BYTES;
        if self.failed.is_some() || revision == 0 || end > self.active.header.capacity {
            return Ok(());
        }
        let header = RecordHeader {
            kind: RecordKind::Seal,
            payload_bytes: 0,
            payload_crc: crc32fast::hash(&[]),
            revision,
            group: revision,
        };
        let bytes = header.to_bytes(self.store_id());
        self.active.write_at(&bytes, self.active.position).context("write", &self.active.path)?;
        self.active.sync().context("sync", &self.active.path)?;
        self.active.position = end;
        Ok(())
    }

    /// Removes the segments that hold nothing above `revision`, never the active one.
    pub(crate) fn remove_through(&mut self, revision: u64) -> Result<(), StoreError> {
        while let [oldest, next, ..] = self.segments.as_slice() {
            if next.first > revision.saturating_add(1) {
                break;
            }
            fs::remove_file(&oldest.path).context("remove", &oldest.path)?;
            self.segments.remove(0);
        }
        sync_dir(&self.dir)
    }

    /// Makes the coming writes fail.
    #[cfg(test)]
    pub(crate) fn set_faults(&mut self, faults: Faults) {
        self.active.faults = faults;
    }
}

impl Active {
    /// Makes a segment file that is ready to be written to.
    fn create(dir: &Path, header: SegmentHeader, segment_bytes: u64) -> Result<Self, StoreError> {
        let spare = dir.join(SPARE);
        let usable = header.capacity == segment_bytes
            && fs::metadata(&spare).is_ok_and(|spare| spare.len() == header.capacity);
        let prepared = if usable {
            spare
        } else if header.capacity == segment_bytes {
            write_zeros(dir, UNFINISHED, segment_bytes)?
        } else {
            // Larger than usual: it is about to be filled, so zeros would only be written over.
            let path = dir.join(UNFINISHED);
            File::create(&path).and_then(|file| file.set_len(header.capacity)).context("create", &path)?;
            path
        };
        let file = OpenOptions::new().read(true).write(true).open(&prepared).context("open", &prepared)?;
        file.write_all_at(&header.to_bytes(), 0).context("write", &prepared)?;
        file.sync_all().context("sync", &prepared)?;
        let path = dir.join(segment_name(header.first));
        fs::rename(&prepared, &path).context("rename", &prepared)?;
        sync_dir(dir)?;
        Ok(Self {
            file,
            path,
            header,
            position: DATA_START,
            #[cfg(test)]
            faults: Faults::default(),
        })
    }

    /// Writes one record for each change set, from the current position on.
    fn write_group(&mut self, first: u64, sets: &[ChangeSet]) -> io::Result<()> {
        let mut buffer = Vec::with_capacity(4096);
        let mut buffer_at = self.position;
        for (revision, set) in (first..).zip(sets) {
            let header_at = buffer_at + buffer.len() as u64;
            buffer.resize(buffer.len() + RECORD_HEADER_BYTES as usize, 0);
            let mut payload_bytes = 0;
            let mut hasher = crc32fast::Hasher::new();
            for op in &set.ops {
                payload_bytes += codec::encoded_bytes(op);
                if let Op::Puts(puts) = op {
                    // Encoded already, and perhaps large: written from where it lies.
                    hasher.update(puts.octets());
                    self.write_at(&buffer, buffer_at)?;
                    buffer_at += buffer.len() as u64;
                    buffer.clear();
                    self.write_at(puts.octets(), buffer_at)?;
                    buffer_at += puts.octets().len() as u64;
                    continue;
                }
                let from = buffer.len();
                codec::encode(op, &mut buffer);
                hasher.update(&buffer[from..]);
                if buffer.len() >= WRITE_BYTES {
                    self.write_at(&buffer, buffer_at)?;
                    buffer_at += buffer.len() as u64;
                    buffer.clear();
                }
            }
            let header = RecordHeader {
                kind: RecordKind::ChangeSet,
                payload_bytes: u32::try_from(payload_bytes).map_err(|_| io::ErrorKind::FileTooLarge)?,
                payload_crc: hasher.finalize(),
                revision,
                group: first,
            };
            let bytes = header.to_bytes(self.header.store_id);
            match header_at.checked_sub(buffer_at) {
                Some(offset) => buffer[offset as usize..][..bytes.len()].copy_from_slice(&bytes),
                None => self.write_at(&bytes, header_at)?,
            }
            let end = header_at + header.stored_bytes();
            buffer.resize((end - buffer_at) as usize, 0);
        }
        self.write_at(&buffer, buffer_at)
    }

    /// Makes everything from `start` on zeros again.
    fn undo_from(&mut self, start: u64) -> io::Result<()> {
        #[cfg(test)]
        if self.faults.undo_fails {
            return Err(io::ErrorKind::Other.into());
        }
        self.file.set_len(start)?;
        self.file.set_len(self.header.capacity)?;
        self.file.sync_all()
    }

    fn write_at(&mut self, bytes: &[u8], offset: u64) -> io::Result<()> {
        #[cfg(test)]
        if let Some(left) = &mut self.faults.writes_before_failure {
            let Some(fewer) = left.checked_sub(1) else {
                self.faults.writes_before_failure = None;
                self.file.write_all_at(&bytes[..bytes.len() / 2], offset)?;
                return Err(io::ErrorKind::StorageFull.into());
            };
            *left = fewer;
        }
        self.file.write_all_at(bytes, offset)
    }

    fn sync(&self) -> io::Result<()> {
        #[cfg(test)]
        if self.faults.sync_fails {
            return Err(io::ErrorKind::Other.into());
        }
        self.file.sync_data()
    }
}

/// Name of the prepared next segment.
const SPARE: &str = "spare";
/// Name of a segment that is being prepared for immediate use.
const UNFINISHED: &str = "unfinished";
/// Name of a spare that is being prepared.
const UNFINISHED_SPARE: &str = "unfinished-spare";

/// Prepares the next segment, if there is none in store.
pub(crate) fn prepare_spare(dir: &Path, segment_bytes: u64) -> Result<(), StoreError> {
    let spare = dir.join(SPARE);
    if fs::metadata(&spare).is_ok_and(|file| file.len() == segment_bytes) {
        return Ok(());
    }
    let unfinished = write_zeros(dir, UNFINISHED_SPARE, segment_bytes)?;
    fs::rename(&unfinished, &spare).context("rename", &unfinished)
}

/// Writes a file of zeros and waits for the disk.
fn write_zeros(dir: &Path, name: &str, length: u64) -> Result<PathBuf, StoreError> {
    let path = dir.join(name);
    let file = File::create(&path).context("create", &path)?;
    let zeros = vec![0; WRITE_BYTES.min(length as usize)];
    let mut offset = 0;
    while offset < length {
        let portion = &zeros[..zeros.len().min((length - offset) as usize)];
        file.write_all_at(portion, offset).context("write", &path)?;
        offset += portion.len() as u64;
    }
    file.sync_all().context("sync", &path)?;
    Ok(path)
}

/// The file name of the segment that begins with this revision.
fn segment_name(first: u64) -> String {
    format!("{first:020}.log")
}

/// The segments in a folder, oldest first. Removes what was being prepared when the process ended.
pub(crate) fn list_segments(dir: &Path) -> Result<Vec<SegmentFile>, StoreError> {
    for name in [UNFINISHED, UNFINISHED_SPARE] {
        let path = dir.join(name);
        if path.exists() {
            fs::remove_file(&path).context("remove", &path)?;
        }
    }
    let mut segments = Vec::new();
    for entry in fs::read_dir(dir).context("list", dir)? {
        let path = entry.context("list", dir)?.path();
        let name = path.file_name().and_then(|name| name.to_str());
        let first = name.and_then(|name| name.strip_suffix(".log")?.parse().ok());
        segments.extend(first.map(|first| SegmentFile { first, path }));
    }
    segments.sort_by_key(|segment| segment.first);
    Ok(segments)
}

/// Zeros everything behind the end of a segment's intact records.
pub(crate) fn cut(path: &Path, position: u64, capacity: u64) -> Result<(), StoreError> {
    let file = OpenOptions::new().write(true).open(path).context("open", path)?;
    file.set_len(position).and_then(|()| file.set_len(capacity)).context("cut", path)?;
    file.sync_all().context("sync", path)
}
