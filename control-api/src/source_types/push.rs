//! What a push says, and which feeds it is for.
//!
//! A push is read without looking at the feeds there are, so that reading is a pure function of what was sent;
//! then [`Push::deliver`] finds the feeds. Every value is checked before any is used.

use std::collections::HashMap;

use filters::{FeedId, MetaKey};
use serde_json::{Map, Value};

use super::{SourceType, options};
use crate::dto::feed::FeedDoc;
use crate::error::ApiError;
use crate::limits::PUSH_LABELS;
use crate::service::documents::PushedValue;

/// What was pushed, before it is known which feeds there are.
#[derive(Debug)]
pub enum Push {
    /// Values for every feed of the source.
    ForAll(Vec<PushedValue>),
    /// Metadata tables by label; checked when the label has a feed.
    ByLabel(Map<String, Value>),
    /// What a monitoring system says, in order: for a feed that several concern, the last one counts.
    Reports(Vec<Report>),
}

/// One thing that a monitoring system says.
#[derive(Debug, PartialEq)]
pub struct Report {
    /// What it is about: feed options with the values they have to have.
    pub about: Vec<(&'static str, String)>,
    /// How that is.
    pub state: State,
}

/// How what is monitored is.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// It works.
    Up,
    /// It does not.
    Down,
    /// It works badly: down for feeds with `fail_on_warning`, up for others.
    Warning,
    /// A metadata table says it.
    Values(Map<String, Value>),
}

impl Push {
    /// One report.
    pub(super) fn report(about: Vec<(&'static str, String)>, state: State) -> Self {
        Self::Reports(vec![Report { about, state }])
    }

    /// Nothing that concerns any feed, such as a test message.
    pub(super) fn nothing() -> Self {
        Self::Reports(Vec::new())
    }

    /// Reads labels with metadata tables, or one metadata table for all feeds.
    ///
    /// As soon as one value is an object, the push is by label.
    pub(super) fn by_label_or_for_all(body: Map<String, Value>) -> Result<Self, ApiError> {
        if !body.values().any(Value::is_object) {
            return values_of(&body, "").map(Self::ForAll);
        }
        if body.len() > PUSH_LABELS {
            return Err(too_many(body.len()));
        }
        if let Some((label, other)) = body.iter().find(|(_, value)| !value.is_object()) {
            let expected = "a metadata table, as the other labels have one";
            return Err(ApiError::invalid_field(label, other, expected));
        }
        Ok(Self::ByLabel(body))
    }

    /// Which feed gets which values. What no feed waits for is left out.
    pub(crate) fn deliver(
        &self,
        kind: &SourceType,
        feeds: &[FeedDoc],
    ) -> Result<Vec<(FeedId, Vec<PushedValue>)>, ApiError> {
        match self {
            Self::ForAll(values) => Ok(feeds.iter().map(|feed| (feed.id, values.clone())).collect()),
            Self::ByLabel(tables) => {
                let mut deliveries = Vec::new();
                for feed in feeds {
                    let Some(label) = feed.label() else { continue };
                    if let Some(Value::Object(table)) = tables.get(&label) {
                        deliveries.push((feed.id, values_of(table, &label)?));
                    }
                }
                Ok(deliveries)
            }
            Self::Reports(reports) => deliver_reports(reports, kind, feeds),
        }
    }
}

fn deliver_reports(
    reports: &[Report],
    kind: &SourceType,
    feeds: &[FeedDoc],
) -> Result<Vec<(FeedId, Vec<PushedValue>)>, ApiError> {
    if reports.len() > PUSH_LABELS {
        return Err(too_many(reports.len()));
    }
    let Some(first) = kind.matched_options().next() else { return Ok(Vec::new()) };
    let mut feeds_by_name: HashMap<String, Vec<&FeedDoc>> = HashMap::new();
    for feed in feeds {
        if let Some(name) = first.comparable(&feed.config) {
            feeds_by_name.entry(name).or_default().push(feed);
        }
    }
    let mut deliveries = Vec::new();
    for report in reports {
        let Some(name) = report.about(first.name) else { continue };
        for feed in feeds_by_name.get(name).into_iter().flatten() {
            if report.concerns(kind, feed) {
                deliveries.push((feed.id, report.values(feed)?));
            }
        }
    }
    Ok(deliveries)
}

impl Report {
    fn about(&self, option: &str) -> Option<&str> {
        self.about.iter().find(|(name, _)| *name == option).map(|(_, value)| value.as_str())
    }

    /// Whether it agrees with every option that the feed has set.
    fn concerns(&self, kind: &SourceType, feed: &FeedDoc) -> bool {
        kind.matched_options().all(|option| match option.comparable(&feed.config) {
            Some(wanted) => self.about(option.name) == Some(wanted.as_str()),
            None => true,
        })
    }

