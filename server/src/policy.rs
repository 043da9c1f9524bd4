//! What the operator decides about replies, beside the data of zones.

use std::str::FromStr;

use crate::edns::cookie::Cookies;
use crate::edns::nsid::Nsid;
use zones::QueryName;

/// How a responder answers what is not about zones. The default says nothing about the server.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// DNS cookies (RFC 7873); without them the option is ignored, but a malformed one is not.
    pub cookies: Option<Cookies>,
    /// Sent to clients that ask for it (RFC 5001).
    pub nsid: Option<Nsid>,
    /// The answer to `version.bind` and `version.server`, class CH; without it they are refused.
    pub version: Option<ServerText>,
    /// The answer to `id.server` and `hostname.bind`, class CH (RFC 4892); without it they are refused.
    pub identity: Option<ServerText>,
    /// What a query of type ANY gets.
    pub any: AnyPolicy,
}

impl Policy {
    /// The text that a name of class CH has.
    pub(crate) fn server_text(&self, name: &QueryName) -> Option<&ServerText> {
        match name.wire() {
            b"\x07version\x04bind\0" | b"\x07version\x06server\0" => self.version.as_ref(),
            b"\x02id\x06server\0" | b"\x08hostname\x04bind\0" => self.identity.as_ref(),
            _ => None,
        }
    }
}

/// The answer to a query of type ANY (RFC 8482).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AnyPolicy {
    /// One RRset of the name (RFC 8482, 4.1): small, and true.
    #[default]
    One,
    /// A made-up HINFO record (RFC 8482, 4.2), or the CNAME where there is one.
    Hinfo,
    /// All RRsets of the name (RFC 1035, 3.2.3), which lets strangers turn small queries into large replies.
    All,
}

/// The text is not a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("what ANY gets is one of: one, hinfo, all")]
pub struct InvalidAnyPolicy;

impl FromStr for AnyPolicy {
    type Err = InvalidAnyPolicy;

    fn from_str(text: &str) -> Result<Self, InvalidAnyPolicy> {
        match text {
            "one" => Ok(Self::One),
            "hinfo" => Ok(Self::Hinfo),
            "all" => Ok(Self::All),
            _ => Err(InvalidAnyPolicy),
        }
    }
}

/// A text about the server, as the data of a TXT record.
///
/// Invariant: one character string of 1 to 255 octets, with its length before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerText(Box<[u8]>);

impl ServerText {
    /// The data of the record.
    pub(crate) fn rdata(&self) -> &[u8] {
        &self.0
    }
}

/// The text has no place in a TXT record.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a text about the server has 1 to 255 octets")]
pub struct InvalidServerText;

impl FromStr for ServerText {
    type Err = InvalidServerText;

    fn from_str(text: &str) -> Result<Self, InvalidServerText> {
        let length = u8::try_from(text.len()).ok().filter(|&length| length > 0).ok_or(InvalidServerText)?;
        Ok(Self([&[length], text.as_bytes()].concat().into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_fit_into_a_character_string() {
        assert_eq!("a b".parse::<ServerText>().unwrap().rdata(), b"\x03a b");
        assert!("a".repeat(255).parse::<ServerText>().is_ok());
        assert_eq!("a".repeat(256).parse::<ServerText>(), Err(InvalidServerText));
        assert_eq!("".parse::<ServerText>(), Err(InvalidServerText));
    }
}
