//! The snapshot: everything that queries read, immutable and shared.
//!
//! ```text
//! Snapshot ── Apexes: shards of zones by apex ── Zone ── Table: packed nodes by relative owner, few in a list,
//!                                                             many in shards
//! ```
//!
//! Names hash into shards of some dozen entries. A lookup meets the list of shards, the shard and the node, and
//! nothing else. A change makes one shard again and shares the rest, so that a publish costs what changed and not
//! what there is ([`World`]). Names that came together are looked up together ([`Snapshot::find_zones`]).
//!
//! Owners are relative to the apex: a linked zone is answered from its target's tables.

mod apexes;
mod edits;
pub(crate) mod hash;
mod links;
mod lookup;
mod node_list;
mod nodes;
mod query_name;
mod rdata_list;
mod shard;
mod shards;
mod soa_names;
mod steered;
mod table;
mod together;
mod world;
mod zone;
mod zone_match;

#[cfg(test)]
mod tests;

use std::sync::Arc;

use arc_swap::ArcSwap;

use crate::name::Name;
use crate::record_type::RecordType;
use apexes::Apexes;

pub use lookup::Lookup;
pub use nodes::{Node, Rrset, RrsetBody};
pub use query_name::QueryName;
pub use rdata_list::{RdataList, Rdatas};
pub use soa_names::{CompressedName, Rest, SoaNames};
pub use steered::Steered;
pub use world::{Update, World};
pub use zone::{SoaView, Zone};
pub use zone_match::ZoneMatch;

pub(crate) use rdata_list::pack;
pub(crate) use steered::SteeredAnswer;

/// Where workers take the snapshot from, and the committer puts the next.
pub type SnapshotCell = Arc<ArcSwap<Snapshot>>;

/// All zones at one revision.
#[derive(Debug, Default)]
pub struct Snapshot {
    /// The number of the last change set that is in it.
    pub revision: u64,
    apexes: Apexes,
}

impl Snapshot {
    /// A snapshot without zones.
    pub fn empty() -> Self {
        Self::default()
    }

    /// A cell with this snapshot in it.
    pub fn into_cell(self) -> SnapshotCell {
        Arc::new(ArcSwap::from_pointee(self))
    }

    /// The zone that answers a question: the one with the longest apex.
    ///
    /// DS belongs to the parent: where a question for it names an apex, the zone above answers if there is
    /// one (RFC 4035, 3.1.4.1). A linked zone whose target does not exist answers nothing.
    #[inline]
    pub fn find_zone<'a>(&'a self, name: &QueryName, rtype: RecordType) -> Option<ZoneMatch<'a>> {
        let found = self.apexes.enclosing(name, rtype)?;
        let zone = self.apexes.target(found.zone)?;
        Some(ZoneMatch { zone, ..found })
    }

    /// The zone with an apex; a linked zone is shown as such.
    pub fn zone(&self, apex: &Name) -> Option<&Arc<Zone>> {
        self.apexes.get(apex)
    }

    /// All zones, in no particular order.
    pub fn zones(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.apexes.iter()
    }

    /// How many zones there are.
    pub fn zone_count(&self) -> usize {
        self.apexes.len()
    }
}
