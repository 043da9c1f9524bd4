//! Changes of zones.

use std::sync::Arc;

use filters::AnswerId;
use serde_json::{Map, Value};
use store::Table;
use zones::{AnswerDoc, Change, Name, RecordDoc, RecordId, RecordType, ZoneDoc, ZoneId};
use zones::{compile, limits, validate};

use super::codec;
use super::documents::ActivityAction;
use super::prepared::PreparedRecords;
use super::read::inherit;
use super::transaction::{Touch, Transaction, Visible};
use crate::auth::{Reach, Right};
use crate::dto::zone::{ZoneFields, zone_object};
use crate::error::ApiError;
use crate::ids;

/// The defaults of a new zone, in seconds.
const TTL: u32 = 3600;
const NX_TTL: u32 = 3600;
const REFRESH: u32 = 43_200;
const RETRY: u32 = 7200;
const EXPIRY: u32 = 1_209_600;

/// The only network there is: all servers.
const GLOBAL_NETWORK: i64 = 0;

impl Transaction<'_> {
    /// A zone as stored, if there is one of this name.
    pub fn find_zone(&self, zone: &Name) -> Result<Option<ZoneDoc>, ApiError> {
        self.get(Table::Zones, &codec::zone_key(zone))
    }

    /// A zone as stored, or 404 `zone not found`.
    pub fn zone(&self, zone: &Name) -> Result<ZoneDoc, ApiError> {
        self.find_zone(zone)?.ok_or_else(ApiError::zone_not_found)
    }

    /// Makes a zone: a standard one with its apex NS record, or a linked one without records.
    ///
    /// # Errors
    /// 400 for a zone that exists and for settings that cannot be.
    pub fn create_zone(&mut self, name: &Name, fields: ZoneFields) -> Result<ZoneDoc, ApiError> {
        let zone = self.add_zone(name, fields, None)?;
        let reply = Value::Object(zone_object(&zone));
        self.log_activity(ActivityAction::Create, "zone", zone.id.to_string(), reply);
        Ok(zone)
    }

    /// Makes a zone with records, as one change with one entry in the activity log. `served_serial` is the
    /// serial under which the zone was served so far; ours is later, so that secondaries take the change up.
    ///
    /// # Errors
    /// As [`Self::create_zone`].
    pub fn import_zone(
        &mut self,
        fields: ZoneFields,
        served_serial: Option<u32>,
        records: PreparedRecords,
    ) -> Result<ZoneDoc, ApiError> {
        let count = records.len();
        let PreparedRecords { zone: name, puts } = records;
        let zone = self.add_zone(&name, fields, served_serial)?;
        self.layer.import(Arc::clone(&puts));
        self.effects.visible.push(Visible::Imported(puts));
        let mut reply = zone_object(&zone);
        reply.insert("imported_records".to_owned(), Value::from(count));
        let id = zone.id.to_string();
        self.log_activity(ActivityAction::Create, "zonefile", id, Value::Object(reply));
        Ok(zone)
    }

    fn add_zone(
        &mut self,
        name: &Name,
        fields: ZoneFields,
        served_serial: Option<u32>,
    ) -> Result<ZoneDoc, ApiError> {
        if name.is_root() {
            return Err(ApiError::bad_request("invalid: the root cannot be a zone here"));
        }
        if self.find_zone(name)?.is_some() {
            return Err(ApiError::bad_request("zone already exists"));
        }
        let mut zone = self.default_zone(name);
        let deleted_at = self.take_serial_of_deleted(name)?;
        for served in served_serial.into_iter().chain(deleted_at) {
            zone.serial = later_serial(zone.serial, served);
        }
        match fields.link.clone() {
            Some(target) => {
                let least = zone.serial;
                let end = self.link_zone(name, &mut zone, &target, &fields)?;
                zone.serial = self.raise_serial(&end, least)?;
            }
            None => fields.apply_to(&mut zone),
        }
        check_zone(&mut zone)?;
        self.put(Table::Zones, codec::zone_key(name), &zone)?;
        // The zone must be there before its records are.
        self.effects.change(Change::PutZone(settings(&zone)?));
        self.touched.insert(name.clone(), Touch::Created);
        if zone.link.is_none() {
            let record = self.apex_ns(&zone);
            self.store_record(name, None, record)?;
        }
        Ok(zone)
    }

    fn default_zone(&self, name: &Name) -> ZoneDoc {
        let options = self.options();
        let now_s = self.now_s();
        ZoneDoc {
            id: ZoneId(ids::new_object_id(now_s)),
            zone: name.to_string(),
            name: None,
            ttl: TTL,
            nx_ttl: NX_TTL,
            refresh: REFRESH,
            retry: RETRY,
            expiry: EXPIRY,
            hostmaster: options.hostmaster.clone(),
            primary_master: options.nameservers.first().cloned().unwrap_or_default(),
            serial: serial_of_time(now_s),
            networks: vec![GLOBAL_NETWORK],
            dns_servers: options.nameservers.clone(),
            link: None,
            meta: Map::new(),
            primary: None,
            secondary: None,
            dnssec: false,
            extra: Map::new(),
        }
    }

    /// Makes `zone` a linked zone. Gives the zone whose records it shows.
    fn link_zone(
        &mut self,
        name: &Name,
        zone: &mut ZoneDoc,
        target: &Name,
        fields: &ZoneFields,
    ) -> Result<Name, ApiError> {
        if let Some(field) = fields.first_setting() {
            return Err(ApiError::bad_request(format!(
                "Input validation failed ({field}: a linked zone takes its settings from its target)"
            )));
        }
        if target == name {
            return Err(ApiError::bad_request(validate::ValidationError::LinkToSelf.to_string()));
        }
        // A linked zone shows all of its target, so it takes a key that may see all of it.
        let reach = self.actor().access.reach(Right::ViewZones, &target.to_string());
        let Some(mut end) = self.find_zone(target)?.filter(|_| reach == Reach::Everything) else {
            return Err(ApiError::bad_request(format!("link: zone {target} does not exist")));
        };
        let (mut links, mut last) = (1, target.clone());
        inherit(zone, end.clone());
        while let Some(next) = end.link.as_deref().and_then(|next| Name::parse(next).ok()) {
            links += 1;
            if links > limits::MAX_LINKS {
                return Err(ApiError::bad_request(format!(
                    "link: more than {} zones are linked one after the other",
                    limits::MAX_LINKS
                )));
            }
            end = self.zone(&next)?;
            last = next;
            inherit(zone, end.clone());
        }
        zone.link = Some(target.to_string());
        // Whether it is served is decided by the target, which is asked each time.
        zone.networks = vec![GLOBAL_NETWORK];
        self.put(Table::Meta, codec::link_key(target, name), &())?;
        Ok(last)
    }

    /// The NS record that a new zone gets.
    fn apex_ns(&self, zone: &ZoneDoc) -> RecordDoc {
        let now_s = self.now_s();
        let id = RecordId(ids::new_object_id(now_s));
        let mut record = RecordDoc::new(id, &zone.zone, &zone.zone, RecordType::NS, zone.nx_ttl);
        record.use_client_subnet = false;
        record.networks.clone_from(&zone.networks);
        record.answers = zone
            .dns_servers
            .iter()
            .map(|server| AnswerDoc {
                id: AnswerId(ids::new_object_id(now_s)),
                answer: vec![Value::from(server.as_str())],
                meta: Map::new(),
                region: None,
            })
            .collect();
        record
    }

    /// Changes the settings of a zone; fields that are not given keep their value.
    ///
    /// # Errors
    /// 404 for an unknown zone, 400 for a linked one and for settings that cannot be.
    pub fn update_zone(
        &mut self,
        name: &Name,
        fields: Result<ZoneFields, ApiError>,
    ) -> Result<ZoneDoc, ApiError> {
        let old = self.zone(name)?;
        let fields = fields?;
        if let Some(target) = &old.link {
            return self.keep_linked_zone(name, target, fields);
        }
        if fields.link.is_some() {
            return Err(ApiError::bad_request(
                "Input validation failed (link: a zone becomes a linked zone only when it is created)",
            ));
        }
        let mut new = old.clone();
        fields.apply_to(&mut new);
        check_zone(&mut new)?;
        settings(&new)?;
        if new == old {
            return Ok(old);
        }
        self.put(Table::Zones, codec::zone_key(name), &new)?;
        let new = self.touch_zone(name)?;
        let reply = Value::Object(zone_object(&new));
        self.log_activity(ActivityAction::Update, "zone", new.id.to_string(), reply);
        Ok(new)
    }

    /// Takes what a linked zone shows already: clients send objects back as they have read them.
    fn keep_linked_zone(&self, name: &Name, target: &str, fields: ZoneFields) -> Result<ZoneDoc, ApiError> {
        let shown = self.zone_with_inherited(name)?;
        let mut new = shown.clone();
        let same_link = fields.link.as_ref().is_none_or(|link| link.to_string() == target);
        fields.apply_to(&mut new);
        check_zone(&mut new)?;
        if same_link && new == shown { Ok(shown) } else { Err(linked_zone_is_fixed()) }
    }

    /// Removes a zone with all its records.
    ///
    /// # Errors
    /// 404 for an unknown zone, 400 while other zones are linked to it.
    pub fn delete_zone(&mut self, name: &Name) -> Result<(), ApiError> {
        let zone = self.zone(name)?;
        if let Some((key, _)) = self.scan(Table::Meta, &codec::links_to_zone(name))?.first() {
            let linker = &key[codec::links_to_zone(name).len()..];
            return Err(ApiError::bad_request(format!(
                "zone {} is linked to this zone; delete it first",
                String::from_utf8_lossy(linker)
            )));
        }
        self.keep_serial_of_deleted(name, &zone)?;
        self.forget_versions(name)?;
        let records = codec::records_of_zone(name);
        let uses = codec::uses_by_records(&records);
        for (key, _) in self.scan(Table::FeedUses, &uses)? {
            if let Some((feed, record)) = codec::parse_use_by_record(&key) {
                self.layer.delete(Table::FeedUses, codec::use_by_feed(feed, record));
            }
        }
        self.layer.delete_prefix(Table::FeedUses, uses);
        self.layer.delete_prefix(Table::Records, records);
        self.layer.delete(Table::Zones, codec::zone_key(name));
        if let Some(target) = zone.link.as_deref().and_then(|target| Name::parse(target).ok()) {
            self.layer.delete(Table::Meta, codec::link_key(&target, name));
        }
        self.touched.remove(name);
        self.effects.change(Change::DeleteZone(name.clone()));
        let reply = Value::Object(zone_object(&zone));
        self.log_activity(ActivityAction::Delete, "zone", zone.id.to_string(), reply);
        Ok(())
    }

    /// Remembers the serial of a zone that goes, if one made anew would not have a later one anyway: changes can come
    /// faster than one a second, and imported serials are as they were.
    fn keep_serial_of_deleted(&mut self, name: &Name, zone: &ZoneDoc) -> Result<(), ApiError> {
        let mut served = zone.clone();
        for _ in 0..limits::MAX_LINKS {
            let target = served.link.as_deref().and_then(|target| Name::parse(target).ok());
            match target.map(|target| self.find_zone(&target)).transpose()?.flatten() {
                Some(next) => served = next,
                None => break,
            }
        }
        let fresh = serial_of_time(self.now_s());
        if later_serial(fresh, served.serial) != fresh {
            self.put(Table::Meta, codec::deleted_serial_key(name), &served.serial)?;
        }
        Ok(())
    }

    /// The remembered serial of a zone that was deleted, and forgets it: the zone has its own again.
    fn take_serial_of_deleted(&mut self, name: &Name) -> Result<Option<u32>, ApiError> {
        let key = codec::deleted_serial_key(name);
        let serial = self.get(Table::Meta, &key)?;
        if serial.is_some() {
            self.layer.delete(Table::Meta, key);
        }
        Ok(serial)
    }

    /// Marks a zone as changed: its serial grows by one, once per change set. Gives the zone with it.
    pub(super) fn touch_zone(&mut self, name: &Name) -> Result<ZoneDoc, ApiError> {
        let mut zone = self.zone(name)?;
        if !self.touched.contains_key(name) {
            zone.serial = next_serial(zone.serial);
            self.put(Table::Zones, codec::zone_key(name), &zone)?;
            self.touched.insert(name.clone(), Touch::Changed);
        }
        Ok(zone)
    }

    /// Brings the serial of a zone to what one that is linked to it would have without the link. The two share their
    /// SOA record, there may have been another zone of that name, and its secondaries take no earlier serial. Nothing
    /// else of the zone changes, so its active version stays active.
    fn raise_serial(&mut self, name: &Name, least: u32) -> Result<u32, ApiError> {
        let mut zone = self.zone(name)?;
        if is_later(least, zone.serial) {
            self.follow_serial(name, zone.serial, least)?;
            zone.serial = least;
            self.put(Table::Zones, codec::zone_key(name), &zone)?;
            self.touched.entry(name.clone()).or_insert(Touch::Changed);
        }
        Ok(zone.serial)
    }

    /// Tells the world the settings of every zone that was changed.
    pub(super) fn publish_zones(&mut self) -> Result<(), ApiError> {
        for (name, touch) in std::mem::take(&mut self.touched) {
            if touch == Touch::Changed
                && let Some(zone) = self.find_zone(&name)?
            {
                self.effects.change(Change::PutZone(settings(&zone)?));
            }
        }
        Ok(())
    }
}

