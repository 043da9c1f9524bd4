//! `/apikeys/v1/secrets`: exchanging the secret of a key without a gap.
//!
//! A key may have two active secrets, so that the new one can be handed round while the old one still works.
//! `self` is the secret that the request is made with. Everyone may look at the secrets of his own key, renew them
//! and delete those he does not use; keys of others, and changes of when a secret ends, need the right to manage
//! keys. No request ends the secret that it is made with.

use axum::extract::{Extension, Path, State};
use serde_json::{Map, Value};

use super::keys::new_secret;
use super::{Reply, change, delete};
use crate::auth::Right;
use crate::dto::account::secret_object;
use crate::dto::fields;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::service::account::{Account, KeyDoc, SecretDoc};
use crate::service::{Actor, Service, Transaction};
use crate::time;

/// Secrets of a key that may be active at once.
const ACTIVE_SECRETS: usize = 2;

/// Secrets of a key in all: beyond it, ended ones are forgotten.
const SECRETS_KEPT: usize = 8;

/// The id of the secret that a path names.
fn secret_id(actor: &Actor, segment: String) -> String {
    if segment == "self" { actor.secret.clone() } else { segment }
}

/// The key found for a secret. Who may not manage keys gets 403 for all but his own, whether there is one or not.
fn permitted(actor: &Actor, key: Result<KeyDoc, ApiError>) -> Result<KeyDoc, ApiError> {
    if actor.may(Right::ManageApikeys) || key.as_ref().is_ok_and(|key| key.id == actor.id) {
        return key;
    }
    Err(ApiError::forbidden(format!("permission denied: {} is needed", Right::ManageApikeys)))
}

/// 400 for a request that would end the secret it is made with.
fn in_use() -> ApiError {
    ApiError::bad_request("a request cannot end the secret it is made with; use another secret of the key")
}

fn secret_of<'k>(key: &'k mut KeyDoc, id: &str) -> Result<&'k mut SecretDoc, ApiError> {
    let found = key.secrets.iter_mut().find(|secret| secret.id == id);
    found.ok_or_else(|| ApiError::not_found("secret not found"))
}

/// `GET /apikeys/v1/secrets/:secretid`.
#[utoipa::path(
    get, path = "/apikeys/v1/secrets/{secretid}",
    responses((status = 200, description = "What is known of the secret", body = ref("#/components/schemas/ApiKeySecret"))),
)]
pub async fn view(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(segment): Path<String>,
) -> Reply {
    let id = secret_id(&actor, segment);
    let mut key = permitted(&actor, service.key_of_secret(&id))?;
    let secret = secret_of(&mut key, &id)?;
    Ok(json(&secret_object(secret, None, service.last_access_s(secret))))
}

/// When a secret is to end, if the body says so: a date, a time, or unix time. Null is never.
fn expires_at(body: &Map<String, Value>) -> Result<Option<Option<u64>>, ApiError> {
    let field = "expires_at";
    let at_s = match body.get(field) {
        None => return Ok(None),
        Some(Value::Null) => return Ok(Some(None)),
        Some(Value::Number(number)) => number.as_u64(),
        Some(Value::String(text)) if text.is_empty() => return Ok(None),
        Some(Value::String(text)) => time::parse_rfc3339(text),
        Some(_) => None,
    };
    // Past the year 9999 a time could not be written down.
    match (at_s.filter(|at_s| *at_s < 253_402_300_800), body.get(field)) {
        (Some(at_s), _) => Ok(Some(Some(at_s))),
        (None, given) => {
            let given = given.unwrap_or(&Value::Null);
            Err(ApiError::invalid_field(field, given, "a time such as 2026-06-01T00:00:00Z, or null"))
        }
    }
}

