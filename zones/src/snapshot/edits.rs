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

/// Where an owner lies in the buffer of [`Edits`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct OwnerPlace {
    start: usize,
    length: u8,
}

/// One change of an RRset: its owner's hash, and its place in the buffer.
#[derive(Clone, Copy, Debug)]
struct Staged {
    hash: u64,
    place: usize,
}

/// What happens to one node.
#[derive(Clone, Debug)]
pub(crate) struct NodeEdit {
    pub(crate) hash: u64,
    pub(crate) owner: OwnerPlace,
    /// Places in the staged list: the changes of this owner, by type.
    staged: Range<usize>,
    /// How many direct children appear, less those that disappear.
    pub(crate) children: i32,
    /// Whether `*` below appears or disappears.
    pub(crate) wildcard_child: Option<bool>,
}

impl NodeEdit {
    /// The apex, without changes of its own: it is there from the first edit on.
    fn of_apex() -> Self {
        let owner = OwnerPlace { start: 0, length: 0 };
        Self { hash: keys().origin, owner, staged: 0..0, children: 0, wildcard_child: None }
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

/// Changes of RRsets, in the order in which they were asked for; the last one for an owner and type counts.
#[derive(Debug, Default)]
pub(crate) struct Edits {
    /// For each change: owner length, owner, packed RRset.
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
        let length = u8::try_from(owner.len()).expect("a name has at most 255 octets");
        self.staged.push(Staged { hash: keys().relative(owner), place: self.buffer.len() });
        self.buffer.push(length);
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

    /// The changed RRsets of a node, each type once.
    pub(crate) fn rrsets(&self, edit: &NodeEdit) -> impl Iterator<Item = StoredRrset<'_>> {
        let staged = &self.staged[edit.staged.clone()];
        staged.iter().enumerate().filter_map(move |(index, this)| {
            let rrset = self.rrset_at(this.place);
            let next = staged.get(index + 1).map(|next| self.rrset_at(next.place).rtype);
            (next != Some(rrset.rtype)).then_some(rrset)
        })
    }

    fn owner_at(&self, place: usize) -> OwnerPlace {
        OwnerPlace { start: place + 1, length: self.buffer[place] }
    }

    fn rrset_at(&self, place: usize) -> StoredRrset<'_> {
        let owner = self.owner_at(place);
        let octets = &self.buffer[owner.start + usize::from(owner.length)..];
        StoredRrsets::new(octets, &self.side)
            .next()
            .expect("each owner in the buffer is followed by an RRset")
    }
}

/// Planning.
impl Edits {
    /// Finds every node that changes, appears or disappears.
    pub(crate) fn plan(&mut self, table: &Table) -> Plan {
        self.sort();
        let mut nodes = self.group();
        if table.len() == 0 && nodes.iter().all(|edit| edit.owner.length > 0) {
            nodes.push(NodeEdit::of_apex());
        }
        let depths: Vec<u8> = nodes.iter().map(|edit| self.depth(edit.owner)).collect();
        let deepest = depths.iter().copied().max().unwrap_or(0);
        let mut by_depth: Vec<Vec<usize>> = vec![Vec::new(); usize::from(deepest) + 1];
        for (index, depth) in depths.into_iter().enumerate() {
            by_depth[usize::from(depth)].push(index);
        }
        let mut growth = 0;
        let mut from_children: HashMap<Box<[u8]>, (OwnerPlace, FromChildren)> = HashMap::new();
        for depth in (0..by_depth.len()).rev() {
            let mut news = std::mem::take(&mut from_children);
            let mut indices = std::mem::take(&mut by_depth[depth]);
            for &index in &indices {
                let edit = &mut nodes[index];
                if let Some((_, from)) = news.remove(self.owner(edit.owner)) {
                    (edit.children, edit.wildcard_child) = (from.children, from.wildcard_child);
                }
            }
            for (owner, (place, from)) in news {
                indices.push(nodes.len());
                nodes.push(NodeEdit {
                    hash: keys().relative(&owner),
                    owner: place,
                    staged: 0..0,
                    children: from.children,
                    wildcard_child: from.wildcard_child,
                });
            }
            for index in indices {
                let change = self.existence_change(table, &nodes[index]);
                growth += change as isize;
                if change != 0 && depth > 0 {
                    self.tell_parent(nodes[index].owner, change, depth - 1, &mut from_children);
                }
            }
        }
        Plan { nodes, growth }
    }

    /// Brings the changes of an owner together, by type, the last asked for last.
    fn sort(&mut self) {
        let mut staged = std::mem::take(&mut self.staged);
        staged.sort_unstable_by(|left, right| {
            left.hash.cmp(&right.hash).then_with(|| {
                let key = |at: &Staged| {
                    (self.owner(self.owner_at(at.place)), self.rrset_at(at.place).rtype.0, at.place)
                };
                key(left).cmp(&key(right))
            })
        });
        self.staged = staged;
    }

    /// One edit for each owner with changes of its own.
    fn group(&self) -> Vec<NodeEdit> {
        let mut nodes = Vec::with_capacity(self.staged.len());
        let mut start = 0;
        let same = |a: &Staged, b: &Staged| {
            a.hash == b.hash && self.owner(self.owner_at(a.place)) == self.owner(self.owner_at(b.place))
        };
        for group in self.staged.chunk_by(same) {
            let end = start + group.len();
            nodes.push(NodeEdit {
                hash: group[0].hash,
                owner: self.owner_at(group[0].place),
                staged: start..end,
                children: 0,
                wildcard_child: None,
            });
            start = end;
        }
        nodes
    }

    fn depth(&self, owner: OwnerPlace) -> u8 {
        labels(self.owner(owner)).count() as u8
    }

    /// 1 when the node appears, -1 when it disappears, 0 when it stays or stays away.
    fn existence_change(&self, table: &Table, edit: &NodeEdit) -> i32 {
        let owner = self.owner(edit.owner);
        let old = table.find(edit.hash, owner);
        let children = i64::from(old.map_or(0, |node| node.children())) + i64::from(edit.children);
        let exists = owner.is_empty()
            || children > 0
            || self.rrsets(edit).any(|rrset| !matches!(rrset.body, Body::Absent))
            || old.is_some_and(|node| {
                node.stored().any(|kept| self.rrsets(edit).all(|changed| changed.rtype != kept.rtype))
            });
        i32::from(exists) - i32::from(old.is_some())
    }

    /// Notes at the parent of a node that the node appears or disappears. The apex has no use for a count.
    fn tell_parent(
        &self,
        owner: OwnerPlace,
        change: i32,
        parent_depth: usize,
        from_children: &mut HashMap<Box<[u8]>, (OwnerPlace, FromChildren)>,
    ) {
        let octets = self.owner(owner);
        let is_wildcard = octets.starts_with(b"\x01*");
        if parent_depth == 0 && !is_wildcard {
            return;
        }
        let label = octets[0] + 1;
        let parent = OwnerPlace { start: owner.start + usize::from(label), length: owner.length - label };
        let (_, from) =
            from_children.entry(self.owner(parent).into()).or_insert((parent, FromChildren::default()));
        if parent_depth > 0 {
            from.children += change;
        }
        if is_wildcard {
            from.wildcard_child = Some(change > 0);
        }
    }
}
