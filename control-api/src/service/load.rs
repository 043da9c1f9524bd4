//! From the tables to memory, at the start.

use std::sync::Arc;

use filters::{FeedCell, FeedId, MetaKey, parse_value};
use rand::RngExt;
use store::{ChangeSet, Store, Table};
use zones::{Change, CompiledRecord, Name, RecordDoc, World, ZoneDoc, compile};

use super::OpenError;
use super::codec;
use super::directory::{Directory, LiveFeed};
use super::documents::{FeedValues, KeyDoc};
use crate::auth::KeyHasher;
use crate::dto::feed::FeedDoc;
use crate::error::ApiError;

/// Where the salt of key hashes lies (table `Meta`).
const SALT_KEY: &[u8] = b"key-salt";

impl From<ApiError> for OpenError {
    fn from(error: ApiError) -> Self {
        Self::Document(error.detail.unwrap_or(error.message))
    }
}

/// The hasher of this installation's keys; the first start draws its salt.
pub(super) fn key_hasher(store: &dyn Store) -> Result<KeyHasher, OpenError> {
    if let Some(salt) = store.get(Table::Meta, SALT_KEY)? {
        let salt = salt
            .try_into()
            .map_err(|_| OpenError::Document("the salt of key hashes is damaged".to_owned()))?;
        return Ok(KeyHasher::new(salt));
    }
    let salt: [u8; 16] = rand::rng().random();
    let mut set = ChangeSet::new();
    set.put(Table::Meta, SALT_KEY, salt);
    store.commit(&[set])?;
    Ok(KeyHasher::new(salt))
}

/// Fills the directory: feeds with their last values, and the hashes of keys.
pub(super) fn feeds_and_keys(store: &dyn Store, directory: &Directory) -> Result<(), OpenError> {
    for entry in store.scan(Table::Feeds, b"", None) {
        let feed: FeedDoc = codec::decode(&entry?.1)?;
        let cell = Arc::new(FeedCell::new(feed.id));
        directory.set_feed(feed.id, Some(LiveFeed { source: feed.source, cell }));
    }
    for entry in store.scan(Table::FeedValues, b"", None) {
        let (key, value) = entry?;
        let Ok(id) = key.try_into().map(FeedId) else { continue };
        if let Some(feed) = directory.feed(id) {
            restore(&feed.cell, &codec::decode(&value)?);
        }
    }
    for entry in store.scan(Table::Keys, b"", None) {
        let key: KeyDoc = codec::decode(&entry?.1)?;
        match key.hash_octets() {
            Some(hash) => directory.set_key(hash, Some(key)),
            None => return Err(OpenError::Document(format!("the key {} is damaged", key.id))),
        }
    }
    Ok(())
}

/// Puts stored values into a cell.
fn restore(cell: &FeedCell, values: &FeedValues) {
    for (name, raw) in &values.data {
        let parsed = MetaKey::parse(name).map(|key| (key, parse_value(key, raw)));
        match parsed {
            Some((key, Ok(value))) => cell.set(key, value.as_ref(), values.updated_at_s),
            // It was checked when it came; a later version may be stricter.
            _ => tracing::warn!(feed = %cell.id(), key = name, "a stored feed value is not usable"),
        }
    }
}

/// Builds the world from all zones and records.
///
/// A record that no longer compiles is left out, loudly: one bad record must not keep a million good ones
/// from being served.
pub(super) fn world(store: &dyn Store, directory: &Directory) -> Result<World, OpenError> {
    let mut failure = None;
    let zones = store.scan(Table::Zones, b"", None).map(|entry| {
        let zone: ZoneDoc = codec::decode(&entry?.1)?;
        let settings = compile::zone(&zone)
            .map_err(|error| OpenError::Document(format!("zone {}: {error}", zone.zone)))?;
        Ok(Some(Change::PutZone(settings)))
    });
    let records = store.scan(Table::Records, b"", None).map(|entry| {
        let record: RecordDoc = codec::decode(&entry?.1)?;
        Ok(compiled(&record, directory).and_then(|compiled| {
            let zone = Name::parse(&record.zone).ok()?;
            Some(Change::PutRecord { zone, record: compiled })
        }))
    });
    let changes = zones
        .chain(records)
        .map_while(|change: Result<_, OpenError>| match change {
            Ok(change) => Some(change),
            Err(error) => {
                failure = Some(error);
                None
            }
        })
        .flatten();
    let mut world = World::new();
    world.apply(store.revision(), changes);
    match failure {
        Some(error) => Err(error),
        None => Ok(world),
    }
}

fn compiled(record: &RecordDoc, directory: &Directory) -> Option<CompiledRecord> {
    let feeds = |id| directory.feed(id).map(|feed| feed.cell);
    match compile::record(record, &feeds) {
        Ok(compiled) => Some(compiled),
        Err(error) => {
            tracing::error!(
                zone = record.zone, domain = record.domain, rtype = %record.rtype, %error,
                "a stored record cannot be served"
            );
            None
        }
    }
}
