//! The zone that answers for a name.

use super::hash::keys;
use super::nodes::Node;
use super::query_name::QueryName;
use super::shard::Likely;
use super::zone::Zone;

/// The zone that answers for a name.
#[derive(Clone, Copy)]
pub struct ZoneMatch<'a> {
    /// The zone; for a linked zone this is its target.
    pub zone: &'a Zone,
    /// The label of the name at which the apex begins. The apex's own name is the suffix from there.
    pub apex_label: usize,
    /// What is known of the name's node.
    pub(super) likely: Likely<'a>,
}

impl<'a> ZoneMatch<'a> {
    #[inline]
    pub(super) fn new(zone: &'a Zone, apex_label: usize) -> Self {
        Self { zone, apex_label, likely: Likely::Unknown }
    }

    /// The node of the name, whether or not a cut or a DNAME above hides it.
    #[inline]
    pub(super) fn node(&self, name: &QueryName) -> Option<Node<'a>> {
        match self.likely {
            Likely::Absent => return None,
            Likely::Node { shard, place } => {
                let node = shard.at(place);
                if node.relative_owner() == name.relative(0, self.apex_label) {
                    return Some(node);
                }
            }
            Likely::Unknown => {}
        }
        self.zone.node_at(name, 0, self.apex_label)
    }

    /// The hash under which the name is in the zone's table.
    #[inline]
    pub(super) fn hash(&self, name: &QueryName) -> u64 {
        name.relative_hash(keys(), 0, self.apex_label)
    }
}
