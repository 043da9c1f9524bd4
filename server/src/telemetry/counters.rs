//! Counters that cost a load and a store.
//!
//! Each worker writes its own [`Counters`] and nobody else does, so no cache line is shared between writers
//! and no atomic read-modify-write is needed. Readers sum the counters of all workers when asked.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use zones::RecordType;

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
    /// Queries that are missing in the statistics of zones and records, because nobody added them up in time.
    TallyLost,
}

impl Counter {
    /// Every counter, in order.
    pub const ALL: [Self; 35] = [
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
        Self::TallyLost,
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
            Self::TallyLost => "tally_lost",
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

/// The type of a query, as far as types are counted one by one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct QueryType(u8);

/// The types that are counted one by one.
const COUNTED_TYPES: [RecordType; 17] = [
    RecordType::A,
    RecordType::NS,
    RecordType::CNAME,
    RecordType::SOA,
    RecordType::PTR,
    RecordType::MX,
    RecordType::TXT,
    RecordType::AAAA,
    RecordType::SRV,
    RecordType::NAPTR,
    RecordType::DS,
    RecordType::DNSKEY,
    RecordType::TLSA,
    RecordType::SVCB,
    RecordType::HTTPS,
    RecordType::ANY,
    RecordType::CAA,
];

/// For each type the number of its counter. Beyond the table, as in the gaps, are all other types.
static TYPE_NUMBERS: [u8; 258] = {
    let mut numbers = [COUNTED_TYPES.len() as u8; 258];
    let mut index = 0;
    while index < COUNTED_TYPES.len() {
        numbers[COUNTED_TYPES[index].0 as usize] = index as u8;
        index += 1;
    }
    numbers
};

impl QueryType {
    /// Every type that is counted by itself, and what stands for all others.
    pub fn all() -> impl Iterator<Item = Self> {
        (0..=COUNTED_TYPES.len() as u8).map(Self)
    }

    /// The mnemonic of the type, or `other`.
    pub fn name(self) -> String {
        COUNTED_TYPES.get(usize::from(self.0)).map_or_else(|| "other".to_owned(), RecordType::to_string)
    }
}

impl From<RecordType> for QueryType {
    #[inline]
    fn from(record_type: RecordType) -> Self {
        let number = TYPE_NUMBERS.get(usize::from(record_type.0));
        Self(number.copied().unwrap_or(COUNTED_TYPES.len() as u8))
    }
}

/// The counters of one worker, on cache lines of their own.
#[derive(Debug)]
#[repr(align(128))]
pub struct Counters {
    values: [AtomicU64; Counter::ALL.len()],
    types: [AtomicU64; COUNTED_TYPES.len() + 1],
}

impl Default for Counters {
    fn default() -> Self {
        Self {
            values: [const { AtomicU64::new(0) }; Counter::ALL.len()],
            types: [const { AtomicU64::new(0) }; COUNTED_TYPES.len() + 1],
        }
    }
}

impl Counters {
    /// Adds one. Only the worker that owns the counters may call this.
    pub fn count(&self, counter: Counter) {
        self.add(counter, 1);
    }

    /// Adds a number. Only the worker that owns the counters may call this.
    pub fn add(&self, counter: Counter, amount: u64) {
        add(&self.values[counter as usize], amount);
    }

    /// Adds a query for data of a type. Only the worker that owns the counters may call this.
    #[inline]
    pub fn count_type(&self, query_type: QueryType) {
        add(&self.types[usize::from(query_type.0)], 1);
    }
}

/// No other thread writes the value, so that it need not be locked for adding.
#[inline]
fn add(value: &AtomicU64, amount: u64) {
    value.store(value.load(Ordering::Relaxed).wrapping_add(amount), Ordering::Relaxed);
}

/// The sums of all workers' counters at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CounterTotals {
    values: [u64; Counter::ALL.len()],
    types: [u64; COUNTED_TYPES.len() + 1],
}

impl CounterTotals {
    /// Sums the counters of several workers.
    pub fn sum(workers: &[Arc<Counters>]) -> Self {
        let mut sums = Self { values: [0; Counter::ALL.len()], types: [0; COUNTED_TYPES.len() + 1] };
        for worker in workers {
            let totals = sums.values.iter_mut().chain(&mut sums.types);
            for (total, value) in totals.zip(worker.values.iter().chain(&worker.types)) {
                *total = total.wrapping_add(value.load(Ordering::Relaxed));
            }
        }
        sums
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

    /// Queries for data, by type.
    pub fn types(&self) -> impl Iterator<Item = (QueryType, u64)> + '_ {
        QueryType::all().zip(self.types)
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

    #[test]
    fn types_are_counted_by_name_and_rare_ones_together() {
        let counters = Arc::new(Counters::default());
        for record_type in
            [RecordType::AAAA, RecordType::AAAA, RecordType::CAA, RecordType(999), RecordType(0)]
        {
            counters.count_type(record_type.into());
        }
        let totals = CounterTotals::sum(&[counters]);
        let counted: Vec<_> = totals
            .types()
            .filter(|(_, count)| *count > 0)
            .map(|(kind, count)| (kind.name(), count))
            .collect();
        assert_eq!(counted, [("AAAA".into(), 2), ("CAA".into(), 1), ("other".into(), 2)]);
        assert_eq!(QueryType::all().count(), COUNTED_TYPES.len() + 1);
    }
}
