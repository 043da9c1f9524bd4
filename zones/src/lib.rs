//! Names, record data, zone files, records, and the compiled snapshot that queries read.
//!
//! This crate knows what DNS data means and nothing of sockets, HTTP or disks. Text and API fields
//! become wire form once, when a record is stored or loaded; what is read per query is wire form only.
#![forbid(unsafe_code)]

pub mod name;
pub mod rdata;
pub mod record_type;

pub use name::{Name, NameError};
pub use rdata::RdataError;
pub use record_type::RecordType;
