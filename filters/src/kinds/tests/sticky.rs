//! Tests of the filters that give a requester its own order.

use std::net::IpAddr;

use serde_json::json;

use crate::Client;
use crate::kinds::testing::{Record, chi_square, chi_square_bound, repeat};

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
