//! Sockets with the options a DNS server needs.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::AsRawFd;

use socket2::{Domain, Protocol, Socket, Type};

use crate::limits;

/// Opens one of several UDP sockets on the same address; the kernel spreads clients over them.
///
/// A socket on a wildcard address reports which local address each datagram came to, so that the reply
/// leaves from there. IPv6 sockets never take IPv4 traffic: an address family is served where it is listed.
///
/// # Errors
/// What the kernel says, most often that the address is in use or not ours.
pub fn udp(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    // Smaller buffers than asked for only cost drops under bursts; the kernel limits them by its own setting.
    let _ = socket.set_recv_buffer_size(limits::UDP_RECEIVE_BUFFER);
    let _ = socket.set_send_buffer_size(limits::UDP_SEND_BUFFER);
    ignore_path_mtu(&socket, address);
    if address.ip().is_unspecified() {
        report_destinations(&socket, address)?;
    }
    socket.set_read_timeout(Some(limits::UDP_WAKE))?;
    socket.bind(&address.into())?;
    Ok(socket.into())
}

/// Opens one of several listening TCP sockets on the same address, non-blocking.
///
/// # Errors
/// What the kernel says, most often that the address is in use or not ours.
pub fn tcp(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    // Connections of the process before this one may linger in TIME-WAIT.
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    if address.is_ipv6() {
        socket.set_only_v6(true)?;
    }
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(limits::TCP_BACKLOG)?;
    Ok(socket.into())
}

/// Fails when another process, or another server in this one, holds the address.
///
/// Sockets with `SO_REUSEPORT` would quietly share it with the same user's other server, so the address is
/// first bound without, and let go.
///
/// # Errors
/// What the kernel says.
pub fn probe(address: SocketAddr) -> io::Result<()> {
    for (kind, protocol) in [(Type::DGRAM, Protocol::UDP), (Type::STREAM, Protocol::TCP)] {
        let socket = Socket::new(Domain::for_address(address), kind, Some(protocol))?;
        if address.is_ipv6() {
            socket.set_only_v6(true)?;
        }
        if kind == Type::STREAM {
            socket.set_reuse_address(true)?;
        }
        socket.bind(&address.into())?;
    }
    Ok(())
}

/// Wakes a thread that waits for a datagram on the socket.
pub fn wake(socket: &UdpSocket) {
    // Linux reports "not connected" and wakes the waiting reader all the same.
    let _ = socket2::SockRef::from(socket).shutdown(std::net::Shutdown::Read);
}

/// Sends replies without the don't-fragment bit and without trusting path MTU messages, which anyone can forge to
/// make replies fragment (RFC 8900, 6.1).
fn ignore_path_mtu(socket: &Socket, address: SocketAddr) {
    let (level, option, value) = if address.is_ipv4() {
        (libc::IPPROTO_IP, libc::IP_MTU_DISCOVER, libc::IP_PMTUDISC_OMIT)
    } else {
        (libc::IPPROTO_IPV6, libc::IPV6_MTU_DISCOVER, libc::IPV6_PMTUDISC_OMIT)
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
    // SAFETY: the descriptor is open for as long as `socket` is borrowed, and the value pointer is to an integer of
    // the length given that outlives the call.
    let status =
        unsafe { libc::setsockopt(socket.as_raw_fd(), level, option, (&raw const value).cast(), length) };
    if status == 0 { Ok(()) } else { Err(io::Error::last_os_error()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn several_sockets_share_an_address_and_a_probe_sees_them() {
        let anywhere = "127.0.0.1:0".parse().unwrap();
        let first = udp(anywhere).unwrap();
        let address = first.local_addr().unwrap();
        let _second = udp(address).unwrap();
        assert_eq!(probe(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);

        let first = tcp(anywhere).unwrap();
        let address = first.local_addr().unwrap();
        let _second = tcp(address).unwrap();
        assert_eq!(probe(address).unwrap_err().kind(), io::ErrorKind::AddrInUse);
    }

    #[test]
    fn a_waiting_reader_wakes_up() {
        let socket = udp("127.0.0.1:0".parse().unwrap()).unwrap();
        socket.set_read_timeout(None).unwrap();
        wake(&socket);
        assert!(matches!(socket.recv(&mut [0; 16]), Ok(0) | Err(_)));
    }
}
