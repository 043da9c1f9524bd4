//! Rate limits that tell the truth.
//!
//! One token bucket per key, and one per address for requests without a valid key. A bucket holds at most
//! `limit` tokens and gains them at `limit / period` per second. What the headers say is what the bucket holds,
//! because clients pace themselves by it.

use axum::http::{HeaderMap, HeaderName, HeaderValue};
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

/// The state of a bucket after a request, as shown in its reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RateState {
    /// Tokens the bucket holds when full.
    pub limit: u32,
    /// Tokens left.
    pub remaining: u32,
    /// Seconds in which the bucket fills.
    pub period_s: u32,
    /// Whether this request found a token.
    pub allowed: bool,
}

impl RateState {
    /// Adds the four headers that clients read.
    pub fn write(&self, headers: &mut HeaderMap) {
        let by = HeaderName::from_static("x-ratelimit-by");
        headers.insert(by, HeaderValue::from_static("customer"));
        headers.insert(HeaderName::from_static("x-ratelimit-limit"), self.limit.into());
        headers.insert(HeaderName::from_static("x-ratelimit-period"), self.period_s.into());
        headers.insert(HeaderName::from_static("x-ratelimit-remaining"), self.remaining.into());
    }
}

/// The buckets of all clients of one kind.
pub struct RateLimiter<K> {
    limit: u32,
    period_s: u32,
    capacity: usize,
    buckets: Mutex<HashMap<K, Bucket>>,
}

struct Bucket {
    tokens: f64,
    updated: Instant,
}

impl<K: Eq + Hash + Clone> RateLimiter<K> {
    /// Buckets of `limit` tokens that fill in `period_s` seconds; at most `capacity` are remembered.
    pub fn new(limit: u32, period_s: u32, capacity: usize) -> Self {
        let buckets = Mutex::new(HashMap::new());
        Self { limit: limit.max(1), period_s: period_s.max(1), capacity: capacity.max(1), buckets }
    }

    /// Takes a token from the bucket of `client`.
    pub fn take(&self, client: &K, now: Instant) -> RateState {
        let mut buckets = self.buckets.lock().unwrap_or_else(PoisonError::into_inner);
        if !buckets.contains_key(client) && buckets.len() >= self.capacity {
            self.make_room(&mut buckets, now);
        }
        let full = Bucket { tokens: f64::from(self.limit), updated: now };
        let bucket = buckets.entry(client.clone()).or_insert(full);
        bucket.tokens = self.tokens_at(bucket, now);
        bucket.updated = now;
        let allowed = bucket.tokens >= 1.0;
        if allowed {
            bucket.tokens -= 1.0;
        }
        // Between 0 and limit, so the cut to an integer loses only the fraction.
        let remaining = bucket.tokens as u32;
        RateState { limit: self.limit, remaining, period_s: self.period_s, allowed }
    }

    fn tokens_at(&self, bucket: &Bucket, now: Instant) -> f64 {
        let elapsed = now.saturating_duration_since(bucket.updated);
        let gained = elapsed.as_secs_f64() * f64::from(self.limit) / f64::from(self.period_s);
        (bucket.tokens + gained).min(f64::from(self.limit))
    }

    /// Forgets buckets that are full by now, or else those touched longest ago.
    fn make_room(&self, buckets: &mut HashMap<K, Bucket>, now: Instant) {
        let full = f64::from(self.limit);
        buckets.retain(|_, bucket| self.tokens_at(bucket, now) < full);
        if buckets.len() < self.capacity {
            return;
        }
        let mut ages: Vec<Duration> =
            buckets.values().map(|bucket| now.saturating_duration_since(bucket.updated)).collect();
        // A quarter goes at once, so that a flood of new clients does not sort for each of them.
        let quarter = ages.len() / 4;
        let (_, &mut threshold, _) = ages.select_nth_unstable_by(quarter, |a, b| b.cmp(a));
        let mut excess = quarter + 1;
        buckets.retain(|_, bucket| {
            let old = now.saturating_duration_since(bucket.updated) >= threshold && excess > 0;
            excess -= usize::from(old);
            !old
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bucket_empties_and_fills_at_the_promised_rate() {
        let limiter = RateLimiter::new(3, 6, 10);
        let start = Instant::now();
        let left: Vec<u32> = (0..3).map(|_| limiter.take(&"a", start).remaining).collect();
        assert_eq!(left, [2, 1, 0]);
        assert!(!limiter.take(&"a", start).allowed);
        assert!(limiter.take(&"b", start).allowed, "another key has its own bucket");
        let later = start + Duration::from_secs(2);
        assert!(limiter.take(&"a", later).allowed, "half a token per second");
        assert!(!limiter.take(&"a", later).allowed);
        let state = limiter.take(&"a", start + Duration::from_secs(600));
        assert_eq!((state.remaining, state.allowed), (2, true));
    }

    #[test]
    fn the_number_of_buckets_is_bounded() {
        let limiter = RateLimiter::new(10, 1, 8);
        let now = Instant::now();
        for client in 0..1000 {
            limiter.take(&client, now);
        }
        assert!(limiter.buckets.lock().unwrap().len() <= 8);
    }

    #[test]
    fn making_room_keeps_the_busiest_bucket() {
        let limiter = RateLimiter::new(10, 3600, 8);
        let start = Instant::now();
        for client in 0..8 {
            limiter.take(&client, start + Duration::from_millis(client));
        }
        for _ in 0..20 {
            limiter.take(&7, start + Duration::from_millis(9));
        }
        limiter.take(&100, start + Duration::from_millis(10));
        assert!(!limiter.take(&7, start + Duration::from_millis(11)).allowed);
    }
}
