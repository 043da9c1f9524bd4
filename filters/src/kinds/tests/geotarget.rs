//! Tests of the filters that sort by distance.

use serde_json::json;

use crate::kinds::testing::{
    GEO, NOWHERE, Record, chi_square, chi_square_bound, in_country, in_georegion, in_subdivision, pointer,
    repeat,
};
use crate::{Client, MetaKey};

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

#[test]
fn live_places_count_exactly_like_written_ones() {
    let places = [json!("US"), json!(["DE", "FR"]), json!("JP"), json!(["CA", "BR", "AQ"])];
    let metas: Vec<_> = places.iter().map(|place| json!({"country": place})).collect();
    let others = [json!({"us_state": ["NY", "CA"]}), json!({"subdivisions": {"CA": ["QC"]}}), json!({})];
    let pointers = (1u8..5).map(|feed| json!({"country": pointer(feed)}));
    let live: Vec<_> = pointers.chain(others.iter().cloned()).collect();
    let written: Vec<_> = metas.into_iter().chain(others).collect();
    for filter in ["geotarget_country", "geofence_country"] {
        let written = Record::new(&written).step(filter, &json!({}));
        let live = (1u8..5).fold(Record::new(&live), Record::feed).step(filter, &json!({}));
        for (feed, place) in (1u8..5).zip(&places) {
            live.push(feed, MetaKey::Country, place);
        }
        let requesters = ["US", "DE", "JP", "BR", "NZ", "CA"]
            .map(in_country)
            .into_iter()
            .chain([NOWHERE, in_subdivision("US", "NY")]);
        for requester in requesters {
            let expected = written.run(Client::source(requester), 1);
            assert_eq!(live.run(Client::source(requester), 1), expected, "{filter} {requester}");
        }
    }
}

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
