//! Journal segments: their format, and reading them when anything may be damaged.
//!
//! A segment is a file of fixed capacity, filled with zeros before its first use, so that appending changes
//! nothing but data. It begins with its header, twice, each copy in a sector of its own. Records follow, each
//! beginning at a multiple of 16 bytes:
//!
//! | bytes | what |
//! | --- | --- |
//! | 4 | magic: a change set or a seal |
//! | 4 | CRC-32 of the rest of the header, begun with the store's id |
//! | 4 | payload length |
//! | 4 | CRC-32 of the payload |
//! | 8 | revision |
//! | 8 | first revision of the group: the commit call that wrote the record |
//! | … | payload: operations (`codec.rs`) |
//!
//! A record whose group begins with revision `g` was only written after everything below `g` was on disk, so
//! it *certifies* those revisions: if one of them is unreadable, something acknowledged is damaged. A seal,
//! written when the store closes, has no payload and certifies its own revision too.
//!
//! The store's id is random and secret. It keeps text that merely looks like a record, perhaps because someone
//! stored it as a value, from being taken for one when reading resumes behind damage.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::StoreError;
use crate::files::Context;
use crate::limits::MAX_CHANGE_SET_BYTES;

/// Where the first record begins; the two header copies lie in the sectors before.
pub(crate) const DATA_START: u64 = 1024;
/// Records begin at multiples of this.
pub(crate) const ALIGNMENT: u64 = 16;
/// Bytes before a record's payload.
pub(crate) const RECORD_HEADER_BYTES: u64 = 32;

/// Version of this format.
const FORMAT: u32 = 1;
const SEGMENT_MAGIC: &[u8; 8] = b"SXTNJRNL";
const CHANGE_SET_MAGIC: [u8; 4] = *b"SXcs";
const SEAL_MAGIC: [u8; 4] = *b"SXse";
/// Unit in which disks write; a torn write leaves whole sectors as they were, here: zero.
const SECTOR_BYTES: u64 = 512;
/// This many zeros at the end of a payload that should be something else were not written either.
const UNWRITTEN_BYTES: u64 = 16;
/// Where a record header names its group, which is never 0.
const GROUP_OFFSET: u64 = 24;
/// Offsets of the two header copies.
const HEADER_OFFSETS: [u64; 2] = [0, SECTOR_BYTES];
const SEGMENT_HEADER_BYTES: usize = 40;
/// How much is read at once.
const READ_BYTES: usize = 256 << 10;

/// What a segment says about itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct SegmentHeader {
    /// The store it belongs to.
    pub store_id: u64,
    /// The revision of its first record.
    pub first: u64,
    /// The length that the file has.
    pub capacity: u64,
}

impl SegmentHeader {
    /// The bytes up to [`DATA_START`].
    pub(crate) fn to_bytes(self) -> Vec<u8> {
        let mut copy = SEGMENT_MAGIC.to_vec();
        copy.extend(FORMAT.to_le_bytes());
        copy.extend(self.store_id.to_le_bytes());
        copy.extend(self.first.to_le_bytes());
        copy.extend(self.capacity.to_le_bytes());
        copy.extend(crc32fast::hash(&copy).to_le_bytes());
        let mut bytes = vec![0; DATA_START as usize];
        for offset in HEADER_OFFSETS {
            bytes[offset as usize..][..SEGMENT_HEADER_BYTES].copy_from_slice(&copy);
        }
        bytes
    }

    /// Reads one copy; `Err` is the number of an unknown format.
    fn from_bytes(bytes: &[u8; SEGMENT_HEADER_BYTES]) -> Result<Option<Self>, u32> {
        let (content, crc) = bytes.split_at(SEGMENT_HEADER_BYTES - 4);
        if &bytes[..8] != SEGMENT_MAGIC || crc32fast::hash(content).to_le_bytes() != crc {
            return Ok(None);
        }
        match read_u32(bytes, 8) {
            FORMAT => Ok(Some(Self {
                store_id: read_u64(bytes, 12),
                first: read_u64(bytes, 20),
                capacity: read_u64(bytes, 28),
            })),
            unknown => Err(unknown),
        }
    }

