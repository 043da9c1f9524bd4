//! Changes to a zone's nodes, gathered and then made in one go.
//!
//! One record or a million, the way is the same: each change is packed into one growing buffer; sorting
//! brings the changes of an owner together; walking from the deepest owners up finds which nodes appear and
//! disappear, and so the empty non-terminals above them. What comes out is one edit for each node that
//! changes, and [`Table::apply`] rebuilds each shard that holds one of them once.

use std::collections::HashMap;
use std::ops::Range;

use super::hash::{keys, labels};
use super::nodes::{Body, Side, StoredRrset, StoredRrsets};
use super::table::Table;
use crate::record_type::RecordType;

/// An owner in the buffer of [`Edits`], and what planning must know of it. The buffer is large and read in
/// random order, so that each look saved is a cache miss saved.
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerPlace {
    start: usize,
    length: u8,
    /// How many labels the owner has.
    depth: u8,
    is_wildcard: bool,
}

impl OwnerPlace {
    const APEX: Self = Self { start: 0, length: 0, depth: 0, is_wildcard: false };
}

/// One change of an RRset. It lies in the buffer right after its owner.
#[derive(Clone, Copy, Debug)]
struct Staged {
    /// The owner's hash with its bits reversed: the entries of one shard lie together in this order, whatever
    /// the number of shards.
    order: u64,
    owner: OwnerPlace,
    is_absent: bool,
}

/// What happens to one node.
#[derive(Clone, Debug)]
pub(crate) struct NodeEdit {
    /// The owner's hash with its bits reversed.
    pub(crate) order: u64,
    pub(crate) owner: OwnerPlace,
    /// Places in the staged list: the changes of this owner, by type.
    staged: Range<usize>,
    /// How many direct children appear, less those that disappear.
    pub(crate) children: i32,
    /// Whether `*` below appears or disappears.
    pub(crate) wildcard_child: Option<bool>,
}

impl NodeEdit {
    /// An edit without changes of RRsets.
    fn bare(hash: u64, owner: OwnerPlace) -> Self {
        Self { order: hash.reverse_bits(), owner, staged: 0..0, children: 0, wildcard_child: None }
    }

    /// The owner's hash.
    pub(crate) fn hash(&self) -> u64 {
        self.order.reverse_bits()
    }
}

/// The edits of all nodes that change.
pub(crate) struct Plan {
    pub(crate) nodes: Vec<NodeEdit>,
    /// How many nodes appear, less those that disappear.
    pub(crate) growth: isize,
}

/// What children do to their parent.
#[derive(Clone, Copy, Default)]
struct FromChildren {
    children: i32,
    wildcard_child: Option<bool>,
}

/// What children did, by the owner of the parent.
type Parents = HashMap<Box<[u8]>, (OwnerPlace, FromChildren)>;

/// Changes of RRsets, in the order in which they were asked for; the last one for an owner and type counts.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    /// For each change: owner, packed RRset.
    buffer: Vec<u8>,
    staged: Vec<Staged>,
    side: Vec<Side>,
}

/// Gathering.
impl Edits {
    /// Whether nothing is to be done.
    pub(crate) fn is_empty(&self) -> bool {
        self.staged.is_empty()
    }

    /// Puts an RRset at an owner relative to the apex, or takes it away when its body is absent.
    pub(crate) fn stage(&mut self, owner: &[u8], rrset: &StoredRrset<'_>) {
        let place = OwnerPlace {
            start: self.buffer.len(),
            length: u8::try_from(owner.len()).expect("a name has at most 255 octets"),
            depth: labels(owner).count() as u8,
            is_wildcard: owner.starts_with(b"\x01*"),
        };
        let order = keys().relative(owner).reverse_bits();
        self.staged.push(Staged { order, owner: place, is_absent: matches!(rrset.body, Body::Absent) });
        self.buffer.extend_from_slice(owner);
        rrset.write(&mut self.buffer, &mut self.side);
    }

    /// Takes an RRset away.
    pub(crate) fn remove(&mut self, owner: &[u8], rtype: RecordType) {
        self.stage(owner, &StoredRrset { rtype, ttl_s: 0, body: Body::Absent });
    }
}

/// Reading what was gathered.
impl Edits {
    /// The octets of an owner.
    pub(crate) fn owner(&self, place: OwnerPlace) -> &[u8] {
        &self.buffer[place.start..place.start + usize::from(place.length)]
    }

    /// The changed RRsets of a node, each type once; those that go away are absent.
    pub(crate) fn rrsets(&self, edit: &NodeEdit) -> impl Iterator<Item = StoredRrset<'_>> + Clone {
        let staged = &self.staged[edit.staged.clone()];
        staged.iter().enumerate().filter_map(move |(index, this)| {
            let rrset = self.rrset(this);
            let next = staged.get(index + 1).map(|next| self.rrset(next).rtype);
            (next != Some(rrset.rtype)).then_some(rrset)
        })
    }

    fn rrset(&self, staged: &Staged) -> StoredRrset<'_> {
        let octets = &self.buffer[staged.owner.start + usize::from(staged.owner.length)..];
        let rrset = StoredRrsets::new(octets, &self.side).next();
        rrset.expect("each owner in the buffer is followed by an RRset")
    }
}

