//! A small DNS client: one question, one reply, over UDP or TCP, with or without EDNS.

use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket},
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use hickory_proto::{
    op::{Edns, Message, MessageType, OpCode, Query, ResponseCode},
    rr::{
        Name, Record, RecordType,
        rdata::opt::{ClientSubnet, EdnsCode, EdnsOption},
    },
};

/// How long a step on a TCP connection may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// How long a reply over UDP is waited for, and how often it is asked for.
const RETRY_AFTER: Duration = Duration::from_secs(1);
const TRIES: usize = 20;

/// A question and how it is asked.
#[derive(Debug, Clone)]
pub struct Question {
    /// The name, absolute, with or without its final dot.
    pub name: String,
    /// The type.
    pub rtype: RecordType,
    /// The EDNS Client Subnet to send.
    pub subnet: Option<(IpAddr, u8)>,
    /// The UDP payload size to offer; `None` sends no OPT unless a subnet needs one.
    pub payload: Option<u16>,
    /// Whether to set DO.
    pub dnssec_ok: bool,
}

impl Question {
    /// A plain question without EDNS.
    pub fn new(name: &str, rtype: RecordType) -> Self {
        Self { name: name.into(), rtype, subnet: None, payload: None, dnssec_ok: false }
    }

    /// The same question for a client in `prefix`, such as `192.0.2.0/24`.
    pub fn subnet(mut self, prefix: &str) -> Self {
        let (address, bits) = prefix.split_once('/').expect("a prefix has a slash");
        self.subnet = Some((address.parse().expect("address"), bits.parse().expect("bits")));
        self
    }

    /// The same question with an OPT record that offers `payload` octets.
    pub fn payload(mut self, payload: u16) -> Self {
        self.payload = Some(payload);
        self
    }

    /// The question on the wire, under message id `id`.
    ///
    /// # Errors
    /// When the name does not parse.
    pub fn to_wire(&self, id: u16) -> Result<Vec<u8>> {
        let mut message = Message::new(id, MessageType::Query, OpCode::Query);
        let mut name = Name::from_ascii(&self.name)?;
        name.set_fqdn(true);
        message.add_query(Query::query(name, self.rtype));
        if self.payload.is_some() || self.subnet.is_some() || self.dnssec_ok {
            let mut edns = Edns::new();
            edns.set_max_payload(self.payload.unwrap_or(1232));
            edns.set_version(0);
            edns.set_dnssec_ok(self.dnssec_ok);
            if let Some((address, bits)) = self.subnet {
                edns.options_mut().insert(EdnsOption::Subnet(ClientSubnet::new(address, bits, 0)));
            }
            message.set_edns(edns);
        }
        Ok(message.to_vec()?)
    }
}

/// A reply, decoded.
#[derive(Debug, Clone)]
pub struct Answered {
    /// The whole message.
    pub message: Message,
    /// Its octets on the wire.
    pub octets: usize,
}

impl Answered {
    fn parse(wire: &[u8], id: u16) -> Result<Self> {
        let message = Message::from_vec(wire).context("the reply does not parse")?;
        ensure!(message.id == id, "reply to another question");
        Ok(Self { octets: wire.len(), message })
    }

    /// The response code.
    pub fn rcode(&self) -> ResponseCode {
        self.message.response_code
    }

    /// The answer section as sorted `type rdata` lines, so that sets compare.
    pub fn answers(&self) -> Vec<String> {
        let mut lines = self.answers_in_order();
        lines.sort();
        lines
    }

    /// The answer section as `type rdata` lines in the order received.
    pub fn answers_in_order(&self) -> Vec<String> {
        self.message.answers.iter().map(line).collect()
    }

    /// The authority section as sorted `type rdata` lines.
    pub fn authorities(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.message.authorities.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// The additional section (without OPT) as sorted `type rdata` lines.
    pub fn additionals(&self) -> Vec<String> {
        let mut lines: Vec<_> = self.message.additionals.iter().map(line).collect();
        lines.sort();
        lines
    }

    /// The scope of the EDNS Client Subnet option in the reply.
    pub fn scope(&self) -> Option<u8> {
        let edns = self.message.edns.as_ref()?;
        match edns.option(EdnsCode::Subnet)? {
            EdnsOption::Subnet(subnet) => Some(subnet.scope_prefix()),
            _ => None,
        }
    }
}

fn line(record: &Record) -> String {
    format!("{} {}", record.record_type(), record.data)
}

/// Asks over UDP, again each second while nothing comes back, as a resolver does: datagrams get lost when a
/// socket's buffer is full.
///
/// # Errors
/// When nothing comes back at all or the reply does not parse.
pub fn exchange_udp(server: SocketAddr, question: &Question) -> Result<Answered> {
    let socket = UdpSocket::bind(local_for(server))?;
    socket.connect(server)?;
    socket.set_read_timeout(Some(RETRY_AFTER))?;
    let id = 0x5e77;
    let wire = question.to_wire(id)?;
    let mut buffer = vec![0; 65_535];
    for _ in 0..TRIES {
        socket.send(&wire)?;
        match socket.recv(&mut buffer) {
            Ok(length) => return Answered::parse(&buffer[..length], id),
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => {}
            Err(error) => return Err(error.into()),
        }
    }
    bail!("no reply to {question:?}")
}

/// Asks over TCP: all questions are sent before the first reply is read (RFC 7766, 6.2.1.1), and the
/// replies are returned in the order of the questions.
///
/// # Errors
/// When the connection fails, a reply is missing after ten seconds, or one does not parse.
pub fn exchange_tcp(server: SocketAddr, questions: &[Question]) -> Result<Vec<Answered>> {
    let mut stream = TcpStream::connect_timeout(&server, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    let mut request = Vec::new();
    for (question, id) in questions.iter().zip(1u16..) {
        let wire = question.to_wire(id)?;
        request.extend(u16::try_from(wire.len())?.to_be_bytes());
        request.extend(wire);
    }
    stream.write_all(&request)?;
    let mut replies: Vec<Option<Answered>> = vec![None; questions.len()];
    for _ in questions {
        let mut length = [0; 2];
        stream.read_exact(&mut length)?;
        let mut wire = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut wire)?;
        let id = u16::from_be_bytes([wire[0], wire[1]]);
        let place = replies.get_mut(usize::from(id).wrapping_sub(1)).context("reply to no question")?;
        ensure!(place.is_none(), "two replies to one question");
        *place = Some(Answered::parse(&wire, id)?);
    }
    Ok(replies.into_iter().flatten().collect())
}

fn local_for(server: SocketAddr) -> SocketAddr {
    match server {
        SocketAddr::V4(_) => (Ipv4Addr::LOCALHOST, 0).into(),
        SocketAddr::V6(_) => (std::net::Ipv6Addr::LOCALHOST, 0).into(),
    }
}
