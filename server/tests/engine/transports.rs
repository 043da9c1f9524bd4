//! A whole server on the loopback, over UDP and TCP.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use server::{Counter, RunningServer, Server, ServerConfig, TcpLimits};

use super::support::*;

const PATIENCE: Duration = Duration::from_secs(10);

fn zones() -> Zones {
    let mut text = "
        zone example.com
        www.example.com A 192.0.2.1
    "
    .to_owned();
    for index in 0..4000 {
        text += &format!("huge.example.com A 198.18.{}.{}\n", index / 256, index % 256);
    }
    Zones::parse(&text)
}

fn start(listen: &str, tcp: TcpLimits) -> RunningServer {
    let config =
        ServerConfig { listen: vec![listen.parse().unwrap()], workers: 2, tcp, ..ServerConfig::default() };
    Server::bind(config, zones().into_cell(), geo()).unwrap().start().unwrap()
}

pub(super) fn udp_client(server: SocketAddr) -> UdpSocket {
    let local = if server.is_ipv4() { "127.0.0.1:0" } else { "[::1]:0" };
    let socket = UdpSocket::bind(local).unwrap();
    socket.connect(server).unwrap();
    socket.set_read_timeout(Some(PATIENCE)).unwrap();
    socket
}

pub(super) fn tcp_client(server: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(server).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream
}

pub(super) fn framed(message: &[u8]) -> Vec<u8> {
    [&(message.len() as u16).to_be_bytes()[..], message].concat()
}

pub(super) fn read_frame(stream: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix)?;
    let mut message = vec![0; usize::from(u16::from_be_bytes(prefix))];
    stream.read_exact(&mut message)?;
    Ok(message)
}

/// Whether the server has closed: the end of the stream, or a reset.
pub(super) fn is_closed(stream: &mut TcpStream) -> bool {
    match stream.read(&mut [0]) {
        Ok(count) => count == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

#[test]
fn udp_answers_go_to_whoever_asked() {
    for listen in ["127.0.0.1:0", "[::1]:0", "0.0.0.0:0"] {
        let Ok(address) = listen.parse::<SocketAddr>() else { panic!() };
        if address.is_ipv6() && UdpSocket::bind("[::1]:0").is_err() {
            continue;
        }
        let server = start(listen, TcpLimits::default());
        let mut address = server.local_addrs()[0];
        if address.ip().is_unspecified() {
            address.set_ip("127.0.0.3".parse().unwrap());
        }
        let clients: Vec<_> = (0..8).map(|_| udp_client(address)).collect();
        for client in &clients {
            for _ in 0..10 {
                client.send(&ask("www.example.com", A).octets()).unwrap();
            }
        }
        for client in &clients {
            for _ in 0..10 {
                let mut reply = [0; 512];
                let length = client.recv(&mut reply).unwrap();
                assert_eq!((length, &reply[..2]), (49, &[0xab, 0xcd][..]));
            }
        }
        let totals = server.counters();
        assert_eq!((totals.get(Counter::UdpQueries), totals.get(Counter::NoError)), (80, 80));
        server.shutdown();
    }
}

#[test]
fn a_long_datagram_is_dropped_and_counted_and_others_are_answered() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let client = udp_client(server.local_addrs()[0]);
    client.send(&[0; 3000]).unwrap();
    client.send(&ask("www.example.com", A).octets()).unwrap();
    assert_eq!(client.recv(&mut [0; 512]).unwrap(), 49);
    assert_eq!(server.counters().get(Counter::DroppedLong), 1);
}

#[test]
fn pipelined_queries_are_all_answered() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    let mut request = Vec::new();
    for id in 0..500u16 {
        let mut query = ask("www.example.com", A).octets();
        query[..2].copy_from_slice(&id.to_be_bytes());
        request.extend(framed(&query));
    }
    stream.write_all(&request).unwrap();
    let mut seen = vec![false; 500];
    for _ in 0..500 {
        let reply = read_frame(&mut stream).unwrap();
        let id = usize::from(u16::from_be_bytes([reply[0], reply[1]]));
        assert!(!std::mem::replace(&mut seen[id], true));
    }
}

