//! Every upper bound of the control API, with its reason.
//!
//! Reaching one is an ordinary outcome with a status of its own:
//!
//! | limit | refusal |
//! | --- | --- |
//! | header bytes or count | 431; past twice as much by the HTTP layer, without a body |
//! | path bytes | 414 |
//! | body bytes | 413 |
//! | body not received in time | 408 |
//! | body bytes of all requests together, requests at once, imports at once, rate of a key | 429 with `Retry-After` |
//! | handler not done in time | 503 |
//! | connections | the accept queue waits; past the share of one address the connection is closed |

use std::time::Duration;

/// Bytes of all request headers together. Clients send a few hundred; 32 KiB leaves room for proxies. Up to twice
/// as much is read, so that the refusal has a message; likewise for the count.
pub const HEADER_BYTES: usize = 32 * 1024;
/// Header lines of a request.
pub const HEADER_COUNT: usize = 100;
/// Time in which a request head must arrive; an idle kept-alive connection is closed after it too.
pub const HEADER_READ_TIMEOUT: Duration = Duration::from_secs(60);
/// Time in which a TLS handshake must be done.
pub const TLS_HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// Time in which a client has to take some of its reply; then the connection is closed.
pub const WRITE_TIMEOUT: Duration = Duration::from_secs(60);
/// Bytes of path and query. The longest sensible path holds two names of 255 octets, each octet escaped.
pub const PATH_BYTES: usize = 8 * 1024;

/// Bytes of a JSON body: the largest record (4096 answers) with about 2 KiB of metadata per answer.
pub const JSON_BODY_BYTES: usize = 8 * 1024 * 1024;
/// Time in which a JSON body must arrive completely.
pub const JSON_BODY_TIMEOUT: Duration = Duration::from_secs(30);
/// Bytes of a zone file upload: some four million records at their usual length.
pub const IMPORT_BODY_BYTES: usize = 256 * 1024 * 1024;
/// Bytes of a zone file that are still received when it is clear without it that it is refused.
pub const DISCARDED_BODY_BYTES: usize = 16 * 1024 * 1024;
/// Time for that.
pub const DISCARD_TIMEOUT: Duration = Duration::from_secs(5);
/// Time in which a zone file must arrive completely.
pub const IMPORT_BODY_TIMEOUT: Duration = Duration::from_secs(600);
/// Records of one imported zone file. Beyond it memory for the request would grow past a few GiB.
pub const IMPORT_RECORDS: usize = 4_000_000;
/// Bodies up to this size are not counted against [`BODY_BUDGET_BYTES`]: the limit of
/// requests at once bounds them well enough.
pub const SMALL_BODY_BYTES: usize = 64 * 1024;
/// Bytes of all larger JSON bodies being received or worked on.
pub const BODY_BUDGET_BYTES: usize = 64 * 1024 * 1024;

/// Requests worked on at once, of all clients.
pub const CONCURRENT_REQUESTS: usize = 512;
/// Zone files received or imported at once: each may hold a few hundred MiB.
pub const CONCURRENT_IMPORTS: usize = 2;
/// The same for files of at most [`SMALL_BODY_BYTES`], which hold a few MiB at most. More gain nothing: by then
/// a write to disk is shared by so many that it hardly counts. Others wait.
pub const CONCURRENT_SMALL_IMPORTS: usize = 64;
/// Import jobs kept for reading; the oldest finished one goes first.
pub const IMPORT_JOBS_KEPT: usize = 256;
/// Records listed in the result of an import; past it the reply shows the zone with its first records.
pub const IMPORT_REPLY_RECORDS: usize = 10_000;
/// Warnings kept of one import. The count of the others closes the list.
pub const IMPORT_WARNINGS: usize = 1_000;
/// Versions of one zone.
pub const VERSIONS_PER_ZONE: usize = 10;
/// Bytes of the records of a zone, as they are stored, that a version may be made of: some 200,000 plain records. To
/// activate a version may change them all at once.
pub const VERSION_BYTES: usize = 16 * 1024 * 1024;
/// TSIG keys of the server.
pub const TSIG_KEYS: usize = 1_000;
/// Zone files of stored zones written at once.
pub const CONCURRENT_EXPORTS: usize = 1;
/// Zone files that may be asked for before the first of them is written.
pub const EXPORTS_WAITING: usize = 64;
/// Written zone files kept for fetching; the oldest goes first.
pub const EXPORTS_KEPT: usize = 64;
/// Bytes of them on disk: one zone of four million records with room to spare.
pub const EXPORTS_KEPT_BYTES: u64 = 1 << 30;
/// Time a handler may take before its client gets 503. The work itself is not undone.
pub const HANDLER_TIMEOUT: Duration = Duration::from_secs(60);
/// The same for requests that carry a zone file.
pub const IMPORT_HANDLER_TIMEOUT: Duration = Duration::from_secs(1200);

/// Connections open at once.
pub const CONNECTIONS: usize = 1024;
/// Connections open at once from one address, or one /64 of IPv6: half, so that no single client shuts out the others.
pub const CONNECTIONS_PER_ADDRESS: usize = 512;
/// Time given to requests under way when the server stops.
pub const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(10);

