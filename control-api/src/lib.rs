//! The REST control plane, compatible with the NS1 v1 API.
//!
//! A request is parsed into types, a closure is handed to the [`Service`], and the one committer
//! thread runs it against the current state inside a [`Transaction`]. What the closure changed is
//! written to the store, applied to the snapshot that queries read, and only then acknowledged.
//! Handlers stay thin: extract, call the service, shape the reply.

#![forbid(unsafe_code)]

pub mod auth;
pub mod dto;
pub mod error;
pub mod http;
pub mod ids;
pub mod limits;
pub mod metrics;
pub mod native;
mod openapi;
pub mod outgoing;
pub mod router;
pub mod service;
pub mod source_types;
pub mod statistics;
#[cfg(test)]
mod testing;
mod time;
mod unserved;
pub mod v1;

pub use crate::error::ApiError;
pub use crate::router::{ApiOptions, ApiState, router};
pub use crate::service::{Actor, Committed, Service, ServiceOptions, Transaction};
