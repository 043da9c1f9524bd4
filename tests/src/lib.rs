//! Support of the end-to-end tests: a running server, a DNS client and an HTTP client.
//!
//! The tests themselves are the modules of `integration/`; they are compiled as a test target of the
//! `sextant` package, which is what lets Cargo build the real binary for them and name its path.
//! The DNS client is built on hickory-proto, so that what the server writes is read by code that is
//! not ours.
#![forbid(unsafe_code)]

mod api;
mod dns;
mod hard_zones;
mod in_process;
mod process;
mod reply_check;

pub use api::{Api, Reply};
pub use dns::{Answered, Question, exchange_tcp, exchange_udp};
pub use hard_zones::{HOSTMASTER, NAMESERVERS, RANDOM_TYPES, ZoneText, hard_zones, random_zones};
pub use in_process::{responder_for, responder_over, snapshot_of};
pub use process::{Launch, Server};
pub use reply_check::{check_reply, is_well_formed, option_of};
