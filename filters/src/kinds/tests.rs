//! Tests of the filters, one section for each.

use std::net::IpAddr;

use serde_json::{Value, json};

use super::testing::{
    GEO, NOWHERE, Record, address_where, chi_square, in_country, in_georegion, in_subdivision, pointer,
    repeat,
};
use crate::{Client, Level, MetaKey, MetaValue, Reason, Verdict};

fn somewhere() -> Client {
    Client::source("192.0.2.1".parse().unwrap())
}

/// How often each answer of `count` came at `position` in many runs.
fn tally(record: &Record, count: usize, position: usize, times: usize) -> Vec<usize> {
    let mut counts = vec![0; count];
    repeat(record, times, |_| somewhere(), |answers| counts[usize::from(answers[position])] += 1);
    counts
}

/// The value that chi-square with `cells - 1` degrees of freedom passes once in 10^5 tries, from above
/// (Wilson and Hilferty).
fn chi_square_bound(cells: usize) -> f64 {
    let freedom = (cells - 1) as f64;
    let spread = 2.0 / (9.0 * freedom);
    freedom * (1.0 - spread + 4.265 * spread.sqrt()).powi(3)
}

// up

#[test]
fn up_drops_answers_that_are_down_or_say_nothing() {
    let record = Record::new(&[json!({"up": true}), json!({"up": "0"}), json!({}), json!({"up": 1})])
        .step("up", &json!({}));
    assert_eq!(record.order(NOWHERE), [0, 3]);
    assert_eq!(record.reasons(NOWHERE), ["up", "down", "up is missing, which counts as down", "up"]);
}

#[test]
fn up_lets_all_pass_when_none_is_up() {
    let record = Record::new(&[json!({"up": false}), json!({})]).step("up", &json!({}));
    assert_eq!(record.order(NOWHERE), [0, 1]);
    assert_eq!(record.reasons(NOWHERE)[0], "no answer is up, so all pass");
}

#[test]
fn a_feed_pointer_without_data_is_missing_at_its_level_and_does_not_fall_through() {
    let record = Record::new(&[json!({"up": pointer(1)}), json!({})])
        .meta(&json!({"up": true}))
        .feed(1)
        .step("up", &json!({}));
    assert_eq!(record.order(NOWHERE), [1]);
    record.push(1, MetaKey::Up, &json!(true));
    assert_eq!(record.order(NOWHERE), [0, 1]);
}

#[test]
fn a_pushed_value_is_used_by_the_next_run_of_the_same_chain() {
    let record =
        Record::new(&[json!({"up": pointer(1)}), json!({"up": true})]).feed(1).step("up", &json!({}));
    let chain = record.chain();
    let order = || super::testing::run(&chain, 2, somewhere(), 1).answers;
    record.push(1, MetaKey::Up, &json!("1"));
    assert_eq!(order(), [0, 1]);
    record.push(1, MetaKey::Up, &json!(0));
    assert_eq!(order(), [1]);
}

#[test]
fn the_answer_comes_before_its_region_and_the_region_before_the_record() {
    let record = Record::default()
        .answer(&json!({"up": true}), Some("eu"))
        .answer(&json!({}), Some("eu"))
        .answer(&json!({}), None)
        .answer(&json!({}), Some("a region nobody described"))
        .region("eu", &json!({"up": false}))
        .meta(&json!({"up": true}))
        .step("up", &json!({}));
    let trace = record.trace(NOWHERE, 1);
    assert_eq!(trace.after, [0, 2, 3]);
    let levels: Vec<_> = trace.answers.iter().map(|answer| answer.used[0].level).collect();
    assert_eq!(levels, [Level::Answer, Level::Region, Level::Record, Level::Record]);
}

#[test]
fn an_empty_list_is_no_metadata_and_falls_through() {
    let record = Record::new(&[json!({"country": []}), json!({"country": "JP"})])
        .meta(&json!({"country": "DE"}))
        .step("geotarget_country", &json!({}));
    assert_eq!(record.order(in_country("DE")), [0, 1]);
}

// shed_load

fn loaded(load: f64) -> Value {
    json!({"loadavg": load, "low_watermark": 10, "high_watermark": 20})
}

