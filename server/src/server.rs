//! The server as a whole: sockets, threads, start and end.
//!
//! # What workers share
//!
//! On the way of a query no worker writes what another one touches, so that workers do not slow each other:
//!
//! | what | who writes it, and when |
//! | --- | --- |
//! | sockets | each worker has its own; `SO_REUSEPORT` spreads the clients |
//! | buffers, responder, entropy | each worker has its own |
//! | counters | each worker has its own, on cache lines of its own |
//! | rings of tallies | each worker has its own; who adds up frees places, and is woken, once in thousands of queries |
//! | the cells of snapshot and geography | a publish or reload; a worker compares a pointer with the one it holds, and counts a reference only after a change |
//! | live values of feeds | a feed |
//! | stop flag | the end of the server |
//! | [`Admission`] | TCP workers, when a connection opens and closes |
//!
//! This was checked by reading all that [`Responder::answer`] and the workers reach, and by going through the
//! instructions by which processors agree on a value (on x86-64, those with a `lock` prefix) in what the
//! compiler made of it. On the way of a query they are found in two places only: where a worker takes over a
//! snapshot or geography that has just been published, and where a live value that is a list is read, which
//! marks a slot of the reading thread's own. That nothing is allocated is tested.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use geoip_data::GeoHandle;
use mio::Waker;
use zones::SnapshotCell;

use crate::config::ServerConfig;
use crate::engine::Responder;
use crate::limits;
use crate::sys::socket::{self, Turn};
use crate::tcp::{self, Admission, TcpWorker};
use crate::telemetry::counters::{Counter, CounterTotals, Counters};
use crate::telemetry::tally::TallyReader;
use crate::udp::UdpWorker;
use crate::worker;

/// An address that cannot be listened on.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address}: {source}")]
pub struct BindError {
    /// The address.
    pub address: SocketAddr,
    /// What the kernel says.
    pub source: io::Error,
}

/// A server whose sockets are bound and which does not answer yet.
pub struct Server {
    config: ServerConfig,
    snapshot: SnapshotCell,
    geo: GeoHandle,
    endpoints: Vec<Endpoint>,
}

/// The sockets of one address, one of each kind per worker.
struct Endpoint {
    address: SocketAddr,
    udp: Vec<UdpSocket>,
    tcp: Vec<TcpListener>,
}

/// The name of a worker's thread, and its processor if that is settled.
type Place = (String, Option<usize>);

/// A server that answers, until it is dropped.
pub struct RunningServer {
    addresses: Vec<SocketAddr>,
    counters: Vec<Arc<Counters>>,
    tallies: Option<TallyReader>,
    admission: Arc<Admission>,
    stop: Arc<AtomicBool>,
    tcp_wakers: Vec<Arc<Waker>>,
    udp_sockets: Vec<Arc<UdpSocket>>,
    threads: Vec<JoinHandle<()>>,
}

impl Server {
    /// Binds all sockets: for each address one UDP and one TCP socket per worker, on the same port.
    ///
    /// # Errors
    /// The first address that cannot be bound, because it is in use, not ours, or needs privileges.
    pub fn bind(config: ServerConfig, snapshot: SnapshotCell, geo: GeoHandle) -> Result<Self, BindError> {
        let connections = u64::try_from(config.tcp.connections).unwrap_or(u64::MAX);
        socket::raise_descriptor_limit(connections.saturating_add(limits::OTHER_DESCRIPTORS));
        let workers = config.worker_count();
        let endpoints = config
            .listen
            .iter()
            .map(|&address| {
                Endpoint::bind(address, workers, &config).map_err(|source| BindError { address, source })
            })
            .collect::<Result<_, _>>()?;
        Ok(Self { config, snapshot, geo, endpoints })
    }

    /// Where the server listens, in the order of the configuration, with the real ports.
    pub fn local_addrs(&self) -> Vec<SocketAddr> {
        self.endpoints.iter().map(|endpoint| endpoint.address).collect()
    }

    /// Starts the workers.
    ///
    /// # Errors
    /// When a thread cannot be started, or not on its processor; those already started are ended again.
    pub fn start(self) -> io::Result<RunningServer> {
        let mut running = RunningServer {
            addresses: self.local_addrs(),
            counters: Vec::new(),
            tallies: Some(TallyReader::default()),
            admission: Arc::new(Admission::new(self.config.tcp)),
            stop: Arc::default(),
            tcp_wakers: Vec::new(),
            udp_sockets: Vec::new(),
            threads: Vec::new(),
        };
        self.spawn_all(&mut running)?;
        Ok(running)
    }

