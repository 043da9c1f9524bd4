//! The zones of a snapshot, by apex.

use std::sync::Arc;

use super::hash::{keys, labels};
use super::query_name::QueryName;
use super::shards::{Shards, address, parent};
use super::zone::Zone;
use super::zone_match::ZoneMatch;
use crate::limits::MAX_LINKS;
use crate::name::{MAX_LABELS, Name};
use crate::record_type::RecordType;

/// Zones per shard at which a shard is added. A changed zone costs a copy of the pointers of its shard.
const ZONES_PER_SHARD: usize = 32;
/// Zones per shard below which shards are merged.
const FEWEST_ZONES_PER_SHARD: usize = 8;

/// One place of an open-addressing table. The hash spares looking at zones that cannot be the one.
#[derive(Clone, Debug, Default)]
struct Slot {
    fingerprint: u32,
    zone: Option<Arc<Zone>>,
}

/// One shard of the table of zones.
///
/// Invariants: empty, or with at least one free slot.
#[derive(Clone, Debug, Default)]
struct Shard(Option<Arc<[Slot]>>);

impl Shard {
    #[inline]
    fn find(&self, hash: u64, apex: &[u8]) -> Option<&Arc<Zone>> {
        let slots = self.0.as_ref()?;
        let mut slot = first_slot(hash, slots.len());
        loop {
            let zone = slots[slot].zone.as_ref()?;
            if slots[slot].fingerprint == hash as u32 && zone.apex_name_wire() == apex {
                return Some(zone);
            }
            slot += 1;
            if slot == slots.len() {
                slot = 0;
            }
        }
    }

    /// The zone that probably has a hash.
    #[inline]
    fn find_likely(&self, hash: u64) -> Option<&Arc<Zone>> {
        let slots = self.0.as_ref()?;
        let (before, from) = slots.split_at(first_slot(hash, slots.len()));
        let mut taken =
            from.iter().chain(before).map_while(|slot| Some((slot.fingerprint, slot.zone.as_ref()?)));
        taken.find(|(fingerprint, _)| *fingerprint == hash as u32).map(|(_, zone)| zone)
    }

    /// The slot where a search for a hash starts.
    #[inline]
    fn first(&self, hash: u64) -> Option<&Slot> {
        let slots = self.0.as_ref()?;
        slots.get(first_slot(hash, slots.len()))
    }

    fn zones(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.0.iter().flat_map(|slots| slots.iter()).filter_map(|slot| slot.zone.as_ref())
    }

    fn from_zones(zones: Vec<Arc<Zone>>) -> Self {
        if zones.is_empty() {
            return Self(None);
        }
        let mut slots = vec![Slot::default(); zones.len() * 2];
        for zone in zones {
            let hash = keys().absolute(zone.apex_name_wire());
            let mut slot = first_slot(hash, slots.len());
            while slots[slot].zone.is_some() {
                slot = (slot + 1) % slots.len();
            }
            slots[slot] = Slot { fingerprint: hash as u32, zone: Some(zone) };
        }
        Self(Some(slots.into()))
    }
}

#[inline]
fn first_slot(hash: u64, slots: usize) -> usize {
    (((hash >> 32) * slots as u64) >> 32) as usize
}

/// All zones. Cloning it shares everything.
#[derive(Clone, Debug)]
pub(crate) struct Apexes {
    shards: Shards<Shard>,
    count: usize,
    /// Bit `n` is set when some apex has `n` labels: other suffixes of a question need no look.
    depths: u128,
    /// How many apexes have each number of labels.
    depth_counts: [u32; MAX_LABELS + 1],
}

impl Default for Apexes {
    fn default() -> Self {
        Self { shards: Shards::default(), count: 0, depths: 0, depth_counts: [0; MAX_LABELS + 1] }
    }
}

/// Reading.
impl Apexes {
    pub(crate) fn len(&self) -> usize {
        self.count
    }

    pub(crate) fn get(&self, apex: &Name) -> Option<&Arc<Zone>> {
        let hash = keys().absolute(apex.as_wire());
        self.shards.of(hash).find(hash, apex.as_wire())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.shards.iter().flat_map(Shard::zones)
    }

    /// The zone with the longest apex; for DS, the one with the longest apex above the name, if there is one.
    #[inline]
    pub(crate) fn enclosing<'a>(&'a self, name: &QueryName, rtype: RecordType) -> Option<ZoneMatch<'a>> {
        let keys = keys();
        let labels = name.labels();
        let mut found = None;
        let mut hash = keys.origin;
        let mut depth = 0;
        let mut depths = self.depths & (u128::MAX >> (MAX_LABELS - labels));
        while depths != 0 {
            let next = depths.trailing_zeros() as usize;
            depths &= depths - 1;
            while depth < next {
                depth += 1;
                hash = keys.join(hash, name.label_hash(labels - depth));
            }
            let label = labels - depth;
            let is_parent_enough = label == 0 && rtype == RecordType::DS && found.is_some();
            if is_parent_enough {
                break;
            }
            if let Some(zone) = self.shards.of(hash).find(hash, name.suffix(label)) {
                found = Some(ZoneMatch::new(zone, label));
            }
        }
        found
    }

    /// Where the zone of a name will be looked for. The hashes are those of the name's labels.
    #[inline]
    pub(super) fn candidates<'a>(&'a self, label_hashes: &[u64], candidates: &mut Candidates<'a>) {
        let (keys, labels) = (keys(), label_hashes.len());
        let (mut hash, mut depth) = (keys.origin, 0);
        let mut depths = self.depths & (u128::MAX >> (MAX_LABELS - labels));
        candidates.count = 0;
        while depths != 0 {
            let next = depths.trailing_zeros() as usize;
            depths &= depths - 1;
            while depth < next {
                depth += 1;
                hash = keys.join(hash, label_hashes[labels - depth]);
            }
            candidates.push(Candidate { shard: Some(self.shards.of(hash)), hash, label: labels - depth });
        }
    }
}

