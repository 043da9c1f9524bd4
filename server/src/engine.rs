//! The engine: one function from a query's octets to a reply's.
//!
//! [`Responder::answer`] is what every transport calls, and all that it calls. It decides what kind of
//! message it has before it and hands queries for names to the resolver. It never blocks, never allocates and
//! never panics, whatever the octets.

use std::net::SocketAddr;
use std::sync::Arc;

use arc_swap::{ArcSwap, Cache};
use filters::Entropy;
use geoip_data::{GeoData, GeoHandle};
use zones::{Asker, QueryName, RecordType, Snapshot, SnapshotCell, Workspace};

use crate::limits;
use crate::message::build::{Full, ReplyBuilder, ReplyEdns, allowed_octets};
use crate::message::compress::NameTable;
use crate::message::parse::{Edns, Header, Malformed, read_edns};
use crate::message::{HEADER_OCTETS, Opcode, ResponseCode, class, flags, read_u16};
use crate::resolve::{Authority, Resolution};
use crate::steering::Steering;
use crate::telemetry::counters::{Counter, Counters};

/// How a query came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transport {
    /// In a datagram; replies are bounded by what the client takes.
    Udp,
    /// Over a connection; replies may have 65,535 octets.
    Tcp,
}

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// The source of the query. An IPv4-mapped IPv6 address counts as IPv4.
    pub address: SocketAddr,
    /// How the query came.
    pub transport: Transport,
}

/// What to do with a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Disposition {
    /// Send this many octets from the front of the buffer.
    Reply(usize),
    /// Send nothing.
    Drop(DropReason),
}

/// Why a query is not answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DropReason {
    /// It is shorter than a header: there is no identifier to answer with.
    Short,
    /// It is a reply; answering could make two servers talk for ever.
    Response,
    /// The buffer cannot hold even an empty reply.
    NoRoom,
}

impl DropReason {
    fn counter(self) -> Counter {
        match self {
            Self::Short => Counter::DroppedShort,
            Self::Response => Counter::DroppedResponse,
            Self::NoRoom => Counter::DroppedNoRoom,
        }
    }
}

impl From<Full> for DropReason {
    fn from(_: Full) -> Self {
        Self::NoRoom
    }
}

/// Answers queries. Each worker has its own.
pub struct Responder {
    snapshot: Cache<SnapshotCell, Arc<Snapshot>>,
    geo: Cache<Arc<ArcSwap<GeoData>>, Arc<GeoData>>,
    udp_payload: u16,
    entropy: Entropy,
    workspace: Workspace,
    names: NameTable,
    /// The name of the question, and the name an alias led to: room that is used again for each query.
    question: Box<QueryName>,
    alias: Box<QueryName>,
    counters: Arc<Counters>,
}

/// A reply that is written.
struct Answered {
    octets: usize,
    code: ResponseCode,
    is_truncated: bool,
}

/// A question and what came with it.
struct Query<'q> {
    header: Header,
    /// Name, type and class as sent.
    question: &'q [u8],
    record_type: RecordType,
    class: u16,
    edns: Option<Edns>,
}

impl Responder {
    /// A responder that reads `snapshot` and `geo` as they are at each query, and sends UDP replies of up to
    /// `udp_payload` octets. All its draws follow from `seed`.
    pub fn new(snapshot: &SnapshotCell, geo: &GeoHandle, udp_payload: u16, seed: u64) -> Self {
        Self {
            snapshot: Cache::new(Arc::clone(snapshot)),
            geo: Cache::new(Arc::clone(geo.cell())),
            udp_payload,
            entropy: filters::from_seed_u64(seed),
            workspace: Workspace::default(),
            names: NameTable::default(),
            question: Box::default(),
            alias: Box::default(),
            counters: Arc::new(Counters::default()),
        }
    }

