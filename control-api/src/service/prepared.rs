//! The records of an import, made ready before they reach the committer.
//!
//! A large zone file would otherwise keep the committer from all other work: here record data are checked,
//! written as they are stored, sorted the way the tables keep them, and checked against each other. What
//! queries read is made of the stored form once it is on disk, so that nothing is in memory twice.

use std::ops::Range;
use std::sync::Arc;

use store::{Puts, Table};
use zones::validate;
use zones::{CompiledRecord, Name, RecordError, RecordType};

use super::{codec, packed};
use crate::error::ApiError;
use crate::ids;

/// Records of an import being gathered, each without filters and feeds.
#[derive(Debug)]
pub struct ImportBuilder {
    zone: Name,
    now_s: u64,
    /// For each record its key and its stored form, in the order in which they came.
    octets: Vec<u8>,
    places: Vec<Place>,
}

/// Where a record lies in the buffer of an [`ImportBuilder`].
#[derive(Clone, Debug)]
struct Place {
    start: usize,
    key_octets: u32,
    value_octets: u32,
    /// The line of the file that it is from.
    line: u32,
}

impl Place {
    fn key(&self) -> Range<usize> {
        self.start..self.start + self.key_octets as usize
    }

    fn value(&self) -> Range<usize> {
        let start = self.key().end;
        start..start + self.value_octets as usize
    }
}

impl ImportBuilder {
    /// No records yet. `now_s` is the unix time in seconds, which is in the ids of what is made.
    pub fn new(zone: &Name, now_s: u64) -> Self {
        Self { zone: zone.clone(), now_s, octets: Vec::new(), places: Vec::new() }
    }

    /// Adds the records of an owner and type; their data are valid. NS records at the apex are left out:
    /// the zone gets ours. `line` is where they are in the file.
    ///
    /// # Errors
    /// When they cannot be served.
    pub fn add(
        &mut self,
        owner: &Name,
        rtype: RecordType,
        ttl: u32,
        rdatas: &[Vec<u8>],
        line: u32,
    ) -> Result<(), RecordError> {
        if rtype == RecordType::NS && *owner == self.zone {
            return Ok(());
        }
        CompiledRecord::check_rdata(rtype, ttl, rdatas)?;
        let start = self.octets.len();
        let key = codec::record_key(&self.zone, owner, rtype);
        self.octets.extend_from_slice(&key);
        let make_id = || ids::new_object_id(self.now_s);
        packed::write_new(ttl, rdatas.iter().map(Vec::as_slice), make_id, &mut self.octets);
        let value_octets = (self.octets.len() - start - key.len()) as u32;
        self.places.push(Place { start, key_octets: key.len() as u32, value_octets, line });
        Ok(())
    }

    /// Sorts the records and checks them against each other.
    ///
    /// # Errors
    /// 400 naming a record that cannot be where it is.
    pub fn finish(self) -> Result<PreparedRecords, ApiError> {
        let Self { zone, octets, mut places, .. } = self;
        places.sort_unstable_by_key(|place| &octets[place.key()]);
        let mut puts = Puts::with_capacity(Table::Records, places.len(), octets.len());
        // A key begins with the owner, so the records of an owner are neighbors.
        let owner = |place: &Place| codec::owner_of_key(&octets[place.key()]);
        for group in places.chunk_by(|one, other| owner(one) == owner(other)) {
            let keys = group.iter().map(|place| (&octets[place.key()], place.line));
            check_owner(&zone, keys)?;
            for place in group {
                puts.push(&octets[place.key()], &octets[place.value()])?;
            }
        }
        Ok(PreparedRecords { zone, puts: Arc::new(puts) })
    }
}

/// All records of one import.
///
/// Invariants: each may be in the zone beside all others and beside our NS record at the apex; their keys
/// ascend, so that the tables are written in order.
#[derive(Clone, Debug)]
pub struct PreparedRecords {
    pub(super) zone: Name,
    pub(super) puts: Arc<Puts>,
}

impl PreparedRecords {
    /// How many records there are.
    pub fn len(&self) -> usize {
        self.puts.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.puts.is_empty()
    }
}

