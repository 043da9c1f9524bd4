//! Data sources: where live values come from.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::feed::FeedReply;
use crate::ids::SourceId;

/// A data source as it is stored.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SourceDoc {
    /// 32 hex digits; also the secret part of the feed URL.
    pub id: SourceId,
    /// Free text of the operator.
    pub name: String,
    /// A name of `/v1/data/sourcetypes`; never changes.
    pub sourcetype: String,
    /// Options of the type, exactly as they were sent.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub config: Map<String, Value>,
    /// Whether its provider still has to be heard.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub pending: bool,
}

/// A data source as clients read it.
#[derive(Debug, Serialize)]
pub struct SourceReply<'a> {
    id: SourceId,
    name: &'a str,
    sourcetype: &'a str,
    config: &'a Map<String, Value>,
    feeds: Vec<FeedReply>,
    /// `pending` until a provider that makes a handshake has made it; others work at once.
    status: &'static str,
}

impl<'a> SourceReply<'a> {
    /// The source with its feeds.
    pub fn new(source: &'a SourceDoc, feeds: Vec<FeedReply>) -> Self {
        let SourceDoc { id, name, sourcetype, config, pending } = source;
        let status = if *pending { "pending" } else { "ok" };
        Self { id: *id, name, sourcetype, config, feeds, status }
    }
}