/// 400: what a linked zone says to any change of itself or of its records.
pub(super) fn linked_zone_is_fixed() -> ApiError {
    ApiError::bad_request("a linked zone cannot be changed and has no records of its own")
}

/// Checks what a zone asks for. What it says about being a secondary zone is not kept: only a "no" gets
/// through.
fn check_zone(zone: &mut ZoneDoc) -> Result<(), ApiError> {
    validate::zone(zone).map_err(|error| ApiError::bad_request(error.to_string()))?;
    zone.secondary = None;
    if let Some(unknown) = zone.networks.iter().find(|network| **network != GLOBAL_NETWORK) {
        return Err(ApiError::invalid_field(
            "networks",
            &Value::from(*unknown),
            "a known network; there is only 0",
        ));
    }
    Ok(())
}

fn settings(zone: &ZoneDoc) -> Result<zones::ZoneSettings, ApiError> {
    compile::zone(zone).map_err(|error| ApiError::bad_request(format!("Input validation failed ({error})")))
}

/// The serial of a zone made now: the low 32 bits of the time, for serials are compared in a circle (RFC 1982).
fn serial_of_time(now_s: u64) -> u32 {
    (now_s & u64::from(u32::MAX)) as u32
}

/// The serial behind another (RFC 1982, 3.1). Zero is skipped: some software takes it for "no serial yet".
fn next_serial(serial: u32) -> u32 {
    serial.wrapping_add(1).max(1)
}

/// `serial`, or the one behind `served` if that is later.
fn later_serial(serial: u32, served: u32) -> u32 {
    let next = next_serial(served);
    if is_later(next, serial) { next } else { serial }
}

/// Whether one serial is later than another (RFC 1982, 3.2).
fn is_later(serial: u32, other: u32) -> bool {
    serial.wrapping_sub(other).cast_signed() > 0
}
