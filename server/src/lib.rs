//! The query engine and its transports.

#![deny(unsafe_code)]

pub mod edns;
pub mod limits;
pub mod message;
mod sys;
pub mod telemetry;
