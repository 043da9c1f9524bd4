//! Versions of a zone: its records and settings as they were, to go back to.
//!
//! A version is a copy of the stored records. It is made apart from the committer, at one moment, and stored as one
//! change. To activate it, what differs from the zone as it is now is found apart from the committer, too; then
//! only that is changed, so that a version of a large zone costs what has changed since.

use std::collections::BTreeMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::{Puts, Table};
use zones::{Change, Name, ZoneDoc};

use super::documents::ActivityAction;
use super::records::uses_by_feed;
use super::transaction::Transaction;
use super::{Actor, Committed, Service, codec};
use crate::error::ApiError;
use crate::ids::{self, ObjectId};
use crate::limits::{VERSION_BYTES, VERSIONS_PER_ZONE};

/// How often a change is prepared anew when the zone was changed meanwhile.
const ATTEMPTS: usize = 4;

/// What is known of the versions of a zone.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub(crate) struct Versions {
    /// The last number given.
    last: u32,
    /// Which version the zone was made to or from last, and its serial then.
    live: Option<(u32, u32)>,
    /// Oldest first.
    list: Vec<VersionDoc>,
}

/// One version.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
struct VersionDoc {
    id: u32,
    name: String,
    created_at: u64,
    activated_at: u64,
    /// Under which its records are stored.
    content: ObjectId,
    /// The settings of the zone.
    zone: ZoneDoc,
}

impl Versions {
    /// Whether the zone is as a version has it.
    fn is_active(&self, version: &VersionDoc, zone: &ZoneDoc) -> bool {
        self.live == Some((version.id, zone.serial))
    }

    fn show(&self, version: &VersionDoc, zone: &ZoneDoc) -> Value {
        json!({
            "id": version.id,
            "name": version.name,
            "active": self.is_active(version, zone),
            "activated_at": version.activated_at,
            "created_at": version.created_at,
        })
    }

    fn find(&self, id: u32) -> Result<&VersionDoc, ApiError> {
        self.list
            .iter()
            .find(|version| version.id == id)
            .ok_or_else(|| ApiError::not_found("version not found"))
    }
}

/// What may be done about a full list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum WhenFull {
    /// Refuse.
    Refuse,
    /// Forget the oldest version that is not active.
    ForgetOldest,
}

/// What has to be done to a zone so that it is as a version has it.
struct Difference {
    /// Keys of records that are to go.
    gone: Vec<Vec<u8>>,
    /// Keys and values of records that are to come or to change.
    put: Vec<(Vec<u8>, Vec<u8>)>,
}

impl Service {
    /// The versions of a zone, oldest first, as clients read them.
    pub(crate) fn versions(&self, zone: &Name) -> Result<Vec<Value>, ApiError> {
        let document = self.existing_zone(zone)?;
        let versions: Versions = self.get(Table::Meta, &codec::versions_key(zone))?.unwrap_or_default();
        Ok(versions.list.iter().map(|version| versions.show(version, &document)).collect())
    }