    /// What this responder and its transport count.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.counters
    }

    /// Lets go of data that has been replaced. Answering does so, too; this is for a worker without queries,
    /// which would hold on to old data otherwise.
    pub fn refresh(&mut self) {
        self.snapshot.load();
        self.geo.load();
    }

    /// Brings what the answers to these queries will read closer to the processor. A transport that has taken
    /// several queries at once calls this before it answers the first of them.
    ///
    /// It changes no answer and cannot fail; queries that cannot be read are passed over.
    pub fn warm<'q>(&mut self, queries: impl Iterator<Item = &'q [u8]>) {
        self.snapshot.load().warm(queries.map(|query| query.get(HEADER_OCTETS..).unwrap_or(&[])));
    }

    /// Answers one query. Never blocks, never allocates, never panics, whatever the octets.
    ///
    /// The reply goes to the front of `out`, which should have room for the largest reply of the transport; a
    /// smaller buffer acts like a smaller client.
    pub fn answer(&mut self, query: &[u8], from: Peer, out: &mut [u8]) -> Disposition {
        self.counters.count(match from.transport {
            Transport::Udp => Counter::UdpQueries,
            Transport::Tcp => Counter::TcpQueries,
        });
        match self.respond(query, from, out) {
            Ok(answered) => {
                self.counters.count(Counter::of_response(answered.code));
                if answered.is_truncated {
                    self.counters.count(Counter::Truncated);
                }
                Disposition::Reply(answered.octets)
            }
            Err(reason) => {
                self.counters.count(reason.counter());
                Disposition::Drop(reason)
            }
        }
    }

    fn respond(&mut self, packet: &[u8], from: Peer, out: &mut [u8]) -> Result<Answered, DropReason> {
        let header = Header::read(packet).ok_or(DropReason::Short)?;
        if header.is_response() {
            return Err(DropReason::Response);
        }
        match header.opcode() {
            Opcode::Query => {}
            Opcode::Notify | Opcode::Update => {
                let question = read_question(packet, &mut self.question).unwrap_or(&[]);
                return self.refuse(&header, question, ResponseCode::Refused, None, out);
            }
            Opcode::Other => return self.refuse(&header, &[], ResponseCode::NotImplemented, None, out),
        }
        let Ok(query) = read_query(packet, header, &mut self.question) else {
            return self.refuse(&header, &[], ResponseCode::FormatError, None, out);
        };
        if let Some(edns) = query.edns {
            self.counters.count(Counter::Edns);
            if edns.client_subnet.is_some() {
                self.counters.count(Counter::ClientSubnet);
            }
        }
        match query.verdict() {
            Some(code) => self.refuse(&header, query.question, code, query.edns, out),
            None => self.resolve(&query, from, out),
        }
    }

    /// Answers without records.
    fn refuse(
        &mut self,
        header: &Header,
        question: &[u8],
        code: ResponseCode,
        edns: Option<Edns>,
        out: &mut [u8],
    ) -> Result<Answered, DropReason> {
        let edns = edns.map(|edns| self.reply_edns(&edns));
        let allowed = limits::MINIMUM_UDP_PAYLOAD;
        let reply = ReplyBuilder::new(out, allowed, question, edns, &mut self.names)?;
        let octets = reply.finish(header.id, reply_flags(header), code, 0);
        Ok(Answered { octets, code, is_truncated: false })
    }

    /// Looks the question's name up and answers with what we hold.
    fn resolve(&mut self, query: &Query<'_>, from: Peer, out: &mut [u8]) -> Result<Answered, DropReason> {
        let allowed = match from.transport {
            Transport::Udp => allowed_octets(query.edns.map(|edns| edns.payload_octets), self.udp_payload),
            Transport::Tcp => limits::STREAM_MESSAGE_OCTETS,
        };
        let edns = query.edns.map(|edns| self.reply_edns(&edns));
        let subnet = query.edns.and_then(|edns| edns.client_subnet);
        let reply = ReplyBuilder::new(out, allowed, query.question, edns, &mut self.names)?;
        let steering = Steering::new(
            Asker::new(from.address.ip(), subnet.map(|subnet| (subnet.address(), subnet.source_bits()))),
            self.geo.load(),
            &mut self.entropy,
            &mut self.workspace,
            &self.counters,
        );
        let mut resolution = Resolution::new(self.snapshot.load(), query.record_type, reply, steering);
        let ending = resolution.run(&self.question, &mut self.alias);
        let mut flags = reply_flags(&query.header);
        // Data of class ANY could have come from elsewhere as well (RFC 1035, 3.2.5): it is nobody's word.
        if ending.authority == Authority::Ours && query.class == class::IN {
            flags |= flags::AUTHORITATIVE;
        }
        if ending.is_truncated {
            flags |= flags::TRUNCATED;
        }
        let octets = resolution.finish(query.header.id, flags, ending.code);
        Ok(Answered { octets, code: ending.code, is_truncated: ending.is_truncated })
    }

    fn reply_edns(&self, edns: &Edns) -> ReplyEdns {
        ReplyEdns {
            payload_octets: self.udp_payload,
            dnssec_ok: edns.dnssec_ok,
            client_subnet: edns.client_subnet.filter(|_| !edns.is_malformed),
        }
    }
}

impl Query<'_> {
    /// The response code of a query that is well-formed and yet not one for data of ours.
    fn verdict(&self) -> Option<ResponseCode> {
        match self.edns {
            Some(Edns { version: 1.., .. }) => return Some(ResponseCode::BadVersion),
            Some(Edns { is_malformed: true, .. }) => return Some(ResponseCode::FormatError),
            _ => {}
        }
        if self.class != class::IN && self.class != class::ANY {
            return Some(ResponseCode::Refused);
        }
        match self.record_type {
            RecordType::AXFR | RecordType::IXFR => Some(ResponseCode::Refused),
            RecordType::MAILA | RecordType::MAILB => Some(ResponseCode::NotImplemented),
            // These are never asked for (RFC 6891, 6.1.1; RFC 8945, 5; RFC 2930, 3; RFC 9824, 3.4).
            RecordType::OPT | RecordType::TSIG | RecordType::TKEY | RecordType::NXNAME => {
                Some(ResponseCode::FormatError)
            }
            _ => None,
        }
    }
}

/// Reads a query with its one question, whose name goes into `name`.
fn read_query<'q>(packet: &'q [u8], header: Header, name: &mut QueryName) -> Result<Query<'q>, Malformed> {
    if header.question_count != 1 {
        return Err(Malformed);
    }
    let question = read_question(packet, name).ok_or(Malformed)?;
    let end = HEADER_OCTETS + question.len();
    Ok(Query {
        header,
        question,
        record_type: RecordType(read_u16(packet, end - 4).ok_or(Malformed)?),
        class: read_u16(packet, end - 2).ok_or(Malformed)?,
        edns: read_edns(packet, end, header.record_counts)?,
    })
}

/// The octets of the first question, and its name.
fn read_question<'q>(packet: &'q [u8], name: &mut QueryName) -> Option<&'q [u8]> {
    let name_end = name.read(packet, HEADER_OCTETS).ok()?;
    packet.get(HEADER_OCTETS..name_end + 4)
}

/// What a reply repeats of the query's flags. Recursion is never available.
fn reply_flags(header: &Header) -> u16 {
    let copied = flags::OPCODE_MASK | flags::RECURSION_DESIRED | flags::CHECKING_DISABLED;
    flags::RESPONSE | (header.flags & copied)
}
