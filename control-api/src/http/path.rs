//! One spelling for each path, found before routing.
//!
//! Clients send `/v1/../alerting/v1/alerts`, `/v1//zones`, `/v1/zones/` and percent-escapes of letters that
//! need none. All of these name the same resource as the plain spelling (RFC 3986, 6.2.2).

use crate::limits::PATH_BYTES;

/// Why a path cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// Longer than [`PATH_BYTES`].
    #[error("the path is longer than {PATH_BYTES} bytes")]
    TooLong,
    /// A `%` without two hex digits, or escaped bytes that are not UTF-8.
    #[error("the path holds a percent escape that is not valid UTF-8 text")]
    Escape,
}

/// The path without dot segments, empty segments and final slash, escaped only where needed.
///
/// Segments stay escaped, so that an escaped slash remains part of its segment.
pub fn normalize(path: &str) -> Result<String, PathError> {
    if path.len() > PATH_BYTES {
        return Err(PathError::TooLong);
    }
    let mut segments: Vec<String> = Vec::new();
    for raw in path.split('/') {
        let segment = decode(raw, Plus::Kept).ok_or(PathError::Escape)?;
        match segment.as_str() {
            "" | "." => {}
            ".." => {
                segments.pop();
            }
            _ => segments.push(segment),
        }
    }
    let mut normal = String::with_capacity(path.len() + 1);
    for segment in &segments {
        normal.push('/');
        encode_into(segment, &mut normal);
    }
    if normal.is_empty() {
        normal.push('/');
    }
    Ok(normal)
}

/// What a `+` means: itself in a path, a blank in a query.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Plus {
    Kept,
    Blank,
}

/// Undoes percent-escapes. `None` when an escape is broken or the result is not UTF-8.
pub(crate) fn decode(text: &str, plus: Plus) -> Option<String> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        decoded.push(match byte {
            b'%' => (hex_digit(bytes.next()?)? << 4) | hex_digit(bytes.next()?)?,
            b'+' if plus == Plus::Blank => b' ',
            other => other,
        });
    }
    String::from_utf8(decoded).ok()
}

/// Appends `text`, escaping all but what a path segment or a query value may hold as it is.
pub(crate) fn encode_into(text: &str, out: &mut String) {
    const HEX: &[u8; 16] = b"0123456789ABCDEF";
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~:@*,".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push('%');
            out.push(char::from(HEX[usize::from(byte >> 4)]));
            out.push(char::from(HEX[usize::from(byte & 15)]));
        }
    }
}

fn hex_digit(byte: u8) -> Option<u8> {
    // A hex digit is below 16, so it fits.
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_spelling_of_a_path_becomes_the_plain_one() {
        for (spelling, plain) in [
            ("/v1/zones", "/v1/zones"),
            ("/v1/zones/", "/v1/zones"),
            ("/v1//zones///a.example", "/v1/zones/a.example"),
            ("/v1/../alerting/v1/alerts", "/alerting/v1/alerts"),
            ("/v1/./zones/.", "/v1/zones"),
            ("/v1/%2e%2E/alerting", "/alerting"),
            ("/../../..", "/"),
            ("", "/"),
            ("/", "/"),
            ("/v1/z%6fnes", "/v1/zones"),
            ("/v1/zones/*.example.com", "/v1/zones/*.example.com"),
            ("/v1/zones/%2A.example.com", "/v1/zones/*.example.com"),
            ("/v1/zones/0%2f25.in-addr.arpa", "/v1/zones/0%2F25.in-addr.arpa"),
            ("/v1/zones/a%20b", "/v1/zones/a%20b"),
        ] {
            assert_eq!(normalize(spelling).as_deref(), Ok(plain), "{spelling}");
        }
    }

    #[test]
    fn a_broken_escape_is_refused() {
        for path in ["/%", "/%2", "/%zz", "/%ff", "/a%c3"] {
            assert_eq!(normalize(path), Err(PathError::Escape), "{path}");
        }
    }

    #[test]
    fn a_path_past_the_limit_is_refused() {
        assert_eq!(normalize(&"/a".repeat(PATH_BYTES)), Err(PathError::TooLong));
    }

    #[test]
    fn a_plus_is_a_blank_in_a_query_only() {
        assert_eq!(decode("a+b%20c", Plus::Kept).as_deref(), Some("a+b c"));
        assert_eq!(decode("a+b%20c", Plus::Blank).as_deref(), Some("a b c"));
    }
}