/// Tokens a key may save up; also the number shown as `X-RateLimit-Limit`.
///
/// Clients that pace themselves divide by it, so it is generous: it stops loops gone wild, not work.
pub const RATE_LIMIT: u32 = 600_000;
/// Seconds in which an empty bucket fills up again; shown as `X-RateLimit-Period`.
pub const RATE_PERIOD_S: u32 = 60;
/// The same for requests without a valid key, per address: enough for any honest mistake.
pub const ANONYMOUS_RATE_LIMIT: u32 = 6_000;
/// Buckets remembered. Full ones are forgotten first, which loses nothing.
pub const RATE_BUCKETS: usize = 16 * 1024;

/// Search results when the request names no `max`.
pub const SEARCH_RESULTS: usize = 100;
/// Search results whatever the request asks for.
pub const SEARCH_RESULTS_MAX: usize = 1_000;
/// Records looked at by one search, so that a rare word in a large world stays cheap.
pub const SEARCH_SCANNED_MAX: usize = 2_000_000;

/// Activity entries when the request names no `limit`.
pub const ACTIVITY_RESULTS: usize = 20;
/// Activity entries whatever the request asks for.
pub const ACTIVITY_RESULTS_MAX: usize = 10_000;

/// Activity entries looked at for one request with filters.
pub const ACTIVITY_SCANNED_MAX: usize = 1_000_000;
/// API keys of the account; each change of one looks at all of them.
pub const KEYS: usize = 10_000;
/// Users of the account.
pub const USERS: usize = 10_000;
/// Teams of the account, and of one member.
pub const TEAMS: usize = 1_000;
/// Address lists of the account, and of one team.
pub const WHITELISTS: usize = 1_000;
/// Addresses and prefixes in one list.
pub const WHITELIST_VALUES: usize = 1_000;

/// Aliases followed in one explanation; as many as in one reply over DNS.
pub const EXPLAINED_ALIASES: usize = 16;
/// Clients that one simulation may list.
pub const SIMULATED_CLIENTS: usize = 10_000;
/// Draws for each client of a simulation.
pub const SIMULATED_DRAWS: u32 = 1_000;
/// Answers looked at in all runs of one simulation: clients × draws × answers × (steps + 1). Some ten seconds of
/// one core at most.
pub const SIMULATED_ANSWERS: usize = 200_000_000;
/// Explanations, simulations and dry runs worked on at once: each may keep a core busy for a while and hold
/// some ten MiB. Others wait.
pub const EXAMINATIONS: usize = 2;

/// Zones, and as many records, that are counted one by one in each half hour, and kept of each half day: 33 octets
/// of memory and 16 of disk for each, so 17 MiB and, with all files full, 0.7 GiB. Further ones count for their
/// zone, or for the account.
pub const STATISTICS_KEYS: usize = 200_000;
/// Zones or records in one reply of expanded usage when the request names no `limit`, and at most.
pub const USAGE_ROWS: usize = 1_000;

/// Bytes of the name of a source or feed, and of one string of their configuration.
pub const NAME_BYTES: usize = 256;
/// Feeds of one source.
pub const FEEDS_PER_SOURCE: usize = 10_000;
/// Labels in one push.
pub const PUSH_LABELS: usize = 10_000;
/// Bytes of a push to a source whose id is all that its sender knows: some thousand alerts.
pub const UNSIGNED_PUSH_BYTES: usize = 1024 * 1024;
/// Pushes to such a source in [`RATE_PERIOD_S`], of all senders: a hundred per second.
pub const SOURCE_RATE_LIMIT: u32 = 6_000;

/// Sources whose pushes `/metrics` shows, in the order of their ids.
pub const SOURCES_MEASURED: usize = 1_000;

/// Bytes of a certificate or a confirmation that is fetched for a source.
pub const FETCHED_BYTES: usize = 64 * 1024;
/// Time in which it has to arrive.
pub const FETCH_TIMEOUT: Duration = Duration::from_secs(10);
/// Certificates that are remembered.
pub const CERTIFICATES_KEPT: usize = 64;

/// The limits a server may set for itself; the constants above are the defaults.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Bytes of a JSON body.
    pub json_body_bytes: usize,
    /// Bytes of a zone file upload.
    pub import_body_bytes: usize,
    /// Time in which a JSON body must arrive.
    pub json_body_timeout: Duration,
    /// Requests worked on at once.
    pub concurrent_requests: usize,
    /// Tokens per key and period.
    pub rate_limit: u32,
    /// Length of the rate period in seconds.
    pub rate_period_s: u32,
    /// Tokens per address and period for requests without a valid key.
    pub anonymous_rate_limit: u32,
    /// Time a handler may take.
    pub handler_timeout: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            json_body_bytes: JSON_BODY_BYTES,
            import_body_bytes: IMPORT_BODY_BYTES,
            json_body_timeout: JSON_BODY_TIMEOUT,
            concurrent_requests: CONCURRENT_REQUESTS,
            rate_limit: RATE_LIMIT,
            rate_period_s: RATE_PERIOD_S,
            anonymous_rate_limit: ANONYMOUS_RATE_LIMIT,
            handler_timeout: HANDLER_TIMEOUT,
        }
    }
}
