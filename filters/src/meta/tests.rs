//! Tests of what metadata clients may send.

use serde_json::{Map, Value, json};

use super::*;
use crate::FeedId;

fn read(key: MetaKey, json: &Value) -> Option<Value> {
    parse_value(key, json).unwrap().map(|value| value.to_json())
}

fn error(key: MetaKey, json: &Value) -> String {
    parse_value(key, json).unwrap_err().to_string()
}

fn table(json: &Value) -> Result<MetaTable, MetaError> {
    MetaTable::parse(json.as_object().unwrap())
}

#[test]
fn flags_come_in_many_spellings() {
    for json in [json!(true), json!(1), json!("1"), json!("true"), json!("True")] {
        assert_eq!(read(MetaKey::Up, &json), Some(json!(true)), "{json}");
    }
    for json in [json!(false), json!(0), json!("0"), json!("false")] {
        assert_eq!(read(MetaKey::Up, &json), Some(json!(false)), "{json}");
    }
    for json in [json!(2), json!("yes"), json!(""), json!([true]), json!({"up": 1})] {
        assert!(parse_value(MetaKey::Up, &json).is_err(), "{json}");
    }
}

#[test]
fn numbers_may_be_strings_and_must_be_in_range() {
    assert_eq!(read(MetaKey::Weight, &json!("2.50")), Some(json!(2.5)));
    assert_eq!(read(MetaKey::Weight, &json!(3.0)), Some(json!(3)));
    assert_eq!(read(MetaKey::Latitude, &json!("-90")), Some(json!(-90)));
    assert_eq!(read(MetaKey::Connections, &json!(4_294_967_296u64)), Some(json!(4_294_967_296u64)));
    let refused = [
        (MetaKey::Weight, json!(-3)),
        (MetaKey::Weight, json!("NaN")),
        (MetaKey::Weight, json!("inf")),
        (MetaKey::Weight, json!(1e16)),
        (MetaKey::Weight, json!(true)),
        (MetaKey::Latitude, json!(90.1)),
        (MetaKey::Longitude, json!(-181)),
        (MetaKey::Priority, json!(1.5)),
        (MetaKey::Connections, json!(4_294_967_297u64)),
        (MetaKey::Requests, json!("")),
        (MetaKey::Loadavg, json!([1])),
    ];
    for (key, json) in refused {
        assert!(parse_value(key, &json).is_err(), "{key} {json}");
    }
}

#[test]
fn a_single_item_stands_for_a_list_of_one() {
    assert_eq!(read(MetaKey::Country, &json!("de")), Some(json!(["DE"])));
    assert_eq!(read(MetaKey::Country, &json!(["US", "DE", "us"])), Some(json!(["DE", "US"])));
    assert_eq!(read(MetaKey::Georegion, &json!("us-east")), Some(json!(["US-EAST"])));
    assert_eq!(read(MetaKey::Asn, &json!("64500")), Some(json!([64500])));
    assert_eq!(read(MetaKey::Asn, &json!(["3", 1, 2])), Some(json!([1, 2, 3])));
    assert_eq!(read(MetaKey::UsState, &json!("NY")), Some(json!({"US": ["NY"]})));
    assert_eq!(read(MetaKey::CaProvince, &json!(["QC", "ON"])), Some(json!({"CA": ["ON", "QC"]})));
    assert_eq!(read(MetaKey::IpPrefixes, &json!("1.2.3.4/24")), Some(json!(["1.2.3.0/24"])));
}

#[test]
fn subdivisions_are_lists_by_country() {
    let json = json!({"US": ["NY", "ny"], "BR": "SP", "CA": []});
    assert_eq!(read(MetaKey::Subdivisions, &json), Some(json!({"BR": ["SP"], "US": ["NY"]})));
    for json in [json!(["US"]), json!({"XX": ["NY"]}), json!({"US": ["QC"]}), json!({"US": [1]})] {
        assert!(parse_value(MetaKey::Subdivisions, &json).is_err(), "{json}");
    }
}

#[test]
fn null_counts_as_absent_and_so_does_what_is_empty_where_it_may_be_full() {
    for key in MetaKey::ALL {
        assert_eq!(parse_value(*key, &json!(null)), Ok(None), "{key}");
    }
    for key in [MetaKey::Country, MetaKey::Asn, MetaKey::IpPrefixes, MetaKey::AdditionalMetadata] {
        assert_eq!(parse_value(key, &json!([])), Ok(None), "{key}");
    }
    for key in [MetaKey::Subdivisions, MetaKey::AdditionalMetadata] {
        assert_eq!(parse_value(key, &json!({})), Ok(None), "{key}");
    }
    for key in [MetaKey::Up, MetaKey::Weight, MetaKey::Connections, MetaKey::Latitude, MetaKey::Note] {
        for json in [json!([]), json!({})] {
            assert!(error(key, &json).starts_with(key.name()), "{key} {json}");
        }
    }
    assert!(error(MetaKey::Country, &json!({})).starts_with("country"));
    assert_eq!(parse_value(MetaKey::Subdivisions, &json!({"US": []})), Ok(None));
    assert!(table(&json!({"country": [], "up": null})).unwrap().is_empty());
}