#[test]
fn queries_may_come_in_pieces() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.set_nodelay(true).unwrap();
    let request = framed(&ask("www.example.com", A).octets()).repeat(2);
    for octet in &request {
        stream.write_all(&[*octet]).unwrap();
    }
    for _ in 0..2 {
        assert_eq!(read_frame(&mut stream).unwrap().len(), 49);
    }
}

#[test]
fn a_client_that_is_done_sending_still_gets_its_replies() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.write_all(&framed(&ask("huge.example.com", A).octets()).repeat(20)).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let replies = std::iter::from_fn(|| read_frame(&mut stream).ok());
    assert_eq!(replies.filter(|reply| reply.len() > 64_000).count(), 20);
    assert!(is_closed(&mut stream));
}

#[test]
fn large_replies_wait_for_a_slow_reader_without_piling_up() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    // Far more than the sockets' buffers hold: written before anything is read.
    let mut writer = stream.try_clone().unwrap();
    let writer = std::thread::spawn(move || {
        writer.write_all(&framed(&ask("huge.example.com", A).octets()).repeat(400)).unwrap();
    });
    for _ in 0..400 {
        assert!(read_frame(&mut stream).unwrap().len() > 64_000);
    }
    writer.join().unwrap();
}

#[test]
fn a_reader_that_stops_reading_is_dropped() {
    let limits = TcpLimits { write: Duration::from_millis(100), ..TcpLimits::default() };
    let server = start("127.0.0.1:0", limits);
    let mut stream = tcp_client(server.local_addrs()[0]);
    let request = framed(&ask("huge.example.com", A).octets()).repeat(400);
    // The server may close before it has read everything.
    let _ = stream.write_all(&request);
    while server.counters().get(Counter::TcpSlow) == 0 {
        std::thread::yield_now();
    }
}

#[test]
fn an_idle_connection_is_closed() {
    let limits = TcpLimits { idle: Duration::from_millis(50), ..TcpLimits::default() };
    let server = start("127.0.0.1:0", limits);
    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.write_all(&[0, 40, 1]).unwrap();
    assert!(is_closed(&mut stream));
    while server.open_connections() > 0 {
        std::thread::yield_now();
    }
    assert_eq!(server.counters().get(Counter::TcpIdle), 1);
}

#[test]
fn something_else_than_dns_is_closed() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let mut stream = tcp_client(server.local_addrs()[0]);
    stream.write_all(&framed(b"hello")).unwrap();
    assert!(is_closed(&mut stream));
}

#[test]
fn an_address_may_have_so_many_connections_and_not_more() {
    let limits = TcpLimits { connections_per_address: 2, ..TcpLimits::default() };
    let server = start("127.0.0.1:0", limits);
    let address = server.local_addrs()[0];
    let query = framed(&ask("www.example.com", A).octets());
    let mut first = tcp_client(address);
    let mut second = tcp_client(address);
    for stream in [&mut first, &mut second] {
        stream.write_all(&query).unwrap();
        assert_eq!(read_frame(stream).unwrap().len(), 49);
    }
    let mut third = tcp_client(address);
    let _ = third.write_all(&query);
    assert!(read_frame(&mut third).is_err());
    assert_eq!(server.counters().get(Counter::TcpRefused), 1);
    drop(first);
    while server.open_connections() > 1 {
        std::thread::yield_now();
    }
    let mut fourth = tcp_client(address);
    fourth.write_all(&query).unwrap();
    assert_eq!(read_frame(&mut fourth).unwrap().len(), 49);
}

#[test]
fn a_server_that_ends_answers_what_arrived_and_lets_go_of_its_port() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let address = server.local_addrs()[0];
    let mut stream = tcp_client(address);
    stream.write_all(&framed(&ask("www.example.com", A).octets())).unwrap();
    let client = udp_client(address);
    client.send(&ask("www.example.com", A).octets()).unwrap();
    assert_eq!(client.recv(&mut [0; 512]).unwrap(), 49);
    assert_eq!(read_frame(&mut stream).unwrap().len(), 49);
    client.send(&ask("www.example.com", A).octets()).unwrap();
    server.shutdown();
    assert_eq!(client.recv(&mut [0; 512]).unwrap(), 49, "it was in the queue when the server ended");
    assert!(is_closed(&mut stream));
    let config = ServerConfig { listen: vec![address], workers: 1, ..ServerConfig::default() };
    assert!(Server::bind(config, zones().into_cell(), geo()).is_ok());
}

