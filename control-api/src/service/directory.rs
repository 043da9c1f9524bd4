//! What of the configuration is held in memory beside the snapshot: feed cells and key hashes.
//!
//! The committer is the only writer; it writes after the store took the change. Readers hold the lock only
//! to copy a reference out.

use std::collections::HashMap;
use std::sync::{Arc, PoisonError, RwLock};

use filters::{FeedCell, FeedId};

use super::documents::KeyDoc;
use crate::auth::access::Grant;
use crate::ids::SourceId;

/// A feed's live values and the source they come from.
#[derive(Clone, Debug)]
pub(crate) struct LiveFeed {
    pub(crate) source: SourceId,
    pub(crate) cell: Arc<FeedCell>,
}

/// A key and what its own permissions say.
#[derive(Debug)]
pub(crate) struct LiveKey {
    pub(crate) document: KeyDoc,
    pub(crate) grant: Arc<Grant>,
}

/// Feeds by id, keys by the hash of their secret.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    feeds: RwLock<HashMap<FeedId, LiveFeed>>,
    keys: RwLock<HashMap<[u8; 32], Arc<LiveKey>>>,
}

impl Directory {
    /// The feed of an id.
    pub(crate) fn feed(&self, id: FeedId) -> Option<LiveFeed> {
        self.feeds.read().unwrap_or_else(PoisonError::into_inner).get(&id).cloned()
    }

    /// Adds a feed, or removes it.
    pub(crate) fn set_feed(&self, id: FeedId, feed: Option<LiveFeed>) {
        let mut feeds = self.feeds.write().unwrap_or_else(PoisonError::into_inner);
        match feed {
            Some(feed) => feeds.insert(id, feed),
            None => feeds.remove(&id),
        };
    }

    /// The key whose secret has this hash.
    pub(crate) fn key(&self, hash: &[u8; 32]) -> Option<Arc<LiveKey>> {
        self.keys.read().unwrap_or_else(PoisonError::into_inner).get(hash).cloned()
    }

    /// Adds a key, or removes it.
    pub(crate) fn set_key(&self, hash: [u8; 32], key: Option<KeyDoc>) {
        let mut keys = self.keys.write().unwrap_or_else(PoisonError::into_inner);
        match key {
            Some(document) => {
                let grant = Arc::new(Grant::new(&document.permissions));
                keys.insert(hash, Arc::new(LiveKey { document, grant }))
            }
            None => keys.remove(&hash),
        };
    }
}
