//! Changes and reads of teams.

use serde_json::Value;
use store::Table;

use super::{AccountEffect, KeyDoc, Member, TeamDoc, UserDoc};
use crate::auth::access::Grant;
use crate::auth::{Access, Permissions};
use crate::dto::account::team_object;
use crate::error::ApiError;
use crate::limits::TEAMS;
use crate::service::codec::{self, AccountTable};
use crate::service::documents::ActivityAction;
use crate::service::{Service, Transaction};

fn not_found() -> ApiError {
    ApiError::not_found("team not found")
}

fn access_of(team: &TeamDoc) -> Access {
    Access::of([std::sync::Arc::new(Grant::new(&team.permissions))])
}

impl Transaction<'_> {
    /// A team, or 404.
    pub fn team(&self, id: &str) -> Result<TeamDoc, ApiError> {
        self.account_document(AccountTable::Teams, id)?.ok_or_else(not_found)
    }

    /// Makes a team, or changes the one of this id; its members change with it.
    ///
    /// # Errors
    /// As for keys: a name in use, rights that the actor does not hold, the loss of the last administrator.
    pub fn put_team(&mut self, team: TeamDoc) -> Result<(), ApiError> {
        let teams: Vec<TeamDoc> = self.account_documents(AccountTable::Teams)?;
        let old = teams.iter().find(|other| other.id == team.id);
        if old == Some(&team) {
            return Ok(());
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
        if old.is_some() {
            self.check_members_of(&team.id)?;
            self.require_administrator()?;
        }
        let action = if old.is_some() { ActivityAction::Update } else { ActivityAction::Create };
        self.log_account(action, "team", &team.id, Value::Object(team_object(&team)));
        self.effects.account.push(AccountEffect::Team(team.id.clone(), Some(team)));
        Ok(())
    }

    /// Refuses a team's change after which the key that makes it is shut out by its own addresses.
    fn check_members_of(&self, team: &str) -> Result<(), ApiError> {
        let own: Option<KeyDoc> = self.get(Table::Keys, self.actor().id.as_bytes())?;
        match own.filter(|key| key.member.teams.iter().any(|id| id == team)) {
            Some(key) => self.check_own_address(&key),
            None => Ok(()),
        }
    }

    /// Removes a team. Its members leave it; one that is left without any team keeps what this one allowed.
    ///
    /// # Errors
    /// 404 when there is none; 403 when it may do more than the actor.
    pub fn delete_team(&mut self, id: &str) -> Result<(), ApiError> {
        let team = self.team(id)?;
        self.require_to_hold(&access_of(&team), "the team")?;
        for (key, value) in self.scan(Table::Keys, b"")? {
            let mut document: KeyDoc = codec::decode(&value)?;
            if leave(&mut document.member, &team) {
                self.put(Table::Keys, key, &document)?;
                self.effects.account.push(AccountEffect::Key(document.id.clone(), Some(document)));
            }
        }
        for mut user in self.account_documents::<UserDoc>(AccountTable::Users)? {
            if leave(&mut user.member, &team) {
                self.put(Table::Meta, codec::account_key(AccountTable::Users, &user.username), &user)?;
            }
        }
        self.layer.delete(Table::Meta, codec::account_key(AccountTable::Teams, id));
        self.require_administrator()?;
        self.log_account(ActivityAction::Delete, "team", id, Value::Object(team_object(&team)));
        self.effects.account.push(AccountEffect::Team(id.to_owned(), None));
        Ok(())
    }

    /// Moves a member to other teams. One that leaves its last team keeps what its teams allowed.
    pub fn move_to_teams(&self, member: &mut Member, teams: Vec<String>) -> Result<(), ApiError> {
        if teams.is_empty() && !member.teams.is_empty() {
            member.permissions = self.shown_permissions(member)?;
        }
        member.teams = teams;
        Ok(())
    }
}

/// Takes a member out of a team. Says whether it was in it.
fn leave(member: &mut Member, team: &TeamDoc) -> bool {
    let count = member.teams.len();
    member.teams.retain(|id| *id != team.id);
    let was_in = member.teams.len() < count;
    if was_in && member.teams.is_empty() {
        member.permissions = Permissions::clone(&team.permissions);
        if member.ip_whitelist_strict {
            // Without the team's addresses the member would be shut out.
            let addresses = team.ip_whitelist.iter().flat_map(|list| list.values.iter().cloned());
            member.ip_whitelist.extend(addresses);
        }
    }
    was_in
}

impl Service {
    /// All teams in the order in which they were made.
    pub fn teams(&self) -> Result<Vec<TeamDoc>, ApiError> {
        self.account_documents(AccountTable::Teams)
    }

    /// A team, or 404.
    pub fn team(&self, id: &str) -> Result<TeamDoc, ApiError> {
        self.account_document(AccountTable::Teams, id)?.ok_or_else(not_found)
    }
}
