//! Exact names, wildcards, empty non-terminals, denials, additional data.

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    example.com NS ns1.example.com
    example.com MX 10 mail.example.com
    example.com MX 20 mail.example.net
    ns1.example.com A 192.0.2.53
    www.example.com A 192.0.2.1
    www.example.com A 192.0.2.2
    www.example.com AAAA 2001:db8::1
    mail.example.com A 192.0.2.25
    mail.example.com AAAA 2001:db8::25
    deep.down.here.example.com TXT deep
    *.wild.example.com A 192.0.2.7
    *.wild.example.com MX 5 mail.example.com
    stop.wild.example.com TXT stop
    _sip._tcp.example.com SRV 1 2 5060 mail.example.com
    https.example.com HTTPS 1 www.example.com
    own.example.com HTTPS 1 .
    strange.example.com TYPE65280 00ff
    zone example.net
    mail.example.net A 192.0.2.26
";

const SOA_LINE: &str =
    "au example.com. 120 SOA ns1.example.com. hostmaster.example.com. 7 43200 7200 1209600 120";

fn check(name: &str, rtype: u16, expected: &[&str]) {
    assert_reply(&ask(name, rtype).edns(1232).of(&mut serving(EXAMPLE)), expected);
}

#[test]
fn an_exact_name_gives_all_records_of_the_type() {
    check(
        "www.example.com",
        A,
        &["NOERROR aa", "an www.example.com. 300 A 192.0.2.1", "an www.example.com. 300 A 192.0.2.2"],
    );
    check("www.example.com", AAAA, &["NOERROR aa", "an www.example.com. 300 AAAA 2001:db8::1"]);
    check("strange.example.com", 65280, &["NOERROR aa", "an strange.example.com. 300 TYPE65280 AP8="]);
}

#[test]
fn the_case_of_the_question_is_kept_in_the_question_and_in_owners() {
    let reply = ask("wWw.ExAmple.coM", AAAA).of(&mut serving(EXAMPLE));
    assert_eq!(&reply.octets[12..29], &wire_as_written("wWw.ExAmple.coM")[..]);
    assert_eq!(reply.octets[33..35], [0xc0, 12], "the owner points to the question");
    let reply = ask("nOpe.ExAmple.coM", AAAA).of(&mut serving(EXAMPLE));
    assert!(
        reply.authority()[0].starts_with("ExAmple.coM. 120 SOA ns1.ExAmple.coM. hostmaster.ExAmple.coM.")
    );
}

#[test]
fn a_name_without_the_type_is_no_data_and_one_that_is_not_there_is_nxdomain() {
    check("www.example.com", TXT, &["NOERROR aa", SOA_LINE]);
    check("nope.example.com", A, &["NXDOMAIN aa", SOA_LINE]);
    check("a.www.example.com", A, &["NXDOMAIN aa", SOA_LINE]);
}

#[test]
fn empty_non_terminals_exist() {
    check("down.here.example.com", A, &["NOERROR aa", SOA_LINE]);
    check("here.example.com", ANY, &["NOERROR aa", SOA_LINE]);
    check("x.here.example.com", A, &["NXDOMAIN aa", SOA_LINE]);
}

#[test]
fn wildcards_stand_for_names_that_do_not_exist() {
    check("a.b.wild.example.com", A, &["NOERROR aa", "an a.b.wild.example.com. 300 A 192.0.2.7"]);
    check("x.wild.example.com", TXT, &["NOERROR aa", SOA_LINE]);
    check("*.wild.example.com", A, &["NOERROR aa", "an *.wild.example.com. 300 A 192.0.2.7"]);
    check("stop.wild.example.com", A, &["NOERROR aa", SOA_LINE]);
    check("below.stop.wild.example.com", A, &["NXDOMAIN aa", SOA_LINE]);
    check("wild.example.com", A, &["NOERROR aa", SOA_LINE]);
}

#[test]
fn names_that_are_not_ours_are_refused() {
    check("example.org", A, &["REFUSED"]);
    check("com", A, &["REFUSED"]);
    check(".", NS, &["REFUSED"]);
}

#[test]
fn the_soa_is_answered_with_its_own_ttl() {
    let soa = SOA_LINE.replace("au example.com. 120", "an example.com. 3600");
    check("example.com", SOA, &["NOERROR aa", &soa]);
    check("www.example.com", SOA, &["NOERROR aa", SOA_LINE]);
}

