//! Feeds that fall silent, with a clock that the tests move.

use std::sync::mpsc;

use filters::{FeedId, MetaKey, parse_value};
use serde_json::json;

use super::*;
use crate::dto::feed::{FeedDoc, FeedReply};
use crate::dto::source::SourceDoc;
use crate::ids::SourceId;
use crate::service::documents::PushedValue;
use crate::service::expiry::Sweeper;

const SOURCE: SourceId = SourceId([5; 16]);
const FEED: FeedId = FeedId([6; 12]);

/// A source with one feed that expires.
fn fixture(expire_after_s: Value) -> Fixture {
    let fixture = Fixture::with_zone();
    let source = SourceDoc {
        id: SOURCE,
        name: "s".to_owned(),
        sourcetype: "nsone_v1".to_owned(),
        config: Map::new(),
        pending: false,
    };
    let make = |transaction: &mut crate::Transaction<'_>| {
        transaction.put_source(source)?;
        transaction.put_feed(feed(expire_after_s))
    };
    fixture.service.commit_blocking(&actor(), make).unwrap();
    fixture
}

fn feed(expire_after_s: Value) -> FeedDoc {
    let config = object(json!({"label": "a", "expire_after_s": expire_after_s}));
    FeedDoc { id: FEED, source: SOURCE, name: "f".to_owned(), config }
}

fn values(key: MetaKey, raw: Value) -> Vec<PushedValue> {
    vec![PushedValue { key, value: parse_value(key, &raw).unwrap(), raw }]
}

impl Fixture {
    fn push(&self, key: MetaKey, raw: Value) -> u64 {
        let values = values(key, raw);
        let pushed = self.service.commit_blocking(&actor(), move |changes| changes.push_feed(FEED, values));
        pushed.unwrap().revision
    }

    fn pass(&self, seconds: u64) {
        self.now_s.fetch_add(seconds, Ordering::Relaxed);
    }

    /// Looks for silent feeds, and says whether the feed is expired afterwards.
    fn is_expired(&self) -> bool {
        let inner = &self.service.0;
        let (directory, queue) = (Arc::clone(&inner.directory), inner.queue.clone());
        Sweeper { directory, queue, clock: clock(&self.now_s) }.sweep().unwrap();
        self.service.feed_state(FEED).unwrap().expired
    }

    fn up(&self) -> Option<Value> {
        self.service.0.directory.feed(FEED).unwrap().cell.get(MetaKey::Up).map(|value| value.to_json())
    }

    fn data(&self) -> Value {
        Value::Object(self.service.feed_state(FEED).unwrap().data)
    }
}

#[test]
fn values_of_a_silent_feed_become_unknown() {
    let fixture = fixture(json!("30"));
    assert!(!fixture.is_expired(), "it was never heard");
    fixture.push(MetaKey::Up, json!(true));
    fixture.pass(29);
    assert!(!fixture.is_expired());
    assert_eq!(fixture.up(), Some(json!(true)));
    fixture.pass(1);
    assert!(fixture.is_expired());
    assert_eq!((fixture.up(), fixture.data()), (None, json!({"up": true})));
    let state = fixture.service.feed_state(FEED).unwrap();
    let shown = serde_json::to_value(FeedReply::new(feed(json!(30)), state, Vec::new())).unwrap();
    assert_eq!((&shown["expired"], &shown["updated_at"]), (&json!(true), &json!(START_S)));
    assert_eq!(fixture.service.expirations(), (1, 1));
    // What was said before stays unknown when something else is said.
    fixture.push(MetaKey::Weight, json!(2));
    assert!(!fixture.is_expired());
    assert_eq!((fixture.up(), fixture.data()), (None, json!({"weight": 2})));
    assert_eq!(fixture.service.expirations(), (1, 0));
}

#[test]
fn a_value_that_is_said_again_is_heard_and_rarely_written() {
    let fixture = fixture(json!(100));
    let first = fixture.push(MetaKey::Up, json!(true));
    fixture.pass(9);
    assert_eq!(fixture.push(MetaKey::Up, json!(true)), first, "less than a tenth later");
    fixture.pass(6);
    assert_eq!(fixture.push(MetaKey::Up, json!(true)), first + 1);
    fixture.pass(99);
    assert!(!fixture.is_expired());
    fixture.pass(1);
    assert!(fixture.is_expired());
}

#[test]
fn the_age_of_a_feed_goes_on_through_restarts() {
    let before = fixture(json!(100));
    before.push(MetaKey::Up, json!(false));
    let fixture = before.reopen_at(START_S + 99);
    assert!(!fixture.is_expired());
    assert_eq!(fixture.up(), Some(json!(false)));
    let fixture = fixture.reopen_at(START_S + 100);
    assert_eq!(fixture.up(), None, "not even for a moment");
    assert!(fixture.is_expired());
    let fixture = fixture.reopen_at(START_S + 101);
    assert!(fixture.service.feed_state(FEED).unwrap().expired, "it was stored");
    assert_eq!((fixture.up(), fixture.data()), (None, json!({"up": false})));
    fixture.push(MetaKey::Up, json!(false));
    let fixture = fixture.reopen_at(START_S + 102);
    assert_eq!(fixture.up(), Some(json!(false)));
}

#[test]
fn the_time_of_expiry_can_be_changed() {
    let fixture = fixture(Value::Null);
    fixture.push(MetaKey::Up, json!(true));
    fixture.pass(1_000_000);
    assert!(!fixture.is_expired(), "this one never expires");
    let change = |transaction: &mut crate::Transaction<'_>| transaction.put_feed(feed(json!(60)));
    fixture.service.commit_blocking(&actor(), change).unwrap();
    assert!(fixture.is_expired());
}

#[test]
fn a_feed_that_is_heard_in_the_last_moment_does_not_expire() {
    let fixture = fixture(json!(10));
    fixture.push(MetaKey::Up, json!(true));
    fixture.pass(10);
    // The committer is held up until a push and an expiry wait for it, which it then takes as one batch.
    let (release, released) = mpsc::channel::<()>();
    let (begin, begun) = mpsc::channel();
    let service = &fixture.service;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            service.commit_blocking(&actor(), move |_| {
                let _ = begin.send(());
                released.recv().map_err(ApiError::internal)
            })
        });
        begun.recv().unwrap();
        let (message, _pushed) = super::super::request(&actor(), |changes| {
            changes.push_feed(FEED, values(MetaKey::Up, json!(true)))
        });
        service.0.queue.blocking_send(message).unwrap();
        let (message, expired) =
            super::super::request(&Actor::system(), |changes| changes.expire_feeds(vec![FEED]));
        service.0.queue.blocking_send(message).unwrap();
        release.send(()).unwrap();
        assert_eq!(expired.blocking_recv().unwrap().unwrap().value, []);
    });
    assert_eq!(fixture.up(), Some(json!(true)));
}
