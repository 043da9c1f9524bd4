//! `/v1/account/teams`: permissions that keys and users share.

use axum::extract::{Extension, Path, State};
use serde_json::{Map, Value};

use super::{Reply, change, delete};
use crate::auth::Permissions;
use crate::dto::account::{self, named_addresses, team_object};
use crate::dto::fields;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::ids;
use crate::service::account::{Account, TeamDoc};
use crate::service::{Actor, Service, Transaction};

fn name(body: &Map<String, Value>) -> Result<Option<String>, ApiError> {
    account::name(body, "name", 1..=64)
}

/// `GET /v1/account/teams`.
#[utoipa::path(
    get, path = "/v1/account/teams",
    responses((status = 200, description = "The teams", body = ref("#/components/schemas/TeamList"))),
)]
pub async fn list(State(service): State<Service>) -> Reply {
    let teams = service.read(Service::teams).await?;
    Ok(json(&teams.iter().map(team_object).collect::<Vec<_>>()))
}

/// `GET /v1/account/teams/:teamid`.
#[utoipa::path(
    get, path = "/v1/account/teams/{teamid}",
    responses((status = 200, description = "The team", body = ref("#/components/schemas/Team"))),
)]
pub async fn view(State(service): State<Service>, Path(id): Path<String>) -> Reply {
    Ok(json(&team_object(&service.team(&id)?)))
}

/// `PUT /v1/account/teams`.
#[utoipa::path(
    put, path = "/v1/account/teams",
    request_body = ref("#/components/schemas/TeamCreate"),
    responses((status = 200, description = "The new team", body = ref("#/components/schemas/Team"))),
)]
pub async fn create(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    JsonObject(body): JsonObject,
) -> Reply {
    let name = name(&body)?.ok_or_else(|| ApiError::missing_field("name"))?;
    let given = fields::object_or_null(&body, "permissions")?.unwrap_or_default();
    let permissions = Permissions::default().merged(&given)?;
    let ip_whitelist = named_addresses(&body)?.unwrap_or_default();
    let team = TeamDoc { id: ids::new_object_id_text(service.now_s()), name, permissions, ip_whitelist };
    change(&service, &actor, move |transaction| transaction.put_team(team), |team| Ok(team_object(team)))
        .await
}

/// `POST /v1/account/teams/:teamid`: changes the fields given, for all members.
#[utoipa::path(
    post, path = "/v1/account/teams/{teamid}",
    request_body = ref("#/components/schemas/TeamFields"),
    responses((status = 200, description = "The changed team", body = ref("#/components/schemas/Team"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Reply {
    let name = name(&body)?;
    let given = fields::object_or_null(&body, "permissions")?.unwrap_or_default();
    let ip_whitelist = named_addresses(&body)?;
    let update = move |transaction: &mut Transaction<'_>| {
        let mut team = transaction.team(&id)?;
        team.permissions = team.permissions.merged(&given)?;
        team.name = name.unwrap_or(team.name);
        team.ip_whitelist = ip_whitelist.unwrap_or(team.ip_whitelist);
        transaction.put_team(team)
    };
    change(&service, &actor, update, |team| Ok(team_object(team))).await
}

/// `DELETE /v1/account/teams/:teamid`: members leave it; one without another team keeps what it allowed.
#[utoipa::path(
    delete, path = "/v1/account/teams/{teamid}",
    responses((status = 200, description = "The team is gone", body = ref("#/components/schemas/Empty"))),
)]
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Reply {
    delete(&service, &actor, move |transaction| transaction.delete_team(&id)).await
}