#[test]
fn hosts_in_answers_come_with_their_addresses() {
    check(
        "example.com",
        MX,
        &[
            "NOERROR aa",
            "an example.com. 300 MX 10 mail.example.com.",
            "an example.com. 300 MX 20 mail.example.net.",
            "ad mail.example.com. 300 A 192.0.2.25",
            "ad mail.example.com. 300 AAAA 2001:db8::25",
            "ad mail.example.net. 300 A 192.0.2.26",
        ],
    );
    check(
        "example.com",
        NS,
        &["NOERROR aa", "an example.com. 300 NS ns1.example.com.", "ad ns1.example.com. 300 A 192.0.2.53"],
    );
    check(
        "_sip._tcp.example.com",
        SRV,
        &[
            "NOERROR aa",
            "an _sip._tcp.example.com. 300 SRV 1 2 5060 mail.example.com.",
            "ad mail.example.com. 300 A 192.0.2.25",
            "ad mail.example.com. 300 AAAA 2001:db8::25",
        ],
    );
    assert_eq!(ask("https.example.com", 65).edns(1232).of(&mut serving(EXAMPLE)).additional().len(), 3);
    assert_eq!(ask("own.example.com", 65).edns(1232).of(&mut serving(EXAMPLE)).additional().len(), 0);
}

#[test]
fn the_data_of_later_types_is_not_compressed() {
    let reply = ask("_sip._tcp.example.com", SRV).of(&mut serving(EXAMPLE));
    let target = wire("mail.example.com");
    assert!(reply.octets.windows(target.len()).any(|window| window == target));
    let reply = ask("example.com", MX).of(&mut serving(EXAMPLE));
    assert!(!reply.octets.windows(target.len()).any(|window| window == target));
}

#[test]
fn any_gives_one_rrset() {
    let reply = ask("www.example.com", ANY).of(&mut serving(EXAMPLE));
    let types: std::collections::HashSet<_> =
        reply.message.answers.iter().map(|record| record.record_type()).collect();
    assert_eq!((reply.status().as_str(), types.len()), ("NOERROR aa", 1));
    check("nope.example.com", ANY, &["NXDOMAIN aa", SOA_LINE]);
    let reply = ask("example.net", ANY).of(&mut serving(EXAMPLE));
    assert!(reply.answer()[0].starts_with("example.net. 3600 SOA"), "an apex without records has its SOA");
}

#[test]
fn class_any_is_answered_without_authority() {
    let reply = ask("www.example.com", AAAA).class(255).of(&mut serving(EXAMPLE));
    assert_reply(&reply, &["NOERROR", "an www.example.com. 300 AAAA 2001:db8::1"]);
}

#[test]
fn a_root_zone_is_a_zone() {
    let mut responder = serving("zone .\n. NS a.root\na.root A 192.0.2.1\nwww.test A 192.0.2.2");
    let reply = ask("www.test", A).of(&mut responder);
    assert_reply(&reply, &["NOERROR aa", "an www.test. 300 A 192.0.2.2"]);
    let reply = ask(".", NS).of(&mut responder);
    assert_reply(&reply, &["NOERROR aa", "an . 300 NS a.root.", "ad a.root. 300 A 192.0.2.1"]);
    assert!(ask("nope", A).of(&mut responder).authority()[0].starts_with(". 120 SOA"));
}

#[test]
fn a_service_binding_comes_with_the_bindings_and_addresses_of_its_target() {
    const HTTPS: u16 = 65;
    let mut responder = serving(
        "zone example.com
         example.com HTTPS 0 pool.example.com
         pool.example.com HTTPS 1 pool.example.com
         pool.example.com A 192.0.2.1
         pool.example.com TXT unrelated",
    );
    let types = |reply: &Reply| {
        let record_type = |record: &hickory_proto::rr::Record| record.record_type().to_string();
        reply.message.additionals.iter().map(record_type).collect::<Vec<_>>()
    };
    let reply = ask("example.com", HTTPS).of(&mut responder);
    assert_eq!(types(&reply), ["A", "HTTPS"]);
    let reply = ask("pool.example.com", HTTPS).of(&mut responder);
    assert_eq!(types(&reply), ["A"], "the answer is not repeated");
}
