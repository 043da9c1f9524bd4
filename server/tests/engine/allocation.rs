//! Answering does not allocate.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use server::edns::cookie::{Cookies, Demand, Secret};
use server::{Disposition, Peer, Policy, Responder, Transport};
use zones::RecordType;

use super::counting::allocator_calls;
use super::support::*;

fn zones() -> Zones {
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

fn answer(responder: &mut Responder, query: &[u8], transport: Transport, out: &mut [u8]) -> Disposition {
    responder.answer(query, Peer { address: CLIENT.parse().unwrap(), transport }, out)
}

#[test]
fn no_kind_of_answer_allocates() {
    let policy = Policy {
        cookies: Some(Cookies {
            current: Secret::new([1; 16]),
            other: Some(Secret::new([2; 16])),
            demand: Demand::Nothing,
        }),
        nsid: Some("here".parse().unwrap()),
        version: Some("1".parse().unwrap()),
        ..Policy::default()
    };
    let responder = zones().into_responder().with_policy(Arc::new(policy));
    let mut responder = responder.with_idle_timeout(Duration::from_secs(10));
    let kinds = [
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
    ];
    let mut out = vec![0; 65_535];
    for (kind, ask) in kinds {
        let query = ask.octets();
        // The first answer may set up what the process shares, such as hash keys.
        assert!(matches!(answer(&mut responder, &query, ask.transport, &mut out), Disposition::Reply(_)));
        let calls = allocator_calls(|| {
            for _ in 0..100 {
                answer(&mut responder, &query, ask.transport, &mut out);
            }
        });
        assert_eq!(calls, 0, "{kind}");
    }
}

#[test]
fn the_count_counts() {
    assert_eq!(allocator_calls(|| drop(std::hint::black_box(Box::new(1)))), 2);
}
