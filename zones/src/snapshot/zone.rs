//! One zone of a snapshot.

use super::edits::Edits;
use super::hash::keys;
use super::nodes::{Node, StoredRrset, Tally};
use super::soa_names::SoaNames;
use super::table::Table;
use crate::change::ZoneSettings;
use crate::name::Name;
use crate::record_type::RecordType;

/// A zone as queries see it. Immutable.
///
/// Invariants: a linked zone has no nodes; any other has at least its apex. The counts agree with the nodes.
#[derive(Clone, Debug)]
pub struct Zone {
    pub(super) table: Table,
    /// How many nodes of each special kind there are.
    pub(super) tally: Tally,
    pub(super) apex_has_dname: bool,
    pub(super) apex_has_wildcard_child: bool,
    apex: Name,
    soa: Box<Soa>,
    link: Option<Box<Name>>,
    is_served: bool,
}

#[derive(Clone, Debug)]
struct Soa {
    rdata: Box<[u8]>,
    ttl_s: u32,
    negative_ttl_s: u32,
    serial: u32,
    names: SoaNames,
}

/// The SOA record of a zone. It is made of the zone's settings and is never in a node.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoaView<'a> {
    /// How the names in the rdata are compressed.
    pub names: &'a SoaNames,
    /// The rdata in wire form, names uncompressed.
    pub rdata: &'a [u8],
    /// The TTL where the SOA is the answer, in seconds.
    pub ttl: u32,
    /// The TTL where the SOA goes with a denial, in seconds: the smaller of the TTL and MINIMUM (RFC 2308, 5).
    pub negative_ttl: u32,
    /// The serial.
    pub serial: u32,
}

impl Zone {
    /// An empty zone.
    pub(crate) fn new(settings: &ZoneSettings) -> Self {
        Self {
            table: Table::default(),
            tally: Tally::default(),
            apex_has_dname: false,
            apex_has_wildcard_child: false,
            apex: settings.apex.clone(),
            soa: Box::new(Soa::new(settings)),
            link: settings.link.clone().map(Box::new),
            is_served: settings.is_served,
        }
    }

    /// The same nodes under other settings.
    pub(crate) fn with_settings(&self, settings: &ZoneSettings) -> Self {
        Self {
            apex: settings.apex.clone(),
            soa: Box::new(Soa::new(settings)),
            link: settings.link.clone().map(Box::new),
            is_served: settings.is_served,
            ..self.clone()
        }
    }

    /// Makes edits to the nodes.
    pub(crate) fn edit(&mut self, edits: &mut Edits) {
        let change = self.table.apply(edits);
        self.tally.add(change);
        let apex = self.apex_node();
        (self.apex_has_dname, self.apex_has_wildcard_child) = (apex.has_dname(), apex.has_wildcard_child());
    }

    /// The name at which the zone starts, in lower-case wire form.
    ///
    /// A query for a linked zone is answered from its target: there the apex is a suffix of the question,
    /// not this name.
    pub fn apex_name_wire(&self) -> &[u8] {
        self.apex.as_wire()
    }

    /// The name at which the zone starts.
    pub fn apex(&self) -> &Name {
        &self.apex
    }

    /// The zone whose content this one has.
    pub fn link(&self) -> Option<&Name> {
        self.link.as_deref()
    }

    /// Whether queries see the zone.
    #[inline]
    pub fn is_served(&self) -> bool {
        self.is_served
    }

    /// The SOA record.
    #[inline]
    pub fn soa(&self) -> SoaView<'_> {
        let Soa { rdata, ttl_s, negative_ttl_s, serial, names } = &*self.soa;
        SoaView { names, rdata, ttl: *ttl_s, negative_ttl: *negative_ttl_s, serial: *serial }
    }

    /// Reads something of all that every look-up in this zone reads.
    #[inline]
    pub(super) fn touch(&self) -> u32 {
        let has_special = self.tally.cuts | self.tally.dnames | self.tally.wildcards;
        has_special as u32
            ^ u32::from(self.is_served ^ self.link.is_some())
            ^ u32::from(self.apex.as_wire()[0])
    }

    /// Reads something of what denials read.
    #[inline]
    pub(super) fn touch_soa(&self) -> u32 {
        self.soa.serial ^ u32::from(self.soa.rdata[0])
    }

    /// The node of the apex, which always exists.
    #[inline]
    pub fn apex_node(&self) -> Node<'_> {
        self.table.find(keys().origin, &[]).unwrap_or(Node::EMPTY)
    }

    /// An RRset as stored, found by its full name.
    pub(super) fn stored_rrset(&self, owner: &Name, rtype: RecordType) -> Option<StoredRrset<'_>> {
        let relative = owner.relative_to(&self.apex)?;
        let node = self.table.find(keys().relative(relative), relative)?;
        node.stored().find(|rrset| rrset.rtype == rtype)
    }

    /// All nodes, empty non-terminals too, in no particular order.
    pub fn nodes(&self) -> impl Iterator<Item = Node<'_>> {
        self.table.nodes()
    }

    /// How many nodes there are, empty non-terminals too.
    pub fn node_count(&self) -> usize {
        self.table.len()
    }

    /// How many RRsets there are, the SOA not counted.
    pub fn rrset_count(&self) -> usize {
        usize::try_from(self.tally.rrsets).unwrap_or(0)
    }

    /// The octets on the heap that hold the nodes, long rdata and chains not counted.
    pub fn heap_octets(&self) -> usize {
        self.table.heap_octets()
    }
}

impl Soa {
    fn new(settings: &ZoneSettings) -> Self {
        let numbers = [
            settings.serial,
            settings.refresh_s,
            settings.retry_s,
            settings.expire_s,
            settings.negative_ttl_s,
        ];
        let mut rdata = [settings.primary_master.as_wire(), settings.hostmaster.as_wire()].concat();
        rdata.extend(numbers.iter().flat_map(|number| number.to_be_bytes()));
        Self {
            rdata: rdata.into(),
            ttl_s: settings.ttl_s,
            negative_ttl_s: settings.ttl_s.min(settings.negative_ttl_s),
            serial: settings.serial,
            names: SoaNames::new(&settings.apex, &settings.primary_master, &settings.hostmaster),
        }
    }
}
