//! Shards: some dozen packed nodes, and where each lies.
//!
//! A shard takes two neighboring lines of a cache. They say for each node eight bits of its hash, so that one step leads
//! from the list of shards to the node itself, and a name that does not exist is mostly known not to from these lines
//! alone. Within a group all tags are compared at once, without a branch for each.
//!
//! ```text
//! shard   nodes │ 3 groups: 16 tags, 16 places │ where the nodes of each group start │ step
//! nodes   those that found no place in a group │ those of group 0 │ of group 1 │ of group 2
//! ```

use super::node_list::{NodeList, NodeWriter, STEP};
use super::nodes::Node;

const GROUPS: usize = 3;

/// Places of a group.
const GROUP: usize = 16;

/// A number with a one in each octet.
const ONES: u128 = u128::from_le_bytes([1; 16]);

/// A number with the lower seven bits of each octet set.
const LOW: u128 = 0x7f * ONES;

/// Nodes by the tags of their hashes. Places are taken in order.
#[derive(Clone, Copy, Debug, Default)]
struct Group {
    /// 0 is a free place.
    tags: [u8; GROUP],
    /// Where the nodes lie, in steps from where those of the group start.
    places: [u8; GROUP],
}

impl Group {
    /// The places with a tag: in each octet of a match, the highest bit.
    #[inline]
    fn matches(&self, tag: u8) -> u128 {
        let differences = u128::from_le_bytes(self.tags) ^ (ONES * u128::from(tag));
        !(((differences & LOW) + LOW) | differences | LOW)
    }

    #[inline]
    fn is_full(&self) -> bool {
        self.tags[GROUP - 1] != 0
    }
}

/// One shard. Immutable.
///
/// Invariants: a node lies in the group of its hash or, where that is full, in the next one that is not; when all are
/// full, before the nodes of all groups.
#[derive(Clone, Debug, Default)]
#[repr(align(128))]
pub(crate) struct Shard {
    nodes: NodeList,
    groups: [Group; GROUPS],
    /// Where the nodes of each group start, in steps.
    starts: [u16; GROUPS],
    /// Nodes lie at multiples of [`STEP`] shifted left by this.
    shift: u8,
}

/// What is known of a name's node before its owner was compared.
#[derive(Clone, Copy, Debug, Default)]
pub(super) enum Likely<'a> {
    /// Nothing.
    #[default]
    Unknown,
    /// The name has no node.
    Absent,
    /// If it has a node, then most likely this one.
    Node {
        /// The shard that has it.
        shard: &'a Shard,
        /// Where among the shard's octets it lies.
        place: usize,
    },
}

/// The group in which a search for a hash starts.
#[inline]
fn first_group(hash: u64) -> usize {
    ((hash >> 40 & 0xffff) as usize * GROUPS) >> 16
}

/// The tag of a hash, from bits that choose neither the shard nor the group.
#[inline]
fn tag(hash: u64) -> u8 {
    ((hash >> 32) as u8).max(1)
}

impl Shard {
    #[inline]
    fn step(&self) -> usize {
        STEP << self.shift
    }

    /// Where the nodes lie that have a tag in a group.
    #[inline]
    fn places(&self, group: usize, tag: u8) -> impl Iterator<Item = usize> {
        let (Group { places, .. }, start) = (&self.groups[group], usize::from(self.starts[group]));
        let mut matches = self.groups[group].matches(tag);
        std::iter::from_fn(move || {
            let place = *places.get(matches.trailing_zeros() as usize / 8)?;
            matches &= matches - 1;
            Some((start + usize::from(place)) * self.step())
        })
    }