    /// Makes a version of a zone as it is.
    ///
    /// # Errors
    /// 404 for an unknown zone; 400 for a linked one, for one that is too large, and for a full list; 503 when the
    /// zone is changed all the time.
    pub(crate) async fn create_version(
        &self,
        actor: &Actor,
        zone: &Name,
        name: Option<String>,
        when_full: WhenFull,
    ) -> Result<Committed<Value>, ApiError> {
        refuse_linked(&self.existing_zone(zone)?)?;
        for _ in 0..ATTEMPTS {
            let (apex, content) =
                (zone.clone(), ids::new_object_id(self.options().clock.now_us() / 1_000_000));
            let copy = self.at_one_moment(zone, move |service, _| service.copy(&apex, content));
            let (seen, puts) = copy.await?;
            let (apex, name) = (zone.clone(), name.clone());
            let add = move |transaction: &mut Transaction<'_>| {
                transaction.add_version(&apex, &seen, content, puts, name, when_full)
            };
            let Committed { value, revision } = self.commit(actor, add).await?;
            if let Some(value) = value {
                return Ok(Committed { value, revision });
            }
        }
        Err(changes_too_fast(zone))
    }

    /// Makes a zone what a version has: records and settings. The serial still grows.
    ///
    /// # Errors
    /// 404 for an unknown zone or version, 400 for records that cannot be any more, 503 when the zone is changed
    /// all the time.
    pub(crate) async fn activate_version(
        &self,
        actor: &Actor,
        zone: &Name,
        id: u32,
    ) -> Result<Committed<Value>, ApiError> {
        self.existing_zone(zone)?;
        for _ in 0..ATTEMPTS {
            let apex = zone.clone();
            let compare = self.at_one_moment(zone, move |service, _| {
                let versions: Versions =
                    service.get(Table::Meta, &codec::versions_key(&apex))?.unwrap_or_default();
                service.difference(&apex, versions.find(id)?.content)
            });
            let (seen, difference) = compare.await?;
            let apex = zone.clone();
            let change = move |transaction: &mut Transaction<'_>| {
                transaction.activate_version(&apex, &seen, id, difference)
            };
            let Committed { value, revision } = self.commit(actor, change).await?;
            if let Some(value) = value {
                return Ok(Committed { value, revision });
            }
        }
        Err(changes_too_fast(zone))
    }

    /// The records of a zone as the content of a version.
    fn copy(&self, zone: &Name, content: ObjectId) -> Result<Arc<Puts>, ApiError> {
        let prefix = codec::version_content(zone, content);
        let mut puts = Puts::new(Table::Meta);
        let mut octets = 0;
        for entry in self.stored(Table::Records, &codec::records_of_zone(zone)) {
            let (key, value) = entry?;
            octets += key.len() + value.len();
            if octets > VERSION_BYTES {
                return Err(ApiError::bad_request(format!(
                    "zone {zone} is too large for a version: its records take more than {VERSION_BYTES} bytes"
                )));
            }
            puts.push(&[&prefix[..], &key[..]].concat(), &value)?;
        }
        Ok(Arc::new(puts))
    }

    /// Compares the records of a zone with those of a version.
    fn difference(&self, zone: &Name, content: ObjectId) -> Result<Difference, ApiError> {
        let prefix = codec::version_content(zone, content);
        let mut wanted: BTreeMap<Vec<u8>, Vec<u8>> = self
            .stored(Table::Meta, &prefix)
            .map(|entry| entry.map(|(key, value)| (key[prefix.len()..].to_vec(), value)))
            .collect::<Result<_, _>>()?;
        let mut gone = Vec::new();
        for entry in self.stored(Table::Records, &codec::records_of_zone(zone)) {
            let (key, value) = entry?;
            match wanted.get(&key) {
                None => gone.push(key),
                Some(kept) if *kept == value => drop(wanted.remove(&key)),
                Some(_) => {}
            }
        }
        Ok(Difference { gone, put: wanted.into_iter().collect() })
    }
}

