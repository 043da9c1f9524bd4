//! Changes of records.

use std::collections::BTreeMap;

use filters::{AnswerId, FeedId};
use serde_json::Value;
use store::Table;
use zones::{Change, Name, RecordDoc, RecordId, RecordType, ValidationError};
use zones::{compile, validate};

use super::codec;
use super::documents::ActivityAction;
use super::pointers::{self, feed_uses};
use super::transaction::Transaction;
use super::zones::linked_zone_is_fixed;
use crate::dto::feed::Destination;
use crate::dto::record::{AnswerFields, RecordFields, record_resource};
use crate::error::ApiError;
use crate::ids;

/// Where a record is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecordPath {
    /// The apex of its zone.
    pub zone: Name,
    /// Its owner.
    pub owner: Name,
    /// Its type.
    pub rtype: RecordType,
}

impl RecordPath {
    fn key(&self) -> Vec<u8> {
        codec::record_key(&self.zone, &self.owner, self.rtype)
    }
}

impl Transaction<'_> {
    /// A record, if there is one at this place.
    pub fn find_record(&self, path: &RecordPath) -> Result<Option<RecordDoc>, ApiError> {
        self.stored_record(&path.key())
    }

    /// A record, or 404 `record not found`; 404 `zone not found` comes first.
    pub fn record(&self, path: &RecordPath) -> Result<RecordDoc, ApiError> {
        self.zone(&path.zone)?;
        self.find_record(path)?.ok_or_else(ApiError::record_not_found)
    }

    /// Makes a record.
    ///
    /// The fields come as a result, because a missing zone is told before a wrong body is.
    ///
    /// # Errors
    /// 404 for an unknown zone; 400 for a record that exists, for fields that cannot be, and for a place
    /// where the record may not be.
    pub fn create_record(
        &mut self,
        path: &RecordPath,
        fields: Result<RecordFields, ApiError>,
    ) -> Result<RecordDoc, ApiError> {
        let zone = self.zone(&path.zone)?;
        if zone.link.is_some() {
            return Err(linked_zone_is_fixed());
        }
        let fields = fields?;
        if self.find_record(path)?.is_some() {
            return Err(ApiError::bad_request("record already exists"));
        }
        if fields.answers.is_none() && fields.link().is_none() {
            return Err(ApiError::missing_field("answers"));
        }
        self.check_place(path)?;
        if fields.link() == Some(&path.owner) {
            return Err(ApiError::bad_request(
                "Input validation failed (link: a record cannot be linked to itself)",
            ));
        }
        let id = RecordId(ids::new_object_id(self.now_s()));
        let (zone_name, owner) = (path.zone.to_string(), path.owner.to_string());
        let mut record = RecordDoc::new(id, &zone_name, &owner, path.rtype, zone.nx_ttl);
        record.networks.clone_from(&zone.networks);
        record.link = fields.link().map(Name::to_string);
        self.apply(fields, &mut record, zone.nx_ttl);
        self.store_record(&path.zone, None, record.clone())?;
        self.log_record(ActivityAction::Create, &record);
        Ok(record)
    }

    /// Changes a record; fields that are not given keep their value. What changes nothing is no change.
    ///
    /// # Errors
    /// 404 for an unknown zone or record; 400 for fields that cannot be.
    pub fn update_record(
        &mut self,
        path: &RecordPath,
        fields: Result<RecordFields, ApiError>,
    ) -> Result<RecordDoc, ApiError> {
        let zone = self.zone(&path.zone)?;
        let old = match self.find_record(path)? {
            Some(old) => old,
            None if zone.link.is_some() => return Err(linked_zone_is_fixed()),
            None => return Err(ApiError::record_not_found()),
        };
        let fields = fields?;
        let link = fields.link.as_ref().map(|link| link.as_ref().map(Name::to_string));
        if link.is_some_and(|link| link != old.link) {
            return Err(ApiError::bad_request(
                "Input validation failed (link: it can only be given when the record is created)",
            ));
        }
        let mut new = old.clone();
        self.apply(fields, &mut new, zone.nx_ttl);
        if new == old {
            return Ok(old);
        }
        self.store_record(&path.zone, Some(old), new.clone())?;
        self.log_record(ActivityAction::Update, &new);
        Ok(new)
    }

    /// Removes a record with all its answers.
    ///
    /// # Errors
    /// 404 for an unknown zone or record.
    pub fn delete_record(&mut self, path: &RecordPath) -> Result<(), ApiError> {
        let record = self.record(path)?;
        let key = path.key();
        self.change_uses(&key, &uses_by_feed(&record), &BTreeMap::new())?;
        self.layer.delete(Table::Records, key);
        let RecordPath { zone, owner, rtype } = path.clone();
        self.touch_zone(&zone)?;
        self.effects.change(Change::DeleteRecord { zone, owner, rtype });
        self.log_record(ActivityAction::Delete, &record);
        Ok(())
    }

    /// Whether a record may be at its owner, beside what is there.
    fn check_place(&self, path: &RecordPath) -> Result<(), ApiError> {
        let neighbors = self.scan(Table::Records, &codec::records_of_owner(&path.zone, &path.owner))?;
        let present =
            neighbors.iter().filter_map(|(key, _)| codec::parse_record_key(key)).map(|(_, _, rtype)| rtype);
        validate::placement(&path.zone, &path.owner, path.rtype, present)
            .and(self.check_dnames(path)?)
            .map_err(|error| ApiError::bad_request(error.to_string()))
    }

    /// Whether a new record would be below a DNAME, or be one with something below it.
    fn check_dnames(&self, path: &RecordPath) -> Result<Result<(), ValidationError>, ApiError> {
        let RecordPath { zone, owner, rtype } = path;
        let above = std::iter::successors(owner.parent(), Name::parent);
        for name in above.take_while(|name| name.is_subdomain_of(zone)) {
            if self.stored_record(&codec::record_key(zone, &name, RecordType::DNAME))?.is_some() {
                return Ok(Err(ValidationError::BelowDname { owner: owner.clone(), dname: name }));
            }
        }
        if *rtype != RecordType::DNAME {
            return Ok(Ok(()));
        }
        let below = |key: &[u8]| {
            let (_, name, _) = codec::parse_record_key(key)?;
            Name::parse(name).ok().filter(|name| name != owner && name.is_subdomain_of(owner))
        };
        let found = self.find(Table::Records, &codec::records_of_zone(zone), |key| below(key).is_some())?;
        Ok(match found.as_deref().and_then(below) {
            Some(below) => Err(ValidationError::DnameAbove { owner: owner.clone(), below }),
            None => Ok(()),
        })
    }

    /// Puts given fields into a record.
    fn apply(&self, fields: RecordFields, record: &mut RecordDoc, default_ttl: u32) {
        if let Some(ttl) = fields.ttl {
            record.ttl = if ttl == 0 { default_ttl } else { ttl };
        }
        if let Some(answers) = fields.answers {
            let now_s = self.now_s();
            let make_id = || AnswerId(ids::new_object_id(now_s));
            record.answers = AnswerFields::into_documents(answers, &record.answers, make_id);
        }
        let RecordFields { filters, regions, meta, networks, .. } = fields;
        record.on_empty = fields.on_empty.unwrap_or(record.on_empty);
        record.use_client_subnet = fields.use_client_subnet.unwrap_or(record.use_client_subnet);
        record.override_ttl = fields.override_ttl.unwrap_or(record.override_ttl);
        record.override_address_records =
            fields.override_address_records.unwrap_or(record.override_address_records);
        replace(&mut record.filters, filters);
        replace(&mut record.regions, regions);
        replace(&mut record.meta, meta);
        replace(&mut record.networks, networks);
        for (key, value) in fields.extra {
            if value.is_null() {
                record.extra.shift_remove(&key);
            } else {
                record.extra.insert(key, value);
            }
        }
    }

    /// Checks, compiles and stores a record, and everything that follows from it.
    pub(super) fn store_record(
        &mut self,
        zone: &Name,
        old: Option<RecordDoc>,
        record: RecordDoc,
    ) -> Result<(), ApiError> {
        self.check_pointers(&record)?;
        if old.as_ref().is_none_or(|old| old.link != record.link) {
            self.check_link(&record)?;
        }
        let feeds = |id| self.live_feed(id).map(|feed| feed.cell);
        let compiled = compile::record(&record, &feeds)
            .map_err(|error| ApiError::bad_request(format!("Input validation failed ({error})")))?;
        let key = codec::record_key(zone, compiled.owner(), record.rtype);
        let old_uses = old.as_ref().map(uses_by_feed).unwrap_or_default();
        self.change_uses(&key, &old_uses, &uses_by_feed(&record))?;
        let value = codec::encode_record(&key, &record)?;
        self.layer.put(Table::Records, key, value);
        self.touch_zone(zone)?;
        self.effects.change(Change::PutRecord { zone: zone.clone(), record: compiled });
        Ok(())
    }

    /// Every pointer must lead to a feed; clients compare the message.
    fn check_pointers(&self, record: &RecordDoc) -> Result<(), ApiError> {
        let exists =
            |feed: &Result<FeedId, Value>| feed.as_ref().is_ok_and(|id| self.live_feed(*id).is_some());
        match feed_uses(record).iter().all(|one| exists(&one.feed)) {
            true => Ok(()),
            false => Err(ApiError::bad_request("invalid feed pointer")),
        }
    }

    /// A linked record shows all of its target, so it takes a key that may see that: in the zone that has it, and in
    /// the closest zone, which may get it. Where there is no zone yet, wherever one could be made.
    fn check_link(&self, record: &RecordDoc) -> Result<(), ApiError> {
        let Some(target) = record.link.as_deref().and_then(|target| Name::parse(target).ok()) else {
            return Ok(());
        };
        let apexes: Vec<Name> = std::iter::successors(Some(target.clone()), Name::parent).collect();
        let (mut closest, mut holder) = (None, None);
        for apex in &apexes {
            if self.find_zone(apex)?.is_some() {
                closest = closest.or(Some(apex));
                if self.stored_record(&codec::record_key(apex, &target, record.rtype))?.is_some() {
                    holder = Some(apex);
                    break;
                }
            }
        }
        let (owner, rtype) = (target.to_string(), record.rtype.to_string());
        let may_view = |apex: &Name| self.actor().may_view_record(&apex.to_string(), &owner, &rtype);
        let is_seen = match closest {
            Some(closest) => std::iter::once(closest).chain(holder).all(may_view),
            None => apexes.iter().all(may_view),
        };
        // The same whether the record is there, so that nobody learns of it.
        is_seen
            .then_some(())
            .ok_or_else(|| ApiError::bad_request(format!("link: record {owner} {rtype} does not exist")))
    }

    /// Brings the index of feed uses up to date.
    pub(super) fn change_uses(&mut self, key: &[u8], old: &Uses, new: &Uses) -> Result<(), ApiError> {
        for feed in old.keys().filter(|feed| !new.contains_key(feed)) {
            self.layer.delete(Table::FeedUses, codec::use_by_feed(*feed, key));
            self.layer.delete(Table::FeedUses, codec::use_by_record(key, *feed));
        }
        for (feed, destinations) in new {
            if old.get(feed) != Some(destinations) {
                self.put(Table::FeedUses, codec::use_by_feed(*feed, key), destinations)?;
                self.put(Table::FeedUses, codec::use_by_record(key, *feed), &())?;
            }
        }
        Ok(())
    }

    pub(super) fn log_record(&mut self, action: ActivityAction, record: &RecordDoc) {
        let resource = record_resource(record);
        self.log_activity(action, "record", record.id.to_string(), resource);
    }
}

/// The places of a record that use each feed.
pub(super) type Uses = BTreeMap<FeedId, Vec<Destination>>;

pub(super) fn uses_by_feed(record: &RecordDoc) -> Uses {
    let mut uses = Uses::new();
    for one in feed_uses(record) {
        if let Ok(feed) = one.feed {
            uses.entry(feed).or_default().push(pointers::destination(&one.kind, record));
        }
    }
    uses
}

fn replace<T>(field: &mut T, given: Option<T>) {
    if let Some(given) = given {
        *field = given;
    }
}
