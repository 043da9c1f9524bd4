//! Tests of compiling and running whole chains.

use std::cell::Cell;
use std::net::IpAddr;

use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::kinds::testing::{GEO, NOWHERE, Outcome, Record, feed_id, pointer, run};
use crate::limits::{MAX_ANSWERS, MAX_STEPS};
use crate::{
    AnswerId, AnswerInput, Chain, ChainInput, Client, Context, FilterStep, MetaKey, MetaTable, MetaValue,
    OnEmpty, OptionKind, Reason, Recorder, Scratch, Selection, Trace, Used, filter_types, from_seed_u64,
};

fn error(record: &Record) -> String {
    record.compile().unwrap_err().to_string()
}

fn step_error(filter: &str, config: &Value) -> String {
    error(&Record::new(&[json!({})]).step("up", &json!({})).step(filter, config))
}

#[test]
fn an_unknown_filter_is_named_with_its_place_and_what_is_known() {
    let message = step_error("upp", &json!({}));
    assert!(
        message.starts_with("filters[1]: unknown filter \"upp\"; known are additional_metadata, cost,"),
        "{message}"
    );
}

#[test]
fn a_filter_that_is_not_supported_yet_says_so() {
    for (name, reason) in [
        ("pulsar", "it needs Pulsar measurements, which this server does not take yet"),
        ("pulsar_stabilize", "it needs Pulsar measurements, which this server does not take yet"),
        ("dhcp", "it needs DHCP leases, which this server does not hold yet"),
    ] {
        let message = step_error(name, &json!({"N": 1}));
        let start = format!("filters[1]: filter {name} is not supported yet: {reason}; supported are ");
        assert!(message.starts_with(&start), "{message}");
        assert!(filter_types().iter().all(|filter| filter.name != name));
    }
}

#[test]
fn an_unknown_option_is_named_with_those_allowed() {
    let message = step_error("select_first_n", &json!({"n": 1}));
    assert_eq!(message, "filters[1].config: unknown key \"n\" of filter select_first_n; allowed are N");
    let message = step_error("up", &json!({"eliminate": false}));
    assert_eq!(message, "filters[1].config: unknown key \"eliminate\" of filter up; allowed are none");
}

#[test]
fn a_wrong_option_is_named_with_what_is_allowed() {
    for value in
        [json!(0), json!("0"), json!(-1), json!(1.5), json!(true), json!("one"), json!(null), json!([1])]
    {
        let message = step_error("select_first_n", &json!({"N": value}));
        let expected =
            format!("filters[1].config.N: {value} is not allowed; expected a whole number from 1 to 1000000");
        assert_eq!(message, expected);
    }
    assert_eq!(
        step_error("shed_load", &json!({"metric": "cpu"})),
        "filters[1].config.metric: \"cpu\" is not allowed; expected one of loadavg, connections, requests"
    );
    assert_eq!(
        step_error("cost", &json!({"eliminate": "yes"})),
        "filters[1].config.eliminate: \"yes\" is not allowed; expected true or false"
    );
}

#[test]
fn every_flag_takes_every_spelling() {
    for filter in filter_types() {
        for option in filter.options.iter().filter(|option| option.kind.input_type() == "checkbox") {
            for spelling in [json!(true), json!(0), json!("1"), json!("false")] {
                let mut config = Map::new();
                config.insert(option.name.to_owned(), spelling);
                assert!(Record::new(&[]).step(filter.name, &Value::Object(config)).compile().is_ok());
            }
        }
    }
}

#[test]
fn a_disabled_step_is_checked_too() {
    assert!(error(&Record::new(&[]).disabled_step("nonsense")).starts_with("filters[0]: unknown filter"));
}

#[test]
fn watermarks_the_wrong_way_round_across_levels_are_refused() {
    let record = Record::new(&[json!({}), json!({"low_watermark": 5})]).meta(&json!({"high_watermark": 4}));
    assert!(record.clone().step("up", &json!({})).compile().is_ok());
    let message = error(&record.step("shed_load", &json!({})));
    assert_eq!(message, "filters[0]: answer 2 has low_watermark 5 above high_watermark 4");
}

