//! Hexadecimal, base64, base32 and bitmaps of types: what security records are made of.

use std::borrow::Cow;
use std::sync::LazyLock;

use data_encoding::{BASE32HEX_NOPAD, BASE64, Encoding, HEXLOWER, HEXLOWER_PERMISSIVE};

use super::text::shorten;
use super::{Problem, Token};
use crate::RecordType;

/// Base64 that does not insist on zero in the unused last bits: API clients and samples leave rubbish there.
static LENIENT_BASE64: LazyLock<Encoding> = LazyLock::new(|| {
    let mut specification = BASE64.specification();
    specification.check_trailing_bits = false;
    specification.encoding().expect("the specification of BASE64 with one check less is sound")
});

/// The tokens as one piece of text without blanks.
fn joined<'a>(tokens: &[Token<'a>]) -> Cow<'a, [u8]> {
    match tokens {
        [token] if !token.text.iter().any(u8::is_ascii_whitespace) => Cow::Borrowed(token.text),
        _ => {
            let octets = tokens.iter().flat_map(|token| token.text).copied();
            Cow::Owned(octets.filter(|octet| !octet.is_ascii_whitespace()).collect())
        }
    }
}

/// Appends hexadecimal digits, of either case and with blanks between them, as octets.
pub(super) fn push_hex(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Problem> {
    let text = joined(tokens);
    let octets = HEXLOWER_PERMISSIVE.decode(&text).ok().filter(|octets| !octets.is_empty());
    let expected = "an even number of hexadecimal digits";
    let octets = octets.ok_or_else(|| Problem::Unexpected { found: shorten(&text), expected })?;
    out.extend_from_slice(&octets);
    Ok(())
}

/// Appends base64, with blanks between its characters, as octets.
pub(super) fn push_base64(tokens: &[Token<'_>], out: &mut Vec<u8>) -> Result<(), Problem> {
    out.extend_from_slice(&decode_base64(&joined(tokens))?);
    Ok(())
}

/// The octets of base64 text, at least one.
pub(super) fn decode_base64(text: &[u8]) -> Result<Vec<u8>, Problem> {
    let octets = LENIENT_BASE64.decode(text).ok().filter(|octets| !octets.is_empty());
    octets.ok_or_else(|| Problem::Unexpected { found: shorten(text), expected: "base64 text" })
}

/// Octets as hexadecimal digits in lower case.
pub(super) fn print_hex(octets: &[u8]) -> String {
    HEXLOWER.encode(octets)
}

/// Octets as base64.
pub(super) fn print_base64(octets: &[u8]) -> String {
    BASE64.encode(octets)
}

/// Appends a salt: a length octet and its octets (RFC 5155, 3.2).
pub(super) fn push_salt(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let expected = "up to 255 octets in hexadecimal, or - for none";
    let problem = || Problem::Unexpected { found: shorten(text), expected };
    let salt = match text {
        b"-" => Vec::new(),
        _ => HEXLOWER_PERMISSIVE.decode(text).map_err(|_| problem())?,
    };
    out.push(u8::try_from(salt.len()).map_err(|_| problem())?);
    out.extend_from_slice(&salt);
    Ok(())
}

/// The presentation of a salt without its length octet.
pub(super) fn print_salt(salt: &[u8]) -> String {
    if salt.is_empty() { "-".to_owned() } else { print_hex(salt) }
}

/// Appends a hashed name: a length octet and its octets (RFC 5155, 3.2).
pub(super) fn push_hash(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let expected = "a hashed name in base32 with the extended hex alphabet";
    let problem = || Problem::Unexpected { found: shorten(text), expected };
    let octets = BASE32HEX_NOPAD.decode(&text.to_ascii_uppercase()).map_err(|_| problem())?;
    let length = u8::try_from(octets.len()).ok().filter(|&length| length > 0).ok_or_else(problem)?;
    out.push(length);
    out.extend_from_slice(&octets);
    Ok(())
}

/// The presentation of a hashed name without its length octet.
pub(super) fn print_hash(hash: &[u8]) -> String {
    BASE32HEX_NOPAD.encode(hash).to_ascii_lowercase()
}

/// Appends a bitmap of types: per 256 types that occur a window number, a length and the bits
/// (RFC 4034, 4.1.2).
pub(super) fn push_types<'a>(
    words: impl Iterator<Item = &'a [u8]>,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    // Types that no zone holds are without meaning here, and harmless (RFC 4034, 4.1.2).
    let mut types = words.map(|word| parse_type(word).map(|rtype| rtype.0)).collect::<Result<Vec<_>, _>>()?;
    types.sort_unstable();
    types.dedup();
    for window in types.chunk_by(|left, right| left >> 8 == right >> 8) {
        let mut bits = [0_u8; 32];
        for &number in window {
            bits[usize::from(number & 0xff) / 8] |= 0x80 >> (number & 7);
        }
        let length = bits.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
        // A window is below 256 and a length at most 32.
        out.extend_from_slice(&[(window[0] >> 8) as u8, length as u8]);
        out.extend_from_slice(&bits[..length]);
    }
    Ok(())
}

/// Reads a record type by mnemonic or as `TYPE123`.
pub(super) fn parse_type(word: &[u8]) -> Result<RecordType, Problem> {
    let text = std::str::from_utf8(word).ok();
    text.and_then(RecordType::parse)
        .ok_or_else(|| Problem::Unexpected { found: shorten(word), expected: "a record type" })
}

/// The types of a bitmap, joined by blanks.
pub(super) fn print_types(mut bitmap: &[u8]) -> Result<String, Problem> {
    let malformed = Problem::Rule("not a bitmap of types in ascending windows of 1 to 32 octets");
    let mut names = Vec::new();
    let mut least_window = 0_u16;
    while !bitmap.is_empty() {
        let Some((&[window, length], rest)) = bitmap.split_first_chunk() else { return Err(malformed) };
        let Some((bits, rest)) = rest.split_at_checked(usize::from(length)) else { return Err(malformed) };
        // A last octet of zero would be another form of the same set.
        if u16::from(window) < least_window || length > 32 || bits.last().is_none_or(|&last| last == 0) {
            return Err(malformed);
        }
        for number in 0..u16::from(length) * 8 {
            if bits[usize::from(number) / 8] & (0x80 >> (number & 7)) != 0 {
                names.push(RecordType(u16::from(window) << 8 | number).to_string());
            }
        }
        least_window = u16::from(window) + 1;
        bitmap = rest;
    }
    Ok(names.join(" "))
}

/// Checks that a digest is as long as its type says, where the registries say so; others may be any length.
pub(super) fn check_digest(rtype: RecordType, rdata: &[u8]) -> Result<(), Problem> {
    let (kind, digest) = match rtype {
        RecordType::DS | RecordType::CDS | RecordType::DLV | RecordType::TA => (3, 4),
        RecordType::SSHFP => (1, 2),
        _ => return Ok(()),
    };
    let octets = match (rtype, rdata.get(kind)) {
        (_, Some(1)) => 20,
        (_, Some(2)) => 32,
        (RecordType::DS | RecordType::CDS | RecordType::DLV | RecordType::TA, Some(4)) => 48,
        _ => return Ok(()),
    };
    if rdata.len() == digest + octets {
        return Ok(());
    }
    Err(Problem::Rule(match octets {
        20 => "must be 20 octets (40 hexadecimal digits) for type 1, SHA-1",
        32 => "must be 32 octets (64 hexadecimal digits) for type 2, SHA-256",
        _ => "must be 48 octets (96 hexadecimal digits) for type 4, SHA-384",
    }))
}
