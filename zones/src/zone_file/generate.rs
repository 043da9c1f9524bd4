//! `$GENERATE`: many records from one line, as BIND has it.
//!
//! `$GENERATE 1-254/2 host$ A 192.0.2.$`: each `$` stands for the number, `${OFFSET,WIDTH,BASE}` for the number
//! with an offset, filled up with zeros, in base `d`, `o`, `x` or `X`, or as reversed nibbles (`n`, `N`); `$$`
//! and `\$` stand for a dollar sign.

use crate::RecordType;
use crate::rdata::Token;

/// The largest number, as in BIND.
const MAX_NUMBER: i64 = i32::MAX as i64;

/// The widest number; wider ones fit into no label or string.
const MAX_WIDTH: usize = 255;

/// The numbers of a line.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(super) struct Steps {
    next: i64,
    last: i64,
    step: i64,
}

impl Steps {
    /// Reads `FIRST-LAST` or `FIRST-LAST/STEP`.
    pub fn parse(text: &[u8]) -> Result<Self, &'static str> {
        let text = std::str::from_utf8(text).map_err(|_| RANGE)?;
        let (range, step) = text.split_once('/').unwrap_or((text, "1"));
        let (first, last) = range.split_once('-').ok_or(RANGE)?;
        let number = |text: &str| match text.parse::<i64>() {
            Ok(number) if number <= MAX_NUMBER && text.bytes().all(|octet| octet.is_ascii_digit()) => {
                Ok(number)
            }
            _ => Err(RANGE),
        };
        let steps = Self { next: number(first)?, last: number(last)?, step: number(step)? };
        if steps.next > steps.last || steps.step == 0 { Err(RANGE) } else { Ok(steps) }
    }
}

const RANGE: &str = "$GENERATE needs a range FIRST-LAST or FIRST-LAST/STEP of numbers up to 2147483647";

impl Iterator for Steps {
    type Item = i64;

    fn next(&mut self) -> Option<i64> {
        let number = self.next;
        if number > self.last {
            return None;
        }
        self.next = number + self.step;
        Some(number)
    }
}

