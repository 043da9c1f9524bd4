//! Changes of API keys.

use store::Table;

use super::documents::{ActivityAction, KeyDoc};
use super::transaction::Transaction;
use crate::error::ApiError;

impl Transaction<'_> {
    /// Whether there is any key.
    pub fn has_keys(&self) -> Result<bool, ApiError> {
        Ok(!self.scan(Table::Keys, b"")?.is_empty())
    }

    /// Makes a key. The document holds the hash of its secret, never the secret.
    ///
    /// # Errors
    /// 500 for a hash that is not 64 hex digits, which is a bug.
    pub fn put_key(&mut self, key: KeyDoc) -> Result<(), ApiError> {
        let hash = key.hash_octets().ok_or_else(|| ApiError::internal("a key without a hash"))?;
        self.put(Table::Keys, key.id.clone().into_bytes(), &key)?;
        let resource = serde_json::json!({ "id": key.id, "name": key.name });
        self.log_activity(ActivityAction::Create, "apikey", key.id.clone(), resource);
        self.effects.keys.push((hash, Some(key)));
        Ok(())
    }
}
