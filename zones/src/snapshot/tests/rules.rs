//! One rule of the search after the other, by example.

use super::*;

const A: RecordType = RecordType::A;

fn world(records: &[(&str, RecordType)]) -> Arc<Snapshot> {
    let puts = records.iter().map(|(owner, rtype)| put("z", owner, *rtype, &[owner.as_bytes()]));
    World::new().apply(1, std::iter::once(put_zone("z")).chain(puts))
}

#[test]
fn an_empty_non_terminal_exists_and_stops_the_wildcard_above() {
    let snapshot = world(&[("*.z", A), ("a.b.c.z", A)]);
    assert_eq!(ask(&snapshot, "b.c.z", A), "nodata");
    assert_eq!(ask(&snapshot, "c.z", A), "nodata");
    assert_eq!(ask(&snapshot, "x.c.z", A), "nxdomain");
    assert_eq!(ask(&snapshot, "x.z", A), "wildcard *.z");
    assert_eq!(ask(&snapshot, "x.y.z", A), "wildcard *.z");
    assert_eq!(ask(&snapshot, "*.z", A), "*.z");
    assert_eq!(ask(&snapshot, "x.*.z", A), "nxdomain", "below the wildcard it is an ordinary label");
}

#[test]
fn a_wildcard_may_itself_be_an_empty_non_terminal() {
    let snapshot = world(&[("a.*.z", A)]);
    assert_eq!(ask(&snapshot, "x.z", A), "wildcard nodata");
    assert_eq!(ask(&snapshot, "a.*.z", A), "a.*.z");
}

#[test]
fn a_cut_hides_what_is_below_it_but_not_its_own_ds() {
    let snapshot = world(&[
        ("cut.z", RecordType::NS),
        ("cut.z", RecordType::DS),
        ("ns.cut.z", A),
        ("bare.z", RecordType::NS),
        ("z", RecordType::NS),
    ]);
    assert_eq!(ask(&snapshot, "cut.z", A), "delegation cut.z");
    assert_eq!(ask(&snapshot, "ns.cut.z", A), "delegation cut.z");
    assert_eq!(ask(&snapshot, "ns.cut.z", RecordType::DS), "delegation cut.z");
    assert_eq!(ask(&snapshot, "cut.z", RecordType::DS), "cut.z");
    assert_eq!(ask(&snapshot, "bare.z", RecordType::DS), "nodata");
    assert_eq!(ask(&snapshot, "z", RecordType::NS), "z", "the apex is no cut");
    let question = query("ns.cut.z");
    let zone = snapshot.find_zone(&question, A).unwrap().zone;
    assert!(zone.node_at(&question, 0, 2).is_some(), "glue is found on purpose only");
}

#[test]
fn a_dname_takes_what_is_below_it_and_not_itself() {
    let snapshot = world(&[("d.z", RecordType::DNAME), ("d.z", A), ("x.d.z", A)]);
    assert_eq!(ask(&snapshot, "d.z", A), "d.z");
    assert_eq!(ask(&snapshot, "x.d.z", A), "dname d.z");
    assert_eq!(ask(&snapshot, "y.x.d.z", A), "dname d.z");
    let snapshot = world(&[("z", RecordType::DNAME), ("www.z", A)]);
    assert_eq!(ask(&snapshot, "www.z", A), "dname z");
    assert_eq!(ask(&snapshot, "z", A), "nodata");
}

#[test]
fn ds_at_an_apex_is_asked_of_the_parent_when_we_have_it() {
    let changes = [
        put_zone("z"),
        put_zone("child.z"),
        put("z", "child.z", RecordType::NS, &[b"ns"]),
        put("z", "child.z", RecordType::DS, &[b"parent"]),
        put("child.z", "child.z", RecordType::A, &[b"child"]),
    ];
    let snapshot = World::new().apply(1, changes);
    assert_eq!(ask(&snapshot, "child.z", RecordType::DS), "parent");
    assert_eq!(ask(&snapshot, "child.z", A), "child");
    assert_eq!(ask(&snapshot, "www.child.z", RecordType::DS), "nxdomain");
    assert_eq!(ask(&snapshot, "z", RecordType::DS), "nodata", "no parent here: the zone itself answers");
}

#[test]
fn the_root_can_be_a_zone() {
    let snapshot = World::new().apply(1, [put_zone("."), put(".", "a.b", A, &[b"x"])]);
    assert_eq!(ask(&snapshot, "a.b", A), "x");
    assert_eq!(ask(&snapshot, ".", A), "nodata");
    assert_eq!(ask(&snapshot, "b", A), "nodata");
    assert_eq!(ask(&snapshot, "c", A), "nxdomain");
}

