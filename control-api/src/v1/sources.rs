//! Data sources: connect, read, change, disconnect.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;
use serde_json::{Map, Value};

use super::push::no_requests;
use super::zones::with_revision;
use crate::dto::feed::FeedReply;
use crate::dto::fields;
use crate::dto::source::{SourceDoc, SourceReply};
use crate::error::ApiError;
use crate::http::{self, JsonObject};
use crate::ids::SourceId;
use crate::limits::NAME_BYTES;
use crate::router::ApiState;
use crate::service::{Actor, Committed, Service, Transaction};
use crate::source_types::{Access, SourceType};

/// `GET /v1/data/sources`: all sources, each with its feeds.
#[utoipa::path(
    get, path = "/v1/data/sources",
    responses((status = 200, description = "The sources", body = ref("#/components/schemas/SourceList"))),
)]
pub async fn list(State(service): State<Service>) -> Result<Response<Body>, ApiError> {
    let sources = service.sources()?;
    let feeds: Vec<Vec<FeedReply>> =
        sources.iter().map(|source| feeds_of(&service, source.id)).collect::<Result<_, _>>()?;
    let replies = sources.iter().zip(feeds).map(|(source, feeds)| SourceReply::new(source, feeds));
    Ok(http::json(&replies.collect::<Vec<_>>()))
}

/// `GET /v1/data/sources/:sourceid`.
#[utoipa::path(
    get, path = "/v1/data/sources/{source}",
    responses((status = 200, description = "The source", body = ref("#/components/schemas/Source"))),
)]
pub async fn view(
    State(service): State<Service>,
    Path(id): Path<String>,
) -> Result<Response<Body>, ApiError> {
    let source = service.source(source_id(&id)?)?.ok_or_else(ApiError::source_not_found)?;
    shown(&service, &source)
}

/// `PUT /v1/data/sources`.
#[utoipa::path(
    put, path = "/v1/data/sources",
    request_body = ref("#/components/schemas/SourceCreate"),
    responses((status = 200, description = "The new source", body = ref("#/components/schemas/Source"))),
)]
pub async fn create(
    State(ApiState { service, options, .. }): State<ApiState>,
    Extension(actor): Extension<Actor>,
    JsonObject(body): JsonObject,
) -> Result<Response<Body>, ApiError> {
    let name = name_of(&body)?.ok_or_else(|| ApiError::missing_field("name"))?;
    let kind = SourceType::find(fields::required_string(&body, "sourcetype")?)?;
    let config = config_of(&body)?.unwrap_or_default();
    kind.check_config(&config)?;
    let pending = kind.access == Access::Sns;
    if pending && options.outgoing.is_none() {
        return Err(no_requests());
    }
    let source =
        SourceDoc { id: SourceId::random(), name, sourcetype: kind.name.to_owned(), config, pending };
    let stored = source.clone();
    let committed = service.commit(&actor, move |transaction| transaction.put_source(stored)).await?;
    Ok(with_revision(shown(&service, &source)?, committed.revision))
}

/// `POST /v1/data/sources/:sourceid`: changes the fields given; the type never changes.
#[utoipa::path(
    post, path = "/v1/data/sources/{source}",
    request_body = ref("#/components/schemas/SourceFields"),
    responses((status = 200, description = "The changed source", body = ref("#/components/schemas/Source"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Result<Response<Body>, ApiError> {
    let id = source_id(&id)?;
    let (name, config) = (name_of(&body)?, config_of(&body)?);
    let change = move |transaction: &mut Transaction<'_>| {
        let mut source = transaction.source(id)?;
        if let Some(config) = config {
            SourceType::find(&source.sourcetype)?.check_config(&config)?;
            source.config = config;
        }
        source.name = name.unwrap_or(source.name);
        transaction.put_source(source.clone())?;
        Ok(source)
    };
    let Committed { value: source, revision } = service.commit(&actor, change).await?;
    Ok(with_revision(shown(&service, &source)?, revision))
}

/// `DELETE /v1/data/sources/:sourceid`: with all its feeds; pointers to them leave the records.
#[utoipa::path(
    delete, path = "/v1/data/sources/{source}",
    responses((status = 200, description = "Removed", body = ref("#/components/schemas/Empty"))),
)]
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response<Body>, ApiError> {
    let id = source_id(&id)?;
    let committed = service.commit(&actor, move |transaction| transaction.delete_source(id)).await?;
    Ok(with_revision(http::empty(), committed.revision))
}

