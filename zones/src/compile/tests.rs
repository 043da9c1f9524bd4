use filters::{AnswerId, FilterStep};
use serde_json::json;

use super::{record as compile_record, zone as compile_zone, *};
use crate::change::Change;
use crate::id::{RecordId, ZoneId};
use crate::snapshot::{Lookup, QueryName, RrsetBody, World};

const FEED: &str = "5e81fd108fdbc30d0806422e";

fn answer(number: u8, fields: Value) -> AnswerDoc {
    let Value::Array(answer) = fields else { panic!("an answer is a list") };
    AnswerDoc { id: AnswerId([number; 12]), answer, meta: Map::new(), region: None }
}

fn document(rtype: RecordType, answers: &[Value]) -> RecordDoc {
    let mut record = RecordDoc::new(RecordId([1; 12]), "example.com", "www.example.com", rtype, 60);
    record.answers =
        answers.iter().cloned().enumerate().map(|(index, fields)| answer(index as u8, fields)).collect();
    record
}

fn step(name: &str, config: Value, disabled: Option<bool>) -> FilterStep {
    let Value::Object(config) = config else { panic!("a configuration is an object") };
    FilterStep { filter: name.to_owned(), config, disabled }
}

fn object(value: Value) -> Map<String, Value> {
    let Value::Object(object) = value else { panic!("expected an object") };
    object
}

fn no_feeds(_: FeedId) -> Option<Arc<FeedCell>> {
    None
}

fn message(record: &RecordDoc) -> String {
    compile_record(record, &no_feeds).map(|_| ()).unwrap_err().to_string()
}

/// The rdata of a compiled static record, as a query sees them.
fn static_rdatas(record: &RecordDoc) -> Vec<Vec<u8>> {
    match served(record) {
        Served::Static(rdatas) => rdatas,
        Served::Steered => panic!("expected a record without a chain"),
    }
}

enum Served {
    Static(Vec<Vec<u8>>),
    Steered,
}

fn served(record: &RecordDoc) -> Served {
    let compiled = compile_record(record, &no_feeds).unwrap();
    let settings = compile_zone(&zone_document()).unwrap();
    let zone = settings.apex.clone();
    let mut world = World::new();
    let snapshot = world.apply(1, [Change::PutZone(settings), Change::PutRecord { zone, record: compiled }]);
    let question = QueryName::from_wire(b"\x03www\x07example\x03com\x00").unwrap();
    let found = snapshot.find_zone(&question, record.rtype).unwrap();
    let Lookup::Found(node) = found.zone.lookup(&question, found.apex_label, record.rtype) else {
        panic!("the record is missing")
    };
    match node.rrset(record.rtype).unwrap().body {
        RrsetBody::Static(list) => Served::Static(list.iter().map(<[u8]>::to_vec).collect()),
        RrsetBody::Steered(steered) => {
            assert_eq!(steered.record_id, record.id);
            assert_eq!(steered.use_client_subnet, record.use_client_subnet);
            Served::Steered
        }
    }
}

fn zone_document() -> ZoneDoc {
    ZoneDoc {
        id: ZoneId([1; 12]),
        zone: "example.com".to_owned(),
        name: None,
        ttl: 3600,
        nx_ttl: 60,
        refresh: 1,
        retry: 2,
        expiry: 3,
        hostmaster: "first.last@example.net".to_owned(),
        primary_master: "dns1.example.net".to_owned(),
        serial: 7,
        networks: vec![0],
        dns_servers: Vec::new(),
        link: None,
        meta: Map::new(),
        primary: None,
        secondary: None,
        dnssec: false,
        extra: Map::new(),
    }
}

#[test]
fn rdata_that_comes_twice_is_served_once() {
    let answers = [json!(["192.0.2.1"]), json!(["192.0.2.2"]), json!(["192.0.2.1"])];
    let record = document(RecordType::A, &answers);
    assert_eq!(static_rdatas(&record), [[192, 0, 2, 1], [192, 0, 2, 2]]);
}

#[test]
fn a_cname_or_dname_without_a_chain_serves_its_first_answer_only() {
    for rtype in [RecordType::CNAME, RecordType::DNAME] {
        let record = document(rtype, &[json!(["a.example"]), json!(["b.example"])]);
        assert_eq!(static_rdatas(&record), [b"\x01a\x07example\x00"]);
    }
}

#[test]
fn a_chain_makes_a_record_steered_unless_all_its_steps_are_disabled() {
    let mut record = document(RecordType::A, &[json!(["192.0.2.1"]), json!(["192.0.2.2"])]);
    record.filters.push(step("shuffle", json!({}), Some(true)));
    assert_eq!(static_rdatas(&record).len(), 2);
    record.filters.push(step("shuffle", json!({}), None));
    assert!(matches!(served(&record), Served::Steered));
    record.use_client_subnet = false;
    assert!(matches!(served(&record), Served::Steered));
}

#[test]
fn a_steered_record_knows_its_answers_and_which_are_equal() {
    let answers = [json!(["192.0.2.1"]), json!(["192.0.2.2"]), json!(["192.0.2.1"])];
    let mut record = document(RecordType::A, &answers);
    record.filters.push(step("select_first_n", json!({"N": 2}), None));
    let compiled = compile_record(&record, &no_feeds).unwrap();
    assert_eq!(compiled.tier(), 2);
    let CompiledBody::Steered(steered) = &compiled.body else { panic!("expected a chain") };
    assert_eq!(steered.answer_count(), 3);
    assert_eq!(steered.rdata(1), [192, 0, 2, 2]);
    assert_eq!(steered.rdata(3), [0; 0]);
    assert_eq!([0, 1, 2].map(|index| steered.canonical(index)), [0, 1, 0]);
    assert!(steered.has_duplicates());
    assert_eq!(steered.answer_id(2), AnswerId([2; 12]));
}

