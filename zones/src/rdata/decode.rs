//! From wire form to its fields.

use super::table::{self, Field, Kind};
use super::{MAX_RDATA_OCTETS, Problem, RdataError, address, location, number, security, service};
use crate::{RecordType, name};

/// A field, or one element of a field with several, ready to be printed in either way.
#[derive(Debug)]
pub(super) enum Part<'a> {
    /// A whole number.
    Number(u64),
    /// A domain name in wire form.
    Name(&'a [u8]),
    /// Text that is printed in quotes in a zone file.
    Quoted(&'a [u8]),
    /// Text that needs no quotes.
    Plain(String),
}

/// How many octets a field takes at the start of `rest`; `None` when the data ends before it does, or when a
/// name in it is malformed. `rdata` is the whole, which says what an IPSECKEY gateway is.
pub(super) fn extent(kind: Kind, rest: &[u8], rdata: &[u8]) -> Option<usize> {
    let octets = match kind {
        Kind::U8 | Kind::Algorithm => 1,
        Kind::U16 | Kind::CertificateType | Kind::Type => 2,
        Kind::U32 | Kind::Period | Kind::Timestamp | Kind::Ipv4 => 4,
        Kind::Groups => 8,
        Kind::Ipv6 | Kind::Location => 16,
        Kind::HardwareAddress(octets) => octets,
        Kind::Name | Kind::NameOrEmpty => name::wire_length(rest).ok()?,
        Kind::Text | Kind::Tag | Kind::Decimal(_) | Kind::Salt | Kind::Hash => {
            1 + usize::from(*rest.first()?)
        }
        Kind::Texts | Kind::Hex | Kind::Base64 if rest.is_empty() => return None,
        Kind::Texts | Kind::Hex | Kind::Base64 | Kind::OptionalBase64 | Kind::Remainder => rest.len(),
        Kind::Types | Kind::Prefixes | Kind::Parameters => rest.len(),
        Kind::Gateway => match rdata.get(1)? {
            1 => 4,
            2 => 16,
            3 => name::wire_length(rest).ok()?,
            // None, or a type without meaning, which printing it finds out.
            _ => 0,
        },
    };
    (octets <= rest.len()).then_some(octets)
}

/// All parts of valid record data; every check of wire form happens here.
pub(super) fn parts<'a>(
    rtype: RecordType,
    fields: &[Field],
    rdata: &'a [u8],
) -> Result<Vec<Part<'a>>, RdataError> {
    let mut parts = Vec::with_capacity(fields.len());
    let mut rest = rdata;
    for Field { name: field, kind } in fields {
        let octets = extent(*kind, rest, rdata).ok_or(RdataError::Truncated { field })?;
        let (value, after) = rest.split_at(octets);
        push_parts(*kind, value, rdata, &mut parts)
            .map_err(|problem| RdataError::Field { field, problem })?;
        rest = after;
    }
    if !rest.is_empty() {
        return Err(RdataError::Trailing { rtype, octets: rest.len() });
    }
    let last = fields.last().map_or("data", |field| field.name);
    check_whole(rtype, rdata).map_err(|problem| RdataError::Field { field: last, problem })?;
    Ok(parts)
}

/// What more than one field, or the whole, must satisfy.
fn check_whole(rtype: RecordType, rdata: &[u8]) -> Result<(), Problem> {
    match rtype {
        // "The target MUST be at least one octet" follows from RFC 7553, 4.4.
        RecordType::URI if rdata.len() == 4 => Err(Problem::Rule("must not be empty")),
        _ => security::check_digest(rtype, rdata),
    }
}

