//! The endpoints that are compatible with the NS1 v1 API.

pub mod catalog;
