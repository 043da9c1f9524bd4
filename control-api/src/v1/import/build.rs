//! From a parsed zone file to records that only need to be stored.
//!
//! All of it happens before the committer hears of the import: record data are checked and written as they are
//! stored. The committer then has little left to do but to take the result or leave it.

use zones::Name;
use zones::zone_file::{ImportedRrset, ZoneFile};

use crate::error::ApiError;
use crate::service::{ImportBuilder, PreparedRecords};

/// The content of a zone file, ready to be stored.
pub(super) struct Prepared {
    /// All records but the SOA and the name servers of the apex, which are ours.
    pub(super) records: PreparedRecords,
    /// What was left out, in words.
    pub(super) warnings: Vec<String>,
}

/// Makes records of the record sets of a file.
///
/// # Errors
///
/// 400 naming the record that cannot be as it is. Nothing of a file is taken then.
pub(super) fn prepare(file: ZoneFile, zone: &Name, now_s: u64) -> Result<Prepared, ApiError> {
    let ZoneFile { rrsets, warnings, .. } = file;
    let mut records = ImportBuilder::new(zone, now_s);
    // Each record set is let go as soon as its record is made: a large file is held about once.
    for ImportedRrset { owner, rtype, ttl, line, rdatas } in rrsets {
        records.add(&owner, rtype, ttl, &rdatas, line).map_err(|error| {
            ApiError::bad_request(format!("zonefile: line {line}: {owner} {rtype}: {error}"))
        })?;
    }
    Ok(Prepared { records: records.finish()?, warnings })
}
