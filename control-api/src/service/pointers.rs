//! Where a record uses feeds.
//!
//! A metadata value `{"feed": "<24 hex digits>"}` points at a feed. Pointers are found in the documents as
//! they were sent: the tables keep which record uses which feed, and replies show the source beside it.

use filters::FeedId;
use serde_json::{Map, Value};
use zones::RecordDoc;

use crate::dto::feed::Destination;

/// At which level of a record a feed is used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UseKind {
    /// By an answer, with its id.
    Answer(String),
    /// By a region, with its name.
    Region(String),
    /// By the record itself.
    Record,
}

/// One use of a feed by a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FeedUse {
    /// The feed, or what was sent in place of its id.
    pub feed: Result<FeedId, Value>,
    /// Where it is used.
    pub kind: UseKind,
}

/// Every use of a feed by a record, in document order: answers, regions, the record itself.
pub fn feed_uses(record: &RecordDoc) -> Vec<FeedUse> {
    let mut uses = Vec::new();
    for answer in &record.answers {
        collect(&answer.meta, || UseKind::Answer(answer.id.to_string()), &mut uses);
    }
    for (name, region) in &record.regions {
        if let Some(Value::Object(meta)) = region.get("meta") {
            collect(meta, || UseKind::Region(name.clone()), &mut uses);
        }
    }
    collect(&record.meta, || UseKind::Record, &mut uses);
    uses
}

/// The feed that a metadata value points at.
pub(crate) fn pointer(value: &Value) -> Option<Result<FeedId, Value>> {
    let target = value.as_object()?.get("feed")?;
    Some(target.as_str().and_then(FeedId::parse).ok_or_else(|| target.clone()))
}

fn collect(meta: &Map<String, Value>, kind: impl Fn() -> UseKind, uses: &mut Vec<FeedUse>) {
    let pointers = meta.values().filter_map(pointer);
    uses.extend(pointers.map(|feed| FeedUse { feed, kind: kind() }));
}

/// A use as the feed shows it.
pub(crate) fn destination(kind: &UseKind, record: &RecordDoc) -> Destination {
    let (desttype, destid) = match kind {
        UseKind::Answer(id) => ("answer", id.clone()),
        UseKind::Region(name) => ("region", name.clone()),
        UseKind::Record => ("record", record.id.to_string()),
    };
    Destination { destid, desttype: desttype.to_owned(), record: record.id.to_string() }
}

/// Takes every pointer to a feed out of a record: the keys leave the metadata.
pub(crate) fn remove_feed(record: &mut RecordDoc, feed: FeedId) {
    let drop_from = |meta: &mut Map<String, Value>| {
        meta.retain(|_, value| pointer(value) != Some(Ok(feed)));
    };
    for answer in &mut record.answers {
        drop_from(&mut answer.meta);
    }
    for region in record.regions.values_mut() {
        if let Some(Value::Object(meta)) = region.get_mut("meta") {
            drop_from(meta);
        }
    }
    drop_from(&mut record.meta);
}

#[cfg(test)]
mod tests {
    use filters::AnswerId;
    use serde_json::json;
    use zones::{AnswerDoc, RecordId, RecordType};

    use super::*;

    fn record() -> RecordDoc {
        let mut record = RecordDoc::new(RecordId([1; 12]), "example", "www.example", RecordType::A, 60);
        let feed = json!({"feed": "0a".repeat(12)});
        let meta = |value: Value| value.as_object().cloned().unwrap();
        record.answers.push(AnswerDoc {
            id: AnswerId([2; 12]),
            answer: vec![json!("192.0.2.1")],
            meta: meta(json!({"up": feed, "weight": 5})),
            region: None,
        });
        record.regions = meta(json!({"eu": {"meta": {"up": feed}}, "us": {}}));
        record.meta = meta(json!({"note": {"feed": "no id"}, "up": feed}));
        record
    }

    #[test]
    fn uses_are_found_at_all_three_levels() {
        let uses = feed_uses(&record());
        let kinds: Vec<_> = uses.iter().map(|one| destination(&one.kind, &record())).collect();
        let kinds: Vec<_> = kinds.iter().map(|d| (d.desttype.as_str(), d.destid.as_str())).collect();
        let (answer, own) = ("02".repeat(12), "01".repeat(12));
        assert_eq!(kinds, [("answer", &*answer), ("region", "eu"), ("record", &*own), ("record", &*own)]);
        assert_eq!(uses[2].feed, Err(json!("no id")));
        assert_eq!(uses[3].feed, Ok(FeedId([10; 12])));
    }

    #[test]
    fn removing_a_feed_leaves_everything_else() {
        let mut changed = record();
        remove_feed(&mut changed, FeedId([10; 12]));
        assert_eq!(feed_uses(&changed).len(), 1);
        assert_eq!(Value::from(changed.answers[0].meta.clone()), json!({"weight": 5}));
        assert_eq!(Value::from(changed.regions.clone()), json!({"eu": {"meta": {}}, "us": {}}));
    }
}
