//! `/v1/account/apikeys`: keys of the API. A secret is shown once, when it is made.

use axum::extract::{Extension, Path, State};
use data_encoding::HEXLOWER;
use serde_json::{Map, Value};

use super::{Reply, change, delete};
use crate::auth;
use crate::dto::account::{self, MemberFields, key_object};
use crate::dto::fields;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::ids;
use crate::service::account::{Account, KeyDoc, Member, SecretDoc};
use crate::service::{Actor, Service, Transaction};

/// Days that a secret may last at most.
const EXPIRY_DAYS_MAX: u32 = 3650;

/// A key as clients read it.
fn shown(service: &Service, key: &KeyDoc, new: Option<(&str, &str)>) -> Result<Map<String, Value>, ApiError> {
    let permissions = service.shown_permissions(&key.member)?;
    Ok(key_object(key, &permissions, new, |secret| service.last_access_s(secret)))
}

/// A secret that is made for a key, and what is stored of it.
pub(super) fn new_secret(service: &Service, key: &KeyDoc, now_s: u64) -> (String, SecretDoc) {
    let secret = auth::new_secret();
    let hash = HEXLOWER.encode(&service.hasher().hash(&secret));
    let lasts_s = key.expiry_days.map(|days| u64::from(days) * 86_400);
    let stored = SecretDoc::new(ids::new_object_id_text(now_s), hash);
    (secret, SecretDoc { expires_at_s: lasts_s.map(|lasts_s| now_s + lasts_s), ..stored })
}

/// `expiry_duration` in days, if the body holds it: `30d`. Null and an empty text are never.
fn expiry(body: &Map<String, Value>) -> Result<Option<Option<u32>>, ApiError> {
    let field = "expiry_duration";
    if !body.contains_key(field) {
        return Ok(None);
    }
    let Some(text) = fields::string_or_null(body, field)?.filter(|text| !text.is_empty()) else {
        return Ok(Some(None));
    };
    let digits = text.strip_suffix('d').filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(days) if (1..=EXPIRY_DAYS_MAX).contains(&days) => Ok(Some(Some(days))),
        _ => {
            let expected = format!("a number of days from 1d to {EXPIRY_DAYS_MAX}d");
            Err(ApiError::invalid_field(field, &text.into(), &expected))
        }
    }
}

/// `GET /v1/account/apikeys`.
#[utoipa::path(
    get, path = "/v1/account/apikeys",
    responses((status = 200, description = "The keys, without their secrets", body = ref("#/components/schemas/ApiKeyList"))),
)]
pub async fn list(State(service): State<Service>) -> Reply {
    let keys = service.read(|service| {
        service.keys()?.iter().map(|key| shown(service, key, None)).collect::<Result<Vec<_>, _>>()
    });
    Ok(json(&keys.await?))
}

/// `GET /v1/account/apikeys/:keyid`.
#[utoipa::path(
    get, path = "/v1/account/apikeys/{keyid}",
    responses((status = 200, description = "The key, without its secret", body = ref("#/components/schemas/ApiKey"))),
)]
pub async fn view(State(service): State<Service>, Path(id): Path<String>) -> Reply {
    Ok(json(&shown(&service, &service.key(&id)?, None)?))
}

/// `PUT /v1/account/apikeys`: makes a key; the reply is the only one that holds its secret.
#[utoipa::path(
    put, path = "/v1/account/apikeys",
    request_body = ref("#/components/schemas/ApiKeyCreate"),
    responses((status = 200, description = "The new key with its secret", body = ref("#/components/schemas/ApiKey"))),
)]
pub async fn create(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    JsonObject(body): JsonObject,
) -> Reply {
    let name = account::name(&body, "name", 2..=64)?.ok_or_else(|| ApiError::missing_field("name"))?;
    let mut fields = MemberFields::read(&body)?;
    let mut member = Member { teams: fields.teams.take().unwrap_or_default(), ..Member::default() };
    fields.apply(&mut member)?;
    let now_s = service.now_s();
    let (id, expiry_days) = (ids::new_object_id_text(now_s), expiry(&body)?.flatten());
    let mut key = KeyDoc { id, name, created_s: now_s, secrets: Vec::new(), expiry_days, member };
    let (secret, stored) = new_secret(&service, &key, now_s);
    let secret_id = stored.id.clone();
    key.secrets.push(stored);
    let show = |key: &KeyDoc| shown(&service, key, Some((&secret_id, &secret)));
    change(&service, &actor, move |transaction| transaction.put_key(key), show).await
}

/// `POST /v1/account/apikeys/:keyid`: changes the fields given; the secret stays.
#[utoipa::path(
    post, path = "/v1/account/apikeys/{keyid}",
    request_body = ref("#/components/schemas/ApiKeyFields"),
    responses((status = 200, description = "The changed key", body = ref("#/components/schemas/ApiKey"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
    JsonObject(body): JsonObject,
) -> Reply {
    let name = account::name(&body, "name", 2..=64)?;
    let mut fields = MemberFields::read(&body)?;
    let expiry_days = expiry(&body)?;
    let update = move |transaction: &mut Transaction<'_>| {
        let mut key = transaction.key(&id)?;
        if let Some(teams) = fields.teams.take() {
            transaction.move_to_teams(&mut key.member, teams)?;
        }
        fields.apply(&mut key.member)?;
        key.name = name.unwrap_or(key.name);
        key.expiry_days = expiry_days.unwrap_or(key.expiry_days);
        transaction.put_key(key)
    };
    change(&service, &actor, update, |key| shown(&service, key, None)).await
}

/// `DELETE /v1/account/apikeys/:keyid`: the key stops working at once.
#[utoipa::path(
    delete, path = "/v1/account/apikeys/{keyid}",
    responses((status = 200, description = "The key is gone", body = ref("#/components/schemas/Empty"))),
)]
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Reply {
    delete(&service, &actor, move |transaction| transaction.delete_key(&id)).await
}