    /// The node with a hash whose owner is the one looked for.
    #[inline]
    pub(crate) fn find(&self, hash: u64, is_owner: impl Fn(&[u8]) -> bool) -> Option<Node<'_>> {
        let mut group = first_group(hash);
        for _ in 0..GROUPS {
            let mut nodes = self.places(group, tag(hash)).map(|place| self.nodes.at(place));
            if let Some(node) = nodes.find(|node| is_owner(node.relative_owner())) {
                return Some(node);
            }
            if !self.groups[group].is_full() {
                return None;
            }
            group = if group + 1 == GROUPS { 0 } else { group + 1 };
        }
        self.nodes.until(self.first_start(), self.step()).find(|node| is_owner(node.relative_owner()))
    }

    /// Where the nodes end that found no place in a group.
    fn first_start(&self) -> usize {
        usize::from(self.starts[0]) * self.step()
    }

    /// Reads something of both lines.
    #[inline]
    pub(super) fn touch(&self) -> u32 {
        u32::from(self.groups[0].tags[0] ^ self.groups[GROUPS - 1].tags[0]) ^ u32::from(self.shift)
    }

    /// What the two lines tell of a hash.
    #[inline]
    pub(super) fn likely(&self, hash: u64) -> Likely<'_> {
        let group = first_group(hash);
        match self.places(group, tag(hash)).next() {
            Some(place) => Likely::Node { shard: self, place },
            None if self.groups[group].is_full() => Likely::Unknown,
            None => Likely::Absent,
        }
    }

    /// The octets of the nodes.
    #[inline]
    pub(super) fn octets(&self) -> &[u8] {
        self.nodes.octets()
    }

    /// The node at a place that [`Shard::likely`] named.
    #[inline]
    pub(super) fn at(&self, place: usize) -> Node<'_> {
        self.nodes.at(place)
    }

    /// All nodes, in no particular order.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.nodes.nodes(self.step())
    }

    /// Where the nodes lie in memory.
    #[cfg(test)]
    pub(crate) fn address(&self) -> *const u8 {
        self.nodes.address()
    }

    /// The octets this shard takes on the heap, long rdata and chains not counted.
    pub(crate) fn heap_octets(&self) -> usize {
        self.nodes.heap_octets()
    }

    /// A shard of the nodes that were written.
    pub(crate) fn new(writer: &mut NodeWriter) -> Self {
        let members = distribute(writer);
        // With steps as long as the longest node, no place in a group is above 15.
        let (shift, starts, groups) = (0..=u16::BITS as u8)
            .find_map(|shift| {
                lay_out(writer, &members, shift).map(|(starts, groups)| (shift, starts, groups))
            })
            .expect("nodes have less than 64 KiB, and there are less than 65,536 in a shard");
        let nodes = writer.finish_in_order(members.into_iter().flatten(), STEP << shift);
        Self { nodes, groups, starts, shift }
    }
}

/// The numbers of the nodes that found no place in a group, then of those in each group.
type Members = [Vec<usize>; 1 + GROUPS];

fn distribute(writer: &NodeWriter) -> Members {
    let mut members = Members::default();
    for (index, &(hash, _)) in writer.places.iter().enumerate() {
        let first = first_group(hash);
        let mut groups = (first..GROUPS).chain(0..first);
        let free = groups.find(|&group| members[1 + group].len() < GROUP);
        members[free.map_or(0, |group| 1 + group)].push(index);
    }
    members
}

