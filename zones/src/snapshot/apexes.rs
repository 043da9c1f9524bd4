//! The zones of a snapshot, by apex.

use std::sync::Arc;

use super::hash::{keys, labels};
use super::query_name::QueryName;
use super::shards::{Shards, address, parent};
use super::zone::Zone;
use crate::limits::MAX_LINKS;
use crate::name::{MAX_LABELS, Name};
use crate::record_type::RecordType;

/// Zones per shard at which a shard is added. A changed zone costs a copy of the pointers of its shard.
const ZONES_PER_SHARD: usize = 32;
/// Zones per shard below which shards are merged.
const FEWEST_ZONES_PER_SHARD: usize = 8;

/// Nodes up to which the tables of a zone stay in the caches by themselves.
pub(super) const FEW_NODES: usize = 2048;

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

    /// Reads the slot where a search for a hash starts.
    #[inline]
    fn touch_slot(&self, hash: u64) -> u32 {
        self.0.as_ref().map_or(0, |slots| slots[first_slot(hash, slots.len())].fingerprint)
    }

    fn zones(&self) -> impl Iterator<Item = &Arc<Zone>> {
        self.0.iter().flat_map(|slots| slots.iter()).filter_map(|slot| slot.zone.as_ref())
    }

    fn from_zones(zones: Vec<Arc<Zone>>) -> Self {
        if zones.is_empty() {
            return Self(None);
        }
        let mut slots = vec![Slot::default(); zones.len() * 4 / 3 + 1];
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
    /// How many zones have more nodes than caches hold by themselves.
    large_count: usize,
    /// Bit `n` is set when some apex has `n` labels: other suffixes of a question need no look.
    depths: u128,
    /// How many apexes have each number of labels.
    depth_counts: [u32; MAX_LABELS + 1],
}

impl Default for Apexes {
    fn default() -> Self {
        Self {
            shards: Shards::default(),
            count: 0,
            large_count: 0,
            depths: 0,
            depth_counts: [0; MAX_LABELS + 1],
        }
    }
}

/// The zone that answers for a name. It is of two words, so that it is handed over in registers.
#[derive(Clone, Copy)]
pub struct ZoneMatch<'a> {
    /// The zone; for a linked zone this is its target.
    pub zone: &'a Zone,
    /// The label of the name at which the apex begins. The apex's own name is the suffix from there.
    pub apex_label: usize,
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

    /// How many zones have more than [`FEW_NODES`] nodes.
    pub(crate) fn large_count(&self) -> usize {
        self.large_count
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
                found = Some(ZoneMatch { zone, apex_label: label });
            }
        }
        found
    }

    /// Reads the slots where the search for the zone of a name starts. The hashes are those of the name's labels.
    #[inline]
    pub(crate) fn touch_slots(&self, label_hashes: &[u64]) -> u32 {
        let suffixes = self.suffixes(label_hashes);
        suffixes.fold(0, |sum, (_, hash)| sum ^ self.shards.of(hash).touch_slot(hash))
    }

    /// The zone that probably answers for a name, and the label at which its apex begins.
    #[inline]
    pub(crate) fn find_likely(&self, label_hashes: &[u64]) -> Option<(&Zone, usize)> {
        let suffixes = self.suffixes(label_hashes);
        let zones =
            suffixes.filter_map(|(label, hash)| Some((self.shards.of(hash).find_likely(hash)?, label)));
        zones.last().map(|(zone, label)| (&**zone, label))
    }

    /// The suffixes of a name that may be apexes, the shortest first: where each begins, and its hash.
    #[inline]
    fn suffixes(&self, label_hashes: &[u64]) -> impl Iterator<Item = (usize, u64)> {
        let keys = keys();
        let mut depths = self.depths;
        let root = std::iter::once((label_hashes.len(), keys.origin));
        let longer = label_hashes.iter().enumerate().rev().scan(keys.origin, |hash, (label, label_hash)| {
            *hash = keys.join(*hash, *label_hash);
            Some((label, *hash))
        });
        root.chain(longer)
            .map_while(move |suffix| {
                let is_apex_depth = depths & 1 != 0;
                let is_last = depths == 0;
                depths >>= 1;
                (!is_last).then_some(is_apex_depth.then_some(suffix))
            })
            .flatten()
    }

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

fn is_large(zone: &Zone) -> bool {
    zone.node_count() > FEW_NODES
}

/// Changing.
impl Apexes {
    /// Adds a zone, or replaces the one with the same apex.
    pub(crate) fn put(&mut self, zone: Zone) {
        let old = self.get(zone.apex());
        let (is_new, was_large) = (old.is_none(), old.is_some_and(|old| is_large(old)));
        self.large_count = self.large_count + usize::from(is_large(&zone)) - usize::from(was_large);
        if is_new {
            self.count += 1;
            self.count_depth(zone.apex(), 1);
            self.resize();
        }
        let hash = keys().absolute(zone.apex_name_wire());
        self.replace(hash, &zone.apex().clone(), Some(Arc::new(zone)));
    }

    /// Removes a zone.
    pub(crate) fn remove(&mut self, apex: &Name) {
        if let Some(old) = self.get(apex) {
            self.large_count -= usize::from(is_large(old));
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