#[test]
fn a_pointer_to_no_feed_is_refused() {
    let record = Record::new(&[json!({"weight": pointer(1)})]).step("weighted_shuffle", &json!({}));
    assert_eq!(error(&record), "invalid feed pointer");
    assert!(record.feed(1).compile().is_ok());
}

#[test]
fn too_many_steps_or_answers_are_refused() {
    let record = (0..=MAX_STEPS).fold(Record::new(&[]), |record, _| record.step("up", &json!({})));
    assert_eq!(error(&record), "filters: 65 steps; at most 64 are allowed");
    let meta = MetaTable::default();
    let answers = vec![AnswerInput { id: AnswerId([0; 12]), meta: &meta, region: None }; MAX_ANSWERS + 1];
    let input = ChainInput {
        steps: &[],
        answers: &answers,
        regions: &[],
        record: &meta,
        record_type: 1,
        on_empty: OnEmpty::Nodata,
    };
    let message = Chain::compile(&input, &|_| None).unwrap_err().to_string();
    assert_eq!(message, "answers: 4097 answers; at most 4096 are allowed");
}

#[test]
fn a_step_is_given_back_as_it_was_sent() {
    for text in [
        r#"{"filter":"select_first_n","config":{"N":"1"}}"#,
        r#"{"filter":"up","config":{},"disabled":false}"#,
    ] {
        let step: FilterStep = serde_json::from_str(text).unwrap();
        assert_eq!(serde_json::to_string(&step).unwrap(), text);
    }
    assert!(serde_json::from_str::<FilterStep>(r#"{"filter":"up"}"#).unwrap().config.is_empty());
}

#[test]
fn aliases_mean_the_same_filters() {
    for (alias, name) in [
        ("select_first_group", "select_first_region"),
        ("sticky_shuffle", "sticky"),
        ("group_sticky_shuffle", "sticky_region"),
        ("weighted_sticky_shuffle", "weighted_sticky"),
        ("shuffle_weighted", "weighted_shuffle"),
    ] {
        assert_eq!(crate::FilterType::find(alias).unwrap().name, name);
        assert!(Record::new(&[]).step(alias, &json!({})).compile().is_ok());
    }
}

#[test]
fn the_catalog_is_sorted_and_every_default_compiles() {
    assert!(filter_types().windows(2).all(|pair| pair[0].name < pair[1].name));
    for filter in filter_types() {
        assert!(Record::new(&[json!({})]).step(filter.name, &json!({})).compile().is_ok(), "{}", filter.name);
        assert!((2..=3).contains(&filter.tier) && !filter.description.is_empty());
    }
}

#[test]
fn tier_client_use_and_emptiness_follow_from_the_steps() {
    let facts = |record: &Record| {
        let chain = record.chain();
        (chain.tier(), chain.uses_client(), chain.is_empty())
    };
    let record = Record::new(&[json!({})]);
    assert_eq!(facts(&record), (1, false, true));
    assert_eq!(facts(&record.clone().step("up", &json!({}))), (2, false, false));
    assert_eq!(facts(&record.clone().step("sticky", &json!({}))), (2, true, false));
    assert_eq!(
        facts(&record.clone().step("up", &json!({})).step("geofence_country", &json!({}))),
        (3, true, false)
    );
    assert_eq!(facts(&record.disabled_step("geofence_country")), (3, false, true));
}

#[test]
fn a_chain_of_nothing_gives_all_answers_in_order_with_scope_zero() {
    let record = Record::new(&[json!({}), json!({})]);
    assert_eq!(record.run(Client::source(NOWHERE), 1), Outcome { answers: vec![0, 1], scope_bits: 0 });
}

#[test]
fn a_chain_that_ignores_the_client_has_scope_zero() {
    let metas = [json!({"weight": 1, "up": true, "country": "DE"}), json!({"weight": 2, "up": 1, "cost": 3})];
    let ignoring = filter_types().iter().filter(|filter| !filter.looks_at_client);
    let record = ignoring.fold(Record::new(&metas), |record, filter| record.step(filter.name, &json!({})));
    assert_eq!(record.run(Client::source("8.8.8.8".parse().unwrap()), 1).scope_bits, 0);
}

#[test]
fn what_has_nothing_to_compare_leaves_the_scope_alone() {
    let client = Client::source("8.8.8.8".parse().unwrap());
    for filter in filter_types().iter().filter(|filter| filter.looks_at_client) {
        let one = Record::new(&[json!({})]).step(filter.name, &json!({}));
        assert_eq!(one.run(client, 1).scope_bits, 0, "{}", filter.name);
    }
}

#[test]
fn a_mapped_address_is_the_ipv4_client() {
    let record = Record::new(&[json!({}), json!({})]).step("sticky", &json!({}));
    let mapped = record.run(Client::source("::ffff:192.0.2.1".parse().unwrap()), 1);
    assert_eq!(mapped, record.run(Client::source("192.0.2.1".parse().unwrap()), 1));
    assert_eq!(mapped.scope_bits, 32);
}

/// Changes a feed when the second step ends.
struct Meddler<'a> {
    record: &'a Record,
    steps: Cell<u32>,
}

impl Trace for Meddler<'_> {
    fn begin_step(&mut self, _: usize, _: &'static str, _: bool, _: Map<String, Value>, _: &[u16]) {}
    fn answer(&mut self, _: u16, _: Reason, _: Vec<Used>) {}
    fn end_step(&mut self, _: &[u16]) {
        self.steps.set(self.steps.get() + 1);
        if self.steps.get() == 2 {
            self.record.push(1, MetaKey::Cost, &json!(9));
            self.record.push(1, MetaKey::Country, &json!("JP"));
        }
    }
}

#[test]
fn a_live_value_that_changes_during_a_run_is_read_once() {
    let metas = [json!({"cost": 5, "country": "FR"}), json!({"cost": pointer(1), "country": pointer(1)})];
    let names = ["cost", "geofence_country", "cost", "geofence_country"];
    let record = names.iter().fold(Record::new(&metas).feed(1), |record, name| record.step(name, &json!({})));
    record.push(1, MetaKey::Cost, &json!(1));
    record.push(1, MetaKey::Country, &json!("FR"));
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(1), Scratch::new(), Selection::new());
    let france = crate::kinds::testing::in_country("FR");
    let mut order = || {
        selection.reset(2);
        let mut context = Context::new(Client::source(france), &GEO, &mut entropy, &mut scratch);
        let mut meddler = Meddler { record: &record, steps: Cell::new(0) };
        record.chain().run(&mut context, &mut selection, &mut meddler);
        selection.as_slice().to_vec()
    };
    assert_eq!(order(), [1, 0], "the run began with the old values and ends with them");
    assert_eq!(order(), [0], "the next run sees the new ones");
}

