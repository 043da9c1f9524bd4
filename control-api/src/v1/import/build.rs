//! From a parsed zone file to records that only need to be stored.
//!
//! All of it happens before the committer hears of the import: record data are compiled and stored documents
//! are written out. The committer then has little left to do but to take the result or leave it.

use filters::AnswerId;
use serde_json::Map;
use zones::zone_file::{ImportedRrset, ZoneFile};
use zones::{AnswerDoc, Name, RdataError, RecordDoc, RecordId, RecordType, rdata};

use crate::error::ApiError;
use crate::ids;
use crate::service::{PreparedRecord, PreparedRecords};

/// The content of a zone file, ready to be stored.
pub(super) struct Prepared {
    /// All records but the SOA and the name servers of the apex, which are ours.
    pub(super) records: PreparedRecords,
    /// What was left out, in words.
    pub(super) warnings: Vec<String>,
}

/// Compiles the record sets of a file.
///
/// # Errors
///
/// 400 naming the record that cannot be as it is. Nothing of a file is taken then.
pub(super) fn prepare(file: ZoneFile, zone: &Name, now_s: u64) -> Result<Prepared, ApiError> {
    let ZoneFile { mut rrsets, mut warnings, .. } = file;
    leave_out_keys(&mut rrsets, &mut warnings);
    let zone_text = zone.to_string();
    // Each record set is let go as soon as its record is made: a large file is held about once.
    let records = rrsets.into_iter().map(|rrset| record(&rrset, &zone_text, now_s));
    let records = PreparedRecords::new(zone, records.collect::<Result<_, _>>()?)?;
    Ok(Prepared { records, warnings })
}

/// Keys of the old server do not fit a zone that we serve; signatures and denials are gone already.
fn leave_out_keys(rrsets: &mut Vec<ImportedRrset>, warnings: &mut Vec<String>) {
    rrsets.retain(|rrset| {
        let is_key = matches!(rrset.rtype, RecordType::DNSKEY | RecordType::CDS | RecordType::CDNSKEY);
        if is_key {
            let (owner, rtype) = (&rrset.owner, rrset.rtype);
            warnings
                .push(format!("{owner} {rtype} is left out: it belongs to the signatures of another server"));
        }
        !is_key
    });
}

fn record(rrset: &ImportedRrset, zone: &str, now_s: u64) -> Result<PreparedRecord, ApiError> {
    let refused =
        |reason: String| ApiError::bad_request(format!("{} {}: {reason}", rrset.owner, rrset.rtype));
    let id = RecordId(ids::new_object_id(now_s));
    let mut document = RecordDoc::new(id, zone, &rrset.owner.to_string(), rrset.rtype, rrset.ttl);
    document.networks.push(0);
    let answer = |wire: &Vec<u8>| {
        let answer = rdata::to_fields(rrset.rtype, wire)?;
        Ok(AnswerDoc { id: AnswerId(ids::new_object_id(now_s)), answer, meta: Map::new(), region: None })
    };
    let answers: Result<_, RdataError> = rrset.rdatas.iter().map(answer).collect();
    document.answers = answers.map_err(|error| refused(error.to_string()))?;
    PreparedRecord::new(&document).map_err(|error| refused(error.to_string()))
}
