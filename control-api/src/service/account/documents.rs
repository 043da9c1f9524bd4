//! The stored documents of the account.

use data_encoding::HEXLOWER;
use filters::IpPrefix;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::auth::Permissions;

/// What keys and users have in common.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Member {
    /// The ids of its teams. In any team, the permissions are the teams'.
    #[serde(default)]
    pub teams: Vec<String>,
    /// Its own permissions; those of earlier versions may do everything.
    #[serde(default)]
    pub permissions: Permissions,
    /// Addresses and prefixes it may be used from.
    #[serde(default)]
    pub ip_whitelist: Vec<String>,
    /// Whether it may be used from these only.
    #[serde(default)]
    pub ip_whitelist_strict: bool,
}

/// The prefixes of a list that was checked when it came.
pub fn prefixes_of(values: &[String]) -> Vec<IpPrefix> {
    values.iter().filter_map(|value| IpPrefix::parse(value)).collect()
}

/// A key of the API. Its secrets themselves are not kept.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(from = "StoredKey")]
pub struct KeyDoc {
    /// Its id, 24 hex digits; not secret.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// When it was made, unix time in seconds.
    pub created_s: u64,
    /// The secrets it can be used by, oldest first.
    pub secrets: Vec<SecretDoc>,
    /// Days that a secret made for this key lasts, if it is to expire.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expiry_days: Option<u32>,
    /// Its teams, permissions and addresses.
    #[serde(flatten)]
    pub member: Member,
}

/// One secret of a key.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SecretDoc {
    /// Its id, 24 hex digits; not secret.
    pub id: String,
    /// The salted hash of the secret, 64 hex digits.
    pub hash: String,
    /// Whether it may be used.
    pub enabled: bool,
    /// When it ends, unix time in seconds; `None` is never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at_s: Option<u64>,
}

impl SecretDoc {
    /// The hash as octets; `None` when the document is damaged.
    pub(crate) fn hash_octets(&self) -> Option<[u8; 32]> {
        HEXLOWER.decode(self.hash.as_bytes()).ok()?.try_into().ok()
    }

    /// Whether it may be used at a time.
    pub fn is_active(&self, now_s: u64) -> bool {
        self.enabled && self.expires_at_s.is_none_or(|end_s| now_s < end_s)
    }
}

/// A key as any version wrote it: earlier ones had one secret, kept as a hash beside the name.
#[derive(Deserialize)]
struct StoredKey {
    id: String,
    name: String,
    created_s: u64,
    hash: Option<String>,
    #[serde(default)]
    secrets: Vec<SecretDoc>,
    expiry_days: Option<u32>,
    #[serde(flatten)]
    member: Member,
}

impl From<StoredKey> for KeyDoc {
    fn from(stored: StoredKey) -> Self {
        let StoredKey { id, name, created_s, hash, mut secrets, expiry_days, member } = stored;
        secrets.extend(hash.map(|hash| SecretDoc::new(id.clone(), hash)));
        Self { id, name, created_s, secrets, expiry_days, member }
    }
}

impl SecretDoc {
    /// A secret that may be used and does not end.
    pub fn new(id: String, hash: String) -> Self {
        Self { id, hash, enabled: true, expires_at_s: None }
    }
}

/// A user: a name that teams, permissions and notifications are about. Nobody can log in as one.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct UserDoc {
    /// What paths call it; never changes.
    pub username: String,
    /// Where notifications would go.
    pub email: String,
    /// The full name.
    pub name: String,
    /// Whether billing events are of interest.
    pub notify_billing: bool,
    /// When it was made, unix time in seconds.
    pub created_s: u64,
    /// Its teams, permissions and addresses.
    #[serde(flatten)]
    pub member: Member,
}

/// A list of addresses with a name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct NamedAddresses {
    /// A UUID.
    pub id: String,
    /// A name for people.
    pub name: String,
    /// Addresses and prefixes.
    pub values: Vec<String>,
}

/// An address list of the whole account.
pub type WhitelistDoc = NamedAddresses;

/// A team.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct TeamDoc {
    /// Its id, 24 hex digits.
    pub id: String,
    /// A name for people, not used twice.
    pub name: String,
    /// What its members may do.
    pub permissions: Permissions,
    /// Where strict members may come from beside their own addresses.
    pub ip_whitelist: Vec<NamedAddresses>,
}

impl TeamDoc {
    /// The prefixes of all its lists.
    pub fn addresses(&self) -> impl Iterator<Item = IpPrefix> + '_ {
        self.ip_whitelist.iter().flat_map(|list| prefixes_of(&list.values))
    }
}

/// The contact details of the account, in the order clients read them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Settings(pub Map<String, Value>);

/// From which shares of its limits on the owner of an account wants to be told.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WarningLevels {
    /// Whether to be told at all.
    pub send_warnings: bool,
    /// The first level, in percent.
    pub warning_1: u32,
    /// The second level, in percent; above the first.
    pub warning_2: u32,
}

impl Default for WarningLevels {
    fn default() -> Self {
        Self { send_warnings: false, warning_1: 80, warning_2: 90 }
    }
}

/// The warning levels of everything that is counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct UsageWarnings {
    /// Queries answered.
    pub queries: WarningLevels,
    /// Records kept.
    pub records: WarningLevels,
    /// Zones kept.
    pub zones: WarningLevels,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::Right;

    #[test]
    fn a_key_of_an_earlier_version_keeps_its_secret_and_may_do_everything() {
        let stored = r#"{"id":"0123","name":"admin","hash":"ab","created_s":7}"#;
        let key: KeyDoc = serde_json::from_str(stored).unwrap();
        assert_eq!(key.secrets, [SecretDoc::new("0123".to_owned(), "ab".to_owned())]);
        assert!(Right::ALL.iter().all(|right| key.member.permissions.holds(*right)));
        let again: KeyDoc = serde_json::from_str(&serde_json::to_string(&key).unwrap()).unwrap();
        assert_eq!(again, key);
    }

    #[test]
    fn a_secret_ends_when_it_says() {
        let mut secret = SecretDoc::new(String::new(), String::new());
        assert!(secret.is_active(u64::MAX));
        secret.expires_at_s = Some(10);
        assert!(secret.is_active(9) && !secret.is_active(10));
        secret.enabled = false;
        assert!(!secret.is_active(9));
    }
}
