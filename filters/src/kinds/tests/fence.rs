//! Tests of the filters that fence.

use std::net::IpAddr;

use serde_json::{Value, json};

use crate::Client;
use crate::kinds::testing::{GEO, NOWHERE, Record, address_where, in_country, in_subdivision};

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
            fence(filter, option, std::slice::from_ref(&tag), outside),
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