#[test]
fn errors_say_which_answer_region_or_filter_is_meant() {
    let good = document(RecordType::A, &[json!(["192.0.2.1"]), json!(["192.0.2.2"])]);
    assert_eq!(compile_record(&good, &no_feeds).unwrap().tier(), 1);

    let mut bad = good.clone();
    bad.answers[1].answer = vec![json!("nonsense")];
    assert!(message(&bad).starts_with("answer 2: "), "{}", message(&bad));

    let mut bad = good.clone();
    bad.answers[1].meta = object(json!({"weight": -3}));
    assert!(message(&bad).starts_with("answer 2: meta: "), "{}", message(&bad));

    let mut bad = good.clone();
    bad.regions = object(json!({"west": {"meta": {"nonsense": 1}}}));
    assert!(message(&bad).starts_with("regions.west.meta: "), "{}", message(&bad));
    for region in [json!(1), json!({"meta": []}), json!(null)] {
        bad.regions = object(json!({"west": region}));
        assert_eq!(message(&bad), "regions.west: expected an object with an object meta");
    }
    bad.regions = object(json!({"west": {}, "east": {"meta": {}}, "south": {"meta": null}}));
    assert!(compile_record(&bad, &no_feeds).is_ok());

    let mut bad = good.clone();
    bad.meta = object(json!({"latitude": 91}));
    assert!(message(&bad).starts_with("meta: "), "{}", message(&bad));

    let mut bad = good.clone();
    bad.filters.push(step("select_first_n", json!({"N": "many"}), None));
    assert!(message(&bad).starts_with("filters[0].config.N: "), "{}", message(&bad));

    let mut bad = good.clone();
    bad.domain = "a..b".to_owned();
    assert!(message(&bad).starts_with("domain: "), "{}", message(&bad));

    let mut bad = good;
    bad.ttl = MAX_TTL + 1;
    assert_eq!(message(&bad), "ttl: 2147483648 is above 2147483647");
}

#[test]
fn a_pointer_to_a_feed_that_does_not_exist_is_refused_wherever_it_is() {
    let pointer = object(json!({"up": {"feed": FEED}}));
    let good = document(RecordType::A, &[json!(["192.0.2.1"])]);
    let mut on_answer = good.clone();
    on_answer.answers[0].meta = pointer.clone();
    let mut on_region = good.clone();
    on_region.regions = object(json!({"west": {"meta": pointer}}));
    let mut on_record = good;
    on_record.meta = pointer;
    for record in [&on_answer, &on_region, &on_record] {
        assert!(message(record).contains("invalid feed pointer"), "{}", message(record));
        let feed = |id| Some(Arc::new(FeedCell::new(id)));
        assert!(compile_record(record, &feed).is_ok());
    }
}

#[test]
fn a_linked_record_has_a_target_and_nothing_else() {
    let mut record = document(RecordType::A, &[]);
    record.link = Some("target.example".to_owned());
    let compiled = compile_record(&record, &no_feeds).unwrap();
    assert_eq!(compiled.link().unwrap().to_string(), "target.example");
    record.answers.push(answer(1, json!(["192.0.2.1"])));
    assert_eq!(message(&record), RecordError::LinkWithContent.to_string());
    record.answers.clear();
    record.link = Some("..".to_owned());
    assert!(message(&record).starts_with("link: "));
}

#[test]
fn too_many_answers_and_too_much_rdata_are_refused() {
    let many = vec![json!(["192.0.2.1"]); MAX_ANSWERS + 1];
    assert!(message(&document(RecordType::A, &many)).starts_with("answers: 4097 answers"));
    let long: Vec<_> = (0..7).map(|index| json!([format!("{index}{}", "x".repeat(9_500))])).collect();
    let mut record = document(RecordType::TXT, &long);
    assert!(message(&record).ends_with("octets of record data; at most 65000 are allowed"));
    record.filters.push(step("select_first_n", json!({"N": 1}), None));
    assert!(compile_record(&record, &no_feeds).is_ok(), "a chain sends a part of it");
    let longest = [json!(["x".repeat(65_500)])];
    assert!(compile_record(&document(RecordType::TXT, &longest), &no_feeds).is_err());
}

#[test]
fn a_zone_compiles_to_its_soa_fields() {
    let settings = compile_zone(&zone_document()).unwrap();
    assert_eq!(settings.hostmaster.to_string(), "first\\.last.example.net");
    assert_eq!((settings.serial, settings.ttl_s, settings.negative_ttl_s), (7, 3600, 60));
    assert!(settings.is_served);
    let hidden = ZoneDoc { networks: Vec::new(), ..zone_document() };
    assert!(!compile_zone(&hidden).unwrap().is_served);
}

#[test]
fn wrong_fields_of_a_zone_are_named() {
    let cases = [
        (ZoneDoc { hostmaster: "a@".to_owned(), ..zone_document() }, "hostmaster"),
        (ZoneDoc { primary_master: "a..b".to_owned(), ..zone_document() }, "primary_master"),
        (ZoneDoc { link: Some("..".to_owned()), ..zone_document() }, "link"),
        (ZoneDoc { nx_ttl: u32::MAX, ..zone_document() }, "nx_ttl"),
    ];
    for (zone, field) in cases {
        let message = compile_zone(&zone).unwrap_err().to_string();
        assert!(message.starts_with(&format!("{field}: ")), "{message}");
    }
}
