//! Identifiers: who gets which form, and how they are made.
//!
//! Zones, records, answers, feeds and log entries carry 24 lower-case hex digits: four octets of
//! unix time, five random ones drawn once per process, and a counter. They sort by age, cost no
//! system call and do not repeat across restarts. A data source carries 32 random hex digits, because
//! its id is the secret of its feed URL.

use std::fmt;
use std::str::FromStr;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use data_encoding::{HEXLOWER, HEXLOWER_PERMISSIVE};
use rand::RngExt;

/// The twelve octets behind 24 hex digits.
pub type ObjectId = [u8; 12];

/// A new object id; `now_s` is the unix time in seconds.
pub fn new_object_id(now_s: u64) -> ObjectId {
    static PROCESS: OnceLock<([u8; 5], AtomicU32)> = OnceLock::new();
    let (process, counter) =
        PROCESS.get_or_init(|| (rand::rng().random(), AtomicU32::new(rand::rng().random())));
    let mut id = [0; 12];
    // The low 32 bits of the time: they wrap in 2106, which only affects how ids sort.
    id[..4].copy_from_slice(&now_s.to_be_bytes()[4..]);
    id[4..9].copy_from_slice(process);
    id[9..].copy_from_slice(&counter.fetch_add(1, Ordering::Relaxed).to_be_bytes()[1..]);
    id
}

/// A new object id as 24 hex digits.
pub fn new_object_id_text(now_s: u64) -> String {
    HEXLOWER.encode(&new_object_id(now_s))
}

/// A new UUID of random digits (RFC 9562, 5.4).
pub fn new_uuid() -> String {
    let mut octets: [u8; 16] = rand::rng().random();
    octets[6] = octets[6] & 0x0f | 0x40;
    octets[8] = octets[8] & 0x3f | 0x80;
    let digits = HEXLOWER.encode(&octets);
    let parts = [0..8, 8..12, 12..16, 16..20, 20..32].map(|range| &digits[range]);
    parts.join("-")
}

/// Whether `text` is 24 hex digits.
pub fn is_object_id(text: &str) -> bool {
    text.len() == 24 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The id of a data source: 32 hex digits, unguessable.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SourceId(pub [u8; 16]);

impl SourceId {
    /// Draws a new id.
    pub fn random() -> Self {
        Self(rand::rng().random())
    }
}

impl fmt::Display for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&HEXLOWER.encode(&self.0))
    }
}

/// Shows only the first digits: the whole id lets anyone push to the source.
impl fmt::Debug for SourceId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SourceId({}…)", HEXLOWER.encode(&self.0[..4]))
    }
}

/// The text is not 32 hex digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a source id is 32 hex digits")]
pub struct NotASourceId;

impl FromStr for SourceId {
    type Err = NotASourceId;

    fn from_str(text: &str) -> Result<Self, NotASourceId> {
        let bytes = HEXLOWER_PERMISSIVE.decode(text.as_bytes()).map_err(|_| NotASourceId)?;
        bytes.try_into().map(Self).map_err(|_| NotASourceId)
    }
}

impl serde::Serialize for SourceId {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> serde::Deserialize<'de> for SourceId {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn object_ids_differ_and_carry_the_time_first() {
        let first = new_object_id_text(0x5205_1b2c);
        let second = new_object_id_text(0x5205_1b2c);
        assert_ne!(first, second);
        assert!(first.starts_with("52051b2c") && is_object_id(&first));
    }

    #[test]
    fn a_source_id_round_trips_and_refuses_other_lengths() {
        let id = SourceId::random();
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("abcd".parse::<SourceId>(), Err(NotASourceId));
        assert_eq!("zz".repeat(16).parse::<SourceId>(), Err(NotASourceId));
    }

    #[test]
    fn the_debug_form_of_a_source_id_hides_it() {
        let id = SourceId([0xab; 16]);
        assert_eq!(format!("{id:?}"), "SourceId(abababab…)");
    }
}
