//! Tests of the filters that make addresses and texts.

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use serde_json::{Value, json};

use crate::kinds::testing::{
    GEO, NOWHERE, Record, chi_square, chi_square_bound, pointer, record_trace, somewhere,
};
use crate::{
    AddressRecord, Context, Entry, MetaKey, Reason, Scratch, Selection, Verdict, WildcardLabels,
    from_seed_u64,
};

/// What goes out, for many seeds in turn.
fn repeat_entries(record: &Record, count: usize, times: usize, mut see: impl FnMut(&[Entry])) {
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(3), Scratch::new(), Selection::new());
    let chain = record.chain();
    for _ in 0..times {
        selection.reset(count);
        chain.run(&mut Context::new(somewhere(), &GEO, &mut entropy, &mut scratch), &mut selection, &mut ());
        see(&selection.entries().collect::<Vec<_>>());
    }
}

fn once(record: &Record, count: usize) -> Vec<Entry> {
    let mut entries = Vec::new();
    repeat_entries(record, count, 1, |seen| entries = seen.to_vec());
    entries
}

fn address(entry: Entry) -> Option<Ipv4Addr> {
    if let Entry::Address { octets, .. } = entry { Some(octets.into()) } else { None }
}

fn prefixes(metas: &[Value], count: u32) -> Record {
    Record::new(metas).step("ipv4_prefix_shuffle", &json!({"N": count}))
}

#[test]
fn addresses_are_drawn_from_all_of_the_prefixes_alike() {
    // Eight and four addresses, the first and the last of each included; one prefix lies inside another.
    let meta =
        json!({"ip_prefixes": ["192.0.2.0/29", "198.51.100.4/30", "198.51.100.6/31", "2001:db8::/32"]});
    let (record, times) = (prefixes(&[meta], 3), 20_000);
    let (mut first, mut last) = (BTreeMap::new(), BTreeMap::new());
    repeat_entries(&record, 1, times, |entries| {
        let drawn: Vec<_> = entries.iter().map(|entry| address(*entry).unwrap()).collect();
        assert_eq!(drawn.iter().collect::<BTreeSet<_>>().len(), 3, "they are distinct");
        *first.entry(drawn[0]).or_insert(0usize) += 1;
        *last.entry(drawn[2]).or_insert(0usize) += 1;
    });
    for counts in [first, last] {
        let union = (0..8).map(|host| Ipv4Addr::new(192, 0, 2, host));
        let union = union.chain((4..8).map(|host| Ipv4Addr::new(198, 51, 100, host)));
        assert!(counts.keys().copied().eq(union), "{counts:?}");
        let counts: Vec<_> = counts.into_values().collect();
        assert!(chi_square(&counts, &[1.0 / 12.0; 12]) < chi_square_bound(12), "{counts:?}");
    }
}

#[test]
fn all_addresses_go_out_in_random_order_when_there_are_fewer() {
    let record = prefixes(&[json!({"ip_prefixes": ["192.0.2.0/31", "192.0.2.9"]})], 200);
    let mut orders = BTreeMap::new();
    repeat_entries(&record, 1, 6_000, |entries| {
        let drawn: Vec<_> = entries.iter().filter_map(|entry| address(*entry)).collect();
        *orders.entry(drawn).or_insert(0usize) += 1;
    });
    let counts: Vec<_> = orders.into_values().collect();
    assert_eq!(counts.len(), 6);
    assert!(chi_square(&counts, &[1.0 / 6.0; 6]) < chi_square_bound(6), "{counts:?}");
}

#[test]
fn the_whole_internet_is_a_prefix_too() {
    let record = prefixes(&[json!({"ip_prefixes": "0.0.0.0/0"})], 2);
    let mut tops = [0usize; 4];
    repeat_entries(&record, 1, 8_000, |entries| {
        for entry in entries {
            tops[usize::from(address(*entry).unwrap().octets()[0] >> 6)] += 1;
        }
    });
    assert!(chi_square(&tops, &[0.25; 4]) < chi_square_bound(4), "{tops:?}");
}

