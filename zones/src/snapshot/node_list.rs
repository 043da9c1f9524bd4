//! Packed nodes one after the other, and what makes lists of them.

use std::sync::Arc;

use super::nodes::{Node, NodeDraft, Side, Tally};

/// Octets whose multiples nodes start at; lists that shards point into may have larger steps.
pub(super) const STEP: usize = 4;

/// Nodes in one allocation, and what lies aside of them, which is rare and takes one word.
#[derive(Clone, Debug, Default)]
pub(crate) struct NodeList {
    octets: Option<Arc<[u8]>>,
    side: Option<Arc<Box<[Side]>>>,
}

impl NodeList {
    #[inline]
    fn side(&self) -> &[Side] {
        self.side.as_ref().map_or(&[], |side| side)
    }

    /// The nodes as they lie in memory.
    #[inline]
    pub(super) fn octets(&self) -> &[u8] {
        self.octets.as_deref().unwrap_or_default()
    }

    /// The node at a place that something in a shard points to.
    #[inline]
    pub(super) fn at(&self, place: usize) -> Node<'_> {
        Node::at(self.octets(), place, self.side())
    }

    /// The nodes that lie before `end`, one at or behind each multiple of `step`.
    #[inline]
    pub(super) fn until(&self, end: usize, step: usize) -> impl Iterator<Item = Node<'_>> {
        let octets = self.octets();
        let mut place = 0;
        std::iter::from_fn(move || {
            (place < end).then(|| {
                let node = Node::at(octets, place, self.side());
                place += node.octets().len().next_multiple_of(step);
                node
            })
        })
    }

    /// All nodes, in the order in which they lie.
    #[inline]
    pub(super) fn nodes(&self, step: usize) -> impl Iterator<Item = Node<'_>> {
        self.until(self.octets().len(), step)
    }

    /// Where the octets lie.
    #[cfg(test)]
    pub(crate) fn address(&self) -> *const u8 {
        self.octets().as_ptr()
    }

    /// The octets that the list takes on the heap, long rdata and chains not counted.
    pub(super) fn heap_octets(&self) -> usize {
        const ARC_HEADER: usize = 16;
        let octets = self.octets.as_ref().map_or(0, |octets| octets.len() + ARC_HEADER);
        let side =
            |side: &Arc<Box<[Side]>>| size_of_val::<[Side]>(side) + size_of::<Box<[Side]>>() + ARC_HEADER;
        octets + self.side.as_ref().map_or(0, side)
    }
}

/// Packs nodes into lists; keeps its buffers from one list to the next.
#[derive(Default)]
pub(crate) struct NodeWriter {
    /// Nodes one after the other.
    nodes: Vec<u8>,
    side: Vec<Side>,
    /// Hash and place of each node.
    pub(super) places: Vec<(u64, u32)>,
    octets: Vec<u8>,
}

impl NodeWriter {
    /// Adds a node that stays as it is.
    pub(crate) fn copy(&mut self, hash: u64, node: Node<'_>) {
        if node.has_side() {
            // Places in the side list change, so the RRsets are written again.
            let rrsets: Vec<_> = node.stored().collect();
            let draft = NodeDraft {
                owner: node.relative_owner(),
                children: node.children(),
                has_wildcard_child: node.has_wildcard_child(),
                rrsets: &rrsets,
            };
            self.write(hash, &draft);
        } else {
            self.places.push((hash, self.nodes.len() as u32));
            self.nodes.extend_from_slice(node.octets());
        }
    }

    /// Adds a node that is new or changed, and tells how it counts.
    pub(crate) fn write(&mut self, hash: u64, draft: &NodeDraft<'_>) -> Tally {
        let start = self.nodes.len();
        self.places.push((hash, start as u32));
        draft.write(&mut self.nodes, &mut self.side);
        Node::at(&self.nodes, start, &self.side).tally()
    }

    /// Makes a list of the nodes in the order in which they were added, and starts anew.
    pub(crate) fn finish(&mut self) -> NodeList {
        let list = NodeList { octets: shared(&self.nodes), side: self.take_side() };
        self.clear();
        list
    }

    /// How many octets the node has that was added as number `index`.
    pub(super) fn node_octets(&self, index: usize) -> usize {
        Node::at(&self.nodes, self.places[index].1 as usize, &[]).octets().len()
    }

    /// Makes a list of the nodes with these numbers, each at the next multiple of `step`, and starts anew.
    pub(super) fn finish_in_order(&mut self, order: impl Iterator<Item = usize>, step: usize) -> NodeList {
        self.octets.clear();
        for index in order {
            let node = Node::at(&self.nodes, self.places[index].1 as usize, &[]);
            self.octets.extend_from_slice(node.octets());
            self.octets.resize(self.octets.len().next_multiple_of(step), 0);
        }
        let list = NodeList { octets: shared(&self.octets), side: self.take_side() };
        self.clear();
        list
    }

    fn take_side(&mut self) -> Option<Arc<Box<[Side]>>> {
        let side = std::mem::take(&mut self.side);
        (!side.is_empty()).then(|| Arc::new(side.into_boxed_slice()))
    }

    fn clear(&mut self) {
        self.nodes.clear();
        self.places.clear();
    }
}

fn shared(octets: &[u8]) -> Option<Arc<[u8]>> {
    (!octets.is_empty()).then(|| Arc::from(octets))
}
