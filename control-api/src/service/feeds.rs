//! Changes of sources, feeds and their values.

use std::collections::HashSet;
use std::sync::Arc;

use filters::{FeedCell, FeedId};
use serde_json::Value;
use store::Table;
use zones::Name;

use super::codec;
use super::directory::LiveFeed;
use super::documents::{ActivityAction, FeedValues, PushedValue};
use super::pointers;
use super::transaction::{CellChange, Push, Transaction};
use crate::dto::feed::FeedDoc;
use crate::dto::source::SourceDoc;
use crate::error::ApiError;
use crate::ids::SourceId;

impl Transaction<'_> {
    /// A source, or 404 `source not found`.
    pub fn source(&self, id: SourceId) -> Result<SourceDoc, ApiError> {
        self.find_source(id)?.ok_or_else(ApiError::source_not_found)
    }

    /// A source, if there is one of this id.
    pub fn find_source(&self, id: SourceId) -> Result<Option<SourceDoc>, ApiError> {
        self.get(Table::Sources, &codec::source_key(id))
    }

    /// Makes a source, or changes the one of this id. The same document again is no change.
    pub fn put_source(&mut self, source: SourceDoc) -> Result<(), ApiError> {
        let old = self.find_source(source.id)?;
        if old.as_ref() == Some(&source) {
            return Ok(());
        }
        self.put(Table::Sources, codec::source_key(source.id), &source)?;
        self.effects.sources.insert(source.id, Some(source.clone()));
        let action = if old.is_some() { ActivityAction::Update } else { ActivityAction::Create };
        self.log_source(action, &source);
        Ok(())
    }

    /// Removes a source with all its feeds; metadata that points at them loses those keys.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn delete_source(&mut self, id: SourceId) -> Result<(), ApiError> {
        let source = self.source(id)?;
        for feed in self.feeds_of(id)? {
            self.remove_feed(feed.id)?;
        }
        self.layer.delete_prefix(Table::Feeds, codec::source_key(id));
        self.layer.delete(Table::Sources, codec::source_key(id));
        self.effects.sources.insert(id, None);
        self.log_source(ActivityAction::Delete, &source);
        Ok(())
    }

    /// A feed of a source, or 404 `feed not found`.
    pub fn feed(&self, source: SourceId, feed: FeedId) -> Result<FeedDoc, ApiError> {
        self.find_feed(source, feed)?.ok_or_else(ApiError::feed_not_found)
    }

    fn find_feed(&self, source: SourceId, feed: FeedId) -> Result<Option<FeedDoc>, ApiError> {
        self.get(Table::Feeds, &codec::feed_key(source, feed))
    }

    /// The feeds of a source, in the order in which they were made.
    pub fn feeds_of(&self, source: SourceId) -> Result<Vec<FeedDoc>, ApiError> {
        let entries = self.scan(Table::Feeds, &codec::source_key(source))?;
        entries.iter().map(|(_, value)| codec::decode(value)).collect()
    }

    /// Makes a feed, or changes the one of this id. The same document again is no change.
    ///
    /// # Errors
    /// 404 when its source does not exist.
    pub fn put_feed(&mut self, feed: FeedDoc) -> Result<(), ApiError> {
        self.source(feed.source)?;
        let old = self.find_feed(feed.source, feed.id)?;
        if old.as_ref() == Some(&feed) {
            return Ok(());
        }
        self.put(Table::Feeds, codec::feed_key(feed.source, feed.id), &feed)?;
        let cell = self.live_feed(feed.id).map(|live| live.cell);
        let cell = cell.unwrap_or_else(|| Arc::new(FeedCell::new(feed.id)));
        let live = LiveFeed { source: feed.source, cell, expire_after_s: feed.expire_after_s() };
        self.effects.feeds.insert(feed.id, Some(live));
        let action = if old.is_some() { ActivityAction::Update } else { ActivityAction::Create };
        self.log_feed(action, &feed);
        Ok(())
    }

    /// Removes a feed; metadata that points at it loses that key.
    ///
    /// # Errors
    /// 404 when there is none.
    pub fn delete_feed(&mut self, source: SourceId, feed: FeedId) -> Result<(), ApiError> {
        let document = self.feed(source, feed)?;
        self.remove_feed(feed)?;
        self.layer.delete(Table::Feeds, codec::feed_key(source, feed));
        self.log_feed(ActivityAction::Delete, &document);
        Ok(())
    }

    /// Takes a feed out of every record, and forgets its values.
    fn remove_feed(&mut self, feed: FeedId) -> Result<(), ApiError> {
        for (key, _) in self.scan(Table::FeedUses, &codec::uses_of_feed(feed))? {
            let Some(record_key) = codec::parse_use_by_feed(&key) else { continue };
            let Some(old) = self.stored_record(record_key)? else { continue };
            let zone = Name::parse(&old.zone).map_err(ApiError::internal)?;
            let mut record = old.clone();
            pointers::remove_feed(&mut record, feed);
            self.store_record(&zone, Some(old), record.clone())?;
            self.log_record(ActivityAction::Update, &record);
        }
        self.layer.delete(Table::FeedValues, codec::feed_values_key(feed));
        self.effects.feeds.insert(feed, None);
        Ok(())
    }

    /// Gives values to a feed: the next query after the acknowledgement sees them, no zone is rebuilt.
    ///
    /// Values that are there already count as heard, which is written to disk once in a while only
    /// (`LiveFeed::heard_step_s`). What an expired feed said before stays unknown.
    ///
    /// # Errors
    /// 404 when there is no such feed.
    pub fn push_feed(&mut self, feed: FeedId, values: Vec<PushedValue>) -> Result<(), ApiError> {
        let live = self.live_feed(feed).ok_or_else(ApiError::feed_not_found)?;
        if values.is_empty() {
            return Ok(());
        }
        let (key, at_s) = (codec::feed_values_key(feed), self.now_s());
        let old: FeedValues = self.get(Table::FeedValues, &key)?.unwrap_or_default();
        let mut new = if old.expired { FeedValues::default() } else { old.clone() };
        for PushedValue { key, value, raw } in values {
            match raw {
                Value::Null => new.data.shift_remove(key.name()),
                raw => new.data.insert(key.name().to_owned(), raw),
            };
            let change = CellChange::Value { key, value, at_s };
            self.effects.pushes.push(Push { cell: Arc::clone(&live.cell), change });
        }
        let is_late = at_s.saturating_sub(old.updated_at_s) >= live.heard_step_s();
        if new != old || is_late {
            new.updated_at_s = at_s;
            self.put(Table::FeedValues, key, &new)?;
        }
        Ok(())
    }

    /// Makes the values of feeds unknown that were silent for too long, and returns those.
    ///
    /// Feeds that have been heard since they were found silent stay as they are.
    pub(super) fn expire_feeds(&mut self, silent: Vec<FeedId>) -> Result<Vec<FeedId>, ApiError> {
        let waiting: HashSet<FeedId> = self.around.batch.pushes.iter().map(|push| push.cell.id()).collect();
        let mut expired = Vec::new();
        for feed in silent {
            let live = self.live_feed(feed).filter(|live| live.is_silent(self.now_s()));
            let Some(live) = live.filter(|_| !waiting.contains(&feed)) else { continue };
            let key = codec::feed_values_key(feed);
            let values: FeedValues = self.get(Table::FeedValues, &key)?.unwrap_or_default();
            self.put(Table::FeedValues, key, &FeedValues { expired: true, ..values })?;
            self.effects.pushes.push(Push { cell: live.cell, change: CellChange::Expire });
            expired.push(feed);
        }
        Ok(expired)
    }

    /// The id of a source is the secret of its feed URL, so the log shows only how it begins.
    fn log_source(&mut self, action: ActivityAction, source: &SourceDoc) {
        let id = source.id.to_string();
        let resource = serde_json::json!({
            "id": format!("{}…", &id[..8]),
            "name": source.name,
            "sourcetype": source.sourcetype,
        });
        self.log_activity(action, "datasource", format!("{}…", &id[..8]), resource);
    }

    fn log_feed(&mut self, action: ActivityAction, feed: &FeedDoc) {
        let id = feed.id.to_string();
        let resource = serde_json::json!({ "id": id, "name": feed.name, "config": feed.config });
        self.log_activity(action, "datafeed", id, resource);
    }
}
