//! The floor: what it costs to move a query in and a reply out, with nothing in between.
//!
//! The reply is the query with QR set and one fixed record behind it. UDP is one thread on `recvmmsg` and
//! `sendmmsg`, TCP one thread on `epoll` with one read and one write for everything that arrived together.
//! Written apart from the server's own transports, so that those cannot lower their own bar.

use std::{
    collections::HashMap,
    io::{ErrorKind, IoSlice, IoSliceMut, Read, Write},
    net::{SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::fd::AsRawFd,
};

use anyhow::Result;
use nix::sys::{
    epoll::{Epoll, EpollCreateFlags, EpollEvent, EpollFlags, EpollTimeout},
    socket::{MsgFlags, MultiHeaders, SockaddrIn, recvmmsg, sendmmsg},
};

/// Datagrams taken at once; as the server.
const BATCH: usize = 64;
/// Octets that hold any query and its reply.
const OCTETS: usize = 512;
/// A pointer to the question's name, A, IN, 300 s, 192.0.2.1.
const RECORD: [u8; 16] = [0xc0, 12, 0, 1, 0, 1, 0, 0, 1, 44, 0, 4, 192, 0, 2, 1];

/// Turns the query at the front of `message` into its reply; returns the new length.
pub fn answer(message: &mut [u8], length: usize) -> usize {
    message[2] |= 0x80;
    message[7] = 1;
    message[length..length + RECORD.len()].copy_from_slice(&RECORD);
    length + RECORD.len()
}

/// Serves UDP and TCP at `address` for good.
///
/// # Errors
/// When a socket cannot be opened or fails.
pub fn serve(address: SocketAddr) -> Result<()> {
    let socket = UdpSocket::bind(address)?;
    let listener = TcpListener::bind(address)?;
    std::thread::spawn(move || serve_udp(&socket));
    serve_tcp(&listener)
}

fn serve_udp(socket: &UdpSocket) -> Result<()> {
    let mut headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut reply_headers = MultiHeaders::<SockaddrIn>::preallocate(BATCH, None);
    let mut buffers = Box::new([[0; OCTETS]; BATCH]);
    let mut peers = [None; BATCH];
    let mut lengths = [0; BATCH];
    loop {
        let mut count = 0;
        {
            let mut slices =
                buffers.each_mut().map(|buffer| [IoSliceMut::new(&mut buffer[..OCTETS - RECORD.len()])]);
            let flags = MsgFlags::MSG_WAITFORONE;
            for message in recvmmsg(socket.as_raw_fd(), &mut headers, &mut slices, flags, None)? {
                peers[count] = message.address;
                lengths[count] = message.bytes;
                count += 1;
            }
        }
        for (buffer, length) in buffers.iter_mut().zip(&mut lengths).take(count) {
            *length = answer(buffer, *length);
        }
        let slices: [[IoSlice<'_>; 1]; BATCH] =
            std::array::from_fn(|index| [IoSlice::new(&buffers[index][..lengths[index]])]);
        // What the kernel does not take is lost, as with any datagram.
        let _ = sendmmsg(
            socket.as_raw_fd(),
            &mut reply_headers,
            &slices[..count],
            &peers[..count],
            [],
            MsgFlags::empty(),
        );
    }
}

fn serve_tcp(listener: &TcpListener) -> Result<()> {
    const LISTENER: u64 = u64::MAX;
    let epoll = Epoll::new(EpollCreateFlags::empty())?;
    epoll.add(listener, EpollEvent::new(EpollFlags::EPOLLIN, LISTENER))?;
    let mut connections: HashMap<u64, (TcpStream, Vec<u8>)> = HashMap::new();
    let mut events = [EpollEvent::empty(); BATCH];
    let mut input = vec![0; 65_536];
    let mut output = Vec::new();
    loop {
        let count = epoll.wait(&mut events, EpollTimeout::NONE)?;
        for event in &events[..count] {
            let key = event.data();
            if key == LISTENER {
                let (stream, _) = listener.accept()?;
                stream.set_nodelay(true)?;
                let key = stream.as_raw_fd() as u64;
                epoll.add(&stream, EpollEvent::new(EpollFlags::EPOLLIN, key))?;
                connections.insert(key, (stream, Vec::new()));
                continue;
            }
            let Some((stream, rest)) = connections.get_mut(&key) else { continue };
            if !echo_stream(stream, rest, &mut input, &mut output)? {
                // Closing it takes it out of the epoll set.
                connections.remove(&key);
            }
        }
    }
}

/// Answers what has arrived on a connection; false once it is closed. `rest` keeps a query that has not
/// arrived wholly.
fn echo_stream(
    stream: &mut TcpStream,
    rest: &mut Vec<u8>,
    input: &mut [u8],
    output: &mut Vec<u8>,
) -> Result<bool> {
    let kept = rest.len();
    input[..kept].copy_from_slice(rest);
    let arrived = match stream.read(&mut input[kept..]) {
        Ok(0) => return Ok(false),
        Ok(count) => kept + count,
        Err(error) if error.kind() == ErrorKind::ConnectionReset => return Ok(false),
        Err(error) => return Err(error.into()),
    };
    output.clear();
    let mut pending = &input[..arrived];
    while let Some((&[high, low], behind)) = pending.split_first_chunk() {
        let length = usize::from(u16::from_be_bytes([high, low]));
        let Some((query, behind)) = behind.split_at_checked(length) else { break };
        let start = output.len() + 2;
        output.extend(((length + RECORD.len()) as u16).to_be_bytes());
        output.extend(query);
        output.extend(RECORD);
        answer(&mut output[start..], length);
        pending = behind;
    }
    rest.clear();
    rest.extend(pending);
    Ok(stream.write_all(output).is_ok())
}
