//! One change set in the making.
//!
//! A transaction sees the tables with everything that earlier requests of its batch did, and collects what
//! it changes itself. Nothing of it is visible to anyone until the committer has stored it, and dropping it
//! leaves no trace. What belongs to a change by itself (serials, the activity log, where feeds are used) is
//! added here, so that no handler can forget it.

use std::collections::BTreeMap;
use std::sync::Arc;

use filters::{FeedCell, FeedId, MetaKey, MetaValue};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use store::{Entry, Puts, Table};
use zones::{Change, Name, RecordDoc};

use super::ServiceOptions;
use super::account::AccountEffect;
use super::actor::{Actor, ActorKind};
use super::codec;
use super::directory::{Directory, LiveFeed};
use super::documents::{ActivityAction, ActivityEntry};
use super::overlay::{Layer, View};
use crate::dto::source::SourceDoc;
use crate::error::ApiError;
use crate::ids::{self, SourceId};

/// How long an entry of the activity log is kept: a year, as audits ask for.
const ACTIVITY_KEPT_US: u64 = 365 * 24 * 3600 * 1_000_000;

/// What a change set does outside the tables, once it is stored.
#[derive(Default)]
pub(crate) struct Effects {
    /// What queries see, in order.
    pub(crate) visible: Vec<Visible>,
    /// Feeds that appear or disappear.
    pub(crate) feeds: BTreeMap<FeedId, Option<LiveFeed>>,
    /// Sources that appear, change or disappear.
    pub(crate) sources: BTreeMap<SourceId, Option<SourceDoc>>,
    /// Values for feeds, and feeds that expire, in order.
    pub(crate) pushes: Vec<Push>,
    /// Keys, teams and address lists that appear, change or disappear.
    pub(crate) account: Vec<AccountEffect>,
}

/// Something that queries see.
#[derive(Debug)]
pub(crate) enum Visible {
    /// A change.
    Change(Change),
    /// Records of an import, as they are stored.
    Imported(Arc<Puts>),
}

/// What happens to a feed's cell.
pub(crate) struct Push {
    pub(crate) cell: Arc<FeedCell>,
    pub(crate) change: CellChange,
}

/// How a cell changes.
pub(crate) enum CellChange {
    /// A key gets a value, or loses it, at this time.
    Value { key: MetaKey, value: Option<MetaValue>, at_s: u64 },
    /// All values go, because none came for too long.
    Expire,
}

impl Push {
    pub(crate) fn apply(&self) {
        match &self.change {
            CellChange::Value { key, value, at_s } => self.cell.set(*key, value.as_ref(), *at_s),
            CellChange::Expire => self.cell.expire(),
        }
    }
}

impl Effects {
    /// Adds a change that queries see.
    pub(crate) fn change(&mut self, change: Change) {
        self.visible.push(Visible::Change(change));
    }

    /// Appends what a later change set does.
    pub(crate) fn absorb(&mut self, later: Effects) {
        self.visible.extend(later.visible);
        self.feeds.extend(later.feeds);
        self.sources.extend(later.sources);
        self.pushes.extend(later.pushes);
        self.account.extend(later.account);
    }
}

/// What all transactions of a batch share.
pub(crate) struct Surroundings<'a> {
    pub(crate) view: View<'a>,
    pub(crate) directory: &'a Directory,
    /// What the earlier requests of the batch do outside the tables.
    pub(crate) batch: &'a Effects,
    pub(crate) options: &'a ServiceOptions,
    /// Unix time in microseconds; differs for each transaction.
    pub(crate) now_us: u64,
}

/// How a transaction has touched a zone, which decides about its serial.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Touch {
    /// Made here: it keeps its first serial.
    Created,
    /// Changed here: its serial grows by one.
    Changed,
}

/// One change set in the making; see the module's documentation.
pub struct Transaction<'a> {
    pub(super) around: Surroundings<'a>,
    actor: Actor,
    pub(super) layer: Layer,
    pub(super) effects: Effects,
    pub(super) touched: BTreeMap<Name, Touch>,
    activity: Vec<ActivityEntry>,
}

/// What a finished transaction hands to the committer.
pub(crate) struct Finished {
    pub(crate) layer: Layer,
    pub(crate) effects: Effects,
}

impl<'a> Transaction<'a> {
    pub(crate) fn new(around: Surroundings<'a>, actor: Actor) -> Self {
        Self {
            around,
            actor,
            layer: Layer::default(),
            effects: Effects::default(),
            touched: BTreeMap::new(),
            activity: Vec::new(),
        }
    }

