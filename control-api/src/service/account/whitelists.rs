//! Changes and reads of the address lists of the whole account.

use serde_json::json;
use store::Table;

use super::{Account, AccountEffect, WhitelistDoc, holds_address, prefixes_of};
use crate::error::ApiError;
use crate::limits::WHITELISTS;
use crate::service::Transaction;
use crate::service::codec::{self, AccountTable};
use crate::service::documents::ActivityAction;

impl Transaction<'_> {
    /// Makes a list, or changes the one of this id.
    ///
    /// # Errors
    /// 400 when lists are enforced and the actor's own address would be shut out.
    pub fn put_whitelist(&mut self, list: WhitelistDoc) -> Result<WhitelistDoc, ApiError> {
        let lists = self.whitelists()?;
        let old = lists.iter().find(|other| other.id == list.id);
        if old == Some(&list) {
            return Ok(list);
        }
        if old.is_none() && lists.len() >= WHITELISTS {
            return Err(ApiError::bad_request(format!("an account may have {WHITELISTS} whitelists")));
        }
        let action = if old.is_some() { ActivityAction::Update } else { ActivityAction::Create };
        self.put(Table::Meta, codec::account_key(AccountTable::Whitelists, &list.id), &list)?;
        self.check_whitelists()?;
        self.log_activity(action, "whitelist", list.id.clone(), json!(list));
        self.effects.account.push(AccountEffect::Whitelist(list.id.clone(), Some(list.clone())));
        Ok(list)
    }

    /// Removes a list.
    ///
    /// # Errors
    /// 404 when there is none; 400 when the actor's own address would be shut out.
    pub fn delete_whitelist(&mut self, id: &str) -> Result<(), ApiError> {
        let list = self.whitelist(id)?;
        self.layer.delete(Table::Meta, codec::account_key(AccountTable::Whitelists, id));
        self.check_whitelists()?;
        self.log_activity(ActivityAction::Delete, "whitelist", id.to_owned(), json!(list));
        self.effects.account.push(AccountEffect::Whitelist(id.to_owned(), None));
        Ok(())
    }

    /// Refuses lists that would shut out who makes them.
    fn check_whitelists(&self) -> Result<(), ApiError> {
        let Some(address) = self.actor().address.filter(|_| self.options().enforce_whitelist) else {
            return Ok(());
        };
        let lists = self.whitelists()?;
        let is_allowed =
            lists.is_empty() || lists.iter().any(|list| holds_address(&prefixes_of(&list.values), address));
        if is_allowed {
            return Ok(());
        }
        Err(ApiError::bad_request(format!(
            "values: this would lock out the address that asks for it, {address}"
        )))
    }
}
