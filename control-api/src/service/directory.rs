//! What of the configuration is held in memory beside the snapshot: feed cells, sources, keys and their teams.
//!
//! The committer is the only writer; it writes after the store took the change. Readers hold a lock only
//! to copy references out. Keys and teams share one lock, so that a change of both is seen as one.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock, RwLockReadGuard};

use filters::{FeedCell, FeedId, IpPrefix};

use super::account::{AccountEffect, KeyDoc, SecretDoc, TeamDoc, holds_address, prefixes_of};
use super::actor::{Actor, ActorKind};
use crate::auth::{Access, access::Grant, equal_hashes};
use crate::dto::source::SourceDoc;
use crate::ids::SourceId;

/// How far behind the stored time of a feed's last value may be, in seconds.
const HEARD_STEP_MAX_S: u32 = 60;

/// A feed's live values and the source they come from.
#[derive(Clone, Debug)]
pub(crate) struct LiveFeed {
    pub(crate) source: SourceId,
    pub(crate) cell: Arc<FeedCell>,
    /// Seconds without any value after which its values count as unknown.
    pub(crate) expire_after_s: Option<u32>,
}

/// A key and what its own permissions say.
#[derive(Debug)]
struct LiveKey {
    document: KeyDoc,
    grant: Arc<Grant>,
    addresses: Vec<IpPrefix>,
}

/// A team and what its permissions say.
#[derive(Debug)]
struct LiveTeam {
    grant: Arc<Grant>,
    addresses: Vec<IpPrefix>,
}

/// A secret, by its hash.
#[derive(Debug)]
struct LiveSecret {
    key: String,
    id: String,
    /// When it was last used, unix time in seconds; 0 is never.
    used_s: AtomicU64,
    /// The same, as the tables have it.
    kept_s: AtomicU64,
}

/// Who may use the API.
#[derive(Debug, Default)]
struct Holders {
    keys: HashMap<String, LiveKey>,
    secrets: HashMap<[u8; 32], LiveSecret>,
    teams: HashMap<String, LiveTeam>,
    whitelists: HashMap<String, Vec<IpPrefix>>,
}

impl LiveFeed {
    /// How far behind the stored time of its last value may be, in seconds: a push that changes nothing is
    /// written to disk that often. A tenth of the time of expiry, so that a restart makes hardly a difference.
    pub(crate) fn heard_step_s(&self) -> u64 {
        let step_s = self.expire_after_s.map_or(HEARD_STEP_MAX_S, |seconds| seconds / 10);
        step_s.clamp(1, HEARD_STEP_MAX_S).into()
    }

    /// Whether its values have been there for too long at `now_s`, unix time in seconds.
    pub(crate) fn is_silent(&self, now_s: u64) -> bool {
        let Some(expire_after_s) = self.expire_after_s else { return false };
        let heard_s = self.cell.updated_at_s();
        heard_s != 0 && now_s.saturating_sub(heard_s) >= expire_after_s.into()
    }
}

/// A source and what came to it since the start.
#[derive(Debug)]
pub struct LiveSource {
    /// The source as it is stored.
    pub document: SourceDoc,
    /// What came.
    pub counts: Arc<PushCounts>,
}

/// Pushes to a source by what became of them.
#[derive(Debug, Default)]
pub struct PushCounts {
    /// Those that reached a feed.
    pub delivered: AtomicU64,
    /// Those that were fine and concerned no feed.
    pub unmatched: AtomicU64,
    /// Those that could not be read.
    pub malformed: AtomicU64,
    /// Those that were not believed: a wrong signature, token or account.
    pub refused: AtomicU64,
    /// Those beyond the rate of a source.
    pub limited: AtomicU64,
}

/// Feeds and sources by id, and who may use the API.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    feeds: RwLock<HashMap<FeedId, LiveFeed>>,
    /// How many of the feeds may expire.
    expiring: AtomicUsize,
    /// How often a feed has expired.
    expirations: AtomicU64,
    sources: RwLock<HashMap<SourceId, Arc<LiveSource>>>,
    holders: RwLock<Holders>,
}

impl Directory {
    /// The feed of an id.
    pub(crate) fn feed(&self, id: FeedId) -> Option<LiveFeed> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// When each feed got its last value, in unix seconds; 0 for one that never got any.
    pub(crate) fn each_feed_update(&self, mut each: impl FnMut(u64)) {
        let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
        feeds.values().for_each(|feed| each(feed.cell.updated_at_s()));
    }

