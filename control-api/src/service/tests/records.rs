//! Records: creation, partial updates, places, links, what comes back.

use serde_json::json;

use super::*;
use crate::dto::record::record_object;
use crate::dto::zone::record_summary;

fn www() -> RecordPath {
    path("example.com", "www.example.com", "A")
}

#[test]
fn a_new_record_has_the_documented_defaults_and_is_served() {
    let fixture = Fixture::new();
    fixture.create_zone("example.com", json!({"nx_ttl": 60})).unwrap();
    let record = fixture.create_www();
    let text = serde_json::to_string(&record_object(&record, |_| None)).unwrap();
    assert_eq!(
        text,
        format!(
            "{{\"domain\":\"www.example.com\",\"zone\":\"example.com\",\"use_client_subnet\":true,\
             \"answers\":[{{\"answer\":[\"192.0.2.1\"],\"id\":\"{}\",\"meta\":{{}}}}],\"id\":\"{}\",\
             \"regions\":{{}},\"meta\":{{}},\"link\":null,\"filters\":[],\"ttl\":60,\"tier\":1,\
             \"type\":\"A\",\"networks\":[0],\"override_ttl\":false}}",
            record.answers[0].id, record.id
        )
    );
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(60, &["192.0.2.1"]));
    assert_eq!(fixture.serial("example.com"), 1_700_000_001);
}

#[test]
fn the_entry_in_the_listing_has_its_keys_in_the_order_that_clients_match() {
    let fixture = Fixture::with_zone();
    let body = json!({"answers": [{"answer": [10, "mx1.example.com"]}, ["20", "mx2.example.com"]]});
    let record = fixture.create(path("example.com", "example.com", "MX"), body).unwrap();
    let text = serde_json::to_string(&record_summary(&record)).unwrap();
    assert_eq!(
        text,
        format!(
            "{{\"domain\":\"example.com\",\"short_answers\":[\"10 mx1.example.com\",\"20 mx2.example.com\"],\
             \"ttl\":3600,\"tier\":1,\"type\":\"MX\",\"id\":\"{}\"}}",
            record.id
        )
    );
}

#[test]
fn everything_comes_back_with_the_types_it_was_sent_with() {
    let fixture = Fixture::with_zone();
    let body = json!({
        "ttl": 30,
        "answers": [
            {"answer": ["192.0.2.1"], "meta": {"up": "1", "weight": "5"}, "region": "eu"},
            {"answer": ["192.0.2.2"], "meta": {"up": true, "weight": 5.0}, "region": "nowhere"},
        ],
        "regions": {"us": {"meta": {"georegion": "US-EAST"}}, "eu": {"meta": {"georegion": ["EUROPE"]}}},
        "meta": {"note": "  kept  as is "},
        "filters": [
            {"filter": "up", "config": {}},
            {"filter": "geotarget_regional", "config": {}, "disabled": false},
            {"filter": "select_first_n", "config": {"N": "1"}},
        ],
    });
    fixture.create(www(), body.clone()).unwrap();
    let stored = record_object(&fixture.record(&www()).unwrap(), |_| None);
    for key in ["ttl", "regions", "meta", "filters"] {
        assert_eq!(stored[key].to_string(), body[key].to_string(), "{key}");
    }
    for index in [0, 1] {
        for key in ["answer", "meta", "region"] {
            let sent = body["answers"][index][key].to_string();
            assert_eq!(stored["answers"][index][key].to_string(), sent, "{key}");
        }
    }
    assert_eq!(stored["tier"], 3);
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(30, &["192.0.2.1", "192.0.2.2"]));
}

#[test]
fn a_missing_zone_is_told_before_a_wrong_body() {
    let fixture = Fixture::with_zone();
    let absent = path("absent.test", "www.absent.test", "A");
    assert_refused(fixture.create(absent.clone(), json!({"answers": 5})), 404, "zone not found");
    assert_refused(fixture.update(absent, json!({"answers": 5})), 404, "zone not found");
    assert_refused(fixture.update(www(), json!({"answers": 5})), 404, "record not found");
    assert_refused(fixture.delete(www()), 404, "record not found");
}

