//! Every bound of this crate, with its reason.

use crate::{ChangeSet, Op, StoreError};

/// Longest key, in bytes: two domain names and a type fit several times over.
pub const MAX_KEY_BYTES: u64 = 4096;

/// Longest value, in bytes: far above the largest document, and small enough to hold one in memory.
pub const MAX_VALUE_BYTES: u64 = 64 << 20;

/// Longest encoded change set, in bytes: record lengths are 32 bits wide on disk, and a zone of several
/// million records fits.
pub const MAX_CHANGE_SET_BYTES: u64 = 1 << 30;

/// Shortest journal segment, in bytes: below it most of a segment would be its header.
pub(crate) const MIN_SEGMENT_BYTES: u64 = 16 << 10;

/// Longest preallocated journal segment, in bytes: preallocation writes as many zeros.
pub(crate) const MAX_SEGMENT_BYTES: u64 = 256 << 20;

/// Change sets of the journal are gathered up to this many operations and [`GROUP_BYTES`] before they are
/// applied together.
pub(crate) const GROUP_OPS: usize = 4096;

/// See [`GROUP_OPS`]. A larger change set is read in pieces.
pub(crate) const GROUP_BYTES: u64 = 1 << 20;

/// Operations that are sorted and written together: sorting takes some 60 bytes for each.
pub(crate) const PIECE_OPS: usize = 1 << 18;

/// Bytes of a larger change set that are read from disk, sorted and written together.
pub(crate) const PIECE_BYTES: u64 = 16 << 20;

/// How many folders of damaged tables are kept for inspection; they are copies of what was rebuilt.
pub(crate) const KEPT_TABLES: usize = 2;

/// Checks that a change set is one that the store can hold, and returns its encoded length in bytes.
pub(crate) fn check(set: &ChangeSet) -> Result<u64, StoreError> {
    let mut total = 0u64;
    for op in &set.ops {
        match op {
            Op::Put { key, value, .. } => check_entry(key.len() as u64, value.len() as u64)?,
            Op::Delete { key, .. } | Op::DeletePrefix { prefix: key, .. } => {
                check_entry(key.len() as u64, 0)?;
            }
            // Each was checked when it was added.
            Op::Puts(_) => {}
        }
        total = total.saturating_add(crate::codec::encoded_bytes(op));
    }
    within("change set", total, MAX_CHANGE_SET_BYTES)?;
    Ok(total)
}

/// Checks the lengths of a key and its value.
pub(crate) fn check_entry(key: u64, value: u64) -> Result<(), StoreError> {
    within("key", key, MAX_KEY_BYTES)?;
    within("value", value, MAX_VALUE_BYTES)
}

/// Refuses what is longer than its limit.
fn within(what: &'static str, bytes: u64, limit: u64) -> Result<(), StoreError> {
    if bytes > limit { Err(StoreError::TooLarge { what, bytes, limit }) } else { Ok(()) }
}
