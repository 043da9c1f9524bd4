//! What is there after the process ends, over the store on disk.

use proptest::prelude::*;
use serde_json::json;
use store::{ChangeSet, JournalStore, Options, Table};

use super::super::codec;

use super::*;

fn open(dir: &std::path::Path) -> Fixture {
    let (store, _) = JournalStore::open(dir, Options::default()).unwrap();
    Fixture::over(Arc::new(store))
}

#[test]
fn zones_records_links_and_the_log_are_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    fixture.create_zone("example.com", json!({"ttl": 77})).unwrap();
    fixture.create_zone("example.org", json!({"link": "example.com"})).unwrap();
    let record = fixture.create_www();
    let link = path("example.com", "link.example.com", "A");
    fixture.create(link, json!({"link": "www.example.com"})).unwrap();
    let (revision, activity) = (fixture.service.revision(), fixture.activity());
    let serial = fixture.serial("example.com");
    drop(fixture);

    let fixture = open(dir.path());
    assert_eq!(fixture.service.revision(), revision);
    assert_eq!(fixture.activity(), activity);
    assert_eq!(fixture.serial("example.com"), serial);
    assert_eq!(fixture.record(&path("example.com", "www.example.com", "A")), Some(record));
    for domain in ["www.example.com", "link.example.com", "www.example.org", "link.example.org"] {
        assert_eq!(fixture.dns(domain, "A"), rdata(3600, &["192.0.2.1"]), "{domain}");
    }
    assert_eq!(fixture.zone("example.org").ttl, 77);
    let zone = fixture.update_zone("example.com", json!({"ttl": 78})).unwrap();
    assert_eq!(zone.serial, serial + 1);
}

#[test]
fn a_plain_record_written_as_json_is_read_served_and_changed() {
    let fixture = Fixture::with_zone();
    let record = fixture.create_www();
    let www = path("example.com", "www.example.com", "A");
    let key = codec::record_key(&www.zone, &www.owner, www.rtype);
    let packed = fixture.store.get(Table::Records, &key).unwrap().unwrap();
    let json = codec::encode(&record).unwrap();
    assert!(packed.len() < json.len() / 3, "a plain record is packed");
    let mut set = ChangeSet::new();
    set.put(Table::Records, key.clone(), json);
    fixture.store.commit(&[set]).unwrap();

    let fixture = Fixture::over(Arc::clone(&fixture.store));
    assert_eq!(fixture.record(&www).as_ref(), Some(&record));
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(3600, &["192.0.2.1"]));
    fixture.update(www.clone(), json!({"ttl": 61})).unwrap();
    assert_eq!(fixture.record(&www), Some(RecordDoc { ttl: 61, ..record }));
    assert_eq!(fixture.store.get(Table::Records, &key).unwrap().unwrap().len(), packed.len());
}

#[test]
fn a_damaged_packed_record_is_told_and_the_others_are_served() {
    let fixture = Fixture::with_zone();
    fixture.create_www();
    let damaged = path("example.com", "bad.example.com", "A");
    let key = codec::record_key(&damaged.zone, &damaged.owner, damaged.rtype);
    let mut set = ChangeSet::new();
    set.put(Table::Records, key, [[2, 4].as_slice(), &[0; 16], &[1, 2]].concat());
    fixture.store.commit(&[set]).unwrap();

    let fixture = Fixture::over(Arc::clone(&fixture.store));
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(3600, &["192.0.2.1"]));
    assert_eq!(fixture.dns("bad.example.com", "A"), Found::NoName);
    assert_eq!(fixture.service.record(&damaged.zone, &damaged.owner, damaged.rtype).unwrap_err().status, 500);
}

#[test]
fn deletions_are_remembered_too() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    fixture.create_zone("example.com", json!({})).unwrap();
    fixture.create_zone("example.net", json!({})).unwrap();
    fixture.create_www();
    fixture.delete_zone("example.com").unwrap();
    drop(fixture);

    let fixture = open(dir.path());
    assert_eq!(fixture.dns("www.example.com", "A"), Found::NoZone);
    assert_eq!(fixture.service.zones(None).count(), 1);
    assert_eq!(fixture.service.all_records().count(), 1);
}

#[test]
fn an_imported_zone_is_one_change_and_survives() {
    let dir = tempfile::tempdir().unwrap();
    let fixture = open(dir.path());
    let mut records = crate::service::ImportBuilder::new(&name("example.com"), START_S);
    for index in 0..300u32 {
        let (owner, rdata) = (name(&format!("h{index}.example.com")), vec![192, 0, 2, (index % 256) as u8]);
        records.add(&owner, RecordType::A, 60, &[rdata], index).unwrap();
    }
    let records = records.finish().unwrap();
    let revision = fixture.service.revision();
    let committed = fixture
        .service
        .commit_blocking(&actor(), |transaction| {
            transaction.import_zone(ZoneFields::default(), None, records)
        })
        .unwrap();
    assert_eq!(committed.revision, revision + 1);
    assert_eq!(fixture.activity(), ["create zonefile"]);
    assert_eq!(fixture.dns("h7.example.com", "A"), rdata(60, &["192.0.2.7"]));
    drop(fixture);

    let fixture = open(dir.path());
    assert_eq!(fixture.dns("h299.example.com", "A"), rdata(60, &["192.0.2.43"]));
    assert_eq!(fixture.dns("example.com", "NS"), rdata(3600, &["ns1.test.", "ns2.test."]));
    assert_eq!(fixture.service.all_records().count(), 301);
}

