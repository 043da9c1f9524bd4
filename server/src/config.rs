//! What the operator can set.

use std::net::SocketAddr;
use std::time::Duration;

use crate::limits;
use crate::policy::Policy;

/// Settings of a [`crate::Server`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ServerConfig {
    /// Addresses to answer on, over UDP and TCP. Port 0 takes a port that is free for both.
    pub listen: Vec<SocketAddr>,
    /// Threads for each address over UDP, and for TCP; 0 stands for the number of processors.
    pub workers: usize,
    /// Largest UDP reply in octets, between 512 and 4096; other values are moved there.
    pub udp_payload: u16,
    /// What replies say beside the data of zones.
    pub policy: Policy,
    /// Bounds on TCP connections.
    pub tcp: TcpLimits,
}

/// Bounds on TCP connections (RFC 7766, 6.2; RFC 9210, 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpLimits {
    /// Open connections over all.
    pub connections: usize,
    /// Open connections of one IPv4 address or one IPv6 /64 network.
    pub connections_per_address: usize,
    /// How long a connection may go without a whole query.
    pub idle: Duration,
    /// How long a client may take to read what was written to it.
    pub write: Duration,
}

impl Default for ServerConfig {
    fn default() -> Self {
        Self {
            listen: vec![SocketAddr::from(([127, 0, 0, 1], 5300))],
            workers: 0,
            udp_payload: limits::DEFAULT_UDP_PAYLOAD,
            policy: Policy::default(),
            tcp: TcpLimits::default(),
        }
    }
}

impl Default for TcpLimits {
    fn default() -> Self {
        Self {
            // A connection costs a few hundred octets here and some KiB in the kernel.
            connections: 4096,
            // A large resolver farm behind one address keeps some dozens.
            connections_per_address: 128,
            idle: Duration::from_secs(10),
            write: Duration::from_secs(5),
        }
    }
}

impl ServerConfig {
    /// The number of workers after the default is filled in.
    pub(crate) fn worker_count(&self) -> usize {
        match self.workers {
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        }
    }

    /// The UDP payload within its bounds.
    pub(crate) fn bounded_udp_payload(&self) -> u16 {
        self.udp_payload.clamp(limits::MINIMUM_UDP_PAYLOAD as u16, limits::MAXIMUM_UDP_PAYLOAD)
    }
}
