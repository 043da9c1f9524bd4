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
use crate::dto::feed::{FeedDoc, FeedReply};
use crate::error::ApiError;
use crate::http::{self, JsonObject};
use crate::ids;
use crate::limits::FEEDS_PER_SOURCE;
use crate::service::{Actor, Service, Transaction};
use crate::source_types::SourceType;

/// `GET /v1/data/feeds/:sourceid`.
pub async fn list(
    State(service): State<Service>,
    Path(source): Path<String>,
) -> Result<Response<Body>, ApiError> {
    let source = source_id(&source)?;
    service.source(source)?.ok_or_else(ApiError::source_not_found)?;
    Ok(http::json(&feeds_of(&service, source)?))
}

/// `GET /v1/data/feeds/:sourceid/:feedid`.
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
        Ok(feed)
    };
    let feed = service.commit(&actor, change).await?.value;
    Ok(http::json(&reply(&service, feed)?))
}

/// `POST /v1/data/feeds/:sourceid/:feedid`: changes the fields given.
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
        let mut feed = transaction.feed(source, feed)?.ok_or_else(ApiError::feed_not_found)?;
        let before = feed.clone();
        if let Some(config) = config {
            kind.check_feed_config(&config)?;
            feed.config = config;
        }
        feed.name = name.unwrap_or(feed.name);
        if feed != before {
            transaction.put_feed(feed.clone())?;
        }
        Ok(feed)
    };
    let feed = service.commit(&actor, change).await?.value;
    Ok(http::json(&reply(&service, feed)?))
}

/// `DELETE /v1/data/feeds/:sourceid/:feedid`: pointers to it leave the records.
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path((source, feed)): Path<(String, String)>,
) -> Result<Response<Body>, ApiError> {
    let (source, feed) = (source_id(&source)?, feed_id(&feed)?);
    let change = move |transaction: &mut Transaction<'_>| {
        kind_of(transaction, source)?;
        transaction.delete_feed(source, feed)
    };
    service.commit(&actor, change).await?;
    Ok(http::empty())
}

/// A feed with its last values and destinations.
pub(super) fn reply(service: &Service, feed: FeedDoc) -> Result<FeedReply, ApiError> {
    let data = service.feed_values(feed.id)?.data;
    let destinations = service.feed_destinations(feed.id)?;
    Ok(FeedReply::new(feed, data, destinations))
}

fn feed_id(text: &str) -> Result<FeedId, ApiError> {
    FeedId::parse(text).ok_or_else(ApiError::feed_not_found)
}

fn kind_of(
    transaction: &Transaction<'_>,
    source: crate::ids::SourceId,
) -> Result<&'static SourceType, ApiError> {
    let source = transaction.source(source)?.ok_or_else(ApiError::source_not_found)?;
    SourceType::find(&source.sourcetype)
}
