//! Metadata: what an operator or a feed says about an answer, a region or a record.
//!
//! A metadata table maps keys to values. Clients send values in many spellings (numbers as strings, one
//! country where a list is expected, `1` for true); [`parse_value`] reads them all into one typed form and
//! names the key and what is allowed when it cannot. The JSON that was sent is kept by others; this crate
//! only needs its meaning.

mod key;
mod parse;
mod table;
mod value;

pub use key::MetaKey;
pub(crate) use parse::echo;
pub use parse::{MetaError, parse_value};
pub use table::{MetaEntry, MetaTable};
pub use value::{MetaValue, PulsarJob};

#[cfg(test)]
mod tests;