#[test]
fn records_that_cannot_be_are_refused_and_leave_no_trace() {
    let fixture = Fixture::with_zone();
    fixture.create_www();
    let alias = json!({"answers": ["target.test"]});
    fixture.create(path("example.com", "alias.example.com", "CNAME"), alias.clone()).unwrap();
    let revision = fixture.service.revision();
    let address = json!({"answers": ["192.0.2.1"]});
    let at = |domain, rtype| path("example.com", domain, rtype);
    for (path, body, part) in [
        (www(), address.clone(), "record already exists"),
        (at("www.example.com", "CNAME"), alias.clone(), "CNAME"),
        (at("alias.example.com", "A"), address.clone(), "CNAME"),
        (at("example.com", "CNAME"), alias, "apex"),
        (at("www.example.org", "A"), address, "not in zone"),
        (at("x.example.com", "A"), json!({}), "<obj>.answers"),
        (at("x.example.com", "A"), json!({"answers": ["192.0.2.300"]}), "answer 1"),
        (at("x.example.com", "MX"), json!({"answers": [[10, "a.test"], ["x", "b.test"]]}), "answer 2"),
        (at("x.example.com", "A"), json!({"answers": [], "filters": [{"filter": "upp"}]}), "filters[0]"),
        (
            at("x.example.com", "A"),
            json!({"answers": [], "filters": [{"filter": "up", "config": {"M": 1}}]}),
            "filters[0].config: unknown key \"M\"",
        ),
        (
            at("x.example.com", "A"),
            json!({"answers": [], "filters": [{"filter": "up"}, {"filter": "up", "conf": {}}]}),
            "filters[1]: unknown key \"conf\"; allowed are filter, config, disabled",
        ),
        (
            at("x.example.com", "A"),
            json!({"answers": [], "on_empty": "any"}),
            "for field '<obj>.on_empty' is not one of nodata, all, previous",
        ),
        (at("x.example.com", "A"), json!({"answers": [], "on_empty": 1}), "<obj>.on_empty"),
        (
            at("x.example.com", "AAAA"),
            json!({"answers": [], "filters": [{"filter": "parse_ipv4"}]}),
            "filters[0]: filter parse_ipv4 is for records of type A only",
        ),
        (
            at("x.example.com", "A"),
            json!({"answers": [{"answer": ["192.0.2.1"], "meta": {"wait": 1}}]}),
            "wait",
        ),
        (
            at("x.example.com", "A"),
            json!({"answers": [], "regions": {"eu": {"meta": {"weight": -1}}}}),
            "regions.eu.meta",
        ),
        (at("x.example.com", "A"), json!({"answers": [], "meta": {"latitude": 91}}), "latitude"),
        (at("x.example.com", "A"), json!({"answers": [], "ttl": 2_147_483_648_u32}), "<obj>.ttl"),
    ] {
        assert_refused(fixture.create(path, body), 400, part);
    }
    assert_eq!(fixture.service.revision(), revision);
    assert_eq!(fixture.dns("x.example.com", "A"), Found::NoName);
}

#[test]
fn what_goes_out_when_nothing_is_left_is_kept_until_it_is_changed() {
    let fixture = Fixture::with_zone();
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"asn": [1]}}, {"answer": ["192.0.2.2"], "meta": {"asn": [2]}}],
        "filters": [{"filter": "netfence_asn", "config": {}}],
        "on_empty": "previous",
    });
    let old = fixture.create(www(), body).unwrap();
    assert_eq!(old.on_empty, filters::OnEmpty::Previous);
    let same = fixture.update(www(), json!({"ttl": 7})).unwrap();
    assert_eq!(same.on_empty, filters::OnEmpty::Previous);
    assert_eq!(crate::dto::record::record_resource(&same)["on_empty"], "previous");
    let default = fixture.update(www(), json!({"on_empty": null})).unwrap();
    assert_eq!(default.on_empty, filters::OnEmpty::Nodata);
    assert_eq!(crate::dto::record::record_resource(&default).get("on_empty"), None);
}

#[test]
fn an_update_replaces_what_it_names_and_keeps_the_rest() {
    let fixture = Fixture::with_zone();
    let body = json!({
        "answers": ["192.0.2.1", "192.0.2.2"],
        "meta": {"note": "n", "weight": 1},
        "filters": [{"filter": "shuffle", "config": {}}],
    });
    let old = fixture.create(www(), body).unwrap();
    let new = fixture.update(www(), json!({"meta": {"weight": 2}, "use_client_subnet": false})).unwrap();
    assert_eq!(Value::Object(new.meta.clone()), json!({"weight": 2}));
    assert_eq!((&new.id, &new.answers, &new.filters), (&old.id, &old.answers, &old.filters));
    assert!(!new.use_client_subnet);
    let cleared = fixture.update(www(), json!({"filters": [], "answers": ["192.0.2.2"]})).unwrap();
    assert_eq!(cleared.answers[0].id, old.answers[1].id);
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(3600, &["192.0.2.2"]));
    assert_refused(fixture.update(www(), json!({"filters": null})), 400, "<obj>.filters");
}

