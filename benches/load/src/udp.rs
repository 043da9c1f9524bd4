//! The load generator for UDP.
//!
//! One thread that never sleeps: it takes replies and gives queries in batches (`recvmmsg`, `sendmmsg`) over
//! many sockets, so that the server sees many source ports and pays for no wake-up of a client. The number
//! of queries under way is bounded; a query without a reply after [`PATIENCE`] is lost and its slot is free
//! again.

use std::{
    io::{IoSlice, IoSliceMut},
    net::{SocketAddr, UdpSocket},
    os::fd::AsRawFd,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use geoip_data::GeoData;
use nix::{
    errno::Errno,
    sys::socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg},
};

use crate::{
    check::{self, SAMPLE},
    query::{QUERY_OCTETS, Queries},
};

/// Sockets, each with a port of its own.
const SOCKETS: usize = 16;
/// Queries under way on a socket. In all they fit the default receive buffer of a server's socket, which
/// holds some 230 small datagrams.
const WINDOW: usize = 12;
/// Looks into a socket before giving its free slots queries although others still wait.
const LOOKS: usize = 50;
/// Spins between two looks; about two microseconds.
const PAUSE: usize = 50;
/// How long a generator that offers a fixed rate sleeps between two looks; the system adds some 50 µs.
const REST: Duration = Duration::from_micros(100);
/// After this a query counts as lost. Any server that answers at all does so in a fraction of it.
const PATIENCE: Duration = Duration::from_millis(200);
/// Octets that hold any reply.
const REPLY_OCTETS: usize = 1232;

/// What a round of load saw.
#[derive(Clone, Debug, Default)]
pub struct Outcome {
    /// Queries sent.
    pub sent: u64,
    /// Replies of the right shape.
    pub answered: u64,
    /// Replies that were wrong.
    pub wrong: u64,
    /// Queries without a reply.
    pub lost: u64,
    /// How long it took.
    pub elapsed: Duration,
    /// Time from when each query was due until its reply, in nanoseconds; only where the rate was fixed.
    pub latencies_ns: Vec<u32>,
}

impl Outcome {
    /// Right answers per second.
    pub fn rate(&self) -> f64 {
        self.answered as f64 / self.elapsed.as_secs_f64()
    }
}

/// A query under way.
#[derive(Clone, Copy, Debug)]
struct Slot {
    is_waiting: bool,
    /// Told apart from the queries that had the slot before.
    turn: u8,
    key: u32,
    /// When it was due; when it was sent if the rate is not fixed.
    due: Instant,
    /// When it was sent. A generator that was late does not make a reply late.
    sent: Instant,
}

/// A socket and the queries under way on it. The message id is the slot and its turn.
struct Lane {
    socket: UdpSocket,
    slots: [Slot; WINDOW],
    waiting: usize,
}

impl Lane {
    fn new(server: SocketAddr) -> Result<Self> {
        let socket = UdpSocket::bind("127.0.0.1:0")?;
        socket.connect(server)?;
        socket.set_nonblocking(true)?;
        let now = Instant::now();
        let slot = Slot { is_waiting: false, turn: 0, key: 0, due: now, sent: now };
        Ok(Self { socket, slots: [slot; WINDOW], waiting: 0 })
    }

    /// Takes a free slot for a query that was due at `due` and is sent at `sent`.
    fn open(&mut self, key: u32, due: Instant, sent: Instant) -> Option<u16> {
        let index = self.slots.iter().position(|slot| !slot.is_waiting)?;
        let slot = &mut self.slots[index];
        *slot = Slot { is_waiting: true, turn: slot.turn.wrapping_add(1), key, due, sent };
        self.waiting += 1;
        Some(u16::from(slot.turn) << 8 | index as u16)
    }

    /// Ends the query that `reply` answers; `None` if none waits for it.
    fn close(&mut self, reply: &[u8]) -> Option<Slot> {
        let &[turn, index] = reply.first_chunk()?;
        let slot = self.slots.get_mut(usize::from(index))?;
        if !slot.is_waiting || slot.turn != turn {
            return None;
        }
        slot.is_waiting = false;
        self.waiting -= 1;
        Some(*slot)
    }

    /// Gives up on queries that were sent before `limit`; returns their number.
    fn expire(&mut self, limit: Instant) -> u64 {
        let mut lost = 0;
        for slot in &mut self.slots {
            if slot.is_waiting && slot.sent < limit {
                slot.is_waiting = false;
                self.waiting -= 1;
                lost += 1;
            }
        }
        lost
    }
}

