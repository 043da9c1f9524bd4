//! Record data: API fields, zone-file text and wire form.
//!
//! A type is a list of named fields, each of a kind; one table says so for all types. Four walks over
//! it do everything: API fields to wire, zone-file tokens to wire, wire to API fields, wire to text.
//! `hickory-proto` is not used for it: it lacks AFSDB, APL, DHCID, DNAME, GPOS, IPSECKEY, LOC, RP, SPF and
//! URI, and its types neither take nor give the field lists of the API. It is the oracle of the tests.
//!
//! Types outside the table, and any type when so written, use the generic form of RFC 3597, 5.

mod error;

use serde_json::Value;

pub use error::{Problem, RdataError};

use crate::{Name, RecordType};

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

/// Record data from an API answer list, one element per field.
pub fn from_fields(rtype: RecordType, fields: &[Value]) -> Result<Vec<u8>, RdataError> {
    let _ = fields;
    Err(RdataError::NoPresentation { rtype })
}

/// Record data from the tokens of a zone file; names are relative to `origin`.
pub fn from_text(rtype: RecordType, tokens: &[Token<'_>], origin: &Name) -> Result<Vec<u8>, RdataError> {
    let _ = (tokens, origin);
    Err(RdataError::NoPresentation { rtype })
}

/// The API answer list of record data: numbers as JSON numbers, names without their final dot.
pub fn to_fields(rtype: RecordType, rdata: &[u8]) -> Result<Vec<Value>, RdataError> {
    let _ = rdata;
    Err(RdataError::NoPresentation { rtype })
}

/// The zone-file form of record data: names absolute, everything on one line.
pub fn to_text(rtype: RecordType, rdata: &[u8]) -> Result<String, RdataError> {
    let _ = rdata;
    Err(RdataError::NoPresentation { rtype })
}

/// Checks that octets are the record data of a type.
pub fn check(rtype: RecordType, rdata: &[u8]) -> Result<(), RdataError> {
    let _ = rdata;
    Err(RdataError::NoPresentation { rtype })
}

/// Where a domain name sits in record data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NameSpan {
    /// The octet where it begins.
    pub offset: usize,
    /// Its length in octets, root octet included.
    pub length: usize,
}

/// The domain names in valid record data, in order. Does not allocate; no type has more than two.
pub fn names(rtype: RecordType, rdata: &[u8]) -> impl Iterator<Item = NameSpan> + use<> {
    let _ = (rtype, rdata);
    std::iter::empty()
}

/// Whether names in the data of this type may be compressed: the types of RFC 1035 only (RFC 3597, 4).
pub fn compressible(rtype: RecordType) -> bool {
    matches!(rtype.0, 2..=9 | 12 | 14 | 15)
}
