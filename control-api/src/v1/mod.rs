//! The endpoints that are compatible with the NS1 v1 API.

pub mod activity;
pub mod catalog;
pub mod dnssec;
pub mod feeds;
pub mod import;
pub mod push;
pub mod records;
pub mod search;
pub mod sources;
pub mod zones;
