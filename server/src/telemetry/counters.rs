//! Counters that cost a load and a store.
//!
//! Each worker writes its own [`Counters`] and nobody else does, so no cache line is shared between writers
//! and no atomic read-modify-write is needed. Readers sum the counters of all workers when asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::message::ResponseCode;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub enum Counter {
    /// Messages taken over UDP.
    UdpQueries,
    /// Messages taken over TCP.
    TcpQueries,
    /// Replies by response code; the others follow in the order of [`ResponseCode::ALL`].
    NoError,
    /// Replies with FORMERR.
    FormatError,
    /// Replies with SERVFAIL.
    ServerFailure,
    /// Replies with NXDOMAIN.
    NameError,
    /// Replies with NOTIMP.
    NotImplemented,
    /// Replies with REFUSED.
    Refused,
    /// Replies with YXDOMAIN.
    NameTooLong,
    /// Replies with NOTAUTH.
    NotAuthorized,
    /// Replies with BADVERS.
    BadVersion,
    /// Replies with BADCOOKIE.
    BadCookie,
    /// Replies cut to what the client takes.
    Truncated,
    /// Queries with an EDNS record.
    Edns,
    /// Queries with a client subnet.
    ClientSubnet,
    /// Queries with a cookie, where cookies are not off.
    Cookie,
    /// Queries with a server cookie of ours.
    ValidCookie,
    /// Filter chains run.
    ChainsRun,
    /// Filter chains that left no answer.
    ChainsEmptied,
    /// Aliases not followed because the answer had too many already, or went in a circle.
    AliasLimit,
    /// Dropped: shorter than a header.
    DroppedShort,
    /// Dropped: a reply, not a query.
    DroppedResponse,
    /// Dropped: longer than any query.
    DroppedLong,
    /// Dropped: the transport's buffer has no room for even an empty reply.
    DroppedNoRoom,
    /// Errors of the kernel when receiving datagrams.
    UdpReceiveErrors,
    /// Datagrams that the kernel dropped before a worker took them, because the receive buffer was full. The
    /// kernel counts these, up to 2³² for each socket.
    UdpDropped,
    /// Replies the kernel did not send.
    UdpSendErrors,
    /// Panics that a worker survived.
    WorkerPanics,
    /// Connections accepted.
    TcpAccepted,
    /// Connections closed at once because of a limit, overall or for the address.
    TcpRefused,
    /// Connections closed because nothing was asked for too long.
    TcpIdle,
    /// Connections closed because replies were not read.
    TcpSlow,
    /// Connections closed by an error or in the middle of a message.
    TcpBroken,
    /// Connections that could not be accepted.
    TcpAcceptErrors,
}

impl Counter {
    /// Every counter, in order.
    pub const ALL: [Self; 34] = [
        Self::UdpQueries,
        Self::TcpQueries,
        Self::NoError,
        Self::FormatError,
        Self::ServerFailure,
        Self::NameError,
        Self::NotImplemented,
        Self::Refused,
        Self::NameTooLong,
        Self::NotAuthorized,
        Self::BadVersion,
        Self::BadCookie,
        Self::Truncated,
        Self::Edns,
        Self::ClientSubnet,
        Self::Cookie,
        Self::ValidCookie,
        Self::ChainsRun,
        Self::ChainsEmptied,
        Self::AliasLimit,
        Self::DroppedShort,
        Self::DroppedResponse,
        Self::DroppedLong,
        Self::DroppedNoRoom,
        Self::UdpReceiveErrors,
        Self::UdpDropped,
        Self::UdpSendErrors,
        Self::WorkerPanics,
        Self::TcpAccepted,
        Self::TcpRefused,
        Self::TcpIdle,
        Self::TcpSlow,
        Self::TcpBroken,
        Self::TcpAcceptErrors,
    ];

