//! `/v1/account` and `/apikeys/v1`: who may use the server, and what is known about its owner.

pub mod billing;
pub mod keys;
pub mod secrets;
pub mod settings;
pub mod teams;
pub mod usage;
pub mod users;
pub mod whitelists;

/// What these handlers return.
type Reply = Result<axum::response::Response, crate::error::ApiError>;

#[cfg(test)]
mod tests;
