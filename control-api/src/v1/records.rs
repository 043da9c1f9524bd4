//! `/v1/zones/{zone}/{domain}/{type}`.

use axum::extract::{Extension, Path, State};
use zones::validate;
use zones::{Name, RecordDoc, RecordType};

use super::zones::{Reply, new_name, with_revision, zone_of_path};
use crate::ApiState;
use crate::dto::record::{RecordFields, record_object};
use crate::error::ApiError;
use crate::http::{JsonObject, empty, json};
use crate::service::{Actor, RecordPath, Service};

/// Zone, domain and type as they stand in the path.
type Segments = Path<(String, String, String)>;

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
fn new_path(service: &Service, segments: &Segments) -> Result<RecordPath, ApiError> {
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

fn reply(service: &Service, record: &RecordDoc) -> axum::response::Response {
    json(&record_object(record, |feed| service.source_of_feed(feed)))
}

/// Shows a record.
pub(crate) async fn view(State(state): State<ApiState>, segments: Segments) -> Reply {
    let RecordPath { zone, owner, rtype } = existing_path(&state.service, &segments)?;
    let record = state.service.record(&zone, &owner, rtype)?;
    Ok(reply(&state.service, &record.ok_or_else(ApiError::record_not_found)?))
}

/// Makes a record.
pub(crate) async fn create(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let path = new_path(&state.service, &segments)?;
    let fields = fields(body, &path);
    let committed =
        state.service.commit(&actor, move |transaction| transaction.create_record(&path, fields)).await?;
    Ok(with_revision(reply(&state.service, &committed.value), committed.revision))
}

/// Changes the given fields of a record.
pub(crate) async fn update(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let path = existing_path(&state.service, &segments)?;
    let fields = fields(body, &path);
    let committed =
        state.service.commit(&actor, move |transaction| transaction.update_record(&path, fields)).await?;
    Ok(with_revision(reply(&state.service, &committed.value), committed.revision))
}

/// Removes a record.
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
) -> Reply {
    let path = existing_path(&state.service, &segments)?;
    let committed = state.service.commit(&actor, move |transaction| transaction.delete_record(&path)).await?;
    Ok(with_revision(empty(), committed.revision))
}
