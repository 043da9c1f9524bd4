//! Nodes packed into octets.
//!
//! ```text
//! node   length u16 │ flags u8 │ owner length u8 │ [children u32] │ owner │ RRsets by ascending type │ 0 to 3 zeros
//! RRset  type u16 │ kind 2 bits, body length 14 bits │ TTL u32 │ body
//! body   rdata, each as length u16 and octets; or, when aside, the place (u32) in the side list
//! ```
//!
//! Owners are relative to the apex, in lower-case wire form without the root's octet. Long rdata and
//! chains lie aside, behind an `Arc`, so that copies stay cheap. Integers are little-endian.
//!
//! An A record at `host0123456` takes 32 octets.

use std::sync::Arc;

use super::rdata_list::RdataList;
use super::steered::Steered;
use crate::limits::{MAX_INLINE_RDATA, MAX_INLINE_RRSETS, MAX_TYPES_AT_OWNER};
use crate::record_type::RecordType;

/// The node has direct children, and their number is there.
const CHILDREN: u8 = 1;
/// The node has an NS RRset and is not the apex: a zone cut.
const CUT: u8 = 2;
/// The node has a DNAME RRset.
const DNAME: u8 = 4;
/// The node `*` directly below this one exists.
const WILDCARD_CHILD: u8 = 8;
/// The node refers to the side list.
const ASIDE: u8 = 16;

const NODE_HEADER: usize = 4;
const RRSET_HEADER: usize = 8;

const KIND_INLINE: u16 = 0;
const KIND_ASIDE: u16 = 1;
const KIND_STEERED: u16 = 2;
const KIND_ABSENT: u16 = 3;
const BODY_BITS: u32 = 14;

#[inline]
fn u16_at(octets: &[u8], at: usize) -> u16 {
    u16::from_le_bytes(*octets[at..].first_chunk().expect("places of nodes lie inside their octets"))
}

#[inline]
fn u32_at(octets: &[u8], at: usize) -> u32 {
    u32::from_le_bytes(*octets[at..].first_chunk().expect("places of nodes lie inside their octets"))
}

/// What is too long, or too alive, to lie in a shard's octets.
#[derive(Clone, Debug)]
pub(crate) enum Side {
    Rdata(Arc<[u8]>),
    Steered(Arc<Steered>),
}

/// The body of an RRset, still shared with where it is stored.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Body<'a> {
    Inline(&'a [u8]),
    Aside(&'a Arc<[u8]>),
    Steered(&'a Arc<Steered>),
    /// Only in edits: the RRset goes away.
    Absent,
}

/// An RRset as stored.
#[derive(Clone, Copy, Debug)]
pub(crate) struct StoredRrset<'a> {
    pub(crate) rtype: RecordType,
    pub(crate) ttl_s: u32,
    pub(crate) body: Body<'a>,
}

impl<'a> StoredRrset<'a> {
    /// Appends the RRset in its packed form, and what must lie aside to `side`.
    pub(crate) fn write(&self, octets: &mut Vec<u8>, side: &mut Vec<Side>) {
        let place = (side.len() as u32).to_le_bytes();
        let (kind, body): (u16, &[u8]) = match self.body {
            Body::Inline(body) => (KIND_INLINE, body),
            Body::Aside(rdata) => {
                side.push(Side::Rdata(Arc::clone(rdata)));
                (KIND_ASIDE, &place)
            }
            Body::Steered(steered) => {
                side.push(Side::Steered(Arc::clone(steered)));
                (KIND_STEERED, &place)
            }
            Body::Absent => (KIND_ABSENT, &[]),
        };
        debug_assert!(body.len() <= MAX_INLINE_RDATA);
        octets.extend_from_slice(&self.rtype.0.to_le_bytes());
        octets.extend_from_slice(&((kind << BODY_BITS) | body.len() as u16).to_le_bytes());
        octets.extend_from_slice(&self.ttl_s.to_le_bytes());
        octets.extend_from_slice(body);
    }
}

/// Reads RRsets one after the other, until fewer octets are left than a header takes.
#[derive(Clone)]
pub(crate) struct StoredRrsets<'a> {
    octets: &'a [u8],
    side: &'a [Side],
}

