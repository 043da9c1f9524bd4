//! TSIG keys (RFC 8945): secrets shared with other name servers.
//!
//! A secret is kept as it is, for both sides must know it; it is in no log.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use store::Table;
use zones::Name;

use super::documents::ActivityAction;
use super::transaction::Transaction;
use super::{Service, codec};
use crate::dto::tsig::TsigFields;
use crate::error::ApiError;
use crate::limits::TSIG_KEYS;

/// A key, in the key order of the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TsigDoc {
    /// Its name, lower-case and without final dot.
    pub name: String,
    /// The algorithm, as it was sent.
    pub algorithm: String,
    /// The secret in base64, as it was sent.
    pub secret: String,
}

impl TsigDoc {
    /// What may be told of the key.
    fn public(&self) -> Value {
        json!({ "name": self.name, "algorithm": self.algorithm })
    }
}

impl Service {
    /// All keys by name.
    pub(crate) fn tsig_keys(&self) -> Result<Vec<TsigDoc>, ApiError> {
        self.documents(Table::Meta, codec::TSIG_KEYS)
    }

    /// A key, or 404.
    pub(crate) fn tsig_key(&self, name: &Name) -> Result<TsigDoc, ApiError> {
        self.get(Table::Meta, &codec::tsig_key(name))?.ok_or_else(tsig_key_not_found)
    }
}

impl Transaction<'_> {
    fn find_tsig_key(&self, name: &Name) -> Result<Option<TsigDoc>, ApiError> {
        self.get(Table::Meta, &codec::tsig_key(name))
    }

    /// Makes a key.
    ///
    /// # Errors
    /// 409 for a key that exists, 400 without an algorithm or a secret, and beyond [`TSIG_KEYS`].
    pub(crate) fn create_tsig_key(&mut self, name: &Name, fields: TsigFields) -> Result<TsigDoc, ApiError> {
        if self.find_tsig_key(name)?.is_some() {
            return Err(ApiError::conflict("conflicts with existing resource"));
        }
        if self.scan(Table::Meta, codec::TSIG_KEYS)?.len() >= TSIG_KEYS {
            return Err(ApiError::bad_request(format!("there are {TSIG_KEYS} TSIG keys already")));
        }
        let algorithm = fields.algorithm.ok_or_else(|| ApiError::missing_field("algorithm"))?;
        let secret = fields.secret.ok_or_else(|| ApiError::missing_field("secret"))?;
        let key = TsigDoc { name: name.to_string(), algorithm, secret };
        self.put(Table::Meta, codec::tsig_key(name), &key)?;
        self.log_activity(ActivityAction::Create, "tsig", key.name.clone(), key.public());
        Ok(key)
    }

    /// Changes a key; fields that are not given keep their value.
    ///
    /// # Errors
    /// 404 for an unknown key.
    pub(crate) fn update_tsig_key(&mut self, name: &Name, fields: TsigFields) -> Result<TsigDoc, ApiError> {
        let old = self.find_tsig_key(name)?.ok_or_else(tsig_key_not_found)?;
        let mut key = old.clone();
        key.algorithm = fields.algorithm.unwrap_or(key.algorithm);
        key.secret = fields.secret.unwrap_or(key.secret);
        if key != old {
            self.put(Table::Meta, codec::tsig_key(name), &key)?;
            self.log_activity(ActivityAction::Update, "tsig", key.name.clone(), key.public());
        }
        Ok(key)
    }

    /// Removes a key.
    ///
    /// # Errors
    /// 404 for an unknown key.
    pub(crate) fn delete_tsig_key(&mut self, name: &Name) -> Result<(), ApiError> {
        let key = self.find_tsig_key(name)?.ok_or_else(tsig_key_not_found)?;
        self.layer.delete(Table::Meta, codec::tsig_key(name));
        self.log_activity(ActivityAction::Delete, "tsig", key.name.clone(), key.public());
        Ok(())
    }
}

fn tsig_key_not_found() -> ApiError {
    ApiError::not_found("TSIG key not found")
}