    /// Adds a feed, or removes it.
    pub(crate) fn set_feed(&self, id: FeedId, feed: Option<LiveFeed>) {
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        let expires = |feed: &LiveFeed| usize::from(feed.expire_after_s.is_some());
        self.expiring.fetch_add(feed.as_ref().map_or(0, expires), Ordering::Relaxed);
        let old = match feed {
            Some(feed) => feeds.insert(id, feed),
            None => feeds.remove(&id),
        };
        self.expiring.fetch_sub(old.as_ref().map_or(0, expires), Ordering::Relaxed);
    }

    /// Up to `limit` feeds that are to expire at `now_s`, unix time in seconds.
    pub(crate) fn silent_feeds(&self, now_s: u64, limit: usize) -> Vec<FeedId> {
        if self.expiring.load(Ordering::Relaxed) == 0 {
            return Vec::new();
        }
        let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
        let silent = feeds.iter().filter(|(_, feed)| !feed.cell.is_expired() && feed.is_silent(now_s));
        silent.map(|(id, _)| *id).take(limit).collect()
    }

    /// Counts feeds that expired.
    pub(crate) fn count_expirations(&self, feeds: usize) {
        self.expirations.fetch_add(feeds as u64, Ordering::Relaxed);
    }

    /// How often a feed has expired since the start.
    pub(crate) fn expirations(&self) -> u64 {
        self.expirations.load(Ordering::Relaxed)
    }

    /// How many feeds are expired now.
    pub(crate) fn expired_feeds(&self) -> usize {
        let feeds = self.feeds.read().unwrap_or_else(PoisonError::into_inner);
        feeds.values().filter(|feed| feed.cell.is_expired()).count()
    }

    /// The source of an id.
    pub(crate) fn source(&self, id: SourceId) -> Option<Arc<LiveSource>> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// All sources, in no particular order.
    pub(crate) fn sources(&self) -> Vec<Arc<LiveSource>> {
        self.sources.read().unwrap_or_else(PoisonError::into_inner).values().cloned().collect()
    }

    /// Adds a source, changes it (its counts go on), or removes it.
    pub(crate) fn set_source(&self, id: SourceId, document: Option<SourceDoc>) {
        let mut sources = self.sources.write().unwrap_or_else(PoisonError::into_inner);
        match document {
            Some(document) => {
                let counts = sources.get(&id).map(|old| Arc::clone(&old.counts)).unwrap_or_default();
                sources.insert(id, Arc::new(LiveSource { document, counts }));
            }
            None => drop(sources.remove(&id)),
        }
    }