#[test]
fn what_the_kernel_drops_is_counted() {
    let config = ServerConfig {
        listen: vec!["127.0.0.1:0".parse().unwrap()],
        workers: 1,
        udp_receive_buffer: Some(1),
        ..ServerConfig::default()
    };
    let server = Server::bind(config, zones().into_cell(), geo()).unwrap().start().unwrap();
    let granted = server.udp_receive_buffer();
    assert!((1..1 << 16).contains(&granted), "{granted}");
    let client = udp_client(server.local_addrs()[0]);
    // There is room for a few datagrams. Sooner or later the worker has to wait for the processor.
    while server.counters().get(Counter::UdpDropped) == 0 {
        for _ in 0..100 {
            client.send(&[0; 500]).unwrap();
        }
    }
}

#[test]
fn workers_run_on_the_processors_they_are_given_and_nowhere_else() {
    let anywhere = ServerConfig { listen: vec!["127.0.0.1:0".parse().unwrap()], ..ServerConfig::default() };
    // The last processor that this process may use exists, and no kernel has the other one.
    let allowed = std::fs::read_to_string("/proc/self/status").unwrap();
    let allowed = allowed.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
    let last = allowed.trim().rsplit([',', '-']).next().unwrap().parse().unwrap();
    let server = |processors: Vec<usize>| {
        let config = ServerConfig { processors, ..anywhere.clone() };
        Server::bind(config, zones().into_cell(), geo()).unwrap().start()
    };
    let running = server(vec![last]).unwrap();
    let client = udp_client(running.local_addrs()[0]);
    client.send(&ask("www.example.com", A).octets()).unwrap();
    assert_eq!(client.recv(&mut [0; 512]).unwrap(), 49);
    let Err(error) = server(vec![last, 1_000_000]) else { panic!("started on no processor") };
    assert!(error.to_string().contains("worker udp-1: processor 1000000 is not among"), "{error}");
}

#[test]
fn a_wildcard_server_answers_from_the_address_that_was_asked() {
    for (listen, hosts) in [("0.0.0.0:0", &["127.0.0.1", "127.0.0.2", "127.1.2.3"][..]), ("[::]:0", &["::1"])]
    {
        if listen.starts_with('[') && UdpSocket::bind("[::1]:0").is_err() {
            continue;
        }
        let server = start(listen, TcpLimits::default());
        for host in hosts {
            let address = SocketAddr::new(host.parse().unwrap(), server.local_addrs()[0].port());
            // A connected client takes replies from the address it asked only.
            let client = udp_client(address);
            client.send(&ask("www.example.com", A).octets()).unwrap();
            assert_eq!(client.recv(&mut [0; 512]).unwrap(), 49, "{address}");
            let mut stream = tcp_client(address);
            stream.write_all(&framed(&ask("www.example.com", A).octets())).unwrap();
            assert_eq!(read_frame(&mut stream).unwrap().len(), 49, "{address}");
        }
    }
}

#[test]
fn an_address_in_use_is_named() {
    let server = start("127.0.0.1:0", TcpLimits::default());
    let address = server.local_addrs()[0];
    let config = ServerConfig { listen: vec![address], workers: 1, ..ServerConfig::default() };
    let Err(error) = Server::bind(config, zones().into_cell(), geo()) else { panic!("bound twice") };
    assert_eq!(error.address, address);
    assert!(error.to_string().contains(&address.to_string()));
}

#[test]
fn a_change_is_seen_by_the_next_query() {
    let cell = zones().into_cell();
    let config =
        ServerConfig { listen: vec!["127.0.0.1:0".parse().unwrap()], workers: 2, ..ServerConfig::default() };
    let server = Server::bind(config, cell.clone(), geo()).unwrap().start().unwrap();
    let client = udp_client(server.local_addrs()[0]);
    for round in 0..100 {
        let (text, octets) = if round % 2 == 0 {
            ("zone example.com\nwww.example.com A 192.0.2.2", 49)
        } else {
            ("zone example.com\nwww.example.com A 192.0.2.2\nwww.example.com A 192.0.2.3", 65)
        };
        cell.store(Zones::parse(text).into_cell().load_full());
        client.send(&ask("www.example.com", A).octets()).unwrap();
        assert_eq!(client.recv(&mut [0; 512]).unwrap(), octets);
    }
}
