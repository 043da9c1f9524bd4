//! A whole server that answers does not allocate: neither its UDP worker, from the datagrams' arrival to the
//! replies' departure, nor its TCP worker on connections that are open.
//!
//! A program of its own, because it counts what every thread but its own asks of the allocator.

#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "engine/counting.rs"]
mod counting;
#[path = "engine/kinds.rs"]
mod kinds;
#[allow(dead_code, reason = "each test program uses a part of it")]
#[path = "engine/support.rs"]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use server::{Counter, Server, ServerConfig};

const PATIENCE: Duration = Duration::from_secs(10);

/// A client with one socket of each kind.
struct Client {
    datagrams: Vec<Vec<u8>>,
    stream_input: Vec<u8>,
    udp: UdpSocket,
    tcp: TcpStream,
}

impl Client {
    fn of(address: SocketAddr) -> Self {
        let datagrams: Vec<_> = kinds::kinds().into_iter().map(|(_, ask)| ask.octets()).collect();
        let framed = |query: &Vec<u8>| [&(query.len() as u16).to_be_bytes()[..], query].concat();
        let stream_input = datagrams.iter().flat_map(framed).collect();
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect(address).unwrap();
        udp.set_read_timeout(Some(PATIENCE)).unwrap();
        let tcp = TcpStream::connect(address).unwrap();
        tcp.set_nodelay(true).unwrap();
        tcp.set_read_timeout(Some(PATIENCE)).unwrap();
        Self { datagrams, stream_input, udp, tcp }
    }

    /// Asks for every kind of answer at once, and takes the replies.
    fn ask_all_over_udp(&self) {
        for query in &self.datagrams {
            self.udp.send(query).unwrap();
        }
        for _ in &self.datagrams {
            assert!(self.udp.recv(&mut [0; 4096]).unwrap() >= 12);
        }
    }

    fn ask_all_over_tcp(&mut self) {
        self.tcp.write_all(&self.stream_input).unwrap();
        for _ in &self.datagrams {
            let mut prefix = [0; 2];
            self.tcp.read_exact(&mut prefix).unwrap();
            let mut message = [0; 8192];
            self.tcp.read_exact(&mut message[..usize::from(u16::from_be_bytes(prefix))]).unwrap();
        }
    }
}

#[test]
fn a_server_that_answers_does_not_allocate() {
    for listen in ["127.0.0.1:0", "0.0.0.0:0"] {
        let config = ServerConfig {
            listen: vec![listen.parse().unwrap()],
            workers: 1,
            policy: kinds::policy(),
            ..ServerConfig::default()
        };
        let server = Server::bind(config, kinds::zones().into_cell(), support::geo()).unwrap();
        let mut address = server.local_addrs()[0];
        address.set_ip("127.0.0.1".parse().unwrap());
        let running = server.start().unwrap();
        let mut client = Client::of(address);
        // The first answers set up what lasts.
        client.ask_all_over_udp();
        client.ask_all_over_tcp();
        let calls = counting::allocator_calls_of_others(|| {
            for _ in 0..100 {
                client.ask_all_over_udp();
                client.ask_all_over_tcp();
            }
        });
        assert_eq!(calls, 0, "{listen}");
        let (totals, expected) = (running.counters(), 101 * client.datagrams.len() as u64);
        assert_eq!(totals.get(Counter::UdpQueries), expected);
        assert_eq!(totals.get(Counter::TcpQueries), expected);
    }
    let counted = counting::allocator_calls_of_others(|| {
        std::thread::spawn(|| drop(std::hint::black_box(Box::new(1)))).join().unwrap();
    });
    assert!(counted > 0, "the count counts");
}
