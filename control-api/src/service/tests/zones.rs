//! Zones: defaults, changes, links, serials.

use serde_json::json;

use super::*;
use crate::dto::zone::zone_object;

#[test]
fn a_new_zone_has_the_documented_defaults_and_our_name_servers() {
    let fixture = Fixture::new();
    let zone = fixture.create_zone("Example.COM", json!({"nx_ttl": 60})).unwrap();
    let object = zone_object(&zone);
    let text = serde_json::to_string(&object).unwrap();
    assert_eq!(
        text,
        format!(
            "{{\"id\":\"{}\",\"zone\":\"example.com\",\"ttl\":3600,\"nx_ttl\":60,\"retry\":7200,\
             \"refresh\":43200,\"expiry\":1209600,\"hostmaster\":\"hostmaster@test\",\
             \"primary_master\":\"ns1.test\",\"serial\":1700000000,\
             \"dns_servers\":[\"ns1.test\",\"ns2.test\"],\"networks\":[0],\
             \"network_pools\":[\"p01\"],\"pool\":\"p01\",\
             \"primary\":{{\"enabled\":false,\"secondaries\":[]}},\"meta\":{{}},\"link\":null,\
             \"dnssec\":false}}",
            zone.id
        )
    );
    let ns = fixture.record(&path("example.com", "example.com", "NS")).unwrap();
    assert!(!ns.use_client_subnet);
    assert_eq!(fixture.dns("example.com", "NS"), rdata(60, &["ns1.test.", "ns2.test."]));
    assert_eq!(fixture.serial("example.com"), 1_700_000_000);
}

#[test]
fn a_zone_that_exists_is_refused_whatever_its_case() {
    let fixture = Fixture::with_zone();
    let revision = fixture.service.revision();
    assert_refused(fixture.create_zone("EXAMPLE.com", json!({})), 400, "zone already exists");
    assert_eq!(fixture.service.revision(), revision);
}

#[test]
fn an_update_keeps_what_it_does_not_name_and_raises_the_serial_by_one() {
    let fixture = Fixture::with_zone();
    fixture.now_s.store(START_S + 1000, Ordering::Relaxed);
    let zone = fixture.update_zone("example.com", json!({"ttl": 120, "retry": "300"})).unwrap();
    assert_eq!((zone.ttl, zone.retry, zone.refresh), (120, 300, 43_200));
    assert_eq!(zone.serial, 1_700_000_001);
    assert_eq!(fixture.serial("example.com"), 1_700_000_001);
    assert_eq!(fixture.zone("example.com"), zone);
    assert_eq!(fixture.activity(), ["update zone", "create zone"]);
}

#[test]
fn a_zone_sent_back_as_it_was_read_is_no_change() {
    let fixture = Fixture::with_zone();
    fixture.update_zone("example.com", json!({"tags": {"a": "b"}, "views": []})).unwrap();
    let revision = fixture.service.revision();
    let mut body = zone_object(&fixture.zone("example.com"));
    body.insert("records".to_owned(), json!([]));
    let zone = fixture.update_zone("example.com", Value::Object(body)).unwrap();
    assert_eq!(zone, fixture.zone("example.com"));
    assert_eq!(fixture.service.revision(), revision);
}

#[test]
fn a_zone_made_anew_goes_on_from_the_serial_it_had() {
    let fixture = Fixture::with_zone();
    for ttl in 1..6 {
        fixture.update_zone("example.com", json!({"ttl": ttl})).unwrap();
    }
    fixture.delete_zone("example.com").unwrap();
    let fixture = fixture.reopen();
    fixture.now_s.store(START_S + 2, Ordering::Relaxed);
    fixture.create_zone("example.com", json!({})).unwrap();
    assert_eq!(fixture.serial("example.com"), START_S as u32 + 6, "not back to the time");
    fixture.delete_zone("example.com").unwrap();
    fixture.now_s.store(START_S + 100, Ordering::Relaxed);
    fixture.create_zone("example.com", json!({})).unwrap();
    assert_eq!(fixture.serial("example.com"), START_S as u32 + 100, "the time is later now");
    fixture.delete_zone("example.com").unwrap();
    fixture.create_zone("example.com", json!({})).unwrap();
    assert_eq!(fixture.serial("example.com"), START_S as u32 + 101, "within one second, too");
}

