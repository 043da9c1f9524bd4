//! Tests of random orders, selections, priority and cost.

use serde_json::{Value, json};

use crate::Client;
use crate::kinds::testing::{
    NOWHERE, Record, chi_square, chi_square_bound, in_country, record_trace, repeat, somewhere, tally,
};

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

/// Two answers in each of two countries, the second of each three times as heavy as the first.
fn by_place_then_weight() -> Record {
    let metas = [("DE", 1), ("DE", 3), ("US", 2), ("US", 6), ("US", 0)]
        .map(|(country, weight)| json!({"country": country, "weight": weight}));
    let first = json!({"N": 1});
    Record::new(&metas)
        .step("weighted_shuffle", &json!({}))
        .step("geotarget_country", &json!({}))
        .step("select_first_n", &first)
}

#[test]
fn a_shuffle_that_is_put_off_decides_by_weight_among_the_nearest_answers() {
    for (country, nearest) in [("DE", [0, 1]), ("US", [2, 3])] {
        let client = Client::source(in_country(country));
        let mut counts = [0; 5];
        repeat(
            &by_place_then_weight(),
            20_000,
            |_| client,
            |answers| {
                assert_eq!(answers.len(), 1);
                counts[usize::from(answers[0])] += 1;
            },
        );
        let among = nearest.map(|answer: usize| counts[answer]);
        assert_eq!(among.iter().sum::<usize>(), 20_000, "{country}: {counts:?}");
        assert!(chi_square(&among, &[0.25, 0.75]) < chi_square_bound(2), "{country}: {counts:?}");
    }
}

#[test]
fn a_shuffle_that_is_put_off_decides_alone_where_no_place_is_known() {
    let counts = tally(&by_place_then_weight(), 5, 0, 20_000);
    let shares = [1.0, 3.0, 2.0, 6.0].map(|weight| weight / 12.0);
    assert!(chi_square(&counts[..4], &shares) < chi_square_bound(4), "{counts:?}");
    assert_eq!(counts[4], 0);
}

#[test]
fn a_trace_shows_the_shuffle_that_a_query_puts_off() {
    let record = by_place_then_weight();
    for address in [in_country("DE"), in_country("US"), in_country("JP"), NOWHERE] {
        for seed in 0..200 {
            let traced = record_trace(&record, address, seed);
            assert_eq!(traced.steps[2].after, record.run(Client::source(address), seed).answers);
        }
    }
    let shuffled = record_trace(&record, NOWHERE, 3).steps.remove(0);
    assert_eq!(shuffled.after.len(), 5);
    assert_ne!(shuffled.before, shuffled.after);
}
