//! `/v1/account/whitelist`: address lists of the whole account. They are kept, and decide who may use the API only
//! where the server was started to enforce them.

use axum::extract::{Extension, Path, State};
use serde_json::{Map, Value};

use super::{Reply, change, delete};
use crate::dto::account;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::ids;
use crate::service::account::{Account, WhitelistDoc};
use crate::service::{Actor, Service, Transaction};

fn name(body: &Map<String, Value>) -> Result<Option<String>, ApiError> {
    account::bounded(body, "name", 1)
}

/// `GET /v1/account/whitelist`.
#[utoipa::path(
    get, path = "/v1/account/whitelist",
    responses((status = 200, description = "The lists", body = ref("#/components/schemas/WhitelistList"))),
)]
pub async fn list(State(service): State<Service>) -> Reply {
    Ok(json(&service.read(Service::whitelists).await?))
}

/// `GET /v1/account/whitelist/:id`.
#[utoipa::path(
    get, path = "/v1/account/whitelist/{whitelistid}",
    responses((status = 200, description = "The list", body = ref("#/components/schemas/Whitelist"))),
)]
pub async fn view(State(service): State<Service>, Path(id): Path<String>) -> Reply {
    Ok(json(&service.whitelist(&id)?))
}

/// `PUT /v1/account/whitelist`.
#[utoipa::path(
    put, path = "/v1/account/whitelist",
    request_body = ref("#/components/schemas/WhitelistCreate"),
    responses((status = 200, description = "The new list", body = ref("#/components/schemas/Whitelist"))),
)]
pub async fn create(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    JsonObject(body): JsonObject,
) -> Reply {
    let name = name(&body)?.ok_or_else(|| ApiError::missing_field("name"))?;
    let values = account::addresses(&body, "values")?.ok_or_else(|| ApiError::missing_field("values"))?;
    let list = WhitelistDoc { id: ids::new_uuid(), name, values };
    change(&service, &actor, move |transaction| transaction.put_whitelist(list), |list| Ok(list.clone()))
        .await
}

/// `POST /v1/account/whitelist/:id`: changes the fields given.
#[utoipa::path(
    post, path = "/v1/account/whitelist/{whitelistid}",
    request_body = ref("#/components/schemas/WhitelistFields"),
    responses((status = 200, description = "The changed list", body = ref("#/components/schemas/Whitelist"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Reply {
    let (name, values) = (name(&body)?, account::addresses(&body, "values")?);
    let update = move |transaction: &mut Transaction<'_>| {
        let mut list = transaction.whitelist(&id)?;
        list.name = name.unwrap_or(list.name);
        list.values = values.unwrap_or(list.values);
        transaction.put_whitelist(list)
    };
    change(&service, &actor, update, |list| Ok(list.clone())).await
}

/// `DELETE /v1/account/whitelist/:id`.
#[utoipa::path(
    delete, path = "/v1/account/whitelist/{whitelistid}",
    responses((status = 200, description = "The list is gone", body = ref("#/components/schemas/Empty"))),
)]
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Reply {
    delete(&service, &actor, move |transaction| transaction.delete_whitelist(&id)).await
}
