//! The stored documents that have no shape of their own elsewhere: feed values, the activity log.

use filters::{MetaKey, MetaValue};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::actor::ActorKind;

/// The last values of a feed.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct FeedValues {
    /// Each key with the value as it was pushed.
    pub data: Map<String, Value>,
    /// When a value last came, unix time in seconds; 0 when none ever came. It may be up to a minute behind, or a
    /// tenth of the time after which the feed expires.
    pub updated_at_s: u64,
    /// Whether none came for longer than the feed allows, so that queries count its values as unknown.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub expired: bool,
}

/// One value of a push.
#[derive(Clone, Debug)]
pub struct PushedValue {
    /// Which key.
    pub key: MetaKey,
    /// What queries use; `None` takes the value away.
    pub value: Option<MetaValue>,
    /// What came, for reading back.
    pub raw: Value,
}

/// What was done to a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ActivityAction {
    /// It was made.
    Create,
    /// It was changed.
    Update,
    /// It was removed.
    Delete,
}

/// One entry of the activity log, in the key order of the API.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ActivityEntry {
    /// Which kind of resource: `zone`, `record`, `zonefile`, `datasource`, `datafeed`,
    /// `apikey`, `user`, `team`, `whitelist`, `settings`, `usagewarnings`.
    pub resource_type: String,
    /// The id of the actor.
    pub user_id: String,
    /// The id of the resource.
    pub resource_id: String,
    /// Unix time in seconds.
    pub timestamp: u64,
    /// What kind of actor.
    pub user_type: ActorKind,
    /// What was done.
    pub action: ActivityAction,
    /// The resource after a create or update, as it was before for a delete.
    pub resource: Value,
    /// The name of the actor.
    pub user_name: String,
    /// The id of the entry.
    pub id: String,
}
