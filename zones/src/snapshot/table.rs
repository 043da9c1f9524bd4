//! The nodes of one zone: shards of packed nodes, found by owner, and changed in the time of the change.

use super::edits::{Edits, NodeEdit};
use super::hash::keys;
use super::node_list::{NodeList, NodeWriter, STEP};
use super::nodes::{Body, Node, NodeDraft, StoredRrset, Tally};
use super::shard::Shard;
use super::shards::{Shards, address, parent};

/// Nodes per shard at which a shard is added. Shards that wait for their split hold up to twice as many, and 48 have a
/// place in one. A publish copies one shard, some 1 KiB; the 128 octets that describe a shard are 6.4 for each
/// of its nodes.
const NODES_PER_SHARD: usize = 20;

/// Nodes per shard below which shards are merged. Far from the other bound, so that a zone that stays about
/// as large does not go back and forth.
const FEWEST_NODES_PER_SHARD: usize = 5;

/// Nodes up to which a zone has no shards: looking at all of them is as fast.
const MOST_IN_LIST: usize = 10;

/// Nodes up to which a zone gives up its shards.
const BACK_TO_LIST: usize = 4;

/// All nodes of a zone by owner. Cloning it shares everything.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    content: Content,
    nodes: usize,
}

#[derive(Clone, Debug)]
enum Content {
    Few(NodeList),
    Many(Shards<Shard>),
}

impl Default for Content {
    fn default() -> Self {
        Self::Few(NodeList::default())
    }
}

