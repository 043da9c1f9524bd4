//! Zones and queries for every kind of answer.

use serde_json::json;
use server::Policy;
use server::edns::cookie::{Cookies, Demand, Secret};
use zones::RecordType;

use super::support::*;

/// The zones.
pub fn zones() -> Zones {
    let mut text = "
        zone example.com
        example.com NS ns1.example.com
        example.com MX 10 www.example.com
        ns1.example.com A 192.0.2.53
        www.example.com A 192.0.2.1
        alias.example.com CNAME www.example.com
        tree.example.com DNAME www.example.com
        *.wild.example.com A 192.0.2.1
        child.example.com NS ns.child.example.com
        ns.child.example.com A 192.0.2.61
    "
    .to_owned();
    for index in 0..100 {
        text += &format!("many.example.com A 198.51.100.{index}\n");
    }
    let chain = json!([
        {"filter": "up"},
        {"filter": "geotarget_country"},
        {"filter": "geotarget_latlong"},
        {"filter": "weighted_shuffle"},
        {"filter": "shuffle"},
        {"filter": "select_first_n", "config": {"N": 2}},
    ]);
    let answer = |country: &str, weight: u32| json!({"up": true, "country": [country], "weight": weight, "latitude": 10.0, "longitude": 20.0});
    Zones::parse(&text).steered(
        "steered.example.com",
        RecordType::A,
        chain,
        &[("192.0.2.1", answer("DE", 1)), ("192.0.2.2", answer("US", 2)), ("192.0.2.3", answer("FR", 3))],
    )
}

/// The name of each kind with a query that gets it.
pub fn kinds() -> Vec<(&'static str, Ask)> {
    vec![
        ("static", ask("www.example.com", A)),
        ("wildcard", ask("x.wild.example.com", A)),
        ("CNAME", ask("alias.example.com", A)),
        ("DNAME", ask("x.tree.example.com", A)),
        ("no data", ask("www.example.com", TXT)),
        ("NXDOMAIN", ask("nope.example.com", A)),
        ("referral", ask("www.child.example.com", A)),
        ("additional", ask("example.com", MX)),
        ("any", ask("example.com", ANY)),
        ("chain", ask("steered.example.com", A)),
        ("ECS", ask("steered.example.com", A).subnet(&[141, 1, 1])),
        ("truncated", ask("many.example.com", A)),
        ("large", ask("many.example.com", A).tcp()),
        ("refused", ask("example.org", A)),
        ("cookie", ask("www.example.com", A).option(10, &[7; 8])),
        ("server cookie", ask("www.example.com", A).option(10, &[7; 24])),
        ("NSID and keepalive", ask("www.example.com", A).option(3, &[]).option(11, &[]).tcp()),
        ("class CH", ask("version.bind", TXT).class(3).edns(512)),
        ("BADVERS and other garbage", ask("www.example.com", A).option(8, &[1])),
    ]
}

/// A policy with which each of them is answered.
pub fn policy() -> Policy {
    Policy {
        cookies: Some(Cookies {
            current: Secret::new([1; 16]),
            other: Some(Secret::new([2; 16])),
            demand: Demand::Nothing,
        }),
        nsid: Some("here".parse().unwrap()),
        version: Some("1".parse().unwrap()),
        ..Policy::default()
    }
}
