//! What is there after the process ends, over the store on disk.

use serde_json::json;
use store::{JournalStore, Options};

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
    let records: Vec<_> = (0..300)
        .map(|index| {
            let domain = format!("h{index}.example.com");
            let id = ::zones::RecordId(crate::ids::new_object_id(START_S));
            let mut record = RecordDoc::new(id, "example.com", &domain, RecordType::A, 60);
            let fields = json!({"answers": [format!("192.0.2.{}", index % 256)]});
            let path = path("example.com", &domain, "A");
            let answers = RecordFields::parse(&object(fields), &path).unwrap().answers.unwrap();
            record.answers = crate::dto::record::AnswerFields::into_documents(answers, &[], || {
                filters::AnswerId(crate::ids::new_object_id(START_S))
            });
            crate::service::PreparedRecord::new(&record).unwrap()
        })
        .collect();
    let revision = fixture.service.revision();
    let committed = fixture
        .service
        .commit_blocking(&actor(), |transaction| {
            transaction.import_zone(&name("example.com"), ZoneFields::default(), records)
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