#[test]
fn shed_load_keeps_up_to_the_low_and_drops_from_the_high_watermark() {
    let record =
        Record::new(&[loaded(10.0), loaded(20.0), loaded(0.0), loaded(25.0)]).step("shed_load", &json!({}));
    assert_eq!(record.order(NOWHERE), [0, 2]);
}

#[test]
fn an_answer_without_a_load_or_a_watermark_is_never_shed() {
    let record = Record::new(&[
        json!({"low_watermark": 1, "high_watermark": 2}),
        json!({"loadavg": 9, "high_watermark": 2}),
        json!({"loadavg": 9, "low_watermark": 1}),
        json!({"loadavg": 9, "low_watermark": 1, "high_watermark": 2}),
    ]);
    assert_eq!(record.step("shed_load", &json!({"metric": "loadavg"})).order(NOWHERE), [0, 1, 2]);
}

#[test]
fn shed_load_restores_the_list_when_all_would_go() {
    let record = Record::new(&[loaded(30.0), loaded(40.0)]).step("shed_load", &json!({}));
    assert_eq!(record.order(NOWHERE), [0, 1]);
    assert_eq!(record.reasons(NOWHERE)[0], "all answers would be shed, so all stay");
}

#[test]
fn equal_watermarks_are_a_sharp_edge() {
    let at = |load: u32| json!({"requests": load, "low_watermark": 10, "high_watermark": 10});
    let record = Record::new(&[at(9), at(10), at(11)]).step("shed_load", &json!({"metric": "requests"}));
    assert_eq!(record.order(NOWHERE), [0, 1]);
}

#[test]
fn live_watermarks_the_wrong_way_round_shed_from_the_low_one() {
    let meta = json!({"connections": 12, "low_watermark": pointer(1), "high_watermark": 5});
    let record = Record::new(&[meta, json!({})]).feed(1).step("shed_load", &json!({"metric": "connections"}));
    record.push(1, MetaKey::LowWatermark, &json!(10));
    assert_eq!(record.order(NOWHERE), [1]);
    record.push(1, MetaKey::LowWatermark, &json!(12));
    assert_eq!(record.order(NOWHERE), [0, 1]);
}

#[test]
fn between_the_watermarks_the_shed_share_grows_in_a_straight_line() {
    let loads = [10.0, 12.0, 15.0, 19.0, 20.0];
    let mut metas: Vec<_> = loads.map(loaded).to_vec();
    metas.push(json!({}));
    let record = Record::new(&metas).step("shed_load", &json!({}));
    let (mut shed, times) = ([0usize; 5], 20_000);
    repeat(
        &record,
        times,
        |_| somewhere(),
        |answers| {
            for (answer, count) in (0u16..).zip(&mut shed) {
                *count += usize::from(!answers.contains(&answer));
            }
        },
    );
    assert_eq!((shed[0], shed[4]), (0, times));
    for (index, share) in [(1, 0.2), (2, 0.5), (3, 0.9)] {
        let counts = [shed[index], times - shed[index]];
        assert!(chi_square(&counts, &[share, 1.0 - share]) < chi_square_bound(2), "{counts:?}");
    }
}

#[test]
fn every_answer_has_its_own_draw() {
    let record = Record::new(&[loaded(15.0), loaded(15.0), json!({})]).step("shed_load", &json!({}));
    let mut patterns = [0; 4];
    repeat(
        &record,
        20_000,
        |_| somewhere(),
        |answers| {
            patterns[usize::from(answers.contains(&0)) * 2 + usize::from(answers.contains(&1))] += 1;
        },
    );
    assert!(chi_square(&patterns, &[0.25; 4]) < chi_square_bound(4), "{patterns:?}");
}

#[test]
fn a_trace_of_shed_load_tells_what_was_drawn() {
    let record =
        Record::new(&[loaded(15.0), loaded(15.0), loaded(15.0), json!({})]).step("shed_load", &json!({}));
    for seed in 0..20 {
        let trace = record.trace(NOWHERE, seed);
        for answer in &trace.answers[..3] {
            let expected = match answer.verdict {
                Verdict::Dropped => Reason::LoadShedByDraw { probability: 0.5 },
                Verdict::Kept | Verdict::Moved => Reason::LoadKeptByDraw { probability: 0.5 },
            };
            assert_eq!(answer.reason, Some(expected));
            assert_eq!(answer.used.len(), 3);
        }
    }
}

