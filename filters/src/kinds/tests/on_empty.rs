//! Tests of what goes out when a chain leaves nothing.

use serde_json::json;

use crate::kinds::testing::pointer;
use crate::kinds::testing::{NOWHERE, Record, in_country, record_trace};
use crate::{MetaKey, OnEmpty, Reason, Restored};

/// Two answers that `cost` brings into the order 1, 0, and that nobody from nowhere gets.
fn fenced() -> Record {
    Record::new(&[json!({"country": "DE", "cost": 2}), json!({"country": "FR", "cost": 1})])
        .step("cost", &json!({}))
        .step("geofence_country", &json!({}))
        .step("select_first_n", &json!({}))
}

#[test]
fn nothing_goes_out_unless_the_record_has_a_rule_for_it() {
    assert!(fenced().order(NOWHERE).is_empty());
    assert!(fenced().on_empty(OnEmpty::Nodata).order(NOWHERE).is_empty());
}

#[test]
fn all_restores_every_answer_in_the_order_of_the_record() {
    let record = fenced().on_empty(OnEmpty::All);
    assert_eq!(record.order(NOWHERE), [0, 1]);
    assert_eq!(record.order(in_country("FR")), [1], "a chain that leaves something is left alone");
}

#[test]
fn previous_restores_what_there_was_before_the_step_that_left_nothing() {
    let record = fenced().on_empty(OnEmpty::Previous);
    assert_eq!(record.order(NOWHERE), [1, 0]);
    let metas =
        [json!({"country": "DE"}), json!({"country": "FR"}), json!({"country": "DE", "georegion": "AFRICA"})];
    let twice = Record::new(&metas)
        .step("geofence_country", &json!({}))
        .step("geofence_regional", &json!({"remove_no_georegion": false}))
        .step("netfence_asn", &json!({}))
        .on_empty(OnEmpty::Previous);
    assert_eq!(twice.order(in_country("DE")), [0]);
    assert_eq!(twice.order(NOWHERE), [0, 1, 2]);
}

#[test]
fn a_trace_shows_what_was_restored_and_by_which_rule() {
    for (rule, after) in [(OnEmpty::All, vec![0, 1]), (OnEmpty::Previous, vec![1, 0])] {
        let trace = record_trace(&fenced().on_empty(rule), NOWHERE, 1);
        assert_eq!(trace.restored, Some(Restored { rule, after }));
        assert!(trace.steps.iter().skip(1).all(|step| step.after.is_empty()));
        let reasons: Vec<_> = trace.steps[1].answers.iter().map(|answer| answer.reason).collect();
        assert_eq!(reasons, [Some(Reason::NoMatch); 2]);
        assert_eq!(record_trace(&fenced().on_empty(rule), in_country("DE"), 1).restored, None);
    }
    assert_eq!(record_trace(&fenced(), NOWHERE, 1).restored, None);
}

#[test]
fn a_record_without_answers_stays_without() {
    for rule in OnEmpty::ALL {
        let record = Record::new(&[]).step("geofence_country", &json!({})).on_empty(rule);
        assert!(record.order(NOWHERE).is_empty());
        assert_eq!(record_trace(&record, NOWHERE, 1).restored, None);
    }
}

#[test]
fn a_rule_follows_live_values() {
    let record = Record::new(&[json!({"country": pointer(1)})])
        .feed(1)
        .step("geofence_country", &json!({}))
        .on_empty(OnEmpty::Previous);
    record.push(1, MetaKey::Country, &json!("DE"));
    assert_eq!(record_trace(&record, in_country("FR"), 1).restored.map(|it| it.after), Some(vec![0]));
    record.push(1, MetaKey::Country, &json!("FR"));
    assert_eq!(record_trace(&record, in_country("FR"), 1).restored, None);
}

#[test]
fn rules_have_names_and_nothing_else_is_one() {
    for rule in OnEmpty::ALL {
        assert_eq!(OnEmpty::parse(rule.name()), Some(rule));
        assert_eq!(serde_json::to_value(rule).unwrap(), json!(rule.name()));
    }
    assert_eq!(OnEmpty::parse("ALL"), None);
    assert_eq!(OnEmpty::default(), OnEmpty::Nodata);
}
