//! Queries of type ANY under each policy.

use std::sync::Arc;

use server::Policy;
use server::policy::AnyPolicy;

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    www.example.com A 192.0.2.1
    www.example.com A 192.0.2.2
    www.example.com TXT x
    alias.example.com CNAME www.example.com
    *.wild.example.com AAAA 2001:db8::1
";

#[track_caller]
fn assert_any(any: AnyPolicy, name: &str, expected: &[&str]) {
    let policy = Arc::new(Policy { any, ..Policy::default() });
    let reply = ask(name, ANY).of(&mut serving(EXAMPLE).with_policy(policy));
    assert_eq!(reply.status(), "NOERROR aa");
    let mut answer = reply.answer();
    answer.sort();
    assert_eq!(answer, expected);
}

#[test]
fn one_rrset_is_given() {
    let a = ["www.example.com. 300 A 192.0.2.1", "www.example.com. 300 A 192.0.2.2"];
    assert_any(AnyPolicy::One, "www.example.com", &a);
    assert_any(AnyPolicy::One, "wild.example.com", &[]);
}

#[test]
fn all_rrsets_are_given() {
    let www = [
        "www.example.com. 300 A 192.0.2.1",
        "www.example.com. 300 A 192.0.2.2",
        "www.example.com. 300 TXT x",
    ];
    assert_any(AnyPolicy::All, "www.example.com", &www);
    let soa = ["example.com. 3600 SOA ns1.example.com. hostmaster.example.com. 7 43200 7200 1209600 120"];
    assert_any(AnyPolicy::All, "example.com", &soa);
    assert_any(AnyPolicy::All, "alias.example.com", &["alias.example.com. 300 CNAME www.example.com."]);
    assert_any(AnyPolicy::All, "wild.example.com", &[]);
}

#[test]
fn a_made_up_record_is_given_where_there_are_records_and_no_alias() {
    let hinfo = |owner: &str| format!("{owner} 3600 HINFO RFC8482 ");
    assert_any(AnyPolicy::Hinfo, "www.example.com", &[&hinfo("www.example.com.")]);
    assert_any(AnyPolicy::Hinfo, "example.com", &[&hinfo("example.com.")]);
    assert_any(AnyPolicy::Hinfo, "x.wild.example.com", &[&hinfo("x.wild.example.com.")]);
    assert_any(AnyPolicy::Hinfo, "alias.example.com", &["alias.example.com. 300 CNAME www.example.com."]);
    assert_any(AnyPolicy::Hinfo, "wild.example.com", &[]);
}

#[test]
fn all_rrsets_that_do_not_fit_are_cut_at_a_whole_one() {
    let mut text = String::from("zone example.com\n");
    for index in 0..40 {
        text += &format!("many.example.com A 192.0.2.{index}\nmany.example.com TXT text-number-{index}\n");
    }
    let policy = Arc::new(Policy { any: AnyPolicy::All, ..Policy::default() });
    let mut responder = serving(&text).with_policy(policy);
    let reply = ask("many.example.com", ANY).edns(1232).of(&mut responder);
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa tc", 40));
    assert_eq!(ask("many.example.com", ANY).tcp().of(&mut responder).answer().len(), 80);
}
