//! `/v1/account` and `/apikeys/v1`: who may use the server, and what is known about its owner.

pub mod billing;
pub mod keys;
pub mod secrets;
pub mod settings;
pub mod teams;
pub mod usage;
pub mod users;
pub mod whitelists;

use axum::response::Response;
use serde::Serialize;

use super::zones::with_revision;
use crate::error::ApiError;
use crate::http::{empty, json};
use crate::service::{Actor, Service, Transaction};

/// What these handlers return.
type Reply = Result<Response, ApiError>;

/// Makes a change, and replies with what `show` says of its outcome.
async fn change<T, S>(
    service: &Service,
    actor: &Actor,
    action: impl FnOnce(&mut Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
    show: impl FnOnce(&T) -> Result<S, ApiError>,
) -> Reply
where
    T: Send + 'static,
    S: Serialize,
{
    let committed = service.commit(actor, action).await?;
    Ok(with_revision(json(&show(&committed.value)?), committed.revision))
}

/// Makes a change that leaves nothing to tell.
async fn delete(
    service: &Service,
    actor: &Actor,
    action: impl FnOnce(&mut Transaction<'_>) -> Result<(), ApiError> + Send + 'static,
) -> Reply {
    Ok(with_revision(empty(), service.commit(actor, action).await?.revision))
}

#[cfg(test)]
mod tests;
