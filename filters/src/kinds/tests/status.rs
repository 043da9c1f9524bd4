//! Tests of `up`, `shed_load`, metadata levels, and what a trace says of them.

use serde_json::{Value, json};

use crate::kinds::testing::{
    NOWHERE, Record, chi_square, chi_square_bound, feed_id, in_country, pointer, repeat, run, somewhere,
};
use crate::{Level, MetaKey, MetaValue, Reason, Verdict};

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
    let order = || run(&chain, 2, somewhere(), 1).answers;
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

#[test]
fn a_trace_names_value_level_feed_and_age() {
    let record =
        Record::new(&[json!({"weight": pointer(1)}), json!({"weight": 2}), json!({"weight": pointer(2)})]);
    let record = record.feed(1).feed(2).step("weighted_shuffle", &json!({}));
    record.push(1, MetaKey::Weight, &json!("7.5"));
    let trace = record.trace(NOWHERE, 1);
    let used = |answer: usize| trace.answers[answer].used[0].clone();
    assert_eq!(used(0).value, Some(MetaValue::Number(7.5)));
    assert_eq!(used(0).feed, Some(feed_id(1)));
    assert_eq!(used(0).updated_at_s, Some(1_700_000_000));
    assert_eq!((used(1).feed, used(1).level), (None, Level::Answer));
    assert_eq!((used(2).value, used(2).feed), (None, Some(feed_id(2))));
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
