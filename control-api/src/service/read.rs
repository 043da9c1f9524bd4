//! Reads of what is stored. None of them waits for the committer.

use std::net::IpAddr;
use std::sync::Arc;

use filters::FeedId;
use store::Table;
use zones::{Name, RecordDoc, RecordType, ZoneDoc};

use super::account::SecretDoc;
use super::actor::Actor;
use super::directory::LiveSource;
use super::documents::{ActivityEntry, FeedValues};
use super::{Service, codec};
use crate::auth::{KeyHasher, Right};
use crate::dto::feed::{Destination, FeedDoc, FeedState};
use crate::dto::source::SourceDoc;
use crate::error::ApiError;
use crate::ids::SourceId;

/// Linked zones that are followed one after the other.
const MAX_LINKS: usize = zones::limits::MAX_LINKS;

/// A record in a scan: its place is known at once, its document when asked for.
#[derive(Clone, Debug)]
pub struct RecordEntry {
    key: Vec<u8>,
    value: Vec<u8>,
}

impl RecordEntry {
    /// The zone, the owner (both as text without final dot) and the type.
    pub fn place(&self) -> Option<(&str, &str, RecordType)> {
        codec::parse_record_key(&self.key)
    }

    /// The record.
    pub fn document(&self) -> Result<RecordDoc, ApiError> {
        codec::decode_record(&self.key, &self.value)
    }
}

impl Service {
    /// A zone; a linked one with the settings of its target.
    pub fn zone(&self, zone: &Name) -> Result<Option<ZoneDoc>, ApiError> {
        let found = self.get::<ZoneDoc>(Table::Zones, &codec::zone_key(zone))?;
        found.map(|zone| self.with_inherited(zone)).transpose()
    }

    /// A zone, or 404 `zone not found`.
    pub fn existing_zone(&self, zone: &Name) -> Result<ZoneDoc, ApiError> {
        self.zone(zone)?.ok_or_else(ApiError::zone_not_found)
    }