// shuffle, weighted_shuffle

#[test]
fn shuffle_makes_every_order_equally_likely() {
    let record = Record::new(&[json!({}), json!({}), json!({})]).step("shuffle", &json!({}));
    let mut orders = std::collections::BTreeMap::new();
    repeat(&record, 30_000, |_| somewhere(), |answers| *orders.entry(answers.to_vec()).or_insert(0) += 1);
    let counts: Vec<_> = orders.into_values().collect();
    assert_eq!(counts.len(), 6);
    assert!(chi_square(&counts, &[1.0 / 6.0; 6]) < chi_square_bound(6), "{counts:?}");
}

#[test]
fn a_shuffle_before_select_first_n_is_still_fair_though_it_stops_early() {
    let metas = vec![json!({}); 8];
    let record = Record::new(&metas).step("shuffle", &json!({})).step("select_first_n", &json!({"N": 2}));
    for position in 0..2 {
        let counts = tally(&record, 8, position, 20_000);
        assert!(chi_square(&counts, &[0.125; 8]) < chi_square_bound(8), "{counts:?}");
    }
}

fn weighted(weights: &[f64]) -> Record {
    let metas: Vec<_> = weights.iter().map(|weight| json!({"weight": weight})).collect();
    Record::new(&metas)
}

#[test]
fn the_first_answer_of_a_weighted_shuffle_follows_the_weights() {
    let weights = [1.0, 2.0, 3.0, 14.0];
    let shares = weights.map(|weight| weight / 20.0);
    let whole = weighted(&weights).step("weighted_shuffle", &json!({}));
    let first = whole.clone().step("select_first_n", &json!({}));
    for record in [whole, first] {
        let counts = tally(&record, 4, 0, 30_000);
        assert!(chi_square(&counts, &shares) < chi_square_bound(4), "{counts:?}");
    }
}

#[test]
fn later_positions_of_a_weighted_shuffle_follow_the_weights_that_are_left() {
    let weights = [1.0, 2.0, 5.0];
    // The chance to come second: over every first answer, its share times the share among the two left.
    let second = |index: usize| -> f64 {
        (0..3)
            .filter(|first| *first != index)
            .map(|first| weights[first] / 8.0 * weights[index] / (8.0 - weights[first]))
            .sum()
    };
    let counts = tally(&weighted(&weights).step("weighted_shuffle", &json!({})), 3, 1, 30_000);
    assert!(chi_square(&counts, &[second(0), second(1), second(2)]) < chi_square_bound(3), "{counts:?}");
}

#[test]
fn a_weighted_shuffle_of_many_answers_sorts_and_follows_the_weights_all_the_same() {
    let weights: Vec<f64> = (1..=64).map(f64::from).collect();
    let shares: Vec<f64> = weights.iter().map(|weight| weight / 2080.0).collect();
    let counts = tally(&weighted(&weights).step("weighted_shuffle", &json!({})), 64, 0, 20_000);
    assert!(chi_square(&counts, &shares) < chi_square_bound(64), "{counts:?}");
}

#[test]
fn very_unequal_weights_keep_their_ratio() {
    let counts =
        tally(&weighted(&[1e-9, 3e-9, 1e15, 0.0]).step("weighted_shuffle", &json!({})), 4, 1, 20_000);
    assert!(chi_square(&counts[..2], &[0.25, 0.75]) < chi_square_bound(2), "{counts:?}");
    assert_eq!(counts[2..], [0, 0]);
}

#[test]
fn zero_and_missing_weights_come_after_all_positive_ones_in_random_order() {
    let metas = [json!({"weight": 0}), json!({}), json!({"weight": 1e-6}), json!({"weight": 5})];
    let many: Vec<_> = metas.iter().cloned().chain((0..60).map(|_| json!({"weight": 1}))).collect();
    for metas in [metas.to_vec(), many] {
        let (record, count) = (Record::new(&metas).step("weighted_shuffle", &json!({})), metas.len());
        let mut last = [0, 0];
        repeat(
            &record,
            4_000,
            |_| somewhere(),
            |answers| {
                assert!(answers[count - 2..].iter().all(|answer| *answer < 2), "{answers:?}");
                last[usize::from(answers[count - 1])] += 1;
            },
        );
        assert!(chi_square(&last, &[0.5, 0.5]) < chi_square_bound(2), "{last:?}");
    }
}