const ZONES: [&str; 3] = ["a.test", "b.a.test", "c.test"];
const OWNERS: [&str; 5] = ["", "x.", "*.x.", "b.", "y.x."];
const TYPES: [&str; 4] = ["A", "TXT", "CNAME", "NS"];

/// What a client may do: zone, owner and type by their place in the lists above, and a value.
#[derive(Clone, Copy, Debug)]
enum Step {
    CreateZone(usize),
    LinkZone(usize, usize),
    UpdateZone(usize, u32),
    DeleteZone(usize),
    CreateRecord(usize, usize, usize, u8),
    LinkRecord(usize, usize, usize),
    UpdateRecord(usize, usize, usize, u8),
    DeleteRecord(usize, usize, usize),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let (zone, owner, rtype) = (0..ZONES.len(), 0..OWNERS.len(), 0..TYPES.len());
    let place = (zone.clone(), owner.clone(), rtype);
    let step = prop_oneof![
        4 => zone.clone().prop_map(Step::CreateZone),
        1 => (zone.clone(), zone.clone()).prop_map(|(a, b)| Step::LinkZone(a, b)),
        1 => (zone.clone(), 1..9u32).prop_map(|(a, ttl)| Step::UpdateZone(a, ttl)),
        1 => zone.clone().prop_map(Step::DeleteZone),
        8 => (place.clone(), any::<u8>()).prop_map(|((a, b, c), d)| Step::CreateRecord(a, b, c, d)),
        2 => (zone.clone(), owner, zone).prop_map(|(a, b, c)| Step::LinkRecord(a, b, c)),
        3 => (place.clone(), any::<u8>()).prop_map(|((a, b, c), d)| Step::UpdateRecord(a, b, c, d)),
        2 => place.prop_map(|(a, b, c)| Step::DeleteRecord(a, b, c)),
    ];
    prop::collection::vec(step, 1..40)
}

fn place(zone: usize, owner: usize, rtype: usize) -> RecordPath {
    path(ZONES[zone], &format!("{}{}", OWNERS[owner], ZONES[zone]), TYPES[rtype])
}

fn answers(rtype: usize, value: u8) -> Value {
    match TYPES[rtype] {
        "A" => json!({"answers": [format!("192.0.2.{value}")], "ttl": u32::from(value) + 1}),
        "TXT" => json!({"answers": [[format!("text {value}")]]}),
        _ => json!({"answers": [format!("n{value}.test")]}),
    }
}

/// Does a step; what cannot be is refused, which is as good.
fn take(fixture: &Fixture, step: Step) {
    let _refused = match step {
        Step::CreateZone(zone) => fixture.create_zone(ZONES[zone], json!({})).is_err(),
        Step::LinkZone(zone, target) => {
            fixture.create_zone(ZONES[zone], json!({"link": ZONES[target]})).is_err()
        }
        Step::UpdateZone(zone, ttl) => fixture.update_zone(ZONES[zone], json!({"ttl": ttl})).is_err(),
        Step::DeleteZone(zone) => fixture.delete_zone(ZONES[zone]).is_err(),
        Step::CreateRecord(zone, owner, rtype, value) => {
            fixture.create(place(zone, owner, rtype), answers(rtype, value)).is_err()
        }
        Step::LinkRecord(zone, owner, target) => {
            let link = format!("x.{}", ZONES[target]);
            fixture.create(place(zone, owner, 0), json!({"link": link})).is_err()
        }
        Step::UpdateRecord(zone, owner, rtype, value) => {
            fixture.update(place(zone, owner, rtype), answers(rtype, value)).is_err()
        }
        Step::DeleteRecord(zone, owner, rtype) => fixture.delete(place(zone, owner, rtype)).is_err(),
    };
}

/// Everything that queries can tell about the names of the test, and the serials.
fn seen(fixture: &Fixture) -> Vec<String> {
    let mut seen = Vec::new();
    for zone in ZONES {
        let snapshot = fixture.service.snapshot().load();
        let serial = snapshot.zone(&name(zone)).map(|zone| zone.soa().serial);
        seen.push(format!("{zone} {serial:?}"));
        for owner in OWNERS.into_iter().chain(["deep.down.x.", "z."]) {
            for rtype in TYPES {
                let domain = format!("{owner}{zone}");
                seen.push(format!("{domain} {rtype} {:?}", fixture.dns(&domain, rtype)));
            }
        }
    }
    seen
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn a_restart_changes_nothing_that_queries_see(steps in steps()) {
        let fixture = Fixture::new();
        for step in steps {
            take(&fixture, step);
        }
        let before = seen(&fixture);
        let fixture = fixture.reopen();
        prop_assert_eq!(before, seen(&fixture));
    }
}