#[test]
fn running_over_too_large_a_selection_does_not_panic() {
    for filter in filter_types() {
        let chain =
            Record::new(&[json!({"up": true, "country": "DE"})]).step(filter.name, &json!({})).chain();
        let outcome = run(&chain, 40, Client::source(NOWHERE), 1);
        assert!(outcome.answers.len() <= 40);
    }
}

fn metadata() -> impl Strategy<Value = Value> {
    let value = |key: &'static str, values: Vec<Value>| {
        proptest::option::weighted(0.4, proptest::sample::select(values)).prop_map(move |value| (key, value))
    };
    let keys = vec![
        value("up", vec![json!(true), json!(false), pointer(1)]).boxed(),
        value("country", vec![json!("US"), json!(["DE", "FR"]), json!(["JP", "CA"]), pointer(2)]).boxed(),
        value("us_state", vec![json!("NY"), json!(["CA", "TX"])]).boxed(),
        value("subdivisions", vec![json!({"CA": ["QC"]}), json!({"US": ["WA"], "BR": ["SP"]})]).boxed(),
        value("georegion", vec![json!("US-EAST"), json!(["EUROPE", "ASIAPAC"]), json!("US-WEST")]).boxed(),
        value("latitude", vec![json!(52), json!(-33), json!(40.7)]).boxed(),
        value("longitude", vec![json!(13), json!(151), json!(-74)]).boxed(),
        value("asn", vec![json!([3320, 7018]), json!("15169")]).boxed(),
        value(
            "ip_prefixes",
            vec![json!(["0.0.0.0/2", "8.8.8.0/25"]), json!(["84.0.0.0/7", "2a00::/12"]), json!("::/1")],
        )
        .boxed(),
        value("weight", vec![json!(0), json!(1), json!(10.5), pointer(1)]).boxed(),
        value("cost", vec![json!(1), json!(2)]).boxed(),
        value("priority", vec![json!(1), json!(2)]).boxed(),
        value("loadavg", vec![json!(1), json!(5), json!(9)]).boxed(),
        value("low_watermark", vec![json!(2)]).boxed(),
        value("high_watermark", vec![json!(8)]).boxed(),
    ];
    keys.prop_map(|pairs| {
        let set = pairs.into_iter().filter_map(|(key, value)| Some((key.to_owned(), value?)));
        Value::Object(set.collect())
    })
}