impl<'a> StoredRrsets<'a> {
    pub(crate) fn new(octets: &'a [u8], side: &'a [Side]) -> Self {
        Self { octets, side }
    }
}

impl<'a> Iterator for StoredRrsets<'a> {
    type Item = StoredRrset<'a>;

    #[inline]
    fn next(&mut self) -> Option<StoredRrset<'a>> {
        let (header, rest) = self.octets.split_first_chunk::<RRSET_HEADER>()?;
        let kind_and_length = u16_at(header, 2);
        let (body, rest) = rest.split_at(usize::from(kind_and_length & ((1 << BODY_BITS) - 1)));
        self.octets = rest;
        let body = match kind_and_length >> BODY_BITS {
            KIND_INLINE => Body::Inline(body),
            KIND_ABSENT => Body::Absent,
            _ => match &self.side[u32_at(body, 0) as usize] {
                Side::Rdata(rdata) => Body::Aside(rdata),
                Side::Steered(steered) => Body::Steered(steered),
            },
        };
        Some(StoredRrset { rtype: RecordType(u16_at(header, 0)), ttl_s: u32_at(header, 4), body })
    }
}

/// All data at one owner name.
#[derive(Clone, Copy)]
pub struct Node<'a> {
    octets: &'a [u8],
    side: &'a [Side],
}

impl<'a> Node<'a> {
    /// A node without data, for a zone that has none.
    pub(crate) const EMPTY: Node<'static> = Node { octets: &[4, 0, 0, 0], side: &[] };

    /// The node whose first octet is at a place.
    #[inline]
    pub(super) fn at(octets: &'a [u8], place: usize, side: &'a [Side]) -> Self {
        let length = usize::from(u16_at(octets, place));
        Self { octets: &octets[place..place + length], side }
    }

    /// The whole node.
    pub(super) fn octets(&self) -> &'a [u8] {
        self.octets
    }

    /// Whether it refers to the side list.
    pub(super) fn has_side(&self) -> bool {
        self.flags() & ASIDE != 0
    }

    #[inline]
    fn flags(&self) -> u8 {
        self.octets[2]
    }

    #[inline]
    fn owner_start(&self) -> usize {
        if self.flags() & CHILDREN == 0 { NODE_HEADER } else { NODE_HEADER + 4 }
    }

    /// The owner relative to the apex: labels in lower-case wire form, without the root's octet.
    #[inline]
    pub fn relative_owner(&self) -> &'a [u8] {
        let start = self.owner_start();
        &self.octets[start..start + usize::from(self.octets[3])]
    }

    /// How many nodes lie directly below; not counted at the apex.
    pub(crate) fn children(&self) -> u32 {
        if self.flags() & CHILDREN == 0 { 0 } else { u32_at(self.octets, NODE_HEADER) }
    }

    /// Whether the node is a zone cut: it has an NS RRset and is not the apex.
    #[inline]
    pub fn is_cut(&self) -> bool {
        self.flags() & CUT != 0
    }

    /// Whether the node has a DNAME RRset.
    #[inline]
    pub fn has_dname(&self) -> bool {
        self.flags() & DNAME != 0
    }

    /// Whether `*` directly below this node exists.
    #[inline]
    pub(crate) fn has_wildcard_child(&self) -> bool {
        self.flags() & WILDCARD_CHILD != 0
    }

    fn is_wildcard(&self) -> bool {
        self.relative_owner().starts_with(b"\x01*")
    }

    #[inline]
    pub(crate) fn stored(&self) -> StoredRrsets<'a> {
        let start = self.owner_start() + usize::from(self.octets[3]);
        StoredRrsets::new(&self.octets[start..], self.side)
    }

    /// The RRset of a type.
    #[inline]
    pub fn rrset(&self, rtype: RecordType) -> Option<Rrset<'a>> {
        self.stored().find(|stored| stored.rtype == rtype).and_then(Rrset::from_stored)
    }

    /// All RRsets, by ascending type.
    pub fn rrsets(&self) -> impl Iterator<Item = Rrset<'a>> {
        self.stored().filter_map(Rrset::from_stored)
    }

    /// Whether the node has no RRset: an empty non-terminal (RFC 4592, 2.2.2), or a bare apex.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.stored().next().is_none()
    }

    /// How this node counts towards what its zone knows of itself.
    pub(crate) fn tally(&self) -> Tally {
        Tally {
            cuts: i32::from(self.is_cut()),
            dnames: i32::from(self.has_dname()),
            wildcards: i32::from(self.is_wildcard()),
            rrsets: self.stored().count() as i32,
        }
    }
}

