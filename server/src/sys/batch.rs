//! Many datagrams with one system call.
//!
//! A [`Batch`] owns the buffers of up to a fixed number of queries and of as many replies, and the structures
//! through which the kernel fills and empties them. Everything is allocated once. A round is
//! [`Batch::receive`], [`Batch::answer_each`], [`Batch::send`].

use std::io;
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV6, UdpSocket};
use std::os::fd::AsRawFd;
use std::ptr;

/// Octets of a socket address of either family.
const ADDRESS_OCTETS: usize = size_of::<libc::sockaddr_in6>();
/// Room for one control message with the destination of a datagram.
const CONTROL_OCTETS: usize = 64;
const CONTROL_HEADER_OCTETS: usize = size_of::<libc::cmsghdr>();
/// Octets of a cache line.
const CACHE_LINE: usize = 64;

/// A `sockaddr_in` or `sockaddr_in6`, as octets.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Address([u8; ADDRESS_OCTETS]);

/// A control buffer, aligned as `cmsghdr` wants it.
#[derive(Clone, Copy)]
#[repr(C, align(8))]
struct Control([u8; CONTROL_OCTETS]);

/// A received datagram.
#[derive(Debug)]
pub struct Datagram<'a> {
    /// Its number among those received together, from 0.
    pub index: usize,
    /// What was sent, or as much of it as fits the buffer.
    pub bytes: &'a [u8],
    /// Who sent it.
    pub peer: SocketAddr,
    /// The datagram was longer than the buffer.
    pub is_cut: bool,
}

/// What became of the replies of a batch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SendReport {
    /// Replies the kernel took.
    pub sent: usize,
    /// Replies the kernel refused, for instance because the client's network is unreachable.
    pub failed: usize,
}

/// Buffers for a number of datagrams and their replies.
///
/// Buffers follow each other at distances that are an odd number of cache lines, so that those of a batch, which are
/// used at their front, lie in different sets of the nearest cache.
///
/// Invariants: all slices but the two arenas have the same length, the capacity; the pointers inside the
/// header and vector arrays are to elements of the slices beside them, which are neither moved nor resized
/// while the batch lives.
pub struct Batch {
    /// From the start of a query's buffer to the next one's.
    query_octets: usize,
    /// From the start of a reply's buffer to the next one's.
    reply_octets: usize,
    queries: Box<[u8]>,
    replies: Box<[u8]>,
    addresses: Box<[Address]>,
    controls: Option<Box<[Control]>>,
    query_vectors: Box<[libc::iovec]>,
    reply_vectors: Box<[libc::iovec]>,
    query_headers: Box<[libc::mmsghdr]>,
    reply_headers: Box<[libc::mmsghdr]>,
    /// Datagrams of this round.
    received: usize,
    /// Replies of this round, at the front of the reply arrays.
    queued: usize,
}

/// Whether replies must leave from the address the query came to, or leave from the bound one anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReplySource {
    /// The socket is bound to one address.
    Bound,
    /// The socket is bound to a wildcard and reports destinations (see [`super::socket::udp`]).
    Destination,
}

impl Batch {
    /// Allocates a batch of `capacity` datagrams, with room for queries and replies of at least these lengths.
    pub fn new(capacity: usize, query_octets: usize, reply_octets: usize, source: ReplySource) -> Self {
        let (query_octets, reply_octets) = (spread(query_octets), spread(reply_octets));
        let no_vector = libc::iovec { iov_base: ptr::null_mut(), iov_len: 0 };
        // SAFETY: `mmsghdr` consists of integers and raw pointers, for which zero is a value.
        let no_header: libc::mmsghdr = unsafe { std::mem::zeroed() };
        let controls = match source {
            ReplySource::Bound => None,
            ReplySource::Destination => Some(vec![Control([0; CONTROL_OCTETS]); capacity].into_boxed_slice()),
        };
        Self {
            query_octets,
            reply_octets,
            queries: vec![0; capacity * query_octets].into_boxed_slice(),
            replies: vec![0; capacity * reply_octets].into_boxed_slice(),
            addresses: vec![Address([0; ADDRESS_OCTETS]); capacity].into_boxed_slice(),
            controls,
            query_vectors: vec![no_vector; capacity].into_boxed_slice(),
            reply_vectors: vec![no_vector; capacity].into_boxed_slice(),
            query_headers: vec![no_header; capacity].into_boxed_slice(),
            reply_headers: vec![no_header; capacity].into_boxed_slice(),
            // So that the first round prepares every slot.
            received: capacity,
            queued: 0,
        }
    }