#[test]
fn addresses_stand_where_their_answer_stood_and_have_its_metadata() {
    let metas = [
        json!({"cost": 2}),
        json!({"ip_prefixes": "192.0.2.7", "cost": 1}),
        json!({"ip_prefixes": "2001:db8::/32", "cost": 3}),
    ];
    let seven = Entry::Address { answer: Some(1), octets: [192, 0, 2, 7] };
    let record = prefixes(&metas, 5);
    assert_eq!(once(&record, 3), [Entry::Answer(0), seven, Entry::Answer(2)]);
    assert_eq!(
        once(&record.clone().step("cost", &json!({})), 3),
        [seven, Entry::Answer(0), Entry::Answer(2)]
    );
    assert_eq!(once(&record.clone().step("cost", &json!({"eliminate": 1})), 3), [seven]);
    let again = record.step("ipv4_prefix_shuffle", &json!({}));
    assert_eq!(once(&again, 3), [Entry::Answer(0), seven, Entry::Answer(2)], "addresses pass");
}

#[test]
fn answers_without_prefixes_pass_and_live_prefixes_count() {
    let record = prefixes(&[json!({}), json!({"ip_prefixes": pointer(1)})], 1).feed(1);
    assert_eq!(once(&record, 2), [Entry::Answer(0), Entry::Answer(1)]);
    record.push(1, MetaKey::IpPrefixes, &json!(["203.0.113.5/32"]));
    assert_eq!(once(&record, 2)[1], Entry::Address { answer: Some(1), octets: [203, 0, 113, 5] });
}

#[test]
fn a_trace_names_drawn_addresses_and_what_they_stand_for() {
    let record =
        prefixes(&[json!({"ip_prefixes": "192.0.2.7"}), json!({})], 1).step("select_first_n", &json!({}));
    let trace = record_trace(&record, NOWHERE, 1);
    let made = trace.addresses[0];
    assert_eq!(
        made,
        AddressRecord { entry: made.entry, answer: Some(0), address: Ipv4Addr::new(192, 0, 2, 7) }
    );
    assert_eq!(trace.steps[0].after, [made.entry, 1]);
    assert_eq!(trace.steps[0].answers[0].verdict, Verdict::Dropped);
    assert_eq!(trace.steps[0].answers[0].reason, Some(Reason::Replaced { addresses: 1 }));
    assert_eq!(trace.steps[0].answers[1].reason, Some(Reason::Passed));
    assert_eq!(trace.steps[1].answers[0].answer, made.entry);
    assert_eq!(trace.steps[1].after, [made.entry]);
}

#[test]
fn more_addresses_than_a_reply_has_room_for_are_refused() {
    let metas = vec![json!({"ip_prefixes": "10.0.0.0/8"}); 17];
    let message = prefixes(&metas, 256).compile().unwrap_err().to_string();
    assert_eq!(
        message,
        "filters[0].config.N: 4352 addresses could be drawn for one reply; at most 4096 are allowed"
    );
    assert!(prefixes(&metas[..16], 256).compile().is_ok());
}

#[test]
fn both_filters_for_addresses_are_for_a_records_only() {
    for filter in ["ipv4_prefix_shuffle", "parse_ipv4"] {
        let refused = Record::new(&[]).step(filter, &json!({})).record_type(28).compile().unwrap_err();
        assert_eq!(
            refused.to_string(),
            format!(
                "filters[0]: filter {filter} is not allowed for this record type; expected one of types [1]"
            )
        );
    }
}

/// What goes out for a name that a wildcard stands for.
fn for_labels(record: &Record, count: usize, labels: &[u8]) -> Vec<Entry> {
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(3), Scratch::new(), Selection::new());
    selection.reset(count);
    let context = Context::new(somewhere(), &GEO, &mut entropy, &mut scratch);
    let mut context = context.with_wildcard(WildcardLabels::of(labels));
    record.chain().run(&mut context, &mut selection, &mut ());
    selection.entries().collect()
}

