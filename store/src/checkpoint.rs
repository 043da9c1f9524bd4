//! Checkpoints: the whole state at one revision, in one plain file.
//!
//! The file is written beside its predecessor, brought to disk and renamed over it. It is a sequence of
//! blocks, each (kind, length, CRC-32, content); the CRC also covers the store's id and the block's number, so
//! that no block can be missing, moved or foreign.
//!
//! | block | content |
//! | --- | --- |
//! | head | format, store id, the revision at which copying began |
//! | entries | entries of the tables in ascending order, as put operations |
//! | operations | the operations of the change sets since copying began, in their order |
//! | foot | the revision that the file adds up to, the number of entries, its own number |
//!
//! Commits go on while the entries are copied, so each is in a state between two revisions. Since operations
//! are absolute, doing those of all change sets between the two again, in order, leaves exactly the state at
//! the second; that is why they follow.

use std::fs::{self, File};
use std::io::{self, BufReader, BufWriter, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use crate::codec::{self, invalid};
use crate::files::{Context, sync_dir};
use crate::{Op, StoreError};

/// Name of the checkpoint in the store's folder.
pub(crate) const FILE_NAME: &str = "checkpoint";
/// Name of the one that is being written.
const UNFINISHED: &str = "checkpoint.unfinished";

const MAGIC: &[u8; 8] = b"SXTNCHKP";
/// Version of this format.
const FORMAT: u32 = 1;
/// Kinds of blocks.
const HEAD: u8 = 1;
const ENTRIES: u8 = 2;
const OPERATIONS: u8 = 3;
const FOOT: u8 = 4;
/// Kind, length and CRC.
const BLOCK_HEADER_BYTES: usize = 9;
/// A block is written once it is this long; a large value makes it longer.
const BLOCK_BYTES: usize = 64 << 10;
/// A longer block is not one of ours: the largest operation and what comes before it.
const MAX_BLOCK_BYTES: u32 = (80 << 20) as u32;
/// Length of a head and of a foot block with its header.
const HEAD_BYTES: usize = BLOCK_HEADER_BYTES + 28;
const FOOT_BYTES: usize = BLOCK_HEADER_BYTES + 24;

/// Writes a checkpoint.
pub(crate) struct CheckpointWriter {
    dir: PathBuf,
    path: PathBuf,
    file: BufWriter<File>,
    store_id: u64,
    block: Vec<u8>,
    kind: u8,
    blocks: u64,
    entries: u64,
    bytes: u64,
}

impl CheckpointWriter {
    /// Begins a checkpoint in the store's folder, with entries copied from revision `base` on.
    pub(crate) fn create(dir: &Path, store_id: u64, base: u64) -> Result<Self, StoreError> {
        let path = dir.join(UNFINISHED);
        let file = BufWriter::with_capacity(BLOCK_BYTES * 2, File::create(&path).context("create", &path)?);
        let mut writer = Self {
            dir: dir.to_owned(),
            path,
            file,
            store_id,
            block: MAGIC.to_vec(),
            kind: HEAD,
            blocks: 0,
            entries: 0,
            bytes: 0,
        };
        writer.block.extend(FORMAT.to_le_bytes());
        writer.block.extend(store_id.to_le_bytes());
        writer.block.extend(base.to_le_bytes());
        writer.end_block()?;
        Ok(writer)
    }

    /// Adds an entry, as a put; in ascending order.
    pub(crate) fn push_entry(&mut self, put: &Op) -> Result<(), StoreError> {
        self.entries += 1;
        self.push(ENTRIES, put)
    }

    /// Adds an operation of a change set, after all entries.
    pub(crate) fn push_operation(&mut self, op: &Op) -> Result<(), StoreError> {
        self.push(OPERATIONS, op)
    }

    /// Ends the checkpoint, brings it to disk and puts it in place. Returns its length in bytes.
    pub(crate) fn finish(mut self, revision: u64) -> Result<u64, StoreError> {
        self.end_block()?;
        self.kind = FOOT;
        self.block.extend(revision.to_le_bytes());
        self.block.extend(self.entries.to_le_bytes());
        self.block.extend(self.blocks.to_le_bytes());
        self.end_block()?;
        let file = self.file.into_inner().map_err(io::IntoInnerError::into_error);
        file.and_then(|file| file.sync_all()).context("write", &self.path)?;
        fs::rename(&self.path, self.dir.join(FILE_NAME)).context("rename", &self.path)?;
        sync_dir(&self.dir)?;
        Ok(self.bytes)
    }

    fn push(&mut self, kind: u8, op: &Op) -> Result<(), StoreError> {
        if self.kind != kind || self.block.len() >= BLOCK_BYTES {
            self.end_block()?;
            self.kind = kind;
        }
        codec::encode(op, &mut self.block);
        Ok(())
    }

    fn end_block(&mut self) -> Result<(), StoreError> {
        if self.block.is_empty() {
            return Ok(());
        }
        let length = self.block.len() as u32;
        let crc = block_crc(self.store_id, self.blocks, self.kind, &self.block);
        let mut header = vec![self.kind];
        header.extend(length.to_le_bytes());
        header.extend(crc.to_le_bytes());
        let written = self.file.write_all(&header).and_then(|()| self.file.write_all(&self.block));
        written.context("write", &self.path)?;
        self.bytes += (header.len() + self.block.len()) as u64;
        self.blocks += 1;
        self.block.clear();
        Ok(())
    }
}

/// What the two ends of a checkpoint say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub store_id: u64,
    /// The revision that the file adds up to.
    pub revision: u64,
    pub entries: u64,
    /// Length of the file.
    pub bytes: u64,
}