    /// Waits for a datagram and takes with it as many as are there. Returns their number.
    ///
    /// # Errors
    /// What the kernel says; a timeout set on the socket appears as [`io::ErrorKind::WouldBlock`].
    pub fn receive(&mut self, socket: &UdpSocket) -> io::Result<usize> {
        self.prepare_used_slots();
        self.queued = 0;
        let capacity = self.query_headers.len() as libc::c_uint;
        // SAFETY: `query_headers` has `capacity` entries. Each names one vector, one address, and at most one
        // control buffer of this batch with its true length; nothing borrows those during the call.
        let count = unsafe {
            libc::recvmmsg(
                socket.as_raw_fd(),
                self.query_headers.as_mut_ptr(),
                capacity,
                libc::MSG_WAITFORONE as _,
                ptr::null_mut(),
            )
        };
        self.received = usize::try_from(count).map_err(|_| io::Error::last_os_error())?;
        Ok(self.received)
    }

    /// The datagrams of this round, in order; those longer than the buffer are cut.
    pub fn queries(&self) -> impl Iterator<Item = &[u8]> + Clone {
        let buffers = self.queries.chunks_exact(self.query_octets);
        let headers = self.query_headers.iter().take(self.received);
        headers.zip(buffers).map(|(header, buffer)| &buffer[..(header.msg_len as usize).min(buffer.len())])
    }

    /// Whether nothing was received, or an empty datagram first.
    pub fn is_first_empty(&self) -> bool {
        self.received == 0 || self.query_headers.first().is_none_or(|header| header.msg_len == 0)
    }

