//! Random small worlds, changed in random steps, against sets of records searched from end to end.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;

const APEXES: [&str; 4] = ["z", "a.z", "b.a.z", "y"];
const LABELS: [&str; 3] = ["a", "b", "*"];
const TYPES: [RecordType; 6] =
    [RecordType::A, RecordType::TXT, RecordType::NS, RecordType::DNAME, RecordType::CNAME, RecordType::DS];

/// The slow truth: for each zone, the rdata of each owner and type.
#[derive(Clone, Default)]
struct Model(BTreeMap<Name, BTreeMap<(Name, RecordType), Vec<u8>>>);

impl Model {
    fn apply(&mut self, step: &Step) {
        match step {
            Step::PutZone(apex) => {
                self.0.entry(name(apex)).or_default();
            }
            Step::DeleteZone(apex) => {
                self.0.remove(&name(apex));
            }
            Step::Put { zone, owner, rtype, rdata, .. } => {
                let records = self.0.get_mut(&name(zone)).unwrap();
                records.insert((name(owner), *rtype), rdata.clone());
            }
            Step::Delete { zone, owner, rtype } => {
                self.0.get_mut(&name(zone)).unwrap().remove(&(name(owner), *rtype));
            }
        }
    }

    fn ask(&self, question: &str, rtype: RecordType) -> String {
        let question = name(question);
        let mut zones: Vec<_> = self.0.iter().filter(|(apex, _)| question.is_subdomain_of(apex)).collect();
        zones.sort_by_key(|(apex, _)| std::cmp::Reverse(apex.label_count()));
        let is_at_apex = zones.first().is_some_and(|(apex, _)| **apex == question);
        let chosen = if rtype == RecordType::DS && is_at_apex && zones.len() > 1 { 1 } else { 0 };
        let Some((apex, records)) = zones.get(chosen) else { return "refused".to_owned() };
        let has = |owner: &Name, rtype| records.contains_key(&(owner.clone(), rtype));
        let exists =
            |name: &Name| name == *apex || records.keys().any(|(owner, _)| owner.is_subdomain_of(name));
        let at = |owner: &Name| match records.get(&(owner.clone(), rtype)) {
            Some(rdata) => String::from_utf8_lossy(rdata).into_owned(),
            None => "nodata".to_owned(),
        };
        for name in ancestors(&question).into_iter().rev().filter(|name| name.is_subdomain_of(apex)) {
            let is_question = name == question;
            if name != **apex && has(&name, RecordType::NS) && !(is_question && rtype == RecordType::DS) {
                return format!("delegation {name}");
            }
            if has(&name, RecordType::DNAME) && !is_question {
                return format!("dname {name}");
            }
        }
        if exists(&question) {
            return at(&question);
        }
        let encloser = ancestors(&question).into_iter().find(|name| exists(name)).unwrap();
        let wildcard = name(&format!("*.{encloser}"));
        if exists(&wildcard) { format!("wildcard {}", at(&wildcard)) } else { "nxdomain".to_owned() }
    }
}

/// The name itself, its parent, and so on.
fn ancestors(name: &Name) -> Vec<Name> {
    std::iter::successors(Some(name.clone()), Name::parent).collect()
}