/// Something in a checkpoint.
pub(crate) enum Part {
    /// An entry, as a put.
    Entry(Op),
    /// An operation to be done after all entries.
    Operation(Op),
}

/// Why a checkpoint could not be used.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// It is damaged; where and how.
    Damaged(String),
    /// Something else went wrong.
    Other(StoreError),
}

impl From<StoreError> for ReadError {
    fn from(error: StoreError) -> Self {
        ReadError::Other(error)
    }
}

/// Reads the ends of the checkpoint in the store's folder; `None` if there is none.
pub(crate) fn summary(dir: &Path) -> Result<Option<Summary>, ReadError> {
    let path = dir.join(FILE_NAME);
    let mut file = match File::open(&path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        opened => opened.context("open", &path)?,
    };
    let bytes = file.metadata().context("read", &path)?.len();
    let store_id = read_head(&mut file, &path)?;
    let foot = file.seek(SeekFrom::End(-(FOOT_BYTES as i64))).and_then(|_| {
        let mut foot = [0; FOOT_BYTES];
        file.read_exact(&mut foot).map(|()| foot)
    });
    let foot = foot.map_err(|error| ReadError::Damaged(format!("its end cannot be read: {error}")))?;
    let (header, content) = foot.split_at(BLOCK_HEADER_BYTES);
    let crc = block_crc(store_id, number(&content[16..]), FOOT, content);
    if header[0] != FOOT || number(&header[5..]) != u64::from(crc) {
        return Err(ReadError::Damaged("it does not end as it should".to_owned()));
    }
    Ok(Some(Summary { store_id, revision: number(&content[..8]), entries: number(&content[8..16]), bytes }))
}

/// Reads the checkpoint through, checking everything, and hands on what is in it.
///
/// What was handed on before an error is to be thrown away.
pub(crate) fn read(
    dir: &Path,
    mut each: impl FnMut(Part) -> Result<(), StoreError>,
) -> Result<Summary, ReadError> {
    let path = dir.join(FILE_NAME);
    let mut file = BufReader::with_capacity(BLOCK_BYTES * 4, File::open(&path).context("open", &path)?);
    let store_id = read_head(&mut file, &path)?;
    let (mut bytes, mut entries) = (HEAD_BYTES as u64, 0u64);
    let mut block = Vec::new();
    for index in 1.. {
        let damaged = |reason: &str| ReadError::Damaged(format!("block {index} at byte {bytes}: {reason}"));
        let kind = match read_block(&mut file, &mut block, store_id, index) {
            Ok(kind) => kind,
            Err(error) => return Err(damaged(&error.to_string())),
        };
        let mut content = block.as_slice();
        match kind {
            ENTRIES | OPERATIONS => {
                while let Some(op) = codec::decode(&mut content).map_err(|e| damaged(&e.to_string()))? {
                    entries += u64::from(kind == ENTRIES);
                    each(if kind == ENTRIES { Part::Entry(op) } else { Part::Operation(op) })?;
                }
            }
            FOOT if content.len() == 24 && number(&content[8..16]) == entries => {
                let revision = number(&content[..8]);
                let bytes = bytes + FOOT_BYTES as u64;
                return Ok(Summary { store_id, revision, entries, bytes });
            }
            _ => return Err(damaged("unexpected")),
        }
        bytes += (BLOCK_HEADER_BYTES + block.len()) as u64;
    }
    Err(ReadError::Damaged("it does not end".to_owned()))
}

/// Reads the first block and returns the store's id.
fn read_head(file: &mut impl Read, path: &Path) -> Result<u64, ReadError> {
    let mut head = [0; HEAD_BYTES];
    let damaged = || ReadError::Damaged("its beginning is unreadable".to_owned());
    file.read_exact(&mut head).map_err(|_| damaged())?;
    let (header, content) = head.split_at(BLOCK_HEADER_BYTES);
    let store_id = number(&content[12..20]);
    if header[0] != HEAD
        || &content[..8] != MAGIC
        || number(&header[1..5]) != content.len() as u64
        || number(&header[5..]) != u64::from(block_crc(store_id, 0, HEAD, content))
    {
        return Err(damaged());
    }
    match number(&content[8..12]) as u32 {
        FORMAT => Ok(store_id),
        found => Err(StoreError::UnknownFormat { path: path.to_owned(), found, known: FORMAT }.into()),
    }
}

/// Reads the next block into `block` and returns its kind.
fn read_block(file: &mut impl Read, block: &mut Vec<u8>, store_id: u64, index: u64) -> io::Result<u8> {
    let mut header = [0; BLOCK_HEADER_BYTES];
    file.read_exact(&mut header)?;
    let length = number(&header[1..5]) as u32;
    if length > MAX_BLOCK_BYTES {
        return Err(invalid("length out of range"));
    }
    block.clear();
    // Reading through `take` grows the block with what is there, not with what a damaged length claims.
    file.take(u64::from(length)).read_to_end(block)?;
    let crc = block_crc(store_id, index, header[0], block);
    if block.len() != length as usize || number(&header[5..]) != u64::from(crc) {
        return Err(invalid("its checksum does not match"));
    }
    Ok(header[0])
}

fn block_crc(store_id: u64, index: u64, kind: u8, content: &[u8]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    hasher.update(&store_id.to_le_bytes());
    hasher.update(&index.to_le_bytes());
    hasher.update(&[kind]);
    hasher.update(content);
    hasher.finalize()
}

/// A little-endian number of up to eight bytes.
fn number(bytes: &[u8]) -> u64 {
    bytes.iter().rev().fold(0, |number, byte| number << 8 | u64::from(*byte))
}