/// Checks the records of one owner, given by their keys in order, against each other.
fn check_owner<'k>(zone: &Name, keys: impl Iterator<Item = (&'k [u8], u32)>) -> Result<(), ApiError> {
    let mut before = Vec::new();
    let mut owner = None;
    for (key, line) in keys {
        let Some((_, text, rtype)) = codec::parse_record_key(key) else { continue };
        let refused = |reason: String| {
            ApiError::bad_request(format!("zonefile: line {line}: {text} {rtype}: {reason}"))
        };
        if before.last() == Some(&rtype) {
            return Err(refused("given twice".to_owned()));
        }
        let owner = match &owner {
            Some(owner) => owner,
            None => owner.insert(Name::parse(text).map_err(|error| refused(error.to_string()))?),
        };
        let ours = (owner == zone).then_some(RecordType::NS);
        validate::placement(zone, owner, rtype, before.iter().copied().chain(ours))
            .map_err(|error| refused(error.to_string()))?;
        before.push(rtype);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use zones::rdata;

    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn checked(records: &[(&str, RecordType, &str)]) -> Result<Vec<String>, String> {
        let mut builder = ImportBuilder::new(&name("example"), 1_700_000_000);
        for (owner, rtype, text) in records {
            let rdata = rdata::from_fields(*rtype, &[json!(text)]).unwrap();
            builder.add(&name(owner), *rtype, 60, &[rdata], 7).unwrap();
        }
        let records = builder.finish().map_err(|error| error.message)?;
        let shown = records.puts.iter().map(|(key, value)| {
            let document = codec::decode_record(key, value).unwrap();
            assert_eq!((document.zone.as_str(), document.answers.len()), ("example", 1));
            format!("{} {}", document.domain, document.rtype)
        });
        Ok(shown.collect())
    }

    #[test]
    fn records_are_sorted_as_the_tables_keep_them_without_the_old_name_servers() {
        let records = [
            ("www.example", RecordType::TXT, "x"),
            ("example", RecordType::NS, "ns.old.example"),
            ("b.example", RecordType::NS, "ns.b.example"),
            ("www.example", RecordType::A, "192.0.2.1"),
            ("a.b.example", RecordType::A, "192.0.2.1"),
        ];
        let sorted = ["a.b.example A", "b.example NS", "www.example A", "www.example TXT"];
        assert_eq!(checked(&records).unwrap(), sorted);
    }

    #[test]
    fn records_that_exclude_each_other_are_refused_by_name() {
        let address = |owner: &'static str| (owner, RecordType::A, "192.0.2.1");
        let alias = |owner: &'static str| (owner, RecordType::CNAME, "example");
        for (records, reason) in [
            (
                vec![address("w.example"), address("v.example"), alias("w.example")],
                "zonefile: line 7: w.example CNAME: ",
            ),
            (vec![address("w.example"), address("w.example")], "zonefile: line 7: w.example A: given twice"),
            (vec![alias("example")], "zonefile: line 7: example CNAME: "),
            (vec![address("www.test")], "zonefile: line 7: www.test A: "),
        ] {
            let message = checked(&records).unwrap_err();
            assert!(message.starts_with(reason), "{message}");
        }
    }

    #[test]
    fn record_data_that_no_reply_could_hold_are_refused() {
        let mut builder = ImportBuilder::new(&name("example"), 0);
        let strings = |rdatas: usize| vec![vec![0; 60_000]; rdatas].into_iter().enumerate();
        let rdatas: Vec<Vec<u8>> = strings(2)
            .map(|(number, mut rdata)| {
                rdata[0] = number as u8;
                rdata
            })
            .collect();
        let refused = builder.add(&name("a.example"), RecordType(65_280), 60, &rdatas, 1).unwrap_err();
        assert!(matches!(refused, RecordError::RdataTotal { octets: 120_024, .. }), "{refused}");
        assert!(builder.add(&name("a.example"), RecordType(65_280), 1 << 31, &rdatas[..1], 1).is_err());
        assert!(builder.add(&name("a.example"), RecordType(65_280), 60, &rdatas[..1], 1).is_ok());
    }
}
