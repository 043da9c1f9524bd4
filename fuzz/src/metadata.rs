//! Metadata tables, which come with records and through feeds.

use filters::{FeedCell, FeedId, MetaKey, MetaTable, MetaValue, parse_value};
use serde_json::{Map, Value};

/// A metadata table as JSON: as a literal, and as what a feed is sent.
pub fn metadata(data: &[u8]) {
    let Ok(table) = serde_json::from_slice::<Map<String, Value>>(data) else { return };
    if let Ok(parsed) = MetaTable::parse(&table) {
        assert!(parsed.iter().count() <= table.len());
        assert!(parsed.feeds().count() <= table.len());
    }
    let cell = FeedCell::new(FeedId([7; 12]));
    for (name, json) in &table {
        let Some(key) = MetaKey::parse(name) else { continue };
        let Ok(Some(value)) = parse_value(key, json) else { continue };
        check_numbers(&value);
        cell.set(key, Some(&value), 1);
        assert_eq!(cell.get(key).as_ref(), Some(&value), "{name}: a feed gives what it got");
        let printed = value.to_json();
        // The parts of one country are printed with the country, as the key for all countries takes them.
        let key = match key {
            MetaKey::UsState | MetaKey::CaProvince => MetaKey::Subdivisions,
            key => key,
        };
        assert_eq!(
            parse_value(key, &printed).ok().flatten(),
            Some(value),
            "{name}: {printed} reads the same"
        );
    }
}

fn check_numbers(value: &MetaValue) {
    if let MetaValue::Number(number) = value {
        assert!(number.is_finite());
    }
}
