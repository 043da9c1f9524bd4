//! `/v1/zones/{zone}/{domain}/{type}`.
//!
//! With `?dry_run=true` a PUT or POST is checked as ever and then not made: the reply is the record as it would
//! be stored, with `dry_run` and `changes` beside its fields.

use std::sync::Arc;

use axum::extract::{Extension, Path, State};
use serde_json::{Value, json};
use zones::validate;
use zones::{Name, RecordDoc, RecordType};

use super::explain::Segments;
use super::simulate::compare;
use super::zones::{Reply, new_name, with_revision, zone_of_path};
use crate::ApiState;
use crate::dto::record::{RecordFields, record_object};
use crate::error::ApiError;
use crate::http::{self, JsonObject, Params, empty};
use crate::service::{Actor, RecordPath, Service, Transaction};

/// The place of a record that should exist.
fn existing_path(service: &Service, segments: &Segments) -> Result<RecordPath, ApiError> {
    let Path((zone, domain, rtype)) = segments;
    let zone = zone_of_path(zone)?;
    service.existing_zone(&zone)?;
    let owner = Name::parse(domain).map_err(|_| ApiError::record_not_found())?;
    let rtype = RecordType::parse(rtype).ok_or_else(ApiError::record_not_found)?;
    Ok(RecordPath { zone, owner, rtype })
}

/// The place of a record that is to be made.
pub(super) fn new_path(service: &Service, segments: &Segments) -> Result<RecordPath, ApiError> {
    let Path((zone, domain, rtype)) = segments;
    let zone = zone_of_path(zone)?;
    service.existing_zone(&zone)?;
    let rtype = validate::record_type(rtype).map_err(|error| ApiError::bad_request(error.to_string()))?;
    Ok(RecordPath { zone, owner: new_name("domain", domain)?, rtype })
}

/// The fields of a body, as a result: the transaction looks for the zone and the record first.
fn fields(body: Result<JsonObject, ApiError>, path: &RecordPath) -> Result<RecordFields, ApiError> {
    RecordFields::parse(&body?.0, path)
}

fn reply(service: &Service, actor: &Actor, record: &RecordDoc) -> axum::response::Response {
    http::json(&record_object(record, |feed| service.source_of_feed(actor, feed)))
}

/// What a request does to a record.
#[derive(Clone, Copy)]
enum Write {
    Create,
    Update,
}

impl Write {
    fn run(
        self,
        transaction: &mut Transaction<'_>,
        path: &RecordPath,
        fields: Result<RecordFields, ApiError>,
    ) -> Result<RecordDoc, ApiError> {
        match self {
            Self::Create => transaction.create_record(path, fields),
            Self::Update => transaction.update_record(path, fields),
        }
    }
}

/// Makes a change, or only says what it would do.
async fn write(
    state: ApiState,
    actor: Actor,
    path: RecordPath,
    params: &Params,
    body: Result<JsonObject, ApiError>,
    write: Write,
) -> Reply {
    let fields = fields(body, &path);
    if params.flag("dry_run")? == Some(true) {
        return dry_run(state, actor, path, fields, write).await;
    }
    let change = move |transaction: &mut Transaction<'_>| write.run(transaction, &path, fields);
    let committed = state.service.commit(&actor, change).await?;
    Ok(with_revision(reply(&state.service, &actor, &committed.value), committed.revision))
}

/// The record as it would be stored, and whose answers would change.
async fn dry_run(
    state: ApiState,
    actor: Actor,
    path: RecordPath,
    fields: Result<RecordFields, ApiError>,
    write: Write,
) -> Reply {
    let (geo, populations) = (state.geo.load().clone(), Arc::clone(&state.populations));
    let object = state
        .examine(move |service| {
            let old = service.record(&path.zone, &path.owner, path.rtype)?;
            let new = service.rehearse(&actor, |transaction| write.run(transaction, &path, fields))?;
            let mut object = record_object(&new, |feed| service.source_of_feed(&actor, feed));
            object.insert("dry_run".to_owned(), Value::Bool(true));
            let changes = compare(service, &geo, &populations, old, new)?;
            object.insert("changes".to_owned(), json!(changes));
            Ok(object)
        })
        .await?;
    Ok(http::json(&object))
}

/// Shows a record.
#[utoipa::path(
    get, path = "/v1/zones/{zone}/{domain}/{type}",
    responses((status = 200, description = "The record", body = ref("#/components/schemas/Record"))),
)]
pub(crate) async fn view(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
) -> Reply {
    let RecordPath { zone, owner, rtype } = existing_path(&state.service, &segments)?;
    let record = state.service.record(&zone, &owner, rtype)?;
    Ok(reply(&state.service, &actor, &record.ok_or_else(ApiError::record_not_found)?))
}

/// Makes a record.
#[utoipa::path(
    put, path = "/v1/zones/{zone}/{domain}/{type}",
    params(
        ("dry_run" = Option<bool>, Query, description = "`true` tries the change out and stores nothing"),
    ),
    request_body = ref("#/components/schemas/RecordFields"),
    responses((status = 200, description = "The new record", body = ref("#/components/schemas/Record"))),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
    params: Params,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let path = new_path(&state.service, &segments)?;
    write(state, actor, path, &params, body, Write::Create).await
}

