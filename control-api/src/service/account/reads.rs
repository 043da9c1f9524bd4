//! Reads of the account.

use serde::de::DeserializeOwned;
use store::Table;

use super::{KeyDoc, Member, Settings, TeamDoc, UsageWarnings, UserDoc, WhitelistDoc};
use crate::auth::Permissions;
use crate::error::ApiError;
use crate::service::codec::{self, AccountTable};
use crate::service::{Service, Transaction};

/// The id of a document that is the only one of its kind.
pub(super) const ONLY: &str = "account";

/// What the account holds: as the tables have it, or as a change in the making leaves it.
pub(crate) trait Account {
    /// A document of any table.
    fn stored<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, ApiError>;

    /// The documents under a prefix, in the order of their keys.
    fn all_stored<T: DeserializeOwned>(&self, table: Table, prefix: &[u8]) -> Result<Vec<T>, ApiError>;

    /// A document of the account.
    fn of_account<T: DeserializeOwned>(&self, table: AccountTable, id: &str) -> Result<Option<T>, ApiError> {
        self.stored(Table::Meta, &codec::account_key(table, id))
    }

    /// All documents of one kind.
    fn all_of_account<T: DeserializeOwned>(&self, table: AccountTable) -> Result<Vec<T>, ApiError> {
        self.all_stored(Table::Meta, &codec::account_key(table, ""))
    }

    /// All keys in the order in which they were made.
    fn keys(&self) -> Result<Vec<KeyDoc>, ApiError> {
        self.all_stored(Table::Keys, b"")
    }

    /// A key, or 404; clients look for ` not found`.
    fn key(&self, id: &str) -> Result<KeyDoc, ApiError> {
        self.stored(Table::Keys, id.as_bytes())?.ok_or_else(|| ApiError::not_found("api key not found"))
    }

    /// The key that has a secret of this id, or 404.
    fn key_of_secret(&self, secret_id: &str) -> Result<KeyDoc, ApiError> {
        let has_it = |key: &KeyDoc| key.secrets.iter().any(|secret| secret.id == secret_id);
        self.keys()?.into_iter().find(has_it).ok_or_else(|| ApiError::not_found("secret not found"))
    }

    /// All teams in the order in which they were made.
    fn teams(&self) -> Result<Vec<TeamDoc>, ApiError> {
        self.all_of_account(AccountTable::Teams)
    }

    /// A team, or 404.
    fn team(&self, id: &str) -> Result<TeamDoc, ApiError> {
        self.of_account(AccountTable::Teams, id)?.ok_or_else(|| ApiError::not_found("team not found"))
    }

    /// The teams of a member.
    fn teams_of(&self, member: &Member) -> Result<Vec<TeamDoc>, ApiError> {
        // One may be deleted between two reads.
        let teams = member.teams.iter().map(|id| self.of_account(AccountTable::Teams, id));
        teams.filter_map(Result::transpose).collect()
    }

    /// The permissions that clients read of a member: its own, or what its teams add up to.
    fn shown_permissions(&self, member: &Member) -> Result<Permissions, ApiError> {
        if member.teams.is_empty() {
            return Ok(member.permissions.clone());
        }
        let teams = self.teams_of(member)?;
        Ok(Permissions::union(&teams.iter().map(|team| &team.permissions).collect::<Vec<_>>()))
    }

    /// All users by name.
    fn users(&self) -> Result<Vec<UserDoc>, ApiError> {
        self.all_of_account(AccountTable::Users)
    }

    /// A user, or 404 `Unknown user`.
    fn user(&self, username: &str) -> Result<UserDoc, ApiError> {
        self.of_account(AccountTable::Users, username)?.ok_or_else(|| ApiError::not_found("Unknown user"))
    }

    /// All address lists of the account.
    fn whitelists(&self) -> Result<Vec<WhitelistDoc>, ApiError> {
        self.all_of_account(AccountTable::Whitelists)
    }

    /// A list, or 404.
    fn whitelist(&self, id: &str) -> Result<WhitelistDoc, ApiError> {
        self.of_account(AccountTable::Whitelists, id)?
            .ok_or_else(|| ApiError::not_found("whitelist not found"))
    }

    /// The contact details.
    fn settings(&self) -> Result<Settings, ApiError> {
        Ok(self.of_account(AccountTable::Settings, ONLY)?.unwrap_or_default())
    }

    /// The warning levels.
    fn usage_warnings(&self) -> Result<UsageWarnings, ApiError> {
        Ok(self.of_account(AccountTable::UsageWarnings, ONLY)?.unwrap_or_default())
    }
}

impl Account for Service {
    fn stored<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, ApiError> {
        self.get(table, key)
    }

    fn all_stored<T: DeserializeOwned>(&self, table: Table, prefix: &[u8]) -> Result<Vec<T>, ApiError> {
        self.documents(table, prefix)
    }
}

impl Account for Transaction<'_> {
    fn stored<T: DeserializeOwned>(&self, table: Table, key: &[u8]) -> Result<Option<T>, ApiError> {
        self.get(table, key)
    }

    fn all_stored<T: DeserializeOwned>(&self, table: Table, prefix: &[u8]) -> Result<Vec<T>, ApiError> {
        self.scan(table, prefix)?.iter().map(|(_, value)| codec::decode(value)).collect()
    }
}