/// What a search for an owner reads first.
#[derive(Clone, Copy)]
pub(crate) enum Start<'a> {
    /// All nodes there are.
    Nodes(&'a [u8]),
    /// The shard in which the owner belongs.
    Shard(&'a Shard),
}

impl Table {
    /// The node of an owner, given with its hash.
    #[inline]
    pub(crate) fn find(&self, hash: u64, owner: &[u8]) -> Option<Node<'_>> {
        self.search(hash, |candidate| candidate == owner)
    }

    /// The node `*` directly below an owner; the hash is that of the wildcard.
    pub(crate) fn find_wildcard(&self, hash: u64, encloser: &[u8]) -> Option<Node<'_>> {
        self.search(hash, |candidate| candidate.strip_prefix(b"\x01*") == Some(encloser))
    }

    #[inline]
    fn search(&self, hash: u64, is_owner: impl Fn(&[u8]) -> bool) -> Option<Node<'_>> {
        match &self.content {
            Content::Few(list) => list.nodes(STEP).find(|node| is_owner(node.relative_owner())),
            Content::Many(shards) => shards.of(hash).find(hash, is_owner),
        }
    }

    /// Where a search for a hash starts.
    #[inline]
    pub(crate) fn start(&self, hash: u64) -> Start<'_> {
        match &self.content {
            Content::Few(list) => Start::Nodes(list.octets()),
            Content::Many(shards) => Start::Shard(shards.of(hash)),
        }
    }

    /// How many nodes there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        self.nodes
    }

    /// All nodes, in no particular order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        let (few, many) = match &self.content {
            Content::Few(list) => (Some(list), None),
            Content::Many(shards) => (None, Some(shards)),
        };
        let few = few.into_iter().flat_map(|list| list.nodes(STEP));
        few.chain(many.into_iter().flat_map(Shards::iter).flat_map(Shard::nodes))
    }

    /// The octets of all nodes and shards on the heap, long rdata and chains not counted.
    pub(crate) fn heap_octets(&self) -> usize {
        match &self.content {
            Content::Few(list) => list.heap_octets(),
            Content::Many(shards) => {
                let nodes: usize = shards.iter().map(Shard::heap_octets).sum();
                nodes + shards.places() * size_of::<Shard>()
            }
        }
    }

    /// Where the nodes of each shard lie in memory: equal addresses are shared shards.
    #[cfg(test)]
    pub(crate) fn shard_addresses(&self) -> Vec<*const u8> {
        match &self.content {
            Content::Few(list) => vec![list.address()],
            Content::Many(shards) => shards.iter().map(Shard::address).collect(),
        }
    }

    /// Makes edits, rebuilding only the shards that they touch, and tells how the zone's counts change.
    pub(crate) fn apply(&mut self, edits: &mut Edits) -> Tally {
        let plan = edits.plan(self);
        self.nodes = self.nodes.saturating_add_signed(plan.growth);
        let mut writer = NodeWriter::default();
        let mut tally = Tally::default();
        // Room is made before and given up behind the edits: no shard ever holds the nodes of many.
        self.grow(&mut writer);
        match &mut self.content {
            Content::Few(list) => {
                rebuild(list.nodes(STEP), &plan.nodes, edits, &mut writer, &mut tally);
                *list = writer.finish();
            }
            Content::Many(shards) => {
                let count = shards.len();
                let place = |edit: &NodeEdit| address(edit.hash(), count);
                for group in plan.nodes.chunk_by(|a, b| place(a) == place(b)) {
                    let shard = shards.at_mut(place(&group[0]));
                    rebuild(shard.nodes(), group, edits, &mut writer, &mut tally);
                    *shard = Shard::new(&mut writer);
                }
            }
        }
        self.shrink(&mut writer);
        tally
    }

    /// Goes from a list to shards, and adds shards, as the number of nodes calls for it.
    fn grow(&mut self, writer: &mut NodeWriter) {
        if let Content::Few(list) = &self.content {
            if self.nodes <= MOST_IN_LIST {
                return;
            }
            hashed(list.nodes(STEP)).for_each(|(hash, node)| writer.copy(hash, node));
            self.content = Content::Many(Shards::one(Shard::new(writer)));
        }
        let Content::Many(shards) = &mut self.content else { return };
        while self.nodes > shards.len() * NODES_PER_SHARD {
            let new = shards.len();
            shards.push();
            let whole = std::mem::take(shards.at_mut(parent(new)));
            for place in [parent(new), new] {
                for (hash, node) in hashed(whole.nodes()) {
                    if address(hash, new + 1) == place {
                        writer.copy(hash, node);
                    }
                }
                *shards.at_mut(place) = Shard::new(writer);
            }
        }
    }

    /// Goes from shards to a list, or takes shards away, as the number of nodes calls for it.
    fn shrink(&mut self, writer: &mut NodeWriter) {
        let Content::Many(shards) = &mut self.content else { return };
        if self.nodes <= BACK_TO_LIST {
            hashed(shards.iter().flat_map(Shard::nodes)).for_each(|(hash, node)| writer.copy(hash, node));
            self.content = Content::Few(writer.finish());
            return;
        }
        while self.nodes < shards.len() * FEWEST_NODES_PER_SHARD {
            let Some(last) = shards.pop() else { break };
            let kept = shards.at_mut(parent(shards.len()));
            for (hash, node) in hashed(kept.nodes()).chain(hashed(last.nodes())) {
                writer.copy(hash, node);
            }
            *kept = Shard::new(writer);
        }
    }
}

fn hashed<'a>(nodes: impl Iterator<Item = Node<'a>>) -> impl Iterator<Item = (u64, Node<'a>)> {
    nodes.map(|node| (keys().relative(node.relative_owner()), node))
}

/// Writes nodes again with the edits of those that are or belong among them, which are in their order.
fn rebuild<'a>(
    nodes: impl Iterator<Item = Node<'a>>,
    group: &[NodeEdit],
    edits: &Edits,
    writer: &mut NodeWriter,
    tally: &mut Tally,
) {
    let mut done = vec![false; group.len()];
    for (hash, node) in hashed(nodes) {
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
}

/// Writes a node as it is after its edit, unless nothing keeps it alive.
fn merge(old: Option<Node<'_>>, edit: &NodeEdit, edits: &Edits, writer: &mut NodeWriter, tally: &mut Tally) {
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
