//! Doing again what the journal says.

use std::io::Read;

use crate::journal::SegmentFile;
use crate::limits::{GROUP_BYTES, GROUP_OPS, PIECE_BYTES};
use crate::segment::{Item, RecordHeader, RecordKind, SegmentReader};
use crate::tables::Tables;
use crate::{ChangeSet, Op, StoreError, codec};

/// A stretch of the journal.
#[derive(Clone, Copy)]
pub(crate) struct Stretch<'a> {
    /// All segments, oldest first.
    pub segments: &'a [SegmentFile],
    /// Whose records are genuine.
    pub store_id: u64,
    /// Begins behind this revision.
    pub after: u64,
    /// Ends with this revision.
    pub through: u64,
    pub gaps: Gaps,
}

/// What to do when a change set is missing.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gaps {
    /// Fail.
    Refused,
    /// Go on: the operator accepted the loss.
    Accepted,
}

impl Stretch<'_> {
    /// Hands on every change set of the stretch: its header and its encoded operations.
    pub(crate) fn each(
        &self,
        mut each: impl FnMut(&RecordHeader, &mut dyn Read) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut last = self.after;
        for (index, segment) in self.segments.iter().enumerate() {
            let next = self.segments.get(index + 1);
            if last >= self.through || next.is_some_and(|next| next.first <= last.saturating_add(1)) {
                continue;
            }
            let mut reader = SegmentReader::open(&segment.path, self.store_id)?;
            while let Some(item) = reader.next_item()? {
                let Item::Record { offset, header } = item else { continue };
                if header.kind == RecordKind::Seal || header.revision <= last {
                    continue;
                }
                if header.revision > self.through {
                    break;
                }
                self.check_gap(last, header.revision, segment)?;
                each(&header, &mut reader.payload(offset, &header))?;
                last = header.revision;
            }
        }
        match self.segments.last() {
            Some(segment) if last < self.through => self.check_gap(last, self.through + 1, segment),
            _ => Ok(()),
        }
    }

    /// Applies every change set of the stretch to the tables and returns how many there were.
    pub(crate) fn apply(&self, tables: &Tables) -> Result<u64, StoreError> {
        let mut group = Group::default();
        let mut count = 0;
        self.each(|header, payload| {
            count += 1;
            let bytes = u64::from(header.payload_bytes);
            if bytes > GROUP_BYTES {
                group.apply(tables)?;
                return apply_large(tables, header.revision, payload);
            }
            let ops = read_ops(payload, u64::MAX)?;
            if group.bytes + bytes > GROUP_BYTES || group.ops + ops.len() > GROUP_OPS {
                group.apply(tables)?;
            }
            group.bytes += bytes;
            group.ops += ops.len();
            group.sets.push(ChangeSet { ops });
            group.last = header.revision;
            Ok(())
        })?;
        group.apply(tables)?;
        Ok(count)
    }

    fn check_gap(&self, last: u64, found: u64, segment: &SegmentFile) -> Result<(), StoreError> {
        if found == last + 1 || self.gaps == Gaps::Accepted {
            return Ok(());
        }
        let source = codec::invalid("change sets are missing or unreadable");
        Err(StoreError::Io { action: "replay", path: segment.path.clone(), source })
    }
}

/// Small change sets that reach the tables together.
#[derive(Default)]
struct Group {
    sets: Vec<ChangeSet>,
    bytes: u64,
    ops: usize,
    last: u64,
}

impl Group {
    /// Applies what was gathered and starts anew.
    fn apply(&mut self, tables: &Tables) -> Result<(), StoreError> {
        let group = std::mem::take(self);
        if group.sets.is_empty() { Ok(()) } else { tables.apply(&group.sets, group.last) }
    }
}

/// Applies a change set in pieces.
fn apply_large(tables: &Tables, revision: u64, payload: &mut dyn Read) -> Result<(), StoreError> {
    tables.begin(revision.saturating_sub(1), revision)?;
    loop {
        let ops = read_ops(payload, PIECE_BYTES)?;
        if ops.is_empty() {
            return tables.set_mark(revision, 0, false);
        }
        tables.apply_ops(&ops)?;
    }
}

/// Reads operations until they make up this many bytes or there are no more.
pub(crate) fn read_ops(mut payload: &mut dyn Read, bytes: u64) -> Result<Vec<Op>, StoreError> {
    let mut ops = Vec::new();
    let mut read = 0;
    while read < bytes {
        let decoded = codec::decode(&mut payload);
        let decoded = decoded.map_err(|source| StoreError::Io {
            action: "decode a change set of",
            path: "the journal".into(),
            source,
        })?;
        let Some(op) = decoded else { break };
        read += codec::encoded_bytes(&op);
        ops.push(op);
    }
    Ok(ops)
}
