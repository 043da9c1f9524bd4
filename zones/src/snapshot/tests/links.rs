//! Linked records and linked zones.

use super::*;

const A: RecordType = RecordType::A;

#[test]
fn a_linked_record_follows_its_target_in_another_zone() {
    let mut world = World::new();
    let snapshot = world.apply(
        1,
        [
            put_zone("one"),
            put_zone("two"),
            put_link("one", "one", A, "www.two"),
            put("two", "www.two", A, &[b"first"]),
        ],
    );
    assert_eq!(ask(&snapshot, "one", A), "first");
    let rrset = snapshot.zone(&name("one")).unwrap().apex_node().rrset(A).unwrap();
    assert_eq!(rrset.ttl, 60, "the target's TTL holds");

    let snapshot = world.apply(2, [put("two", "www.two", A, &[b"second"])]);
    assert_eq!(ask(&snapshot, "one", A), "second");
    let snapshot = world.apply(3, [put_steered("two", "www.two", A, b"third")]);
    assert_eq!(ask(&snapshot, "one", A), "third");
    let steered = |zone: &str, owner: &str| {
        let zone = snapshot.zone(&name(zone)).unwrap();
        match zone.stored_rrset(&name(owner), A).unwrap().body {
            nodes::Body::Steered(steered) => Arc::as_ptr(steered),
            _ => panic!("expected a chain"),
        }
    };
    assert_eq!(steered("one", "one"), steered("two", "www.two"), "the chain is shared");

    let snapshot = world.apply(4, [put("two", "www.two", RecordType::TXT, &[b"text"])]);
    assert_eq!(ask(&snapshot, "one", RecordType::TXT), "nodata", "only the same type is linked");
    let snapshot = world.apply(5, [delete("two", "www.two", A)]);
    assert_eq!(ask(&snapshot, "one", A), "nodata");
    let snapshot = world.apply(6, [put("two", "www.two", A, &[b"back"])]);
    assert_eq!(ask(&snapshot, "one", A), "back");
    let snapshot = world.apply(7, [Change::DeleteZone(name("two"))]);
    assert_eq!(ask(&snapshot, "one", A), "nodata");
    let snapshot = world.apply(8, [put_zone("two"), put("two", "www.two", A, &[b"again"])]);
    assert_eq!(ask(&snapshot, "one", A), "again");
}

#[test]
fn chains_of_links_are_followed_and_circles_give_nothing() {
    let mut world = World::new();
    let snapshot = world.apply(
        1,
        [
            put_zone("z"),
            put_link("z", "a.z", A, "b.z"),
            put_link("z", "b.z", A, "c.z"),
            put("z", "c.z", A, &[b"end"]),
        ],
    );
    assert_eq!([ask(&snapshot, "a.z", A), ask(&snapshot, "b.z", A)], ["end", "end"]);
    let snapshot = world.apply(2, [put_link("z", "c.z", A, "a.z")]);
    for owner in ["a.z", "b.z", "c.z"] {
        assert_eq!(ask(&snapshot, owner, A), "nxdomain", "{owner}");
    }
    let snapshot = world.apply(3, [put("z", "b.z", A, &[b"cut"])]);
    for owner in ["a.z", "b.z", "c.z"] {
        assert_eq!(ask(&snapshot, owner, A), "cut", "{owner}");
    }
}

#[test]
fn a_record_that_stops_being_linked_keeps_what_it_was_given() {
    let mut world = World::new();
    world.apply(1, [put_zone("z"), put("z", "t.z", A, &[b"t"]), put_link("z", "l.z", A, "t.z")]);
    let snapshot = world.apply(2, [put("z", "l.z", A, &[b"own"]), put("z", "t.z", A, &[b"u"])]);
    assert_eq!(ask(&snapshot, "l.z", A), "own");
    let snapshot = world.apply(3, [put_link("z", "l.z", A, "t.z"), put("z", "t.z", A, &[b"v"])]);
    assert_eq!(ask(&snapshot, "l.z", A), "v");
    let snapshot = world.apply(4, [delete("z", "l.z", A), put("z", "t.z", A, &[b"w"])]);
    assert_eq!(ask(&snapshot, "l.z", A), "nxdomain");
    assert!(world.links.is_empty());
}

#[test]
fn deleting_a_zone_forgets_its_links() {
    let mut world = World::new();
    world.apply(1, [put_zone("z"), put_zone("t"), put("t", "t", A, &[b"t"]), put_link("z", "l.z", A, "t")]);
    let snapshot = world.apply(2, [Change::DeleteZone(name("z")), put_zone("z")]);
    assert_eq!(ask(&snapshot, "l.z", A), "nxdomain");
    assert!(world.links.is_empty());
    let snapshot = world.apply(3, [put("t", "t", A, &[b"u"])]);
    assert_eq!(ask(&snapshot, "l.z", A), "nxdomain");
}

#[test]
fn a_linked_zone_answers_with_its_targets_content_under_its_own_name() {
    let linked = |apex: &str, target: &str| {
        Change::PutZone(ZoneSettings { link: Some(name(target)), ..settings(apex) })
    };
    let mut world = World::new();
    let snapshot = world.apply(
        1,
        [put_zone("target"), put("target", "www.target", A, &[b"x"]), linked("alias.test", "target")],
    );
    assert_eq!(ask(&snapshot, "www.alias.test", A), "x");
    assert_eq!(ask(&snapshot, "nope.alias.test", A), "nxdomain");
    let question = query("www.alias.test");
    let found = snapshot.find_zone(&question, A).unwrap();
    assert_eq!(question.suffix(found.apex_label), name("alias.test").as_wire());
    assert_eq!(found.zone.apex(), &name("target"));

    let snapshot = world.apply(2, [put("target", "www.target", A, &[b"y"])]);
    assert_eq!(ask(&snapshot, "www.alias.test", A), "y");
    let snapshot = world.apply(3, [linked("again", "alias.test"), linked("loop", "loop")]);
    assert_eq!(ask(&snapshot, "www.again", A), "y");
    assert_eq!(ask(&snapshot, "www.loop", A), "refused");
    let snapshot = world.apply(4, [Change::DeleteZone(name("target"))]);
    assert_eq!(ask(&snapshot, "www.alias.test", A), "refused");
}
