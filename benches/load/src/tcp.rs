//! The load generator for TCP: a number of connections, each with a bounded number of queries under way.
//!
//! One thread that never sleeps. Queries are written together once half of a connection's window is free;
//! replies may come back in any order.

use std::{
    io::{ErrorKind, Read, Write},
    net::{SocketAddr, TcpStream},
    time::{Duration, Instant},
};

use anyhow::{Result, bail, ensure};
use geoip_data::GeoData;

use crate::{
    check::{self, SAMPLE},
    query::{QUERY_OCTETS, Queries},
    udp::Outcome,
};

/// Connections.
const CONNECTIONS: usize = 20;
/// Queries under way on a connection.
const WINDOW: usize = 32;
/// A connection without a reply for so long while some are due has stalled.
const PATIENCE: Duration = Duration::from_secs(5);

/// A connection, the keys of the queries under way and what has arrived of the next replies.
struct Connection {
    stream: TcpStream,
    keys: [Option<u32>; WINDOW],
    waiting: usize,
    unsent: Vec<u8>,
    received: Vec<u8>,
    last_reply: Instant,
}

impl Connection {
    fn open(server: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect_timeout(&server, PATIENCE)?;
        stream.set_nodelay(true)?;
        stream.set_nonblocking(true)?;
        Ok(Self {
            stream,
            keys: [None; WINDOW],
            waiting: 0,
            unsent: Vec::new(),
            received: Vec::new(),
            last_reply: Instant::now(),
        })
    }

    /// Writes queries into all free places of the window.
    fn fill(&mut self, queries: &mut Queries) -> u64 {
        let mut wire = [0; QUERY_OCTETS];
        let mut sent = 0;
        for (index, place) in self.keys.iter_mut().enumerate().filter(|(_, place)| place.is_none()) {
            let key = queries.draw();
            *place = Some(key);
            let length = queries.write(index as u16, key, &mut wire);
            self.unsent.extend((length as u16).to_be_bytes());
            self.unsent.extend(&wire[..length]);
            sent += 1;
        }
        self.waiting = WINDOW;
        sent
    }

    /// Gives the kernel what it takes.
    fn flush(&mut self) -> Result<()> {
        if self.unsent.is_empty() {
            return Ok(());
        }
        match self.stream.write(&self.unsent) {
            Ok(count) => drop(self.unsent.drain(..count)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {}
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// Reads what has arrived; false if nothing has.
    fn read(&mut self, buffer: &mut [u8]) -> Result<bool> {
        match self.stream.read(buffer) {
            Ok(0) => bail!("the server closed a connection"),
            Ok(count) => {
                self.received.extend(&buffer[..count]);
                Ok(true)
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// Hands each whole reply with the key of its query to `take` and keeps the rest.
    fn take_replies(&mut self, mut take: impl FnMut(u32, &[u8])) -> Result<()> {
        let mut at = 0;
        while let Some(&[high, low]) = self.received[at..].first_chunk() {
            let length = usize::from(u16::from_be_bytes([high, low]));
            let Some(reply) = self.received.get(at + 2..at + 2 + length) else { break };
            let Some(&[0, index]) = reply.first_chunk() else { bail!("a reply to no query") };
            let Some(key) = self.keys.get_mut(usize::from(index)).and_then(Option::take) else {
                bail!("a reply to no query")
            };
            take(key, reply);
            self.waiting -= 1;
            at += 2 + length;
        }
        self.received.drain(..at);
        Ok(())
    }
}

/// Asks over TCP as fast as replies come back.
pub struct Generator<'a> {
    queries: Queries,
    geo: &'a GeoData,
    connections: Vec<Connection>,
    checks_content: bool,
}

impl<'a> Generator<'a> {
    /// Opens the connections.
    ///
    /// # Errors
    /// When the server does not accept them.
    pub fn new(server: SocketAddr, queries: Queries, geo: &'a GeoData, checks_content: bool) -> Result<Self> {
        let connections = (0..CONNECTIONS).map(|_| Connection::open(server)).collect::<Result<_>>()?;
        Ok(Self { queries, geo, connections, checks_content })
    }

    /// Asks for `time`.
    ///
    /// # Errors
    /// When a connection fails, stalls or is sent a reply to no query.
    pub fn saturate(&mut self, time: Duration) -> Result<Outcome> {
        let mut outcome = Outcome::default();
        let mut buffer = [0; 65_536];
        let scenario = self.queries.scenario();
        let begun = Instant::now();
        loop {
            let now = Instant::now();
            for connection in &mut self.connections {
                if connection.read(&mut buffer)? {
                    connection.last_reply = now;
                    connection.take_replies(|key, reply| {
                        let is_sampled = outcome.answered.is_multiple_of(SAMPLE);
                        let is_right = !self.checks_content
                            || check::has_shape(scenario, reply)
                                && (!is_sampled || check::content(scenario, key, reply, self.geo).is_ok());
                        if is_right {
                            outcome.answered += 1;
                        } else {
                            outcome.wrong += 1;
                        }
                    })?;
                } else if connection.waiting > 0 {
                    ensure!(now - connection.last_reply < PATIENCE, "a connection has stalled");
                }
                if connection.waiting <= WINDOW / 2 {
                    outcome.sent += connection.fill(&mut self.queries);
                }
                connection.flush()?;
            }
            if now - begun >= time {
                break;
            }
        }
        outcome.elapsed = begun.elapsed();
        Ok(outcome)
    }
}

/// Asks `count` queries on one connection and checks each reply wholly.
///
/// # Errors
/// The first wrong or missing reply.
pub fn probe(server: SocketAddr, mut queries: Queries, geo: &GeoData, count: u16) -> Result<()> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut wire = [0; QUERY_OCTETS];
    for id in 0..count {
        let key = queries.draw();
        let length = queries.write(id, key, &mut wire);
        stream.write_all(&[&(length as u16).to_be_bytes(), &wire[..length]].concat())?;
        let mut octets = [0; 2];
        stream.read_exact(&mut octets)?;
        let mut reply = vec![0; usize::from(u16::from_be_bytes(octets))];
        stream.read_exact(&mut reply)?;
        ensure!(reply.starts_with(&id.to_be_bytes()), "a reply to another query");
        check::content(queries.scenario(), key, &reply, geo)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;
    use crate::query::{Scenario, Sizes};

    #[test]
    fn replies_are_taken_in_any_order_and_pieces() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut connection = Connection::open(listener.local_addr().unwrap()).unwrap();
        let mut queries = Queries::new(Scenario::Tcp, Sizes { names: 1_000, zones: 1 }, 1);
        assert_eq!(connection.fill(&mut queries), WINDOW as u64);
        let keys = connection.keys;
        let mut seen = Vec::new();
        // Replies of three octets to queries 5 and 2, the second in two pieces.
        for piece in [&[0, 3, 0, 5, 0x80, 0, 3, 0][..], &[2, 0x80]] {
            connection.received.extend(piece);
            connection.take_replies(|key, reply| seen.push((Some(key), reply.to_vec()))).unwrap();
        }
        assert_eq!(seen, [(keys[5], vec![0, 5, 0x80]), (keys[2], vec![0, 2, 0x80])]);
        assert_eq!(connection.waiting, WINDOW - 2);
        connection.received.extend([0, 3, 0, 5, 0x80]);
        assert!(connection.take_replies(|_, _| ()).is_err(), "a second reply");
        assert_eq!(connection.fill(&mut queries), 2);
    }
}
