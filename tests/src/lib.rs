//! Support of the end-to-end tests: a running server, a DNS client and an HTTP client.
//!
//! The tests themselves are the modules of `integration/`; they are compiled as a test target of the
//! `sextant` package, which is what lets Cargo build the real binary for them and name its path.
//! The DNS client is built on hickory-proto, so that what the server writes is read by code that is
//! not ours.
#![forbid(unsafe_code)]

mod api;
mod dns;
mod process;

pub use api::{Api, Reply};
pub use dns::{Answered, Question, exchange_tcp, exchange_udp};
pub use process::{Launch, Server};
