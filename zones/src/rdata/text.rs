//! Character-strings: escapes, quotes, and splitting at 255 octets.

use std::borrow::Cow;

use super::{Dialect, Problem, Token};
use crate::name::{push_decimal_escape, unescape};

/// The longest character-string (RFC 1035, 3.3).
const MAX_STRING_OCTETS: usize = 255;

/// The most of a value that a message repeats, in octets.
const MAX_SHOWN_OCTETS: usize = 60;

/// What a message shows of a value: its beginning when it is long.
pub(super) fn shorten(text: &[u8]) -> String {
    if text.len() <= MAX_SHOWN_OCTETS {
        return String::from_utf8_lossy(text).into_owned();
    }
    format!("{}...", String::from_utf8_lossy(&text[..MAX_SHOWN_OCTETS]))
}

/// The octets that a token stands for: escapes replaced in zone files, outer quotes removed in API fields.
pub(super) fn value<'a>(token: Token<'a>, dialect: Dialect<'_>) -> Result<Cow<'a, [u8]>, Problem> {
    match dialect {
        Dialect::Fields => Ok(Cow::Borrowed(strip_quotes(token.text))),
        Dialect::ZoneFile { .. } => replace_escapes(token.text),
    }
}

/// Replaces `\X` and `\DDD`.
pub(super) fn replace_escapes(text: &[u8]) -> Result<Cow<'_, [u8]>, Problem> {
    let Some(first) = text.iter().position(|&octet| octet == b'\\') else {
        return Ok(Cow::Borrowed(text));
    };
    let mut octets = text[..first].to_vec();
    let mut rest = &text[first..];
    while let Some((&octet, after)) = rest.split_first() {
        if octet != b'\\' {
            octets.push(octet);
            rest = after;
            continue;
        }
        let Some((value, after)) = unescape(after) else {
            let expected = "text in which a backslash precedes a character or three digits up to 255";
            return Err(Problem::Unexpected { found: shorten(text), expected });
        };
        octets.push(value);
        rest = after;
    }
    Ok(Cow::Owned(octets))
}

/// The text between outer double quotes, or the text itself without them.
fn strip_quotes(text: &[u8]) -> &[u8] {
    text.strip_prefix(b"\"").and_then(|text| text.strip_suffix(b"\"")).unwrap_or(text)
}

/// The strings of an API element that is several quoted strings side by side, `"one" "two"`; otherwise
/// the element without its outer quotes. Inside the quotes everything is taken as it stands.
fn quoted_strings(text: &[u8]) -> Vec<&[u8]> {
    let inner = strip_quotes(text);
    let mut parts = Vec::new();
    let mut rest = inner;
    // Each gap is a quote, blanks, and a quote again.
    while let Some(close) = rest.iter().position(|&octet| octet == b'"') {
        let blanks = rest[close + 1..].iter().take_while(|octet| octet.is_ascii_whitespace()).count();
        let open = close + 1 + blanks;
        if inner.len() == text.len() || blanks == 0 || rest.get(open) != Some(&b'"') {
            return vec![inner];
        }
        parts.push(&rest[..close]);
        rest = &rest[open + 1..];
    }
    parts.push(rest);
    parts
}

/// Appends one character-string.
pub(super) fn push_string(octets: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let length = u8::try_from(octets.len())
        .map_err(|_| Problem::Length { octets: octets.len(), maximum: MAX_STRING_OCTETS })?;
    out.push(length);
    out.extend_from_slice(octets);
    Ok(())
}

