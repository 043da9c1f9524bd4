//! Zones of a few and of hundreds of names, whose nodes take four octets or thousands, against maps.

use std::collections::BTreeMap;
use std::ops::Range;

use proptest::prelude::*;

use super::*;

/// A zone in a zone, one beside them, and one whose apex is not kept in the zone itself.
const APEXES: [&str; 4] = ["z", "in.z", "y", "a-zone-with-a-name-that-is-longer-than-most.example"];
/// A zone that has the content of the first.
const LINKED: &str = "linked.test";
/// Names of each zone.
const NAMES: usize = 300;
/// Octets of rdata, in the node and aside of it.
const SIZES: [usize; 8] = [1, 4, 30, 300, 511, 512, 513, 60_000];

/// What a zone has: numbers of names, and of each the rdata by type.
type Content = BTreeMap<usize, BTreeMap<RecordType, Vec<u8>>>;

/// A change of names in a row.
#[derive(Clone, Debug)]
enum Step {
    Put { names: Range<usize>, types: u16, octets: usize },
    Delete { names: Range<usize> },
}

/// One name in five is below the one before it.
fn owner(apex: &str, number: usize) -> String {
    match number % 5 {
        0 if number > 0 => format!("below.n{}.{apex}", number - 1),
        _ => format!("n{number}.{apex}"),
    }
}

fn any_step() -> impl Strategy<Value = Step> {
    let names = || {
        let most = prop_oneof![3 => Just(3_usize), 3 => Just(15), 1 => Just(NAMES)];
        (0..NAMES, most).prop_flat_map(|(start, most)| {
            (Just(start), 0..=most).prop_map(|(start, count)| start..(start + count).min(NAMES))
        })
    };
    let types = prop_oneof![6 => Just(1_u16), 2 => 2..6_u16, 1 => Just(128)];
    prop_oneof![
        (names(), types, prop::sample::select(&SIZES)).prop_map(|(names, types, octets)| Step::Put {
            names,
            types,
            octets
        }),
        names().prop_map(|names| Step::Delete { names }),
        Just(Step::Delete { names: 0..NAMES }),
        (0..NAMES).prop_map(|left| Step::Delete { names: left..NAMES }),
    ]
}

impl Step {
    /// Makes the change to the map, and tells what it is to the world.
    fn take(&self, apex: &str, content: &mut Content) -> Vec<Change> {
        let mut changes = Vec::new();
        match self {
            Step::Put { names, types, octets } => {
                for number in names.clone() {
                    // Types above 1000 have no form of their own.
                    let rdata = vec![number as u8; if *types > 6 { octets % 500 } else { *octets }];
                    for rtype in (0..*types).map(|index| RecordType(1000 + index)) {
                        changes.push(put(apex, &owner(apex, number), rtype, &[&rdata]));
                        content.entry(number).or_default().insert(rtype, rdata.clone());
                    }
                }
            }
            Step::Delete { names } => {
                for number in names.clone() {
                    for rtype in content.remove(&number).unwrap_or_default().into_keys() {
                        changes.push(delete(apex, &owner(apex, number), rtype));
                    }
                }
            }
        }
        changes
    }
}

/// Compares each look-up of a name, alone and together with others, with the map.
fn check(snapshot: &Snapshot, apex: &str, content: &Content) -> Result<(), TestCaseError> {
    let questions: Vec<_> = (0..NAMES).map(|number| query(&owner(apex, number))).collect();
    let (apex_name, mut together) = (name(apex), vec![None; questions.len()]);
    snapshot.find_zones(&questions, &mut together);
    for (number, (question, together)) in questions.iter().zip(together).enumerate() {
        let has_child = number % 5 == 4 && content.contains_key(&(number + 1));
        for found in [snapshot.find_zone(question, RecordType::A), together] {
            let found = found.expect("the zone is there");
            prop_assert_eq!(question.suffix(found.apex_label), apex_name.as_wire());
            match (found.lookup(question, RecordType::A), content.get(&number)) {
                (Lookup::Found(node), Some(rrsets)) => {
                    let got = node.rrsets().map(|rrset| (rrset.rtype, first_rdata(&rrset)));
                    prop_assert!(got.eq(rrsets.iter().map(|(rtype, rdata)| (*rtype, rdata.as_slice()))));
                }
                (Lookup::Found(node), None) => prop_assert!(node.is_empty() && has_child, "{number}"),
                (Lookup::NxDomain, None) => prop_assert!(!has_child, "{number}"),
                _ => prop_assert!(false, "{number} of {apex}"),
            }
        }
    }
    Ok(())
}

/// How many nodes a zone with this content has: its names, the names above those, and the apex.
fn node_count(content: &Content) -> usize {
    let is_child = |number: usize| number.is_multiple_of(5) && number > 0;
    let bare = content.keys().filter(|&&number| is_child(number) && !content.contains_key(&(number - 1)));
    content.len() + bare.count() + 1
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(30))]

    #[test]
    fn names_are_found_in_zones_of_all_sizes_on_their_way_from_one_to_the_other(
        batches in prop::collection::vec(prop::collection::vec((0..APEXES.len(), any_step()), 1..5), 1..12)
    ) {
        let mut world = World::new();
        let linked = Change::PutZone(ZoneSettings { link: Some(name(APEXES[0])), ..settings(LINKED) });
        world.apply(0, APEXES.map(put_zone).into_iter().chain([linked]));
        let mut contents: [Content; APEXES.len()] = Default::default();
        for batch in batches {
            let before = Arc::clone(world.snapshot());
            let contents_before = contents.clone();
            let changes: Vec<_> =
                batch.iter().flat_map(|(zone, step)| step.take(APEXES[*zone], &mut contents[*zone])).collect();
            let snapshot = world.apply(1, changes);
            for (apex, content) in APEXES.iter().zip(&contents) {
                check(&snapshot, apex, content)?;
                let zone = snapshot.zone(&name(apex)).unwrap();
                prop_assert_eq!(zone.node_count(), node_count(content));
                prop_assert_eq!(zone.nodes().count(), node_count(content));
                prop_assert_eq!(zone.rrset_count(), content.values().map(BTreeMap::len).sum::<usize>());
            }
            check(&snapshot, LINKED, &contents[0])?;
            let (zone, _) = batch[0];
            check(&before, APEXES[zone], &contents_before[zone])?;
        }
    }
}
