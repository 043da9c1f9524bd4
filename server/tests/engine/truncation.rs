//! Replies that do not fit.

use super::support::*;

fn zone() -> String {
    let mut zone = "
        zone example.com
        www.example.com CNAME many.example.com
        mx.example.com MX 10 many.example.com
        mx.example.com MX 20 few.example.com
        few.example.com A 192.0.2.1
    "
    .to_owned();
    for index in 0..100 {
        zone += &format!("many.example.com A 198.51.100.{index}\n");
    }
    for index in 0..4060 {
        zone += &format!("huge.example.com A 198.18.{}.{}\n", index / 256, index % 256);
    }
    let mut owner = "vast".to_owned();
    for letter in ["a", "b", "c"] {
        let labels = [letter.repeat(63), letter.repeat(62), letter.repeat(61)].join(".");
        zone += &format!("{owner}.example.com CNAME {labels}.example.com\n");
        owner = labels;
    }
    zone += &format!("{owner}.example.com CNAME huge.example.com\n");
    zone
}

#[test]
fn an_rrset_goes_out_whole_or_not_at_all() {
    let mut responder = serving(&zone());
    for ask in [ask("many.example.com", A), ask("many.example.com", A).edns(1232)] {
        let reply = ask.of(&mut responder);
        assert_reply(&reply, &["NOERROR aa tc"]);
        assert_eq!(reply.message.edns.is_some(), ask.edns.is_some());
    }
    let reply = ask("many.example.com", A).tcp().of(&mut responder);
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 100));
}

#[test]
fn aliases_before_the_cut_stay() {
    let reply = ask("www.example.com", A).of(&mut serving(&zone()));
    assert_reply(&reply, &["NOERROR aa tc", "an www.example.com. 300 CNAME many.example.com."]);
}

#[test]
fn additional_data_that_does_not_fit_is_left_out_silently() {
    let reply = ask("mx.example.com", MX).of(&mut serving(&zone()));
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 2));
    assert_eq!(reply.additional().len(), 0);
}

#[test]
fn the_size_is_the_smaller_of_the_client_s_and_ours_and_never_below_512() {
    let mut zone = "zone example.com\n".to_owned();
    for index in 0..28 {
        // 12 + 19 + 28 * 16 + 11 octets of EDNS = 490
        zone += &format!("a.example.com A 192.0.2.{index}\n");
    }
    for index in 0..80 {
        // 12 + 19 + 80 * 16 = 1311
        zone += &format!("b.example.com A 192.0.2.{index}\n");
    }
    for index in 0..70 {
        // 12 + 19 + 70 * 16 + 11 = 1162
        zone += &format!("c.example.com A 192.0.2.{index}\n");
    }
    let mut responder = serving(&zone);
    let mut status = |name: &str, payload: Option<u16>| {
        let ask = ask(name, A);
        let reply = match payload {
            Some(payload) => ask.edns(payload),
            None => ask,
        }
        .of(&mut responder);
        let most = payload.unwrap_or(512).clamp(512, 1232);
        assert!(reply.octets.len() <= usize::from(most));
        reply.status()
    };
    assert_eq!(status("a.example.com", None), "NOERROR aa");
    assert_eq!(status("a.example.com", Some(0)), "NOERROR aa");
    assert_eq!(status("c.example.com", Some(512)), "NOERROR aa tc");
    assert_eq!(status("c.example.com", Some(1161)), "NOERROR aa tc");
    assert_eq!(status("c.example.com", Some(1162)), "NOERROR aa");
    assert_eq!(status("b.example.com", Some(4096)), "NOERROR aa tc", "our own limit");
}

#[test]
fn a_stream_carries_64_kib_and_not_more() {
    let mut responder = serving(&zone());
    let reply = ask("huge.example.com", A).tcp().of(&mut responder);
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa", 4060));
    let reply = ask("vast.example.com", A).tcp().of(&mut responder);
    assert_eq!((reply.status().as_str(), reply.answer().len()), ("NOERROR aa tc", 4));
}

#[test]
fn a_small_buffer_acts_like_a_small_client() {
    use server::{Disposition, DropReason, Peer, Transport};
    let mut responder = serving(&zone());
    let query = ask("few.example.com", A).edns(1232).octets();
    let peer = Peer { address: CLIENT.parse().unwrap(), transport: Transport::Udp };
    for room in 0..128 {
        let mut out = vec![0; room];
        match responder.answer(&query, peer, &mut out) {
            Disposition::Reply(length) => assert!(length <= room && room >= query.len()),
            Disposition::Drop(reason) => assert!(reason == DropReason::NoRoom && room < query.len()),
        }
    }
}
