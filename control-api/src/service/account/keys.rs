//! Changes and reads of API keys and their secrets.

use serde_json::{Value, json};
use store::Table;

use super::{AccountEffect, KeyDoc};
use crate::dto::account::key_object;
use crate::error::ApiError;
use crate::limits::KEYS;
use crate::service::documents::ActivityAction;
use crate::service::{Service, Transaction, codec};

/// 404 that names a key; clients look for ` not found`.
fn not_found() -> ApiError {
    ApiError::not_found("api key not found")
}

impl Transaction<'_> {
    /// A key, or 404.
    pub fn key(&self, id: &str) -> Result<KeyDoc, ApiError> {
        self.get(Table::Keys, id.as_bytes())?.ok_or_else(not_found)
    }

    /// The key that has a secret of this id, or 404.
    pub fn key_of_secret(&self, secret_id: &str) -> Result<KeyDoc, ApiError> {
        let entries = self.scan(Table::Keys, b"")?;
        for (_, value) in entries {
            let key: KeyDoc = codec::decode(&value)?;
            if key.secrets.iter().any(|secret| secret.id == secret_id) {
                return Ok(key);
            }
        }
        Err(ApiError::not_found("secret not found"))
    }

    /// Makes a key, or changes the one of this id. The same document again is no change.
    ///
    /// # Errors
    /// 400 for what cannot be, for a name in use, and for the loss of the last key that may do everything; 403 for
    /// rights that the actor does not hold.
    pub fn put_key(&mut self, key: KeyDoc) -> Result<(), ApiError> {
        let old: Option<KeyDoc> = self.get(Table::Keys, key.id.as_bytes())?;
        if old.as_ref() == Some(&key) {
            return Ok(());
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
        let resource = self.logged_key(&key)?;
        self.log_account(action, "apikey", &key.id, resource);
        self.effects.account.push(AccountEffect::Key(key.id.clone(), Some(key)));
        Ok(())
    }

    fn check_key_name(&self, key: &KeyDoc, is_new: bool) -> Result<(), ApiError> {
        let entries = self.scan(Table::Keys, b"")?;
        if is_new && entries.len() >= KEYS {
            return Err(ApiError::bad_request(format!("an account may have {KEYS} API keys")));
        }
        for (_, value) in entries {
            let other: KeyDoc = codec::decode(&value)?;
            if other.name == key.name && other.id != key.id {
                return Err(ApiError::conflict(format!("api key with name \"{}\" exists", key.name)));
            }
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
        for secret in &key.secrets {
            self.layer.delete(Table::Meta, codec::last_access_key(&secret.id));
        }
        let resource = self.logged_key(&key)?;
        self.log_account(ActivityAction::Delete, "apikey", id, resource);
        self.effects.account.push(AccountEffect::Key(id.to_owned(), None));
        Ok(())
    }

    /// A key as the activity log shows it: neither secrets nor their hashes.
    fn logged_key(&self, key: &KeyDoc) -> Result<Value, ApiError> {
        Ok(Value::Object(key_object(key, &self.shown_permissions(&key.member)?, None, |_| None)))
    }

    /// Keeps when secrets were last used.
    pub(crate) fn put_last_accesses(&mut self, uses: Vec<(String, u64)>) -> Result<(), ApiError> {
        for (secret_id, used_s) in uses {
            self.put(Table::Meta, codec::last_access_key(&secret_id), &json!(used_s))?;
        }
        Ok(())
    }
}

impl Service {
    /// All keys in the order in which they were made.
    pub fn keys(&self) -> Result<Vec<KeyDoc>, ApiError> {
        self.documents(Table::Keys, b"")
    }

    /// A key, or 404.
    pub fn key(&self, id: &str) -> Result<KeyDoc, ApiError> {
        self.get(Table::Keys, id.as_bytes())?.ok_or_else(not_found)
    }
}
