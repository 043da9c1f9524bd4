//! Record data: API fields, zone-file text and wire form.
//!
//! A type is a list of named fields, each of a kind with one wire form and one presentation; the `table`
//! module says so for all types. Two walks over it go to wire form, from API fields or zone-file tokens
//! (`encode`), and from it, to API fields or text (`decode`); the other modules hold the kinds that need more
//! than a line. `hickory-proto` does not do this work: it lacks AFSDB, APL, DHCID, DNAME, GPOS, IPSECKEY, LOC,
//! RP, SPF, URI and others, and neither takes nor gives the field lists of the API. It is the oracle of the
//! tests.
//!
//! Types outside the table, and any type when so written, use the generic form of RFC 3597, 5.
//!
//! Everything that comes out of [`from_fields`] and [`from_text`] has passed [`check`].

mod address;
mod decode;
mod encode;
mod error;
mod location;
mod names;
mod number;
mod security;
mod service;
mod table;
mod text;
mod unknown;

use serde_json::Value;

use decode::Part;
pub use error::{Problem, RdataError};
pub use names::{NameSpan, canonical, compressible, names};

pub(crate) use number::parse_period;

use crate::name::{self, FinalDot};
use crate::{Name, RecordType};

/// The most octets that the data of one record can take (RFC 1035, 3.2.1).
pub const MAX_RDATA_OCTETS: usize = 65_535;

/// One token of a zone file, escapes and all, without its quotes.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Token<'a> {
    /// What stands there, with backslash escapes not yet replaced.
    pub text: &'a [u8],
    /// Whether it stood in double quotes.
    pub quoted: bool,
    /// Whether nothing separates it from the token before it, as in `alpn="h2"`.
    pub glued: bool,
}

/// Whose text is read.
#[derive(Clone, Copy)]
enum Dialect<'a> {
    /// Elements of an API answer: absolute names, strings as they are apart from outer quotes.
    Fields,
    /// Tokens of a zone file: names relative to the origin, strings with escapes.
    ZoneFile { origin: &'a Name },
}

/// Record data from an API answer list, one element per field.
///
/// Numbers may be JSON numbers or text. Names are absolute with or without their final dot. Strings are taken
/// as they are, apart from one pair of outer quotes; TXT and the like split long ones. A whole answer may be one
/// element (`"10 mail.example.com"`), and the data of any type `"\# LENGTH HEX"`.
///
/// # Errors
/// Names the field and what is allowed there.
pub fn from_fields(rtype: RecordType, fields: &[Value]) -> Result<Vec<u8>, RdataError> {
    encode::fields(rtype, fields)
}

/// Record data from the tokens of a zone file; names are relative to `origin`.
///
/// # Errors
/// Names the field and what is allowed there.
pub fn from_text(rtype: RecordType, tokens: &[Token<'_>], origin: &Name) -> Result<Vec<u8>, RdataError> {
    encode::walk(rtype, tokens, Dialect::ZoneFile { origin })
}

/// The API answer list of record data: numbers as JSON numbers, names without their final dot.
///
/// [`from_fields`] makes the same data of it. Data with strings that JSON cannot say is in the generic form.
///
/// # Errors
/// Data that [`check`] refuses.
pub fn to_fields(rtype: RecordType, rdata: &[u8]) -> Result<Vec<Value>, RdataError> {
    decode::check_bounds(rtype, rdata)?;
    let generic = || vec![Value::from(unknown::print(rdata))];
    let Some(fields) = table::fields(rtype) else { return Ok(generic()) };
    let mut values = Vec::with_capacity(fields.len());
    for part in decode::parts(rtype, fields, rdata)? {
        values.push(match part {
            Part::Number(number) => Value::from(number),
            Part::Name(wire) => {
                let mut text = String::with_capacity(wire.len());
                name::write_text(wire, FinalDot::Omitted, &mut text);
                Value::from(text)
            }
            Part::Plain(text) => Value::from(text),
            Part::Quoted(octets) => match text::print_field(octets) {
                Some(text) if !(values.is_empty() && unknown::begins_generic(&text)) => Value::from(text),
                _ => return Ok(generic()),
            },
        });
    }
    Ok(values)
}

/// The zone-file form of record data: names absolute, everything on one line.
///
/// # Errors
/// Data that [`check`] refuses.
pub fn to_text(rtype: RecordType, rdata: &[u8]) -> Result<String, RdataError> {
    decode::check_bounds(rtype, rdata)?;
    let Some(fields) = table::fields(rtype) else { return Ok(unknown::print(rdata)) };
    let mut text = String::new();
    for part in decode::parts(rtype, fields, rdata)? {
        if !text.is_empty() {
            text.push(' ');
        }
        match part {
            Part::Number(number) => text.push_str(&number.to_string()),
            Part::Name(wire) => name::write_text(wire, FinalDot::Written, &mut text),
            Part::Plain(plain) => text.push_str(&plain),
            Part::Quoted(octets) => text::print_quoted(octets, &mut text),
        }
    }
    Ok(text)
}

/// Checks that octets are the data of a type: fields whole and in range, nothing behind them.
///
/// # Errors
/// Names the field that is wrong. Types without fields of their own take any octets.
pub fn check(rtype: RecordType, rdata: &[u8]) -> Result<(), RdataError> {
    decode::check(rtype, rdata)
}

#[cfg(test)]
mod tests;
