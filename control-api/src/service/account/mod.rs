//! The account: keys, users, teams, address lists and settings.
//!
//! Keys and users are *members*: they hold permissions of their own, or those of the teams they are in. Nobody
//! can hand out, change or take away more than he holds himself, and the last key that may do everything cannot
//! be lost through the API.

mod documents;
mod keys;
mod reads;
mod settings;
mod teams;
mod users;
mod whitelists;

use std::collections::HashSet;
use std::net::IpAddr;
use std::sync::Arc;

use filters::IpPrefix;

pub use self::documents::{
    KeyDoc, Member, NamedAddresses, SecretDoc, Settings, TeamDoc, UsageWarnings, UserDoc, WarningLevels,
    WhitelistDoc, prefixes_of,
};
pub(crate) use self::reads::Account;
pub use self::settings::Usage;

use super::actor::{Actor, ActorKind};
use super::codec::AccountTable;
use super::transaction::Transaction;
use crate::auth::Access;
use crate::auth::access::Grant;
use crate::error::ApiError;

/// What a change does to the keys, teams and lists in memory.
#[derive(Debug)]
pub(crate) enum AccountEffect {
    /// A key, by id.
    Key(String, Option<KeyDoc>),
    /// A team, by id.
    Team(String, Option<TeamDoc>),
    /// An address list of the account, by id.
    Whitelist(String, Option<WhitelistDoc>),
}

impl Transaction<'_> {
    /// What a member may do.
    fn access_of(&self, member: &Member) -> Result<Access, ApiError> {
        if member.teams.is_empty() {
            return Ok(Access::of([Arc::new(Grant::new(&member.permissions))]));
        }
        let teams = self.teams_of(member)?;
        Ok(Access::of(teams.iter().map(|team| Arc::new(Grant::new(&team.permissions)))))
    }

    /// Refuses to hand out, change or take away more than the actor holds.
    fn require_to_hold(&self, access: &Access, whose: &str) -> Result<(), ApiError> {
        if self.actor().access.covers(access) {
            return Ok(());
        }
        Err(ApiError::forbidden(format!(
            "permission denied: {whose} may do more than the key that asks for this change"
        )))
    }

    /// Checks what a member is to become.
    fn check_member(&self, member: &Member, whose: &str) -> Result<(), ApiError> {
        let mut seen = HashSet::new();
        for id in &member.teams {
            if !seen.insert(id) {
                return Err(ApiError::bad_request(format!("teams: {id:?} is listed twice")));
            }
            if self.of_account::<TeamDoc>(AccountTable::Teams, id)?.is_none() {
                return Err(ApiError::bad_request(format!("teams: team {id:?} not found")));
            }
        }
        if member.ip_whitelist_strict && self.addresses_of(member)?.is_empty() {
            return Err(ApiError::bad_request(
                "Input validation failed (ip_whitelist_strict: with an empty ip_whitelist no address could use this)",
            ));
        }
        self.require_to_hold(&self.access_of(member)?, whose)
    }

    /// The addresses that a strict member may come from: its own list and those of its teams.
    fn addresses_of(&self, member: &Member) -> Result<Vec<IpPrefix>, ApiError> {
        let mut addresses = prefixes_of(&member.ip_whitelist);
        for team in self.teams_of(member)? {
            addresses.extend(team.addresses());
        }
        Ok(addresses)
    }

    /// Refuses a change after which the key that makes it could not be used from where it is.
    fn check_own_address(&self, key: &KeyDoc) -> Result<(), ApiError> {
        let Actor { kind: ActorKind::ApiKey, id, address: Some(address), .. } = self.actor() else {
            return Ok(());
        };
        if *id != key.id || !key.member.ip_whitelist_strict {
            return Ok(());
        }
        if holds_address(&self.addresses_of(&key.member)?, *address) {
            return Ok(());
        }
        Err(ApiError::bad_request(format!(
            "ip_whitelist: this would lock out the key that asks for it, which comes from {address}"
        )))
    }

    /// Refuses a change after which no key could do everything.
    fn require_administrator(&self) -> Result<(), ApiError> {
        for key in self.keys()? {
            if self.is_administrator(&key)? {
                return Ok(());
            }
        }
        Err(ApiError::bad_request(
            "this is the last key that holds every permission, is enabled and does not expire; make another one first",
        ))
    }

    fn is_administrator(&self, key: &KeyDoc) -> Result<bool, ApiError> {
        let lasts = key.secrets.iter().any(|secret| secret.enabled && secret.expires_at_s.is_none());
        Ok(lasts && self.access_of(&key.member)?.is_full())
    }
}

/// Whether one of the prefixes holds an address.
pub(crate) fn holds_address(prefixes: &[IpPrefix], address: IpAddr) -> bool {
    let address = address.to_canonical();
    prefixes.iter().any(|prefix| IpPrefix::new(address, prefix.bits()) == *prefix)
}