#[derive(Clone, Debug)]
enum Step {
    PutZone(&'static str),
    DeleteZone(&'static str),
    Put { zone: &'static str, owner: String, rtype: RecordType, rdata: Vec<u8>, is_steered: bool },
    Delete { zone: &'static str, owner: String, rtype: RecordType },
}

impl Step {
    /// Whether the zone of a record exists when it changes.
    fn is_valid(&self, model: &Model) -> bool {
        match self {
            Step::PutZone(_) | Step::DeleteZone(_) => true,
            Step::Put { zone, .. } | Step::Delete { zone, .. } => model.0.contains_key(&name(zone)),
        }
    }

    fn change(&self) -> Change {
        match self {
            Step::PutZone(apex) => put_zone(apex),
            Step::DeleteZone(apex) => Change::DeleteZone(name(apex)),
            Step::Put { zone, owner, rtype, rdata, is_steered: false } => put(zone, owner, *rtype, &[rdata]),
            Step::Put { zone, owner, rtype, rdata, is_steered: true } => {
                put_steered(zone, owner, *rtype, rdata)
            }
            Step::Delete { zone, owner, rtype } => delete(zone, owner, *rtype),
        }
    }
}

fn any_owner(zone: &'static str) -> impl Strategy<Value = String> {
    prop::collection::vec(prop::sample::select(&LABELS), 0..4)
        .prop_map(move |labels| labels.into_iter().chain([zone]).collect::<Vec<_>>().join("."))
}

fn any_step() -> impl Strategy<Value = Step> {
    let zone = || prop::sample::select(&APEXES);
    let rtype = || prop::sample::select(&TYPES);
    let owned = || zone().prop_flat_map(|zone| (Just(zone), any_owner(zone)));
    // Long rdata lies aside from its node.
    let rdata = || {
        (any::<u8>(), prop_oneof![9 => Just(1), 1 => Just(600)])
            .prop_map(|(octet, length)| vec![b'a' + octet % 26; length])
    };
    prop_oneof![
        1 => zone().prop_map(Step::DeleteZone),
        4 => zone().prop_map(Step::PutZone),
        25 => (owned(), rtype(), rdata(), prop::bool::weighted(0.2)).prop_map(
            |((zone, owner), rtype, rdata, is_steered)| Step::Put { zone, owner, rtype, rdata, is_steered }
        ),
        15 => (owned(), rtype()).prop_map(|((zone, owner), rtype)| Step::Delete { zone, owner, rtype }),
    ]
}

fn questions() -> Vec<String> {
    let mut all = vec!["z".to_owned(), "y".to_owned(), ".".to_owned(), "x".to_owned()];
    let mut last = all[..2].to_vec();
    for _ in 0..4 {
        last = last
            .iter()
            .flat_map(|below| ["a", "b", "*", "c"].map(|label| format!("{label}.{below}")))
            .collect();
        all.extend(last.iter().cloned());
    }
    all
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn every_question_gets_what_the_slow_model_says(
        batches in prop::collection::vec(prop::collection::vec(any_step(), 1..12), 1..7)
    ) {
        let mut world = World::new();
        let mut model = Model::default();
        world.apply(0, APEXES.map(put_zone));
        for apex in APEXES {
            model.apply(&Step::PutZone(apex));
        }
        for (revision, batch) in batches.iter().enumerate() {
            let mut changes = Vec::new();
            for step in batch {
                if step.is_valid(&model) {
                    changes.push(step.change());
                    model.apply(step);
                }
            }
            let snapshot = world.apply(revision as u64, changes);
            prop_assert_eq!(snapshot.zone_count(), model.0.len());
            let fresh = World::new().apply(0, fresh_changes(&model, &snapshot));
            prop_assert_eq!(dump(&snapshot), dump(&fresh));
        }
        let snapshot = world.snapshot();
        let questions = questions();
        let together = ask_together(snapshot, &questions, RecordType::A);
        for (question, together) in questions.iter().zip(together) {
            prop_assert_eq!(ask(snapshot, question, RecordType::A), together, "{}", question);
        }
        for question in questions {
            for rtype in [RecordType::A, RecordType::DS] {
                prop_assert_eq!(
                    ask(snapshot, &question, rtype),
                    model.ask(&question, rtype),
                    "{} {}", question, rtype
                );
            }
        }
    }
}

/// All of the model as one change set; TTLs are taken from the snapshot, which the model does not know.
fn fresh_changes(model: &Model, snapshot: &Snapshot) -> Vec<Change> {
    let mut changes = Vec::new();
    for (apex, records) in &model.0 {
        let zone = apex.to_string();
        changes.push(put_zone(&zone));
        for ((owner, rtype), rdata) in records {
            let stored = snapshot.zone(apex).unwrap().stored_rrset(owner, *rtype).unwrap();
            let ttl = stored.ttl_s;
            let record = CompiledRecord::from_rdata(owner.clone(), *rtype, ttl, &[rdata]).unwrap();
            changes.push(Change::PutRecord { zone: apex.clone(), record });
        }
    }
    changes
}
