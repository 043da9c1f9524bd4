//! How documents and keys are written in the tables.
//!
//! A value is one version octet followed by the document as JSON, so that a later version can read what
//! an earlier one wrote; plain records have a form of their own ([`packed`]). Keys sort the way lists are shown: zones by name, the records of a zone by owner
//! and then by type number. The text of a name never holds a NUL octet (it is escaped), which therefore
//! separates the parts.

use filters::FeedId;
use serde::Serialize;
use serde::de::DeserializeOwned;
use zones::{Name, RecordDoc, RecordType};

use super::packed::{self, PackedRecord};
use crate::error::ApiError;
use crate::ids::SourceId;

/// The version octet that this program writes.
const FORMAT: u8 = 1;

/// Separates the parts of a key.
const SEPARATOR: u8 = 0;

/// A document as table value.
///
/// # Errors
/// Only for a document that JSON cannot hold, which is a bug.
pub(crate) fn encode<T: Serialize>(document: &T) -> Result<Vec<u8>, ApiError> {
    let mut value = vec![FORMAT];
    serde_json::to_writer(&mut value, document).map_err(ApiError::internal)?;
    Ok(value)
}

/// A document from a table value.
///
/// # Errors
/// When the value was written by a later version or is damaged.
pub(crate) fn decode<T: DeserializeOwned>(value: &[u8]) -> Result<T, ApiError> {
    match value.split_first() {
        Some((&FORMAT, json)) => serde_json::from_slice(json)
            .map_err(|error| ApiError::internal(format!("a stored document is unreadable: {error}"))),
        Some((version, _)) => Err(ApiError::internal(format!(
            "a stored document has format {version}, this program reads format {FORMAT}"
        ))),
        None => Err(ApiError::internal("a stored document is empty")),
    }
}

/// A record as table value.
///
/// # Errors
/// As [`encode`].
pub(crate) fn encode_record(key: &[u8], record: &RecordDoc) -> Result<Vec<u8>, ApiError> {
    packed::pack(key, record).map_or_else(|| encode(record), Ok)
}

/// A record from its key and its table value.
///
/// # Errors
/// As [`decode`].
pub(crate) fn decode_record(key: &[u8], value: &[u8]) -> Result<RecordDoc, ApiError> {
    match PackedRecord::read(value) {
        Some(packed) => packed.document(key).map_err(ApiError::internal),
        None => decode(value),
    }
}

/// The key of a zone.
pub(crate) fn zone_key(zone: &Name) -> Vec<u8> {
    zone.to_string().into_bytes()
}

/// What the keys of all records of a zone begin with.
pub(crate) fn records_of_zone(zone: &Name) -> Vec<u8> {
    let mut key = zone_key(zone);
    key.push(SEPARATOR);
    key
}

/// What the keys of all records of an owner begin with.
pub(crate) fn records_of_owner(zone: &Name, owner: &Name) -> Vec<u8> {
    let mut key = records_of_zone(zone);
    key.extend_from_slice(owner.to_string().as_bytes());
    key.push(SEPARATOR);
    key
}

/// The key of a record.
pub(crate) fn record_key(zone: &Name, owner: &Name, rtype: RecordType) -> Vec<u8> {
    let mut key = records_of_owner(zone, owner);
    key.extend_from_slice(&rtype.0.to_be_bytes());
    key
}

/// Zone, owner and type of a record's key.
pub(crate) fn parse_record_key(key: &[u8]) -> Option<(&str, &str, RecordType)> {
    let (names, rtype) = key.split_last_chunk::<2>()?;
    let mut parts = names.split(|octet| *octet == SEPARATOR);
    let zone = std::str::from_utf8(parts.next()?).ok()?;
    let owner = std::str::from_utf8(parts.next()?).ok()?;
    Some((zone, owner, RecordType(u16::from_be_bytes(*rtype))))
}

/// What of a record's key says where it is, without the type: zone and owner.
pub(crate) fn owner_of_key(key: &[u8]) -> &[u8] {
    key.split_last_chunk::<2>().map_or(key, |(names, _)| names)
}

/// The key of a source.
pub(crate) fn source_key(source: SourceId) -> Vec<u8> {
    source.0.to_vec()
}

/// The key of a feed; the feeds of a source are neighbors.
pub(crate) fn feed_key(source: SourceId, feed: FeedId) -> Vec<u8> {
    [&source.0[..], &feed.0[..]].concat()
}

/// The key of a feed's values.
pub(crate) fn feed_values_key(feed: FeedId) -> Vec<u8> {
    feed.0.to_vec()
}

/// What the keys of all uses of a feed begin with.
pub(crate) fn uses_of_feed(feed: FeedId) -> Vec<u8> {
    [&b"f"[..], &feed.0[..]].concat()
}

/// The key of the uses that one record makes of a feed.
pub(crate) fn use_by_feed(feed: FeedId, record_key: &[u8]) -> Vec<u8> {
    [&b"f"[..], &feed.0[..], record_key].concat()
}

/// What the keys of feeds used by records of a zone begin with, given [`records_of_zone`].
pub(crate) fn uses_by_records(record_prefix: &[u8]) -> Vec<u8> {
    [&b"r"[..], record_prefix].concat()
}

/// The key that leads from a record to a feed it uses.
pub(crate) fn use_by_record(record_key: &[u8], feed: FeedId) -> Vec<u8> {
    [&b"r"[..], record_key, &feed.0[..]].concat()
}

