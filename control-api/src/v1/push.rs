//! The feed URL: live values come in here.
//!
//! A push is either a table of labels, each with a metadata table for the feeds of that label, or one metadata
//! table for all feeds of the source. As soon as one value is an object, the push is a table of labels. Every
//! value is checked before any is used, and the acknowledgement comes after the values are on disk and in
//! the cells that queries read.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use filters::{FeedId, MetaKey};
use serde_json::{Map, Value};

use super::sources::source_id;
use crate::dto::feed::FeedDoc;
use crate::error::ApiError;
use crate::http::{self, JsonObject, Params};
use crate::ids::SourceId;
use crate::limits::PUSH_LABELS;
use crate::service::{Actor, PushedValue, Service, Transaction};

/// `POST` and `PUT /v1/feed/:sourceid`.
pub async fn publish(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(source): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response<Body>, ApiError> {
    accept(&service, &actor, source_id(&source)?, Push::read(&body)?).await
}

/// `GET /v1/feed/:sourceid?up=false`: the query holds one metadata table for all feeds.
pub async fn publish_query(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(source): Path<String>,
    params: Params,
) -> Result<Response<Body>, ApiError> {
    let pairs = params.pairs().map(|(key, value)| (key.to_owned(), Value::from(value)));
    accept(&service, &actor, source_id(&source)?, Push::ForAll(values_of(&pairs.collect(), "")?)).await
}

async fn accept(
    service: &Service,
    actor: &Actor,
    source: SourceId,
    push: Push,
) -> Result<Response<Body>, ApiError> {
    let change = move |transaction: &mut Transaction<'_>| {
        transaction.source(source)?.ok_or_else(ApiError::source_not_found)?;
        for (feed, values) in push.deliver(&transaction.feeds_of(source)?)? {
            transaction.push_feed(feed, values)?;
        }
        Ok(())
    };
    service.commit(actor, change).await?;
    Ok(http::empty())
}

/// What was pushed, before it is known which feeds there are.
enum Push {
    ForAll(Vec<PushedValue>),
    /// Metadata tables by label; checked when the label has a feed.
    ByLabel(Map<String, Value>),
}

impl Push {
    fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        if !body.values().any(Value::is_object) {
            return values_of(body, "").map(Self::ForAll);
        }
        if body.len() > PUSH_LABELS {
            return Err(ApiError::bad_request(format!(
                "{} labels in one push; at most {PUSH_LABELS} are allowed",
                body.len()
            )));
        }
        if let Some((label, other)) = body.iter().find(|(_, value)| !value.is_object()) {
            let expected = "a metadata table, as the other labels have one";
            return Err(ApiError::invalid_field(label, other, expected));
        }
        Ok(Self::ByLabel(body.clone()))
    }

    /// Which feed gets which values. Labels without a feed are ignored.
    fn deliver(&self, feeds: &[FeedDoc]) -> Result<Vec<(FeedId, Vec<PushedValue>)>, ApiError> {
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
        }
    }
}

/// Reads a metadata table. Errors name the label, if there is one, and the key.
fn values_of(table: &Map<String, Value>, label: &str) -> Result<Vec<PushedValue>, ApiError> {
    let read = |(name, raw): (&String, &Value)| {
        let error = |message: String| {
            let place = if label.is_empty() { String::new() } else { format!("{label:?}: ") };
            ApiError::bad_request(format!("{place}{message}"))
        };
        let key = MetaKey::parse(name).ok_or_else(|| {
            let known: Vec<&str> = MetaKey::ALL.iter().map(|key| key.name()).collect();
            error(format!("{name:?} is not a metadata key; known keys: {}", known.join(", ")))
        })?;
        let value = filters::parse_value(key, raw).map_err(|problem| error(problem.to_string()))?;
        Ok(PushedValue { key, value, raw: raw.clone() })
    };
    table.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn feed(number: u8, label: Value) -> FeedDoc {
        let config = json!({ "label": label }).as_object().cloned().unwrap();
        let source = SourceId([0; 16]);
        FeedDoc { id: FeedId([number; 12]), source, name: String::new(), config }
    }

    /// `feed number: key=raw` of every delivery, in order.
    fn deliveries(body: Value, feeds: &[FeedDoc]) -> Result<Vec<String>, ApiError> {
        let delivered = Push::read(body.as_object().unwrap())?.deliver(feeds)?;
        let text = |(feed, values): (FeedId, Vec<PushedValue>)| {
            let values: Vec<String> =
                values.iter().map(|v| format!("{}={}", v.key.name(), v.raw)).collect();
            format!("{}: {}", feed.0[0], values.join(" "))
        };
        Ok(delivered.into_iter().map(text).collect())
    }

    #[test]
    fn plain_pairs_go_to_every_feed() {
        let feeds = [feed(1, json!("a")), feed(2, json!("b"))];
        let got = deliveries(json!({"up": true, "loadavg": "0.5"}), &feeds).unwrap();
        assert_eq!(got, ["1: up=true loadavg=\"0.5\"", "2: up=true loadavg=\"0.5\""]);
        assert!(deliveries(json!({}), &feeds).unwrap().iter().all(|text| text.ends_with(": ")));
    }

    #[test]
    fn labels_reach_their_feeds_and_others_are_ignored() {
        let feeds = [feed(1, json!("a")), feed(2, json!("b")), feed(3, json!("a")), feed(4, json!(7))];
        let body = json!({"a": {"up": false}, "7": {"weight": 2}, "nobody": {"nonsense": []}});
        let got = deliveries(body, &feeds).unwrap();
        assert_eq!(got, ["1: up=false", "3: up=false", "4: weight=2"]);
    }

    #[test]
    fn one_wrong_value_refuses_the_whole_push() {
        let feeds = [feed(1, json!("a")), feed(2, json!("b"))];
        for (body, place) in [
            (json!({"up": true, "weight": "heavy"}), "weight"),
            (json!({"up": true, "colour": 1}), "colour"),
            (json!({"a": {"up": true}, "b": {"connections": -1}}), "\"b\""),
            (json!({"a": {"up": true}, "b": 1}), "<obj>.b"),
            (json!({"up": {"feed": "520533b89f782d5b1a10a854"}, "a": {"up": []}}), "\"a\""),
        ] {
            let error = deliveries(body.clone(), &feeds).unwrap_err();
            assert_eq!(error.status, 400);
            assert!(error.message.contains(place), "{body}: {}", error.message);
        }
    }
}
