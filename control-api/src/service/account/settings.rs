//! Contact details, warning levels, and what the account uses.

use serde_json::{Value, json};
use store::Table;

use super::{Settings, UsageWarnings};
use crate::error::ApiError;
use crate::service::codec::{self, AccountTable};
use crate::service::documents::ActivityAction;
use crate::service::{Service, Transaction};

/// The one document of its kind.
const ONLY: &str = "account";

impl Transaction<'_> {
    /// The contact details.
    pub fn settings(&self) -> Result<Settings, ApiError> {
        Ok(self.account_document(AccountTable::Settings, ONLY)?.unwrap_or_default())
    }

    /// Stores the contact details.
    pub fn put_settings(&mut self, settings: &Settings) -> Result<(), ApiError> {
        if self.settings()? == *settings {
            return Ok(());
        }
        self.put(Table::Meta, codec::account_key(AccountTable::Settings, ONLY), settings)?;
        let resource = Value::Object(settings.0.clone());
        self.log_account(ActivityAction::Update, "settings", ONLY, resource);
        Ok(())
    }

    /// The warning levels.
    pub fn usage_warnings(&self) -> Result<UsageWarnings, ApiError> {
        Ok(self.account_document(AccountTable::UsageWarnings, ONLY)?.unwrap_or_default())
    }

    /// Stores the warning levels.
    pub fn put_usage_warnings(&mut self, warnings: UsageWarnings) -> Result<(), ApiError> {
        if self.usage_warnings()? == warnings {
            return Ok(());
        }
        self.put(Table::Meta, codec::account_key(AccountTable::UsageWarnings, ONLY), &warnings)?;
        self.log_account(ActivityAction::Update, "usagewarnings", ONLY, json!(warnings));
        Ok(())
    }
}

/// What the account holds, counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Records without a filter chain.
    pub static_records: u64,
    /// Records with one.
    pub dynamic_records: u64,
}

impl Service {
    /// The contact details.
    pub fn settings(&self) -> Result<Settings, ApiError> {
        Ok(self.account_document(AccountTable::Settings, ONLY)?.unwrap_or_default())
    }

    /// The warning levels.
    pub fn usage_warnings(&self) -> Result<UsageWarnings, ApiError> {
        Ok(self.account_document(AccountTable::UsageWarnings, ONLY)?.unwrap_or_default())
    }

    /// Counts the records. Reads all of them.
    pub fn usage(&self) -> Result<Usage, ApiError> {
        let mut usage = Usage::default();
        for entry in self.all_records() {
            let record = entry?.document()?;
            if record.filters.is_empty() {
                usage.static_records += 1;
            } else {
                usage.dynamic_records += 1;
            }
        }
        Ok(usage)
    }
}