#[test]
fn a_weighted_shuffle_without_any_weight_is_a_shuffle() {
    for metas in [[json!({}), json!({}), json!({})], [json!({"weight": 0}), json!({}), json!({})]] {
        let counts = tally(&Record::new(&metas).step("weighted_shuffle", &json!({})), 3, 0, 20_000);
        assert!(chi_square(&counts, &[1.0 / 3.0; 3]) < chi_square_bound(3), "{counts:?}");
    }
}

#[test]
fn equal_seeds_draw_equal_orders() {
    let record = weighted(&[1.0, 1.0, 1.0, 1.0, 1.0]).step("weighted_shuffle", &json!({}));
    assert_eq!(record.run(somewhere(), 5), record.run(somewhere(), 5));
    let orders: std::collections::BTreeSet<_> =
        (0..20).map(|seed| record.run(somewhere(), seed).answers).collect();
    assert!(orders.len() > 10);
}

// select_first_n, select_first_region

#[test]
fn select_first_n_keeps_one_answer_unless_told_otherwise() {
    let metas = vec![json!({}); 3];
    let first = |config: Value| Record::new(&metas).step("select_first_n", &config).order(NOWHERE);
    assert_eq!(first(json!({})), [0]);
    assert_eq!(first(json!({"N": "2"})), [0, 1]);
    assert_eq!(first(json!({"N": 9})), [0, 1, 2]);
}

#[test]
fn select_first_region_keeps_the_region_of_the_first_answer_wherever_it_stands() {
    let record = |regions: &[Option<&str>]| {
        let answers =
            regions.iter().fold(Record::default(), |record, region| record.answer(&json!({}), *region));
        answers.step("select_first_region", &json!({})).order(NOWHERE)
    };
    assert_eq!(record(&[Some("a"), Some("b"), Some("a"), None]), [0, 2]);
    assert_eq!(record(&[None, Some("b"), None]), [0, 2]);
    assert!(record(&[]).is_empty());
}

// priority, cost

#[test]
fn priority_keeps_all_ties_of_the_lowest_value_and_drops_answers_without_one() {
    let metas = [json!({"priority": 2}), json!({"priority": "1"}), json!({}), json!({"priority": 1})];
    let order = |config: Value| Record::new(&metas).step("priority", &config).order(NOWHERE);
    assert_eq!(order(json!({})), [1, 3]);
    assert_eq!(order(json!({"eliminate": "0"})), [1, 3, 0, 2]);
}

#[test]
fn cost_sorts_stably_and_eliminates_only_when_told() {
    let metas = [json!({}), json!({"cost": 2.5}), json!({"cost": 0}), json!({"cost": 2.5})];
    let order = |config: Value| Record::new(&metas).step("cost", &config).order(NOWHERE);
    assert_eq!(order(json!({})), [2, 1, 3, 0]);
    assert_eq!(order(json!({"eliminate": true})), [2]);
}

#[test]
fn without_any_value_priority_and_cost_do_nothing() {
    for filter in ["priority", "cost"] {
        let record = Record::new(&[json!({}), json!({})]).step(filter, &json!({"eliminate": true}));
        assert_eq!(record.order(NOWHERE), [0, 1]);
    }
}

// geotarget_country

fn countries(codes: &[&str]) -> Record {
    let metas: Vec<_> =
        codes.iter().map(|code| json!({"country": code.split('+').collect::<Vec<_>>()})).collect();
    Record::new(&metas).step("geotarget_country", &json!({}))
}

#[test]
fn the_nearest_country_comes_first() {
    assert_eq!(countries(&["US", "JP", "DE"]).order(in_country("FR")), [2, 0, 1]);
    assert_eq!(countries(&["US+CA", "JP+HK"]).order(in_country("TW")), [1, 0]);
    assert_eq!(countries(&["US", "JP", "DE"]).order(in_country("JP"))[0], 1);
}