#[test]
fn a_linked_zone_made_anew_goes_on_from_the_serial_of_its_target() {
    let fixture = Fixture::with_zone();
    for ttl in 1..6 {
        fixture.update_zone("example.com", json!({"ttl": ttl})).unwrap();
    }
    fixture.create_zone("linked.test", json!({"link": "example.com"})).unwrap();
    fixture.delete_zone("linked.test").unwrap();
    fixture.create_zone("linked.test", json!({})).unwrap();
    assert_eq!(fixture.serial("linked.test"), START_S as u32 + 6);
}

#[test]
fn a_zone_made_anew_as_a_link_raises_the_serial_that_it_shows_to_its_own() {
    let fixture = Fixture::with_zone();
    fixture.create_zone("target.test", json!({})).unwrap();
    fixture.create_zone("between.test", json!({"link": "target.test"})).unwrap();
    for ttl in 1..6 {
        fixture.update_zone("example.com", json!({"ttl": ttl})).unwrap();
    }
    fixture.delete_zone("example.com").unwrap();
    let made = fixture.create_zone("example.com", json!({"link": "between.test"})).unwrap();
    let later = START_S as u32 + 6;
    assert_eq!((made.serial, fixture.zone("target.test").serial), (later, later));
    assert_eq!((fixture.serial("example.com"), fixture.serial("target.test")), (later, later));
    let fixture = fixture.reopen();
    assert_eq!(fixture.serial("example.com"), later);
    fixture.create_zone("fresh.test", json!({"link": "target.test"})).unwrap();
    assert_eq!(fixture.serial("target.test"), later, "only when it has to");
    // A zone that was deleted long ago is not remembered, but its serial was that of its time.
    fixture.now_s.store(START_S + 100, Ordering::Relaxed);
    fixture.create_zone("old.test", json!({})).unwrap();
    fixture.now_s.store(START_S + 200, Ordering::Relaxed);
    fixture.delete_zone("old.test").unwrap();
    fixture.create_zone("old.test", json!({"link": "target.test"})).unwrap();
    assert!(fixture.serial("old.test") > START_S as u32 + 100);
}

#[test]
fn a_serial_goes_on_past_its_highest_value() {
    let fixture = Fixture::with_zone();
    fixture
        .service
        .commit_blocking(&actor(), |transaction| {
            let mut zone = transaction.zone(&name("example.com"))?;
            zone.serial = u32::MAX;
            transaction.put(store::Table::Zones, b"example.com".to_vec(), &zone)
        })
        .unwrap();
    let zone = fixture.update_zone("example.com", json!({"ttl": 1})).unwrap();
    assert_eq!(zone.serial, 1);
}

#[test]
fn what_is_not_supported_yet_is_said_and_not_stored() {
    let fixture = Fixture::new();
    for (body, part) in [
        (json!({"secondary": {"enabled": true, "primary_ip": "192.0.2.1"}}), "not supported yet"),
        (json!({"primary": {"enabled": true, "secondaries": [{"ip": "192.0.2.1"}]}}), "primary.enabled"),
        (json!({"views": ["inside"]}), "views"),
        (json!({"views": "inside"}), "views"),
        (json!({"dnssec": true}), "DNSSEC support is not enabled"),
        (json!({"networks": [7]}), "<obj>.networks[0]"),
        (json!({"hostmaster": "a b@c..d"}), "hostmaster"),
        (json!({"meta": {"colour": "red"}}), "colour"),
    ] {
        assert_refused(fixture.create_zone("example.com", body), 400, part);
    }
    assert_eq!(fixture.dns("example.com", "NS"), Found::NoZone);
    fixture.create_zone("example.com", json!({"secondary": {"enabled": false}})).unwrap();
    let revision = fixture.service.revision();
    let enabled = json!({"primary": {"enabled": true, "secondaries": []}});
    assert_refused(fixture.update_zone("example.com", enabled), 400, "primary.enabled");
    let disabled = json!({"primary": {"enabled": false, "secondaries": []}});
    fixture.update_zone("example.com", disabled).unwrap();
    assert_eq!(fixture.service.revision(), revision);
}