#[test]
fn errors_name_the_key_the_value_and_what_is_allowed() {
    assert_eq!(
        error(MetaKey::Weight, &json!(-3)),
        "weight: -3 is not allowed; expected a number from 0 to 10^15"
    );
    assert_eq!(
        error(MetaKey::Latitude, &json!("x")),
        "latitude: \"x\" is not allowed; expected a number from -90 to 90"
    );
    assert_eq!(
        error(MetaKey::Country, &json!(["DE", "ZZ"])),
        "country: \"ZZ\" is not allowed; expected a two-letter country code of ISO 3166-1, or a list of them"
    );
    let unknown = table(&json!({"wieght": 1})).unwrap_err().to_string();
    assert!(unknown.starts_with("unknown metadata key \"wieght\"; known are up, connections,"), "{unknown}");
    assert_eq!(
        table(&json!({"low_watermark": "5", "high_watermark": 3})).unwrap_err().to_string(),
        "low_watermark: 5 is above high_watermark 3; expected at most the high watermark"
    );
}

#[test]
fn messages_stay_short_however_long_the_value() {
    let message = error(MetaKey::Country, &json!("é".repeat(10_000)));
    assert!(message.chars().count() < 250, "{message}");
}

#[test]
fn lists_and_texts_are_bounded() {
    let many: Vec<_> = (0..1001).collect();
    assert_eq!(error(MetaKey::Asn, &json!(many)), "asn: 1001 items; at most 1000 are allowed");
    assert!(parse_value(MetaKey::Asn, &json!(many[..1000])).is_ok());
    assert!(parse_value(MetaKey::Note, &json!("é".repeat(256))).is_ok());
    assert!(parse_value(MetaKey::Note, &json!("e".repeat(257))).is_err());
    assert!(parse_value(MetaKey::Note, &json!(1)).is_err());
}

#[test]
fn any_key_may_point_at_a_feed() {
    let feed = FeedId([0xab; 12]);
    for key in MetaKey::ALL {
        let mut object = Map::new();
        object.insert(key.name().to_owned(), json!({"feed": feed.to_string()}));
        let table = MetaTable::parse(&object).unwrap();
        assert_eq!(table.get(*key), Some(&MetaEntry::Feed(feed)));
        assert_eq!(table.feeds().collect::<Vec<_>>(), [feed]);
    }
    for pointer in [json!({"feed": "12"}), json!({"feed": 7}), json!({"feed": feed.to_string(), "more": 1})] {
        let message = table(&json!({"up": pointer})).unwrap_err().to_string();
        assert!(message.starts_with("up: invalid feed pointer"), "{message}");
    }
}

#[test]
fn other_spellings_of_keys_are_understood() {
    assert_eq!(MetaKey::parse("loadAvg"), Some(MetaKey::Loadavg));
    assert_eq!(MetaKey::parse("subdivision"), Some(MetaKey::Subdivisions));
    assert_eq!(MetaKey::parse("Up"), None);
    assert!(MetaKey::ALL.iter().all(|key| MetaKey::parse(key.name()) == Some(*key)));
    assert!(table(&json!({"pulse": "whatever"})).unwrap().is_empty());
}

#[test]
fn pulsar_jobs_are_read_in_both_spellings() {
    let job =
        json!({"jobid": "abc123", "granularities": ["geo", "geo_asn"], "bias": "*0.5", "a5m_cutoff": "0.85"});
    let regular = json!([{"job_id": "abc123", "granularities": ["geo", "geo_asn"], "bias": "*0.5", "a5m_cutoff": 0.85}]);
    assert_eq!(read(MetaKey::Pulsar, &json!([job])), Some(regular.clone()));
    assert_eq!(read(MetaKey::Pulsar, &job), Some(regular));
    let refused = [
        json!("abc"),
        json!([{"job_id": "a"}]),
        json!([{"granularities": ["geo"]}]),
        json!([{"job_id": "a", "granularities": ["moon"]}]),
        json!([{"job_id": "a", "granularities": ["geo"], "bias": "10"}]),
        json!([{"job_id": "a", "granularities": ["geo"], "bias": "+-10"}]),
        json!([{"job_id": "a", "granularities": ["geo"], "a5m_cutoff": 2}]),
        json!([{"job_id": "a", "granularities": ["geo"], "color": 2}]),
    ];
    for json in refused {
        assert!(parse_value(MetaKey::Pulsar, &json).is_err(), "{json}");
    }
}

#[test]
fn additional_metadata_is_a_list_of_one_object_of_texts() {
    let json = json!([{"b": "1", "a": "2"}]);
    assert_eq!(read(MetaKey::AdditionalMetadata, &json), Some(json.clone()));
    for json in [json!([{"a": true}]), json!([{"a": "1"}, {"b": "2"}]), json!("a"), json!([{"": "x"}])] {
        assert!(parse_value(MetaKey::AdditionalMetadata, &json).is_err(), "{json}");
    }
}

#[test]
fn every_key_is_documented() {
    for key in MetaKey::ALL {
        assert!(
            !key.short_description().is_empty()
                && !key.description().is_empty()
                && !key.category().is_empty()
        );
    }
}