#[test]
fn settings_change_without_touching_records() {
    let mut world = World::new();
    world.apply(1, [put_zone("z"), put("z", "a.z", A, &[b"x"])]);
    let changed = ZoneSettings { serial: 9, ttl_s: 100, negative_ttl_s: 200, ..settings("z") };
    let snapshot = world.apply(2, [Change::PutZone(changed)]);
    assert_eq!(ask(&snapshot, "a.z", A), "x");
    let soa = snapshot.zone(&name("z")).unwrap().soa();
    assert_eq!((soa.serial, soa.ttl, soa.negative_ttl), (9, 100, 100));
    let numbers: Vec<u8> = [9_u32, 2, 3, 4, 200].iter().flat_map(|number| number.to_be_bytes()).collect();
    let names = b"\x03ns1\x07example\x03net\x00\x0ahostmaster\x07example\x03net\x00";
    assert_eq!(soa.rdata, [names, numbers.as_slice()].concat());
}

#[test]
fn a_zone_that_is_not_served_refuses_and_hides_its_names_from_the_zone_above() {
    let hidden = Change::PutZone(ZoneSettings { is_served: false, ..settings("h.z") });
    let changes = [put_zone("z"), put("z", "a.h.z", A, &[b"x"]), hidden];
    let snapshot = World::new().apply(1, changes);
    assert_eq!(ask(&snapshot, "a.h.z", A), "refused");
    assert_eq!(ask(&snapshot, "z", A), "nodata");
}

#[test]
fn long_rdata_and_many_types_at_one_name_are_kept_and_copied() {
    let mut world = World::new();
    world.apply(1, [put_zone("z")]);
    let long = vec![7; 60_000];
    world.apply(2, [put("z", "a.z", RecordType::TXT, &[&long])]);
    let short: Vec<Vec<u8>> = (0..100).map(|number| vec![number; 400]).collect();
    for (number, rdata) in short.iter().enumerate() {
        world.apply(3, [put("z", "a.z", RecordType(1000 + number as u16), &[rdata])]);
    }
    // Each of these copies the shard, and with it the long RRsets of the name above.
    for number in 0..20 {
        world.apply(4, [put("z", &format!("b{number}.z"), A, &[b"x"])]);
    }
    let snapshot = world.snapshot();
    let zone = snapshot.zone(&name("z")).unwrap();
    let question = query("a.z");
    let Lookup::Found(node) = zone.lookup(&question, 1, A) else { panic!("a.z is missing") };
    assert_eq!(first_rdata(&node.rrset(RecordType::TXT).unwrap()), long);
    for (number, rdata) in short.iter().enumerate() {
        assert_eq!(first_rdata(&node.rrset(RecordType(1000 + number as u16)).unwrap()), rdata);
    }
    assert_eq!(node.rrsets().count(), 101);
}

#[test]
fn changes_that_cannot_be_are_left_out() {
    let changes = [
        put_zone("z"),
        put("z", "www.elsewhere", A, &[b"x"]),
        put("missing", "www.missing", A, &[b"x"]),
        Change::DeleteZone(name("missing")),
        delete("z", "nothing.z", A),
        delete("z", "deep.nothing.z", A),
        put("z", "empty.z", A, &[]),
    ];
    let snapshot = World::new().apply(1, changes);
    assert_eq!(snapshot.zone_count(), 1);
    assert_eq!(ask(&snapshot, "www.missing", A), "refused");
    for question in ["nothing.z", "deep.nothing.z", "empty.z"] {
        assert_eq!(ask(&snapshot, question, A), "nxdomain");
    }
}

#[test]
fn old_snapshots_are_freed_by_the_world_once_nobody_reads_them() {
    let mut world = World::new();
    for revision in 1..100 {
        world.apply(revision, [put_zone("z")]);
    }
    assert!(world.retired.is_empty());
    let held = Arc::clone(world.snapshot());
    world.apply(100, []);
    assert_eq!(Arc::strong_count(&held), 2, "what a worker reads is kept for it");
    drop(held);
    world.collect();
    assert!(world.retired.is_empty());
    let held: Vec<_> = (101..200).map(|revision| world.apply(revision, [])).collect();
    assert_eq!(world.retired.len(), crate::limits::MAX_RETIRED_SNAPSHOTS);
    drop(held);
}
