//! The name server identifier (RFC 5001): which of many servers behind one address answered.

use std::str::FromStr;

/// Longest identifier in octets. Error replies of 512 octets have room for it beside all other options.
pub const MAXIMUM_OCTETS: usize = 128;

/// An identifier as the operator chose it.
///
/// Invariant: 1 to 128 octets.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Nsid(Box<[u8]>);

/// The text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a name server identifier is a text of 1 to 128 octets, or 0x and as many pairs of hexadecimal digits"
)]
pub struct InvalidNsid;

impl Nsid {
    /// The octets that clients get.
    pub fn octets(&self) -> &[u8] {
        &self.0
    }
}

impl FromStr for Nsid {
    type Err = InvalidNsid;

    /// Takes a text as it is, or octets in hexadecimal digits behind `0x`.
    fn from_str(text: &str) -> Result<Self, InvalidNsid> {
        let octets = match text.strip_prefix("0x") {
            Some(digits) => from_hex(digits).ok_or(InvalidNsid)?,
            None => text.as_bytes().to_vec(),
        };
        if octets.is_empty() || octets.len() > MAXIMUM_OCTETS {
            return Err(InvalidNsid);
        }
        Ok(Self(octets.into()))
    }
}

fn from_hex(digits: &str) -> Option<Vec<u8>> {
    let values: Option<Vec<u32>> = digits.chars().map(|digit| digit.to_digit(16)).collect();
    let (pairs, rest) = values.as_ref()?.as_chunks::<2>();
    rest.is_empty().then(|| pairs.iter().map(|[high, low]| (high << 4 | low) as u8).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_is_text_or_hexadecimal_digits() {
        let octets = |text: &str| text.parse::<Nsid>().map(|nsid| nsid.octets().to_vec());
        assert_eq!(octets("fra-1"), Ok(b"fra-1".to_vec()));
        assert_eq!(octets("0x00fF"), Ok(vec![0, 255]));
        assert_eq!(octets(&"a".repeat(128)), Ok(vec![b'a'; 128]));
        let long = "a".repeat(129);
        for text in ["", "0x", "0x1", "0xzz", "0x+1", &long] {
            assert_eq!(octets(text), Err(InvalidNsid), "{text}");
        }
    }
}