    /// All zones by name, beginning behind `after`. Read as they are asked for.
    pub fn zones<'s>(
        &'s self,
        after: Option<&Name>,
    ) -> impl Iterator<Item = Result<ZoneDoc, ApiError>> + use<'s> {
        let after = after.map(codec::zone_key);
        self.0.store.scan(Table::Zones, b"", after.as_deref()).map(|entry| {
            let (_, value) = entry?;
            self.with_inherited(codec::decode(&value)?)
        })
    }

    /// A record.
    pub fn record(
        &self,
        zone: &Name,
        owner: &Name,
        rtype: RecordType,
    ) -> Result<Option<RecordDoc>, ApiError> {
        let key = codec::record_key(zone, owner, rtype);
        let value = self.0.store.get(Table::Records, &key)?;
        value.map(|value| codec::decode_record(&key, &value)).transpose()
    }

    /// The records of a zone by owner and type, beginning behind `after`. Read as they are asked for.
    pub fn records<'s>(
        &'s self,
        zone: &Name,
        after: Option<(&Name, RecordType)>,
    ) -> impl Iterator<Item = Result<RecordEntry, ApiError>> + use<'s> {
        let after = after.map(|(owner, rtype)| codec::record_key(zone, owner, rtype));
        self.entries(&codec::records_of_zone(zone), after.as_deref())
    }

    /// The records of all zones, by zone, owner and type. Read as they are asked for.
    pub fn all_records(&self) -> impl Iterator<Item = Result<RecordEntry, ApiError>> + '_ {
        self.entries(b"", None)
    }

    fn entries<'s>(
        &'s self,
        prefix: &[u8],
        after: Option<&[u8]>,
    ) -> impl Iterator<Item = Result<RecordEntry, ApiError>> + use<'s> {
        self.0.store.scan(Table::Records, prefix, after).map(|entry| {
            let (key, value) = entry?;
            Ok(RecordEntry { key, value })
        })
    }

    /// All sources.
    pub fn sources(&self) -> Result<Vec<SourceDoc>, ApiError> {
        self.documents(Table::Sources, b"")
    }

    /// A source.
    pub fn source(&self, id: SourceId) -> Result<Option<SourceDoc>, ApiError> {
        self.get(Table::Sources, &codec::source_key(id))
    }

    /// The feeds of a source, in the order in which they were made.
    pub fn feeds(&self, source: SourceId) -> Result<Vec<FeedDoc>, ApiError> {
        self.documents(Table::Feeds, &codec::source_key(source))
    }

    /// A feed of a source.
    pub fn feed(&self, source: SourceId, feed: FeedId) -> Result<Option<FeedDoc>, ApiError> {
        self.get(Table::Feeds, &codec::feed_key(source, feed))
    }

    /// The source that a feed belongs to, for actors who work with data: whoever knows the id of a source may be able
    /// to push to it.
    pub fn source_of_feed(&self, actor: &Actor, feed: FeedId) -> Option<SourceId> {
        let rights = [Right::ManageDatasources, Right::ManageDatafeeds, Right::PushToDatafeeds];
        let feed = rights.iter().any(|right| actor.may(*right)).then(|| self.0.directory.feed(feed))?;
        feed.map(|feed| feed.source)
    }

    /// The last values of a feed; empty when none ever came.
    pub fn feed_values(&self, feed: FeedId) -> Result<FeedValues, ApiError> {
        let values = self.get(Table::FeedValues, &codec::feed_values_key(feed))?;
        Ok(values.unwrap_or_default())
    }

    /// A feed's values as clients read them, when it was heard, and whether they still count.
    pub fn feed_state(&self, feed: FeedId) -> Result<FeedState, ApiError> {
        let values = self.feed_values(feed)?;
        let live = self.0.directory.feed(feed).map(|live| live.cell);
        let heard_s = live.as_ref().map_or(0, |cell| cell.updated_at_s());
        Ok(FeedState {
            data: values.data,
            updated_at_s: (heard_s != 0).then_some(heard_s),
            expired: live.is_some_and(|cell| cell.is_expired()),
        })
    }

    /// A source with its counts, from memory.
    pub fn live_source(&self, id: SourceId) -> Option<Arc<LiveSource>> {
        self.0.directory.source(id)
    }

    /// All sources with their counts, in no particular order.
    pub fn live_sources(&self) -> Vec<Arc<LiveSource>> {
        self.0.directory.sources()
    }

    /// What reads a feed.
    pub fn feed_destinations(&self, feed: FeedId) -> Result<Vec<Destination>, ApiError> {
        let lists: Vec<Vec<Destination>> = self.documents(Table::FeedUses, &codec::uses_of_feed(feed))?;
        let mut destinations: Vec<Destination> = lists.into_iter().flatten().collect();
        // A table that reads the feed for several keys is one destination; its uses are neighbors.
        destinations.dedup();
        Ok(destinations)
    }

    /// The activity log, newest first. Read as it is asked for.
    pub fn activity(&self) -> impl Iterator<Item = Result<ActivityEntry, ApiError>> + '_ {
        self.0.store.scan(Table::Activity, b"", None).map(|entry| codec::decode(&entry?.1))
    }

    /// Who a secret belongs to that is used from an address, if it is one of ours and may be used now.
    pub fn authenticate(&self, secret: &str, address: Option<IpAddr>) -> Option<Actor> {
        let now_s = self.now_s();
        let actor = self.0.directory.actor(&self.0.hasher.hash(secret), address, now_s)?;
        self.keep_accesses(now_s);
        Some(actor)
    }

    /// Whether a request may come from an address, as far as the account's lists go.
    pub fn lists_allow(&self, address: IpAddr) -> bool {
        !self.0.options.enforce_whitelist || self.0.directory.lists_allow(address)
    }

    /// When a secret was last used, unix time in seconds.
    pub fn last_access_s(&self, secret: &SecretDoc) -> Option<u64> {
        self.0.directory.last_access_s(secret)
    }

    /// The time, unix time in seconds.
    pub fn now_s(&self) -> u64 {
        self.0.options.clock.now_us() / 1_000_000
    }

    /// Whether there is any key.
    pub fn has_keys(&self) -> Result<bool, ApiError> {
        Ok(self.0.store.scan(Table::Keys, b"", None).next().transpose()?.is_some())
    }

    pub(crate) fn hasher(&self) -> &KeyHasher {
        &self.0.hasher
    }

    /// The entries of a table under a prefix. Read as they are asked for.
    pub(super) fn stored<'s>(
        &'s self,
        table: Table,
        prefix: &[u8],
    ) -> impl Iterator<Item = Result<store::Entry, ApiError>> + use<'s> {
        self.0.store.scan(table, prefix, None).map(|entry| Ok(entry?))
    }

    pub(super) fn get<T: serde::de::DeserializeOwned>(
        &self,
        table: Table,
        key: &[u8],
    ) -> Result<Option<T>, ApiError> {
        let value = self.0.store.get(table, key)?;
        value.map(|value| codec::decode(&value)).transpose()
    }

    pub(super) fn documents<T: serde::de::DeserializeOwned>(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> Result<Vec<T>, ApiError> {
        let entries = self.0.store.scan(table, prefix, None);
        entries.map(|entry| codec::decode(&entry?.1)).collect()
    }

    fn with_inherited(&self, mut zone: ZoneDoc) -> Result<ZoneDoc, ApiError> {
        let mut target = zone.link.clone();
        for _ in 0..MAX_LINKS {
            let Some(name) = target.and_then(|name| Name::parse(&name).ok()) else { break };
            let Some(next) = self.get::<ZoneDoc>(Table::Zones, &codec::zone_key(&name))? else {
                break;
            };
            target = next.link.clone();
            inherit(&mut zone, next);
        }
        Ok(zone)
    }
}

/// Gives a linked zone the settings of its target.
pub(super) fn inherit(zone: &mut ZoneDoc, target: ZoneDoc) {
    zone.ttl = target.ttl;
    zone.nx_ttl = target.nx_ttl;
    zone.refresh = target.refresh;
    zone.retry = target.retry;
    zone.expiry = target.expiry;
    zone.hostmaster = target.hostmaster;
    zone.primary_master = target.primary_master;
    zone.serial = target.serial;
    zone.networks = target.networks;
    zone.dns_servers = target.dns_servers;
    zone.meta = target.meta;
    zone.primary = target.primary;
}
