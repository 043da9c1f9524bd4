//! Feeds: the values that one label of a source delivers, and where they go.

use filters::FeedId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::SourceId;
use crate::source_types::options;

/// A feed as it is stored. Its values and destinations are kept apart from it: they change on their own.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FeedDoc {
    /// What metadata points at: 24 hex digits.
    pub id: FeedId,
    /// The source that delivers it.
    pub source: SourceId,
    /// Free text of the operator.
    pub name: String,
    /// Options of the source's type, exactly as they were sent.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
}

impl FeedDoc {
    /// What a push calls this feed. A number given as the label counts as its text.
    pub fn label(&self) -> Option<String> {
        match self.config.get("label")? {
            Value::String(label) => Some(label.clone()),
            Value::Number(label) => Some(label.to_string()),
            _ => None,
        }
    }

    /// Seconds without any value after which its values count as unknown.
    pub fn expire_after_s(&self) -> Option<u32> {
        options::expire_after_s(&self.config)
    }
}

/// What reads a feed: one metadata table.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Destination {
    /// The answer's id, the region's name, or the record's id.
    pub destid: String,
    /// `answer`, `region` or `record`.
    pub desttype: String,
    /// The record's id.
    pub record: String,
}

/// A feed as clients read it.
#[derive(Debug, Serialize)]
pub struct FeedReply {
    id: FeedId,
    name: String,
    config: Map<String, Value>,
    data: Map<String, Value>,
    destinations: Vec<Destination>,
    networks: [u32; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    updated_at: Option<u64>,
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    expired: bool,
}

/// How a feed is.
#[derive(Clone, Debug, Default)]
pub struct FeedState {
    /// The last values, as they were pushed.
    pub data: Map<String, Value>,
    /// When a value last came, unix time in seconds.
    pub updated_at_s: Option<u64>,
    /// Whether that is so long ago that the values count as unknown.
    pub expired: bool,
}

impl FeedReply {
    /// The feed with its state and its destinations.
    pub fn new(feed: FeedDoc, state: FeedState, destinations: Vec<Destination>) -> Self {
        let FeedDoc { id, name, config, .. } = feed;
        let FeedState { data, updated_at_s: updated_at, expired } = state;
        Self { id, name, config, data, destinations, networks: [0], updated_at, expired }
    }
}
