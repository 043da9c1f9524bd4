//! Changes and reads of the address lists of the whole account.

use serde_json::json;
use store::Table;

use super::{AccountEffect, WhitelistDoc, holds_address, prefixes_of};
use crate::error::ApiError;
use crate::limits::WHITELISTS;
use crate::service::codec::{self, AccountTable};
use crate::service::documents::ActivityAction;
use crate::service::{Service, Transaction};

fn not_found() -> ApiError {
    ApiError::not_found("whitelist not found")
}

impl Transaction<'_> {
    /// A list, or 404.
    pub fn whitelist(&self, id: &str) -> Result<WhitelistDoc, ApiError> {
        self.account_document(AccountTable::Whitelists, id)?.ok_or_else(not_found)
    }

    /// Makes a list, or changes the one of this id.
    ///
    /// # Errors
    /// 400 when lists are enforced and the actor's own address would be shut out.
    pub fn put_whitelist(&mut self, list: WhitelistDoc) -> Result<(), ApiError> {
        let lists: Vec<WhitelistDoc> = self.account_documents(AccountTable::Whitelists)?;
        let old = lists.iter().find(|other| other.id == list.id);
        if old == Some(&list) {
            return Ok(());
        }
        if old.is_none() && lists.len() >= WHITELISTS {
            return Err(ApiError::bad_request(format!("an account may have {WHITELISTS} whitelists")));
        }
        let action = if old.is_some() { ActivityAction::Update } else { ActivityAction::Create };
        self.put(Table::Meta, codec::account_key(AccountTable::Whitelists, &list.id), &list)?;
        self.check_whitelists()?;
        self.log_account(action, "whitelist", &list.id, json!(list));
        self.effects.account.push(AccountEffect::Whitelist(list.id.clone(), Some(list)));
        Ok(())
    }

    /// Removes a list.
    ///
    /// # Errors
    /// 404 when there is none; 400 when the actor's own address would be shut out.
    pub fn delete_whitelist(&mut self, id: &str) -> Result<(), ApiError> {
        let list = self.whitelist(id)?;
        self.layer.delete(Table::Meta, codec::account_key(AccountTable::Whitelists, id));
        self.check_whitelists()?;
        self.log_account(ActivityAction::Delete, "whitelist", id, json!(list));
        self.effects.account.push(AccountEffect::Whitelist(id.to_owned(), None));
        Ok(())
    }

    /// Refuses lists that would shut out who makes them.
    fn check_whitelists(&self) -> Result<(), ApiError> {
        let Some(address) = self.actor().address.filter(|_| self.options().enforce_whitelist) else {
            return Ok(());
        };
        let lists: Vec<WhitelistDoc> = self.account_documents(AccountTable::Whitelists)?;
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

impl Service {
    /// All lists.
    pub fn whitelists(&self) -> Result<Vec<WhitelistDoc>, ApiError> {
        self.account_documents(AccountTable::Whitelists)
    }

    /// A list, or 404.
    pub fn whitelist(&self, id: &str) -> Result<WhitelistDoc, ApiError> {
        self.account_document(AccountTable::Whitelists, id)?.ok_or_else(not_found)
    }
}