    /// Reads the header of a file; `None` if both copies are unreadable.
    pub(crate) fn read(file: &File, path: &Path) -> Result<Option<Self>, StoreError> {
        for offset in HEADER_OFFSETS {
            let mut copy = [0; SEGMENT_HEADER_BYTES];
            if let Err(error) = file.read_exact_at(&mut copy, offset) {
                if error.kind() == io::ErrorKind::UnexpectedEof {
                    continue;
                }
                return Err(error).context("read", path);
            }
            match Self::from_bytes(&copy) {
                Ok(None) => {}
                Ok(found) => return Ok(found),
                Err(found) => {
                    return Err(StoreError::UnknownFormat { path: path.to_owned(), found, known: FORMAT });
                }
            }
        }
        Ok(None)
    }
}

/// What a record is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum RecordKind {
    /// The change set that made its revision.
    ChangeSet,
    /// The store was closed at its revision.
    Seal,
}

/// The header of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct RecordHeader {
    pub kind: RecordKind,
    pub payload_bytes: u32,
    pub payload_crc: u32,
    pub revision: u64,
    /// First revision of the commit call it belongs to.
    pub group: u64,
}

impl RecordHeader {
    pub(crate) fn to_bytes(self, store_id: u64) -> [u8; RECORD_HEADER_BYTES as usize] {
        let magic = match self.kind {
            RecordKind::ChangeSet => CHANGE_SET_MAGIC,
            RecordKind::Seal => SEAL_MAGIC,
        };
        let mut bytes = [0; RECORD_HEADER_BYTES as usize];
        bytes[..4].copy_from_slice(&magic);
        bytes[8..12].copy_from_slice(&self.payload_bytes.to_le_bytes());
        bytes[12..16].copy_from_slice(&self.payload_crc.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.revision.to_le_bytes());
        bytes[24..].copy_from_slice(&self.group.to_le_bytes());
        let crc = Self::crc(&bytes, store_id);
        bytes[4..8].copy_from_slice(&crc.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8; RECORD_HEADER_BYTES as usize], store_id: u64) -> Option<Self> {
        let kind = match [bytes[0], bytes[1], bytes[2], bytes[3]] {
            CHANGE_SET_MAGIC => RecordKind::ChangeSet,
            SEAL_MAGIC => RecordKind::Seal,
            _ => return None,
        };
        let header = Self {
            kind,
            payload_bytes: read_u32(bytes, 8),
            payload_crc: read_u32(bytes, 12),
            revision: read_u64(bytes, 16),
            group: read_u64(bytes, 24),
        };
        let genuine = read_u32(bytes, 4) == Self::crc(bytes, store_id)
            && u64::from(header.payload_bytes) <= MAX_CHANGE_SET_BYTES;
        genuine.then_some(header)
    }

    fn crc(bytes: &[u8; RECORD_HEADER_BYTES as usize], store_id: u64) -> u32 {
        let mut hasher = crc32fast::Hasher::new();
        hasher.update(&store_id.to_le_bytes());
        hasher.update(&bytes[..4]);
        hasher.update(&bytes[8..]);
        hasher.finalize()
    }

    /// The highest revision of which this record proves that it was on disk.
    pub(crate) fn certifies(&self) -> u64 {
        match self.kind {
            RecordKind::ChangeSet => self.group.saturating_sub(1),
            RecordKind::Seal => self.revision,
        }
    }

    /// What the record takes in the file, with its padding.
    pub(crate) fn stored_bytes(&self) -> u64 {
        record_bytes(u64::from(self.payload_bytes))
    }
}

/// What a record with this payload takes in the file.
pub(crate) fn record_bytes(payload_bytes: u64) -> u64 {
    (RECORD_HEADER_BYTES + payload_bytes).next_multiple_of(ALIGNMENT)
}

/// How a stretch of a segment became unreadable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Cause {
    /// It looks like a write that the end of the power or the process cut short: sectors are still zero.
    Torn,
    /// It was written in full and changed afterwards, or the file is shorter than it was.
    Damaged,
}

