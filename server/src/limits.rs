//! Every bound of the query engine and its transports, with the reason beside it.

use std::time::Duration;

/// Smallest payload every DNS client takes over UDP (RFC 1035, 4.2.1; RFC 6891, 6.2.3).
pub const MINIMUM_UDP_PAYLOAD: usize = 512;

/// Largest UDP payload that crosses practically every path without fragments.
pub const DEFAULT_UDP_PAYLOAD: u16 = 1232;

/// Largest UDP payload that can be configured: beyond it every path fragments.
pub const MAXIMUM_UDP_PAYLOAD: u16 = 4096;

/// Longest query taken over UDP. A question and its options need 300 octets; this leaves room for
/// padding and large cookies. Longer datagrams are dropped and counted.
pub const UDP_QUERY_OCTETS: usize = 2112;

/// Longest DNS message over a stream: the length prefix has 16 bits (RFC 7766, 8).
pub const STREAM_MESSAGE_OCTETS: usize = 65_535;

/// Steps along CNAME and DNAME within one answer. Resolvers themselves give up between 8 and 16.
pub const ALIAS_HOPS: usize = 16;

/// Targets (of NS, MX, SRV and the like) for which addresses are added to one reply: more would not fit into
/// a UDP reply, and bounds the look-ups one query can cost.
pub const ADDITIONAL_TARGETS: usize = 32;

/// Names remembered for compression within one reply. A UDP reply holds fewer; in long stream replies the
/// names after these are still compressed against them.
pub const COMPRESSION_NAMES: usize = 128;

/// Last offset a compression pointer can express, plus one (RFC 1035, 4.1.4).
pub const POINTER_REACH: usize = 0x4000;

/// Compression pointers to follow for one name. A chain of ever longer names would make each point to the one
/// before; readers give up: Go's resolver after 10, dnspython after 16.
pub const POINTER_HOPS: u8 = 8;

/// Queries of one worker that may wait to be added up, a power of two: 16 octets each, so 512 KiB. At a million
/// queries a second, who adds up has 16 ms from being woken to the ring being full.
pub const TALLY_RING: usize = 1 << 15;

/// Datagrams taken from the kernel, and replies given to it, with one system call.
///
/// A bare echo under load costs the same with 8, 16, 32, 64 and 128 at a time, to within the 2 % that can be told
/// apart: few datagrams pay for the system call. 32 gives the engine as many look-ups as it overlaps at a time,
/// and more would only keep the first reply of a batch waiting.
pub const UDP_BATCH: usize = 32;

/// Batches answered after the stop signal, so that what was already queued in the kernel is not lost while a
/// flood cannot hold up the shutdown.
pub const DRAIN_BATCHES: usize = 32;

/// How long a UDP worker sleeps in the kernel before it lets go of replaced data, and looks at the stop flag
/// should the wake-up fail.
pub const UDP_WAKE: Duration = Duration::from_millis(500);

/// Kernel receive buffer per UDP socket, in octets: some 20 ms of a million queries a second.
pub const UDP_RECEIVE_BUFFER: usize = 4 << 20;

/// Kernel send buffer per UDP socket, in octets.
pub const UDP_SEND_BUFFER: usize = 1 << 20;

/// Connections that wait in the kernel to be accepted, per listener.
pub const TCP_BACKLOG: i32 = 1024;

/// Replies gathered before they are written, in octets: at least one largest message with its prefix.
pub const STREAM_WRITE_OCTETS: usize = 128 << 10;

/// Octets taken from a stream with one read: at least one largest message with its prefix.
pub const STREAM_READ_OCTETS: usize = 64 << 10;

/// How long connections may take to get their last replies when the server ends.
pub const STREAM_DRAIN: Duration = Duration::from_secs(2);

/// Pause after a connection could not be accepted: the usual reason, too many open files, does not go away at
/// once.
pub const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Attempts to find a port that is free for both UDP and TCP.
pub const PORT_ATTEMPTS: usize = 32;

/// Descriptors of the process beside its TCP connections.
pub const OTHER_DESCRIPTORS: u64 = 1024;

/// Queries whose names a worker reads before it answers the first of them: a batch of datagrams, or as many of one
/// connection. It is enough for all the reads that a processor core has under way at a time, and few enough that what is
/// read for them stays in its nearest cache.
pub const READ_AHEAD: usize = UDP_BATCH;

/// Sockets that a TCP worker learns about with one system call.
pub const STREAM_EVENTS: usize = 256;

/// How often connections are looked through for passed deadlines, per shortest deadline: a deadline is kept to
/// an eighth, and with ten seconds the look at some thousands of connections costs nothing that matters.
pub const SWEEPS_PER_DEADLINE: u32 = 8;

/// Bound on that for very short deadlines.
pub const SHORTEST_SWEEP_INTERVAL: Duration = Duration::from_millis(5);

/// How often a TCP worker lets go of replaced data, at least.
pub const IDLE_REFRESH: Duration = Duration::from_millis(500);
