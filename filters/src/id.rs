//! Identifiers of answers and data feeds: twelve octets, written as 24 hex digits.
//!
//! Other crates define identifiers of their own objects with [`object_identifier!`](crate::object_identifier).

/// Why a text is not an identifier.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 24 hex digits")]
pub struct IdError;

/// Reads 24 hex digits of either case; nothing else is accepted.
pub fn parse_object_id(text: &str) -> Option<[u8; 12]> {
    let digits = text.as_bytes();
    if digits.len() != 24 {
        return None;
    }
    let mut octets = [0; 12];
    for (octet, pair) in octets.iter_mut().zip(digits.chunks_exact(2)) {
        let high = char::from(pair[0]).to_digit(16)?;
        let low = char::from(pair[1]).to_digit(16)?;
        *octet = u8::try_from(high * 16 + low).ok()?;
    }
    Some(octets)
}

/// Defines an identifier of twelve octets that is written as 24 hex digits. The crate that uses it needs `serde`.
#[macro_export]
macro_rules! object_identifier {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The identifier of ", $what, ".")]
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 12]);

        impl $name {
            /// Reads 24 hex digits of either case; nothing else is accepted.
            pub fn parse(text: &str) -> Option<Self> {
                $crate::parse_object_id(text).map(Self)
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                self.0.iter().try_for_each(|octet| write!(out, "{octet:02x}"))
            }
        }

        impl std::fmt::Debug for $name {
            fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self)
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::IdError;
            fn from_str(text: &str) -> Result<Self, $crate::IdError> {
                Self::parse(text).ok_or($crate::IdError)
            }
        }

        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom($crate::IdError))
            }
        }
    };
}

object_identifier!(FeedId, "a data feed");
object_identifier!(AnswerId, "an answer, stable across updates that send it back");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_prints_as_it_was_read_in_lower_case() {
        let id = FeedId::parse("5E81fd108fdbc30d0806422E").unwrap();
        assert_eq!(id.to_string(), "5e81fd108fdbc30d0806422e");
        assert_eq!("5e81fd108fdbc30d0806422e".parse::<FeedId>(), Ok(id));
        assert_eq!(serde_json::to_string(&id).unwrap(), "\"5e81fd108fdbc30d0806422e\"");
        assert_eq!(serde_json::from_str::<FeedId>("\"5e81fd108fdbc30d0806422e\"").unwrap(), id);
    }

    #[test]
    fn anything_but_24_hex_digits_is_refused() {
        for text in
            ["", "5e81fd108fdbc30d0806422", "5e81fd108fdbc30d0806422e0", "5e81fd108fdbc30d0806422g", "é"]
        {
            assert_eq!(AnswerId::parse(text), None, "{text}");
        }
    }
}