/// `PUT /apikeys/v1/secrets/:secretid`: `enabled` and `expires_at`.
#[utoipa::path(
    put, path = "/apikeys/v1/secrets/{secretid}",
    request_body = ref("#/components/schemas/ApiKeySecretFields"),
    responses((status = 200, description = "The changed secret", body = ref("#/components/schemas/ApiKeySecret"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(segment): Path<String>,
    JsonObject(body): JsonObject,
) -> Reply {
    let id = secret_id(&actor, segment);
    let (enabled, ends) = (fields::boolean_or_null(&body, "enabled")?, expires_at(&body)?);
    let update = move |transaction: &mut Transaction<'_>| {
        let mut key = transaction.key_of_secret(&id)?;
        let now_s = transaction.now_s();
        let secret = secret_of(&mut key, &id)?;
        secret.enabled = enabled.unwrap_or(secret.enabled);
        secret.expires_at_s = ends.unwrap_or(secret.expires_at_s);
        let changed = secret.clone();
        if changed.is_active(now_s) {
            check_active(&key, now_s, ACTIVE_SECRETS)?;
        } else if id == transaction.actor().secret {
            return Err(in_use());
        }
        transaction.put_key(key)?;
        Ok(changed)
    };
    let show = |secret: &SecretDoc| Ok(secret_object(secret, None, service.last_access_s(secret)));
    change(&service, &actor, update, show).await
}

fn check_active(key: &KeyDoc, now_s: u64, limit: usize) -> Result<(), ApiError> {
    let active = key.secrets.iter().filter(|secret| secret.is_active(now_s)).count();
    if active <= limit {
        return Ok(());
    }
    Err(ApiError::bad_request(format!(
        "cannot renew secret: api key already has {ACTIVE_SECRETS} active secrets"
    )))
}

/// `POST /apikeys/v1/secrets/:secretid/renew`: a second secret for the same key. It lasts as long as the key's
/// `expiry_duration` says.
#[utoipa::path(
    post, path = "/apikeys/v1/secrets/{secretid}/renew",
    responses((status = 200, description = "The new secret, shown this once", body = ref("#/components/schemas/ApiKeySecret"))),
)]
pub async fn renew(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(segment): Path<String>,
) -> Reply {
    let id = secret_id(&actor, segment);
    let maker = service.clone();
    let renew = move |transaction: &mut Transaction<'_>| {
        let mut key = permitted(transaction.actor(), transaction.key_of_secret(&id))?;
        let now_s = transaction.now_s();
        check_active(&key, now_s, ACTIVE_SECRETS - 1)?;
        if key.secrets.len() >= SECRETS_KEPT {
            key.secrets.retain(|secret| secret.is_active(now_s));
        }
        let (secret, mut stored) = new_secret(&maker, &key, now_s);
        let actor = transaction.actor();
        if key.expiry_days.is_none() && !actor.may(Right::ManageApikeys) {
            // Who may not say when a secret ends cannot outlive the end of his own either.
            stored.expires_at_s = secret_of(&mut key, &actor.secret)?.expires_at_s;
        }
        key.secrets.push(stored.clone());
        transaction.put_key(key)?;
        Ok((secret, stored))
    };
    change(&service, &actor, renew, |(secret, stored)| Ok(secret_object(stored, Some(secret), None))).await
}

/// `DELETE /apikeys/v1/secrets/:secretid`: it stops working at once; the key stays.
#[utoipa::path(
    delete, path = "/apikeys/v1/secrets/{secretid}",
    responses((status = 200, description = "The secret is gone", body = ref("#/components/schemas/Empty"))),
)]
pub async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(segment): Path<String>,
) -> Reply {
    let id = secret_id(&actor, segment);
    let remove = move |transaction: &mut Transaction<'_>| {
        let mut key = permitted(transaction.actor(), transaction.key_of_secret(&id))?;
        if id == transaction.actor().secret {
            return Err(in_use());
        }
        if key.secrets.len() == 1 {
            return Err(ApiError::bad_request("a key keeps its last secret; delete the key instead"));
        }
        key.secrets.retain(|secret| secret.id != id);
        transaction.put_key(key).map(drop)
    };
    delete(&service, &actor, remove).await
}