/// A generator over its own sockets to one server.
pub struct Generator<'a> {
    queries: Queries,
    geo: &'a GeoData,
    lanes: Vec<Lane>,
    headers: MultiHeaders<SockaddrIn>,
    buffers: Box<[[u8; REPLY_OCTETS]; WINDOW]>,
    outcome: Outcome,
    /// Whether the content of replies is checked too.
    checks_content: bool,
}

impl<'a> Generator<'a> {
    /// Opens the sockets.
    ///
    /// # Errors
    /// When the system refuses.
    pub fn new(server: SocketAddr, queries: Queries, geo: &'a GeoData, checks_content: bool) -> Result<Self> {
        Ok(Self {
            queries,
            geo,
            lanes: (0..SOCKETS).map(|_| Lane::new(server)).collect::<Result<_>>()?,
            headers: MultiHeaders::preallocate(WINDOW, None),
            buffers: Box::new([[0; REPLY_OCTETS]; WINDOW]),
            outcome: Outcome::default(),
            checks_content,
        })
    }

    /// Asks as fast as replies come back, for `time`.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn saturate(&mut self, time: Duration) -> Result<Outcome> {
        self.outcome = Outcome::default();
        let begun = Instant::now();
        let mut now = begun;
        while now - begun < time {
            for index in 0..self.lanes.len() {
                self.take_turn(index, now)?;
            }
            now = Instant::now();
            self.expire(now);
        }
        Ok(self.finish(begun))
    }

    /// Waits until all that a lane asked is answered, then asks again.
    ///
    /// The other lanes keep the server busy meanwhile. Looking into a socket takes its cache lines away from
    /// the server, which then pays for fetching them back, so there are pauses between looks.
    fn take_turn(&mut self, index: usize, now: Instant) -> Result<()> {
        for _ in 0..LOOKS {
            if self.lanes[index].waiting > 0 {
                self.receive(index, None)?;
            }
            if self.lanes[index].waiting == 0 {
                break;
            }
            for _ in 0..PAUSE {
                std::hint::spin_loop();
            }
        }
        self.fill(index, now, now)
    }

    /// Asks `rate` times a second for `time`, each query at its own moment whatever became of those before.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn pace(&mut self, rate: u32, time: Duration) -> Result<Outcome> {
        self.outcome = Outcome::default();
        let interval = Duration::from_secs(1) / rate;
        let begun = Instant::now();
        let mut due = begun;
        let mut lane = 0;
        while due - begun < time {
            let now = Instant::now();
            if now >= due {
                self.send_one(lane, due, now)?;
                lane = (lane + 1) % self.lanes.len();
                due += interval;
                if lane == 0 {
                    self.expire(now);
                }
            }
            for index in 0..self.lanes.len() {
                if self.lanes[index].waiting > 0 {
                    self.receive(index, Some(()))?;
                }
            }
        }
        self.settle()?;
        Ok(self.finish(begun))
    }

    /// Offers `rate` queries a second for `time`, in bursts of as many as may be under way, and rests in between.
    ///
    /// What an answer costs depends on how many queries a server finds together. In a burst it finds many, and still
    /// does when the generator did not get its core in time: the next burst is sent as soon as the one before is
    /// answered or lost, and its latencies count from when it was due. Other threads get the core while nothing is due.
    ///
    /// # Errors
    /// When a socket fails.
    pub fn offer(&mut self, rate: u32, time: Duration) -> Result<Outcome> {
        self.outcome = Outcome::default();
        let interval = Duration::from_secs(1) * (SOCKETS * WINDOW) as u32 / rate.max(1);
        let begun = Instant::now();
        let mut due = begun;
        while due - begun < time {
            self.take_replies()?;
            let now = Instant::now();
            self.expire(now);
            if due <= now && self.lanes.iter().all(|lane| lane.waiting == 0) {
                for index in 0..self.lanes.len() {
                    self.fill(index, due, now)?;
                }
                due += interval;
            }
            std::thread::sleep(REST);
        }
        while self.lanes.iter().any(|lane| lane.waiting > 0) {
            self.take_replies()?;
            self.expire(Instant::now());
            std::thread::sleep(REST);
        }
        Ok(self.finish(begun))
    }

    /// Takes the replies that there are.
    fn take_replies(&mut self) -> Result<()> {
        for index in 0..self.lanes.len() {
            if self.lanes[index].waiting > 0 {
                self.receive(index, Some(()))?;
            }
        }
        Ok(())
    }

    /// Takes the replies that are still to come.
    fn settle(&mut self) -> Result<()> {
        let last = Instant::now();
        while self.lanes.iter().any(|lane| lane.waiting > 0) && last.elapsed() < PATIENCE {
            for index in 0..self.lanes.len() {
                self.receive(index, Some(()))?;
            }
        }
        Ok(())
    }

    fn finish(&mut self, begun: Instant) -> Outcome {
        let mut outcome = std::mem::take(&mut self.outcome);
        outcome.elapsed = begun.elapsed();
        outcome
    }

    fn expire(&mut self, now: Instant) {
        if let Some(limit) = now.checked_sub(PATIENCE) {
            self.outcome.lost += self.lanes.iter_mut().map(|lane| lane.expire(limit)).sum::<u64>();
        }
    }

    /// Sends one query in each free slot of a lane.
    fn fill(&mut self, index: usize, due: Instant, now: Instant) -> Result<()> {
        let lane = &mut self.lanes[index];
        let mut wires = [[0; QUERY_OCTETS]; WINDOW];
        let mut lengths = [0; WINDOW];
        let mut count = 0;
        while lane.waiting < WINDOW {
            let key = self.queries.draw();
            let Some(id) = lane.open(key, due, now) else { break };
            lengths[count] = self.queries.write(id, key, &mut wires[count]);
            count += 1;
        }
        let slices: [[IoSlice<'_>; 1]; WINDOW] =
            std::array::from_fn(|slot| [IoSlice::new(&wires[slot][..lengths[slot]])]);
        let nobody: [Option<SockaddrIn>; WINDOW] = [None; WINDOW];
        match sendmmsg(
            lane.socket.as_raw_fd(),
            &mut self.headers,
            &slices[..count],
            &nobody[..count],
            [],
            MsgFlags::MSG_DONTWAIT,
        ) {
            // What the kernel did not take stays open and counts as lost.
            Ok(_) | Err(Errno::EAGAIN | Errno::ENOBUFS | Errno::ECONNREFUSED) => {}
            Err(error) => return Err(error.into()),
        }
        self.outcome.sent += count as u64;
        Ok(())
    }

    fn send_one(&mut self, index: usize, due: Instant, now: Instant) -> Result<()> {
        let lane = &mut self.lanes[index];
        let key = self.queries.draw();
        self.outcome.sent += 1;
        let Some(id) = lane.open(key, due, now) else {
            self.outcome.lost += 1;
            return Ok(());
        };
        let mut wire = [0; QUERY_OCTETS];
        let length = self.queries.write(id, key, &mut wire);
        match lane.socket.send(&wire[..length]) {
            Ok(_) => Ok(()),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Takes the replies that a lane has.
    fn receive(&mut self, index: usize, timed: Option<()>) -> Result<()> {
        let lane = &mut self.lanes[index];
        let mut lengths = [0; WINDOW];
        let mut count = 0;
        {
            let mut slices = self.buffers.each_mut().map(|buffer| [IoSliceMut::new(buffer)]);
            match recvmmsg(
                lane.socket.as_raw_fd(),
                &mut self.headers,
                &mut slices,
                MsgFlags::MSG_DONTWAIT,
                None,
            ) {
                Ok(messages) => {
                    for message in messages {
                        lengths[count] = message.bytes;
                        count += 1;
                    }
                }
                Err(Errno::EAGAIN | Errno::ECONNREFUSED) => return Ok(()),
                Err(error) => return Err(error.into()),
            }
        }
        let now = timed.map(|()| Instant::now());
        let scenario = self.queries.scenario();
        for (buffer, length) in self.buffers.iter().zip(lengths).take(count) {
            let reply = &buffer[..length];
            let Some(slot) = lane.close(reply) else { continue };
            let sampled = self.checks_content && self.outcome.answered.is_multiple_of(SAMPLE);
            let is_right = check::has_shape(scenario, reply)
                || !self.checks_content && reply.len() > 12 && reply[2] & 0x80 != 0;
            if !is_right || sampled && check::content(scenario, slot.key, reply, self.geo).is_err() {
                self.outcome.wrong += 1;
                continue;
            }
            self.outcome.answered += 1;
            if let Some(now) = now {
                let latency = now.saturating_duration_since(slot.due).as_nanos();
                self.outcome.latencies_ns.push(u32::try_from(latency).unwrap_or(u32::MAX));
            }
        }
        Ok(())
    }
}

/// Asks `count` queries one by one and checks each reply wholly.
///
/// # Errors
/// The first wrong or missing reply.
pub fn probe(server: SocketAddr, mut queries: Queries, geo: &GeoData, count: u16) -> Result<()> {
    let socket = UdpSocket::bind("127.0.0.1:0")?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut wire = [0; QUERY_OCTETS];
    let mut reply = [0; REPLY_OCTETS];
    for id in 0..count {
        let key = queries.draw();
        let length = queries.write(id, key, &mut wire);
        socket.send(&wire[..length])?;
        let length = socket.recv(&mut reply)?;
        ensure!(reply[..2] == id.to_be_bytes(), "a reply to another query");
        check::content(queries.scenario(), key, &reply[..length], geo)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::query::{Scenario, Sizes};

    #[test]
    fn a_reply_ends_its_own_query_once() {
        let mut lane = Lane::new("127.0.0.1:9".parse().unwrap()).unwrap();
        let now = Instant::now();
        let ids: Vec<_> = std::iter::from_fn(|| lane.open(7, now, now)).collect();
        assert_eq!((ids.len(), lane.waiting), (WINDOW, WINDOW));
        let reply = ids[3].to_be_bytes();
        assert_eq!(lane.close(&reply).map(|slot| slot.key), Some(7));
        assert!(lane.close(&reply).is_none(), "a second reply");
        let again = lane.open(8, now, now).unwrap();
        assert_ne!(again, ids[3]);
        assert!(lane.close(&reply).is_none(), "a late reply to the query before");
        assert!(lane.close(&[1]).is_none() && lane.close(&[1, 255]).is_none());
        assert_eq!(lane.close(&again.to_be_bytes()).map(|slot| slot.key), Some(8));
    }

    #[test]
    fn a_query_without_a_reply_is_lost_and_its_slot_free() {
        let mut lane = Lane::new("127.0.0.1:9".parse().unwrap()).unwrap();
        let now = Instant::now();
        let later = now + Duration::from_secs(2);
        lane.open(1, now, now).unwrap();
        lane.open(2, now, later).expect("due long ago, and sent late");
        assert_eq!(lane.expire(now + Duration::from_secs(1)), 1);
        assert_eq!(lane.waiting, 1);
    }

    /// Answers like the echo, but leaves out every `gap`th reply, while `work` runs.
    fn with_echo(gap: Option<u32>, work: impl FnOnce(SocketAddr)) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let address = socket.local_addr().unwrap();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let mut buffer = [0; 512];
                for count in 1.. {
                    let (length, peer) = socket.recv_from(&mut buffer).unwrap();
                    if length == 0 {
                        break;
                    }
                    let length = crate::echo::answer(&mut buffer, length);
                    if gap.is_none_or(|gap| count % gap != 0) {
                        let _ = socket.send_to(&buffer[..length], peer);
                    }
                }
            });
            work(address);
            UdpSocket::bind("127.0.0.1:0").unwrap().send_to(&[], address).unwrap();
        });
    }

    fn generator(server: SocketAddr, geo: &GeoData) -> Generator<'_> {
        let queries = Queries::new(Scenario::Weighted, Sizes { names: 1, zones: 1 }, 1);
        Generator::new(server, queries, geo, true).unwrap()
    }

    #[test]
    fn every_query_is_answered_lost_or_still_under_way() {
        let geo = GeoData::embedded();
        with_echo(Some(50), |server| {
            let mut generator = generator(server, &geo);
            let mut sum = Outcome::default();
            while sum.answered == 0 || sum.lost == 0 {
                let outcome = generator.saturate(Duration::from_millis(50)).unwrap();
                sum.sent += outcome.sent;
                sum.answered += outcome.answered;
                sum.lost += outcome.lost;
                assert_eq!(outcome.wrong, 0);
            }
            let waiting: usize = generator.lanes.iter().map(|lane| lane.waiting).sum();
            assert_eq!(sum.sent, sum.answered + sum.lost + waiting as u64);
        });
    }

    #[test]
    fn a_fixed_rate_is_kept_and_its_latencies_are_kept_too() {
        let geo = GeoData::embedded();
        with_echo(None, |server| {
            let outcome = generator(server, &geo).pace(1_000, Duration::from_millis(200)).unwrap();
            assert_eq!(outcome.sent, 200);
            assert_eq!(outcome.latencies_ns.len() as u64, outcome.answered);
        });
    }
}
