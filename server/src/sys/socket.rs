//! Sockets with the options a DNS server needs.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits;

/// The place of a socket among those that share an address.
///
/// The first one is bound exclusively, so that it fails when anyone else has the address (sockets with
/// `SO_REUSEPORT` would quietly share it with another server of the same user), and shares it from then on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// The first socket of this server on the address.
    First,
    /// A further one.
    Further,
}

/// Opens one of several UDP sockets on the same address; the kernel spreads clients over them.
///
/// A socket on a wildcard address reports which local address each datagram came to, so that the reply
/// leaves from there. IPv6 sockets never take IPv4 traffic: an address family is served where it is listed.
///
/// The kernel is asked for a receive buffer of `receive_octets` and may grant less (see [`receive_buffer`]).
///
/// # Errors
/// What the kernel says, most often that the address is in use or not ours.
pub fn udp(address: SocketAddr, turn: Turn, receive_octets: usize) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    // Smaller buffers than asked for only cost drops under bursts; the kernel limits them by its own setting.
    let forced = libc::c_int::try_from(receive_octets).unwrap_or(libc::c_int::MAX);
    if set_option(&socket, libc::SOL_SOCKET, libc::SO_RCVBUFFORCE, forced).is_err() {
        // Without the privilege, as much as everybody may have.
        let _ = socket.set_recv_buffer_size(receive_octets);
    }
    let _ = socket.set_send_buffer_size(limits::UDP_SEND_BUFFER);
    forbid_fragments(&socket, address);
    if address.ip().is_unspecified() {
        report_destinations(&socket, address)?;
    }
    socket.set_read_timeout(Some(limits::UDP_WAKE))?;
    bind(&socket, address, turn)?;
    Ok(socket.into())
}

/// Octets of the receive buffer that the kernel granted.
pub fn receive_buffer(socket: &UdpSocket) -> usize {
    // Linux doubles what is asked for, to have room for its own structures, and tells the doubled number.
    socket2::SockRef::from(socket).recv_buffer_size().unwrap_or(0) / 2
}

/// Datagrams that the kernel dropped at this socket since it was opened, almost always because the receive
/// buffer was full. Asked of the socket, rather than told with each datagram (`SO_RXQ_OVFL`), it costs the
/// query path nothing. The kernel counts with 32 bits and starts over.
pub fn dropped(socket: &UdpSocket) -> u32 {
    const DROPS: usize = 8;
    let mut values = [0u32; DROPS + 1];
    let mut length = size_of_val(&values) as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed; the kernel writes at most `length`
    // octets to `values`, which has as many, and both outlive the call.
    let status = unsafe {
        libc::getsockopt(
            socket.as_raw_fd(),
            libc::SOL_SOCKET,
            libc::SO_MEMINFO,
            (&raw mut values).cast(),
            &raw mut length,
        )
    };
    // Kernels before 4.12 do not tell, and leave the zero.
    if status == 0 { values[DROPS] } else { 0 }
}

/// Opens one of several listening TCP sockets on the same address, non-blocking.
///
/// # Errors
/// What the kernel says, most often that the address is in use or not ours.
pub fn tcp(address: SocketAddr, turn: Turn) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the process before this one may linger in TIME-WAIT.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    bind(&socket, address, turn)?;
    socket.listen(limits::TCP_BACKLOG)?;
    Ok(socket.into())
}

fn bind(socket: &Socket, address: SocketAddr, turn: Turn) -> io::Result<()> {
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    match turn {
        Turn::First => {
            socket.bind(&address.into())?;
            socket.set_reuse_port(true)
        }
        Turn::Further => {
            socket.set_reuse_port(true)?;
            socket.bind(&address.into())
        }
    }
}

/// Lets the process open as many files as it may, if its present limit is below `wanted`.
pub fn raise_descriptor_limit(wanted: u64) {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the pointer is to a whole `rlimit` that outlives the call.
    let status = unsafe { libc::getrlimit(libc::RLIMIT_NOFILE, &raw mut limit) };
    if status == 0 && limit.rlim_cur < wanted {
        limit.rlim_cur = wanted.min(limit.rlim_max);
        // SAFETY: as above. A refusal leaves the limit as it was: fewer connections, each refused and
        // counted.
        unsafe { libc::setrlimit(libc::RLIMIT_NOFILE, &raw const limit) };
    }
}

