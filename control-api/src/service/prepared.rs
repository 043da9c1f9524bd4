//! The records of an import, made ready before they reach the committer.
//!
//! A large zone file would otherwise keep the committer from all other work: here records are compiled,
//! written as documents, sorted the way the tables keep them, and checked against each other.

use zones::{CompiledRecord, Name, RecordDoc, RecordError, RecordType};
use zones::{compile, validate};

use super::codec;
use crate::error::ApiError;

/// A record without filters and feeds, compiled and written as a document.
#[derive(Clone, Debug)]
pub struct PreparedRecord {
    pub(super) compiled: CompiledRecord,
    pub(super) value: Vec<u8>,
}

impl PreparedRecord {
    /// Compiles a record.
    ///
    /// # Errors
    /// When the record cannot be served, or points at a feed.
    pub fn new(record: &RecordDoc) -> Result<Self, RecordError> {
        let compiled = compile::record(record, &|_| None)?;
        // Writing a document of strings and numbers to memory cannot fail; an empty value would be
        // refused when it is stored.
        let value = codec::encode(record).unwrap_or_default();
        Ok(Self { compiled, value })
    }

    /// The record's owner.
    pub fn owner(&self) -> &Name {
        self.compiled.owner()
    }

    /// The record's type.
    pub fn rtype(&self) -> RecordType {
        self.compiled.rtype()
    }
}

/// All records of one import.
///
/// Invariants: each may be in the zone beside all others and beside our NS record at the apex; their keys
/// ascend, so that the tables are written in order.
#[derive(Clone, Debug)]
pub struct PreparedRecords {
    pub(super) zone: Name,
    pub(super) records: Vec<(Vec<u8>, PreparedRecord)>,
}

impl PreparedRecords {
    /// Sorts and checks the records. NS records at the apex are left out: the zone gets ours.
    ///
    /// # Errors
    /// 400 naming a record that cannot be where it is.
    pub fn new(zone: &Name, records: Vec<PreparedRecord>) -> Result<Self, ApiError> {
        let keep = |record: &PreparedRecord| record.rtype() != RecordType::NS || record.owner() != zone;
        let mut records: Vec<_> = records
            .into_iter()
            .filter(keep)
            .map(|record| (codec::record_key(zone, record.owner(), record.rtype()), record))
            .collect();
        records.sort_unstable_by(|(one, _), (other, _)| one.cmp(other));
        // A key begins with the owner, so the records of an owner are neighbors.
        for group in records.chunk_by(|(_, one), (_, other)| one.owner() == other.owner()) {
            check_owner(zone, group)?;
        }
        Ok(Self { zone: zone.clone(), records })
    }

    /// How many records there are.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }
}

/// Checks the records of one owner against each other.
fn check_owner(zone: &Name, group: &[(Vec<u8>, PreparedRecord)]) -> Result<(), ApiError> {
    for (index, (_, record)) in group.iter().enumerate() {
        let (owner, rtype) = (record.owner(), record.rtype());
        let refused = |reason: String| ApiError::bad_request(format!("{owner} {rtype}: {reason}"));
        let before = group[..index].iter().map(|(_, other)| other.rtype());
        if before.clone().any(|other| other == rtype) {
            return Err(refused("given twice".to_owned()));
        }
        let ours = (owner == zone).then_some(RecordType::NS);
        validate::placement(zone, owner, rtype, before.chain(ours))
            .map_err(|error| refused(error.to_string()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use filters::AnswerId;
    use serde_json::{Map, json};
    use zones::{AnswerDoc, RecordId};

    use super::*;

    fn prepared(owner: &str, rtype: RecordType, rdata: &str) -> PreparedRecord {
        let mut record = RecordDoc::new(RecordId([1; 12]), "example", owner, rtype, 60);
        let (id, answer) = (AnswerId([2; 12]), vec![json!(rdata)]);
        record.answers.push(AnswerDoc { id, answer, meta: Map::new(), region: None });
        PreparedRecord::new(&record).unwrap()
    }

    fn checked(records: Vec<PreparedRecord>) -> Result<Vec<String>, String> {
        let zone = Name::parse("example").unwrap();
        let records = PreparedRecords::new(&zone, records).map_err(|error| error.message)?;
        Ok(records.records.iter().map(|(_, one)| format!("{} {}", one.owner(), one.rtype())).collect())
    }

    #[test]
    fn records_are_sorted_as_the_tables_keep_them_without_the_old_name_servers() {
        let records = vec![
            prepared("www.example", RecordType::TXT, "x"),
            prepared("example", RecordType::NS, "ns.old.example"),
            prepared("b.example", RecordType::NS, "ns.b.example"),
            prepared("www.example", RecordType::A, "192.0.2.1"),
            prepared("a.b.example", RecordType::A, "192.0.2.1"),
        ];
        let sorted = ["a.b.example A", "b.example NS", "www.example A", "www.example TXT"];
        assert_eq!(checked(records).unwrap(), sorted);
    }

    #[test]
    fn records_that_exclude_each_other_are_refused_by_name() {
        let address = |owner: &str| prepared(owner, RecordType::A, "192.0.2.1");
        let alias = |owner: &str| prepared(owner, RecordType::CNAME, "example");
        for (records, reason) in [
            (vec![address("w.example"), address("v.example"), alias("w.example")], "w.example CNAME: "),
            (vec![address("w.example"), address("w.example")], "w.example A: given twice"),
            (vec![alias("example")], "example CNAME: "),
            (vec![address("www.test")], "www.test A: "),
        ] {
            let message = checked(records).unwrap_err();
            assert!(message.starts_with(reason), "{message}");
        }
    }
}
