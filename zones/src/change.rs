//! What can happen to the world of zones, in compiled form.

use crate::compile::CompiledRecord;
use crate::name::Name;
use crate::record_type::RecordType;

/// What a zone is, apart from its records.
#[derive(Clone, Debug, PartialEq)]
pub struct ZoneSettings {
    /// The name at which the zone starts.
    pub apex: Name,
    /// The name server in the SOA record (MNAME).
    pub primary_master: Name,
    /// The mailbox in the SOA record, as a name (RNAME).
    pub hostmaster: Name,
    /// The serial in the SOA record.
    pub serial: u32,
    /// How often secondaries look for a new serial, in seconds.
    pub refresh_s: u32,
    /// How long secondaries wait after a failed look, in seconds.
    pub retry_s: u32,
    /// How long secondaries answer without a look that succeeds, in seconds.
    pub expire_s: u32,
    /// The TTL of the SOA record, in seconds.
    pub ttl_s: u32,
    /// How long a denial may be kept (MINIMUM; RFC 2308), in seconds.
    pub negative_ttl_s: u32,
    /// The zone whose content this one has, under its own name.
    pub link: Option<Name>,
    /// Whether queries see the zone. One that is not served hides what a zone above it has.
    pub is_served: bool,
}

/// One change of the world. A change set is a list of them, made in order and seen all at once.
#[derive(Clone, Debug)]
pub enum Change {
    /// Makes a zone, or replaces the settings of one; its records stay.
    PutZone(ZoneSettings),
    /// Removes a zone and all its records.
    DeleteZone(Name),
    /// Makes a record, or replaces the one of its owner and type.
    PutRecord {
        /// The apex of the record's zone.
        zone: Name,
        /// The record.
        record: CompiledRecord,
    },
    /// Removes a record.
    DeleteRecord {
        /// The apex of the record's zone.
        zone: Name,
        /// The record's owner.
        owner: Name,
        /// The record's type.
        rtype: RecordType,
    },
}