#[test]
fn a_subdivision_match_comes_before_a_country_match_and_that_before_any_distance() {
    let metas = [
        json!({}),
        json!({"us_state": "CA"}),
        json!({"country": "US"}),
        json!({"subdivisions": {"US": ["NY"]}}),
        json!({"country": "CA"}),
    ];
    let record = Record::new(&metas).step("geotarget_country", &json!({}));
    let order = record.order(in_subdivision("US", "NY"));
    assert_eq!(order[..2], [3, 2]);
    assert_eq!(order[4], 0);
    let reasons = record.reasons(in_subdivision("US", "NY"));
    assert_eq!(reasons[2], "the requester is in this country");
    assert_eq!(reasons[3], "the requester is in this subdivision");
    assert_eq!(reasons[0], "no location: last");
    assert!(reasons[1].ends_with("km away"), "{}", reasons[1]);
}

#[test]
fn equally_near_answers_keep_their_order() {
    assert_eq!(countries(&["JP", "DE", "JP", "DE"]).order(in_country("DE")), [1, 3, 0, 2]);
}

#[test]
fn a_shuffle_before_a_geotarget_balances_equal_answers() {
    let record = Record::new(&[json!({"country": "JP"}), json!({"country": "DE"}), json!({"country": "DE"})])
        .step("shuffle", &json!({}))
        .step("geotarget_country", &json!({}));
    let (germany, mut counts) = (Client::source(in_country("DE")), [0; 3]);
    repeat(&record, 4_000, |_| germany, |answers| counts[usize::from(answers[0])] += 1);
    assert_eq!(counts[0], 0);
    assert!(chi_square(&counts[1..], &[0.5, 0.5]) < chi_square_bound(2), "{counts:?}");
}

#[test]
fn a_requester_from_nowhere_leaves_every_geotarget_as_it_was() {
    let metas = [
        json!({"latitude": 50, "longitude": 8, "country": "DE", "georegion": "EUROPE"}),
        json!({"latitude": 35, "longitude": 139, "country": "JP", "georegion": "ASIAPAC"}),
    ];
    for filter in ["geotarget_country", "geotarget_regional", "geotarget_latlong"] {
        let record = Record::new(&metas).step(filter, &json!({}));
        assert_eq!(record.order(NOWHERE), [0, 1]);
        let reversed = Record::new(&[metas[1].clone(), metas[0].clone()]).step(filter, &json!({}));
        assert_eq!(reversed.order(NOWHERE), [0, 1]);
        let scope = record.run(Client::source(NOWHERE), 1).scope_bits;
        assert_eq!(scope, GEO.place(NOWHERE).prefix_bits);
    }
}

#[test]
fn a_live_country_moves_the_answer_at_once() {
    let record = Record::new(&[json!({"country": "DE"}), json!({"country": pointer(1)})]).feed(1);
    let record = record.step("geotarget_country", &json!({}));
    record.push(1, MetaKey::Country, &json!(["FR", "JP"]));
    assert_eq!(record.order(in_country("JP")), [1, 0]);
    record.push(1, MetaKey::Country, &json!("BR"));
    assert_eq!(record.order(in_country("JP")), [0, 1]);
}

// geotarget_regional

fn georegions(names: &[&str]) -> Record {
    let metas: Vec<_> =
        names.iter().map(|name| json!({"georegion": name.split('+').collect::<Vec<_>>()})).collect();
    Record::new(&metas).step("geotarget_regional", &json!({}))
}

#[test]
fn the_requesters_georegion_comes_first_and_the_nearest_one_stands_in() {
    assert_eq!(georegions(&["ASIAPAC", "US-EAST"]).order(in_georegion("US-CENTRAL")), [1, 0]);
    assert_eq!(georegions(&["US-EAST", "EUROPE", "AFRICA"]).order(in_georegion("EUROPE"))[0], 1);
    assert_eq!(georegions(&["EUROPE", "US-WEST+SOUTH-AMERICA"]).order(in_georegion("SOUTH-AMERICA")), [1, 0]);
}

#[test]
fn an_answer_without_a_georegion_comes_last() {
    let metas = [json!({}), json!({"georegion": "ASIAPAC"}), json!({"georegion": ["EUROPE"]})];
    let record = Record::new(&metas).step("geotarget_regional", &json!({}));
    assert_eq!(record.order(in_georegion("EUROPE")), [2, 1, 0]);
}

// geotarget_latlong