/// Writes the line that `tokens` (owner, TTL, class, type and data) stand for at `number`.
///
/// A quoted template of data is the data itself, as in BIND (`MX "10 mail$"`), except where data is text.
pub(super) fn write_line(tokens: &[Token<'_>], number: i64, line: &mut Vec<u8>) -> Result<(), &'static str> {
    line.clear();
    let is_text = |token: &Token<'_>| matches!(rtype(token), Some(RecordType::TXT | RecordType::SPF));
    let keeps_quotes = tokens.iter().any(is_text);
    for token in tokens {
        if !line.is_empty() && !token.glued {
            line.push(b' ');
        }
        let quotes = token.quoted && keeps_quotes;
        if quotes {
            line.push(b'"');
        }
        substitute(token.text, number, line)?;
        if quotes {
            line.push(b'"');
        }
    }
    Ok(())
}

fn rtype(token: &Token<'_>) -> Option<RecordType> {
    if token.quoted { None } else { std::str::from_utf8(token.text).ok().and_then(RecordType::parse) }
}

/// Appends a template with the number put in.
fn substitute(template: &[u8], number: i64, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut rest = template;
    while let Some((&octet, after)) = rest.split_first() {
        rest = after;
        match (octet, after.first()) {
            (b'$', Some(b'$')) => {
                // An escape keeps the dollar sign one wherever it stands.
                out.extend_from_slice(b"\\$");
                rest = &after[1..];
            }
            (b'$', Some(b'{')) => {
                let close = after.iter().position(|&octet| octet == b'}').ok_or(MODIFIER)?;
                let modifier = std::str::from_utf8(&after[1..close]).map_err(|_| MODIFIER)?;
                push_modified(modifier, number, out)?;
                rest = &after[close + 1..];
            }
            (b'$', _) => out.extend_from_slice(number.to_string().as_bytes()),
            (b'\\', Some(&escaped)) => {
                out.extend_from_slice(&[b'\\', escaped]);
                rest = &after[1..];
            }
            _ => out.push(octet),
        }
    }
    Ok(())
}

const MODIFIER: &str = "$GENERATE takes ${OFFSET}, ${OFFSET,WIDTH} and ${OFFSET,WIDTH,BASE} with a base of d, o, \
                        x, X, n or N, and numbers from 0";

/// Appends the number as `OFFSET,WIDTH,BASE` says.
fn push_modified(modifier: &str, number: i64, out: &mut Vec<u8>) -> Result<(), &'static str> {
    let mut parts = modifier.split(',');
    let offset = parts.next().and_then(|offset| offset.parse::<i32>().ok()).ok_or(MODIFIER)?;
    let width = parts.next().map_or(Ok(0), |width| width.parse::<usize>().map_err(|_| MODIFIER))?;
    let base = parts.next().unwrap_or("d");
    let value = u64::try_from(number + i64::from(offset)).map_err(|_| MODIFIER)?;
    if width > MAX_WIDTH || parts.next().is_some() {
        return Err(MODIFIER);
    }
    let text = match base {
        "d" => format!("{value:0width$}"),
        "o" => format!("{value:0width$o}"),
        "x" => format!("{value:0width$x}"),
        "X" => format!("{value:0width$X}"),
        "n" => nibbles(value, width),
        "N" => nibbles(value, width).to_ascii_uppercase(),
        _ => return Err(MODIFIER),
    };
    out.extend_from_slice(text.as_bytes());
    Ok(())
}

/// The hexadecimal digits from the lowest up with dots between them; the width counts the dots.
fn nibbles(mut value: u64, width: usize) -> String {
    let mut text = String::new();
    loop {
        text.push(char::from(b"0123456789abcdef"[(value & 0xf) as usize]));
        value >>= 4;
        if value == 0 && text.len() >= width {
            return text;
        }
        text.push('.');
        if value == 0 && text.len() >= width {
            return text;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expand(template: &str, number: i64) -> Result<String, &'static str> {
        let mut out = Vec::new();
        substitute(template.as_bytes(), number, &mut out)?;
        Ok(String::from_utf8(out).unwrap())
    }

    #[test]
    fn templates_are_filled_in() {
        for (template, number, text) in [
            ("host$", 7, "host7"),
            ("$.$", 7, "7.7"),
            ("a${0,3}", 7, "a007"),
            ("a${-5,3,d}", 7, "a002"),
            ("a${10}", 7, "a17"),
            ("${0,4,x}", 171, "00ab"),
            ("${0,0,X}", 171, "AB"),
            ("${0,0,o}", 8, "10"),
            ("${0,5,n}", 0xab, "b.a.0"),
            ("${0,0,n}", 0x1ab, "b.a.1"),
            ("${0,0,N}", 0xf, "F"),
            ("$$x", 1, r"\$x"),
            (r"\$x\\$", 1, r"\$x\\1"),
        ] {
            assert_eq!(expand(template, number).as_deref(), Ok(text), "{template}");
        }
        for template in ["${", "${x}", "${0,x}", "${0,1,z}", "${0,1,d,1}", "${-8}", "${0,256}", "${}"] {
            assert!(expand(template, 7).is_err(), "{template}");
        }
    }

    #[test]
    fn ranges_have_a_step() {
        let numbers = |text: &str| Steps::parse(text.as_bytes()).map(Iterator::collect::<Vec<_>>);
        assert_eq!(numbers("1-3"), Ok(vec![1, 2, 3]));
        assert_eq!(numbers("0-10/5"), Ok(vec![0, 5, 10]));
        assert_eq!(numbers("4-4/9"), Ok(vec![4]));
        for text in ["", "1", "3-1", "1-3/0", "-1-3", "1-2147483648", "+1-2", "1-3/x", "a-b"] {
            assert!(numbers(text).is_err(), "{text}");
        }
    }
}