#[test]
fn a_zone_without_networks_is_kept_and_not_served() {
    let fixture = Fixture::with_zone();
    fixture.create_www();
    fixture.update_zone("example.com", json!({"networks": []})).unwrap();
    assert_eq!(fixture.dns("www.example.com", "A"), Found::NoZone);
    fixture.update_zone("example.com", json!({"networks": [0]})).unwrap();
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(3600, &["192.0.2.1"]));
}

#[test]
fn a_deleted_zone_is_gone_with_its_records_and_can_be_made_anew() {
    let fixture = Fixture::with_zone();
    fixture.create_www();
    fixture.create_zone("example.com.au", json!({})).unwrap();
    fixture.delete_zone("example.com").unwrap();
    assert_eq!(fixture.dns("www.example.com", "A"), Found::NoZone);
    assert_refused(fixture.delete_zone("example.com"), 404, "zone not found");
    assert_eq!(fixture.service.records(&name("example.com"), None).count(), 0);
    assert_eq!(fixture.service.records(&name("example.com.au"), None).count(), 1);
    fixture.create_zone("example.com", json!({})).unwrap();
    assert_eq!(fixture.dns("www.example.com", "A"), Found::NoName);
}

#[test]
fn a_linked_zone_answers_as_its_target_under_its_own_name() {
    let fixture = Fixture::with_zone();
    fixture.create_zone("example.org", json!({"link": "example.com"})).unwrap();
    fixture.create_www();
    assert_eq!(fixture.dns("www.example.org", "A"), rdata(3600, &["192.0.2.1"]));
    let linked = fixture.zone("example.org");
    assert_eq!(linked.link.as_deref(), Some("example.com"));
    assert_eq!(linked.serial, fixture.zone("example.com").serial);
    fixture.update_zone("example.com", json!({"ttl": 77})).unwrap();
    assert_eq!(fixture.zone("example.org").ttl, 77);
    assert_eq!(fixture.service.records(&name("example.org"), None).count(), 0);
}

#[test]
fn a_linked_zone_is_fixed_and_protects_its_target() {
    let fixture = Fixture::with_zone();
    fixture.create_zone("example.org", json!({"link": "example.com"})).unwrap();
    assert_refused(fixture.update_zone("example.org", json!({"ttl": 5})), 400, "linked zone");
    let body = json!({"answers": ["192.0.2.1"]});
    let www = path("example.org", "www.example.org", "A");
    assert_refused(fixture.create(www.clone(), body.clone()), 400, "linked zone");
    assert_refused(fixture.update(www, body), 400, "linked zone");
    assert_refused(fixture.delete_zone("example.com"), 400, "example.org is linked");
    fixture.delete_zone("example.org").unwrap();
    assert_eq!(fixture.dns("example.org", "NS"), Found::NoZone);
    fixture.delete_zone("example.com").unwrap();
}

#[test]
fn links_of_zones_that_cannot_be_are_refused() {
    let fixture = Fixture::with_zone();
    for (body, part) in [
        (json!({"link": "absent.test"}), "absent.test does not exist"),
        (json!({"link": "example.org"}), "linked to itself"),
        (json!({"link": "example.com", "ttl": 60}), "ttl"),
    ] {
        assert_refused(fixture.create_zone("example.org", body), 400, part);
    }
    let link = json!({"link": "example.org"});
    assert_refused(fixture.update_zone("example.com", link), 400, "only when it is created");
}

#[test]
fn the_list_is_by_name_and_begins_behind_any_name() {
    let fixture = Fixture::new();
    for zone in ["b.test", "a.test", "c.test"] {
        fixture.create_zone(zone, json!({})).unwrap();
    }
    let list = |after: Option<&str>| -> Vec<String> {
        let after = after.map(name);
        fixture.service.zones(after.as_ref()).map(|zone| zone.unwrap().zone).collect()
    };
    assert_eq!(list(None), ["a.test", "b.test", "c.test"]);
    assert_eq!(list(Some("a.test")), ["b.test", "c.test"]);
    assert_eq!(list(Some("bb.test")), ["c.test"]);
}