#[test]
fn the_nearest_point_comes_first_and_half_a_point_is_none() {
    let metas = [
        json!({"latitude": 52.5}),
        json!({"latitude": 35.7, "longitude": "139.7"}),
        json!({"latitude": 52.5, "longitude": 13.4}),
        json!({"latitude": 40.7, "longitude": -74}),
    ];
    let record = Record::new(&metas).step("geotarget_latlong", &json!({}));
    assert_eq!(record.order(in_country("DE")), [2, 3, 1, 0]);
    assert_eq!(record.order(in_country("JP"))[0], 1);
}

#[test]
fn live_coordinates_count_like_written_ones() {
    let metas = [
        json!({"latitude": 40.7, "longitude": -74}),
        json!({"latitude": pointer(1), "longitude": pointer(1)}),
    ];
    let record = Record::new(&metas).feed(1).step("geotarget_latlong", &json!({}));
    assert_eq!(record.order(in_country("DE")), [0, 1]);
    record.push(1, MetaKey::Latitude, &json!(52.5));
    record.push(1, MetaKey::Longitude, &json!(13.4));
    assert_eq!(record.order(in_country("DE")), [1, 0]);
}

// fences

/// The order of a fence over metadata, for a matching and a strange requester, with the option on and off.
fn fence(filter: &str, option: &str, metas: &[Value], requester: IpAddr) -> [Vec<u16>; 2] {
    [json!({}), json!({option: "0"})].map(|config| Record::new(metas).step(filter, &config).order(requester))
}

#[test]
fn fences_share_one_rule_about_untagged_answers() {
    let germany = in_country("DE");
    let asn = GEO.asn(address_with_asn()).value.unwrap();
    let cases = [
        ("geofence_country", "remove_no_location", json!({"country": "DE"}), germany, in_country("JP")),
        (
            "geofence_regional",
            "remove_no_georegion",
            json!({"georegion": "EUROPE"}),
            germany,
            in_country("JP"),
        ),
        ("netfence_asn", "remove_no_asn", json!({"asn": [asn]}), address_with_asn(), NOWHERE),
        (
            "netfence_prefix",
            "remove_no_ip_prefixes",
            json!({"ip_prefixes": "203.0.113.9/24"}),
            "203.0.113.77".parse().unwrap(),
            NOWHERE,
        ),
    ];
    for (filter, option, tag, inside, outside) in cases {
        let metas = [json!({}), tag.clone(), json!({"note": "another"})];
        assert_eq!(fence(filter, option, &metas, inside), [vec![1], vec![0, 1, 2]], "{filter}");
        assert_eq!(fence(filter, option, &metas, outside), [vec![0, 2], vec![0, 2]], "{filter}");
        assert_eq!(
            fence(filter, option, &[tag.clone()], outside),
            [Vec::<u16>::new(), Vec::new()],
            "{filter}"
        );
        assert_eq!(
            fence(filter, option, &[json!({}), json!({})], inside),
            [vec![0, 1], vec![0, 1]],
            "{filter}"
        );
    }
}

fn address_with_asn() -> IpAddr {
    address_where(|_| true).to_owned()
}

#[test]
fn a_country_or_a_subdivision_satisfies_a_country_fence() {
    let metas = [
        json!({"country": "US", "us_state": "NY"}),
        json!({"us_state": ["NY"]}),
        json!({"us_state": "CA"}),
        json!({"ca_province": "QC"}),
    ];
    let record = Record::new(&metas).step("geofence_country", &json!({}));
    assert_eq!(record.order(in_subdivision("US", "NY")), [0, 1]);
    assert_eq!(record.order(in_subdivision("US", "CA")), [0, 2]);
    assert_eq!(record.order(in_subdivision("CA", "QC")), [3]);
    assert!(record.order(NOWHERE).is_empty());
}

#[test]
fn only_one_kind_of_tag_counts_for_each_fence() {
    let metas =
        [json!({"country": "DE"}), json!({"ip_prefixes": ["10.0.0.0/8"]}), json!({"georegion": "AFRICA"})];
    let record = Record::new(&metas)
        .step("netfence_prefix", &json!({"remove_no_ip_prefixes": "0"}))
        .step("geofence_country", &json!({"remove_no_location": false}))
        .step("geofence_regional", &json!({"remove_no_georegion": false}));
    assert_eq!(record.order(in_country("DE")), [0]);
    assert_eq!(record.order(in_country("JP")), [] as [u16; 0]);
    assert_eq!(record.order(NOWHERE), [1]);
}

