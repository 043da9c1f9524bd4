//! Zones as they are stored.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::ZoneId;

fn is_false(value: &bool) -> bool {
    !*value
}

/// A zone's settings, kept as they were sent. Its records are stored apart.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ZoneDoc {
    /// Never changes and is never used again.
    pub id: ZoneId,
    /// The apex: lower-case, absolute, without a final dot.
    pub zone: String,
    /// A name of its own that the operator gave the zone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The TTL of the SOA record, in seconds.
    pub ttl: u32,
    /// The TTL of denials, in seconds; also the default TTL of records.
    pub nx_ttl: u32,
    /// SOA REFRESH, in seconds.
    pub refresh: u32,
    /// SOA RETRY, in seconds.
    pub retry: u32,
    /// SOA EXPIRE, in seconds.
    pub expiry: u32,
    /// SOA RNAME, as a mail address or a name.
    pub hostmaster: String,
    /// SOA MNAME.
    pub primary_master: String,
    /// SOA SERIAL.
    pub serial: u32,
    /// The networks in which the zone is served; with none it is not served.
    #[serde(default)]
    pub networks: Vec<i64>,
    /// The names of our name servers for this zone.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub dns_servers: Vec<String>,
    /// The zone whose content this one has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Metadata; no filter reads it.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
    /// Replication to other servers, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Value>,
    /// Replication from another server, as it was sent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub secondary: Option<Value>,
    /// Whether the zone is signed.
    #[serde(default, skip_serializing_if = "is_false")]
    pub dnssec: bool,
    /// Kept: `tags`, `local_tags`, `views` and what else belongs to the object but not to DNS.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}
