//! From tokens to wire form; one walk for API fields and zone files.

use std::borrow::Cow;

use serde_json::Value;

use super::table::{self, Field, Kind};
use super::{
    Dialect, MAX_RDATA_OCTETS, Problem, RdataError, Token, address, check, location, names, number, security,
    service, text, unknown,
};
use crate::RecordType;

/// Wire form from an API answer list.
pub(super) fn fields(rtype: RecordType, values: &[Value]) -> Result<Vec<u8>, RdataError> {
    let layout = table::fields(rtype);
    let name_of = |index: usize| match layout.and_then(|fields| fields.get(index).or(fields.last())) {
        Some(field) => field.name,
        None => "data",
    };
    let mut texts = Vec::with_capacity(values.len());
    for (index, value) in values.iter().enumerate() {
        texts.push(plain(value).map_err(|problem| RdataError::Field { field: name_of(index), problem })?);
    }
    if let [first, ..] = &texts[..]
        && unknown::begins_generic(first)
    {
        let words = texts.iter().flat_map(|text| text.split_ascii_whitespace());
        return walk(rtype, &words.map(|word| token(word.as_bytes())).collect::<Vec<_>>(), Dialect::Fields);
    }
    let tokens: Vec<_> = match (&texts[..], layout) {
        ([only], Some(fields)) if least_elements(fields) > 1 => {
            split_element(only.as_bytes(), fields.len()).into_iter().map(token).collect()
        }
        _ => texts.iter().map(|text| token(text.as_bytes())).collect(),
    };
    walk(rtype, &tokens, Dialect::Fields)
}

fn token(text: &[u8]) -> Token<'_> {
    Token { text, quoted: false, glued: false }
}

/// The text of a JSON element; whole numbers may come as JSON numbers of any form.
fn plain(value: &Value) -> Result<Cow<'_, str>, Problem> {
    match value {
        Value::String(text) => Ok(Cow::Borrowed(text)),
        Value::Number(number) => Ok(Cow::Owned(match number.as_f64() {
            // Every whole number below 2^53 is exact, and no field takes more than 2^32.
            Some(float) if number.is_f64() && float.fract() == 0.0 && float.abs() < 9e15 => {
                format!("{float:.0}")
            }
            _ => number.to_string(),
        })),
        Value::Null => Err(Problem::Json { found: "null" }),
        Value::Bool(_) => Err(Problem::Json { found: "a boolean" }),
        Value::Array(_) => Err(Problem::Json { found: "a list" }),
        Value::Object(_) => Err(Problem::Json { found: "an object" }),
    }
}

fn least_elements(fields: &[Field]) -> usize {
    fields.iter().filter(|field| !field.kind.may_be_absent()).count()
}

/// Splits a whole answer that a client put into one element, `10 mail.example.com`, at its blanks. Text in
/// quotes stays together, and the last field takes what is left.
fn split_element(text: &[u8], fields: usize) -> Vec<&[u8]> {
    let mut pieces = Vec::with_capacity(fields);
    let mut rest = text.trim_ascii();
    while !rest.is_empty() && pieces.len() + 1 < fields {
        let blank = |text: &[u8]| text.iter().position(u8::is_ascii_whitespace).unwrap_or(text.len());
        let close = match rest.strip_prefix(b"\"") {
            Some(inner) => inner.iter().position(|&octet| octet == b'"').map(|quote| quote + 2),
            None => None,
        };
        let end = match close {
            Some(close) => close + blank(&rest[close..]),
            None => blank(rest),
        };
        pieces.push(&rest[..end]);
        rest = rest[end..].trim_ascii_start();
    }
    if !rest.is_empty() {
        pieces.push(rest);
    }
    pieces
}

