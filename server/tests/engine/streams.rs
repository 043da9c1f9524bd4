//! What RFC 7766 and RFC 9210 ask of a server's connections, of a whole server on the loopback.

use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

use server::edns::cookie::{Cookies, Demand, Secret};
use server::policy::AnyPolicy;
use server::{Counter, Policy, RunningServer, Server, ServerConfig, TcpLimits};

use super::support::*;
use super::transports::{framed, is_closed, read_frame, tcp_client, udp_client};

const EXAMPLE: &str = "
    zone example.com
    www.example.com A 192.0.2.1
";
/// Octets of the reply to [`www`].
const REPLY_OCTETS: usize = 49;

pub(super) fn start(zones: Zones, config: ServerConfig) -> RunningServer {
    let config = ServerConfig { listen: vec!["127.0.0.1:0".parse().unwrap()], workers: 1, ..config };
    Server::bind(config, zones.into_cell(), geo()).unwrap().start().unwrap()
}

fn start_example(tcp: TcpLimits) -> RunningServer {
    start(Zones::parse(EXAMPLE), ServerConfig { tcp, ..ServerConfig::default() })
}

fn www() -> Vec<u8> {
    framed(&ask("www.example.com", A).octets())
}

#[test]
fn messages_need_not_end_where_segments_end() {
    let server = start_example(TcpLimits::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.set_nodelay(true).unwrap();
    let all = www().repeat(4);
    let one = www().len();
    // Within a message, within a length prefix, and within a message again.
    for (end, replies) in [(2 * one + 5, 2), (3 * one + 1, 1), (4 * one - 1, 0), (4 * one, 1)] {
        let begin = [0, 2 * one + 5, 3 * one + 1, 4 * one - 1].into_iter().rfind(|&at| at < end).unwrap();
        stream.write_all(&all[begin..end]).unwrap();
        for _ in 0..replies {
            assert_eq!(read_frame(&mut stream).unwrap().len(), REPLY_OCTETS);
        }
    }
}

#[test]
fn a_client_in_the_middle_of_a_message_keeps_nobody_waiting() {
    let server = start_example(TcpLimits::default());
    let mut stalled = tcp_client(server.local_addrs()[0]);
    stalled.write_all(&[&www()[..], &www()[..20]].concat()).unwrap();
    assert_eq!(read_frame(&mut stalled).unwrap().len(), REPLY_OCTETS);
    let mut other = tcp_client(server.local_addrs()[0]);
    for _ in 0..10 {
        other.write_all(&www()).unwrap();
        assert_eq!(read_frame(&mut other).unwrap().len(), REPLY_OCTETS);
    }
    stalled.write_all(&www()[20..]).unwrap();
    assert_eq!(read_frame(&mut stalled).unwrap().len(), REPLY_OCTETS);
}

#[test]
fn a_message_that_never_ends_costs_only_its_own_connection() {
    let server = start_example(TcpLimits::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.write_all(&[www(), www(), www()[..30].to_vec()].concat()).unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    for _ in 0..2 {
        assert_eq!(read_frame(&mut stream).unwrap().len(), REPLY_OCTETS, "what came before is answered");
    }
    assert!(is_closed(&mut stream));
    while server.counters().get(Counter::TcpBroken) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn the_longest_message_is_read_and_the_longest_reply_is_sent() {
    let mut text = EXAMPLE.to_owned();
    for (name, octets) in [("full", 240), ("over", 241)] {
        // An owner as a pointer, 10 octets, and the data: 16 octets each, and the rest of 65,535 in a text.
        for index in 0..4062 {
            text += &format!("{name}.example.com A 198.18.{}.{}\n", index / 256, index % 256);
        }
        text += &format!("{name}.example.com TXT {} {}\n", "a".repeat(255), "b".repeat(octets));
    }
    let policy = Policy { any: AnyPolicy::All, ..Policy::default() };
    let server = start(Zones::parse(&text), ServerConfig { policy, ..ServerConfig::default() });
    let mut stream = tcp_client(server.local_addrs()[0]);

    let plain = ask("www.example.com", A).edns(1232).octets();
    let padding = vec![0; 65_535 - plain.len() - 4];
    let longest = ask("www.example.com", A).option(12, &padding).octets();
    assert_eq!(longest.len(), 65_535);
    stream.write_all(&framed(&longest)).unwrap();
    assert_eq!(read_frame(&mut stream).unwrap().len(), REPLY_OCTETS + 11);

    let mut ask_for = |name: &str| {
        stream.write_all(&framed(&ask(name, ANY).octets())).unwrap();
        read_frame(&mut stream).unwrap()
    };
    let full = ask_for("full.example.com");
    assert_eq!((full.len(), full[2] & 2), (65_535, 0));
    let over = ask_for("over.example.com");
    assert_eq!((over.len(), over[2] & 2), (34 + 4062 * 16, 2), "without the text that does not fit");
}

#[test]
fn there_are_so_many_connections_in_all_and_not_more() {
    let server = start_example(TcpLimits { connections: 2, ..TcpLimits::default() });
    let address = server.local_addrs()[0];
    let mut admitted = [tcp_client(address), tcp_client(address)];
    for stream in &mut admitted {
        stream.write_all(&www()).unwrap();
        assert_eq!(read_frame(stream).unwrap().len(), REPLY_OCTETS);
    }
    let mut refused = tcp_client(address);
    let _ = refused.write_all(&www());
    assert!(read_frame(&mut refused).is_err());
    for stream in &mut admitted {
        stream.write_all(&www()).unwrap();
        assert_eq!(read_frame(stream).unwrap().len(), REPLY_OCTETS, "those that are there stay");
    }
    assert_eq!(server.counters().get(Counter::TcpRefused), 1);
}

#[test]
fn a_connection_tells_its_own_idle_timeout() {
    let idle = Duration::from_secs(7);
    let server = start_example(TcpLimits { idle, ..TcpLimits::default() });
    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.write_all(&framed(&ask("www.example.com", A).option(11, &[]).octets())).unwrap();
    let reply = read_frame(&mut stream).unwrap();
    assert_eq!(reply[reply.len() - 6..], [0, 11, 0, 2, 0, 70]);
}

#[test]
fn a_connection_does_for_a_cookie() {
    let cookies = Cookies { current: Secret::random(), other: None, demand: Demand::ServerCookie };
    let policy = Policy { cookies: Some(cookies), ..Policy::default() };
    let server = start(Zones::parse(EXAMPLE), ServerConfig { policy, ..ServerConfig::default() });
    let query = ask("www.example.com", A).option(10, &[7; 8]).octets();

    let client = udp_client(server.local_addrs()[0]);
    let mut reply = [0; 512];
    client.send(&query).unwrap();
    let length = client.recv(&mut reply).unwrap();
    assert_eq!((reply[3] & 0xf, reply[7]), (7, 0), "the low bits of BADCOOKIE, and no answer");
    let cookie = reply[length - 24..length].to_vec();

    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.write_all(&framed(&query)).unwrap();
    let over_tcp = read_frame(&mut stream).unwrap();
    assert_eq!((over_tcp[3] & 0xf, over_tcp[7]), (0, 1));

    // The cookie is good with every worker.
    client.send(&ask("www.example.com", A).option(10, &cookie).octets()).unwrap();
    client.recv(&mut reply).unwrap();
    assert_eq!((reply[3] & 0xf, reply[7]), (0, 1));
}