#[test]
fn a_prefix_fence_tests_the_first_address_of_a_client_subnet() {
    let record = Record::new(&[json!({"ip_prefixes": ["198.51.100.0/25"]}), json!({})])
        .step("netfence_prefix", &json!({}));
    let outcome = record.run(Client::subnet("198.51.100.200".parse().unwrap(), 24), 1);
    assert_eq!((outcome.answers, outcome.scope_bits), (vec![0], 25));
    let outcome = record.run(Client::subnet("198.51.100.200".parse().unwrap(), 32), 1);
    assert_eq!((outcome.answers, outcome.scope_bits), (vec![1], 25));
}

#[test]
fn a_prefix_that_does_not_match_narrows_the_scope_too() {
    let metas =
        [json!({"ip_prefixes": ["10.0.0.0/8"]}), json!({"ip_prefixes": ["10.20.30.0/28", "2001:db8::/32"]})];
    let record = Record::new(&metas).step("netfence_prefix", &json!({}));
    let outcome = record.run(Client::source("10.20.30.20".parse().unwrap()), 1);
    assert_eq!((outcome.answers, outcome.scope_bits), (vec![0], 28));
    let outcome = record.run(Client::source("2001:db8::1".parse().unwrap()), 1);
    assert_eq!((outcome.answers, outcome.scope_bits), (vec![1], 32));
}

// sticky, sticky_region, weighted_sticky

fn client(number: usize) -> Client {
    Client::source(IpAddr::from([100, 64 + (number >> 16) as u8, (number >> 8) as u8, number as u8]))
}

#[test]
fn sticky_gives_a_requester_one_order_and_spreads_requesters_evenly() {
    let record = Record::new(&vec![json!({}); 4]).step("sticky", &json!({}));
    let (mut counts, mut orders) = ([0; 4], std::collections::BTreeSet::new());
    repeat(&record, 20_000, client, |answers| {
        counts[usize::from(answers[0])] += 1;
        orders.insert(answers.to_vec());
    });
    assert!(chi_square(&counts, &[0.25; 4]) < chi_square_bound(4), "{counts:?}");
    assert_eq!(orders.len(), 24);
    assert_eq!(record.run(client(9), 1), record.run(client(9), 2));
    assert_eq!(record.run(client(9), 1).scope_bits, 32);
}

#[test]
fn when_an_answer_leaves_only_its_requesters_move() {
    for filter in ["sticky", "weighted_sticky"] {
        let metas: Vec<_> = (1..=5).map(|weight| json!({"weight": weight})).collect();
        let before = Record::new(&metas).step(filter, &json!({}));
        let after = Record::new(&metas[..4]).step(filter, &json!({}));
        let (mut first, mut second) = (Vec::new(), Vec::new());
        repeat(&before, 3_000, client, |answers| first.push(answers.to_vec()));
        repeat(&after, 3_000, client, |answers| second.push(answers.to_vec()));
        for (before, after) in first.iter().zip(&second) {
            let stayed: Vec<_> = before.iter().copied().filter(|answer| *answer != 4).collect();
            assert_eq!(stayed, *after);
        }
    }
}

#[test]
fn sticky_by_network_takes_a_subnet_and_an_address_inside_it_for_one_requester() {
    for filter in ["sticky", "sticky_region", "weighted_sticky"] {
        let named = |index: usize| ["a", "b", "c", "d", "e", "f", "g"].get(index).copied();
        let answers = (0..7)
            .fold(Record::default(), |record, index| record.answer(&json!({"weight": 1}), named(index)));
        let record = answers.step(filter, &json!({"sticky_by_network": "1"}));
        let subnet = record.run(Client::subnet("198.51.100.0".parse().unwrap(), 24), 1);
        assert_eq!(subnet, record.run(Client::source("198.51.100.77".parse().unwrap()), 2), "{filter}");
        assert_ne!(subnet, record.run(Client::source("198.51.101.77".parse().unwrap()), 2), "{filter}");
        assert_eq!(subnet.scope_bits, 24);
        let subnet = record.run(Client::subnet("2001:db8:0:100::".parse().unwrap(), 56), 1);
        assert_eq!(subnet, record.run(Client::source("2001:db8:0:1ff::9".parse().unwrap()), 2), "{filter}");
        assert_eq!(subnet.scope_bits, 56);
    }
}

