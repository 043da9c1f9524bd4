//! Changes and reads of users.

use serde_json::Value;
use store::Table;

use super::{Account, UserDoc};
use crate::dto::account::user_object;
use crate::error::ApiError;
use crate::limits::USERS;
use crate::service::Transaction;
use crate::service::codec::{self, AccountTable};
use crate::service::documents::ActivityAction;

impl Transaction<'_> {
    /// Makes a user.
    ///
    /// # Errors
    /// 409 for a name in use.
    pub fn create_user(&mut self, user: UserDoc) -> Result<UserDoc, ApiError> {
        let users = self.users()?;
        if users.iter().any(|other| other.username.eq_ignore_ascii_case(&user.username)) {
            return Err(ApiError::conflict("request failed:Login Name is already in use."));
        }
        if users.len() >= USERS {
            return Err(ApiError::bad_request(format!("an account may have {USERS} users")));
        }
        self.store_user(user, ActivityAction::Create)
    }

    /// Changes a user. The same document again is no change.
    pub fn update_user(&mut self, user: UserDoc) -> Result<UserDoc, ApiError> {
        let old = self.user(&user.username)?;
        if old == user {
            return Ok(user);
        }
        self.require_to_hold(&self.access_of(&old.member)?, "the user")?;
        self.store_user(user, ActivityAction::Update)
    }

    fn store_user(&mut self, user: UserDoc, action: ActivityAction) -> Result<UserDoc, ApiError> {
        self.check_member(&user.member, "the user")?;
        self.put(Table::Meta, codec::account_key(AccountTable::Users, &user.username), &user)?;
        let resource = Value::Object(user_object(&user, &self.shown_permissions(&user.member)?));
        self.log_activity(action, "user", user.username.clone(), resource);
        Ok(user)
    }

    /// Removes a user.
    ///
    /// # Errors
    /// 404 `Unknown user`; 403 when the user may do more than the actor.
    pub fn delete_user(&mut self, username: &str) -> Result<(), ApiError> {
        let user = self.user(username)?;
        self.require_to_hold(&self.access_of(&user.member)?, "the user")?;
        self.layer.delete(Table::Meta, codec::account_key(AccountTable::Users, username));
        let resource = Value::Object(user_object(&user, &self.shown_permissions(&user.member)?));
        self.log_activity(ActivityAction::Delete, "user", user.username, resource);
        Ok(())
    }
}
