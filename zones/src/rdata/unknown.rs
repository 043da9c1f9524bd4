//! The generic form of any record data, `\# LENGTH HEX` (RFC 3597, 5).

use super::{Problem, RdataError, Token, number, security};

/// The token that begins the generic form.
const MARK: &[u8] = b"\\#";

/// The name of the generic form in messages.
const FIELD: &str = "generic data";

/// Whether tokens are the generic form; in quotes the mark is ordinary text.
pub(super) fn is_generic(tokens: &[Token<'_>]) -> bool {
    tokens.first().is_some_and(|first| first.text == MARK && !first.quoted)
}

/// Whether an API element alone is, or begins, the generic form.
pub(super) fn begins_generic(text: &str) -> bool {
    text.as_bytes().strip_prefix(MARK).is_some_and(|rest| rest.first().is_none_or(u8::is_ascii_whitespace))
}

/// The octets of tokens in the generic form.
pub(super) fn parse(tokens: &[Token<'_>]) -> Result<Vec<u8>, RdataError> {
    parse_parts(tokens.get(1..).unwrap_or_default())
        .map_err(|problem| RdataError::Field { field: FIELD, problem })
}

fn parse_parts(tokens: &[Token<'_>]) -> Result<Vec<u8>, Problem> {
    let Some((length, digits)) = tokens.split_first() else {
        return Err(Problem::Rule("needs \\# LENGTH HEX"));
    };
    let length = number::parse(length.text, 65_535)? as usize;
    let mut octets = Vec::with_capacity(length);
    if length > 0 || !digits.is_empty() {
        security::push_hex(digits, &mut octets)?;
    }
    if octets.len() != length {
        return Err(Problem::Rule("the length after \\# is not the number of octets that follow"));
    }
    Ok(octets)
}

/// The generic form of octets.
pub(super) fn print(rdata: &[u8]) -> String {
    match rdata {
        [] => "\\# 0".to_owned(),
        _ => format!("\\# {} {}", rdata.len(), security::print_hex(rdata)),
    }
}