    /// Offers each datagram with a buffer for its reply; `answer` returns the length of the reply, or
    /// `None` for no reply.
    pub fn answer_each(&mut self, mut answer: impl FnMut(Datagram<'_>, &mut [u8]) -> Option<usize>) {
        for index in 0..self.received {
            let header = &self.query_headers[index];
            let Some(peer) = decode_address(&self.addresses[index].0) else { continue };
            let query_at = index * self.query_octets;
            let query_length = (header.msg_len as usize).min(self.query_octets);
            let datagram = Datagram {
                index,
                bytes: &self.queries[query_at..query_at + query_length],
                peer,
                is_cut: header.msg_hdr.msg_flags & libc::MSG_TRUNC != 0,
            };
            let reply_at = self.queued * self.reply_octets;
            let reply = &mut self.replies[reply_at..reply_at + self.reply_octets];
            if let Some(length) = answer(datagram, reply) {
                self.queue(index, length.min(self.reply_octets));
            }
        }
    }

    /// Gives all replies to the kernel.
    pub fn send(&mut self, socket: &UdpSocket) -> SendReport {
        let mut report = SendReport::default();
        while report.sent + report.failed < self.queued {
            let rest = &mut self.reply_headers[report.sent + report.failed..self.queued];
            // SAFETY: `rest` has the given number of entries. Each was filled by `queue` in this round with
            // one vector, one address and at most one control buffer of this batch; nothing borrows those
            // during the call.
            let count = unsafe {
                libc::sendmmsg(socket.as_raw_fd(), rest.as_mut_ptr(), rest.len() as libc::c_uint, 0)
            };
            match usize::try_from(count) {
                Ok(count) => report.sent += count,
                Err(_) if io::Error::last_os_error().kind() == io::ErrorKind::Interrupted => {}
                // The error is that of the first remaining reply; the others have their own chance.
                Err(_) => report.failed += 1,
            }
        }
        self.queued = 0;
        report
    }

    /// Gives the slots that the kernel wrote to in the last round their full lengths back.
    fn prepare_used_slots(&mut self) {
        for index in 0..self.received {
            self.query_vectors[index] = libc::iovec {
                iov_base: (&raw mut self.queries[index * self.query_octets]).cast(),
                iov_len: self.query_octets,
            };
            let header = &mut self.query_headers[index].msg_hdr;
            header.msg_name = (&raw mut self.addresses[index]).cast();
            header.msg_namelen = ADDRESS_OCTETS as libc::socklen_t;
            header.msg_iov = &raw mut self.query_vectors[index];
            header.msg_iovlen = 1;
            header.msg_flags = 0;
            if let Some(controls) = &mut self.controls {
                header.msg_control = (&raw mut controls[index]).cast();
                header.msg_controllen = CONTROL_OCTETS as _;
            }
        }
    }

    /// Addresses the next reply to the sender of datagram `index`.
    fn queue(&mut self, index: usize, length: usize) {
        self.reply_vectors[self.queued] = libc::iovec {
            iov_base: (&raw mut self.replies[self.queued * self.reply_octets]).cast(),
            iov_len: length,
        };
        let received = self.query_headers[index].msg_hdr;
        let header = &mut self.reply_headers[self.queued].msg_hdr;
        header.msg_name = (&raw mut self.addresses[index]).cast();
        header.msg_namelen = received.msg_namelen;
        header.msg_iov = &raw mut self.reply_vectors[self.queued];
        header.msg_iovlen = 1;
        if let Some(controls) = &mut self.controls {
            let control = &mut controls[index];
            #[allow(clippy::unnecessary_cast, reason = "the C libraries differ in the type")]
            let control_length = received.msg_controllen as usize;
            if leave_from_destination(&mut control.0, control_length) {
                header.msg_control = (&raw mut *control).cast();
                header.msg_controllen = received.msg_controllen;
            } else {
                header.msg_control = ptr::null_mut();
                header.msg_controllen = 0;
            }
        }
        self.queued += 1;
    }
}

/// The next odd number of cache lines, in octets.
fn spread(octets: usize) -> usize {
    (octets.div_ceil(CACHE_LINE) | 1) * CACHE_LINE
}

/// Turns the control message that tells a datagram's destination into one that makes the reply leave from
/// there; false if there is none. Both are `in_pktinfo` or `in6_pktinfo`; only the interface is cleared, so
/// that the reply takes the route to the client, except for link-local addresses, which mean nothing without.
fn leave_from_destination(control: &mut [u8; CONTROL_OCTETS], length: usize) -> bool {
    let Some((header, data)) = control.split_at_mut_checked(CONTROL_HEADER_OCTETS) else { return false };
    let [.., a, b, c, d, e, f, g, h] = *header else { return false };
    let level = libc::c_int::from_ne_bytes([a, b, c, d]);
    let kind = libc::c_int::from_ne_bytes([e, f, g, h]);
    let data_length = length.saturating_sub(CONTROL_HEADER_OCTETS);
    match (level, kind) {
        (libc::IPPROTO_IP, libc::IP_PKTINFO) if data_length >= size_of::<libc::in_pktinfo>() => {
            // struct in_pktinfo { int ifindex; in_addr spec_dst; in_addr addr }
            data[..4].fill(0);
            true
        }
        (libc::IPPROTO_IPV6, libc::IPV6_PKTINFO) if data_length >= size_of::<libc::in6_pktinfo>() => {
            // struct in6_pktinfo { in6_addr addr; unsigned ifindex }
            let is_link_local = data[0] == 0xfe && data[1] & 0xc0 == 0x80;
            if !is_link_local {
                data[16..20].fill(0);
            }
            true
        }
        _ => false,
    }
}

/// Reads a socket address; `None` for another family and for port 0, to which nothing can be sent.
fn decode_address(octets: &[u8; ADDRESS_OCTETS]) -> Option<SocketAddr> {
    let [f0, f1, p0, p1, rest @ ..] = octets;
    let port = u16::from_be_bytes([*p0, *p1]);
    if port == 0 {
        return None;
    }
    match libc::c_int::from(u16::from_ne_bytes([*f0, *f1])) {
        libc::AF_INET => {
            let &address = rest.first_chunk::<4>()?;
            Some(SocketAddr::from((Ipv4Addr::from(address), port)))
        }
        libc::AF_INET6 => {
            let (&flow, rest) = rest.split_first_chunk::<4>()?;
            let (&address, rest) = rest.split_first_chunk::<16>()?;
            let &scope = rest.first_chunk::<4>()?;
            let address = Ipv6Addr::from(address);
            let (flow, scope) = (u32::from_be_bytes(flow), u32::from_ne_bytes(scope));
            Some(SocketAddr::V6(SocketAddrV6::new(address, port, flow, scope)))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sys::socket::{self, Turn};

    fn client_of(server: &UdpSocket, host: &str) -> UdpSocket {
        let client = UdpSocket::bind(format!("{host}:0")).unwrap();
        let port = server.local_addr().unwrap().port();
        client.connect(format!("{host}:{port}").parse::<SocketAddr>().unwrap()).unwrap();
        client.set_read_timeout(Some(std::time::Duration::from_secs(5))).unwrap();
        client
    }

    fn echo(batch: &mut Batch, server: &UdpSocket) -> (usize, SendReport) {
        let count = batch.receive(server).unwrap();
        batch.answer_each(|datagram, reply| {
            reply[..datagram.bytes.len()].copy_from_slice(datagram.bytes);
            (datagram.bytes != b"silence").then_some(datagram.bytes.len())
        });
        (count, batch.send(server))
    }

    #[test]
    fn replies_go_to_their_senders_and_silence_stays_silent() {
        let server = socket::udp("127.0.0.1:0".parse().unwrap(), Turn::First, 64 << 10).unwrap();
        let mut batch = Batch::new(8, 64, 64, ReplySource::Bound);
        let clients: Vec<_> = (0..4).map(|_| client_of(&server, "127.0.0.1")).collect();
        for round in 0..3u8 {
            clients[0].send(b"silence").unwrap();
            for (index, client) in clients.iter().enumerate().skip(1) {
                client.send(&vec![round; index]).unwrap();
            }
            let (mut received, mut sent) = (0, 0);
            while received < clients.len() {
                let (count, report) = echo(&mut batch, &server);
                received += count;
                sent += report.sent;
                assert_eq!(report.failed, 0);
            }
            assert_eq!(sent, clients.len() - 1);
            for (index, client) in clients.iter().enumerate().skip(1) {
                let mut reply = [0; 64];
                let length = client.recv(&mut reply).unwrap();
                assert_eq!(reply[..length], vec![round; index]);
            }
        }
    }

    #[test]
    fn a_datagram_longer_than_the_buffer_is_marked() {
        let server = socket::udp("127.0.0.1:0".parse().unwrap(), Turn::First, 64 << 10).unwrap();
        let client = client_of(&server, "127.0.0.1");
        client.send(&[7; 100]).unwrap();
        let mut batch = Batch::new(4, 64, 64, ReplySource::Bound);
        batch.receive(&server).unwrap();
        let mut seen = Vec::new();
        batch.answer_each(|datagram, _| {
            seen.push((datagram.bytes.len(), datagram.is_cut, datagram.peer));
            None
        });
        assert_eq!(seen, [(64, true, client.local_addr().unwrap())]);
        assert_eq!(batch.send(&server), SendReport::default());
    }

    #[test]
    fn a_wildcard_socket_replies_from_the_address_that_was_asked() {
        for (wildcard, host) in [("0.0.0.0:0", "127.0.0.2"), ("[::]:0", "[::1]")] {
            let Ok(server) = socket::udp(wildcard.parse().unwrap(), Turn::First, 64 << 10) else {
                assert!(wildcard.starts_with('['), "only IPv6 may be missing");
                continue;
            };
            // A connected client takes replies from the address it asked only.
            let client = client_of(&server, host);
            client.send(b"hello").unwrap();
            let mut batch = Batch::new(4, 64, 64, ReplySource::Destination);
            assert_eq!(echo(&mut batch, &server), (1, SendReport { sent: 1, failed: 0 }));
            assert_eq!(client.recv(&mut [0; 64]).unwrap(), 5);
        }
    }

    #[test]
    fn a_reply_that_cannot_be_sent_is_counted_and_the_others_go_out() {
        let server = socket::udp("127.0.0.1:0".parse().unwrap(), Turn::First, 64 << 10).unwrap();
        let client = client_of(&server, "127.0.0.1");
        client.send(b"one").unwrap();
        client.send(b"two").unwrap();
        let mut batch = Batch::new(4, 64, 64, ReplySource::Bound);
        while batch.receive(&server).unwrap() < 2 {
            client.send(b"two").unwrap();
        }
        batch.answer_each(|datagram, _| Some(datagram.bytes.len()));
        batch.reply_headers[0].msg_hdr.msg_namelen = 1;
        let report = batch.send(&server);
        assert_eq!(report.failed, 1);
        assert!(report.sent >= 1);
    }

    #[test]
    fn addresses_are_read_as_the_kernel_writes_them() {
        let mut octets = [0; ADDRESS_OCTETS];
        octets[..2].copy_from_slice(&(libc::AF_INET as u16).to_ne_bytes());
        octets[2..8].copy_from_slice(&[0, 53, 192, 0, 2, 1]);
        assert_eq!(decode_address(&octets), Some("192.0.2.1:53".parse().unwrap()));
        octets[3] = 0;
        assert_eq!(decode_address(&octets), None, "port 0");
        octets[..2].copy_from_slice(&(libc::AF_UNIX as u16).to_ne_bytes());
        octets[3] = 53;
        assert_eq!(decode_address(&octets), None, "another family");
    }
}
