//! Domain names.
//!
//! A [`Name`] is absolute, lower-case, and kept in the uncompressed wire form of RFC 1035, 3.1: length
//! octet, label, and so on, ended by the root's zero octet. That form is what the snapshot hashes and
//! compares, so text is only met at the edges. Names inside record data keep their case; they are parsed
//! by the same code (`push_wire`) and never become a [`Name`].

use std::cmp::Ordering;
use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use thiserror::Error;

/// The longest name in wire form, with the root's octet (RFC 1035, 3.1).
pub const MAX_WIRE_OCTETS: usize = 255;

/// The longest label (RFC 1035, 3.1).
pub const MAX_LABEL_OCTETS: usize = 63;

/// The most labels a name of 255 octets can hold, the root not counted.
pub const MAX_LABELS: usize = 127;

/// Why bytes are not a domain name.
#[derive(Clone, Copy, Debug, Eq, Error, PartialEq)]
pub enum NameError {
    /// Two dots in a row, or a dot at the start.
    #[error("the name has an empty label")]
    EmptyLabel,
    /// A label of more than 63 octets.
    #[error("the name has a label longer than 63 octets")]
    LabelTooLong,
    /// More than 255 octets in wire form.
    #[error("the name is longer than 255 octets")]
    NameTooLong,
    /// A backslash that starts neither `\DDD` (000 to 255) nor `\X`.
    #[error("the name has a backslash that is not followed by a character or by three digits up to 255")]
    Escape,
    /// A blank or control character that is not escaped.
    #[error("the name has a blank or control character in it")]
    Blank,
    /// A character outside ASCII: such names are written in their `xn--` form.
    #[error("the name has a character outside ASCII; write it in its xn-- form")]
    NotAscii,
    /// An address with more or less than one `@`, or with nothing on one of its sides.
    #[error("not a mail address")]
    MailAddress,
    /// Wire form that ends before the root label.
    #[error("the name ends before its root label")]
    Truncated,
    /// A length octet above 63: a compression pointer, or a label type that does not exist.
    #[error("the name has a compression pointer or an unknown label type")]
    LabelType,
    /// Wire form with octets after the root label.
    #[error("octets follow the root label")]
    Trailing,
}

/// An absolute domain name in lower case.
///
/// Invariants: valid wire form, at most 255 octets, ended by the only zero-length label, no octet in
/// `A-Z`. The order is the canonical one of RFC 4034, 6.1: by label from the root down, so that a name
/// comes directly before the names below it.
#[derive(Clone, Eq, Hash, PartialEq)]
pub struct Name(Box<[u8]>);

/// Making a name.
impl Name {
    /// The root.
    pub fn root() -> Self {
        Self(Box::new([0]))
    }

    /// Reads a name in presentation form, with or without its final dot; empty text is the root.
    ///
    /// `\.` and the like and `\DDD` stand for single octets (RFC 1035, 5.1).
    ///
    /// # Errors
    /// Empty or long labels, long names, bad escapes, unescaped blanks, and characters outside ASCII.
    pub fn parse(text: &str) -> Result<Self, NameError> {
        if !text.is_ascii() {
            return Err(NameError::NotAscii);
        }
        let mut wire = Vec::with_capacity(text.len() + 2);
        push_wire(text.as_bytes(), &[0], &mut wire)?;
        Ok(Self::from_valid(wire))
    }

    /// Reads a name of a zone file: relative to `origin` unless it ends with a dot, `@` for the origin itself.
    ///
    /// # Errors
    /// As [`Name::parse`], except that octets above 127 are taken as they are and empty text is an error.
    pub fn parse_relative(text: &[u8], origin: &Name) -> Result<Self, NameError> {
        match text {
            b"" => return Err(NameError::EmptyLabel),
            b"@" => return Ok(origin.clone()),
            _ => {}
        }
        let mut wire = Vec::with_capacity(text.len() + 1 + origin.0.len());
        push_wire(text, &origin.0, &mut wire)?;
        Ok(Self::from_valid(wire))
    }

    /// Reads a mail address as an SOA names it: `a.b@example.com` is `a\.b.example.com` (RFC 1035, 8).
    ///
    /// Text without an `@` is read as a name.
    ///
    /// # Errors
    /// As [`Name::parse`], and [`NameError::MailAddress`] for an address without both of its parts.
    pub fn from_mail_address(address: &str) -> Result<Self, NameError> {
        let Some((local, domain)) = address.split_once('@') else { return Self::parse(address) };
        if local.is_empty() || domain.is_empty() || domain.contains('@') {
            return Err(NameError::MailAddress);
        }
        if !local.is_ascii() {
            return Err(NameError::NotAscii);
        }
        let length = u8::try_from(local.len()).map_err(|_| NameError::LabelTooLong)?;
        if usize::from(length) > MAX_LABEL_OCTETS {
            return Err(NameError::LabelTooLong);
        }
        let mut wire = vec![length];
        wire.extend_from_slice(local.as_bytes());
        wire.extend_from_slice(Self::parse(domain)?.as_wire());
        if wire.len() > MAX_WIRE_OCTETS {
            return Err(NameError::NameTooLong);
        }
        Ok(Self::from_valid(wire))
    }