    /// The time of the change, unix time in seconds.
    pub fn now_s(&self) -> u64 {
        self.around.now_us / 1_000_000
    }

    /// Who asked for the change.
    pub fn actor(&self) -> &Actor {
        &self.actor
    }

    /// The settings of the service.
    pub fn options(&self) -> &ServiceOptions {
        self.around.options
    }

    /// Takes the rights that the actor's key has by now, and checks that they still allow what its request was let
    /// in for: the key may have been restricted or deleted while the request was on the way, which for a zone file
    /// takes minutes. Changes of keys and teams end their batch, so "now" is just before this change.
    ///
    /// # Errors
    /// 401 for a key or a secret that is gone; 403, or 404 for what it cannot see any more, for a right that is.
    pub(crate) fn renew_access(&mut self) -> Result<(), ApiError> {
        if self.actor.kind == ActorKind::ApiKey {
            let access = self.around.directory.access_now(&self.actor, self.now_s());
            self.actor.access = access.ok_or_else(ApiError::unauthorized)?;
            if let Some(demand) = &self.actor.demand {
                demand.check(&self.actor.access)?;
            }
        }
        Ok(())
    }

    /// A document of any table.
    pub(super) fn get<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, ApiError> {
        let value = self.around.view.get(&self.layer, table, key)?;
        value.map(|value| codec::decode(&value)).transpose()
    }

    /// A record, given its key.
    pub(super) fn stored_record(&self, key: &[u8]) -> Result<Option<RecordDoc>, ApiError> {
        let value = self.around.view.get(&self.layer, Table::Records, key)?;
        value.map(|value| codec::decode_record(key, &value)).transpose()
    }

    /// The entries under a prefix. Meant for prefixes with few entries.
    pub(super) fn scan(&self, table: Table, prefix: &[u8]) -> Result<Vec<Entry>, ApiError> {
        self.around.view.scan(&self.layer, table, prefix)
    }

    /// The first key under a prefix that is wanted, of however many.
    pub(super) fn find(
        &self,
        table: Table,
        prefix: &[u8],
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        self.around.view.find(&self.layer, table, prefix, is_wanted)
    }

    /// Stores a document.
    pub(super) fn put<T: Serialize>(
        &mut self,
        table: Table,
        key: Vec<u8>,
        document: &T,
    ) -> Result<(), ApiError> {
        self.layer.put(table, key, codec::encode(document)?);
        Ok(())
    }

    /// The live feed of an id, as this change set leaves it.
    pub(super) fn live_feed(&self, id: FeedId) -> Option<LiveFeed> {
        for effects in [&self.effects, self.around.batch] {
            if let Some(feed) = effects.feeds.get(&id) {
                return feed.clone();
            }
        }
        self.around.directory.feed(id)
    }

    /// Writes an entry of the activity log. `resource` must not hold secrets.
    pub fn log_activity(
        &mut self,
        action: ActivityAction,
        resource_type: &str,
        resource_id: String,
        resource: Value,
    ) {
        let timestamp = self.now_s();
        self.activity.push(ActivityEntry {
            resource_type: resource_type.to_owned(),
            user_id: self.actor.id.clone(),
            resource_id,
            timestamp,
            user_type: self.actor.kind,
            action,
            resource,
            user_name: self.actor.name.clone(),
            id: String::new(),
        });
    }

    /// Adds what belongs to the change by itself: zone settings and the activity log.
    pub(crate) fn finish(mut self) -> Result<Finished, ApiError> {
        self.publish_zones()?;
        let entries = std::mem::take(&mut self.activity);
        self.forget_old_activity(entries.len())?;
        for (offset_us, mut entry) in (0..).zip(entries) {
            let id = ids::new_object_id(entry.timestamp);
            entry.id = data_encoding::HEXLOWER.encode(&id);
            let key = codec::activity_key(self.around.now_us + offset_us, id);
            self.put(Table::Activity, key, &entry)?;
        }
        Ok(Finished { layer: self.layer, effects: self.effects })
    }

    /// Removes entries that are past their time, two for each new one: the log shrinks without ever holding
    /// anyone up.
    fn forget_old_activity(&mut self, new_entries: usize) -> Result<(), ApiError> {
        if new_entries == 0 {
            return Ok(());
        }
        let oldest_us = self.around.now_us.saturating_sub(ACTIVITY_KEPT_US);
        let newest_key = codec::activity_key(oldest_us, [0xff; 12]);
        let store = self.around.view.store;
        for entry in store.scan(Table::Activity, b"", Some(&newest_key)).take(2 * new_entries) {
            self.layer.delete(Table::Activity, entry?.0);
        }
        Ok(())
    }
}