/// Counts of special nodes of a zone, or changes to them. Two billion RRsets do not fit into memory.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(crate) struct Tally {
    pub(crate) cuts: i32,
    pub(crate) dnames: i32,
    pub(crate) wildcards: i32,
    pub(crate) rrsets: i32,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        self.cuts += other.cuts;
        self.dnames += other.dnames;
        self.wildcards += other.wildcards;
        self.rrsets += other.rrsets;
    }

    pub(crate) fn subtract(&mut self, other: Tally) {
        self.cuts -= other.cuts;
        self.dnames -= other.dnames;
        self.wildcards -= other.wildcards;
        self.rrsets -= other.rrsets;
    }
}

/// The records of one owner and type.
#[derive(Clone, Copy, Debug)]
pub struct Rrset<'a> {
    /// The type.
    pub rtype: RecordType,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// The answers.
    pub body: RrsetBody<'a>,
}

/// The answers of an RRset: always the same, or chosen for each query.
#[derive(Clone, Copy, Debug)]
pub enum RrsetBody<'a> {
    /// Every query gets all of them. Never empty, and without duplicates.
    Static(RdataList<'a>),
    /// A chain chooses.
    Steered(&'a Steered),
}

impl<'a> Rrset<'a> {
    #[inline]
    fn from_stored(stored: StoredRrset<'a>) -> Option<Self> {
        let body = match stored.body {
            Body::Inline(rdata) => RrsetBody::Static(RdataList::new(rdata)),
            Body::Aside(rdata) => RrsetBody::Static(RdataList::new(rdata)),
            Body::Steered(steered) => RrsetBody::Steered(steered),
            Body::Absent => return None,
        };
        Some(Self { rtype: stored.rtype, ttl: stored.ttl_s, body })
    }
}

/// A node about to be packed.
pub(crate) struct NodeDraft<'a> {
    pub(crate) owner: &'a [u8],
    pub(crate) children: u32,
    pub(crate) has_wildcard_child: bool,
    /// By ascending type, each once, none absent. Validation keeps their number below the limit; beyond it they
    /// are left out.
    pub(crate) rrsets: &'a [StoredRrset<'a>],
}

impl NodeDraft<'_> {
    /// Appends the packed node. Rdata that would make the node long is put aside.
    pub(super) fn write(&self, octets: &mut Vec<u8>, side: &mut Vec<Side>) {
        let start = octets.len();
        let side_start = side.len();
        octets.extend_from_slice(&[0, 0, 0, self.owner.len() as u8]);
        let mut flags = 0;
        if self.children > 0 {
            flags |= CHILDREN;
            octets.extend_from_slice(&self.children.to_le_bytes());
        }
        octets.extend_from_slice(self.owner);
        let rrsets_start = octets.len();
        for rrset in self.rrsets.iter().take(MAX_TYPES_AT_OWNER) {
            match (rrset.rtype, rrset.body) {
                (RecordType::NS, _) if !self.owner.is_empty() => flags |= CUT,
                (RecordType::DNAME, _) => flags |= DNAME,
                _ => {}
            }
            match rrset.body {
                Body::Inline(body) if octets.len() - rrsets_start + body.len() > MAX_INLINE_RRSETS => {
                    let aside = Arc::from(body);
                    StoredRrset { body: Body::Aside(&aside), ..*rrset }.write(octets, side);
                }
                _ => rrset.write(octets, side),
            }
        }
        if self.has_wildcard_child {
            flags |= WILDCARD_CHILD;
        }
        if side.len() > side_start {
            flags |= ASIDE;
        }
        octets.resize(start + (octets.len() - start).next_multiple_of(4), 0);
        let length = u16::try_from(octets.len() - start).expect("inline RRsets of a node are bounded");
        octets[start..start + 2].copy_from_slice(&length.to_le_bytes());
        octets[start + 2] = flags;
    }
}