/// Starts and groups if nodes lie at multiples of [`STEP`] shifted left by `shift`; `None` if places do not fit then.
fn lay_out(writer: &NodeWriter, members: &Members, shift: u8) -> Option<([u16; GROUPS], [Group; GROUPS])> {
    let steps = |index: usize| writer.node_octets(index).div_ceil(STEP << shift);
    let mut at: usize = members[0].iter().copied().map(steps).sum();
    let mut starts = [0; GROUPS];
    let mut groups = [Group::default(); GROUPS];
    for ((start, group), members) in starts.iter_mut().zip(&mut groups).zip(&members[1..]) {
        *start = u16::try_from(at).ok()?;
        let mut place = 0;
        for (slot, &index) in members.iter().enumerate() {
            group.tags[slot] = tag(writer.places[index].0);
            group.places[slot] = u8::try_from(place).ok()?;
            place += steps(index);
        }
        at += place;
    }
    Some((starts, groups))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::super::nodes::{Body, NodeDraft, StoredRrset};
    use super::*;
    use crate::record_type::RecordType;

    /// A writer with nodes whose owners say their number, at hashes given by it, with so many octets of rdata.
    fn written(count: u64, hash: impl Fn(u64) -> u64, octets: impl Fn(u64) -> usize) -> NodeWriter {
        let mut writer = NodeWriter::default();
        for number in 0..count {
            let rdata = vec![7; octets(number)];
            let body = Body::Inline(&rdata);
            let rrset = StoredRrset { rtype: RecordType::TXT, ttl_s: 1, body };
            let owner = &number.to_le_bytes();
            let draft = NodeDraft { owner, children: 0, has_wildcard_child: false, rrsets: &[rrset] };
            writer.write(hash(number), &draft);
        }
        writer
    }

    fn assert_holds(count: u64, hash: impl Fn(u64) -> u64, octets: impl Fn(u64) -> usize) -> Shard {
        let shard = Shard::new(&mut written(count, &hash, octets));
        for number in 0..count {
            let found = shard.find(hash(number), |owner| owner == number.to_le_bytes());
            assert!(found.is_some(), "{number} of {count}");
        }
        assert!(shard.find(hash(0), |owner| owner == b"another").is_none());
        assert_eq!(shard.nodes().count() as u64, count);
        shard
    }

    fn spread(number: u64) -> u64 {
        number.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    }

    #[test]
    fn any_number_of_nodes_is_found_also_where_hashes_are_equal() {
        for count in [0, 1, 15, 16, 17, 40, 48, 49, 60, 200] {
            assert_holds(count, spread, |_| 4);
            assert_holds(count, |_| 0x5555_5555_5555_5555, |number| number as usize % 9);
            assert_holds(count, |number| number << 40, |_| 12);
        }
    }

    #[test]
    fn long_nodes_make_the_steps_longer() {
        assert_eq!(assert_holds(40, spread, |_| 4).shift, 0);
        assert!(assert_holds(40, spread, |number| if number == 3 { 500 } else { 100 }).shift > 0);
        assert!(assert_holds(300, spread, |_| 500).shift > 2);
    }

    proptest! {
        #[test]
        fn nodes_of_all_sizes_are_found_also_where_tags_and_groups_are_the_same(
            // Few groups, few tags, and the rest of each hash.
            nodes in prop::collection::vec((0..4_u64, 0..4_u64, 0..2_u64, 0..12_usize, 0..500_usize), 0..120)
        ) {
            let hash = |group: u64, tag: u64, rest: u64| group << 54 | tag << 32 | rest;
            let hashes: Vec<_> = nodes.iter().map(|&(group, tag, rest, ..)| hash(group, tag, rest)).collect();
            let mut writer = NodeWriter::default();
            for (number, &(.., types, octets)) in nodes.iter().enumerate() {
                let rdata = vec![7; octets];
                let rrset = |index: usize| StoredRrset {
                    rtype: RecordType(index as u16),
                    ttl_s: number as u32,
                    body: Body::Inline(&rdata),
                };
                let rrsets: Vec<_> = (0..types).map(rrset).collect();
                let owner = &(number as u64).to_le_bytes();
                let draft = NodeDraft { owner, children: 0, has_wildcard_child: false, rrsets: &rrsets };
                writer.write(hashes[number], &draft);
            }
            let shard = Shard::new(&mut writer);
            prop_assert_eq!(shard.nodes().count(), nodes.len());
            for (number, &hash) in hashes.iter().enumerate() {
                let found = shard.find(hash, |owner| owner == (number as u64).to_le_bytes());
                let rrsets: Vec<_> = found.unwrap().stored().collect();
                prop_assert_eq!(rrsets.len(), nodes[number].3);
                prop_assert!(rrsets.iter().all(|rrset| rrset.ttl_s == number as u32));
            }
            for (group, tag, rest) in (0..64).map(|number| (number / 16, number / 2 % 8, number % 2)) {
                let hash = hash(group, tag, rest);
                match shard.likely(hash) {
                    Likely::Unknown => prop_assert!(nodes.len() >= GROUP),
                    Likely::Absent => prop_assert!(!hashes.contains(&hash)),
                    Likely::Node { place, .. } => {
                        let owner = shard.at(place).relative_owner();
                        let number = u64::from_le_bytes(owner.try_into().unwrap());
                        prop_assert_eq!(super::tag(hashes[number as usize]), super::tag(hash));
                    }
                }
            }
        }
    }

    #[test]
    fn a_shard_takes_two_lines_of_a_cache() {
        assert_eq!((size_of::<Shard>(), align_of::<Shard>()), (128, 128));
    }
}
