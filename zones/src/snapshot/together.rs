//! Finding the zones of several names that came together, and what can be told of their nodes.
//!
//! In a large world this waits for memory three or four times, each time to learn where to look next. Here all names
//! take each of these steps together: within a step no name waits for another, so that the processor fetches for all
//! of them at once. What the answers will read is fetched as the last step.

use std::hint::black_box;

use super::Snapshot;
use super::apexes::Candidates;
use super::query_name::QueryName;
use super::shard::{Likely, Shard};
use super::table::Start;
use super::zone_match::ZoneMatch;
use crate::record_type::RecordType;

/// Names taken together: enough for all the reads that a processor core has under way at a time, and few
/// enough that the lines of all of them stay in its nearest cache.
const GROUP: usize = 32;

/// Octets of most nodes: a short name with an address.
const USUAL_NODE: usize = 32;

/// Octets of a line of a cache.
const LINE: usize = 64;

/// Lines of a small zone that are read ahead at most. Ten nodes of names with an address take five or six of them.
const ZONE_LINES: usize = 32;

/// Zones up to which what leads to them stays in the caches by itself.
const FEW_ZONES: usize = 2048;

/// Nodes of a zone up to which these stay in the caches by themselves.
const FEW_NODES: usize = 2048;

impl Snapshot {
    /// The zones that answer questions for names that came together, as [`Snapshot::find_zone`] finds them for all types
    /// but DS. Names without a place in `found` are left out.
    ///
    /// In large worlds this is faster than finding them one by one, and so are the look-ups that follow.
    pub fn find_zones<'a>(&'a self, names: &[QueryName], found: &mut [Option<ZoneMatch<'a>>]) {
        let has_many_zones = self.apexes.len() > FEW_ZONES;
        if let ([name], [found, ..]) = (names, &mut *found)
            && !has_many_zones
        {
            // Nothing else is waited for at the same time.
            *found = self.find_zone(name, RecordType::A);
            return;
        }
        let is_cold = |found: &ZoneMatch<'_>| has_many_zones || found.zone.node_count() > FEW_NODES;
        for (names, found) in names.chunks(GROUP).zip(found.chunks_mut(GROUP)) {
            if has_many_zones {
                self.find_among_many(names, found);
            } else {
                for (name, found) in names.iter().zip(&mut *found) {
                    *found = self.find_zone(name, RecordType::A);
                }
            }
            if found.iter().flatten().any(is_cold) {
                find_nodes(names, found, is_cold);
            }
        }
    }

    fn find_among_many<'a>(&'a self, names: &[QueryName], found: &mut [Option<ZoneMatch<'a>>]) {
        let mut candidates = [Candidates::default(); GROUP];
        let candidates = &mut candidates[..names.len().min(found.len())];
        for (candidates, name) in candidates.iter_mut().zip(names) {
            self.apexes.candidates(name.label_hashes(), candidates);
        }
        black_box(candidates.iter().fold(0, |sum, candidates| sum ^ candidates.touch_slots()));
        for (candidates, found) in candidates.iter().zip(&mut *found) {
            *found = candidates.find_likely();
        }
        black_box(found.iter().flatten().fold(0, |sum, found| sum ^ found.zone.touch()));
        for ((candidates, name), found) in candidates.iter().zip(names).zip(found) {
            *found = self.ascertain(*found, name, candidates);
        }
    }

    /// Makes sure of a zone that was found by hash.
    #[inline]
    fn ascertain<'a>(
        &'a self,
        likely: Option<ZoneMatch<'a>>,
        name: &QueryName,
        candidates: &Candidates<'a>,
    ) -> Option<ZoneMatch<'a>> {
        let found = match likely {
            Some(found) if found.zone.apex_name_wire() == name.suffix(found.apex_label) => found,
            None if !candidates.are_many() => return None,
            // Two apexes with equal hashes, or more of them than were looked for.
            _ => self.apexes.enclosing(name, RecordType::A)?,
        };
        let zone = self.apexes.target(found.zone)?;
        Some(ZoneMatch { zone, ..found })
    }
}