    /// The name under which the counter is shown: lower case, with underscores.
    pub fn name(self) -> &'static str {
        match self {
            Self::UdpQueries => "udp_queries",
            Self::TcpQueries => "tcp_queries",
            Self::NoError => "noerror",
            Self::FormatError => "formerr",
            Self::ServerFailure => "servfail",
            Self::NameError => "nxdomain",
            Self::NotImplemented => "notimp",
            Self::Refused => "refused",
            Self::NameTooLong => "yxdomain",
            Self::NotAuthorized => "notauth",
            Self::BadVersion => "badvers",
            Self::BadCookie => "badcookie",
            Self::Truncated => "truncated",
            Self::Edns => "edns",
            Self::ClientSubnet => "client_subnet",
            Self::Cookie => "cookie",
            Self::ValidCookie => "cookie_valid",
            Self::ChainsRun => "chains_run",
            Self::ChainsEmptied => "chains_emptied",
            Self::AliasLimit => "alias_limit",
            Self::DroppedShort => "dropped_short",
            Self::DroppedResponse => "dropped_response",
            Self::DroppedLong => "dropped_long",
            Self::DroppedNoRoom => "dropped_no_room",
            Self::UdpReceiveErrors => "udp_receive_errors",
            Self::UdpDropped => "udp_dropped",
            Self::UdpSendErrors => "udp_send_errors",
            Self::WorkerPanics => "worker_panics",
            Self::TcpAccepted => "tcp_accepted",
            Self::TcpRefused => "tcp_refused",
            Self::TcpIdle => "tcp_idle",
            Self::TcpSlow => "tcp_slow",
            Self::TcpBroken => "tcp_broken",
            Self::TcpAcceptErrors => "tcp_accept_errors",
        }
    }

    /// The counter of replies with a response code.
    pub fn of_response(code: ResponseCode) -> Self {
        match code {
            ResponseCode::NoError => Self::NoError,
            ResponseCode::FormatError => Self::FormatError,
            ResponseCode::ServerFailure => Self::ServerFailure,
            ResponseCode::NameError => Self::NameError,
            ResponseCode::NotImplemented => Self::NotImplemented,
            ResponseCode::Refused => Self::Refused,
            ResponseCode::NameTooLong => Self::NameTooLong,
            ResponseCode::NotAuthorized => Self::NotAuthorized,
            ResponseCode::BadVersion => Self::BadVersion,
            ResponseCode::BadCookie => Self::BadCookie,
        }
    }
}

/// The counters of one worker, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    values: [AtomicU64; Counter::ALL.len()],
}

impl Default for Counters {
    fn default() -> Self {
        Self { values: [const { AtomicU64::new(0) }; Counter::ALL.len()] }
    }
}

impl Counters {
    /// Adds one. Only the worker that owns the counters may call this.
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Adds a number. Only the worker that owns the counters may call this.
    pub fn add(&self, counter: Counter, amount: u64) {
        let value = &self.values[counter as usize];
        value.store(value.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
    }
}

/// The sums of all workers' counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterTotals {
    values: [u64; Counter::ALL.len()],
}

impl CounterTotals {
    /// Sums the counters of several workers.
    pub fn sum(workers: &[Arc<Counters>]) -> Self {
        let mut values = [0u64; Counter::ALL.len()];
        for worker in workers {
            for (total, value) in values.iter_mut().zip(&worker.values) {
                *total = total.wrapping_add(value.load(Ordering::Relaxed));
            }
        }
        Self { values }
    }

    /// Adds to a total what is counted elsewhere.
    pub fn add(&mut self, counter: Counter, amount: u64) {
        let total = &mut self.values[counter as usize];
        *total = total.wrapping_add(amount);
    }

    /// One total.
    pub fn get(&self, counter: Counter) -> u64 {
        self.values[counter as usize]
    }

    /// All totals, in the order of [`Counter::ALL`].
    pub fn iter(&self) -> impl Iterator<Item = (Counter, u64)> + '_ {
        Counter::ALL.into_iter().map(|counter| (counter, self.get(counter)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_has_its_own_place_and_name() {
        let mut names = std::collections::HashSet::new();
        for (index, counter) in Counter::ALL.into_iter().enumerate() {
            assert_eq!(counter as usize, index);
            assert!(names.insert(counter.name()));
        }
        for code in ResponseCode::ALL {
            assert_eq!(Counter::of_response(code).name(), code.name().to_lowercase());
        }
    }

    #[test]
    fn totals_are_sums_over_the_workers() {
        let workers = [Arc::new(Counters::default()), Arc::new(Counters::default())];
        workers[0].count(Counter::UdpQueries);
        workers[1].add(Counter::UdpQueries, 4);
        workers[1].count(Counter::Refused);
        let totals = CounterTotals::sum(&workers);
        assert_eq!(totals.get(Counter::UdpQueries), 5);
        assert_eq!(totals.iter().map(|(_, value)| value).sum::<u64>(), 6);
    }
}