impl Transaction<'_> {
    fn versions(&self, zone: &Name) -> Result<Versions, ApiError> {
        Ok(self.get(Table::Meta, &codec::versions_key(zone))?.unwrap_or_default())
    }

    /// Adds a version of the zone as it was `seen`; nothing if it has changed since.
    fn add_version(
        &mut self,
        name: &Name,
        seen: &ZoneDoc,
        content: ObjectId,
        puts: Arc<Puts>,
        title: Option<String>,
        when_full: WhenFull,
    ) -> Result<Option<Value>, ApiError> {
        let zone = self.zone(name)?;
        if (zone.id, zone.serial) != (seen.id, seen.serial) {
            return Ok(None);
        }
        let mut versions = self.versions(name)?;
        if versions.list.len() >= VERSIONS_PER_ZONE {
            let oldest = versions.list.iter().position(|version| !versions.is_active(version, &zone));
            match oldest {
                Some(oldest) if when_full == WhenFull::ForgetOldest => {
                    let version = versions.list.remove(oldest);
                    self.layer.delete_prefix(Table::Meta, codec::version_content(name, version.content));
                }
                _ => {
                    return Err(ApiError::bad_request(format!(
                        "zone {name} has {VERSIONS_PER_ZONE} versions already; delete one, or let force=true forget \
                         the oldest"
                    )));
                }
            }
        }
        versions.last += 1;
        let (id, now_s) = (versions.last, self.now_s());
        let version = VersionDoc {
            id,
            name: title.unwrap_or_else(|| format!("Version {id}")),
            created_at: now_s,
            activated_at: now_s,
            content,
            zone: zone.clone(),
        };
        versions.live = Some((id, zone.serial));
        let shown = versions.show(&version, &zone);
        versions.list.push(version);
        self.put(Table::Meta, codec::versions_key(name), &versions)?;
        self.layer.import(puts);
        self.log_version(ActivityAction::Create, &zone, &shown);
        Ok(Some(shown))
    }

    /// Makes the zone, as it was `seen`, what a version has; nothing if it has changed since.
    fn activate_version(
        &mut self,
        name: &Name,
        seen: &ZoneDoc,
        id: u32,
        difference: Difference,
    ) -> Result<Option<Value>, ApiError> {
        let zone = self.zone(name)?;
        if (zone.id, zone.serial) != (seen.id, seen.serial) {
            return Ok(None);
        }
        let mut versions = self.versions(name)?;
        let version = versions.find(id)?.clone();
        let restored = with_settings_of(zone.clone(), version.zone.clone());
        let is_change = restored != zone || !difference.gone.is_empty() || !difference.put.is_empty();
        if restored != zone {
            self.put(Table::Zones, codec::zone_key(name), &restored)?;
        }
        // What goes makes room for what comes: a CNAME may stand where an address stood.
        for key in &difference.gone {
            self.take_record_away(name, key)?;
        }
        for (key, value) in &difference.put {
            let old = self.stored_record(key)?;
            let record = codec::decode_record(key, value)?;
            let place = format!("version {id}, {} {}", record.domain, record.rtype);
            self.store_record(name, old, record).map_err(|mut error| {
                error.message = format!("{place}: {}", error.message);
                error
            })?;
        }
        let zone = if is_change { self.touch_zone(name)? } else { zone };
        versions.live = Some((id, zone.serial));
        let now_s = self.now_s();
        for version in versions.list.iter_mut().filter(|version| version.id == id) {
            version.activated_at = now_s;
        }
        let shown = versions.show(versions.find(id)?, &zone);
        self.put(Table::Meta, codec::versions_key(name), &versions)?;
        self.log_version(ActivityAction::Update, &zone, &shown);
        Ok(Some(shown))
    }

    fn take_record_away(&mut self, zone: &Name, key: &[u8]) -> Result<(), ApiError> {
        let Some(record) = self.stored_record(key)? else { return Ok(()) };
        self.change_uses(key, &uses_by_feed(&record), &BTreeMap::new())?;
        self.layer.delete(Table::Records, key.to_vec());
        let owner = Name::parse(&record.domain).map_err(ApiError::internal)?;
        self.effects.change(Change::DeleteRecord { zone: zone.clone(), owner, rtype: record.rtype });
        Ok(())
    }

    /// Removes a version; the zone stays as it is.
    ///
    /// # Errors
    /// 404 for an unknown zone or version.
    pub(crate) fn delete_version(&mut self, name: &Name, id: u32) -> Result<(), ApiError> {
        let zone = self.zone(name)?;
        let mut versions = self.versions(name)?;
        let version = versions.find(id)?.clone();
        let shown = versions.show(&version, &zone);
        versions.list.retain(|other| other.id != id);
        self.layer.delete_prefix(Table::Meta, codec::version_content(name, version.content));
        self.put(Table::Meta, codec::versions_key(name), &versions)?;
        self.log_version(ActivityAction::Delete, &zone, &shown);
        Ok(())
    }

    /// Keeps a version active whose zone gets a later serial and stays as it is otherwise.
    pub(super) fn follow_serial(&mut self, name: &Name, from: u32, to: u32) -> Result<(), ApiError> {
        let mut versions = self.versions(name)?;
        if let Some((_, serial)) = versions.live.as_mut().filter(|(_, serial)| *serial == from) {
            *serial = to;
            self.put(Table::Meta, codec::versions_key(name), &versions)?;
        }
        Ok(())
    }

    /// Removes all versions of a zone that goes.
    pub(super) fn forget_versions(&mut self, name: &Name) -> Result<(), ApiError> {
        let versions = self.versions(name)?;
        if versions.last > 0 {
            self.layer.delete(Table::Meta, codec::versions_key(name));
            self.layer.delete_prefix(Table::Meta, codec::version_contents(name));
        }
        Ok(())
    }

    fn log_version(&mut self, action: ActivityAction, zone: &ZoneDoc, shown: &Value) {
        let mut resource = shown.clone();
        resource["zone"] = json!(zone.zone);
        self.log_activity(action, "zoneversion", zone.id.to_string(), resource);
    }
}

/// A zone with the settings that another state of it had. What the zone is (its id, serial, links, networks, our
/// name servers) stays.
fn with_settings_of(zone: ZoneDoc, old: ZoneDoc) -> ZoneDoc {
    let ZoneDoc { ttl, nx_ttl, refresh, retry, expiry, hostmaster, primary_master, meta, extra, .. } = old;
    ZoneDoc { ttl, nx_ttl, refresh, retry, expiry, hostmaster, primary_master, meta, extra, ..zone }
}

fn refuse_linked(zone: &ZoneDoc) -> Result<(), ApiError> {
    match &zone.link {
        None => Ok(()),
        Some(target) => Err(ApiError::bad_request(format!(
            "a linked zone has no versions of its own; its records are those of {target}"
        ))),
    }
}

fn changes_too_fast(zone: &Name) -> ApiError {
    ApiError::unavailable(format!("zone {zone} is changed faster than it can be read; try again later"))
}