/// The id in a path. One of another form names nothing.
pub(super) fn source_id(text: &str) -> Result<SourceId, ApiError> {
    text.parse().map_err(|_| ApiError::source_not_found())
}

/// All feeds of a source as clients read them.
pub(super) fn feeds_of(service: &Service, source: SourceId) -> Result<Vec<FeedReply>, ApiError> {
    service.feeds(source)?.into_iter().map(|feed| super::feeds::reply(service, feed)).collect()
}

/// `name`, if the body holds it.
pub(super) fn name_of(body: &Map<String, Value>) -> Result<Option<String>, ApiError> {
    let Some(name) = fields::string(body, "name")? else { return Ok(None) };
    if name.is_empty() || name.len() > NAME_BYTES {
        let expected = format!("a text of 1 to {NAME_BYTES} bytes");
        return Err(ApiError::invalid_field("name", &name.into(), &expected));
    }
    Ok(Some(name.to_owned()))
}

/// `config`, if the body holds it. Null means the same as an empty one.
pub(super) fn config_of(body: &Map<String, Value>) -> Result<Option<Map<String, Value>>, ApiError> {
    match body.get("config") {
        Some(Value::Null) => Ok(Some(Map::new())),
        _ => Ok(fields::object(body, "config")?.cloned()),
    }
}

fn shown(service: &Service, source: &SourceDoc) -> Result<Response<Body>, ApiError> {
    Ok(http::json(&SourceReply::new(source, feeds_of(service, source.id)?)))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::TestApi;

    fn nsone(name: &str) -> Value {
        json!({"name": name, "sourcetype": "nsone_v1", "config": {}})
    }

    #[tokio::test]
    async fn a_source_lives_from_put_to_delete() {
        let api = TestApi::new().await;
        let created = api.done("PUT", "/v1/data/sources", nsone("probes")).await;
        let keys: Vec<&str> = created.as_object().unwrap().keys().map(String::as_str).collect();
        assert_eq!(keys, ["id", "name", "sourcetype", "config", "feeds", "status"]);
        let id = created["id"].as_str().unwrap();
        assert_eq!(id.len(), 32);
        let path = format!("/v1/data/sources/{id}");
        assert_eq!(api.get(&path).await.json(), created);
        assert_eq!(api.get("/v1/data/sources/").await.json(), json!([created]));
        let change = json!({"name": "new", "sourcetype": "pingdom", "feeds": 7, "config": {"x": 1}});
        let changed = api.done("POST", &path, change).await;
        assert_eq!((&changed["name"], &changed["sourcetype"]), (&json!("new"), &json!("nsone_v1")));
        assert_eq!(changed["config"], json!({"x": 1}));
        assert_eq!(api.call("DELETE", &path, Value::Null).await.text(), "{}\n");
        let gone = api.get(&path).await;
        assert_eq!((gone.status.as_u16(), &*gone.message()), (404, "source not found"));
        for method in ["POST", "DELETE"] {
            assert_eq!(api.call(method, &path, json!({"name": "x"})).await.message(), "source not found");
        }
    }

    #[tokio::test]
    async fn a_source_that_cannot_be_is_refused_with_the_reason() {
        let api = TestApi::new().await;
        for (body, reason) in [
            (json!({"sourcetype": "nsone_v1"}), "name"),
            (json!({"name": "", "sourcetype": "nsone_v1"}), "name"),
            (json!({"name": "x".repeat(300), "sourcetype": "nsone_v1"}), "name"),
            (json!({"name": "x"}), "sourcetype"),
            (json!({"name": "x", "sourcetype": "a10"}), "not published"),
            (json!({"name": "x", "sourcetype": "webhook"}), "config.label"),
            (json!({"name": "x", "sourcetype": "what"}), "not a known source type"),
            (json!({"name": "x", "sourcetype": "nsone_v1", "config": []}), "config"),
        ] {
            let reply = api.call("PUT", "/v1/data/sources", body.clone()).await;
            assert_eq!(reply.status.as_u16(), 400, "{body}");
            assert!(reply.message().contains(reason), "{body}: {}", reply.text());
        }
        assert_eq!(api.get("/v1/data/sources").await.json(), json!([]));
        for path in ["/v1/data/sources/123", "/v1/data/feeds/123", "/v1/data/feeds/123/456"] {
            assert_eq!(api.get(path).await.message(), "source not found", "{path}");
        }
    }
}
