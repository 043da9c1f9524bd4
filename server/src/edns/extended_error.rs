//! Extended errors (RFC 8914): why a query was not answered.
//!
//! The option has a code and no text: what a text could say, the code and the response code say, and error
//! replies stay small. Only replies to queries with EDNS have it (RFC 8914, 3).

/// What is wrong with a query that was understood.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u16)]
pub enum ExtendedError {
    /// The name is in no zone of ours (RFC 8914, 4.21).
    NotAuthoritative = 20,
    /// We do not do that at all: transfers, updates, notifications, classes other than IN, mail agents
    /// (RFC 8914, 4.22).
    NotSupported = 21,
}

impl ExtendedError {
    /// Octets of the option data.
    pub const OCTETS: usize = 2;

    /// The option data.
    pub fn octets(self) -> [u8; Self::OCTETS] {
        (self as u16).to_be_bytes()
    }
}
