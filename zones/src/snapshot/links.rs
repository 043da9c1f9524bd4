//! Linked records: records that have what another record has.
//!
//! The tables hold what a link leads to, so that a query does not know of links. This registry knows who
//! links to whom, so that a change of a target reaches its linkers, in any zone.

use std::collections::{BTreeMap, BTreeSet};

use super::apexes::Apexes;
use super::nodes::StoredRrset;
use crate::limits::MAX_LINKS;
use crate::name::Name;
use crate::record_type::RecordType;

/// Owner and type; the order brings all records of a zone together.
type Key = (Name, RecordType);

/// A linked record.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Linker {
    pub(crate) zone: Name,
    pub(crate) owner: Name,
    pub(crate) rtype: RecordType,
}

/// Who links to whom.
#[derive(Debug, Default)]
pub(crate) struct Links {
    /// For each linked record, in each zone that has it: its target.
    targets: BTreeMap<Key, BTreeMap<Name, Name>>,
    /// For each target: who links to it.
    linkers: BTreeMap<Key, BTreeSet<Linker>>,
}

impl Links {
    /// Whether there is no linked record at all.
    pub(crate) fn is_empty(&self) -> bool {
        self.targets.is_empty()
    }

    /// Whether a record is linked.
    pub(crate) fn contains(&self, linker: &Linker) -> bool {
        let key = (linker.owner.clone(), linker.rtype);
        self.targets.get(&key).is_some_and(|zones| zones.contains_key(&linker.zone))
    }

    /// Whether some record links to this one.
    pub(crate) fn has_linkers(&self, key: &Key) -> bool {
        self.linkers.contains_key(key)
    }

    /// Notes that a record is linked.
    pub(crate) fn put(&mut self, linker: Linker, target: &Name) {
        self.remove(&linker);
        let key = (linker.owner.clone(), linker.rtype);
        self.targets.entry(key).or_default().insert(linker.zone.clone(), target.clone());
        self.linkers.entry((target.clone(), linker.rtype)).or_default().insert(linker);
    }

    /// Notes that a record is gone, or not linked.
    pub(crate) fn remove(&mut self, linker: &Linker) {
        if self.is_empty() {
            return;
        }
        let key = (linker.owner.clone(), linker.rtype);
        let Some(zones) = self.targets.get_mut(&key) else { return };
        let Some(target) = zones.remove(&linker.zone) else { return };
        if zones.is_empty() {
            self.targets.remove(&key);
        }
        let back = (target, linker.rtype);
        if let Some(linkers) = self.linkers.get_mut(&back) {
            linkers.remove(linker);
            if linkers.is_empty() {
                self.linkers.remove(&back);
            }
        }
    }

    /// Notes that a zone is gone, and gives all who link to a record in it.
    pub(crate) fn remove_zone(&mut self, zone: &Name) -> Vec<Linker> {
        let own: Vec<Linker> = below(&self.targets, zone)
            .filter(|(_, zones)| zones.contains_key(zone))
            .map(|((owner, rtype), _)| Linker { zone: zone.clone(), owner: owner.clone(), rtype: *rtype })
            .collect();
        for linker in &own {
            self.remove(linker);
        }
        below(&self.linkers, zone).flat_map(|(_, linkers)| linkers).cloned().collect()
    }

    /// All who link to a record, directly or through others.
    pub(crate) fn all_linkers(&self, changed: Vec<Key>) -> BTreeSet<Linker> {
        let mut found = BTreeSet::new();
        let mut open = changed;
        while let Some(key) = open.pop() {
            for linker in self.linkers.get(&key).into_iter().flatten() {
                if found.insert(linker.clone()) {
                    open.push((linker.owner.clone(), linker.rtype));
                }
            }
        }
        found
    }

    /// The RRset that a linked record has: nothing when its target is missing, or links lead in a circle.
    pub(crate) fn resolve<'a>(&self, apexes: &'a Apexes, linker: &Linker) -> Option<StoredRrset<'a>> {
        let mut target = self.targets.get(&(linker.owner.clone(), linker.rtype))?.get(&linker.zone)?;
        for _ in 0..MAX_LINKS {
            match self.step(apexes, target, linker.rtype)? {
                Step::Rrset(rrset) => return Some(rrset),
                Step::Link(next) => target = next,
            }
        }
        None
    }

    /// What is at a name: in the zone with the longest apex that has the record.
    fn step<'a, 's>(&'s self, apexes: &'a Apexes, name: &Name, rtype: RecordType) -> Option<Step<'a, 's>> {
        let zones_with_link = self.targets.get(&(name.clone(), rtype));
        let mut apex = Some(name.clone());
        while let Some(candidate) = apex {
            if let Some(next) = zones_with_link.and_then(|zones| zones.get(&candidate)) {
                return Some(Step::Link(next));
            }
            if let Some(zone) = apexes.get(&candidate)
                && let Some(rrset) = zone.stored_rrset(name, rtype)
            {
                return Some(Step::Rrset(rrset));
            }
            apex = candidate.parent();
        }
        None
    }
}

enum Step<'a, 's> {
    Rrset(StoredRrset<'a>),
    Link(&'s Name),
}

/// The entries whose names are at or below an apex.
fn below<'a, V>(map: &'a BTreeMap<Key, V>, apex: &'a Name) -> impl Iterator<Item = (&'a Key, &'a V)> {
    map.range((apex.clone(), RecordType(0))..).take_while(move |((name, _), _)| name.is_subdomain_of(apex))
}
