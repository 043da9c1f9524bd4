//! The feed URL: live values come in here.
//!
//! A push is either a table of labels, each with a metadata table for the feeds of that label, or one metadata
//! table for all feeds of the source. As soon as one value is an object, the push is a table of labels. A null
//! takes a value away. Every value is checked before any is used, and the acknowledgement comes after the
//! values are on disk and in the cells that queries read.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use filters::{FeedId, MetaKey};
use serde_json::{Map, Value};

use super::sources::source_id;
use super::zones::with_revision;
use crate::dto::feed::FeedDoc;
use crate::error::ApiError;
use crate::http::{self, JsonObject, Params};
use crate::ids::SourceId;
use crate::limits::PUSH_LABELS;
use crate::service::documents::PushedValue;
use crate::service::{Actor, Service, Transaction};

/// `POST` and `PUT /v1/feed/:sourceid`.
#[utoipa::path(
    method(post, put), path = "/v1/feed/{source}",
    request_body = ref("#/components/schemas/Push"),
    responses((status = 200, description = "Accepted, stored and in use", body = ref("#/components/schemas/Empty"))),
)]
pub async fn publish(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(source): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response<Body>, ApiError> {
    accept(&service, &actor, source_id(&source)?, Push::read(&body)?).await
}

/// `GET /v1/feed/:sourceid?up=false`: the query holds one metadata table for all feeds.
#[utoipa::path(
    get, path = "/v1/feed/{source}",
    responses((status = 200, description = "Accepted, stored and in use", body = ref("#/components/schemas/Empty"))),
)]
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
        transaction.source(source)?;
        for (feed, values) in push.deliver(&transaction.feeds_of(source)?)? {
            transaction.push_feed(feed, values)?;
        }
        Ok(())
    };
    let revision = service.commit(actor, change).await?.revision;
    Ok(with_revision(http::empty(), revision))
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
pub(super) fn values_of(table: &Map<String, Value>, label: &str) -> Result<Vec<PushedValue>, ApiError> {
    let read = |(name, raw): (&String, &Value)| {
        let error = |message: String| {
            let place = if label.is_empty() { String::new() } else { format!("{label:?}: ") };
            ApiError::bad_request(format!("{place}{message}"))
        };
        let key = MetaKey::parse(name).ok_or_else(|| {
            let known: Vec<&str> = MetaKey::ALL.iter().map(|key| key.name()).collect();
            error(format!("{name:?} is not a metadata key; known keys: {}", known.join(", ")))
        })?;
        let value = match raw {
            Value::Null => None,
            raw => filters::parse_value(key, raw).map_err(|problem| error(problem.to_string()))?,
        };
        Ok(PushedValue { key, value, raw: raw.clone() })
    };
    table.iter().map(read).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApi;
    use serde_json::json;
    use std::sync::Arc;
    use zones::RecordType;

    fn feed(number: u8, label: Value) -> FeedDoc {
        let config = json!({ "label": label }).as_object().cloned().unwrap();
        let source = SourceId([0; 16]);
        FeedDoc { id: FeedId([number; 12]), source, name: String::new(), config }
    }

    /// `feed number: key=raw` of every delivery, in order.
    fn deliveries(body: Value, feeds: &[FeedDoc]) -> Result<Vec<String>, ApiError> {
        let delivered = Push::read(body.as_object().unwrap())?.deliver(feeds)?;
        let text = |(feed, values): (FeedId, Vec<PushedValue>)| {
            let values: Vec<String> = values.iter().map(|v| format!("{}={}", v.key.name(), v.raw)).collect();
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

    /// A record of two answers whose `up` and `weight` are fed, and the feed URL of their source.
    async fn steered(api: &TestApi) -> (String, String) {
        let body = json!({"name": "probes", "sourcetype": "nsone_v1"});
        let source = api.done("PUT", "/v1/data/sources", body).await["id"].as_str().unwrap().to_owned();
        let mut answers = Vec::new();
        for label in ["one", "two"] {
            let body = json!({"name": label, "config": {"label": label}});
            let feed = api.done("PUT", &format!("/v1/data/feeds/{source}"), body).await;
            let address = format!("192.0.2.{}", answers.len() + 1);
            answers.push(json!({"answer": [address], "meta": {"up": {"feed": feed["id"]}}}));
        }
        api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
        let record = json!({"answers": answers, "filters": [{"filter": "up", "config": {}}]});
        api.done("PUT", "/v1/zones/a.example/www.a.example/A", record).await;
        (source.clone(), format!("/v1/feed/{source}"))
    }

    fn addresses(api: &TestApi) -> Vec<String> {
        api.resolve("www.a.example", RecordType::A)
    }

    #[tokio::test]
    async fn the_next_query_after_a_push_sees_it_without_a_new_snapshot() {
        let api = TestApi::new().await;
        let (source, url) = steered(&api).await;
        let before = Arc::as_ptr(&api.service.snapshot().load());
        let serial = api.get("/v1/zones/a.example").await.json()["serial"].clone();
        api.done("POST", &url, json!({"one": {"up": false}, "two": {"up": true}})).await;
        assert_eq!(addresses(&api), ["c0000202"]);
        let reply = api.call("PUT", &format!("{url}/"), json!({"one": {"up": "1"}, "two": {"up": 0}})).await;
        assert_eq!((reply.status.as_u16(), reply.text()), (200, "{}\n"));
        assert_eq!(addresses(&api), ["c0000201"]);
        api.get(&format!("{url}?up=true")).await;
        assert_eq!(addresses(&api), ["c0000201", "c0000202"]);
        api.done("POST", &url, json!({"one": {"up": null}})).await;
        assert_eq!(addresses(&api), ["c0000202"], "a value that was taken away is missing");
        assert_eq!(Arc::as_ptr(&api.service.snapshot().load()), before, "nothing was published");
        assert_eq!(api.get("/v1/zones/a.example").await.json()["serial"], serial);
        let feeds = api.get(&format!("/v1/data/feeds/{source}")).await.json();
        assert_eq!((&feeds[0]["data"], &feeds[1]["data"]), (&json!({}), &json!({"up": "true"})));
        let destination = &feeds[1]["destinations"][0];
        assert_eq!(destination["desttype"], "answer");
        let record = api.get("/v1/zones/a.example/www.a.example/A").await.json();
        assert_eq!(destination["destid"], record["answers"][1]["id"]);
        assert_eq!(destination["record"], record["id"]);
    }

    #[tokio::test]
    async fn a_push_with_one_wrong_value_changes_nothing() {
        let api = TestApi::new().await;
        let (source, url) = steered(&api).await;
        api.done("POST", &url, json!({"up": true})).await;
        for body in [
            json!({"one": {"up": false}, "two": {"up": "perhaps"}}),
            json!({"up": false, "weight": "heavy"}),
            json!({"up": false, "no_such_key": 1}),
            json!({"one": {"up": false}, "two": 5}),
        ] {
            let reply = api.call("POST", &url, body.clone()).await;
            assert_eq!(reply.status.as_u16(), 400, "{body}");
            assert_eq!(addresses(&api).len(), 2, "{body}");
        }
        let feeds = api.get(&format!("/v1/data/feeds/{source}")).await.json();
        assert_eq!(feeds[0]["data"], json!({"up": true}));
    }

    #[tokio::test]
    async fn a_push_to_nowhere_is_told_so() {
        let api = TestApi::new().await;
        let (_, url) = steered(&api).await;
        let nowhere = format!("/v1/feed/{}", "0".repeat(32));
        assert_eq!(api.call("POST", &nowhere, json!({"up": true})).await.message(), "source not found");
        assert_eq!(api.call("POST", "/v1/feed/x", json!({"up": true})).await.status.as_u16(), 404);
        for body in [json!([]), json!("up"), Value::Null] {
            assert_eq!(api.call("POST", &url, body.clone()).await.status.as_u16(), 400, "{body}");
        }
        let unmatched = api.call("POST", &url, json!({"nobody": {"up": true}})).await;
        assert_eq!(unmatched.status.as_u16(), 200);
    }
}