    fn values(&self, feed: &FeedDoc) -> Result<Vec<PushedValue>, ApiError> {
        let up = match &self.state {
            State::Values(values) => return values_of(values, &feed.name),
            State::Up => true,
            State::Down => false,
            State::Warning => !options::is_on(&feed.config, "fail_on_warning"),
        };
        values_of(&up_is(up), &feed.name)
    }
}

/// The metadata table that says only this.
pub(crate) fn up_is(up: bool) -> Map<String, Value> {
    Map::from_iter([("up".to_owned(), Value::Bool(up))])
}

/// Reads a metadata table. Errors name the label, if there is one, and the key.
pub(crate) fn values_of(table: &Map<String, Value>, label: &str) -> Result<Vec<PushedValue>, ApiError> {
    let read = |(name, raw): (&String, &Value)| {
        let error = |message: String| {
            let place = if label.is_empty() { String::new() } else { format!("{label:?}: ") };
            ApiError::bad_request(format!("{place}{message}"))
        };
        let key = MetaKey::parse(name)
            .ok_or_else(|| error(format!("{name:?} is not a metadata key; known keys: {}", known_keys())))?;
        let value = match raw {
            Value::Null => None,
            raw => filters::parse_value(key, raw).map_err(|problem| error(problem.to_string()))?,
        };
        Ok(PushedValue { key, value, raw: raw.clone() })
    };
    table.iter().map(read).collect()
}

/// All metadata keys, for messages.
pub(super) fn known_keys() -> String {
    let known: Vec<&str> = MetaKey::ALL.iter().map(|key| key.name()).collect();
    known.join(", ")
}

fn too_many(labels: usize) -> ApiError {
    ApiError::bad_request(format!("{labels} labels in one push; at most {PUSH_LABELS} are allowed"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ids::SourceId;

    fn feed(number: u8, config: Value) -> FeedDoc {
        let config = config.as_object().cloned().unwrap();
        FeedDoc { id: FeedId([number; 12]), source: SourceId([0; 16]), name: "f".to_owned(), config }
    }

    fn labelled(number: u8, label: Value) -> FeedDoc {
        feed(number, json!({ "label": label }))
    }

    /// `feed number: key=raw` of every delivery, in order.
    fn shown(delivered: Vec<(FeedId, Vec<PushedValue>)>) -> Vec<String> {
        let text = |(feed, values): (FeedId, Vec<PushedValue>)| {
            let values: Vec<String> = values.iter().map(|v| format!("{}={}", v.key.name(), v.raw)).collect();
            format!("{}: {}", feed.0[0], values.join(" "))
        };
        delivered.into_iter().map(text).collect()
    }

    fn deliveries(body: Value, feeds: &[FeedDoc]) -> Result<Vec<String>, ApiError> {
        let kind = SourceType::find("nsone_v1").unwrap();
        let push = Push::by_label_or_for_all(body.as_object().cloned().unwrap())?;
        Ok(shown(push.deliver(kind, feeds)?))
    }

    #[test]
    fn plain_pairs_go_to_every_feed() {
        let feeds = [labelled(1, json!("a")), labelled(2, json!("b"))];
        let got = deliveries(json!({"up": true, "loadavg": "0.5"}), &feeds).unwrap();
        assert_eq!(got, ["1: up=true loadavg=\"0.5\"", "2: up=true loadavg=\"0.5\""]);
        assert!(deliveries(json!({}), &feeds).unwrap().iter().all(|text| text.ends_with(": ")));
    }

    #[test]
    fn labels_reach_their_feeds_and_others_are_ignored() {
        let feeds = [
            labelled(1, json!("a")),
            labelled(2, json!("b")),
            labelled(3, json!("a")),
            labelled(4, json!(7)),
        ];
        let body = json!({"a": {"up": false}, "7": {"weight": 2}, "nobody": {"nonsense": []}});
        let got = deliveries(body, &feeds).unwrap();
        assert_eq!(got, ["1: up=false", "3: up=false", "4: weight=2"]);
    }

    #[test]
    fn one_wrong_value_refuses_the_whole_push() {
        let feeds = [labelled(1, json!("a")), labelled(2, json!("b"))];
        for (body, place) in [
            (json!({"up": true, "weight": "heavy"}), "weight"),
            (json!({"up": true, "no_such_key": 1}), "no_such_key"),
            (json!({"a": {"up": true}, "b": {"connections": -1}}), "\"b\""),
            (json!({"a": {"up": true}, "b": 1}), "<obj>.b"),
            (json!({"up": {"feed": "520533b89f782d5b1a10a854"}, "a": {"up": "perhaps"}}), "\"a\""),
        ] {
            let error = deliveries(body.clone(), &feeds).unwrap_err();
            assert_eq!(error.status, 400);
            assert!(error.message.contains(place), "{body}: {}", error.message);
        }
    }

    #[test]
    fn a_report_reaches_the_feeds_whose_set_options_it_agrees_with() {
        let kind = SourceType::find("rackspace").unwrap();
        let feeds = [
            feed(1, json!({"entity_id": "en1"})),
            feed(2, json!({"entity_id": "en1", "alarm_id": "al1", "check_id": ""})),
            feed(3, json!({"entity_id": "en1", "alarm_id": "al2"})),
            feed(4, json!({"entity_id": "en2"})),
            feed(5, json!({"entity_id": "en1", "fail_on_warning": "1"})),
        ];
        let about = || vec![("entity_id", "en1".to_owned()), ("alarm_id", "al1".to_owned())];
        let got = Push::report(about(), State::Warning).deliver(kind, &feeds).unwrap();
        assert_eq!(shown(got), ["1: up=true", "2: up=true", "5: up=false"]);
        let got = Push::report(about(), State::Down).deliver(kind, &feeds).unwrap();
        assert_eq!(shown(got), ["1: up=false", "2: up=false", "5: up=false"]);
        assert!(Push::nothing().deliver(kind, &feeds).unwrap().is_empty());
    }

    #[test]
    fn addresses_are_compared_as_addresses() {
        let kind = SourceType::find("shodan").unwrap();
        let feeds = [feed(1, json!({"ip": "2001:DB8:0::1"})), feed(2, json!({"ip": "::ffff:192.0.2.1"}))];
        for (address, number) in [("2001:db8::1", "1"), ("192.0.2.1", "2")] {
            let push = Push::report(vec![("ip", address.to_owned())], State::Down);
            assert_eq!(shown(push.deliver(kind, &feeds).unwrap()), [format!("{number}: up=false")]);
        }
    }
}
