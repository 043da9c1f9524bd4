//! Feeds of a source: connect, read, change, disconnect.
//!
//! A feed's values come by the feed URL only, and its destinations follow from the records that point at it,
//! so `data` and `destinations` in a body are ignored.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::{Response, StatusCode};
use filters::FeedId;

use super::sources::{config_of, feeds_of, name_of, source_id};
use super::zones::with_revision;
use crate::dto::feed::{FeedDoc, FeedReply};
use crate::error::ApiError;
use crate::http::{self, JsonObject};
use crate::ids;
use crate::limits::FEEDS_PER_SOURCE;
use crate::service::{Actor, Committed, Service, Transaction};
use crate::source_types::SourceType;
use crate::source_types::push::values_of;

/// `GET /v1/data/feeds/:sourceid`.
#[utoipa::path(
    get, path = "/v1/data/feeds/{source}",
    responses((status = 200, description = "The feeds", body = ref("#/components/schemas/FeedList"))),
)]
pub async fn list(
    State(service): State<Service>,
    Path(source): Path<String>,
) -> Result<Response<Body>, ApiError> {
    let source = source_id(&source)?;
    service.source(source)?.ok_or_else(ApiError::source_not_found)?;
    Ok(http::json(&feeds_of(&service, source)?))
}

/// `GET /v1/data/feeds/:sourceid/:feedid`.
#[utoipa::path(
    get, path = "/v1/data/feeds/{source}/{feed}",
    responses((status = 200, description = "The feed", body = ref("#/components/schemas/Feed"))),
)]
pub async fn view(
    State(service): State<Service>,
    Path((source, feed)): Path<(String, String)>,
) -> Result<Response<Body>, ApiError> {
    let (source, feed) = (source_id(&source)?, feed_id(&feed)?);
    service.source(source)?.ok_or_else(ApiError::source_not_found)?;
    let feed = service.feed(source, feed)?.ok_or_else(ApiError::feed_not_found)?;
    Ok(http::json(&reply(&service, feed)?))
}

/// `PUT /v1/data/feeds/:sourceid`.
#[utoipa::path(
    put, path = "/v1/data/feeds/{source}",
    request_body = ref("#/components/schemas/FeedCreate"),
    responses((status = 200, description = "The new feed", body = ref("#/components/schemas/Feed"))),
)]
pub async fn create(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(source): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response<Body>, ApiError> {
    let source = source_id(&source)?;
    let (name, config) = (name_of(&body)?, config_of(&body)?.unwrap_or_default());
    let change = move |transaction: &mut Transaction<'_>| {
        let kind = kind_of(transaction, source)?;
        let name = name.ok_or_else(|| ApiError::missing_field("name"))?;
        kind.check_feed_config(&config)?;
        if transaction.feeds_of(source)?.len() >= FEEDS_PER_SOURCE {
            let message = format!("a source may have {FEEDS_PER_SOURCE} feeds; use another source");
            return Err(ApiError::new(StatusCode::BAD_REQUEST, message));
        }
        let id = FeedId(ids::new_object_id(transaction.now_s()));
        let feed = FeedDoc { id, source, name, config };
        transaction.put_feed(feed.clone())?;
        push_initial_values(transaction, kind, &feed)?;
        Ok(feed)
    };
    let Committed { value: feed, revision } = service.commit(&actor, change).await?;
    Ok(with_revision(http::json(&reply(&service, feed)?), revision))
}

/// `POST /v1/data/feeds/:sourceid/:feedid`: changes the fields given.
#[utoipa::path(
    post, path = "/v1/data/feeds/{source}/{feed}",
    request_body = ref("#/components/schemas/FeedFields"),
    responses((status = 200, description = "The changed feed", body = ref("#/components/schemas/Feed"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path((source, feed)): Path<(String, String)>,
    JsonObject(body): JsonObject,
) -> Result<Response<Body>, ApiError> {
    let (source, feed) = (source_id(&source)?, feed_id(&feed)?);
    let (name, config) = (name_of(&body)?, config_of(&body)?);
    let change = move |transaction: &mut Transaction<'_>| {
        let kind = kind_of(transaction, source)?;
        let mut feed = transaction.feed(source, feed)?;
        if let Some(config) = config {
            kind.check_feed_config(&config)?;
            feed.config = config;
        }
        feed.name = name.unwrap_or(feed.name);
        transaction.put_feed(feed.clone())?;
        Ok(feed)
    };
    let Committed { value: feed, revision } = service.commit(&actor, change).await?;
    Ok(with_revision(http::json(&reply(&service, feed)?), revision))
}

/// `DELETE /v1/data/feeds/:sourceid/:feedid`: pointers to it leave the records.
#[utoipa::path(
    delete, path = "/v1/data/feeds/{source}/{feed}",
    responses((status = 200, description = "Removed", body = ref("#/components/schemas/Empty"))),
)]
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path((source, feed)): Path<(String, String)>,
) -> Result<Response<Body>, ApiError> {
    let (source, feed) = (source_id(&source)?, feed_id(&feed)?);
    let change = move |transaction: &mut Transaction<'_>| {
        transaction.source(source)?;
        transaction.delete_feed(source, feed)
    };
    let revision = service.commit(&actor, change).await?.revision;
    Ok(with_revision(http::empty(), revision))
}

