//! Bringing what several look-ups will read into the caches, before the first of them.
//!
//! A look-up in a large world waits for memory three or four times, each time to learn where to look next.
//! Here many names take each of these steps together: within a step no name waits for another, so that the
//! processor fetches for all of them at once.
//!
//! Only the hash decides what is read, never the name itself: what is found may be another name's, and nobody
//! is told what it was.

use std::hint::black_box;

use super::Snapshot;
use super::apexes::FEW_NODES;
use super::hash::keys;
use super::nodes::Shard;
use super::query_name::label_hashes;
use super::zone::Zone;

/// Names taken together: enough for all the reads that a processor core has under way at a time, and few
/// enough that the lines of all of them stay in its nearest cache.
const GROUP: usize = 32;

/// Labels of a name that is looked at; practically no question has more.
const MAX_LABELS: usize = 8;

/// Zones up to which what leads to them stays in the caches by itself.
const FEW_ZONES: usize = 2048;

/// One name on its way.
#[derive(Clone, Copy, Default)]
struct Step<'a> {
    labels: [u64; MAX_LABELS + 1],
    label_count: usize,
    zone: Option<(&'a Zone, usize)>,
    shard: Option<&'a Shard>,
    hash: u64,
}

impl Step<'_> {
    fn labels(&self) -> &[u64] {
        &self.labels[..self.label_count]
    }
}

impl Snapshot {
    /// Reads the memory that look-ups of these names will read. `names` are in wire form, and may be followed
    /// by anything; what is not a name is passed over.
    pub fn warm<'n>(&self, mut names: impl Iterator<Item = &'n [u8]>) {
        if self.apexes.len() <= FEW_ZONES && self.apexes.large_count() == 0 {
            return;
        }
        let mut steps = [Step::default(); GROUP];
        loop {
            let mut count = 0;
            for (step, name) in steps.iter_mut().zip(&mut names) {
                step.label_count = label_hashes(name, &mut step.labels).unwrap_or(0);
                count += 1;
            }
            self.warm_group(&mut steps[..count]);
            if count < GROUP {
                return;
            }
        }
    }

    fn warm_group<'a>(&'a self, steps: &mut [Step<'a>]) {
        let mut sum = 0;
        let has_many_zones = self.apexes.len() > FEW_ZONES;
        if has_many_zones {
            for step in steps.iter() {
                sum ^= self.apexes.touch_slots(step.labels());
            }
        }
        for step in steps.iter_mut() {
            step.zone = self.apexes.find_likely(step.labels());
        }
        if has_many_zones {
            for (zone, _) in steps.iter().filter_map(|step| step.zone) {
                sum ^= zone.touch();
            }
        }
        for step in steps.iter_mut() {
            step.shard = None;
            if let Some((zone, apex_label)) = step.zone
                && (has_many_zones || zone.node_count() > FEW_NODES)
            {
                let join = |hash, label: &u64| keys().join(hash, *label);
                step.hash = step.labels()[..apex_label].iter().rev().fold(keys().origin, join);
                step.shard = Some(zone.table.shard(step.hash));
            }
        }
        for step in steps.iter() {
            sum ^= step.shard.map_or(0, |shard| shard.touch_slot(step.hash));
        }
        for step in steps.iter() {
            let (Some((zone, _)), Some(shard)) = (step.zone, step.shard) else { continue };
            sum ^= shard.find_likely(step.hash).map_or_else(|| zone.touch_soa(), |node| node.touch());
        }
        black_box(sum);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use crate::change::{Change, ZoneSettings};
    use crate::compile::CompiledRecord;
    use crate::name::Name;
    use crate::record_type::RecordType;
    use crate::snapshot::World;

    fn world() -> World {
        let apexes = ["", "example", "deep.example"].map(|text| Name::parse(text).unwrap());
        let zones = apexes.clone().map(|apex| {
            let [primary_master, hostmaster] = [apex.clone(), apex.clone()];
            Change::PutZone(ZoneSettings {
                apex,
                primary_master,
                hostmaster,
                serial: 1,
                refresh_s: 1,
                retry_s: 1,
                expire_s: 1,
                ttl_s: 1,
                negative_ttl_s: 1,
                link: None,
                is_served: true,
            })
        });
        let records = (0..3000).map(|number| {
            let zone = apexes[1].clone();
            let owner = Name::parse(&format!("n{number}.example")).unwrap();
            let record = CompiledRecord::from_rdata(owner, RecordType::A, 60, &[[1; 4]]).unwrap();
            Change::PutRecord { zone, record }
        });
        let mut world = World::new();
        world.apply(1, zones.into_iter().chain(records));
        world
    }

    #[test]
    fn names_and_other_octets_in_any_number_are_taken() {
        let world = world();
        let long = [1, b'a'].repeat(200);
        let mut names: Vec<Vec<u8>> = (0..100)
            .map(|number| Name::parse(&format!("n{number}.example")).unwrap().as_wire().to_vec())
            .collect();
        names.extend([vec![], vec![0], vec![63], vec![0xc0, 0], long]);
        world.snapshot().warm(names.iter().map(Vec::as_slice));
        World::new().snapshot().warm(names.iter().map(Vec::as_slice));
        world.snapshot().warm(std::iter::empty());
    }

    #[test]
    fn large_zones_are_counted_as_they_come_and_go() {
        let mut world = world();
        assert_eq!(world.snapshot().apexes.large_count(), 1);
        let zone = Name::parse("example").unwrap();
        let shrink = (0..1000).map(|number| {
            let owner = Name::parse(&format!("n{number}.example")).unwrap();
            Change::DeleteRecord { zone: zone.clone(), owner, rtype: RecordType::A }
        });
        assert_eq!(world.apply(2, shrink).apexes.large_count(), 0);
        let mut world = self::world();
        assert_eq!(world.apply(2, [Change::DeleteZone(zone)]).apexes.large_count(), 0);
    }

    #[test]
    fn no_octets_do_harm() {
        let world = world();
        let octets = prop::collection::vec(prop_oneof![0..8u8, any::<u8>()], 0..40);
        proptest!(|(names in prop::collection::vec(octets, 0..70))| {
            world.snapshot().warm(names.iter().map(Vec::as_slice));
        });
    }
}