/// Wire form from tokens, in the generic form or in the type's own.
pub(super) fn walk(
    rtype: RecordType,
    tokens: &[Token<'_>],
    dialect: Dialect<'_>,
) -> Result<Vec<u8>, RdataError> {
    if rtype.is_meta() {
        return Err(RdataError::Meta { rtype });
    }
    let out = if unknown::is_generic(tokens) {
        unknown::parse(tokens)?
    } else {
        let fields = table::fields(rtype).ok_or(RdataError::NoPresentation { rtype })?;
        own_form(rtype, fields, tokens, dialect)?
    };
    if out.len() > MAX_RDATA_OCTETS {
        return Err(RdataError::TooLong { octets: out.len() });
    }
    check(rtype, &out)?;
    Ok(out)
}

fn own_form(
    rtype: RecordType,
    fields: &[Field],
    tokens: &[Token<'_>],
    dialect: Dialect<'_>,
) -> Result<Vec<u8>, RdataError> {
    let mut out = Vec::with_capacity(tokens.iter().map(|token| token.text.len() + 2).sum());
    let mut rest = tokens;
    for field in fields {
        let count = if field.kind.takes_rest() { rest.len() } else { rest.len().min(1) };
        let (taken, after) = rest.split_at(count);
        match taken.first() {
            Some(&first) => push_field(field.kind, first, taken, dialect, &mut out)
                .map_err(|problem| RdataError::Field { field: field.name, problem })?,
            None if field.kind.may_be_absent() => {}
            None => {
                let layout = table::describe(fields);
                return Err(RdataError::Missing { rtype, layout, missing: field.name });
            }
        }
        rest = after;
    }
    match rest.first() {
        None => Ok(out),
        Some(extra) => {
            let layout = table::describe(fields);
            Err(RdataError::Extra { rtype, layout, extra: text::shorten(extra.text) })
        }
    }
}

/// Appends one field: of its only token `first`, or of `all` tokens that are left when it takes the rest.
fn push_field(
    kind: Kind,
    first: Token<'_>,
    all: &[Token<'_>],
    dialect: Dialect<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    let trimmed = match dialect {
        Dialect::Fields => Token { text: first.text.trim_ascii(), ..first },
        Dialect::ZoneFile { .. } => first,
    };
    let word = trimmed.text;
    match kind {
        Kind::U8 => out.push(number::parse(word, 255)? as u8),
        Kind::U16 => out.extend_from_slice(&(number::parse(word, 65_535)? as u16).to_be_bytes()),
        Kind::U32 => out.extend_from_slice(&(number::parse(word, u64::from(u32::MAX))? as u32).to_be_bytes()),
        Kind::Period => out.extend_from_slice(&number::parse_short_period(word)?.to_be_bytes()),
        Kind::Algorithm => out.push(number::parse_algorithm(word)?),
        Kind::CertificateType => out.extend_from_slice(&number::parse_certificate_type(word)?.to_be_bytes()),
        Kind::Type => out.extend_from_slice(&security::parse_type(word)?.0.to_be_bytes()),
        Kind::Timestamp => out.extend_from_slice(&number::parse_timestamp(word)?.to_be_bytes()),
        Kind::Ipv4 => out.extend_from_slice(&address::parse_ipv4(word)?.octets()),
        Kind::Ipv6 => out.extend_from_slice(&address::parse_ipv6(word)?.octets()),
        Kind::HardwareAddress(octets) => address::push_hardware(word, octets, out)?,
        Kind::Groups => address::push_groups(word, out)?,
        Kind::NameOrEmpty if word.is_empty() && matches!(dialect, Dialect::Fields) => out.push(0),
        Kind::Name | Kind::NameOrEmpty => names::push_name(trimmed, dialect, out)?,
        Kind::Gateway => address::push_gateway(trimmed, dialect, out)?,
        Kind::Text | Kind::Tag | Kind::Decimal(_) => text::push_string(&text::value(first, dialect)?, out)?,
        Kind::Remainder => out.extend_from_slice(&text::value(first, dialect)?),
        Kind::Salt => security::push_salt(word, out)?,
        Kind::Hash => security::push_hash(word, out)?,
        Kind::Texts => text::push_strings(all, dialect, out)?,
        Kind::Hex => security::push_hex(all, out)?,
        Kind::OptionalBase64 if words(all).next().is_none() => {}
        Kind::Base64 | Kind::OptionalBase64 => security::push_base64(all, out)?,
        Kind::Types => security::push_types(words(all), out)?,
        Kind::Prefixes => words(all).try_for_each(|word| address::push_prefix(word, out))?,
        Kind::Location => location::push(words(all), out)?,
        Kind::Parameters => service::push(all, dialect, out)?,
    }
    Ok(())
}

/// The words of tokens; an API client may put several into one element.
fn words<'a>(tokens: &[Token<'a>]) -> impl Iterator<Item = &'a [u8]> {
    tokens.iter().flat_map(|token| token.text.split(u8::is_ascii_whitespace)).filter(|word| !word.is_empty())
}