/// Where to look for a name's node.
#[derive(Clone, Copy, Default)]
enum Next<'a> {
    #[default]
    Nowhere,
    /// Among all nodes of a small zone.
    Nodes(&'a [u8]),
    /// In a shard, for a hash.
    Shard(&'a Shard, u64),
}

/// Finds what can be told of the nodes without looking at them, and then reads these.
fn find_nodes<'a>(
    names: &[QueryName],
    found: &mut [Option<ZoneMatch<'a>>],
    is_cold: impl Fn(&ZoneMatch<'a>) -> bool,
) {
    let mut nexts = [Next::Nowhere; GROUP];
    for ((next, name), found) in nexts.iter_mut().zip(names).zip(&*found) {
        if let Some(found) = found.as_ref().filter(|found| is_cold(found)) {
            *next = self::next(found, name);
        }
    }
    let mut sum = 0;
    for next in &nexts {
        if let Next::Shard(shard, _) = next {
            sum ^= shard.touch();
        }
    }
    for (next, found) in nexts.iter().zip(&mut *found) {
        if let (Next::Shard(shard, hash), Some(found)) = (next, found) {
            found.likely = shard.likely(*hash);
        }
    }
    for (next, found) in nexts.iter().zip(&*found) {
        if let Some(found) = found {
            sum ^= touch(*next, found);
        }
    }
    black_box(sum);
}

#[inline]
fn next<'a>(found: &ZoneMatch<'a>, name: &QueryName) -> Next<'a> {
    let hash = found.hash(name);
    match found.zone.table.start(hash) {
        Start::Nodes(octets) => Next::Nodes(octets),
        Start::Shard(shard) => Next::Shard(shard, hash),
    }
}

/// Reads what the answer will read.
#[inline]
fn touch(next: Next<'_>, found: &ZoneMatch<'_>) -> u32 {
    match (found.likely, next) {
        (Likely::Node { shard, place }, _) => touch_node(shard.octets(), place),
        (Likely::Absent, _) => found.zone.touch_soa(),
        (Likely::Unknown, Next::Nodes(octets)) => touch_all(octets),
        (Likely::Unknown, _) => 0,
    }
}

/// Reads both ends of a node, without waiting for its length.
#[inline]
fn touch_node(octets: &[u8], at: usize) -> u32 {
    match octets.get(at..octets.len().min(at + USUAL_NODE)) {
        Some([first, .., last]) => u32::from(first ^ last),
        _ => 0,
    }
}

/// Reads something of each line, or of those in front if there are many.
#[inline]
fn touch_all(octets: &[u8]) -> u32 {
    let octets = &octets[..octets.len().min(ZONE_LINES * LINE)];
    let ends = octets.chunks(LINE).filter_map(<[u8]>::first).chain(octets.last());
    ends.fold(0, |sum, octet| sum ^ u32::from(*octet))
}

#[cfg(test)]
mod tests {
    use crate::change::{Change, ZoneSettings};
    use crate::compile::CompiledRecord;
    use crate::name::Name;
    use crate::record_type::RecordType;
    use crate::snapshot::apexes::Candidates;
    use crate::snapshot::shard::Likely;
    use crate::snapshot::{Lookup, QueryName, Snapshot, World, ZoneMatch};

    fn zone(apex: &str, link: Option<&str>, is_served: bool) -> Change {
        let apex = Name::parse(apex).unwrap();
        Change::PutZone(ZoneSettings {
            primary_master: apex.clone(),
            hostmaster: apex.clone(),
            apex,
            serial: 1,
            refresh_s: 1,
            retry_s: 1,
            expire_s: 1,
            ttl_s: 1,
            negative_ttl_s: 1,
            link: link.map(|link| Name::parse(link).unwrap()),
            is_served,
        })
    }

    fn address(zone: &str, owner: &str) -> Change {
        let owner = Name::parse(owner).unwrap();
        let record = CompiledRecord::from_rdata(owner, RecordType::A, 60, &[[1; 4]]).unwrap();
        Change::PutRecord { zone: Name::parse(zone).unwrap(), record }
    }

    /// Zones at many depths, a large one, links, and one that is not served; and `more` zones beside them.
    fn world(more: usize) -> World {
        let deep = ["", "example", "b.example", "a.b.example", "c.a.b.example", "d.c.a.b.example"];
        let zones = deep.map(|apex| zone(apex, None, true)).into_iter();
        let others = [
            zone("off.example", None, false),
            zone("link.example", Some("example"), true),
            zone("astray.example", Some("nowhere.example"), true),
        ];
        let records = (0..3000).map(|number| address("example", &format!("n{number}.example")));
        let few = (0..20).map(|number| address("b.example", &format!("n{number}.b.example")));
        let more = (0..more).flat_map(|number| {
            let apex = format!("z{number}.test");
            [zone(&apex, None, true), address(&apex, &format!("www.{apex}"))]
        });
        let mut world = World::new();
        world.apply(1, zones.chain(others).chain(records).chain(few).chain(more));
        world
    }

