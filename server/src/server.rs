//! The server as a whole: sockets, threads, start and end.

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
use crate::telemetry::counters::{CounterTotals, Counters};
use crate::udp::UdpWorker;

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

/// A server that answers, until it is dropped.
pub struct RunningServer {
    addresses: Vec<SocketAddr>,
    counters: Vec<Arc<Counters>>,
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
            .map(|&address| Endpoint::bind(address, workers).map_err(|source| BindError { address, source }))
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
    /// When a thread cannot be started; those already started are ended again.
    pub fn start(self) -> io::Result<RunningServer> {
        let mut running = RunningServer {
            addresses: self.local_addrs(),
            counters: Vec::new(),
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
        let policy = Arc::new(self.config.policy);
        let mut listeners: Vec<Vec<TcpListener>> = Vec::new();
        for endpoint in self.endpoints {
            for (index, udp) in endpoint.udp.into_iter().enumerate() {
                let responder = Responder::new(&self.snapshot, &self.geo, udp_payload, rand::random())
                    .with_policy(Arc::clone(&policy));
                running.spawn_udp(format!("udp-{index}"), udp, responder)?;
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
            running.spawn_tcp(format!("tcp-{index}"), listeners, responder, shared)?;
        }
        Ok(())
    }
}

impl Endpoint {
    fn bind(address: SocketAddr, workers: usize) -> io::Result<Self> {
        let mut attempt = 1;
        let (first_udp, first_tcp) = loop {
            let udp = socket::udp(address, Turn::First)?;
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
        let mut endpoint = Self { address, udp: vec![first_udp], tcp: vec![first_tcp] };
        for _ in 1..workers {
            endpoint.udp.push(socket::udp(address, Turn::Further)?);
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
        CounterTotals::sum(&self.counters)
    }

    /// TCP connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.admission.open_connections()
    }

    /// Answers what has arrived, closes everything and waits for the threads. Dropping the server does the
    /// same.
    pub fn shutdown(self) {}

    fn spawn_udp(&mut self, name: String, socket: UdpSocket, responder: Responder) -> io::Result<()> {
        let socket = Arc::new(socket);
        self.counters.push(Arc::clone(responder.counters()));
        self.udp_sockets.push(Arc::clone(&socket));
        let worker = UdpWorker { socket, responder, stop: Arc::clone(&self.stop) };
        self.spawn(name, move || worker.run())
    }

    fn spawn_tcp(
        &mut self,
        name: String,
        listeners: Vec<TcpListener>,
        responder: Responder,
        shared: tcp::Shared,
    ) -> io::Result<()> {
        self.counters.push(Arc::clone(responder.counters()));
        let worker = TcpWorker::new(listeners, responder, shared)?;
        self.tcp_wakers.push(worker.waker());
        self.spawn(name, move || worker.run())
    }

    fn spawn(&mut self, name: String, work: impl FnOnce() + Send + 'static) -> io::Result<()> {
        self.threads.push(std::thread::Builder::new().name(name).spawn(work)?);
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
