//! EDNS options (RFC 6891).

pub mod client_subnet;
