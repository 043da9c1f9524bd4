//! Domain names inside record data.

use std::borrow::Cow;

use super::table::{self, Kind};
use super::text::shorten;
use super::{Dialect, Problem, Token, decode};
use crate::{NameError, RecordType, name};

/// Where a domain name sits in record data.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub struct NameSpan {
    /// The octet where it begins.
    pub offset: usize,
    /// Its length in octets, root octet included.
    pub length: usize,
}

/// The most names that data of any type has.
const MAX_NAMES: usize = 2;

/// The domain names in record data, in order.
///
/// Does not allocate. Octets that are not valid data of the type give the names before the first fault.
pub fn names(rtype: RecordType, rdata: &[u8]) -> impl Iterator<Item = NameSpan> + use<> {
    let mut spans = [NameSpan::default(); MAX_NAMES];
    let mut count = 0;
    let mut offset = 0;
    for field in table::fields(rtype).unwrap_or_default() {
        let Some(length) = decode::extent(field.kind, &rdata[offset..], rdata) else { break };
        let is_name = match field.kind {
            Kind::Name | Kind::NameOrEmpty => true,
            Kind::Gateway => rdata[1] == 3,
            _ => false,
        };
        if is_name && count < MAX_NAMES {
            spans[count] = NameSpan { offset, length };
            count += 1;
        }
        offset += length;
    }
    spans.into_iter().take(count)
}

/// Whether names in the data of this type may be compressed: the types of RFC 1035 only (RFC 3597, 4).
pub fn compressible(rtype: RecordType) -> bool {
    matches!(
        rtype,
        RecordType::NS
            | RecordType::MD
            | RecordType::MF
            | RecordType::CNAME
            | RecordType::SOA
            | RecordType::MB
            | RecordType::MG
            | RecordType::MR
            | RecordType::PTR
            | RecordType::MINFO
            | RecordType::MX
    )
}

/// Record data in canonical form: its names in lower case where two records that differ only in the case
/// of a name are the same record (RFC 4034, 6.2, as corrected by RFC 6840, 5.1).
pub fn canonical(rtype: RecordType, rdata: &[u8]) -> Cow<'_, [u8]> {
    let folds = compressible(rtype)
        || matches!(
            rtype,
            RecordType::RP
                | RecordType::AFSDB
                | RecordType::RT
                | RecordType::SIG
                | RecordType::PX
                | RecordType::NAPTR
                | RecordType::KX
                | RecordType::SRV
                | RecordType::DNAME
                | RecordType::RRSIG
        );
    let mut canonical = Cow::Borrowed(rdata);
    if folds {
        for NameSpan { offset, length } in names(rtype, rdata) {
            if rdata[offset..offset + length].iter().any(u8::is_ascii_uppercase) {
                // Length octets are below 64 and so not letters.
                canonical.to_mut()[offset..offset + length].make_ascii_lowercase();
            }
        }
    }
    canonical
}

/// Appends a name: absolute in API fields, relative to the origin in zone files; its case is kept.
pub(super) fn push_name(token: Token<'_>, dialect: Dialect<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let result = match dialect {
        _ if token.text.is_empty() => Err(NameError::EmptyLabel),
        Dialect::Fields if !token.text.is_ascii() => Err(NameError::NotAscii),
        Dialect::Fields => name::push_wire(token.text, &[0], out),
        Dialect::ZoneFile { origin } if token.text == b"@" && !token.quoted => {
            out.extend_from_slice(origin.as_wire());
            Ok(())
        }
        Dialect::ZoneFile { origin } => name::push_wire(token.text, origin.as_wire(), out),
    };
    result.map_err(|reason| Problem::Name { found: shorten(token.text), reason })
}
