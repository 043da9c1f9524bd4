//! How the names of an SOA record are compressed behind a question for a name of its zone (RFC 1035, 4.1.4).
//!
//! Every denial carries the SOA record. Where nothing but the question stands before it, its names are always
//! written in the same way, but for where in the question the apex begins: that way is found once, when the
//! zone is made. Only a question that has more than the apex in common with one of the names is different.

use super::hash::{keys, labels};
use super::query_name::QueryName;
use crate::name::Name;

/// How both names are written.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SoaNames {
    /// The primary master, MNAME.
    pub primary_master: CompressedName,
    /// The hostmaster, RNAME.
    pub hostmaster: CompressedName,
    /// Where the names are below the apex: the hashes of their labels right below it.
    below_apex: [Option<u64>; 2],
}

/// A name in parts.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CompressedName {
    /// Octets of the uncompressed name.
    pub octets: u8,
    /// How many of them, at the front, are spelled out: whole labels.
    pub spelled_octets: u8,
    /// What stands for the others.
    pub rest: Rest,
}

/// The end of a compressed name.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Rest {
    /// The root's octet.
    Root,
    /// A pointer to this offset in the apex.
    Apex(u8),
    /// A pointer to this offset in the primary master.
    PrimaryMaster(u8),
}

impl SoaNames {
    pub(crate) fn new(apex: &Name, primary_master: &Name, hostmaster: &Name) -> Self {
        let names @ [primary_master, hostmaster] = [primary_master.as_wire(), hostmaster.as_wire()];
        let apex = apex.as_wire();
        let in_apex = |ending: &[u8]| place(ending, apex).map(Rest::Apex);
        let first = CompressedName::new(primary_master, in_apex);
        let in_first = |ending: &[u8]| {
            place(ending, primary_master).filter(|at| *at < first.spelled_octets).map(Rest::PrimaryMaster)
        };
        Self {
            primary_master: first,
            hostmaster: CompressedName::new(hostmaster, |ending| {
                in_apex(ending).or_else(|| in_first(ending))
            }),
            below_apex: names.map(|name| label_below(apex, name).map(|label| keys().label(label))),
        }
    }

    /// Whether a question has no more than the apex, which begins at its label `apex_label`, in common with
    /// either name.
    #[inline]
    pub fn fit(&self, question: &QueryName, apex_label: usize) -> bool {
        match apex_label.checked_sub(1) {
            Some(label) => !self.below_apex.contains(&Some(question.label_hash(label))),
            None => true,
        }
    }
}

impl CompressedName {
    /// Compresses a name; `find` tells where an ending of it stands already.
    fn new(name: &[u8], find: impl Fn(&[u8]) -> Option<Rest>) -> Self {
        let known = endings(name).find_map(|(at, ending)| Some((at, find(ending)?)));
        let (spelled_octets, rest) = known.unwrap_or((name.len() as u8 - 1, Rest::Root));
        Self { octets: name.len() as u8, spelled_octets, rest }
    }
}

/// The endings of a name but the root, the longest first, and where they start.
fn endings(name: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    labels(&name[..name.len() - 1]).map(|(start, _)| (start as u8, &name[start..]))
}

/// Where a name has an ending.
fn place(ending: &[u8], name: &[u8]) -> Option<u8> {
    endings(name).find(|(_, other)| *other == ending).map(|(at, _)| at)
}

/// The label of a name that is right below the apex.
fn label_below<'a>(apex: &[u8], name: &'a [u8]) -> Option<&'a [u8]> {
    let below = name.len().checked_sub(apex.len())?;
    let label = labels(name).find(|(start, label)| start + label.len() == below)?.1;
    (name[below..] == *apex).then_some(label)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(apex: &str, primary_master: &str, hostmaster: &str) -> SoaNames {
        let [apex, primary_master, hostmaster] =
            [apex, primary_master, hostmaster].map(|text| Name::parse(text).unwrap());
        SoaNames::new(&apex, &primary_master, &hostmaster)
    }

    fn parts(name: CompressedName) -> (u8, Rest) {
        (name.spelled_octets, name.rest)
    }

    #[test]
    fn names_end_in_the_apex_as_far_as_they_have_it_in_common() {
        let below = names("example.com", "ns1.example.com", "admin.ops.example.com");
        assert_eq!(parts(below.primary_master), (4, Rest::Apex(0)));
        assert_eq!(parts(below.hostmaster), (10, Rest::Apex(0)));
        let beside = names("example.com", "ns1.net", "admin.com");
        assert_eq!(parts(beside.primary_master), (8, Rest::Root));
        assert_eq!(parts(beside.hostmaster), (6, Rest::Apex(8)));
        let equal = names("example.com", "example.com", "");
        assert_eq!(parts(equal.primary_master), (0, Rest::Apex(0)));
        assert_eq!((equal.hostmaster.octets, parts(equal.hostmaster)), (1, (0, Rest::Root)));
    }

    #[test]
    fn the_hostmaster_points_to_what_the_primary_master_spells() {
        let elsewhere = names("example.com", "ns1.dns.net", "admin.dns.net");
        assert_eq!(parts(elsewhere.hostmaster), (6, Rest::PrimaryMaster(4)));
        let same = names("example.com", "ns1.example.com", "ns1.example.com");
        assert_eq!(parts(same.hostmaster), (0, Rest::PrimaryMaster(0)));
    }

    #[test]
    fn a_question_fits_that_goes_another_way_below_the_apex() {
        let names = names("example.com", "ns1.example.com", "admin.ops.example.com");
        let fits = |question: &str, apex_label| {
            let question = Name::parse(question).unwrap();
            names.fit(&QueryName::from_wire(question.as_wire()).unwrap(), apex_label)
        };
        assert!(fits("example.com", 0) && fits("www.example.com", 1) && fits("ns1.www.example.com", 2));
        assert!(!fits("NS1.example.com", 1) && !fits("x.ops.example.com", 2));
    }
}