#[test]
fn a_record_sent_back_as_it_was_read_is_no_change() {
    let fixture = Fixture::with_zone();
    let body = json!({
        "answers": [{"answer": ["192.0.2.1"], "meta": {"up": "1"}, "region": "eu"}, "192.0.2.1"],
        "regions": {"eu": {"meta": {}}},
        "filters": [{"filter": "up", "config": {}}],
        "tags": {}, "blocked_tags": [],
    });
    let record = fixture.create(www(), body).unwrap();
    let (revision, serial) = (fixture.service.revision(), fixture.serial("example.com"));
    let mut whole = record_object(&record, |_| None);
    whole.insert("local_tags".to_owned(), json!([]));
    assert_eq!(fixture.update(www(), Value::Object(whole.clone())).unwrap(), record);
    for answer in whole["answers"].as_array_mut().unwrap() {
        answer.as_object_mut().unwrap().shift_remove("id");
    }
    assert_eq!(fixture.update(www(), Value::Object(whole)).unwrap(), record);
    assert_eq!(fixture.update(www(), json!({"name": "www"})).unwrap(), record);
    assert_eq!(fixture.service.revision(), revision);
    assert_eq!(fixture.serial("example.com"), serial);
}

#[test]
fn a_record_cloned_to_another_name_gets_ids_of_its_own() {
    let fixture = Fixture::with_zone();
    let record = fixture.create_www();
    let mut body = record_object(&record, |_| None);
    body.insert("domain".to_owned(), json!("copy.example.com"));
    let copy = fixture.create(path("example.com", "copy.example.com", "A"), Value::Object(body)).unwrap();
    assert_ne!(copy.id, record.id);
    assert_ne!(copy.answers[0].id, record.answers[0].id);
    assert_eq!(copy.answers[0].answer, record.answers[0].answer);
}

#[test]
fn a_ttl_of_zero_is_the_default() {
    let fixture = Fixture::new();
    fixture.create_zone("example.com", json!({"nx_ttl": 60})).unwrap();
    let body = json!({"answers": ["192.0.2.1"], "ttl": 0});
    assert_eq!(fixture.create(www(), body).unwrap().ttl, 60);
    assert_eq!(fixture.update(www(), json!({"ttl": 5})).unwrap().ttl, 5);
    assert_eq!(fixture.update(www(), json!({"ttl": "0"})).unwrap().ttl, 60);
}

#[test]
fn a_linked_record_follows_its_target_across_zones() {
    let fixture = Fixture::with_zone();
    fixture.create_zone("example.org", json!({})).unwrap();
    let link = path("example.org", "example.org", "A");
    let record =
        fixture.create(link.clone(), json!({"link": "WWW.example.com", "answers": [], "ttl": 60})).unwrap();
    assert_eq!(record.link.as_deref(), Some("www.example.com"));
    assert_eq!(fixture.dns("example.org", "A"), Found::NoData);
    fixture.create_www();
    assert_eq!(fixture.dns("example.org", "A"), rdata(3600, &["192.0.2.1"]));
    fixture.update(www(), json!({"answers": ["192.0.2.9"]})).unwrap();
    assert_eq!(fixture.dns("example.org", "A"), rdata(3600, &["192.0.2.9"]));
    let whole = Value::Object(record_object(&record, |_| None));
    assert_eq!(fixture.update(link.clone(), whole).unwrap(), record);
    assert_refused(fixture.update(link.clone(), json!({"answers": ["192.0.2.1"]})), 400, "link");
    assert_refused(fixture.update(link, json!({"link": null})), 400, "link");
    fixture.delete(www()).unwrap();
    assert_eq!(fixture.dns("example.org", "A"), Found::NoData);
}

#[test]
fn links_of_records_that_cannot_be_are_refused() {
    let fixture = Fixture::with_zone();
    for (body, part) in [
        (json!({"link": "a.test", "answers": ["192.0.2.1"]}), "link"),
        (json!({"link": "a.test", "filters": [{"filter": "up"}]}), "link"),
        (json!({"link": "www.example.com"}), "linked to itself"),
        (json!({"link": "a.test", "on_empty": "all"}), "link"),
        (json!({"link": "a..b"}), "<obj>.link"),
        (json!({"link": null}), "<obj>.answers"),
    ] {
        assert_refused(fixture.create(www(), body), 400, part);
    }
    fixture.create_www();
    assert_refused(fixture.update(www(), json!({"link": "a.test"})), 400, "link");
    fixture.update(www(), json!({"link": null})).unwrap();
}

#[test]
fn a_deleted_record_is_gone_at_once() {
    let fixture = Fixture::with_zone();
    fixture.create_www();
    fixture.delete(www()).unwrap();
    assert_eq!(fixture.record(&www()), None);
    assert_eq!(fixture.dns("www.example.com", "A"), Found::NoName);
    assert_eq!(fixture.serial("example.com"), 1_700_000_002);
    assert_eq!(fixture.activity(), ["delete record", "create record", "create zone"]);
}

