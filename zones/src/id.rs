//! Identifiers of zones and records: twelve octets, written as 24 hex digits.

use std::fmt;
use std::str::FromStr;

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Text that is not 24 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected 24 hex digits")]
pub struct IdError;

macro_rules! identifier {
    ($name:ident, $what:literal) => {
        #[doc = concat!("The identifier of ", $what, ".")]
        #[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 12]);

        impl $name {
            /// Reads 24 hex digits of either case; nothing else is accepted.
            pub fn parse(text: &str) -> Option<Self> {
                let octets = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).ok()?;
                octets.try_into().ok().map(Self)
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                HEXLOWER.encode_write(&self.0, out)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(out, concat!(stringify!($name), "({})"), self)
            }
        }

        impl FromStr for $name {
            type Err = IdError;
            fn from_str(text: &str) -> Result<Self, IdError> {
                Self::parse(text).ok_or(IdError)
            }
        }

        impl Serialize for $name {
            fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = String::deserialize(deserializer)?;
                Self::parse(&text).ok_or_else(|| serde::de::Error::custom(IdError))
            }
        }
    };
}

identifier!(RecordId, "a record");
identifier!(ZoneId, "a zone");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_identifier_prints_as_it_was_read_in_lower_case() {
        let id = RecordId::parse("5E81fd108fdbc30d0806422E").unwrap();
        assert_eq!(id.to_string(), "5e81fd108fdbc30d0806422e");
        assert_eq!(serde_json::from_str::<RecordId>("\"5e81fd108fdbc30d0806422e\"").unwrap(), id);
        for text in ["", "5e81fd108fdbc30d0806422", "5e81fd108fdbc30d0806422e0", "5e81fd108fdbc30d0806422g"] {
            assert_eq!(text.parse::<ZoneId>(), Err(IdError), "{text}");
        }
    }
}
