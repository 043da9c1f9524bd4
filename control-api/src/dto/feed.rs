//! Feeds: the values that one label of a source delivers, and where they go.

use filters::FeedId;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::ids::SourceId;

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
}

impl FeedReply {
    /// The feed with its last values, as they were pushed, and its destinations.
    pub fn new(feed: FeedDoc, data: Map<String, Value>, destinations: Vec<Destination>) -> Self {
        let FeedDoc { id, name, config, .. } = feed;
        Self { id, name, config, data, destinations, networks: [0] }
    }
}
