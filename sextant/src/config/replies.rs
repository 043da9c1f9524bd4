//! Options about what replies say beside the data of zones.

use std::{fmt::Display, str::FromStr};

use serde::{Deserialize, Deserializer, de::Error};
use server::Policy;
use server::edns::cookie::{Cookies, Demand, Secret};
use server::edns::nsid::Nsid;
use server::policy::{AnyPolicy, ServerText};

/// What replies say beside the data of zones.
#[derive(Debug, Default, Clone, PartialEq)]
pub struct Replies {
    /// Whether there are cookies, and what for.
    pub cookies: CookieMode,
    /// Makes server cookies; without it a new one does, with each start.
    pub cookie_secret: Option<Secret>,
    /// Server cookies made with it are taken as well.
    pub cookie_secret_other: Option<Secret>,
    /// Identifier of this server.
    pub nsid: Option<Nsid>,
    /// Answer to `version.bind`.
    pub version_bind: Option<ServerText>,
    /// Answer to `id.server`.
    pub id_server: Option<ServerText>,
    /// What ANY gets.
    pub any: AnyPolicy,
}

impl Replies {
    /// The policy of the server.
    pub fn policy(&self) -> Policy {
        Policy {
            cookies: self.cookies.demand().map(|demand| Cookies {
                current: self.cookie_secret.clone().unwrap_or_else(Secret::random),
                other: self.cookie_secret_other.clone(),
                demand,
            }),
            nsid: self.nsid.clone(),
            version: self.version_bind.clone(),
            identity: self.id_server.clone(),
            any: self.any,
        }
    }
}

/// Whether there are DNS cookies, and what for.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub enum CookieMode {
    /// Cookies are ignored.
    Off,
    /// Clients that send a cookie get one.
    #[default]
    On,
    /// Clients that send a cookie must send ours as well, or come over TCP.
    Require,
}

impl CookieMode {
    fn demand(self) -> Option<Demand> {
        match self {
            Self::Off => None,
            Self::On => Some(Demand::Nothing),
            Self::Require => Some(Demand::ServerCookie),
        }
    }
}

/// The text is not a mode.
#[derive(Debug, thiserror::Error)]
#[error("cookies are one of: off, on, require")]
pub struct InvalidCookieMode;

impl FromStr for CookieMode {
    type Err = InvalidCookieMode;

    fn from_str(text: &str) -> Result<Self, InvalidCookieMode> {
        match text {
            "off" => Ok(Self::Off),
            "on" => Ok(Self::On),
            "require" => Ok(Self::Require),
            _ => Err(InvalidCookieMode),
        }
    }
}

/// Reads an option of the file as the command line does: from text.
pub fn from_text<'de, D, T>(deserializer: D) -> Result<Option<T>, D::Error>
where
    D: Deserializer<'de>,
    T: FromStr<Err: Display>,
{
    let text = String::deserialize(deserializer)?;
    text.parse().map(Some).map_err(D::Error::custom)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Settings;

    const SECRET: &str = "000102030405060708090a0b0c0d0e0f";

    #[test]
    fn cookies_are_on_with_a_secret_of_their_own_unless_told_otherwise() {
        let first = Replies::default().policy().cookies.unwrap();
        let second = Replies::default().policy().cookies.unwrap();
        assert_eq!((first.demand, &first.other), (Demand::Nothing, &None));
        assert_ne!(first.current, second.current);
        let off = Replies { cookies: CookieMode::Off, ..Replies::default() };
        assert_eq!(off.policy(), Policy::default());
    }

    #[test]
    fn secrets_and_texts_go_into_the_policy() {
        let text = format!(
            "cookies = 'require'\ncookie_secret = '{SECRET}'\nnsid = '0x6162'\nversion_bind = 'v'\nany = 'hinfo'"
        );
        let settings: Settings = toml::from_str(&text).unwrap();
        let replies = crate::config::Config::from_settings(settings).replies;
        let policy = replies.policy();
        let secret = SECRET.parse().unwrap();
        assert_eq!(
            policy.cookies,
            Some(Cookies { current: secret, other: None, demand: Demand::ServerCookie })
        );
        assert_eq!(policy.nsid, "ab".parse().ok());
        assert_eq!(policy.version, "v".parse().ok());
        assert_eq!(policy.any, AnyPolicy::Hinfo);
    }

    #[test]
    fn values_that_make_no_sense_are_refused_with_what_would() {
        let table = [
            ("cookies = 'yes'", "cookies are one of: off, on, require"),
            ("cookie_secret = 'abc'", "a cookie secret is 32 hexadecimal digits"),
            ("nsid = ''", "a text of 1 to 128 octets"),
            ("version_bind = ''", "has 1 to 255 octets"),
            ("any = 'none'", "one of: one, hinfo, all"),
        ];
        for (text, expected) in table {
            let message = toml::from_str::<Settings>(text).unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
