//! Questions about everything in a zone, and about what is not there.

use std::collections::BTreeSet;

use rand::rngs::StdRng;
use rand::seq::{IndexedRandom, SliceRandom};
use rand::{RngExt, SeedableRng};
use sextant_tests::ZoneText;
use zones::zone_file::{self, ImportLimits};
use zones::{Name, RecordType};

/// One question and how it is asked.
#[derive(Clone, Debug)]
pub struct Question {
    /// Which of the zones it is about.
    pub zone: usize,
    /// The name in lower case, in wire form.
    pub name: Vec<u8>,
    pub rtype: u16,
    /// The message, with an identifier of zero.
    pub octets: Vec<u8>,
    /// Whether it goes over TCP even if the answer fits into a datagram.
    pub over_tcp: bool,
}

/// Asked at each name beside the types that the zone has, ANY among them.
const COMMON_TYPES: [u16; 12] = [1, 28, 2, 6, 15, 16, 43, 5, 39, 12, 33, 255];

/// Labels put below each name: those of the random zones, a wildcard, an unknown one, several.
const BELOW: [&[&[u8]]; 6] =
    [&[b"a"], &[b"x", b"y"], &[b"*"], &[b"zzz"], &[b"_tcp", b"q", b"w"], &[b"w", b"*"]];

/// At most `most` questions about the zones, in random order: a sample where there are more. Letters get a
/// random case, flags and EDNS payloads are random as well.
pub fn for_zones(zones: &[ZoneText], seed: u64, most: usize) -> Vec<Question> {
    let mut random = StdRng::seed_from_u64(seed);
    let mut pairs = Vec::new();
    for (index, zone) in zones.iter().enumerate() {
        let (names, types) = names_and_types(zone);
        for name in names {
            pairs.extend(types.iter().map(|&rtype| (index, name.clone(), rtype)));
        }
    }
    pairs.shuffle(&mut random);
    pairs.truncate(most);
    pairs.into_iter().map(|(zone, name, rtype)| question(zone, name, rtype, &mut random)).collect()
}

/// Every owner, the names between it and the apex, names below and beside all of these, and targets of NS,
/// CNAME and DNAME records in the zone; and the types to ask for at each.
fn names_and_types(zone: &ZoneText) -> (BTreeSet<Vec<u8>>, BTreeSet<u16>) {
    let apex = Name::parse(&zone.apex).expect("an apex is a name");
    let file = zone_file::parse(zone.text.as_bytes(), &apex, &ImportLimits::default())
        .expect("the zone files are good");
    let mut known = BTreeSet::from([apex.clone()]);
    let mut types = BTreeSet::from(COMMON_TYPES);
    for rrset in &file.rrsets {
        types.insert(rrset.rtype.0);
        let mut name = rrset.owner.clone();
        while name != apex {
            known.insert(name.clone());
            name = name.parent().expect("an owner is below the apex");
        }
        if matches!(rrset.rtype, RecordType::NS | RecordType::CNAME | RecordType::DNAME) {
            let targets = rrset.rdatas.iter().filter_map(|rdata| Name::from_wire(rdata).ok());
            known.extend(targets.filter(|target| target.is_subdomain_of(&apex)));
        }
    }
    let mut names = BTreeSet::new();
    for name in &known {
        let wire = name.as_wire();
        names.insert(wire.to_vec());
        names.extend(BELOW.iter().filter_map(|labels| with_labels(labels, wire)));
        // A label that makes the name as long as can be.
        let room = 255usize.saturating_sub(wire.len() + 1).min(63);
        names.extend(with_labels(&[&vec![b'm'; room]], wire));
        if *name != apex {
            let first = name.labels().next().expect("a name below the apex has a label").to_vec();
            let parent = &wire[first.len() + 1..];
            let longer = [&first[..], b"0"].concat();
            names.extend(
                [&b"beside"[..], &first[..first.len() - 1], &longer]
                    .iter()
                    .filter_map(|label| with_labels(&[label], parent)),
            );
        }
    }
    names.extend(apex.parent().map(|parent| parent.as_wire().to_vec()));
    (names, types)
}

/// Labels in front of a name, unless that is too long or a label is empty.
fn with_labels(labels: &[&[u8]], name: &[u8]) -> Option<Vec<u8>> {
    let mut longer = Vec::new();
    for label in labels {
        longer.push(u8::try_from(label.len()).ok().filter(|length| (1..=63).contains(length))?);
        longer.extend_from_slice(label);
    }
    longer.extend_from_slice(name);
    (longer.len() <= 255).then_some(longer)
}

fn question(zone: usize, name: Vec<u8>, rtype: u16, random: &mut StdRng) -> Question {
    let flags: u16 = *[0, 0x100, 0, 0x100, 0, 0x110].choose(random).expect("there are flags");
    let payload = random.random_bool(0.6).then(|| *[512u16, 1232, 1232, 4096].choose(random).expect("sizes"));
    let mut octets = vec![0, 0];
    octets.extend(flags.to_be_bytes());
    octets.extend([0, 1, 0, 0, 0, 0, 0, u8::from(payload.is_some())]);
    let mut at = 0;
    while let Some(&length) = name.get(at) {
        let label = &name[at + 1..at + 1 + usize::from(length)];
        octets.push(length);
        octets.extend(label.iter().map(|&octet| match octet {
            b'a'..=b'z' if random.random_bool(0.5) => octet.to_ascii_uppercase(),
            other => other,
        }));
        at += 1 + usize::from(length);
    }
    octets.extend(rtype.to_be_bytes());
    octets.extend([0, 1]);
    if let Some(payload) = payload {
        octets.extend([0, 0, 41]);
        octets.extend(payload.to_be_bytes());
        octets.extend([0, 0, 0, 0, 0, 0]);
    }
    Question { zone, name, rtype, octets, over_tcp: random.random_bool(0.03) }
}