fn steps() -> impl Strategy<Value = Vec<(&'static str, bool)>> {
    let names: Vec<_> = filter_types().iter().map(|filter| filter.name).collect();
    proptest::collection::vec((proptest::sample::select(names), any::<bool>()), 0..6)
}

fn record() -> impl Strategy<Value = (Record, usize)> {
    let region = proptest::option::of(proptest::sample::select(vec!["a", "b", "c"]));
    let answers = proptest::collection::vec((metadata(), region), 1..7);
    let rule = proptest::sample::select(OnEmpty::ALL.to_vec());
    (answers, metadata(), metadata(), steps(), rule).prop_map(
        |(answers, in_region, on_record, steps, rule)| {
            let count = answers.len();
            let record =
                Record::default().feed(1).feed(2).region("a", &in_region).meta(&on_record).on_empty(rule);
            let record = answers.iter().fold(record, |record, (meta, region)| record.answer(meta, *region));
            record.push(1, MetaKey::Up, &json!(true));
            record.push(1, MetaKey::Weight, &json!(3));
            record.push(2, MetaKey::Country, &json!("DE"));
            let record = steps.into_iter().fold(record, |record, (name, flag)| {
                let option = crate::FilterType::find(name).and_then(|filter| filter.options.first());
                let flags = option.filter(|option| option.kind.input_type() == "checkbox");
                let config = flags.map(|option| (option.name.to_owned(), json!(flag))).into_iter().collect();
                let config = if name == "select_first_n" {
                    json!({"N": if flag { 3 } else { 1 }})
                } else {
                    Value::Object(config)
                };
                record.step(name, &config)
            });
            (record, count)
        },
    )
}

fn address() -> impl Strategy<Value = IpAddr> {
    let near = proptest::sample::select(vec![
        "8.8.8.8",
        "84.128.0.1",
        "2a00:1450::1",
        "10.0.0.1",
        "::1",
        "2001:db8::",
    ]);
    prop_oneof![
        any::<u32>().prop_map(|bits| IpAddr::from(bits.to_be_bytes())),
        // Global unicast IPv6, where the geography is.
        any::<u128>().prop_map(|bits| IpAddr::from((bits >> 3 | 1 << 125).to_be_bytes())),
        near.prop_map(|text| text.parse().unwrap()),
    ]
}

/// The address with all bits past `scope_bits` replaced.
fn inside(address: IpAddr, scope_bits: u8, random: u128) -> IpAddr {
    match address {
        IpAddr::V4(v4) => {
            let free = u32::MAX.checked_shr(u32::from(scope_bits)).unwrap_or(0);
            IpAddr::from((v4.to_bits() & !free | random as u32 & free).to_be_bytes())
        }
        IpAddr::V6(v6) => {
            let free = u128::MAX.checked_shr(u32::from(scope_bits)).unwrap_or(0);
            IpAddr::from((v6.to_bits() & !free | random & free).to_be_bytes())
        }
    }
}

