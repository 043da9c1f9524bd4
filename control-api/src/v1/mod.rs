//! The endpoints that are compatible with the NS1 v1 API, and those of ours that are about its records.

pub mod account;
pub mod activity;
pub mod catalog;
pub mod dnssec;
pub mod explain;
pub mod export;
pub mod feeds;
pub mod import;
pub mod paged_search;
pub mod push;
pub mod records;
pub mod search;
pub mod simulate;
pub mod sources;
pub mod stats;
pub mod tsig;
pub mod versions;
pub mod zones;
