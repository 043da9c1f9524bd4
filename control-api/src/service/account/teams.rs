//! Changes and reads of teams.

use std::sync::Arc;

use serde_json::Value;
use store::Table;

use super::{Account, AccountEffect, KeyDoc, Member, TeamDoc};
use crate::auth::Access;
use crate::auth::access::Grant;
use crate::dto::account::team_object;
use crate::error::ApiError;
use crate::limits::TEAMS;
use crate::service::Transaction;
use crate::service::codec::{self, AccountTable};
use crate::service::documents::ActivityAction;

fn access_of(team: &TeamDoc) -> Access {
    Access::of([Arc::new(Grant::new(&team.permissions))])
}

impl Transaction<'_> {
    /// Makes a team, or changes the one of this id; its members change with it.
    ///
    /// # Errors
    /// As for keys: a name in use, rights that the actor does not hold, the loss of the last administrator.
    pub fn put_team(&mut self, team: TeamDoc) -> Result<TeamDoc, ApiError> {
        let teams = self.teams()?;
        let old = teams.iter().find(|other| other.id == team.id);
        if old == Some(&team) {
            return Ok(team);
        }
        if teams.iter().any(|other| other.name == team.name && other.id != team.id) {
            return Err(ApiError::conflict(format!("team with name \"{}\" exists", team.name)));
        }
        if old.is_none() && teams.len() >= TEAMS {
            return Err(ApiError::bad_request(format!("an account may have {TEAMS} teams")));
        }
        if let Some(old) = old {
            self.require_to_hold(&access_of(old), "the team")?;
        }
        self.require_to_hold(&access_of(&team), "the team")?;
        self.put(Table::Meta, codec::account_key(AccountTable::Teams, &team.id), &team)?;
        if let Some(old) = old {
            self.check_members_of(&team, old.ip_whitelist != team.ip_whitelist)?;
            self.require_administrator()?;
        }
        let action = if old.is_some() { ActivityAction::Update } else { ActivityAction::Create };
        self.log_activity(action, "team", team.id.clone(), Value::Object(team_object(&team)));
        self.effects.account.push(AccountEffect::Team(team.id.clone(), Some(team.clone())));
        Ok(team)
    }

    /// Refuses a team's change after which the key that makes it is shut out by its own addresses, and one of the
    /// addresses from which a key that may do more than the actor can be used.
    fn check_members_of(&self, team: &TeamDoc, addresses_differ: bool) -> Result<(), ApiError> {
        let keys = self.keys()?;
        let strict = |key: &&KeyDoc| key.member.ip_whitelist_strict && key.member.teams.contains(&team.id);
        for key in keys.iter().filter(strict).filter(|_| addresses_differ) {
            self.check_own_address(key)?;
            self.require_to_hold(&self.access_of(&key.member)?, "a key in the team")?;
        }
        Ok(())
    }

    /// Removes a team. Its members leave it; one that is left without any team keeps what this one allowed.
    ///
    /// # Errors
    /// 404 when there is none; 403 when it may do more than the actor; 400 when the actor would be shut out.
    pub fn delete_team(&mut self, id: &str) -> Result<(), ApiError> {
        let team = self.team(id)?;
        self.require_to_hold(&access_of(&team), "the team")?;
        for mut key in self.keys()? {
            if self.leave(&mut key.member, &team)? {
                self.check_own_address(&key)?;
                self.put(Table::Keys, key.id.clone().into_bytes(), &key)?;
                self.effects.account.push(AccountEffect::Key(key.id.clone(), Some(key)));
            }
        }
        for mut user in self.users()? {
            if self.leave(&mut user.member, &team)? {
                self.put(Table::Meta, codec::account_key(AccountTable::Users, &user.username), &user)?;
            }
        }
        self.layer.delete(Table::Meta, codec::account_key(AccountTable::Teams, id));
        self.require_administrator()?;
        self.log_activity(ActivityAction::Delete, "team", id.to_owned(), Value::Object(team_object(&team)));
        self.effects.account.push(AccountEffect::Team(id.to_owned(), None));
        Ok(())
    }

    /// Moves a member to other teams. One that leaves its last team keeps what its teams allowed.
    ///
    /// # Errors
    /// 400 when one permissions object cannot say what several teams allow without allowing more: zones that one
    /// shows and another lets change do not add up in teams, but would in one object.
    pub fn move_to_teams(&self, member: &mut Member, teams: Vec<String>) -> Result<(), ApiError> {
        if teams.is_empty() && !member.teams.is_empty() {
            let had = self.access_of(member)?;
            member.permissions = self.shown_permissions(member)?;
            if !had.covers(&Access::of([Arc::new(Grant::new(&member.permissions))])) {
                return Err(ApiError::bad_request(
                    "teams: what these teams allow cannot be kept in one permissions object; leave them one by one",
                ));
            }
        }
        member.teams = teams;
        Ok(())
    }

    /// Takes a member out of a team. Says whether it was in it.
    fn leave(&self, member: &mut Member, team: &TeamDoc) -> Result<bool, ApiError> {
        let count = member.teams.len();
        member.teams.retain(|id| *id != team.id);
        if member.teams.len() == count {
            return Ok(false);
        }
        if member.teams.is_empty() {
            member.permissions = team.permissions.clone();
        }
        // A strict member without any address would be shut out.
        let keeps_addresses = member.teams.is_empty() || self.addresses_of(member)?.is_empty();
        if member.ip_whitelist_strict && keeps_addresses {
            member.ip_whitelist.extend(team.ip_whitelist.iter().flat_map(|list| list.values.clone()));
        }
        Ok(true)
    }
}
