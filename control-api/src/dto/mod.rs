//! The shapes of request and reply bodies: they differ from the stored documents and keep what clients
//! sent, to the byte where clients compare.

pub mod account;
pub mod feed;
pub mod fields;
pub mod record;
pub mod source;
pub(crate) mod tsig;
pub mod zone;
