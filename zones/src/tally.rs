//! The keys under which queries are counted: one for the zone, one for the record that answered.
//!
//! A key is made of hashes that a look-up needs anyway, so that a worker names what it counts in two words. Who
//! asks for counts makes the same keys from names. Keys hold as long as the hashes do: for the process, or for
//! all processes that were given the same seed ([`seed_hashes`]).

use crate::name::Name;
use crate::record_type::RecordType;
use crate::snapshot::QueryName;
use crate::snapshot::hash::{self, keys};

/// What one query is counted under.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TallyKeys {
    /// The zone; for a linked zone the one that was asked, not its target.
    pub zone: u64,
    /// The record that answered; 0 where none did.
    pub record: u64,
}

/// Which record of a zone answered a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Answering {
    /// The label of the question at which the zone's apex begins.
    pub apex_label: usize,
    /// The type of the record; `None` when there was no record: a denial, a referral, or a query of type ANY.
    pub record_type: Option<RecordType>,
    /// If a wildcard answered, the label at which the closest encloser begins.
    pub encloser_label: Option<usize>,
}

impl TallyKeys {
    /// The keys of a query for `name`.
    #[inline]
    pub fn of_query(name: &QueryName, answering: Answering) -> Self {
        let (keys, labels) = (keys(), name.labels());
        let zone = name.relative_hash(keys, answering.apex_label, labels);
        let Some(record_type) = answering.record_type else { return Self { zone, record: 0 } };
        let owner = match answering.encloser_label {
            None => name.hash_upwards(keys, zone, answering.apex_label, 0),
            Some(encloser) => {
                let parent = name.hash_upwards(keys, zone, answering.apex_label, encloser);
                keys.join(parent, keys.wildcard_label)
            }
        };
        Self { zone, record: record(zone, owner, record_type) }
    }

    /// The keys of a zone: what its queries have in [`TallyKeys::zone`].
    pub fn of_zone(apex: &Name) -> u64 {
        keys().absolute(apex.as_wire())
    }

    /// The key of a record: what queries that it answers have in [`TallyKeys::record`].
    pub fn of_record(apex: &Name, owner: &Name, record_type: RecordType) -> u64 {
        record(Self::of_zone(apex), keys().absolute(owner.as_wire()), record_type)
    }
}

/// Zone and owner are taken apart by the rotation: both are the same at an apex.
#[inline]
fn record(zone: u64, owner: u64, record_type: RecordType) -> u64 {
    keys().join(owner ^ zone.rotate_left(32), u64::from(record_type.0) + 1)
}

/// Makes all hashes of names follow from `seed`, which must be secret and random.
///
/// Without it the process draws a seed of its own. False if it has done so already: hashes are in use then.
#[must_use]
pub fn seed_hashes(seed: u64) -> bool {
    hash::seed(seed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn keys_of(text: &str, answering: Answering) -> TallyKeys {
        TallyKeys::of_query(&QueryName::from_wire(name(text).as_wire()).unwrap(), answering)
    }

    #[test]
    fn a_query_and_a_name_give_the_same_keys() {
        let found = Answering { apex_label: 2, record_type: Some(RecordType::A), encloser_label: None };
        let keys = keys_of("a.www.example.test", found);
        assert_eq!(keys.zone, TallyKeys::of_zone(&name("example.test")));
        let record = |owner, rtype| TallyKeys::of_record(&name("example.test"), &name(owner), rtype);
        assert_eq!(keys.record, record("a.www.example.test", RecordType::A));
        assert_ne!(keys.record, record("a.www.example.test", RecordType::AAAA));
        assert_ne!(keys.record, record("www.example.test", RecordType::A));
        assert_ne!(
            keys.record,
            TallyKeys::of_record(&name("www.example.test"), &name("a.www.example.test"), RecordType::A)
        );
    }

    #[test]
    fn a_wildcard_is_counted_and_not_the_names_it_stands_for() {
        for (asked, encloser_label) in [("x.y.w.example.test", 2), ("z.w.example.test", 1)] {
            let found = Answering {
                apex_label: encloser_label + 1,
                record_type: Some(RecordType::TXT),
                encloser_label: Some(encloser_label),
            };
            let expected =
                TallyKeys::of_record(&name("example.test"), &name("*.w.example.test"), RecordType::TXT);
            assert_eq!(keys_of(asked, found).record, expected, "{asked}");
        }
    }

    #[test]
    fn a_query_without_a_record_is_the_zones() {
        let denied = Answering { apex_label: 1, record_type: None, encloser_label: None };
        let keys = keys_of("nothing.example", denied);
        assert_eq!(keys, TallyKeys { zone: TallyKeys::of_zone(&name("example")), record: 0 });
    }

    #[test]
    fn a_seed_comes_too_late_once_hashes_are_in_use() {
        let before = TallyKeys::of_zone(&name("example"));
        assert!(!seed_hashes(1));
        assert_eq!(TallyKeys::of_zone(&name("example")), before);
    }
}
