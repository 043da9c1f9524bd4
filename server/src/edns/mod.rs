//! EDNS options (RFC 6891).

pub mod client_subnet;
pub mod cookie;
pub mod extended_error;
pub mod keepalive;
pub mod nsid;
pub mod options;
