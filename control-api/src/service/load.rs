//! From the tables to memory, at the start.

use std::sync::Arc;

use filters::{FeedCell, FeedId, MetaKey, parse_value};
use rand::RngExt;
use store::{ChangeSet, Puts, Store, Table};
use zones::snapshot::Update;
use zones::{Change, Name, RecordDoc, World, ZoneDoc, compile};

use super::OpenError;
use super::account::{AccountEffect, KeyDoc, SecretDoc, TeamDoc, WhitelistDoc};
use super::codec::{self, AccountTable};
use super::directory::{Directory, LiveFeed};
use super::documents::FeedValues;
use super::packed::PackedRecord;
use crate::auth::KeyHasher;
use crate::dto::feed::FeedDoc;
use crate::dto::source::SourceDoc;
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

/// Fills the directory: sources, feeds with their last values, and who may use the API.
///
/// Values that have been there for too long at `now_s` (unix time in seconds) are not used.
pub(super) fn feeds_and_keys(store: &dyn Store, directory: &Directory, now_s: u64) -> Result<(), OpenError> {
    for entry in store.scan(Table::Sources, b"", None) {
        let source: SourceDoc = codec::decode(&entry?.1)?;
        directory.set_source(source.id, Some(source));
    }
    for entry in store.scan(Table::Feeds, b"", None) {
        let feed: FeedDoc = codec::decode(&entry?.1)?;
        let cell = Arc::new(FeedCell::new(feed.id));
        let expire_after_s = feed.expire_after_s();
        directory.set_feed(feed.id, Some(LiveFeed { source: feed.source, cell, expire_after_s }));
    }
    for entry in store.scan(Table::FeedValues, b"", None) {
        let (key, value) = entry?;
        let Ok(id) = key.try_into().map(FeedId) else { continue };
        if let Some(feed) = directory.feed(id) {
            restore(&feed, &codec::decode(&value)?, now_s);
        }
    }
    account(store, directory)
}

/// Fills the directory: keys with their last uses, teams, address lists.
fn account(store: &dyn Store, directory: &Directory) -> Result<(), OpenError> {
    let mut effects = Vec::new();
    for entry in store.scan(Table::Keys, b"", None) {
        let key: KeyDoc = codec::decode(&entry?.1)?;
        if key.secrets.iter().any(|secret| secret.hash_octets().is_none()) {
            return Err(OpenError::Document(format!("the key {} is damaged", key.id)));
        }
        effects.push(AccountEffect::Key(key.id.clone(), Some(key)));
    }
    for entry in store.scan(Table::Meta, &codec::account_key(AccountTable::Teams, ""), None) {
        let team: TeamDoc = codec::decode(&entry?.1)?;
        effects.push(AccountEffect::Team(team.id.clone(), Some(team)));
    }
    for entry in store.scan(Table::Meta, &codec::account_key(AccountTable::Whitelists, ""), None) {
        let list: WhitelistDoc = codec::decode(&entry?.1)?;
        effects.push(AccountEffect::Whitelist(list.id.clone(), Some(list)));
    }
    let secrets: Vec<SecretDoc> = effects.iter().flat_map(secrets_of).cloned().collect();
    directory.apply(effects);
    for secret in secrets {
        if let Some(value) = store.get(Table::Meta, &codec::last_access_key(&secret.id))? {
            directory.set_last_access(&secret, codec::decode(&value)?);
        }
    }
    Ok(())
}

fn secrets_of(effect: &AccountEffect) -> &[SecretDoc] {
    match effect {
        AccountEffect::Key(_, Some(key)) => &key.secrets,
        _ => &[],
    }
}

/// Puts stored values into a cell.
fn restore(feed: &LiveFeed, values: &FeedValues, now_s: u64) {
    let cell = &feed.cell;
    cell.heard(values.updated_at_s);
    if values.expired {
        cell.expire();
    }
    // What became too old while the program did not run is marked as such by the first look for silent feeds.
    if values.expired || feed.is_silent(now_s) {
        return;
    }
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
    let mut world = World::new();
    let mut update = world.update();
    for entry in store.scan(Table::Zones, b"", None) {
        let zone: ZoneDoc = codec::decode(&entry?.1)?;
        let settings = compile::zone(&zone)
            .map_err(|error| OpenError::Document(format!("zone {}: {error}", zone.zone)))?;
        update.take(Change::PutZone(settings));
    }
    let mut reader = RecordReader::new(directory);
    for entry in store.scan(Table::Records, b"", None) {
        let (key, value) = entry?;
        reader.read(&key, &value, &mut update)?;
    }
    update.publish(store.revision());
    Ok(world)
}

/// Makes records visible that an import has stored. They have been checked; one that cannot be served after
/// all is left out, loudly.
pub(super) fn imported(puts: &Puts, directory: &Directory, update: &mut Update<'_>) {
    let mut reader = RecordReader::new(directory);
    for (key, value) in puts.iter() {
        if let Err(error) = reader.read(key, value, update) {
            tracing::error!(%error, "an imported record cannot be served");
        }
    }
}

/// Reads stored records for the world.
struct RecordReader<'d> {
    directory: &'d Directory,
    /// The zone of the record before, as the key has it and as a name: records come grouped by zone.
    zone: Option<(String, Name)>,
}

impl<'d> RecordReader<'d> {
    fn new(directory: &'d Directory) -> Self {
        Self { directory, zone: None }
    }

    /// Hands on what a record is to queries.
    fn read(&mut self, key: &[u8], value: &[u8], update: &mut Update<'_>) -> Result<(), OpenError> {
        let Some((zone, owner, rtype)) = codec::parse_record_key(key) else {
            tracing::error!(key = %key.escape_ascii(), "a stored record has a damaged key");
            return Ok(());
        };
        let compiled = match PackedRecord::read(value) {
            Some(packed) => packed.compile(owner, rtype),
            None => {
                let record: RecordDoc = codec::decode(value)?;
                let feeds = |id| self.directory.feed(id).map(|feed| feed.cell);
                compile::record(&record, &feeds).map_err(|error| error.to_string())
            }
        };
        match compiled.and_then(|record| Ok((self.zone(zone)?, record))) {
            Ok((zone, record)) => update.put_record(zone, &record),
            Err(error) => {
                tracing::error!(zone, domain = owner, %rtype, error, "a stored record cannot be served");
            }
        }
        Ok(())
    }

    /// The zone of a record, as a name.
    fn zone(&mut self, text: &str) -> Result<&Name, String> {
        let known = self.zone.take().filter(|(known, _)| known == text);
        let zone = match known {
            Some(zone) => zone,
            None => (text.to_owned(), Name::parse(text).map_err(|error| error.to_string())?),
        };
        Ok(&self.zone.insert(zone).1)
    }
}
