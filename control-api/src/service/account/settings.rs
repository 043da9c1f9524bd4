//! Contact details, warning levels, and what the account uses.

use serde_json::{Value, json};
use store::Table;

use super::reads::ONLY;
use super::{Account, Settings, UsageWarnings};
use crate::error::ApiError;
use crate::service::codec::{self, AccountTable};
use crate::service::documents::ActivityAction;
use crate::service::{Service, Transaction};

impl Transaction<'_> {
    /// Stores the contact details.
    pub fn put_settings(&mut self, settings: &Settings) -> Result<(), ApiError> {
        if self.settings()? == *settings {
            return Ok(());
        }
        self.put(Table::Meta, codec::account_key(AccountTable::Settings, ONLY), settings)?;
        let resource = Value::Object(settings.0.clone());
        self.log_activity(ActivityAction::Update, "settings", ONLY.to_owned(), resource);
        Ok(())
    }

    /// Stores the warning levels.
    pub fn put_usage_warnings(&mut self, warnings: UsageWarnings) -> Result<(), ApiError> {
        if self.usage_warnings()? == warnings {
            return Ok(());
        }
        self.put(Table::Meta, codec::account_key(AccountTable::UsageWarnings, ONLY), &warnings)?;
        self.log_activity(ActivityAction::Update, "usagewarnings", ONLY.to_owned(), json!(warnings));
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