/// Planning.
impl Edits {
    /// Finds every node that changes, appears or disappears; in the order of [`NodeEdit::order`].
    pub(crate) fn plan(&mut self, table: &Table) -> Plan {
        self.sort();
        let mut nodes = self.group();
        if table.len() == 0 && nodes.iter().all(|edit| edit.owner.depth > 0) {
            // The apex is there from the first edit on.
            nodes.push(NodeEdit::bare(keys().origin, OwnerPlace::APEX));
        }
        let deepest = nodes.iter().map(|edit| edit.owner.depth).max().unwrap_or(0);
        let mut by_depth: Vec<Vec<usize>> = vec![Vec::new(); usize::from(deepest) + 1];
        for (index, edit) in nodes.iter().enumerate() {
            by_depth[usize::from(edit.owner.depth)].push(index);
        }
        let mut growth = 0;
        let mut parents = Parents::new();
        for mut indices in by_depth.into_iter().rev() {
            self.tell_nodes(std::mem::take(&mut parents), &mut indices, &mut nodes);
            for index in indices {
                let change = self.existence_change(table, &nodes[index]);
                growth += change as isize;
                if change != 0 {
                    self.tell_parent(nodes[index].owner, change, &mut parents);
                }
            }
        }
        // Parents were added at the end; the rest is in order already, which this sort makes use of.
        nodes.sort_by_key(|edit| edit.order);
        Plan { nodes, growth }
    }

    /// Brings the changes of an owner together, by type, the last asked for last.
    fn sort(&mut self) {
        let mut staged = std::mem::take(&mut self.staged);
        staged.sort_unstable_by(|left, right| {
            left.order.cmp(&right.order).then_with(|| {
                let key = |at: &Staged| (self.owner(at.owner), self.rrset(at).rtype, at.owner.start);
                key(left).cmp(&key(right))
            })
        });
        self.staged = staged;
    }

    /// One edit for each owner with changes of its own.
    fn group(&self) -> Vec<NodeEdit> {
        let mut nodes = Vec::with_capacity(self.staged.len());
        let mut start = 0;
        let same = |a: &Staged, b: &Staged| a.order == b.order && self.owner(a.owner) == self.owner(b.owner);
        for group in self.staged.chunk_by(same) {
            let Staged { order, owner, .. } = group[0];
            let staged = start..start + group.len();
            start = staged.end;
            nodes.push(NodeEdit { order, owner, staged, children: 0, wildcard_child: None });
        }
        nodes
    }

    /// Hands what children did to the edits of their parents at one depth, and adds edits for parents
    /// that have none.
    fn tell_nodes(&self, mut parents: Parents, indices: &mut Vec<usize>, nodes: &mut Vec<NodeEdit>) {
        if parents.is_empty() {
            return;
        }
        for &index in indices.iter() {
            let edit = &mut nodes[index];
            if let Some((_, from)) = parents.remove(self.owner(edit.owner)) {
                (edit.children, edit.wildcard_child) = (from.children, from.wildcard_child);
            }
        }
        for (owner, (place, from)) in parents {
            indices.push(nodes.len());
            let FromChildren { children, wildcard_child } = from;
            nodes.push(NodeEdit {
                children,
                wildcard_child,
                ..NodeEdit::bare(keys().relative(&owner), place)
            });
        }
    }

    /// 1 when the node appears, -1 when it disappears, 0 when it stays or stays away.
    fn existence_change(&self, table: &Table, edit: &NodeEdit) -> i32 {
        let old = match table.len() {
            0 => None,
            _ => table.find(edit.hash(), self.owner(edit.owner)),
        };
        let children = i64::from(old.map_or(0, |node| node.children())) + i64::from(edit.children);
        let exists = edit.owner.depth == 0
            || children > 0
            || self.has_rrset(edit)
            || old.is_some_and(|node| {
                node.stored().any(|kept| self.rrsets(edit).all(|changed| changed.rtype != kept.rtype))
            });
        i32::from(exists) - i32::from(old.is_some())
    }

    /// Whether the edit puts an RRset.
    fn has_rrset(&self, edit: &NodeEdit) -> bool {
        match &self.staged[edit.staged.clone()] {
            [] => false,
            [only] => !only.is_absent,
            _ => self.rrsets(edit).any(|rrset| !matches!(rrset.body, Body::Absent)),
        }
    }

    /// Notes at the parent of a node that the node appears or disappears. The apex has no use for a count.
    fn tell_parent(&self, node: OwnerPlace, change: i32, parents: &mut Parents) {
        if node.depth == 0 || (node.depth == 1 && !node.is_wildcard) {
            return;
        }
        let label = self.buffer[node.start] + 1;
        let start = node.start + usize::from(label);
        let mut parent =
            OwnerPlace { start, length: node.length - label, depth: node.depth - 1, is_wildcard: false };
        let octets = self.owner(parent);
        parent.is_wildcard = octets.starts_with(b"\x01*");
        let (_, from) = parents.entry(octets.into()).or_insert((parent, FromChildren::default()));
        if parent.depth > 0 {
            from.children += change;
        }
        if node.is_wildcard {
            from.wildcard_child = Some(change > 0);
        }
    }
}
