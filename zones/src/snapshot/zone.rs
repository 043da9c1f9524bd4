//! One zone of a snapshot.

use std::sync::Arc;

use super::edits::Edits;
use super::hash::keys;
use super::nodes::{Node, StoredRrset, Tally};
use super::soa_names::SoaNames;
use super::table::Table;
use crate::change::ZoneSettings;
use crate::name::Name;
use crate::record_type::RecordType;

/// Octets of an apex up to which it lies in the zone itself.
const SHORT_APEX: usize = 39;

/// A zone as queries see it. Immutable.
///
/// All that a query reads to find its node lies here and takes 112 octets: behind the counts of an `Arc` that is two
/// lines of a cache, next to each other.
///
/// Invariants: a linked zone has no nodes; any other has at least its apex. The counts agree with the nodes.
#[derive(Clone, Debug)]
pub struct Zone {
    pub(super) table: Table,
    /// How many nodes of each special kind there are.
    pub(super) tally: Tally,
    pub(super) apex_has_dname: bool,
    pub(super) apex_has_wildcard_child: bool,
    is_served: bool,
    is_linked: bool,
    /// Octets of the apex in wire form.
    apex_octets: u8,
    /// The apex in wire form if it is short.
    short_apex: [u8; SHORT_APEX],
    settings: Arc<Settings>,
}

/// What few queries read.
#[derive(Debug)]
struct Settings {
    apex: Name,
    soa: Soa,
    link: Option<Name>,
}

#[derive(Debug)]
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
        let apex = settings.apex.as_wire();
        let mut short_apex = [0; SHORT_APEX];
        if let Some(place) = short_apex.get_mut(..apex.len()) {
            place.copy_from_slice(apex);
        }
        Self {
            table: Table::default(),
            tally: Tally::default(),
            apex_has_dname: false,
            apex_has_wildcard_child: false,
            is_served: settings.is_served,
            is_linked: settings.link.is_some(),
            apex_octets: apex.len() as u8,
            short_apex,
            settings: Arc::new(Settings {
                apex: settings.apex.clone(),
                soa: Soa::new(settings),
                link: settings.link.clone(),
            }),
        }
    }

    /// The same nodes under other settings.
    pub(crate) fn with_settings(&self, settings: &ZoneSettings) -> Self {
        Self {
            table: self.table.clone(),
            tally: self.tally,
            apex_has_dname: self.apex_has_dname,
            apex_has_wildcard_child: self.apex_has_wildcard_child,
            ..Self::new(settings)
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
    #[inline]
    pub fn apex_name_wire(&self) -> &[u8] {
        match self.short_apex.get(..usize::from(self.apex_octets)) {
            Some(apex) => apex,
            None => self.settings.apex.as_wire(),
        }
    }

    /// The name at which the zone starts.
    pub fn apex(&self) -> &Name {
        &self.settings.apex
    }

    /// The zone whose content this one has.
    #[inline]
    pub fn link(&self) -> Option<&Name> {
        if self.is_linked { self.settings.link.as_ref() } else { None }
    }

    /// Whether queries see the zone.
    #[inline]
    pub fn is_served(&self) -> bool {
        self.is_served
    }

    /// The SOA record.
    #[inline]
    pub fn soa(&self) -> SoaView<'_> {
        let Soa { rdata, ttl_s, negative_ttl_s, serial, names } = &self.settings.soa;
        SoaView { names, rdata, ttl: *ttl_s, negative_ttl: *negative_ttl_s, serial: *serial }
    }

    /// Reads something of all that every look-up in this zone reads.
    #[inline]
    pub(super) fn touch(&self) -> u32 {
        self.tally.cuts as u32
            ^ self.table.len() as u32
            ^ u32::from(self.short_apex[0] ^ self.short_apex[SHORT_APEX - 1])
    }

    /// Reads something of what denials read.
    #[inline]
    pub(super) fn touch_soa(&self) -> u32 {
        let soa = &self.settings.soa;
        soa.serial ^ u32::from(soa.rdata[0])
    }

    /// The node of the apex, which always exists.
    #[inline]
    pub fn apex_node(&self) -> Node<'_> {
        self.table.find(keys().origin, &[]).unwrap_or(Node::EMPTY)
    }

    /// An RRset as stored, found by its full name.
    pub(super) fn stored_rrset(&self, owner: &Name, rtype: RecordType) -> Option<StoredRrset<'_>> {
        let relative = owner.relative_to(self.apex())?;
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_zone_and_the_counts_of_its_arc_fill_two_lines_of_a_cache() {
        assert_eq!(size_of::<Zone>() + 2 * size_of::<usize>(), 128);
    }
}
