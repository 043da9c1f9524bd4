//! Feed URLs that need no key.
//!
//! Monitoring services cannot send the key of this API, so for sources of their types the unguessable id in
//! the path is the secret. What comes to such a source is bounded twice: for each address, as all requests
//! without a key are, and for each source.

use std::sync::atomic::Ordering;
use std::time::Instant;

use super::rate::{RateLimiter, RateState};
use crate::ids::SourceId;
use crate::limits::{RATE_BUCKETS, SOURCE_RATE_LIMIT};
use crate::service::Service;
use crate::source_types::{Access, SourceType};

/// The rates of sources that need no key.
pub(super) struct FeedUrls {
    sources: RateLimiter<SourceId>,
}

impl FeedUrls {
    /// Each source has its bucket, filled in `period_s` seconds.
    pub(super) fn new(period_s: u32) -> Self {
        Self { sources: RateLimiter::new(SOURCE_RATE_LIMIT, period_s, RATE_BUCKETS) }
    }

    /// What the bucket of the source in `path` says, when whoever knows its id may push to it.
    ///
    /// An id that no source has is answered as anything else without a key, so it cannot be told from one whose
    /// source needs a key.
    pub(super) fn take(&self, service: &Service, path: &str, now: Instant) -> Option<RateState> {
        let source = service.live_source(path.strip_prefix("/v1/feed/")?.parse().ok()?)?;
        let kind = SourceType::find(&source.document.sourcetype).ok()?;
        if kind.access == Access::Key {
            return None;
        }
        let rate = self.sources.take(&source.document.id, now);
        if !rate.allowed {
            source.counts.limited.fetch_add(1, Ordering::Relaxed);
        }
        Some(rate)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use std::time::Duration;

    use super::*;
    use crate::testing::TestApi;

    #[tokio::test]
    async fn a_source_has_a_rate_of_its_own() {
        let api = TestApi::new().await;
        let mut paths = Vec::new();
        for kind in ["webcheck", "pingdom", "nsone_v1"] {
            let source = api.done("PUT", "/v1/data/sources", json!({"name": "s", "sourcetype": kind})).await;
            paths.push(format!("/v1/feed/{}", source["id"].as_str().unwrap()));
        }
        let (urls, now) = (FeedUrls::new(60), Instant::now());
        let take = |path: &str, now| urls.take(&api.service, path, now).map(|rate| rate.allowed);
        for _ in 0..SOURCE_RATE_LIMIT {
            assert_eq!(take(&paths[0], now), Some(true));
        }
        assert_eq!(take(&paths[0], now), Some(false));
        assert_eq!(take(&paths[1], now), Some(true), "another source");
        assert_eq!(take(&paths[2], now), None, "this one needs a key");
        assert_eq!(take("/v1/feed/1", now), None);
        assert_eq!(take(&paths[0], now + Duration::from_secs(1)), Some(true));
        let id = paths[0].trim_start_matches("/v1/feed/").parse().unwrap();
        let counts = &api.service.live_source(id).unwrap().counts;
        assert_eq!(counts.limited.load(Ordering::Relaxed), 1);
    }
}