#[test]
fn the_address_in_a_wildcards_name_is_added_at_the_end_without_metadata() {
    let parsed = Entry::Address { answer: None, octets: [192, 0, 2, 1] };
    let plain = Record::new(&[json!({"up": true, "weight": 5})]).step("parse_ipv4", &json!({}));
    assert_eq!(for_labels(&plain, 1, b"\x09192-0-2-1"), [Entry::Answer(0), parsed]);
    assert_eq!(for_labels(&plain, 1, b"\x09192_0_2_1"), [Entry::Answer(0)]);
    assert_eq!(for_labels(&plain, 1, b""), [Entry::Answer(0)]);
    assert_eq!(for_labels(&plain.step("up", &json!({})), 1, b"\x09192-0-2-1"), [Entry::Answer(0)]);
    let only = |separator: &str| Record::new(&[]).step("parse_ipv4", &json!({"separator": separator}));
    assert_eq!(for_labels(&only("_"), 0, b"\x09192_0_2_1"), [parsed]);
    assert_eq!(for_labels(&only("."), 0, b"\x03192\x010\x012\x011"), [parsed]);
}

/// The texts that a run adds.
fn texts(record: &Record, count: usize) -> Vec<(u16, Vec<u8>)> {
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(3), Scratch::new(), Selection::new());
    selection.reset(count);
    record.chain().run(
        &mut Context::new(somewhere(), &GEO, &mut entropy, &mut scratch),
        &mut selection,
        &mut (),
    );
    assert_eq!(scratch.has_texts(), scratch.texts().next().is_some());
    scratch.texts().map(|(position, rdata)| (position, rdata.to_vec())).collect()
}

#[test]
fn each_pair_is_one_text_in_the_order_of_the_answers() {
    let metas = [
        json!({"additional_metadata": [{"foo": "bar", "baz": 7}], "cost": 2}),
        json!({"cost": 3}),
        json!({"additional_metadata": {"red": "blue"}, "cost": 1}),
    ];
    let record = Record::new(&metas).step("cost", &json!({})).step("additional_metadata", &json!({}));
    let expected = [(0, b"\x08red=blue".to_vec()), (1, b"\x07foo=bar".to_vec()), (1, b"\x05baz=7".to_vec())];
    assert_eq!(texts(&record, 3), expected);
    let early = Record::new(&metas).step("additional_metadata", &json!({})).step("cost", &json!({}));
    assert_eq!(texts(&early, 3)[0].0, 0);
    assert_eq!(texts(&early, 3)[2], (2, b"\x08red=blue".to_vec()), "the order at the step counts");
    let trace = record_trace(&record, NOWHERE, 1);
    let reasons: Vec<_> = trace.steps[1].answers.iter().map(|answer| answer.reason).collect();
    assert_eq!(
        reasons,
        [Some(Reason::TextsAdded { texts: 1 }), Some(Reason::TextsAdded { texts: 2 }), Some(Reason::Passed)]
    );
}

#[test]
fn live_pairs_are_texts_and_the_next_run_forgets_those_before() {
    let record = Record::new(&[json!({"additional_metadata": pointer(1)})])
        .feed(1)
        .step("additional_metadata", &json!({}));
    assert!(texts(&record, 1).is_empty());
    record.push(1, MetaKey::AdditionalMetadata, &json!([{"a": "b"}]));
    assert_eq!(texts(&record, 1), [(0, b"\x03a=b".to_vec())]);
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(3), Scratch::new(), Selection::new());
    let chain = record.chain();
    let mut run = |scratch: &mut Scratch| {
        selection.reset(1);
        chain.run(&mut Context::new(somewhere(), &GEO, &mut entropy, scratch), &mut selection, &mut ());
        scratch.texts().count()
    };
    assert_eq!((run(&mut scratch), run(&mut scratch)), (1, 1));
    scratch.keep_texts();
    record.push(1, MetaKey::AdditionalMetadata, &json!([{"a": "b", "c": "d"}]));
    assert_eq!(run(&mut scratch), 1, "those kept stay");
    scratch.begin_query();
    assert_eq!(run(&mut scratch), 2);
}