/// Wakes a thread that waits for a datagram on the socket.
pub fn wake(socket: &UdpSocket) {
    // Linux reports "not connected" and wakes the waiting reader all the same.
    let _ = socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Read);
}

/// Sends replies whole or not at all (RFC 9715, 3.1: DF on IPv4, no fragments on IPv6), and does not trust path MTU
/// messages, which anyone can forge to make replies smaller (RFC 8900, 6.1). [`limits::DEFAULT_UDP_PAYLOAD`]
/// fits wherever IPv6 works. Without fragments the kernel need not draw an identification for each reply either.
fn forbid_fragments(socket: &Socket, address: SocketAddr) {
    let (level, option, value) = if address.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_PROBE)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_PROBE)
    };
    // Kernels without the option keep their default.
    let _ = set_option(socket, level, option, value);
}

fn report_destinations(socket: &Socket, address: SocketAddr) -> io::Result<()> {
    if address.is_ipv4() {
        set_option(socket, libc::IPPROTO_IP, libc::IP_PKTINFO, 1)
    } else {
        set_option(socket, libc::IPPROTO_IPV6, libc::IPV6_RECVPKTINFO, 1)
    }
}

fn set_option(
    socket: &Socket,
    level: libc::c_int,
    option: libc::c_int,
    value: libc::c_int,
) -> io::Result<()> {
    let length = size_of::<libc::c_int>() as libc::socklen_t;
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the value pointer is to an
    // integer of the length given that outlives the call.
    let status =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOME_ROOM: usize = 64 << 10;

    #[test]
    fn an_address_is_shared_within_a_server_and_with_nobody_else() {
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let first = udp(anywhere, Turn::First, SOME_ROOM).unwrap();
        let address = first.local_addr().unwrap();
        let _second = udp(address, Turn::Further, SOME_ROOM).unwrap();
        let _third = udp(address, Turn::Further, SOME_ROOM).unwrap();
        assert_eq!(udp(address, Turn::First, SOME_ROOM).unwrap_err().kind(), io::ErrorKind::AddrInUse);

        let first = tcp(anywhere, Turn::First).unwrap();
        let address = first.local_addr().unwrap();
        let _second = tcp(address, Turn::Further).unwrap();
        let _third = tcp(address, Turn::Further).unwrap();
        assert_eq!(tcp(address, Turn::First).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn the_descriptor_limit_is_never_lowered() {
        raise_descriptor_limit(0);
        raise_descriptor_limit(256);
        let sockets: Vec<_> =
            (0..128).map(|_| udp("127.0.0.1:0".parse().unwrap(), Turn::First, SOME_ROOM)).collect();
        assert!(sockets.iter().all(Result::is_ok));
    }

    #[test]
    fn a_waiting_reader_wakes_up() {
        let socket = udp("127.0.0.1:0".parse().unwrap(), Turn::First, SOME_ROOM).unwrap();
        socket.set_read_timeout(None).unwrap();
        wake(&socket);
        assert!(matches!(socket.recv(&mut [0; 16]), Ok(0) | Err(_)));
    }

    #[test]
    fn what_does_not_fit_the_receive_buffer_is_counted() {
        let socket = udp("127.0.0.1:0".parse().unwrap(), Turn::First, 4096).unwrap();
        assert!((2048..=4096).contains(&receive_buffer(&socket)), "{}", receive_buffer(&socket));
        let client = UdpSocket::bind("127.0.0.1:0").unwrap();
        for _ in 0..1000 {
            client.send_to(&[0; 64], socket.local_addr().unwrap()).unwrap();
        }
        socket.set_nonblocking(true).unwrap();
        let received = std::iter::from_fn(|| socket.recv(&mut [0; 64]).ok()).count();
        assert_eq!(received + dropped(&socket) as usize, 1000);
        assert!(received < 1000);
    }
}
