//! Sources, feeds, pushed values, and where feeds are used.

use filters::{FeedId, MetaKey, parse_value};
use serde_json::json;

use super::*;
use crate::dto::feed::FeedDoc;
use crate::dto::record::record_object;
use crate::dto::source::SourceDoc;
use crate::ids::SourceId;
use crate::service::documents::PushedValue;

const SOURCE: SourceId = SourceId([5; 16]);
const FEED: FeedId = FeedId([6; 12]);
const OTHER_FEED: FeedId = FeedId([7; 12]);

fn www() -> RecordPath {
    path("example.com", "www.example.com", "A")
}

fn feed(id: FeedId) -> FeedDoc {
    let config = object(json!({"label": id.to_string()}));
    FeedDoc { id, source: SOURCE, name: "server".to_owned(), config }
}

/// A zone, a source and two feeds.
fn fixture() -> Fixture {
    let fixture = Fixture::with_zone();
    fixture
        .service
        .commit_blocking(&actor(), |transaction| {
            transaction.put_source(SourceDoc {
                id: SOURCE,
                name: "source".to_owned(),
                sourcetype: "nsone_v1".to_owned(),
                config: Map::new(),
                pending: false,
            })?;
            transaction.put_feed(feed(FEED))?;
            transaction.put_feed(feed(OTHER_FEED))
        })
        .unwrap();
    fixture
}

fn create_steered(fixture: &Fixture) -> RecordDoc {
    let pointer = json!({"feed": FEED});
    let body = json!({
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"up": pointer, "weight": 1}},
            {"answer": ["192.0.2.2"], "region": "eu"},
        ],
        "regions": {"eu": {"meta": {"up": pointer}}},
        "meta": {"weight": {"feed": OTHER_FEED}},
        "filters": [{"filter": "up", "config": {}}],
    });
    fixture.create(www(), body).unwrap()
}

fn push(fixture: &Fixture, feed: FeedId, key: MetaKey, raw: Value) -> Result<u64, ApiError> {
    let value = parse_value(key, &raw).unwrap();
    let committed = fixture.service.commit_blocking(&actor(), move |transaction| {
        transaction.push_feed(feed, vec![PushedValue { key, value, raw }])
    });
    committed.map(|committed| committed.revision)
}

fn cell_value(fixture: &Fixture, feed: FeedId, key: MetaKey) -> Option<Value> {
    fixture.service.0.directory.feed(feed)?.cell.get(key).map(|value| value.to_json())
}

#[test]
fn a_record_shows_the_sources_of_its_feeds_and_the_feeds_show_the_record() {
    let fixture = fixture();
    let record = create_steered(&fixture);
    let shown = record_object(&record, |feed| fixture.service.source_of_feed(&Actor::system(), feed));
    assert_eq!(shown["answers"][0]["feeds"], json!([{"source": SOURCE, "feed": FEED}]));
    assert_eq!(shown["answers"][1].get("feeds"), None);
    assert_eq!(shown["feeds"], json!([{"source": SOURCE, "feed": OTHER_FEED}]));
    let destinations = fixture.service.feed_destinations(FEED).unwrap();
    assert_eq!(
        serde_json::to_value(&destinations).unwrap(),
        json!([
            {"destid": record.answers[0].id, "desttype": "answer", "record": record.id},
            {"destid": "eu", "desttype": "region", "record": record.id},
        ])
    );
}

#[test]
fn a_table_that_reads_a_feed_for_several_keys_is_one_destination() {
    let fixture = fixture();
    let pointer = json!({"feed": FEED});
    let tables = json!({"up": pointer, "weight": pointer, "priority": 1, "cost": pointer});
    let body = json!({"answers": [{"answer": ["192.0.2.1"], "meta": tables}], "meta": tables});
    fixture.create(www(), body).unwrap();
    let destinations = fixture.service.feed_destinations(FEED).unwrap();
    let kinds: Vec<&str> = destinations.iter().map(|destination| destination.desttype.as_str()).collect();
    assert_eq!(kinds, ["answer", "record"]);
}

#[test]
fn destinations_follow_the_record() {
    let fixture = fixture();
    create_steered(&fixture);
    fixture.update(www(), json!({"regions": {}})).unwrap();
    assert_eq!(fixture.service.feed_destinations(FEED).unwrap().len(), 1);
    fixture.update(www(), json!({"answers": ["192.0.2.1"]})).unwrap();
    assert_eq!(fixture.service.feed_destinations(FEED).unwrap(), []);
    assert_eq!(fixture.service.feed_destinations(OTHER_FEED).unwrap().len(), 1);
    fixture.delete(www()).unwrap();
    assert_eq!(fixture.service.feed_destinations(OTHER_FEED).unwrap(), []);
    create_steered(&fixture);
    fixture.delete_zone("example.com").unwrap();
    assert_eq!(fixture.service.feed_destinations(FEED).unwrap(), []);
}

