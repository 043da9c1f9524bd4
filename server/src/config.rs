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
    /// Threads for each address over UDP, and for TCP; 0 stands for the number of `processors`, or of those that
    /// the process may use.
    pub workers: usize,
    /// Processors to run the workers on: the first worker for UDP and for TCP on the first of these, and so on,
    /// starting over when there are more workers than processors. Empty: wherever the kernel puts them, which
    /// is right wherever something else runs on the machine; a pinned worker has to wait for whatever else is
    /// put on its processor.
    pub processors: Vec<usize>,
    /// Receive buffer to ask the kernel for, for each UDP socket, in octets; without it
    /// [`limits::UDP_RECEIVE_BUFFER`]. The kernel may grant less.
    pub udp_receive_buffer: Option<usize>,
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
            processors: Vec::new(),
            udp_receive_buffer: None,
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
            0 if !self.processors.is_empty() => self.processors.len(),
            0 => std::thread::available_parallelism().map_or(1, std::num::NonZero::get),
            workers => workers,
        }
    }

    /// Where the worker of a number runs, if that is settled.
    pub(crate) fn processor_of(&self, worker: usize) -> Option<usize> {
        self.processors.iter().copied().cycle().nth(worker)
    }

    /// The UDP payload within its bounds.
    pub(crate) fn bounded_udp_payload(&self) -> u16 {
        self.udp_payload.clamp(limits::MINIMUM_UDP_PAYLOAD as u16, limits::MAXIMUM_UDP_PAYLOAD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processors_are_handed_out_in_turn() {
        let config = ServerConfig { processors: vec![4, 6], ..ServerConfig::default() };
        assert_eq!(config.worker_count(), 2);
        assert_eq!([0, 1, 2].map(|worker| config.processor_of(worker)), [Some(4), Some(6), Some(4)]);
        assert_eq!(ServerConfig::default().processor_of(1), None);
    }
}