/// A feed with its last values and destinations.
pub(super) fn reply(service: &Service, feed: FeedDoc) -> Result<FeedReply, ApiError> {
    let state = service.feed_state(feed.id)?;
    let destinations = service.feed_destinations(feed.id)?;
    Ok(FeedReply::new(feed, state, destinations))
}

fn feed_id(text: &str) -> Result<FeedId, ApiError> {
    FeedId::parse(text).ok_or_else(ApiError::feed_not_found)
}

/// Gives a feed that was never heard what its configuration says it begins with.
fn push_initial_values(
    transaction: &mut Transaction<'_>,
    kind: &SourceType,
    feed: &FeedDoc,
) -> Result<(), ApiError> {
    match kind.initial_values(&feed.config) {
        Some(values) => transaction.push_feed(feed.id, values_of(&values, &feed.name)?),
        None => Ok(()),
    }
}

fn kind_of(transaction: &Transaction<'_>, source: ids::SourceId) -> Result<&'static SourceType, ApiError> {
    SourceType::find(&transaction.source(source)?.sourcetype)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::TestApi;

    async fn source(api: &TestApi) -> String {
        let body = json!({"name": "probes", "sourcetype": "nsone_v1"});
        let created = api.done("PUT", "/v1/data/sources", body).await;
        created["id"].as_str().unwrap().to_owned()
    }

    #[tokio::test]
    async fn a_feed_lives_from_put_to_delete() {
        let api = TestApi::new().await;
        let source = source(&api).await;
        let feeds = format!("/v1/data/feeds/{source}");
        let body = json!({"name": "web", "config": {"label": "web-1"}, "data": {"up": false}});
        let created = api.done("PUT", &feeds, body).await;
        let id = created["id"].as_str().unwrap();
        let expected = json!({
            "id": id, "name": "web", "config": {"label": "web-1"}, "data": {}, "destinations": [], "networks": [0],
        });
        assert_eq!(created.to_string(), expected.to_string());
        let path = format!("{feeds}/{id}");
        assert_eq!(api.get(&path).await.json(), created);
        assert_eq!(api.get(&feeds).await.json(), json!([created]));
        assert_eq!(api.get("/v1/data/sources").await.json()[0]["feeds"], json!([created]));
        let changed = api.done("POST", &path, json!({"config": {"label": "web-2"}, "id": "x"})).await;
        assert_eq!((&changed["name"], &changed["config"]["label"]), (&json!("web"), &json!("web-2")));
        assert_eq!(api.call("DELETE", &path, Value::Null).await.text(), "{}\n");
        assert_eq!(api.get(&path).await.message(), "feed not found");
    }

    #[tokio::test]
    async fn a_feed_needs_a_name_a_label_and_a_source() {
        let api = TestApi::new().await;
        let feeds = format!("/v1/data/feeds/{}", source(&api).await);
        for (body, reason) in [
            (json!({"config": {"label": "a"}}), "name"),
            (json!({"name": "a"}), "config.label"),
            (json!({"name": 7, "config": {"label": "a"}}), "name"),
        ] {
            let reply = api.call("PUT", &feeds, body.clone()).await;
            assert_eq!(reply.status.as_u16(), 400, "{body}");
            assert!(reply.message().contains(reason), "{body}: {}", reply.text());
        }
        let nowhere = format!("/v1/data/feeds/{}", "0".repeat(32));
        let body = json!({"name": "a", "config": {"label": "a"}});
        assert_eq!(api.call("PUT", &nowhere, body).await.message(), "source not found");
        for id in ["xyz".to_owned(), "0".repeat(24)] {
            assert_eq!(api.get(&format!("{feeds}/{id}")).await.message(), "feed not found");
        }
    }

    #[tokio::test]
    async fn deleting_a_source_takes_its_feeds_and_their_pointers_along() {
        let api = TestApi::new().await;
        let source = source(&api).await;
        let feeds = format!("/v1/data/feeds/{source}");
        let body = json!({"name": "a", "config": {"label": "a"}});
        let feed = api.done("PUT", &feeds, body).await["id"].as_str().unwrap().to_owned();
        api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
        let record = "/v1/zones/a.example/www.a.example/A";
        let answers = json!([{"answer": ["192.0.2.1"], "meta": {"up": {"feed": feed}, "weight": 2}}]);
        api.done("PUT", record, json!({"answers": answers})).await;
        let shown = api.get(&format!("{feeds}/{feed}")).await.json();
        assert_eq!(shown["destinations"][0]["desttype"], "answer");
        api.done("DELETE", &format!("/v1/data/sources/{source}"), Value::Null).await;
        assert_eq!(api.get(&feeds).await.message(), "source not found");
        assert_eq!(api.get(record).await.json()["answers"][0]["meta"], json!({"weight": 2}));
    }
}
