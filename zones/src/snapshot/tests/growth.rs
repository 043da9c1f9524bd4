//! Zones and worlds that outgrow one shard, and come back.

use super::*;

const NAMES: usize = 4000;

fn owner(index: usize) -> String {
    match index % 4 {
        0 => format!("host{index}.example"),
        1 => format!("host{index}.sub{}.example", index % 64),
        2 => format!("host{index}.deep.sub{}.example", index % 64),
        _ => format!("*.host{index}.example"),
    }
}

fn address(index: usize) -> [u8; 4] {
    (index as u32).to_be_bytes()
}

#[test]
fn a_zone_built_record_by_record_is_the_zone_built_at_once() {
    let mut slow = World::new();
    slow.apply(1, [put_zone("example")]);
    for index in 0..NAMES {
        slow.apply(2, [put("example", &owner(index), RecordType::A, &[&address(index)])]);
    }
    let puts = (0..NAMES).map(|index| put("example", &owner(index), RecordType::A, &[&address(index)]));
    let fast = World::new().apply(2, std::iter::once(put_zone("example")).chain(puts));
    assert_eq!(dump(slow.snapshot()), dump(&fast));
    let zone = fast.zone(&name("example")).unwrap();
    assert_eq!(zone.rrset_count(), NAMES);
    for index in 0..NAMES {
        let name = query(&owner(index));
        let Lookup::Found(node) = zone.lookup(&name, name.labels() - 1, RecordType::A) else {
            panic!("{index} is missing");
        };
        assert_eq!(first_rdata(&node.rrset(RecordType::A).unwrap()), address(index));
    }

    let half = (0..NAMES).filter(|index| index % 7 != 0);
    for index in half {
        slow.apply(3, [delete("example", &owner(index), RecordType::A)]);
    }
    let rest =
        (0..NAMES).step_by(7).map(|index| put("example", &owner(index), RecordType::A, &[&address(index)]));
    let fresh = World::new().apply(3, std::iter::once(put_zone("example")).chain(rest));
    assert_eq!(dump(slow.snapshot()), dump(&fresh));

    slow.apply(4, (0..NAMES).step_by(7).map(|index| delete("example", &owner(index), RecordType::A)));
    let zone = slow.snapshot().zone(&name("example")).unwrap();
    assert_eq!((zone.node_count(), zone.rrset_count()), (1, 0), "the apex stays");
    assert!(zone.heap_octets() < 1000, "{}", zone.heap_octets());
}

#[test]
fn zones_are_found_while_thousands_come_and_go() {
    let mut world = World::new();
    let apex = |index: usize| {
        if index.is_multiple_of(2) { format!("z{index}.test") } else { format!("z{index}.a.b") }
    };
    for index in 0..2000 {
        world.apply(1, [put_zone(&apex(index)), put(&apex(index), &apex(index), RecordType::A, &[b"x"])]);
    }
    assert_eq!(world.snapshot().zone_count(), 2000);
    for index in 0..2000 {
        assert_eq!(ask(world.snapshot(), &apex(index), RecordType::A), "x");
        assert_eq!(ask(world.snapshot(), &format!("www.{}", apex(index)), RecordType::A), "nxdomain");
    }
    for index in (0..2000_usize).filter(|index| !index.is_multiple_of(100)) {
        world.apply(2, [Change::DeleteZone(name(&apex(index)))]);
    }
    assert_eq!(world.snapshot().zone_count(), 20);
    for index in 0..2000_usize {
        let expected = if index.is_multiple_of(100) { "x" } else { "refused" };
        assert_eq!(ask(world.snapshot(), &apex(index), RecordType::A), expected);
    }
}

#[test]
fn publishing_one_record_makes_one_shard_again_and_shares_the_rest() {
    let puts =
        (0..NAMES).map(|index| put("example", &format!("host{index}.example"), RecordType::A, &[b"old"]));
    let mut world = World::new();
    let before = world.apply(1, std::iter::once(put_zone("example")).chain(puts));
    for change in [
        put("example", "host5.example", RecordType::A, &[b"new"]),
        put("example", "another.example", RecordType::A, &[b"new"]),
        delete("example", "host5.example", RecordType::A),
    ] {
        let before = Arc::clone(world.snapshot());
        let after = world.apply(2, [change]);
        let shards = |snapshot: &Snapshot| {
            let zone = snapshot.zone(&name("example")).unwrap();
            zone.table.shard_addresses()
        };
        let (old, new) = (shards(&before), shards(&after));
        assert!(old.len() > 20);
        assert_eq!(old.iter().zip(&new).filter(|(old, new)| old != new).count(), 1);
    }
    assert_eq!(ask(&before, "host5.example", RecordType::A), "old", "a snapshot never changes");
}

#[test]
fn a_large_zone_may_lose_nearly_all_its_names_at_once() {
    const MANY: usize = 70_000;
    const LEFT: usize = 4;
    let owner = |index: usize| format!("h{index}.example");
    let puts = (0..MANY).map(|index| put("example", &owner(index), RecordType::A, &[&address(index)]));
    let mut world = World::new();
    world.apply(1, std::iter::once(put_zone("example")).chain(puts));
    world.apply(2, (LEFT..MANY).map(|index| delete("example", &owner(index), RecordType::A)));
    let puts = (0..LEFT).map(|index| put("example", &owner(index), RecordType::A, &[&address(index)]));
    let fresh = World::new().apply(2, std::iter::once(put_zone("example")).chain(puts));
    assert_eq!(dump(world.snapshot()), dump(&fresh));
    for index in 0..LEFT {
        assert_eq!(ask(world.snapshot(), &owner(index), RecordType::A).as_bytes(), address(index));
    }
}

#[test]
fn zones_of_any_size_take_memory_for_what_they_have() {
    let mut world = World::new();
    world.apply(1, [put_zone("example")]);
    let assert_lean = |snapshot: &Snapshot| {
        let zone = snapshot.zone(&name("example")).unwrap();
        let (nodes, octets) = (zone.node_count(), zone.heap_octets());
        assert!(octets <= 200 + nodes * 128, "{octets} octets for {nodes} nodes");
    };
    for index in 0..500 {
        assert_lean(&world.apply(2, [put("example", &format!("h{index}.example"), RecordType::A, &[b"x"])]));
    }
    for index in 0..500 {
        assert_lean(&world.apply(3, [delete("example", &format!("h{index}.example"), RecordType::A)]));
    }
}
