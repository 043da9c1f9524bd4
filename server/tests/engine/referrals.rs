//! Delegations: who to ask, where they are, and what the parent still answers.

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    example.com NS ns1.example.com
    ns1.example.com A 192.0.2.53
    child.example.com NS ns.child.example.com
    child.example.com NS ns.other.example.com
    child.example.com NS ns.example.net
    child.example.com NS ns1.example.com
    child.example.com DS 0102030405
    ns.child.example.com A 192.0.2.61
    ns.child.example.com AAAA 2001:db8::61
    hidden.child.example.com A 192.0.2.66
    other.example.com NS ns.other.example.com
    ns.other.example.com A 192.0.2.62
    alias.example.com CNAME www.child.example.com
    zone example.net
    ns.example.net A 192.0.2.63
    zone ours.example.com
    ours.example.com NS ns1.example.com
    www.ours.example.com A 192.0.2.70
";

const REFERRAL: [&str; 9] = [
    "au child.example.com. 300 NS ns.child.example.com.",
    "au child.example.com. 300 NS ns.other.example.com.",
    "au child.example.com. 300 NS ns.example.net.",
    "au child.example.com. 300 NS ns1.example.com.",
    "ad ns.child.example.com. 300 A 192.0.2.61",
    "ad ns.child.example.com. 300 AAAA 2001:db8::61",
    "ad ns.other.example.com. 300 A 192.0.2.62",
    "ad ns.example.net. 300 A 192.0.2.63",
    "ad ns1.example.com. 300 A 192.0.2.53",
];

#[test]
fn a_name_below_a_cut_is_referred_with_all_glue_we_hold() {
    let mut responder = serving(EXAMPLE);
    for (name, rtype) in [
        ("www.child.example.com", A),
        ("child.example.com", A),
        ("child.example.com", NS),
        ("hidden.child.example.com", A),
        ("ns.child.example.com", A),
        ("x.child.example.com", DS),
        ("child.example.com", ANY),
    ] {
        let reply = ask(name, rtype).edns(1232).of(&mut responder);
        assert_reply(&reply, &[&["NOERROR"], &REFERRAL[..]].concat());
    }
}

#[test]
fn ds_is_answered_by_the_parent() {
    let mut responder = serving(EXAMPLE);
    let reply = ask("child.example.com", DS).of(&mut responder);
    assert_eq!(reply.status(), "NOERROR aa");
    assert!(reply.answer()[0].starts_with("child.example.com. 300 DS"));
    // Without a DS record, the parent denies it: also where we have the child and the parent does not know.
    for name in ["other.example.com", "ours.example.com"] {
        let reply = ask(name, DS).of(&mut responder);
        assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 0));
        assert!(reply.authority()[0].starts_with("example.com. 120 SOA"), "{name}");
    }
    let reply = ask("example.net", DS).of(&mut responder);
    assert!(reply.authority()[0].starts_with("example.net. 120 SOA"), "no parent of ours");
}

#[test]
fn a_child_that_is_ours_is_answered() {
    let reply = ask("www.ours.example.com", A).of(&mut serving(EXAMPLE));
    assert_reply(&reply, &["NOERROR aa", "an www.ours.example.com. 300 A 192.0.2.70"]);
}

#[test]
fn an_alias_that_leads_below_a_cut_is_ours_and_its_target_is_referred() {
    let reply = ask("alias.example.com", A).edns(1232).of(&mut serving(EXAMPLE));
    let alias = ["NOERROR aa", "an alias.example.com. 300 CNAME www.child.example.com."];
    assert_reply(&reply, &[&alias, &REFERRAL[..]].concat());
}

#[test]
fn a_wildcard_gives_the_addresses_of_hosts_that_it_stands_for() {
    let mut responder = serving(
        "
        zone example.com
        *.hosts.example.com A 192.0.2.71
        child.example.com NS ns.hosts.example.com
        example.com MX 10 mx.hosts.example.com
        example.com MX 20 mx.child.example.com
        *.child.example.com A 192.0.2.72
        ",
    );
    let referral = ["NOERROR", "au child.example.com. 300 NS ns.hosts.example.com."];
    let glue = ["ad ns.hosts.example.com. 300 A 192.0.2.71"];
    assert_reply(&ask("www.child.example.com", A).of(&mut responder), &[&referral[..], &glue].concat());
    assert_eq!(
        ask("example.com", MX).of(&mut responder).additional(),
        ["mx.hosts.example.com. 300 A 192.0.2.71"],
        "a wildcard below the cut is not ours"
    );
}

#[test]
fn glue_within_the_cut_that_does_not_fit_truncates_and_other_glue_does_not() {
    let servers = |place: &str| {
        let mut zone = "zone example.com\nzone example.net\n".to_owned();
        for index in 0..8 {
            zone += &format!("child.example.com NS a-rather-long-server-name-{index}.{place}\n");
            zone += &format!("a-rather-long-server-name-{index}.{place} AAAA 2001:db8::{index}\n");
        }
        zone
    };
    let reply = ask("www.child.example.com", A).of(&mut serving(&servers("child.example.com")));
    assert_eq!(reply.status(), "NOERROR tc");
    assert_eq!(reply.authority().len(), 8, "what fits is there");
    assert!(reply.octets.len() <= 512);
    let reply = ask("www.child.example.com", A).of(&mut serving(&servers("example.net")));
    assert_eq!(reply.status(), "NOERROR");
    assert!((1..8).contains(&reply.additional().len()));
}