/// Appends all tokens as character-strings, those longer than 255 octets as several.
pub(super) fn push_strings(
    tokens: &[Token<'_>],
    dialect: Dialect<'_>,
    out: &mut Vec<u8>,
) -> Result<(), Problem> {
    for &token in tokens {
        match dialect {
            Dialect::Fields => {
                for string in quoted_strings(token.text) {
                    push_split(string, out)?;
                }
            }
            Dialect::ZoneFile { .. } => push_split(&replace_escapes(token.text)?, out)?,
        }
    }
    Ok(())
}

/// Appends octets as one or more character-strings, not cutting a UTF-8 character in two.
fn push_split(mut octets: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    while octets.len() > MAX_STRING_OCTETS {
        let is_boundary = |&end: &usize| octets[end] & 0xc0 != 0x80;
        let end = (MAX_STRING_OCTETS - 3..=MAX_STRING_OCTETS).rev().find(is_boundary);
        let (head, tail) = octets.split_at(end.unwrap_or(MAX_STRING_OCTETS));
        push_string(head, out)?;
        octets = tail;
    }
    push_string(octets, out)
}

/// Appends a string as zone files write it, in quotes.
pub(super) fn print_quoted(octets: &[u8], text: &mut String) {
    text.push('"');
    for &octet in octets {
        match octet {
            b'"' | b'\\' => {
                text.push('\\');
                text.push(char::from(octet));
            }
            b' '..=b'~' => text.push(char::from(octet)),
            _ => push_decimal_escape(octet, text),
        }
    }
    text.push('"');
}

/// A string as an API element that reads back as the same octets; `None` when there is no such element:
/// octets that are not UTF-8, and rare arrangements of quotes.
///
/// Text that has outer quotes of its own gets another pair, because one pair is removed when it is read.
pub(super) fn print_field(octets: &[u8]) -> Option<String> {
    let text = std::str::from_utf8(octets).ok()?;
    let wrapped = strip_quotes(octets).len() < octets.len();
    let element = if wrapped { format!("\"{text}\"") } else { text.to_owned() };
    (quoted_strings(element.as_bytes()) == [octets]).then_some(element)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn side_by_side_quoted_strings_are_told_from_quotes_in_text() {
        let strings = |text: &'static str| quoted_strings(text.as_bytes());
        assert_eq!(strings(r#"plain"#), [b"plain"]);
        assert_eq!(strings(r#""v=DKIM1" "p=abc""#), [&b"v=DKIM1"[..], b"p=abc"]);
        assert_eq!(strings(r#""""#), [b""]);
        assert_eq!(strings(r#"""#), [b"\""]);
        assert_eq!(strings(r#"say "hi" now"#), [br#"say "hi" now"#]);
        assert_eq!(strings(r#"a" "b"#), [br#"a" "b"#]);
        assert_eq!(strings(r#"""a" "b"""#), [br#""a" "b""#]);
        assert_eq!(strings(r#""a""b""#), [br#"a""b"#]);
    }

    #[test]
    fn text_with_quotes_of_its_own_comes_back_as_it_was() {
        for text in ["", "a", r#"""#, r#""""#, r#""a""#, r#""a" "b""#, r#"a" "b"#, r#"" "x""#, r#""a""b""#] {
            let element = print_field(text.as_bytes()).unwrap();
            assert_eq!(quoted_strings(element.as_bytes()), [text.as_bytes()], "{text}");
        }
        assert_eq!(print_field(br#"" ""#), None);
        assert_eq!(print_field(b"\xff"), None);
    }

    #[test]
    fn long_text_is_split_without_cutting_a_character() {
        let mut out = Vec::new();
        push_split(&[b'x'; 600], &mut out).unwrap();
        assert_eq!((out[0], out[256], out[512], out.len()), (255, 255, 90, 603));
        out.clear();
        push_split("ü".repeat(200).as_bytes(), &mut out).unwrap();
        assert_eq!((out[0], out[255], out.len()), (254, 146, 402));
    }

    #[test]
    fn escapes_stand_for_octets() {
        assert_eq!(&*replace_escapes(br#"a\"b\\c\100\255"#).unwrap(), b"a\"b\\cd\xff");
        for text in [r"\", r"\25", r"\256", r"x\2y5"] {
            assert!(replace_escapes(text.as_bytes()).is_err(), "{text}");
        }
    }
}