/// The feed and the record's key in a key made by [`use_by_record`].
pub(crate) fn parse_use_by_record(key: &[u8]) -> Option<(FeedId, &[u8])> {
    let (record, feed) = key.strip_prefix(b"r")?.split_last_chunk::<12>()?;
    Some((FeedId(*feed), record))
}

/// The record's key in a key made by [`use_by_feed`].
pub(crate) fn parse_use_by_feed(key: &[u8]) -> Option<&[u8]> {
    key.strip_prefix(b"f")?.get(12..)
}

/// What the keys of all zones linked to `target` begin with (table `Meta`).
pub(crate) fn links_to_zone(target: &Name) -> Vec<u8> {
    let mut key = b"link\0".to_vec();
    key.extend_from_slice(&zone_key(target));
    key.push(SEPARATOR);
    key
}

/// The key that says that `zone` is linked to `target` (table `Meta`).
pub(crate) fn link_key(target: &Name, zone: &Name) -> Vec<u8> {
    let mut key = links_to_zone(target);
    key.extend_from_slice(&zone_key(zone));
    key
}

/// The key of the serial that a deleted zone had (table `Meta`).
pub(crate) fn deleted_serial_key(zone: &Name) -> Vec<u8> {
    [&b"serial\0"[..], &zone_key(zone)].concat()
}

/// Kinds of documents of the account (table `Meta`).
#[derive(Clone, Copy, Debug)]
pub(crate) enum AccountTable {
    /// Teams, by id.
    Teams,
    /// Users, by name.
    Users,
    /// Address lists, by id.
    Whitelists,
    /// The one document with contact details.
    Settings,
    /// The one document with warning levels.
    UsageWarnings,
}

/// The key of a document of the account; without an id, what the keys of its kind begin with.
pub(crate) fn account_key(table: AccountTable, id: &str) -> Vec<u8> {
    let kind = match table {
        AccountTable::Teams => "team",
        AccountTable::Users => "user",
        AccountTable::Whitelists => "whitelist",
        AccountTable::Settings => "settings",
        AccountTable::UsageWarnings => "usagewarnings",
    };
    [kind.as_bytes(), &[SEPARATOR], id.as_bytes()].concat()
}

/// The key of the time at which a secret was last used (table `Meta`).
pub(crate) fn last_access_key(secret_id: &str) -> Vec<u8> {
    [&b"access\0"[..], secret_id.as_bytes()].concat()
}

/// What the keys of all TSIG keys begin with (table `Meta`).
pub(crate) const TSIG_KEYS: &[u8] = b"tsig\0";

/// The key of a TSIG key (table `Meta`).
pub(crate) fn tsig_key(name: &Name) -> Vec<u8> {
    [TSIG_KEYS, &zone_key(name)].concat()
}

/// The key of what is known of the versions of a zone (table `Meta`).
pub(crate) fn versions_key(zone: &Name) -> Vec<u8> {
    [&b"versions\0"[..], &zone_key(zone)].concat()
}

/// What the keys of the records of all versions of a zone begin with (table `Meta`).
pub(crate) fn version_contents(zone: &Name) -> Vec<u8> {
    let mut key = b"version\0".to_vec();
    key.extend_from_slice(&records_of_zone(zone));
    key
}

/// What the keys of the records of one version begin with; the key of the record itself follows (table `Meta`).
pub(crate) fn version_content(zone: &Name, content: [u8; 12]) -> Vec<u8> {
    [&version_contents(zone)[..], &content[..]].concat()
}

/// The key of an import job (table `Jobs`).
pub(crate) fn job_key(id: &str) -> Vec<u8> {
    id.as_bytes().to_vec()
}

/// The key of an activity entry: newest first, then by id.
pub(crate) fn activity_key(timestamp_us: u64, id: [u8; 12]) -> Vec<u8> {
    [&(!timestamp_us).to_be_bytes()[..], &id[..]].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    #[test]
    fn a_record_key_tells_its_parts() {
        let key = record_key(&name("example.com"), &name("www.example.com"), RecordType::AAAA);
        assert_eq!(parse_record_key(&key), Some(("example.com", "www.example.com", RecordType::AAAA)));
    }

    #[test]
    fn the_records_of_a_zone_do_not_share_a_prefix_with_those_of_a_longer_name() {
        let key = record_key(&name("example.com.au"), &name("example.com.au"), RecordType::A);
        assert!(!key.starts_with(&records_of_zone(&name("example.com"))));
    }

    #[test]
    fn a_nul_octet_in_a_name_cannot_break_a_key() {
        let key = record_key(&name("example"), &name(r"a\000b.example"), RecordType::A);
        assert_eq!(key.iter().filter(|octet| **octet == 0).count(), 2 + 1);
        assert_eq!(parse_record_key(&key).unwrap().1, r"a\000b.example");
    }

    #[test]
    fn uses_lead_both_ways() {
        let record = record_key(&name("example"), &name("a.example"), RecordType::A);
        let feed = FeedId([7; 12]);
        assert_eq!(parse_use_by_record(&use_by_record(&record, feed)), Some((feed, &record[..])));
        assert_eq!(parse_use_by_feed(&use_by_feed(feed, &record)), Some(&record[..]));
    }

    #[test]
    fn newer_activity_sorts_first() {
        assert!(activity_key(2, [0; 12]) < activity_key(1, [0; 12]));
    }

    #[test]
    fn a_document_of_a_later_format_is_refused_with_its_number() {
        let error = decode::<String>(&[9, b'"', b'"']).unwrap_err();
        assert_eq!(error.status, 500);
        assert!(error.detail.unwrap().contains("format 9"));
        assert_eq!(decode::<String>(&encode(&"x").unwrap()), Ok("x".to_owned()));
    }
}