    /// Takes a whole uncompressed name in wire form, of any case.
    ///
    /// # Errors
    /// Wire form that is cut short, compressed, too long, or followed by anything.
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        if wire_length(wire)? != wire.len() {
            return Err(NameError::Trailing);
        }
        Ok(Self::from_valid(wire.to_vec()))
    }

    /// Lower-cases what is known to be valid wire form. Length octets are below 64 and not touched by it.
    fn from_valid(mut wire: Vec<u8>) -> Self {
        wire.make_ascii_lowercase();
        Self(wire.into_boxed_slice())
    }
}

/// Reading a name.
impl Name {
    /// The name in wire form, lower-case, with the root's octet.
    pub fn as_wire(&self) -> &[u8] {
        &self.0
    }

    /// The labels from left to right, without the root.
    pub fn labels(&self) -> Labels<'_> {
        Labels(&self.0)
    }

    /// How many labels there are; the root has none.
    pub fn label_count(&self) -> usize {
        self.labels().count()
    }

    /// Whether this is the root.
    pub fn is_root(&self) -> bool {
        self.0.len() == 1
    }

    /// Whether the leftmost label is `*` (RFC 4592, 2.1.1).
    pub fn is_wildcard(&self) -> bool {
        self.0.starts_with(&[1, b'*'])
    }

    /// Whether this is `ancestor` or a name below it.
    pub fn is_subdomain_of(&self, ancestor: &Name) -> bool {
        self.relative_to(ancestor).is_some()
    }

    /// The labels before `apex` in wire form without a root octet, empty at the apex; `None` outside it.
    pub fn relative_to(&self, apex: &Name) -> Option<&[u8]> {
        let split = self.0.len().checked_sub(apex.0.len())?;
        if self.0[split..] != apex.0[..] {
            return None;
        }
        // Equal octets may begin inside a label; only a label boundary counts.
        let mut offset = 0;
        while offset < split {
            offset += 1 + usize::from(self.0[offset]);
        }
        (offset == split).then(|| &self.0[..split])
    }

    /// The name without its leftmost label; `None` for the root.
    pub fn parent(&self) -> Option<Name> {
        if self.is_root() {
            return None;
        }
        Some(Self(self.0[1 + usize::from(self.0[0])..].into()))
    }

    /// The name as a mail address, the leftmost label being the local part (RFC 1035, 8).
    ///
    /// Names of fewer than two labels have no such form and are printed as names.
    pub fn to_mail_address(&self) -> String {
        match (self.labels().next(), self.parent()) {
            (Some(local), Some(domain)) if !domain.is_root() && local.iter().all(u8::is_ascii_graphic) => {
                format!("{}@{domain}", String::from_utf8_lossy(local))
            }
            _ => self.to_string(),
        }
    }
}

/// The labels of a name from left to right, as [`Name::labels`] gives them.
#[derive(Clone, Debug)]
pub struct Labels<'a>(&'a [u8]);

impl<'a> Iterator for Labels<'a> {
    type Item = &'a [u8];

    fn next(&mut self) -> Option<&'a [u8]> {
        let (&length, rest) = self.0.split_first()?;
        if length == 0 {
            return None;
        }
        let (label, rest) = rest.split_at_checked(usize::from(length))?;
        self.0 = rest;
        Some(label)
    }
}

impl Ord for Name {
    fn cmp(&self, other: &Self) -> Ordering {
        let (mine, my_count) = label_offsets(&self.0);
        let (theirs, their_count) = label_offsets(&other.0);
        for step in 1..=my_count.min(their_count) {
            let left = label_at(&self.0, mine[my_count - step]);
            let right = label_at(&other.0, theirs[their_count - step]);
            match left.cmp(right) {
                Ordering::Equal => {}
                unequal => return unequal,
            }
        }
        my_count.cmp(&their_count)
    }
}

impl PartialOrd for Name {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// Where each label of a valid name begins, and how many there are.
fn label_offsets(wire: &[u8]) -> ([u8; MAX_LABELS], usize) {
    let mut offsets = [0; MAX_LABELS];
    let (mut count, mut offset) = (0, 0_u8);
    while wire[usize::from(offset)] != 0 {
        offsets[count] = offset;
        count += 1;
        offset += 1 + wire[usize::from(offset)];
    }
    (offsets, count)
}

fn label_at(wire: &[u8], offset: u8) -> &[u8] {
    let start = usize::from(offset);
    &wire[start + 1..start + 1 + usize::from(wire[start])]
}

impl fmt::Display for Name {
    /// Lower-case text without the final dot; the root is `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::with_capacity(self.0.len());
        write_text(&self.0, FinalDot::Omitted, &mut text);
        f.write_str(&text)
    }
}

