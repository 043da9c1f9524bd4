//! DNS cookies between client and server.

use std::sync::Arc;
use std::time::SystemTime;

use server::edns::cookie::{CookieOption, Cookies, Demand, Secret};
use server::{Counter, CounterTotals, Policy, Responder};

use super::support::*;

const EXAMPLE: &str = "
    zone example.com
    www.example.com A 192.0.2.1
";
const COOKIE: u16 = 10;
const CLIENT_COOKIE: [u8; 8] = [1, 2, 3, 4, 5, 6, 7, 8];

fn cookies(demand: Demand) -> Cookies {
    Cookies { current: Secret::new([1; 16]), other: Some(Secret::new([2; 16])), demand }
}

fn responder(demand: Demand) -> Responder {
    let policy = Policy { cookies: Some(cookies(demand)), ..Policy::default() };
    serving(EXAMPLE).with_policy(Arc::new(policy))
}

fn www() -> Ask {
    ask("www.example.com", A)
}

/// Client and server cookie as a server with a secret made it so many seconds ago.
fn made_by(secret: [u8; 16], age_s: i64) -> Vec<u8> {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs();
    let cookies = Cookies { current: Secret::new(secret), other: None, demand: Demand::Nothing };
    let address = CLIENT.parse::<std::net::SocketAddr>().unwrap().ip();
    let option = CookieOption::parse(&CLIENT_COOKIE).unwrap();
    cookies.check(&option, address, (now as i64 - age_s) as u32).reply.to_vec()
}

#[test]
fn a_client_learns_its_server_cookie_with_the_answer() {
    let mut responder = responder(Demand::Nothing);
    let first = www().option(COOKIE, &CLIENT_COOKIE).of(&mut responder);
    assert_eq!((first.status().as_str(), first.answer().len()), ("NOERROR aa", 1));
    let cookie = first.option(COOKIE).unwrap();
    assert_eq!((cookie.len(), &cookie[..8]), (24, &CLIENT_COOKIE[..]));

    let second = www().option(COOKIE, &cookie).of(&mut responder);
    assert_eq!(second.status(), "NOERROR aa");
    assert_eq!(second.option(COOKIE).unwrap(), cookie, "a valid cookie stays");

    let elsewhere = www().option(COOKIE, &cookie).from("198.51.100.8:53").of(&mut responder);
    assert_eq!(elsewhere.status(), "NOERROR aa", "nothing is demanded");
    assert_ne!(elsewhere.option(COOKIE).unwrap(), cookie);

    let totals = CounterTotals::sum(&[Arc::clone(responder.counters())]);
    assert_eq!((totals.get(Counter::Cookie), totals.get(Counter::ValidCookie)), (3, 1));
}

#[test]
fn each_server_cookie_gets_what_its_age_and_secret_deserve() {
    let mut responder = responder(Demand::ServerCookie);
    let table = [
        ("new", made_by([1; 16], 0), "NOERROR aa", true),
        ("some minutes old", made_by([1; 16], 1500), "NOERROR aa", true),
        ("half an hour old", made_by([1; 16], 2000), "NOERROR aa", false),
        ("two hours old", made_by([1; 16], 7200), "BADCOOKIE", false),
        ("from the future", made_by([1; 16], -600), "BADCOOKIE", false),
        ("of the other secret", made_by([2; 16], 0), "NOERROR aa", false),
        ("of an unknown secret", made_by([3; 16], 0), "BADCOOKIE", false),
        ("of another kind", [&CLIENT_COOKIE[..], &[9; 32]].concat(), "BADCOOKIE", false),
        ("none yet", CLIENT_COOKIE.to_vec(), "BADCOOKIE", false),
    ];
    for (what, cookie, status, is_kept) in table {
        let reply = www().option(COOKIE, &cookie).of(&mut responder);
        assert_eq!(reply.status(), status, "{what}");
        let replied = reply.option(COOKIE).unwrap();
        assert_eq!(replied == cookie, is_kept, "{what}");
        assert_eq!(reply.answer().len(), usize::from(status != "BADCOOKIE"), "{what}");
        let again = www().option(COOKIE, &replied).of(&mut responder);
        assert_eq!(again.status(), "NOERROR aa", "{what}: the cookie it got is good");
    }
}

#[test]
fn a_server_cookie_is_demanded_only_of_those_who_have_cookies_and_no_connection() {
    let mut responder = responder(Demand::ServerCookie);
    for asked in [www(), www().edns(1232), www().option(COOKIE, &CLIENT_COOKIE).tcp()] {
        assert_eq!(asked.of(&mut responder).status(), "NOERROR aa");
    }
    let refused = ask("example.org", A).option(COOKIE, &CLIENT_COOKIE);
    assert_eq!(refused.of(&mut responder).status(), "BADCOOKIE");
    let signed_up = ask("example.org", A).option(COOKIE, &made_by([1; 16], 0));
    assert_eq!(signed_up.of(&mut responder).status(), "REFUSED");
}

#[test]
fn a_malformed_cookie_is_a_format_error_whether_cookies_are_on_or_off() {
    for mut responder in [responder(Demand::Nothing), responder(Demand::ServerCookie), serving(EXAMPLE)] {
        for length in [0, 1, 7, 9, 15, 41, 100] {
            let reply = www().option(COOKIE, &vec![1; length]).of(&mut responder);
            assert_reply(&reply, &["FORMERR"]);
            assert!(reply.opt().unwrap().1.is_empty(), "{length}");
        }
    }
}

#[test]
fn cookies_that_are_off_are_ignored() {
    for cookie in [vec![1; 8], vec![1; 24], vec![1; 40]] {
        let reply = www().option(COOKIE, &cookie).of(&mut serving(EXAMPLE));
        assert_eq!(reply.status(), "NOERROR aa");
        assert!(reply.options().is_empty());
    }
}

/// A query with an OPT record and without a question.
fn without_question(options: &[u8]) -> Vec<u8> {
    let mut packet = vec![0xab, 0xcd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 41, 4, 208, 0, 0, 0, 0];
    packet.extend((options.len() as u16).to_be_bytes());
    packet.extend(options);
    packet
}

#[test]
fn a_query_without_a_question_is_about_the_cookie() {
    let option = |cookie: &[u8]| [&[0, 10, 0, cookie.len() as u8][..], cookie].concat();
    let table = [
        ("a client cookie", option(&CLIENT_COOKIE), "NOERROR", true),
        ("a valid server cookie", option(&made_by([1; 16], 0)), "NOERROR", true),
        ("a server cookie of someone else", option(&[9; 24]), "BADCOOKIE", true),
        ("no cookie", Vec::new(), "FORMERR", false),
        ("another option", vec![0, 3, 0, 0], "FORMERR", false),
        ("a malformed cookie", option(&[1; 7]), "FORMERR", false),
    ];
    for demand in [Demand::Nothing, Demand::ServerCookie] {
        for (what, options, status, has_cookie) in &table {
            let reply = raw_reply(&mut responder(demand), &without_question(options));
            assert_reply(&reply, &[status]);
            assert_eq!(reply.option(COOKIE).is_some(), *has_cookie, "{what}");
            assert_eq!(reply.octets[4..6], [0, 0], "{what}: no question");
        }
    }
    let off = raw_reply(&mut serving(EXAMPLE), &without_question(&option(&CLIENT_COOKIE)));
    assert_reply(&off, &["FORMERR"]);
}