/// Changes the given fields of a record.
#[utoipa::path(
    post, path = "/v1/zones/{zone}/{domain}/{type}",
    params(
        ("dry_run" = Option<bool>, Query, description = "`true` tries the change out and stores nothing"),
    ),
    request_body = ref("#/components/schemas/RecordFields"),
    responses((status = 200, description = "The changed record", body = ref("#/components/schemas/Record"))),
)]
pub(crate) async fn update(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
    params: Params,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let path = existing_path(&state.service, &segments)?;
    write(state, actor, path, &params, body, Write::Update).await
}

/// Removes a record.
#[utoipa::path(
    delete, path = "/v1/zones/{zone}/{domain}/{type}",
    responses((status = 200, description = "Removed", body = ref("#/components/schemas/Empty"))),
)]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
) -> Reply {
    let path = existing_path(&state.service, &segments)?;
    let committed = state.service.commit(&actor, move |transaction| transaction.delete_record(&path)).await?;
    Ok(with_revision(empty(), committed.revision))
}

#[cfg(test)]
mod properties;

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};
    use zones::RecordType;

    use crate::testing::TestApi;

    const WWW: &str = "/v1/zones/example.com/www.example.com/A";

    async fn with_zone() -> TestApi {
        let api = TestApi::new().await;
        api.done("PUT", "/v1/zones/example.com", json!({"zone": "example.com"})).await;
        api
    }

    #[tokio::test]
    async fn a_record_lives_from_put_to_delete_and_queries_see_each_step() {
        let api = with_zone().await;
        let body = json!({
            "zone": "example.com", "domain": "www.example.com", "type": "A", "ttl": 0,
            "answers": [{"answer": ["192.0.2.1"]}],
        });
        let created = api.call("PUT", "/v1/zones/example.com/WWW.example.com/a", body).await;
        assert_eq!(created.status, 200, "{}", created.text());
        assert!(created.text().starts_with("{\"domain\":\"www.example.com\",\"zone\":"));
        assert_eq!(api.resolve("www.example.com", RecordType::A), ["c0000201"]);
        assert_eq!(api.get(WWW).await.json(), created.json());
        let again = api.call("PUT", WWW, json!({"answers": []})).await;
        assert_eq!((again.status.as_u16(), again.message().as_str()), (400, "record already exists"));
        let body = json!({"answers": [["192.0.2.1"], ["192.0.2.2"]], "name": "ignored"});
        let updated = api.done("POST", WWW, body).await;
        assert_eq!(updated["answers"][0]["id"], created.json()["answers"][0]["id"]);
        assert_eq!(api.resolve("www.example.com", RecordType::A), ["c0000201", "c0000202"]);
        let listed = api.get("/v1/zones/example.com").await;
        let entry = "\"domain\":\"www.example.com\",\"short_answers\":[\"192.0.2.1\",\"192.0.2.2\"]";
        assert!(listed.text().contains(entry), "{}", listed.text());
        assert_eq!(api.done("DELETE", WWW, Value::Null).await, json!({}));
        assert!(api.resolve("www.example.com", RecordType::A).is_empty());
        let gone = api.get(WWW).await;
        assert_eq!((gone.status.as_u16(), gone.message().as_str()), (404, "record not found"));
        assert_eq!(api.call("DELETE", WWW, json!({})).await.status, 404);
    }

    #[tokio::test]
    async fn the_zone_is_looked_for_before_anything_else() {
        let api = with_zone().await;
        for method in ["GET", "PUT", "POST", "DELETE"] {
            let path = "/v1/zones/absent.test/a..b/NOTYPE";
            let reply = api.call(method, path, json!("no object")).await;
            assert_eq!((reply.status.as_u16(), reply.message().as_str()), (404, "zone not found"));
        }
    }

    #[tokio::test]
    async fn types_and_names_that_cannot_be_are_refused() {
        let api = with_zone().await;
        let body = json!({"answers": [["x"]]});
        for (path, part) in [
            ("/v1/zones/example.com/example.com/ALIAS", "not supported yet"),
            ("/v1/zones/example.com/example.com/URLFWD", "not supported yet"),
            ("/v1/zones/example.com/example.com/SOA", "cannot be created"),
            ("/v1/zones/example.com/example.com/ANY", "cannot be created"),
            ("/v1/zones/example.com/example.com/NOTYPE", "unknown record type"),
            ("/v1/zones/example.com/a..example.com/A", "invalid: domain"),
            ("/v1/zones/example.com/a.example.com./A", "dot"),
            ("/v1/zones/example.com/a.example.org/A", "not in zone"),
            ("/v1/zones/example.com/notexample.com/A", "not in zone"),
        ] {
            let reply = api.call("PUT", path, body.clone()).await;
            assert_eq!(reply.status, 400, "{path}");
            assert!(reply.message().contains(part), "{}", reply.text());
            assert_eq!(api.get(path).await.status, 404, "{path}");
        }
    }
}
