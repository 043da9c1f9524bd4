//! CNAME and DNAME.

use server::{Counter, CounterTotals};

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    example.com NS ns1.example.com
    www.example.com CNAME web.example.com
    web.example.com 60 CNAME host.example.net
    out.example.com CNAME www.example.org
    gone.example.com CNAME nope.example.net
    empty.example.com CNAME host.example.net
    loop.example.com CNAME pool.example.com
    pool.example.com CNAME loop.example.com
    self.example.com CNAME self.example.com
    *.wild.example.com CNAME host.example.net
    tree.example.com 200 DNAME example.net
    long.example.com DNAME aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb.cccccccccccccccccccccccccccccccccccccccccccccccccccccccccccc.example.org
    around.example.com DNAME around.example.com
    zone example.net
    host.example.net A 192.0.2.9
    a.b.example.net A 192.0.2.10
    zone dname.test
    dname.test DNAME example.net
";

fn check(name: &str, rtype: u16, expected: &[&str]) {
    assert_reply(&ask(name, rtype).edns(1232).of(&mut serving(EXAMPLE)), expected);
}

const NET_SOA: &str =
    "au example.net. 120 SOA ns1.example.net. hostmaster.example.net. 7 43200 7200 1209600 120";

#[test]
fn aliases_are_followed_through_our_zones() {
    check(
        "www.example.com",
        A,
        &[
            "NOERROR aa",
            "an www.example.com. 300 CNAME web.example.com.",
            "an web.example.com. 60 CNAME host.example.net.",
            "an host.example.net. 300 A 192.0.2.9",
        ],
    );
    check("web.example.com", CNAME, &["NOERROR aa", "an web.example.com. 60 CNAME host.example.net."]);
    check("web.example.com", ANY, &["NOERROR aa", "an web.example.com. 60 CNAME host.example.net."]);
}

#[test]
fn an_alias_ends_with_what_its_target_has() {
    check("out.example.com", A, &["NOERROR aa", "an out.example.com. 300 CNAME www.example.org."]);
    check(
        "gone.example.com",
        A,
        &["NXDOMAIN aa", "an gone.example.com. 300 CNAME nope.example.net.", NET_SOA],
    );
    check(
        "empty.example.com",
        TXT,
        &["NOERROR aa", "an empty.example.com. 300 CNAME host.example.net.", NET_SOA],
    );
}

#[test]
fn a_wildcard_alias_is_owned_by_the_question() {
    check(
        "x.wild.example.com",
        A,
        &[
            "NOERROR aa",
            "an x.wild.example.com. 300 CNAME host.example.net.",
            "an host.example.net. 300 A 192.0.2.9",
        ],
    );
}

#[test]
fn circles_end_after_one_round() {
    check(
        "loop.example.com",
        A,
        &[
            "NOERROR aa",
            "an loop.example.com. 300 CNAME pool.example.com.",
            "an pool.example.com. 300 CNAME loop.example.com.",
        ],
    );
    check("self.example.com", A, &["NOERROR aa", "an self.example.com. 300 CNAME self.example.com."]);
}

#[test]
fn long_chains_are_cut_and_counted() {
    let mut zone = "zone example.com\n".to_owned();
    for index in 0..40 {
        zone += &format!("a{index}.example.com CNAME a{}.example.com\n", index + 1);
    }
    let mut responder = serving(&zone);
    let reply = ask("a0.example.com", A).edns(1232).of(&mut responder);
    assert_eq!(reply.status(), "NOERROR aa");
    assert_eq!(reply.answer().len(), server::limits::ALIAS_HOPS + 1);
    let totals = CounterTotals::sum(&[responder.counters().clone()]);
    assert_eq!(totals.get(Counter::AliasLimit), 1);
}

#[test]
fn a_dname_is_answered_with_the_cname_it_makes() {
    check(
        "a.b.tree.example.com",
        A,
        &[
            "NOERROR aa",
            "an tree.example.com. 200 DNAME example.net.",
            "an a.b.tree.example.com. 200 CNAME a.b.example.net.",
            "an a.b.example.net. 300 A 192.0.2.10",
        ],
    );
    check(
        "x.tree.example.com",
        A,
        &[
            "NXDOMAIN aa",
            "an tree.example.com. 200 DNAME example.net.",
            "an x.tree.example.com. 200 CNAME x.example.net.",
            NET_SOA,
        ],
    );
    check(
        "x.tree.example.com",
        CNAME,
        &[
            "NOERROR aa",
            "an tree.example.com. 200 DNAME example.net.",
            "an x.tree.example.com. 200 CNAME x.example.net.",
        ],
    );
    check(
        "a.b.tree.example.com",
        ANY,
        &[
            "NOERROR aa",
            "an tree.example.com. 200 DNAME example.net.",
            "an a.b.tree.example.com. 200 CNAME a.b.example.net.",
            "an a.b.example.net. 300 A 192.0.2.10",
        ],
    );
    check(
        "x.tree.example.com",
        ANY,
        &[
            "NXDOMAIN aa",
            "an tree.example.com. 200 DNAME example.net.",
            "an x.tree.example.com. 200 CNAME x.example.net.",
            NET_SOA,
        ],
    );
    check("tree.example.com", 39, &["NOERROR aa", "an tree.example.com. 200 DNAME example.net."]);
    assert_eq!(
        ask("tree.example.com", A).of(&mut serving(EXAMPLE)).status(),
        "NOERROR aa",
        "the owner is not below"
    );
}

#[test]
fn a_dname_at_an_apex_moves_what_is_below() {
    check(
        "host.dname.test",
        A,
        &[
            "NOERROR aa",
            "an dname.test. 300 DNAME example.net.",
            "an host.dname.test. 300 CNAME host.example.net.",
            "an host.example.net. 300 A 192.0.2.9",
        ],
    );
    assert!(ask("dname.test", SOA).of(&mut serving(EXAMPLE)).answer()[0].starts_with("dname.test. 3600 SOA"));
}

#[test]
fn a_name_that_becomes_too_long_is_yxdomain_with_the_dname() {
    let label = "d".repeat(60);
    let reply = ask(&format!("{label}.long.example.com"), A).edns(1232).of(&mut serving(EXAMPLE));
    assert_eq!(reply.status(), "YXDOMAIN aa");
    assert_eq!(reply.answer().len(), 1);
    assert!(reply.answer()[0].contains("DNAME"));
    // The longest that is possible still works.
    let room =
        255 - wire(&format!("{}.{}.{}.example.org", "a".repeat(63), "b".repeat(63), "c".repeat(60))).len();
    let label = "d".repeat(room - 1);
    let reply = ask(&format!("{label}.long.example.com"), A).edns(1232).of(&mut serving(EXAMPLE));
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 2));
}

#[test]
fn a_dname_onto_itself_ends() {
    let reply = ask("x.around.example.com", A).edns(1232).of(&mut serving(EXAMPLE));
    assert_eq!(reply.status(), "NOERROR aa");
    assert_eq!(reply.answer().len(), 2);
}

#[test]
fn a_dname_that_applies_again_is_in_the_answer_once() {
    let mut responder = serving("zone example.com\nexample.com DNAME a.example.com");
    let reply = ask("x.example.com", A).tcp().of(&mut responder);
    let count = |rtype: &str| reply.answer().iter().filter(|line| line.contains(rtype)).count();
    assert_eq!(count(" DNAME "), 1, "{:?}", reply.answer());
    assert!(count(" CNAME ") > 10, "{:?}", reply.answer());
}
