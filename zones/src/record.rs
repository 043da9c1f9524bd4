//! Records as they are stored: what the operator asked for, kept as it was sent.
//!
//! Clients compare what they read with what they wrote, so answers, filter configuration and metadata stay
//! JSON of the types received. What queries read is made of it by [`crate::compile`].

use filters::{AnswerId, FilterStep, OnEmpty};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::id::RecordId;
use crate::record_type::RecordType;

fn yes() -> bool {
    true
}

fn is_true(value: &bool) -> bool {
    *value
}

fn is_default(rule: &OnEmpty) -> bool {
    *rule == OnEmpty::default()
}

fn is_false(value: &bool) -> bool {
    !*value
}

/// All answers of one owner and type, and how to choose among them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RecordDoc {
    /// Never changes and is never used again.
    pub id: RecordId,
    /// The owner: lower-case, absolute, without a final dot.
    pub domain: String,
    /// The apex of the zone, in the same form.
    pub zone: String,
    /// The type.
    #[serde(rename = "type")]
    pub rtype: RecordType,
    /// Time to live, in seconds.
    pub ttl: u32,
    /// Whether an EDNS client subnet stands for the client.
    #[serde(default = "yes", skip_serializing_if = "is_true")]
    pub use_client_subnet: bool,
    /// For ALIAS records; kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub override_ttl: bool,
    /// For ALIAS records; kept.
    #[serde(default, skip_serializing_if = "is_false")]
    pub override_address_records: bool,
    /// The answers, in order.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub answers: Vec<AnswerDoc>,
    /// The chain, in order; empty for a record that always gives all answers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub filters: Vec<FilterStep>,
    /// What goes out when the chain leaves nothing; with a link, what the target says.
    #[serde(default, skip_serializing_if = "is_default")]
    pub on_empty: OnEmpty,
    /// Groups of answers by name, each an object with `meta`.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub regions: Map<String, Value>,
    /// Metadata for all answers.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
    /// The owner of the record that this one stands for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// The networks in which it is served.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub networks: Vec<i64>,
    /// Kept: `tags`, `local_tags`, `blocked_tags` and what else belongs to the object but not to DNS.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub extra: Map<String, Value>,
}

/// One answer of a record.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AnswerDoc {
    /// Stays the same when the client sends it back.
    pub id: AnswerId,
    /// The fields of the rdata: strings and numbers.
    pub answer: Vec<Value>,
    /// Metadata of this answer.
    #[serde(default, skip_serializing_if = "Map::is_empty")]
    pub meta: Map<String, Value>,
    /// The group it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub region: Option<String>,
}

impl RecordDoc {
    /// A record without answers, chain and metadata.
    pub fn new(id: RecordId, zone: &str, domain: &str, rtype: RecordType, ttl: u32) -> Self {
        Self {
            id,
            domain: domain.to_owned(),
            zone: zone.to_owned(),
            rtype,
            ttl,
            use_client_subnet: true,
            override_ttl: false,
            override_address_records: false,
            answers: Vec::new(),
            filters: Vec::new(),
            on_empty: OnEmpty::default(),
            regions: Map::new(),
            meta: Map::new(),
            link: None,
            networks: Vec::new(),
            extra: Map::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn a_plain_record_is_stored_without_its_defaults() {
        let id = RecordId([7; 12]);
        let mut record = RecordDoc::new(id, "example.com", "www.example.com", RecordType::A, 60);
        let answer = vec![json!("192.0.2.1")];
        record.answers.push(AnswerDoc { id: AnswerId([8; 12]), answer, meta: Map::new(), region: None });
        let text = serde_json::to_string(&record).unwrap();
        assert_eq!(
            text,
            "{\"id\":\"070707070707070707070707\",\"domain\":\"www.example.com\",\"zone\":\"example.com\",\"type\":\"A\",\
             \"ttl\":60,\"answers\":[{\"id\":\"080808080808080808080808\",\"answer\":[\"192.0.2.1\"]}]}"
        );
        assert_eq!(serde_json::from_str::<RecordDoc>(&text).unwrap(), record);
    }

    #[test]
    fn numbers_strings_and_key_order_come_back_as_they_were() {
        let text = "{\"id\":\"070707070707070707070707\",\"domain\":\"a.b\",\"zone\":\"b\",\"type\":\"TYPE65280\",\"ttl\":1,\
             \"use_client_subnet\":false,\"answers\":[{\"id\":\"080808080808080808080808\",\"answer\":[\"10\",10],\
             \"meta\":{\"weight\":\"5\",\"up\":1,\"asn\":[1.0]},\"region\":\"x\"}],\
             \"filters\":[{\"filter\":\"select_first_n\",\"config\":{\"N\":\"1\"},\"disabled\":false}],\
             \"regions\":{\"z\":{\"meta\":{}},\"a\":{}},\"link\":\"c.d\"}";
        let record: RecordDoc = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&record).unwrap(), text);
    }
}