impl fmt::Debug for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Name({self})")
    }
}

impl std::str::FromStr for Name {
    type Err = NameError;

    fn from_str(text: &str) -> Result<Self, NameError> {
        Self::parse(text)
    }
}

impl Serialize for Name {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Name {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::parse(&text).map_err(serde::de::Error::custom)
    }
}

/// Whether a printed name ends with the root's dot.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub(crate) enum FinalDot {
    /// As zone files need it: `www.example.com.`
    Written,
    /// As the API shows it: `www.example.com`; the root alone is still `.`
    Omitted,
}

/// Appends the presentation form of a valid wire-form name, case kept.
pub(crate) fn write_text(wire: &[u8], dot: FinalDot, text: &mut String) {
    let start = text.len();
    for label in Labels(wire) {
        if text.len() > start {
            text.push('.');
        }
        for &octet in label {
            match octet {
                b'.' | b'\\' | b'"' | b'(' | b')' | b';' | b'@' | b'$' => {
                    text.push('\\');
                    text.push(char::from(octet));
                }
                0x21..=0x7e => text.push(char::from(octet)),
                _ => push_decimal_escape(octet, text),
            }
        }
    }
    if text.len() == start || dot == FinalDot::Written {
        text.push('.');
    }
}

/// Appends `\DDD`.
pub(crate) fn push_decimal_escape(octet: u8, text: &mut String) {
    text.push('\\');
    for divisor in [100, 10, 1] {
        text.push(char::from(b'0' + octet / divisor % 10));
    }
}

/// How many octets the wire-form name at the start of `wire` takes, its root octet included.
///
/// # Errors
/// A name that is cut short, compressed, or longer than 255 octets.
pub fn wire_length(wire: &[u8]) -> Result<usize, NameError> {
    let mut offset = 0;
    loop {
        let length = usize::from(*wire.get(offset).ok_or(NameError::Truncated)?);
        if length > MAX_LABEL_OCTETS {
            return Err(NameError::LabelType);
        }
        offset += 1 + length;
        if offset > MAX_WIRE_OCTETS {
            return Err(NameError::NameTooLong);
        }
        if length == 0 {
            return Ok(offset);
        }
    }
}

/// Appends the wire form of a name in presentation form, case kept.
///
/// Text without a final dot is completed with `origin` (wire form); empty text is `origin`, and `.` is the
/// root. `wire` may hold something already, and holds rubbish after an error.
pub(crate) fn push_wire(text: &[u8], origin: &[u8], wire: &mut Vec<u8>) -> Result<(), NameError> {
    let start = wire.len();
    if text == b"." {
        wire.push(0);
        return Ok(());
    }
    let mut rest = text;
    let mut absolute = false;
    while !rest.is_empty() {
        let length_at = wire.len();
        wire.push(0);
        rest = push_label(rest, wire)?;
        let length = wire.len() - length_at - 1;
        if length == 0 {
            return Err(NameError::EmptyLabel);
        }
        if wire.len() - start >= MAX_WIRE_OCTETS {
            return Err(NameError::NameTooLong);
        }
        // `push_label` stops at 63 octets.
        wire[length_at] = length as u8;
        if let Some((b'.', after)) = rest.split_first() {
            rest = after;
            absolute = rest.is_empty();
        }
    }
    if absolute {
        wire.push(0);
    } else {
        wire.extend_from_slice(origin);
    }
    if wire.len() - start > MAX_WIRE_OCTETS {
        return Err(NameError::NameTooLong);
    }
    Ok(())
}

/// Appends the octets of one label; returns the text from the dot that ends it, or nothing.
fn push_label<'a>(mut rest: &'a [u8], wire: &mut Vec<u8>) -> Result<&'a [u8], NameError> {
    let start = wire.len();
    while let Some((&octet, after)) = rest.split_first() {
        match octet {
            b'.' => break,
            b'\\' => {
                let (value, after) = unescape(after).ok_or(NameError::Escape)?;
                wire.push(value);
                rest = after;
            }
            0..=b' ' | 0x7f => return Err(NameError::Blank),
            _ => {
                wire.push(octet);
                rest = after;
            }
        }
        if wire.len() - start > MAX_LABEL_OCTETS {
            return Err(NameError::LabelTooLong);
        }
    }
    Ok(rest)
}

/// Reads what follows a backslash: three digits up to 255, or one other octet; and the rest.
pub(crate) fn unescape(text: &[u8]) -> Option<(u8, &[u8])> {
    let (&first, rest) = text.split_first()?;
    if !first.is_ascii_digit() {
        return Some((first, rest));
    }
    let (digits, rest) = text.split_at_checked(3)?;
    let mut value = 0_u16;
    for digit in digits {
        if !digit.is_ascii_digit() {
            return None;
        }
        value = value * 10 + u16::from(digit - b'0');
    }
    Some((u8::try_from(value).ok()?, rest))
}

#[cfg(test)]
mod tests;