    fn spawn_all(self, running: &mut RunningServer) -> io::Result<()> {
        let udp_payload = self.config.bounded_udp_payload();
        let policy = Arc::new(self.config.policy.clone());
        let mut listeners: Vec<Vec<TcpListener>> = Vec::new();
        for endpoint in self.endpoints {
            for (index, udp) in endpoint.udp.into_iter().enumerate() {
                let responder = Responder::new(&self.snapshot, &self.geo, udp_payload, rand::random())
                    .with_policy(Arc::clone(&policy));
                let place = (format!("udp-{index}"), self.config.processor_of(index));
                running.spawn_udp(place, udp, responder)?;
            }
            listeners.resize_with(listeners.len().max(endpoint.tcp.len()), Vec::new);
            for (worker, listener) in listeners.iter_mut().zip(endpoint.tcp) {
                worker.push(listener);
            }
        }
        for (index, listeners) in listeners.into_iter().enumerate() {
            let responder = Responder::new(&self.snapshot, &self.geo, udp_payload, rand::random())
                .with_policy(Arc::clone(&policy))
                .with_idle_timeout(self.config.tcp.idle);
            let shared = tcp::Shared {
                admission: Arc::clone(&running.admission),
                limits: self.config.tcp,
                stop: Arc::clone(&running.stop),
            };
            let place = (format!("tcp-{index}"), self.config.processor_of(index));
            running.spawn_tcp(place, listeners, responder, shared)?;
        }
        Ok(())
    }
}

impl Endpoint {
    fn bind(address: SocketAddr, workers: usize, config: &ServerConfig) -> io::Result<Self> {
        let receive_octets = config.udp_receive_buffer.unwrap_or(limits::UDP_RECEIVE_BUFFER);
        let mut attempt = 1;
        let (first_udp, first_tcp) = loop {
            let udp = socket::udp(address, Turn::First, receive_octets)?;
            match socket::tcp(udp.local_addr()?, Turn::First) {
                Ok(tcp) => break (udp, tcp),
                // The free UDP port that the kernel chose may be taken for TCP.
                Err(error)
                    if error.kind() == io::ErrorKind::AddrInUse
                        && address.port() == 0
                        && attempt < limits::PORT_ATTEMPTS =>
                {
                    attempt += 1;
                }
                Err(error) => return Err(error),
            }
        };
        let address = first_udp.local_addr()?;
        let granted = socket::receive_buffer(&first_udp);
        if granted < receive_octets && config.udp_receive_buffer.is_some() {
            tracing::warn!(
                %address,
                wanted = receive_octets,
                granted,
                "the kernel gives a smaller receive buffer than configured; net.core.rmem_max limits it"
            );
        }
        let mut endpoint = Self { address, udp: vec![first_udp], tcp: vec![first_tcp] };
        for _ in 1..workers {
            endpoint.udp.push(socket::udp(address, Turn::Further, receive_octets)?);
            endpoint.tcp.push(socket::tcp(address, Turn::Further)?);
        }
        Ok(endpoint)
    }
}

impl RunningServer {
    /// Where the server listens, in the order of the configuration, with the real ports.
    pub fn local_addrs(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// What was counted so far, summed over all workers.
    pub fn counters(&self) -> CounterTotals {
        let mut totals = CounterTotals::sum(&self.counters);
        for socket in &self.udp_sockets {
            totals.add(Counter::UdpDropped, socket::dropped(socket).into());
        }
        totals
    }

    /// Which zones and records queries are for, to be taken out from now on. There is only one reader: `None` if
    /// it was given out before.
    pub fn take_tallies(&mut self) -> Option<TallyReader> {
        self.tallies.take()
    }

    /// Octets of the smallest receive buffer of a UDP socket, as granted by the kernel.
    pub fn udp_receive_buffer(&self) -> usize {
        self.udp_sockets.iter().map(|socket| socket::receive_buffer(socket)).min().unwrap_or(0)
    }

    /// TCP connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.admission.open_connections()
    }

    /// Answers what has arrived, closes everything and waits for the threads. Dropping the server does the
    /// same.
    pub fn shutdown(self) {}

    fn spawn_udp(&mut self, place: Place, socket: UdpSocket, responder: Responder) -> io::Result<()> {
        let responder = self.tallied(responder);
        let socket = Arc::new(socket);
        self.counters.push(Arc::clone(responder.counters()));
        self.udp_sockets.push(Arc::clone(&socket));
        let worker = UdpWorker { socket, responder, stop: Arc::clone(&self.stop) };
        self.spawn(place, move || worker.run())
    }

    fn spawn_tcp(
        &mut self,
        place: Place,
        listeners: Vec<TcpListener>,
        responder: Responder,
        shared: tcp::Shared,
    ) -> io::Result<()> {
        let responder = self.tallied(responder);
        self.counters.push(Arc::clone(responder.counters()));
        let worker = TcpWorker::new(listeners, responder, shared)?;
        self.tcp_wakers.push(worker.waker());
        self.spawn(place, move || worker.run())
    }

    /// Gives a worker its ring. The reader is given out only after all workers are there.
    fn tallied(&mut self, responder: Responder) -> Responder {
        match &mut self.tallies {
            Some(tallies) => responder.with_tally(tallies.new_writer()),
            None => responder,
        }
    }

    fn spawn(&mut self, (name, processor): Place, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(worker::spawn(name, processor, work)?);
        Ok(())
    }
}

impl Drop for RunningServer {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        for waker in &self.tcp_wakers {
            // Without it, the worker sees the flag at its next sweep.
            let _ = waker.wake();
        }
        for socket in &self.udp_sockets {
            socket::wake(socket);
        }
        for thread in self.threads.drain(..) {
            let name = thread.thread().name().map(str::to_owned);
            if thread.join().is_err() {
                tracing::error!(thread = name, "a worker panicked");
            }
        }
    }
}