/// Apexes of a name that are looked for together with those of others; practically all names have fewer.
const MAX_CANDIDATES: usize = 4;

/// Where the zone of a name will be looked for, the longest apex last.
#[derive(Clone, Copy, Default)]
pub(super) struct Candidates<'a> {
    all: [Candidate<'a>; MAX_CANDIDATES],
    count: usize,
}

#[derive(Clone, Copy, Default)]
struct Candidate<'a> {
    shard: Option<&'a Shard>,
    hash: u64,
    label: usize,
}

impl<'a> Candidates<'a> {
    /// Adds one. Of too many the shortest goes.
    #[inline]
    fn push(&mut self, candidate: Candidate<'a>) {
        if self.count == MAX_CANDIDATES {
            self.all.rotate_left(1);
            self.count -= 1;
        }
        self.all[self.count] = candidate;
        self.count += 1;
    }

    fn iter(&self) -> impl DoubleEndedIterator<Item = &Candidate<'a>> {
        self.all[..self.count].iter()
    }

    /// Whether there may have been more.
    #[inline]
    pub(super) fn are_many(&self) -> bool {
        self.count == MAX_CANDIDATES
    }

    /// Reads the slots where the search starts.
    #[inline]
    pub(super) fn touch_slots(&self) -> u32 {
        let slots = self.iter().filter_map(|candidate| candidate.shard?.first(candidate.hash));
        slots.fold(0, |sum, slot| sum ^ slot.fingerprint)
    }

    /// The zone with the longest apex, by hash alone.
    #[inline]
    pub(super) fn find_likely(&self) -> Option<ZoneMatch<'a>> {
        self.iter().rev().find_map(|candidate| {
            let zone = candidate.shard?.find_likely(candidate.hash)?;
            Some(ZoneMatch::new(zone, candidate.label))
        })
    }
}

/// Following links.
impl Apexes {
    /// The zone whose content a linked zone has; the zone itself when it is not linked. Nothing for a zone
    /// that is not served, or whose target does not exist.
    #[inline]
    pub(crate) fn target<'a>(&'a self, zone: &'a Zone) -> Option<&'a Zone> {
        match zone.link() {
            _ if !zone.is_served() => None,
            None => Some(zone),
            Some(target) => self.linked(target),
        }
    }

    fn linked<'a>(&'a self, mut target: &'a Name) -> Option<&'a Zone> {
        for _ in 1..MAX_LINKS {
            let zone = self.get(target)?;
            match zone.link() {
                None => return Some(zone),
                Some(next) => target = next,
            }
        }
        None
    }
}

/// Changing.
impl Apexes {
    /// Adds a zone, or replaces the one with the same apex.
    pub(crate) fn put(&mut self, zone: Zone) {
        if self.get(zone.apex()).is_none() {
            self.count += 1;
            self.count_depth(zone.apex(), 1);
            self.resize();
        }
        let hash = keys().absolute(zone.apex_name_wire());
        self.replace(hash, &zone.apex().clone(), Some(Arc::new(zone)));
    }

    /// Removes a zone.
    pub(crate) fn remove(&mut self, apex: &Name) {
        if self.get(apex).is_some() {
            self.count -= 1;
            self.count_depth(apex, -1);
            self.replace(keys().absolute(apex.as_wire()), apex, None);
            self.resize();
        }
    }

    fn count_depth(&mut self, apex: &Name, change: i32) {
        let depth = labels(apex.as_wire().strip_suffix(&[0]).unwrap_or_default()).count();
        let count = &mut self.depth_counts[depth];
        *count = count.saturating_add_signed(change);
        let bit = 1 << depth;
        self.depths = if *count > 0 { self.depths | bit } else { self.depths & !bit };
    }

    fn replace(&mut self, hash: u64, apex: &Name, zone: Option<Arc<Zone>>) {
        let place = address(hash, self.shards.len());
        let shard = self.shards.at_mut(place);
        let others = shard.zones().filter(|other| other.apex() != apex).cloned();
        *shard = Shard::from_zones(others.chain(zone).collect());
    }

    fn resize(&mut self) {
        while self.count > self.shards.len() * ZONES_PER_SHARD {
            let new = self.shards.len();
            self.shards.push();
            let whole = std::mem::take(self.shards.at_mut(parent(new)));
            let (moved, kept) = whole
                .zones()
                .cloned()
                .partition(|zone| address(keys().absolute(zone.apex_name_wire()), new + 1) == new);
            *self.shards.at_mut(new) = Shard::from_zones(moved);
            *self.shards.at_mut(parent(new)) = Shard::from_zones(kept);
        }
        while self.count < self.shards.len() * FEWEST_ZONES_PER_SHARD {
            let Some(last) = self.shards.pop() else { break };
            let kept = self.shards.at_mut(parent(self.shards.len()));
            *kept = Shard::from_zones(kept.zones().chain(last.zones()).cloned().collect());
        }
    }
}