/// An unreadable stretch of a segment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Damage {
    pub offset: u64,
    /// The revision that was there, if its header is readable.
    pub revision: Option<u64>,
    pub cause: Cause,
}

/// A stretch of a segment.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// A record, complete and intact.
    Record { offset: u64, header: RecordHeader },
    /// Something else.
    Damage(Damage),
}

/// Reads a segment from its first record on.
pub(crate) struct SegmentReader {
    file: File,
    path: PathBuf,
    store_id: u64,
    position: u64,
    length: u64,
    buffer: Vec<u8>,
    /// File offset of the buffer's first byte.
    buffer_start: u64,
}

impl SegmentReader {
    /// Reads the file, taking records of the store `store_id` for genuine.
    pub(crate) fn open(path: &Path, store_id: u64) -> Result<Self, StoreError> {
        let file = File::open(path).context("open", path)?;
        let length = file.metadata().context("read", path)?.len();
        Ok(Self {
            file,
            path: path.to_owned(),
            store_id,
            position: DATA_START,
            length,
            buffer: Vec::new(),
            buffer_start: 0,
        })
    }

    /// Where the next item begins; after the last one, where the next record is to be written.
    pub(crate) fn position(&self) -> u64 {
        self.position
    }

    /// The next item; `None` when only zeros are left.
    pub(crate) fn next_item(&mut self) -> Result<Option<Item>, StoreError> {
        let start = self.position;
        match self.header_at(start)? {
            Some(header) => self.record_at(start, header).map(Some),
            None => {
                let Some(end) = self.resume_behind(start)? else { return Ok(None) };
                self.position = end;
                // An intact header has something in its first half and in its second.
                let torn = self.is_zero(start, start + RECORD_HEADER_BYTES)?
                    || (end - start <= RECORD_HEADER_BYTES && self.is_zero(start + GROUP_OFFSET, end)?)
                    || self.has_unwritten_sector(start, end)?;
                let cause = if torn { Cause::Torn } else { Cause::Damaged };
                Ok(Some(Item::Damage(Damage { offset: start, revision: None, cause })))
            }
        }
    }

    /// The item with this genuine header.
    fn record_at(&mut self, start: u64, header: RecordHeader) -> Result<Item, StoreError> {
        let payload = start + RECORD_HEADER_BYTES;
        let end = payload + u64::from(header.payload_bytes);
        let damage = |cause| Item::Damage(Damage { offset: start, revision: Some(header.revision), cause });
        if end > self.length {
            self.position = self.length;
            return Ok(damage(Cause::Damaged));
        }
        self.position = (start + header.stored_bytes()).min(self.length);
        if self.crc_of(payload, end)? == header.payload_crc {
            return Ok(Item::Record { offset: start, header });
        }
        let torn = self.is_zero(end.saturating_sub(UNWRITTEN_BYTES).max(payload), end)?
            || self.has_unwritten_sector(start, end)?;
        Ok(damage(if torn { Cause::Torn } else { Cause::Damaged }))
    }

