//! Upper bounds of this crate, with the reason for each.

/// Answers in one record: what a selection of a filter chain can hold.
pub const MAX_ANSWERS: usize = filters::limits::MAX_ANSWERS;

/// Octets of all rdata of a record without a chain. More than that cannot be sent: a message has at most
/// 65,535 octets, and each record takes 12 more for its header.
pub const MAX_STATIC_RDATA: usize = 65_000;

/// Octets of all rdata of a record with a chain, which sends a part of its answers: as if each of
/// [`MAX_ANSWERS`] had 1 KiB.
pub const MAX_STEERED_RDATA: usize = 4 << 20;

/// Regions (answer groups) of one record: an answer has at most one.
pub const MAX_REGIONS: usize = MAX_ANSWERS;

/// Record types at one owner. Real owners have a handful; the bound keeps the search within a node short.
pub const MAX_TYPES_AT_OWNER: usize = 128;

/// Octets of an RRset's rdata up to which it lies in its node. Copying a shard copies them; longer rdata is
/// shared between copies.
pub(crate) const MAX_INLINE_RDATA: usize = 512;

/// Octets of all RRsets of a node up to which they lie in it; further ones are shared between copies.
pub(crate) const MAX_INLINE_RRSETS: usize = 4096;

/// Largest TTL and largest SOA number: 31 bits (RFC 2181, 8).
pub const MAX_TTL: u32 = i32::MAX as u32;

/// Linked records, or linked zones, that are followed one after the other.
pub const MAX_LINKS: usize = 8;

/// Snapshots kept until no worker reads them, so that no worker has to free one. A worker takes up a new
/// snapshot with its next batch of queries; more than a few old ones means that a worker stands still.
pub(crate) const MAX_RETIRED_SNAPSHOTS: usize = 16;