    fn names() -> Vec<QueryName> {
        let deepest = "a.".repeat(127);
        let texts = (0..100).map(|number| format!("n{number}.example"));
        let in_few = (0..25).map(|number| format!("N{number}.b.example"));
        let in_more = (0..40).flat_map(|number| [format!("www.z{number}.test"), format!("a.z{number}.test")]);
        let others = [
            ".",
            "example",
            "x.example",
            "x.d.c.a.b.example",
            "x.c.a.b.example",
            "off.example",
            "x.off.example",
            "n5.link.example",
            "link.example",
            "x.astray.example",
            "test",
            "z3.test",
            &deepest,
        ];
        let texts = texts.chain(in_few).chain(in_more).chain(others.map(str::to_owned));
        texts.map(|text| QueryName::from_wire(Name::parse(&text).unwrap().as_wire()).unwrap()).collect()
    }

    /// What is found for a name, in a form that can be compared.
    fn told(found: Option<ZoneMatch<'_>>, name: &QueryName) -> Option<(Name, usize, Option<Vec<u8>>)> {
        let found = found?;
        let node = match found.lookup(name, RecordType::A) {
            Lookup::Found(node) => Some(node.relative_owner().to_vec()),
            _ => None,
        };
        Some((found.zone.apex().clone(), found.apex_label, node))
    }

    fn assert_equal(snapshot: &Snapshot, names: &[QueryName]) {
        let mut found = vec![None; names.len()];
        snapshot.find_zones(names, &mut found);
        for (name, found) in names.iter().zip(found) {
            let alone = snapshot.find_zone(name, RecordType::A);
            assert_eq!(told(found, name), told(alone, name), "{}", name.to_name());
        }
    }

    #[test]
    fn names_that_came_together_get_what_each_gets_alone() {
        let names = names();
        for world in [World::new(), world(0), world(3000)] {
            for count in [0, 1, 31, 32, 33, names.len()] {
                assert_equal(world.snapshot(), &names[..count]);
                assert_equal(world.snapshot(), &names[names.len() - count..]);
            }
        }
    }
    #[test]
    fn a_zone_whose_hash_is_that_of_another_is_not_taken_for_it() {
        let world = world(0);
        let snapshot = world.snapshot();
        let wrong = snapshot.zone(&Name::parse("d.c.a.b.example").unwrap()).unwrap();
        for name in names() {
            let mut candidates = Candidates::default();
            snapshot.apexes.candidates(name.label_hashes(), &mut candidates);
            for label in 0..=name.labels() {
                let likely = Some(ZoneMatch::new(wrong, label));
                let found = snapshot.ascertain(likely, &name, &candidates);
                let alone = snapshot.find_zone(&name, RecordType::A);
                assert_eq!(told(found, &name), told(alone, &name), "{}", name.to_name());
            }
        }
    }

    #[test]
    fn a_node_whose_tag_is_that_of_another_is_not_taken_for_it() {
        let world = world(0);
        let snapshot = world.snapshot();
        let names = names();
        let mut found = vec![None; names.len()];
        snapshot.find_zones(&names, &mut found);
        let is_large = |found: &&ZoneMatch<'_>| found.zone.node_count() > 3000;
        let likely: Vec<_> = found.iter().flatten().filter(is_large).map(|found| found.likely).collect();
        assert!(likely.len() > 100);
        for (name, found) in names.iter().zip(&found) {
            for likely in likely.iter().filter(|likely| !matches!(likely, Likely::Absent)) {
                let other = found
                    .filter(|found| is_large(&found))
                    .map(|found| ZoneMatch { likely: *likely, ..found });
                assert!(other.is_none() || told(other, name) == told(*found, name));
            }
        }
    }

    #[test]
    fn names_without_a_place_are_left_out_and_places_without_a_name_stay_empty() {
        let world = world(0);
        let names = names();
        for (count, places) in [(40, 33), (33, 40), (70, 1), (1, 70), (64, 0)] {
            let mut found = vec![None; places];
            world.snapshot().find_zones(&names[..count], &mut found);
            for (place, found) in found.into_iter().enumerate() {
                let alone = names[..count]
                    .get(place)
                    .and_then(|name| world.snapshot().find_zone(name, RecordType::A));
                assert_eq!(told(found, &names[place]), told(alone, &names[place]));
            }
        }
    }
}