    /// The payload of a record, without checking it again.
    pub(crate) fn payload(&self, offset: u64, header: &RecordHeader) -> PayloadReader<'_> {
        let start = offset + RECORD_HEADER_BYTES;
        PayloadReader {
            file: &self.file,
            position: start,
            end: start + u64::from(header.payload_bytes),
            buffer: Vec::new(),
            taken: 0,
        }
    }

    /// The header of a record at this offset, if there is a genuine one.
    fn header_at(&mut self, offset: u64) -> Result<Option<RecordHeader>, StoreError> {
        let store_id = self.store_id;
        let bytes = self.bytes_at(offset)?.first_chunk();
        Ok(bytes.and_then(|bytes| RecordHeader::from_bytes(bytes, store_id)))
    }

    /// Where reading goes on behind something unreadable at `start`: at the next genuine header, or behind
    /// the last byte that is not zero. `None` if there is nothing but zeros.
    fn resume_behind(&mut self, start: u64) -> Result<Option<u64>, StoreError> {
        let mut written = None;
        let mut offset = start;
        while offset < self.length {
            if offset > start && self.header_at(offset)?.is_some() {
                return Ok(Some(offset));
            }
            let bytes = self.bytes_at(offset)?;
            // Whole runs of zeros are passed at once; they are most of a segment.
            let zeros = bytes.iter().take_while(|byte| **byte == 0).count() as u64;
            if zeros >= ALIGNMENT {
                offset += zeros / ALIGNMENT * ALIGNMENT;
            } else {
                if zeros < bytes.len() as u64 {
                    written = Some((offset + ALIGNMENT).min(self.length));
                }
                offset += ALIGNMENT;
            }
        }
        Ok(written)
    }

    /// Whether a sector that overlaps the range holds nothing but zeros behind the range's beginning.
    fn has_unwritten_sector(&mut self, start: u64, end: u64) -> Result<bool, StoreError> {
        let mut at = start;
        while at < end {
            let next = (at / SECTOR_BYTES + 1) * SECTOR_BYTES;
            if self.is_zero(at, next.min(self.length))? {
                return Ok(true);
            }
            at = next;
        }
        Ok(false)
    }

    fn is_zero(&mut self, start: u64, end: u64) -> Result<bool, StoreError> {
        let mut at = start;
        while at < end {
            let bytes = self.bytes_at(at)?;
            let bytes = &bytes[..bytes.len().min((end - at) as usize)];
            if bytes.is_empty() {
                return Ok(true);
            }
            if bytes.iter().any(|byte| *byte != 0) {
                return Ok(false);
            }
            at += bytes.len() as u64;
        }
        Ok(true)
    }

    fn crc_of(&mut self, start: u64, end: u64) -> Result<u32, StoreError> {
        let mut hasher = crc32fast::Hasher::new();
        let mut at = start;
        while at < end {
            let bytes = self.bytes_at(at)?;
            let bytes = &bytes[..bytes.len().min((end - at) as usize)];
            if bytes.is_empty() {
                break;
            }
            hasher.update(bytes);
            at += bytes.len() as u64;
        }
        Ok(hasher.finalize())
    }

    /// The bytes from this offset on: at least a record header's worth, unless the file ends before.
    fn bytes_at(&mut self, offset: u64) -> Result<&[u8], StoreError> {
        let buffered = self.buffer_start + self.buffer.len() as u64;
        let wanted = (offset + RECORD_HEADER_BYTES).min(self.length);
        if offset < self.buffer_start || wanted > buffered {
            let length = self.length.saturating_sub(offset).min(READ_BYTES as u64);
            self.buffer.resize(length as usize, 0);
            self.buffer_start = offset;
            if let Err(error) = self.file.read_exact_at(&mut self.buffer, offset) {
                self.buffer.clear();
                return Err(error).context("read", &self.path);
            }
        }
        Ok(self.buffer.get((offset - self.buffer_start) as usize..).unwrap_or(&[]))
    }
}

/// Reads the payload of a record piece by piece.
pub(crate) struct PayloadReader<'a> {
    file: &'a File,
    position: u64,
    end: u64,
    buffer: Vec<u8>,
    taken: usize,
}

impl Read for PayloadReader<'_> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.taken == self.buffer.len() {
            let length = (self.end - self.position).min(READ_BYTES as u64) as usize;
            self.buffer.resize(length, 0);
            self.file.read_exact_at(&mut self.buffer, self.position)?;
            self.position += length as u64;
            self.taken = 0;
        }
        let count = (&self.buffer[self.taken..]).read(out)?;
        self.taken += count;
        Ok(count)
    }
}

/// A little-endian number in a header. The offsets are constants within fixed-size arrays.
fn read_u32(bytes: &[u8], offset: usize) -> u32 {
    let mut number = [0; 4];
    number.copy_from_slice(&bytes[offset..offset + 4]);
    u32::from_le_bytes(number)
}

/// See [`read_u32`].
fn read_u64(bytes: &[u8], offset: usize) -> u64 {
    let mut number = [0; 8];
    number.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_le_bytes(number)
}