#[test]
fn a_pointer_to_no_feed_is_refused_with_the_text_that_clients_know() {
    let fixture = fixture();
    for pointer in [json!({"feed": "ab".repeat(12)}), json!({"feed": "x"}), json!({"feed": 5})] {
        let body = json!({"answers": [{"answer": ["192.0.2.1"], "meta": {"up": pointer}}]});
        let error = fixture.create(www(), body).unwrap_err();
        assert_eq!((error.status.as_u16(), error.message.as_str()), (400, "invalid feed pointer"));
    }
}

#[test]
fn a_pushed_value_is_in_the_cell_without_a_new_snapshot_or_serial() {
    let fixture = fixture();
    create_steered(&fixture);
    let serial = fixture.serial("example.com");
    let snapshot = fixture.service.snapshot().load().revision;
    push(&fixture, FEED, MetaKey::Up, json!("false")).unwrap();
    assert_eq!(cell_value(&fixture, FEED, MetaKey::Up), Some(json!(false)));
    let values = fixture.service.feed_values(FEED).unwrap();
    assert_eq!(Value::Object(values.data), json!({"up": "false"}));
    assert_eq!(values.updated_at_s, START_S);
    assert_eq!(fixture.service.snapshot().load().revision, snapshot);
    assert_eq!(fixture.serial("example.com"), serial);
}

#[test]
fn pushes_add_up_and_null_takes_a_value_away() {
    let fixture = fixture();
    push(&fixture, FEED, MetaKey::Up, json!(true)).unwrap();
    push(&fixture, FEED, MetaKey::Weight, json!(7)).unwrap();
    let revision = fixture.service.revision();
    assert_eq!(push(&fixture, FEED, MetaKey::Weight, json!(7)), Ok(revision));
    push(&fixture, FEED, MetaKey::Up, json!(null)).unwrap();
    let values = fixture.service.feed_values(FEED).unwrap();
    assert_eq!(Value::Object(values.data), json!({"weight": 7}));
    assert_eq!(cell_value(&fixture, FEED, MetaKey::Up), None);
    assert_refused(push(&fixture, FeedId([9; 12]), MetaKey::Up, json!(1)), 404, "feed not found");
}

#[test]
fn values_survive_a_restart_and_reach_the_records_that_use_them() {
    let fixture = fixture();
    create_steered(&fixture);
    push(&fixture, FEED, MetaKey::Up, json!("0")).unwrap();
    let fixture = fixture.reopen();
    assert_eq!(cell_value(&fixture, FEED, MetaKey::Up), Some(json!(false)));
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(3600, &["192.0.2.1", "192.0.2.2"]));
}

#[test]
fn a_deleted_feed_leaves_the_metadata_of_records() {
    let fixture = fixture();
    create_steered(&fixture);
    push(&fixture, FEED, MetaKey::Up, json!(false)).unwrap();
    let serial = fixture.serial("example.com");
    fixture.service.commit_blocking(&actor(), |transaction| transaction.delete_feed(SOURCE, FEED)).unwrap();
    let record = fixture.record(&www()).unwrap();
    assert_eq!(Value::Object(record.answers[0].meta.clone()), json!({"weight": 1}));
    assert_eq!(Value::Object(record.regions), json!({"eu": {"meta": {}}}));
    assert_eq!(fixture.serial("example.com"), serial + 1);
    assert_eq!(fixture.service.source_of_feed(&Actor::system(), FEED), None);
    assert_eq!(fixture.service.feed_values(FEED).unwrap().data.len(), 0);
    assert_eq!(fixture.service.feeds(SOURCE).unwrap(), [feed(OTHER_FEED)]);
    assert_eq!(fixture.activity()[..2], ["delete datafeed", "update record"]);
}

#[test]
fn a_deleted_source_takes_its_feeds_with_it() {
    let fixture = fixture();
    create_steered(&fixture);
    fixture.service.commit_blocking(&actor(), |transaction| transaction.delete_source(SOURCE)).unwrap();
    assert_eq!(fixture.service.sources().unwrap(), []);
    assert_eq!(fixture.service.feeds(SOURCE).unwrap(), []);
    let record = fixture.record(&www()).unwrap();
    assert_eq!(super::super::feed_uses(&record), []);
    let again = fixture.service.commit_blocking(&actor(), |transaction| transaction.put_feed(feed(FEED)));
    assert_refused(again, 404, "source not found");
}

#[test]
fn the_log_never_holds_the_secret_of_a_feed_url() {
    let fixture = fixture();
    for entry in fixture.service.activity() {
        let text = serde_json::to_string(&entry.unwrap()).unwrap();
        assert!(!text.contains(&SOURCE.to_string()), "{text}");
    }
}
