//! The query engine and its transports.
//!
//! ```text
//!  UDP worker (thread, recvmmsg/sendmmsg) ─┐
//!                                          ├─▶ Responder ──▶ Snapshot, GeoData
//!  TCP worker (thread, epoll) ─────────────┘   octets in, octets out
//! ```
//!
//! A [`Responder`] is the whole of the engine: synchronous, without allocation, locks or panics. It takes queries one by
//! one ([`Responder::answer`]) or as they came together ([`Responder::read_ahead`]), with the same answers.
//! Transports bring octets to it and carry its reply away. Each worker has a responder of its own, so that
//! nothing is shared between workers but what they only read: the snapshot, the geography, and live cells.
//!
//! [`Server`] binds the sockets and [`RunningServer`] runs the workers.

#![deny(unsafe_code)]

pub mod config;
pub mod edns;
pub mod engine;
pub mod limits;
pub mod message;
pub mod policy;
mod query;
mod resolve;
mod server;
mod steering;
mod sys;
mod tcp;
pub mod telemetry;
mod udp;
mod worker;

pub use config::{ServerConfig, TcpLimits};
pub use engine::{Disposition, DropReason, Peer, Responder, Transport};
pub use policy::Policy;
pub use server::{BindError, RunningServer, Server};
pub use telemetry::counters::{Counter, CounterTotals, Counters, QueryType};
pub use telemetry::tally::{TallyReader, TallyWriter};