    fn holders(&self) -> RwLockReadGuard<'_, Holders> {
        self.holders.read().unwrap_or_else(PoisonError::into_inner)
    }

    /// Who uses a secret, given by its hash, from an address, if it may be used now. Notes the use.
    pub(crate) fn actor(&self, hash: &[u8; 32], address: Option<IpAddr>, now_s: u64) -> Option<Actor> {
        let holders = self.holders();
        let secret = holders.secrets.get(hash)?;
        let key = holders.keys.get(&secret.key)?;
        let document = &key.document;
        let stored = document.secrets.iter().find(|stored| stored.id == secret.id)?;
        if !equal_hashes(&stored.hash_octets()?, hash) || !stored.is_active(now_s) {
            return None;
        }
        secret.used_s.fetch_max(now_s, Ordering::Relaxed);
        let is_in = |list: &[IpPrefix]| address.is_some_and(|address| holds_address(list, address));
        let is_welcome_there = !document.member.ip_whitelist_strict
            || is_in(&key.addresses)
            || holders.teams_of(document).any(|team| is_in(&team.addresses));
        Some(Actor {
            kind: ActorKind::ApiKey,
            id: document.id.clone(),
            name: document.name.clone(),
            access: holders.access_of(key),
            demand: None,
            address,
            is_welcome_there,
            secret: secret.id.clone(),
        })
    }

    /// What the key of an actor may do now, if the secret that it was used by may still be used.
    pub(crate) fn access_now(&self, actor: &Actor, now_s: u64) -> Option<Access> {
        let holders = self.holders();
        let key = holders.keys.get(&actor.id)?;
        let secret = key.document.secrets.iter().find(|secret| secret.id == actor.secret)?;
        secret.is_active(now_s).then(|| holders.access_of(key))
    }

    /// Whether the account's lists let an address in: there are none, or one of them holds it.
    pub(crate) fn lists_allow(&self, address: IpAddr) -> bool {
        let lists = &self.holders().whitelists;
        lists.is_empty() || lists.values().any(|list| holds_address(list, address))
    }

    /// Makes changes of the account visible, all at once.
    pub(crate) fn apply(&self, effects: Vec<AccountEffect>) {
        let mut holders = self.holders.write().unwrap_or_else(PoisonError::into_inner);
        for effect in effects {
            match effect {
                AccountEffect::Key(id, key) => holders.set_key(id, key),
                AccountEffect::Team(id, Some(team)) => {
                    holders.teams.insert(id, LiveTeam::new(&team));
                }
                AccountEffect::Team(id, None) => {
                    holders.teams.remove(&id);
                }
                AccountEffect::Whitelist(id, Some(list)) => {
                    holders.whitelists.insert(id, prefixes_of(&list.values));
                }
                AccountEffect::Whitelist(id, None) => {
                    holders.whitelists.remove(&id);
                }
            }
        }
    }

    /// When a secret was last used, unix time in seconds.
    pub(crate) fn last_access_s(&self, secret: &SecretDoc) -> Option<u64> {
        let holders = self.holders();
        let used_s = holders.secrets.get(&secret.hash_octets()?)?.used_s.load(Ordering::Relaxed);
        (used_s > 0).then_some(used_s)
    }

    /// Puts in what the tables say about the use of a secret.
    pub(crate) fn set_last_access(&self, secret: &SecretDoc, used_s: u64) {
        let holders = self.holders();
        if let Some(live) = secret.hash_octets().and_then(|hash| holders.secrets.get(&hash)) {
            live.used_s.store(used_s, Ordering::Relaxed);
            live.kept_s.store(used_s, Ordering::Relaxed);
        }
    }

    /// The uses of secrets that were not given out before: the secret's id and the time.
    pub(crate) fn take_new_accesses(&self) -> Vec<(String, u64)> {
        let holders = self.holders();
        let new = holders.secrets.values().filter_map(|secret| {
            let used_s = secret.used_s.load(Ordering::Relaxed);
            (secret.kept_s.swap(used_s, Ordering::Relaxed) != used_s).then(|| (secret.id.clone(), used_s))
        });
        new.collect()
    }
}

impl LiveTeam {
    fn new(team: &TeamDoc) -> Self {
        let grant = Arc::new(Grant::new(&team.permissions));
        Self { grant, addresses: team.addresses().collect() }
    }
}

impl Holders {
    fn teams_of<'h>(&'h self, key: &'h KeyDoc) -> impl Iterator<Item = &'h LiveTeam> {
        key.member.teams.iter().filter_map(|id| self.teams.get(id))
    }

    fn access_of(&self, key: &LiveKey) -> Access {
        match key.document.member.teams.is_empty() {
            true => Access::of([Arc::clone(&key.grant)]),
            false => Access::of(self.teams_of(&key.document).map(|team| Arc::clone(&team.grant))),
        }
    }

    /// Adds a key with its secrets, or removes it with all of them.
    fn set_key(&mut self, id: String, key: Option<KeyDoc>) {
        let known = |hash: &[u8; 32]| {
            let secrets = key.iter().flat_map(|key| &key.secrets);
            secrets.filter_map(SecretDoc::hash_octets).any(|other| other == *hash)
        };
        self.secrets.retain(|hash, secret| secret.key != id || known(hash));
        let Some(document) = key else {
            self.keys.remove(&id);
            return;
        };
        for secret in &document.secrets {
            let Some(hash) = secret.hash_octets() else { continue };
            self.secrets.entry(hash).or_insert_with(|| LiveSecret {
                key: id.clone(),
                id: secret.id.clone(),
                used_s: AtomicU64::new(0),
                kept_s: AtomicU64::new(0),
            });
        }
        let grant = Arc::new(Grant::new(&document.member.permissions));
        let addresses = prefixes_of(&document.member.ip_whitelist);
        self.keys.insert(id, LiveKey { document, grant, addresses });
    }
}
