//! Changes and reads of API keys and their secrets.

use std::collections::HashSet;

use serde_json::{Value, json};
use store::Table;

use super::{Account, AccountEffect, KeyDoc, SecretDoc};
use crate::dto::account::key_object;
use crate::error::ApiError;
use crate::limits::KEYS;
use crate::service::documents::ActivityAction;
use crate::service::{Transaction, codec};

impl Transaction<'_> {
    /// Makes a key, or changes the one of this id. The same document again is no change.
    ///
    /// # Errors
    /// 400 for what cannot be, for a name in use, and for the loss of the last key that may do everything; 403 for
    /// rights that the actor does not hold.
    pub fn put_key(&mut self, key: KeyDoc) -> Result<KeyDoc, ApiError> {
        let old: Option<KeyDoc> = self.get(Table::Keys, key.id.as_bytes())?;
        if old.as_ref() == Some(&key) {
            return Ok(key);
        }
        let was_administrator = match &old {
            Some(old) => {
                self.require_to_hold(&self.access_of(&old.member)?, "the key")?;
                self.is_administrator(old)?
            }
            None => false,
        };
        if old.as_ref().is_none_or(|old| old.name != key.name) {
            self.check_key_name(&key, old.is_none())?;
        }
        self.check_member(&key.member, "the key")?;
        self.check_own_address(&key)?;
        if key.secrets.iter().any(|secret| secret.hash_octets().is_none()) {
            return Err(ApiError::internal("a key without a hash"));
        }
        self.put(Table::Keys, key.id.clone().into_bytes(), &key)?;
        if was_administrator {
            self.require_administrator()?;
        }
        let action = if old.is_some() { ActivityAction::Update } else { ActivityAction::Create };
        let kept: HashSet<&str> = key.secrets.iter().map(|secret| secret.id.as_str()).collect();
        let before = old.iter().flat_map(|old| &old.secrets);
        self.forget_last_accesses(before.filter(|secret| !kept.contains(secret.id.as_str())));
        let resource = self.logged_key(&key)?;
        self.log_activity(action, "apikey", key.id.clone(), resource);
        self.effects.account.push(AccountEffect::Key(key.id.clone(), Some(key.clone())));
        Ok(key)
    }

    fn check_key_name(&self, key: &KeyDoc, is_new: bool) -> Result<(), ApiError> {
        let keys = self.keys()?;
        if is_new && keys.len() >= KEYS {
            return Err(ApiError::bad_request(format!("an account may have {KEYS} API keys")));
        }
        if keys.iter().any(|other| other.name == key.name && other.id != key.id) {
            return Err(ApiError::conflict(format!("api key with name \"{}\" exists", key.name)));
        }
        Ok(())
    }

    /// Removes a key: it stops working with this change.
    ///
    /// # Errors
    /// 404 when there is none; 403 when it may do more than the actor; 400 for the last one that may do everything.
    pub fn delete_key(&mut self, id: &str) -> Result<(), ApiError> {
        let key = self.key(id)?;
        self.require_to_hold(&self.access_of(&key.member)?, "the key")?;
        let was_administrator = self.is_administrator(&key)?;
        self.layer.delete(Table::Keys, id.as_bytes().to_vec());
        if was_administrator {
            self.require_administrator()?;
        }
        self.forget_last_accesses(&key.secrets);
        let resource = self.logged_key(&key)?;
        self.log_activity(ActivityAction::Delete, "apikey", id.to_owned(), resource);
        self.effects.account.push(AccountEffect::Key(id.to_owned(), None));
        Ok(())
    }

    /// A key as the activity log shows it: neither secrets nor their hashes.
    fn logged_key(&self, key: &KeyDoc) -> Result<Value, ApiError> {
        Ok(Value::Object(key_object(key, &self.shown_permissions(&key.member)?, None, |_| None)))
    }

    fn forget_last_accesses<'s>(&mut self, secrets: impl IntoIterator<Item = &'s SecretDoc>) {
        for secret in secrets {
            self.layer.delete(Table::Meta, codec::last_access_key(&secret.id));
        }
    }

    /// Keeps when secrets were last used.
    pub(crate) fn put_last_accesses(&mut self, uses: Vec<(String, u64)>) -> Result<(), ApiError> {
        for (secret_id, used_s) in uses {
            self.put(Table::Meta, codec::last_access_key(&secret_id), &json!(used_s))?;
        }
        Ok(())
    }
}