fn client() -> impl Strategy<Value = Client> {
    (address(), proptest::option::of(0u8..=128)).prop_map(|(address, bits)| match bits {
        None => Client::source(address),
        Some(bits) if address.is_ipv4() => Client::subnet(address, bits % 33),
        Some(bits) => Client::subnet(address, bits),
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn a_chain_never_invents_an_answer_and_never_duplicates_one(
        (record, count) in record(), client in client(), seed: u64,
    ) {
        let mut answers = record.run(client, seed).answers;
        answers.sort_unstable();
        prop_assert!(answers.windows(2).all(|pair| pair[0] < pair[1]));
        let draws = record.filters().any(|filter| filter == "ipv4_prefix_shuffle");
        let is_made = |entry: &u16| draws && usize::from(*entry) >= MAX_ANSWERS;
        prop_assert!(answers.iter().all(|entry| usize::from(*entry) < count || is_made(entry)));
    }

    #[test]
    fn every_address_inside_the_scope_gets_the_same_result(
        (record, count) in record(), client in client(), seed: u64, randoms: [u128; 8],
    ) {
        let chain = record.chain();
        let outcome = run(&chain, count, client, seed);
        let width = if client.address.is_ipv4() { 32 } else { 128 };
        prop_assert!(outcome.scope_bits <= width);
        let known = inside(client.address, client.prefix_bits, 0);
        for random in randoms {
            let other = inside(known, outcome.scope_bits, random);
            // Mapped addresses are IPv4 clients, whom another scope concerns.
            if other == other.to_canonical() {
                prop_assert_eq!(&run(&chain, count, Client::source(other), seed), &outcome, "{}", other);
            }
        }
    }

    #[test]
    fn a_traced_run_decides_what_a_plain_one_does((record, count) in record(), client in client(), seed: u64) {
        let chain = record.chain();
        let plain = run(&chain, count, client, seed);
        let (mut entropy, mut scratch, mut selection) = (from_seed_u64(seed), Scratch::new(), Selection::new());
        selection.reset(count);
        let mut context = Context::new(client, &GEO, &mut entropy, &mut scratch);
        let mut recorder = Recorder::default();
        chain.run(&mut context, &mut selection, &mut recorder);
        prop_assert_eq!(&plain, &Outcome { answers: selection.as_slice().to_vec(), scope_bits: context.scope_bits() });
        let mut expected: Vec<u16> = (0u16..).take(count).collect();
        for step in &recorder.steps {
            prop_assert_eq!(&step.before, &expected);
            prop_assert!(step.answers.iter().all(|answer| answer.reason.is_some()));
            expected.clone_from(&step.after);
        }
        if let Some(restored) = recorder.restored {
            prop_assert!(expected.is_empty());
            expected = restored.after;
        }
        prop_assert_eq!(expected, plain.answers);
    }
}

/// Remembers which values the filters used.
#[derive(Default)]
struct Values(Vec<(MetaKey, Option<MetaValue>)>);

impl Trace for Values {
    fn begin_step(&mut self, _: usize, _: &'static str, _: bool, _: Map<String, Value>, _: &[u16]) {}
    fn answer(&mut self, _: u16, _: Reason, used: Vec<Used>) {
        self.0.extend(used.into_iter().map(|used| (used.key, used.value)));
    }
    fn end_step(&mut self, _: &[u16]) {}
}

#[test]
fn a_run_sees_one_value_of_each_live_key_however_fast_they_change() {
    let meta = json!({"cost": pointer(1), "weight": pointer(1), "country": pointer(1)});
    let names =
        ["cost", "geotarget_country", "weighted_shuffle", "cost", "geofence_country", "weighted_shuffle"];
    let metas = vec![meta; 4];
    let record = names.iter().fold(Record::new(&metas).feed(1), |record, name| record.step(name, &json!({})));
    let (chain, france) = (record.chain(), crate::kinds::testing::in_country("FR"));
    let is_done = std::sync::atomic::AtomicBool::new(false);
    let mut changes_seen = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0u64.. {
                if is_done.load(std::sync::atomic::Ordering::Relaxed) {
                    break;
                }
                record.push(1, MetaKey::Cost, &json!(round % 100));
                record.push(1, MetaKey::Weight, &json!(1 + round % 7));
                record.push(1, MetaKey::Country, &json!(if round % 2 == 0 { "FR" } else { "JP" }));
            }
        });
        let (mut entropy, mut scratch, mut selection) = (from_seed_u64(1), Scratch::new(), Selection::new());
        let mut last = None;
        for _ in 0..2_000 {
            selection.reset(4);
            let mut values = Values::default();
            let mut context = Context::new(Client::source(france), &GEO, &mut entropy, &mut scratch);
            chain.run(&mut context, &mut selection, &mut values);
            for key in [MetaKey::Cost, MetaKey::Weight, MetaKey::Country] {
                let mut used = values.0.iter().filter(|(used, _)| *used == key).map(|(_, value)| value);
                let first = used.next();
                assert!(used.all(|value| Some(value) == first), "{key} had two values in one run");
            }
            // Four answers of one country and cost stay or go together.
            assert!(selection.len() == 4 || selection.is_empty(), "{:?}", selection.as_slice());
            let cost = values.0.first().cloned();
            changes_seen += usize::from(cost != last);
            last = cost;
        }
        is_done.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    assert!(changes_seen > 1, "the writer was not seen at all");
}

/// What a wrong value of an option may be, with what the message says is expected.
fn wrong_values(kind: OptionKind) -> (Vec<Value>, String) {
    let common = vec![
        json!(null),
        json!([]),
        json!([1]),
        json!({}),
        json!({"feed": "x"}),
        json!(""),
        json!("é"),
        json!(-1),
    ];
    let more = match kind {
        OptionKind::Flag => vec![json!(2), json!("yes"), json!("2"), json!(0.5), json!("on")],
        OptionKind::Count { low, high } => vec![
            json!(u64::from(high) + 1),
            json!(low.saturating_sub(1)),
            json!(format!("{}", u64::from(high) + 1)),
            json!(1.5),
            json!(true),
            json!("one"),
            json!(1e300),
            json!("NaN"),
        ],
        OptionKind::Word(_) => vec![json!(1), json!(true), json!("nonsense"), json!("a".repeat(10_000))],
    };
    (common.into_iter().chain(more).collect(), kind.to_string())
}

#[test]
fn every_wrong_option_of_every_filter_is_refused_with_its_place_and_what_is_allowed() {
    let mut options = 0;
    for filter in filter_types() {
        for key in ["", "n", "Config", "eliminate ", "sticky-by-network"] {
            let message = step_error(filter.name, &json!({ key: true }));
            let start = format!(
                "filters[1].config: unknown key {} of filter {}; allowed are ",
                json!(key),
                filter.name
            );
            assert!(message.starts_with(&start), "{message}");
            let known = filter.options.iter().all(|option| message[start.len()..].contains(option.name));
            assert!(known, "{message}");
        }
        for option in filter.options {
            options += 1;
            let (wrong, expected) = wrong_values(option.kind);
            for value in wrong {
                let message = step_error(filter.name, &json!({ option.name: value }));
                let place = format!("filters[1].config.{}: ", option.name);
                assert!(message.starts_with(&place), "{} {value}: {message}", filter.name);
                assert!(message.ends_with(&format!("is not allowed; expected {expected}")), "{message}");
                assert!(message.chars().count() < 300, "{message}");
            }
            let without = Record::new(&[json!({})]).step(filter.name, &json!({})).compile();
            match option.default {
                Some(_) => assert!(without.is_ok(), "{} {}", filter.name, option.name),
                None => assert_eq!(
                    without.unwrap_err().to_string(),
                    format!("filters[0].config.{}: missing; expected {expected}", option.name)
                ),
            }
        }
    }
    assert_eq!(options, 13, "the catalog has another number of options now");
}

#[test]
fn every_metadata_key_that_a_filter_lists_is_read_by_it() {
    // A pointer to no feed is found where a filter lays out a column of the key, and nowhere else.
    for filter in filter_types() {
        for key in MetaKey::ALL {
            let metrics = match filter.name {
                "shed_load" => vec![json!("loadavg"), json!("connections"), json!("requests")],
                _ => vec![Value::Null],
            };
            let reads = metrics.into_iter().any(|metric| {
                let config = if metric.is_null() { json!({}) } else { json!({"metric": metric}) };
                let record = Record::new(&[json!({ key.name(): pointer(1) })]).step(filter.name, &config);
                record.compile().is_err()
            });
            assert_eq!(reads, filter.inputs.contains(key), "{} {key}", filter.name);
        }
    }
}

#[test]
fn feeds_are_told_apart_by_key() {
    let metas = [json!({"cost": pointer(1), "priority": pointer(1)}), json!({"cost": 2, "priority": 2})];
    let record = Record::new(&metas).feed(1).step("cost", &json!({})).step("priority", &json!({}));
    record.push(1, MetaKey::Cost, &json!(3));
    record.push(1, MetaKey::Priority, &json!(1));
    assert_eq!(record.order(NOWHERE), [0]);
    assert_eq!(feed_id(1).to_string(), "01".repeat(12));
}