/// Adds the parts of one field, whose octets are exactly `value`.
fn push_parts<'a>(
    kind: Kind,
    value: &'a [u8],
    rdata: &[u8],
    parts: &mut Vec<Part<'a>>,
) -> Result<(), Problem> {
    let number = || value.iter().fold(0, |number, &octet| number << 8 | u64::from(octet));
    parts.push(match kind {
        Kind::U8 | Kind::U16 | Kind::U32 | Kind::Period | Kind::Algorithm | Kind::CertificateType => {
            Part::Number(number())
        }
        Kind::Type => Part::Plain(RecordType(number() as u16).to_string()),
        Kind::Timestamp => Part::Plain(number::print_timestamp(number() as u32)),
        Kind::Ipv4 | Kind::Ipv6 => Part::Plain(print_address(value)),
        Kind::HardwareAddress(_) => Part::Plain(address::print_hardware(value)),
        Kind::Groups => Part::Plain(address::print_groups(value)),
        Kind::Name | Kind::NameOrEmpty => Part::Name(value),
        Kind::Text => Part::Quoted(&value[1..]),
        Kind::Texts => return push_strings(value, parts),
        Kind::Remainder => Part::Quoted(value),
        Kind::Tag => {
            Part::Plain(checked(&value[1..], u8::is_ascii_alphanumeric, "letters and digits, at least one")?)
        }
        Kind::Decimal(limit) => Part::Plain(check_decimal(&value[1..], limit)?),
        Kind::Hex => Part::Plain(security::print_hex(value)),
        Kind::OptionalBase64 if value.is_empty() => return Ok(()),
        Kind::Base64 | Kind::OptionalBase64 => Part::Plain(security::print_base64(value)),
        Kind::Salt => Part::Plain(security::print_salt(&value[1..])),
        Kind::Hash if value.len() == 1 => return Err(Problem::Rule("must not be empty")),
        Kind::Hash => Part::Plain(security::print_hash(&value[1..])),
        Kind::Types if value.is_empty() => return Ok(()),
        Kind::Types => Part::Plain(security::print_types(value)?),
        Kind::Prefixes => {
            parts.extend(address::print_prefixes(value)?.into_iter().map(Part::Plain));
            return Ok(());
        }
        Kind::Location => Part::Plain(location::print(value)?),
        Kind::Gateway => match rdata.get(1) {
            Some(0) => Part::Plain(".".to_owned()),
            Some(1 | 2) => Part::Plain(print_address(value)),
            Some(3) => Part::Name(value),
            _ => return Err(address::UNKNOWN_GATEWAY),
        },
        Kind::Parameters if value.is_empty() => return Ok(()),
        Kind::Parameters => Part::Plain(service::print(value)?),
    });
    Ok(())
}

/// The presentation of 4 or 16 octets.
fn print_address(value: &[u8]) -> String {
    if let Ok(octets) = <[u8; 4]>::try_from(value) {
        return std::net::Ipv4Addr::from(octets).to_string();
    }
    <[u8; 16]>::try_from(value).map(|octets| std::net::Ipv6Addr::from(octets).to_string()).unwrap_or_default()
}

fn push_strings<'a>(mut value: &'a [u8], parts: &mut Vec<Part<'a>>) -> Result<(), Problem> {
    while let Some((&length, rest)) = value.split_first() {
        let string = rest.split_at_checked(usize::from(length));
        let (string, rest) = string.ok_or(Problem::Rule("the last string is cut short"))?;
        parts.push(Part::Quoted(string));
        value = rest;
    }
    Ok(())
}

/// Octets as text when there are some and all of them are allowed.
fn checked(value: &[u8], allowed: impl Fn(&u8) -> bool, expected: &'static str) -> Result<String, Problem> {
    let text = String::from_utf8_lossy(value).into_owned();
    if !value.is_empty() && value.iter().all(allowed) {
        return Ok(text);
    }
    Err(Problem::Unexpected { found: super::text::shorten(value), expected })
}

/// A decimal number as text, within the limit if there is one.
fn check_decimal(value: &[u8], limit: u16) -> Result<String, Problem> {
    let expected = match limit {
        0 => "a decimal number",
        90 => "a decimal number from -90 to 90",
        _ => "a decimal number from -180 to 180",
    };
    let text = checked(value, |octet| octet.is_ascii_digit() || b"+-.".contains(octet), expected)?;
    match text.parse::<f64>() {
        Ok(number) if limit == 0 || number.abs() <= f64::from(limit) => Ok(text),
        _ => Err(Problem::Unexpected { found: super::text::shorten(value), expected }),
    }
}

/// Checks that octets are the data of a type; types without fields take anything.
pub(super) fn check(rtype: RecordType, rdata: &[u8]) -> Result<(), RdataError> {
    check_bounds(rtype, rdata)?;
    match (rtype, table::fields(rtype)) {
        // Most records: nothing to look at but the length.
        (RecordType::A, _) if rdata.len() == 4 => Ok(()),
        (RecordType::AAAA, _) if rdata.len() == 16 => Ok(()),
        (_, Some(fields)) => parts(rtype, fields, rdata).map(|_| ()),
        (_, None) => Ok(()),
    }
}

/// Checks what holds for all types: that a zone can hold it, and the length.
pub(super) fn check_bounds(rtype: RecordType, rdata: &[u8]) -> Result<(), RdataError> {
    if rtype.is_meta() {
        return Err(RdataError::Meta { rtype });
    }
    if rdata.len() > MAX_RDATA_OCTETS {
        return Err(RdataError::TooLong { octets: rdata.len() });
    }
    Ok(())
}
