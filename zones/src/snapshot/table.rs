//! The nodes of one zone: shards of packed nodes, found by owner, and changed in the time of the change.

use super::edits::{Edits, NodeEdit};
use super::hash::keys;
use super::nodes::{Body, Node, NodeDraft, Shard, ShardWriter, StoredRrset, Tally};
use super::shards::{Shards, address, parent};

/// Nodes per shard at which a shard is added. Shards that wait for their split hold up to twice as many.
/// A publish copies one shard, some 5 KiB, in about 1 µs; the 32 octets that describe a shard are
/// half an octet for each of its nodes. With twice as many, slot and node are more often on different pages, and a
/// query for a name of a large zone costs 1 to 2 % more.
const NODES_PER_SHARD: usize = 64;

/// Nodes per shard below which shards are merged. Far from the other bound, so that a zone that stays about
/// as large does not go back and forth.
const FEWEST_NODES_PER_SHARD: usize = 16;

/// All nodes of a zone by owner. Cloning it shares everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    shards: Shards<Shard>,
    nodes: usize,
}

impl Table {
    /// The node of an owner, given with its hash.
    #[inline]
    pub(crate) fn find(&self, hash: u64, owner: &[u8]) -> Option<Node<'_>> {
        self.shards.of(hash).find(hash, |candidate| candidate == owner)
    }

    /// The node `*` directly below an owner; the hash is that of the wildcard.
    pub(crate) fn find_wildcard(&self, hash: u64, encloser: &[u8]) -> Option<Node<'_>> {
        self.shards.of(hash).find(hash, |candidate| candidate.strip_prefix(b"\x01*") == Some(encloser))
    }

    /// The shard in which a hash belongs.
    #[inline]
    pub(crate) fn shard(&self, hash: u64) -> &Shard {
        self.shards.of(hash)
    }

    /// How many nodes there are.
    pub(crate) fn len(&self) -> usize {
        self.nodes
    }

    /// All nodes, in no particular order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.shards.iter().flat_map(Shard::nodes)
    }

    /// The octets of all shards on the heap, long rdata and chains not counted.
    pub(crate) fn heap_octets(&self) -> usize {
        self.shards.iter().map(|shard| shard.heap_octets() + size_of::<Shard>()).sum()
    }

    /// Where each shard lies in memory: equal addresses are shared shards.
    #[cfg(test)]
    pub(crate) fn shard_addresses(&self) -> Vec<*const u8> {
        self.shards.iter().map(Shard::heap_address).collect()
    }

    /// Makes edits, rebuilding only the shards that they touch, and tells how the zone's counts change.
    pub(crate) fn apply(&mut self, edits: &mut Edits) -> Tally {
        let plan = edits.plan(self);
        self.nodes = self.nodes.saturating_add_signed(plan.growth);
        let mut writer = ShardWriter::default();
        self.resize(&mut writer);
        let shards = self.shards.len();
        let place = |edit: &NodeEdit| address(edit.hash(), shards);
        let mut tally = Tally::default();
        for group in plan.nodes.chunk_by(|a, b| place(a) == place(b)) {
            let shard = self.shards.at_mut(place(&group[0]));
            *shard = rebuild(shard, group, edits, &mut writer, &mut tally);
        }
        tally
    }

    /// Adds or removes shards until there are as many as the nodes need.
    fn resize(&mut self, writer: &mut ShardWriter) {
        while self.nodes > self.shards.len() * NODES_PER_SHARD {
            let new = self.shards.len();
            self.shards.push();
            let whole = std::mem::take(self.shards.at_mut(parent(new)));
            for place in [parent(new), new] {
                for (hash, node) in hashed(&whole) {
                    if address(hash, new + 1) == place {
                        writer.copy(hash, node);
                    }
                }
                *self.shards.at_mut(place) = writer.finish();
            }
        }
        while self.nodes < self.shards.len() * FEWEST_NODES_PER_SHARD {
            let Some(last) = self.shards.pop() else { break };
            let place = parent(self.shards.len());
            let kept = self.shards.at_mut(place);
            for (hash, node) in hashed(kept).chain(hashed(&last)) {
                writer.copy(hash, node);
            }
            *kept = writer.finish();
        }
    }
}

fn hashed(shard: &Shard) -> impl Iterator<Item = (u64, Node<'_>)> {
    shard.nodes().map(|node| (keys().relative(node.relative_owner()), node))
}

/// Makes a shard again with the edits that fall into it, which are in their order.
fn rebuild(
    shard: &Shard,
    group: &[NodeEdit],
    edits: &Edits,
    writer: &mut ShardWriter,
    tally: &mut Tally,
) -> Shard {
    let mut done = vec![false; group.len()];
    for (hash, node) in hashed(shard) {
        let order = hash.reverse_bits();
        let first = group.partition_point(|edit| edit.order < order);
        let same = group[first..].iter().take_while(|edit| edit.order == order);
        let found = same.enumerate().find(|(_, edit)| edits.owner(edit.owner) == node.relative_owner());
        match found {
            None => writer.copy(hash, node),
            Some((index, edit)) => {
                done[first + index] = true;
                tally.subtract(node.tally());
                merge(Some(node), edit, edits, writer, tally);
            }
        }
    }
    for (edit, _) in group.iter().zip(&done).filter(|(_, done)| !**done) {
        merge(None, edit, edits, writer, tally);
    }
    writer.finish()
}

/// Writes a node as it is after its edit, unless nothing keeps it alive.
fn merge(old: Option<Node<'_>>, edit: &NodeEdit, edits: &Edits, writer: &mut ShardWriter, tally: &mut Tally) {
    let owner = edits.owner(edit.owner);
    let rrsets = merged_rrsets(old, edit, edits);
    let children = i64::from(old.map_or(0, |node| node.children())) + i64::from(edit.children);
    let children = u32::try_from(children).unwrap_or(0);
    if rrsets.is_empty() && children == 0 && !owner.is_empty() {
        return;
    }
    let has_wildcard_child =
        edit.wildcard_child.unwrap_or_else(|| old.is_some_and(|node| node.has_wildcard_child()));
    let draft = NodeDraft { owner, children, has_wildcard_child, rrsets: &rrsets };
    tally.add(writer.write(edit.hash(), &draft));
}

/// The RRsets of a node after its edit, by ascending type.
fn merged_rrsets<'a>(old: Option<Node<'a>>, edit: &NodeEdit, edits: &'a Edits) -> Vec<StoredRrset<'a>> {
    let changed = edits.rrsets(edit);
    let mut rrsets: Vec<_> = changed.clone().filter(|rrset| !matches!(rrset.body, Body::Absent)).collect();
    if let Some(old) = old {
        let is_kept = |rrset: &StoredRrset<'_>| changed.clone().all(|changed| changed.rtype != rrset.rtype);
        rrsets.extend(old.stored().filter(is_kept));
        rrsets.sort_unstable_by_key(|rrset| rrset.rtype);
    }
    rrsets
}