#[test]
fn wildcards_and_types_by_number_are_records_like_others() {
    let fixture = Fixture::with_zone();
    fixture.create(path("example.com", "*.example.com", "TXT"), json!({"answers": [["a b", "c"]]})).unwrap();
    assert_eq!(fixture.dns("any.example.com", "TXT"), rdata(3600, &["\"a b\" \"c\""]));
    let unknown = path("example.com", "u.example.com", "TYPE65400");
    fixture.create(unknown, json!({"answers": ["\\# 4 0a000001"]})).unwrap();
    assert_eq!(fixture.dns("u.example.com", "TYPE65400"), rdata(3600, &["\\# 4 0a000001"]));
}

#[test]
fn the_records_of_a_zone_come_in_pages() {
    let fixture = Fixture::with_zone();
    fixture.create_www();
    fixture.create(path("example.com", "a.example.com", "A"), json!({"answers": ["192.0.2.1"]})).unwrap();
    let zone = name("example.com");
    let list = |after: Option<(&Name, RecordType)>| -> Vec<String> {
        let entries = fixture.service.records(&zone, after).map(Result::unwrap);
        entries.map(|entry| entry.place().unwrap().1.to_owned()).collect()
    };
    assert_eq!(list(None), ["a.example.com", "example.com", "www.example.com"]);
    assert_eq!(list(Some((&zone, RecordType::NS))), ["www.example.com"]);
}

#[test]
fn a_record_without_answers_is_kept_and_answers_nothing() {
    let fixture = Fixture::with_zone();
    let record = fixture.create(www(), json!({"answers": []})).unwrap();
    assert_eq!(record.answers, []);
    assert_ne!(fixture.dns("www.example.com", "A"), rdata(3600, &[]));
    fixture.update(www(), json!({"answers": ["192.0.2.1"]})).unwrap();
    assert_eq!(fixture.dns("www.example.com", "A"), rdata(3600, &["192.0.2.1"]));
}

#[test]
fn more_answers_than_a_chain_can_choose_among_are_refused() {
    let fixture = Fixture::with_zone();
    let answers = vec!["192.0.2.1"; ::zones::limits::MAX_ANSWERS + 1];
    assert_refused(fixture.create(www(), json!({"answers": answers})), 400, "at most 4096");
    let filters = vec![json!({"filter": "shuffle"}); 65];
    assert_refused(fixture.create(www(), json!({"answers": [], "filters": filters})), 400, "at most 64");
}

#[test]
fn there_is_nothing_below_a_dname() {
    let fixture = Fixture::with_zone();
    let dname = |owner: &str| {
        fixture.create(path("example.com", owner, "DNAME"), json!({"answers": [["other.test"]]}))
    };
    let address =
        |owner: &str| fixture.create(path("example.com", owner, "A"), json!({"answers": [["192.0.2.1"]]}));
    dname("tree.example.com").unwrap();
    address("tree.example.com").unwrap();
    for owner in ["x.tree.example.com", "a.b.tree.example.com", "*.tree.example.com"] {
        assert_refused(address(owner), 400, &format!("{owner} is below tree.example.com"));
    }
    address("a.wood.example.com").unwrap();
    address("xwood.example.com").unwrap();
    assert_refused(dname("wood.example.com"), 400, "a.wood.example.com is below wood.example.com");
    assert_refused(dname("example.com"), 400, "a DNAME record allows no record below it");
    fixture.delete(path("example.com", "a.wood.example.com", "A")).unwrap();
    dname("wood.example.com").unwrap();
}

#[test]
fn what_one_change_set_does_below_a_dname_is_seen_by_its_next_step() {
    let fixture = Fixture::with_zone();
    let fields = |rtype: &str, data: &str| {
        let path = path("example.com", "x.example.com", rtype);
        RecordFields::parse(&object(json!({"answers": [[data]]})), &path)
    };
    let below = RecordFields::parse(
        &object(json!({"answers": [["192.0.2.1"]]})),
        &path("example.com", "a.x.example.com", "A"),
    );
    let dname = fields("DNAME", "other.test");
    let result = fixture.service.commit_blocking(&actor(), move |transaction| {
        transaction.create_record(&path("example.com", "a.x.example.com", "A"), below)?;
        transaction.create_record(&path("example.com", "x.example.com", "DNAME"), dname)
    });
    assert_refused(result, 400, "a.x.example.com is below x.example.com");
    assert_eq!(fixture.dns("a.x.example.com", "A"), Found::NoName);
}