#[test]
fn weighted_sticky_spreads_requesters_by_weight_with_weightless_answers_last() {
    let metas = [json!({"weight": 1}), json!({}), json!({"weight": 3}), json!({"weight": 0})];
    let record = Record::new(&metas).step("weighted_sticky", &json!({}));
    let mut counts = [0; 4];
    repeat(&record, 20_000, client, |answers| {
        counts[usize::from(answers[0])] += 1;
        assert!(answers[2..].iter().all(|answer| answer % 2 == 1));
    });
    assert_eq!((counts[1], counts[3]), (0, 0));
    assert!(chi_square(&[counts[0], counts[2]], &[0.25, 0.75]) < chi_square_bound(2), "{counts:?}");
}

#[test]
fn sticky_region_brings_regions_together_and_leaves_their_answers_in_order() {
    let regions = [Some("eu"), None, Some("us"), Some("eu"), None];
    let record = regions.iter().fold(Record::default(), |record, region| record.answer(&json!({}), *region));
    let record = record.step("sticky_region", &json!({}));
    let groups: [&[u16]; 3] = [&[0, 3], &[1, 4], &[2]];
    let mut counts = [0; 3];
    repeat(&record, 20_000, client, |answers| {
        let first = groups.iter().position(|group| answers.starts_with(group)).unwrap();
        counts[first] += 1;
        assert!(groups.iter().all(|group| answers.windows(group.len()).any(|window| window == *group)));
    });
    assert!(chi_square(&counts, &[1.0 / 3.0; 3]) < chi_square_bound(3), "{counts:?}");
}

// traces

#[test]
fn a_trace_names_value_level_feed_and_age() {
    let record =
        Record::new(&[json!({"weight": pointer(1)}), json!({"weight": 2}), json!({"weight": pointer(2)})]);
    let record = record.feed(1).feed(2).step("weighted_shuffle", &json!({}));
    record.push(1, MetaKey::Weight, &json!("7.5"));
    let trace = record.trace(NOWHERE, 1);
    let used = |answer: usize| trace.answers[answer].used[0].clone();
    assert_eq!(used(0).value, Some(MetaValue::Number(7.5)));
    assert_eq!(used(0).feed, Some(super::testing::feed_id(1)));
    assert_eq!(used(0).updated_at_s, Some(1_700_000_000));
    assert_eq!((used(1).feed, used(1).level), (None, Level::Answer));
    assert_eq!((used(2).value, used(2).feed), (None, Some(super::testing::feed_id(2))));
    assert_eq!(trace.answers[2].reason, Some(Reason::DrawnWithoutWeight));
}

#[test]
fn a_trace_tells_dropped_moved_and_kept_apart() {
    let metas = [json!({"cost": 3}), json!({"cost": 1}), json!({"cost": 5})];
    let sorted = Record::new(&metas).step("cost", &json!({})).trace(NOWHERE, 1);
    let verdicts: Vec<_> = sorted.answers.iter().map(|answer| answer.verdict).collect();
    assert_eq!(verdicts, [Verdict::Moved, Verdict::Moved, Verdict::Kept]);
    assert_eq!((sorted.before, sorted.after), (vec![0, 1, 2], vec![1, 0, 2]));
    let fenced = Record::new(&metas).step("cost", &json!({"eliminate": 1})).trace(NOWHERE, 1);
    let verdicts: Vec<_> = fenced.answers.iter().map(|answer| answer.verdict).collect();
    assert_eq!(verdicts, [Verdict::Dropped, Verdict::Kept, Verdict::Dropped]);
    assert_eq!(Value::Object(fenced.config), json!({"eliminate": true}));
}

#[test]
fn a_disabled_step_is_traced_and_does_nothing() {
    let record = Record::new(&[json!({"up": false}), json!({"up": true})]).disabled_step("up");
    let trace = record.trace(NOWHERE, 1);
    assert!(trace.disabled);
    assert_eq!((trace.filter, trace.after.as_slice()), ("up", [0, 1].as_slice()));
    assert!(trace.answers.iter().all(|answer| answer.reason.is_none()));
}
