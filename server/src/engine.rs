//! The engine: one function from a query's octets to a reply's.
//!
//! A transport hands over the queries that came together with [`Responder::read_ahead`] and then has each answered;
//! [`Responder::answer`] does the same for one. The engine decides what kind of message it has before it and hands queries
//! for names to the resolver. It never blocks, never allocates and never panics, whatever the octets.

use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use arc_swap::{ArcSwap, Cache};
use filters::Entropy;
use geoip_data::{GeoData, GeoHandle};
use zones::{Asker, QueryName, RecordType, Snapshot, SnapshotCell, TallyKeys, Workspace, ZoneMatch};

use crate::edns::client_subnet::likely_network;
use crate::edns::cookie::{CookieOption, Demand};
use crate::edns::extended_error::ExtendedError;
use crate::edns::keepalive::IdleTimeout;
use crate::edns::options::ReplyOptions;
use crate::limits;
use crate::message::build::{Full, ReplyBuilder, ReplyEdns, allowed_octets};
use crate::message::compress::NameTable;
use crate::message::parse::{Edns, Header, PseudoRecords};
use crate::message::{HEADER_OCTETS, Opcode, ResponseCode, class, flags};
use crate::policy::Policy;
use crate::query::{Query, QuestionName, Sender, Unreadable, Verdict};
use crate::resolve::{Authority, Resolution};
use crate::steering::Steering;
use crate::telemetry::counters::{Counter, Counters};
use crate::telemetry::tally::TallyWriter;

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
    own: Own,
    /// The name of the question: room that is used again for each query.
    question: Box<QueryName>,
    ahead: ReadAhead,
}

/// The names of questions that were read before the first of them is answered.
struct ReadAhead {
    names: Box<[QueryName]>,
    /// Which of them could be read.
    are_read: [bool; limits::READ_AHEAD],
}

impl ReadAhead {
    /// Reads the names of the first queries and tells how many it took.
    fn read<'q>(&mut self, queries: impl Iterator<Item = &'q [u8]>) -> usize {
        let mut count = 0;
        for ((name, is_read), query) in self.names.iter_mut().zip(&mut self.are_read).zip(queries) {
            *is_read = name.read(query, HEADER_OCTETS).is_ok();
            count += 1;
        }
        self.are_read[count..].fill(false);
        count
    }

    /// The name of a question, if it was read.
    #[inline]
    fn name(&self, index: usize) -> Option<&QueryName> {
        let is_read = self.are_read.get(index).is_some_and(|is_read| *is_read);
        self.names.get(index).filter(|_| is_read)
    }
}

/// Answers queries that came together.
pub struct Together<'r> {
    answerer: Answerer<'r>,
    question: &'r mut QueryName,
    ahead: &'r ReadAhead,
    zones: [Option<ZoneMatch<'r>>; limits::READ_AHEAD],
}

impl Together<'_> {
    /// Answers the query that was number `index`, from 0, of those that came together, as [`Responder::answer`] does.
    /// The octets must be the same as then: their name is not read again.
    #[inline]
    pub fn answer(&mut self, index: usize, query: &[u8], from: Peer, out: &mut [u8]) -> Disposition {
        let Some(name) = self.ahead.name(index) else {
            return self.answerer.answer_alone(query, self.question, from, out);
        };
        let name = QuestionName { name, is_whole: true };
        let zone = self.zones.get(index).map_or(FoundZone::NotLookedFor, |zone| FoundZone::Known(*zone));
        self.answerer.answer(query, name, zone, from, out)
    }

    /// What the responder and its transport count.
    pub fn counters(&self) -> &Counters {
        &self.answerer.own.counters
    }
}

/// All that an answer is made with.
struct Answerer<'r> {
    snapshot: &'r Snapshot,
    geo: &'r GeoData,
    own: &'r mut Own,
}

/// What belongs to one responder.
struct Own {
    udp_payload: u16,
    policy: Arc<Policy>,
    idle_timeout: Option<IdleTimeout>,
    /// Options of the reply being made: room that is used again for each query that has options.
    options: ReplyOptions,
    entropy: Entropy,
    workspace: Workspace,
    names: NameTable,
    /// The name an alias led to: room that is used again for each query.
    alias: Box<QueryName>,
    counters: Arc<Counters>,
    tally: Option<TallyWriter>,
}

/// A reply that is written.
struct Answered {
    octets: usize,
    code: ResponseCode,
    is_truncated: bool,
}

impl Responder {
    /// A responder that reads `snapshot` and `geo` as they are at each query, and sends UDP replies of up to
    /// `udp_payload` octets. All its draws follow from `seed`.
    pub fn new(snapshot: &SnapshotCell, geo: &GeoHandle, udp_payload: u16, seed: u64) -> Self {
        let own = Own {
            udp_payload,
            policy: Arc::default(),
            idle_timeout: None,
            options: ReplyOptions::default(),
            entropy: filters::from_seed_u64(seed),
            workspace: Workspace::default(),
            names: NameTable::default(),
            alias: Box::default(),
            counters: Arc::new(Counters::default()),
            tally: None,
        };
        let names = vec![QueryName::default(); limits::READ_AHEAD].into_boxed_slice();
        Self {
            snapshot: Cache::new(Arc::clone(snapshot)),
            geo: Cache::new(Arc::clone(geo.cell())),
            own,
            question: Box::default(),
            ahead: ReadAhead { names, are_read: [false; limits::READ_AHEAD] },
        }
    }

    /// The same responder with another than the default policy.
    pub fn with_policy(mut self, policy: Arc<Policy>) -> Self {
        self.own.policy = policy;
        self
    }

    /// The same responder, which tells clients with connections for how long these may be idle (RFC 7828).
    pub fn with_idle_timeout(mut self, timeout: Duration) -> Self {
        self.own.idle_timeout = Some(IdleTimeout::new(timeout));
        self
    }

    /// The same responder, which tells `tally` for which zone and record each query was (see [`Responder::finish_batch`]).
    pub fn with_tally(mut self, tally: TallyWriter) -> Self {
        self.own.tally = Some(tally);
        self
    }

    /// The longest reply over UDP, in octets.
    pub fn udp_payload(&self) -> usize {
        usize::from(self.own.udp_payload)
    }

    /// What this responder and its transport count.
    pub fn counters(&self) -> &Arc<Counters> {
        &self.own.counters
    }

    /// Lets go of data that has been replaced. Answering does so, too; this is for a worker without queries,
    /// which would hold on to old data otherwise.
    pub fn refresh(&mut self) {
        self.snapshot.load();
        self.geo.load();
    }

    /// Reads the names of queries that came together, the first [`limits::READ_AHEAD`] of them, and brings what their
    /// answers will read closer to the processor. They are then answered one by one, all from the same data.
    ///
    /// Nothing of this changes an answer; queries that cannot be read are passed over.
    pub fn read_ahead<'q>(&mut self, queries: impl Iterator<Item = &'q [u8]> + Clone) -> Together<'_> {
        let queries = queries.take(limits::READ_AHEAD);
        let count = self.ahead.read(queries.clone());
        let (snapshot, geo, ahead) = (self.snapshot.load(), self.geo.load(), &self.ahead);
        let mut zones = [None; limits::READ_AHEAD];
        snapshot.find_zones(&ahead.names[..count], &mut zones);
        warm_places(geo, queries);
        let answerer = Answerer { snapshot, geo, own: &mut self.own };
        Together { answerer, question: &mut self.question, ahead, zones }
    }

    /// Tells for which zones and records the last queries were. A transport calls this after it has sent the replies
    /// to those that came together.
    pub fn finish_batch(&mut self) {
        let Own { tally, counters, .. } = &mut self.own;
        if let Some(tally) = tally {
            count_lost(counters, tally.flush());
        }
    }

    /// Answers one query. Never blocks, never allocates, never panics, whatever the octets.
    ///
    /// The reply goes to the front of `out`, which should have room for the largest reply of the transport; a
    /// smaller buffer acts like a smaller client.
    pub fn answer(&mut self, query: &[u8], from: Peer, out: &mut [u8]) -> Disposition {
        let mut answerer =
            Answerer { snapshot: self.snapshot.load(), geo: self.geo.load(), own: &mut self.own };
        answerer.answer_alone(query, &mut self.question, from, out)
    }
}

/// Reads where the clients of queries with a client subnet are.
fn warm_places<'q>(geo: &GeoData, queries: impl Iterator<Item = &'q [u8]>) {
    let mut networks = [Ipv4Addr::UNSPECIFIED; limits::READ_AHEAD];
    let mut count = 0;
    for (slot, network) in networks.iter_mut().zip(queries.filter_map(likely_network)) {
        *slot = network;
        count += 1;
    }
    if count > 1 {
        geo.warm_places(&networks[..count]);
    }
}

/// The zone of a question, for all types but DS.
#[derive(Clone, Copy)]
enum FoundZone<'r> {
    NotLookedFor,
    Known(Option<ZoneMatch<'r>>),
}

impl<'r> Answerer<'r> {
    fn answer_alone(
        &mut self,
        query: &[u8],
        name: &mut QueryName,
        from: Peer,
        out: &mut [u8],
    ) -> Disposition {
        let is_whole = name.read(query, HEADER_OCTETS).is_ok();
        self.answer(query, QuestionName { name, is_whole }, FoundZone::NotLookedFor, from, out)
    }

    fn answer(
        &mut self,
        query: &[u8],
        name: QuestionName<'_>,
        zone: FoundZone<'r>,
        from: Peer,
        out: &mut [u8],
    ) -> Disposition {
        self.own.counters.count(match from.transport {
            Transport::Udp => Counter::UdpQueries,
            Transport::Tcp => Counter::TcpQueries,
        });
        match self.respond(query, name, zone, from, out) {
            Ok(answered) => {
                self.own.counters.count(Counter::of_response(answered.code));
                if answered.is_truncated {
                    self.own.counters.count(Counter::Truncated);
                }
                Disposition::Reply(answered.octets)
            }
            Err(reason) => {
                self.own.counters.count(reason.counter());
                Disposition::Drop(reason)
            }
        }
    }

    fn respond(
        &mut self,
        packet: &[u8],
        name: QuestionName<'_>,
        zone: FoundZone<'r>,
        from: Peer,
        out: &mut [u8],
    ) -> Result<Answered, DropReason> {
        let header = Header::read(packet).ok_or(DropReason::Short)?;
        if header.is_response() {
            return Err(DropReason::Response);
        }
        let mut pseudo_records = PseudoRecords::default();
        let query = match Query::read(packet, header, name, &mut pseudo_records) {
            Ok(query) => query,
            Err(Unreadable { question }) => {
                let is_known = header.opcode() != Opcode::Other;
                let code = if is_known { ResponseCode::FormatError } else { ResponseCode::NotImplemented };
                return self.decline(&header, question, None, (code, None), out);
            }
        };
        let sender = match query.edns() {
            Some(edns) => self.read_options(edns, from),
            None => Sender::WithoutCookie,
        };
        match query.verdict(sender, self.is_proof_demanded(from.transport)) {
            Verdict::Resolve => self.resolve(&query, zone, from, out),
            Verdict::Describe => self.describe(&query, out),
            Verdict::Decline(code, error) => {
                self.decline(&header, query.question, query.edns(), (code, error), out)
            }
            Verdict::UnknownKey => self.decline_signed(&query, packet, out),
        }
    }

    /// Reads the options of a query, and prepares those of the reply that do not depend on the answer.
    fn read_options(&mut self, edns: &Edns<'_>, from: Peer) -> Sender {
        self.own.counters.count(Counter::Edns);
        if edns.client_subnet.is_some() {
            self.own.counters.count(Counter::ClientSubnet);
        }
        self.own.options.clear();
        if edns.is_malformed {
            return Sender::WithoutCookie;
        }
        let sender = edns.cookie.map_or(Sender::WithoutCookie, |cookie| self.check_cookie(&cookie, from));
        if let Some(nsid) = self.own.policy.nsid.as_ref().filter(|_| edns.wants_nsid) {
            self.own.options.nsid(nsid);
        }
        // In datagrams the option means nothing (RFC 7828, 3.2.1).
        let is_stream = from.transport == Transport::Tcp;
        if let Some(timeout) = self.own.idle_timeout.filter(|_| edns.wants_keepalive && is_stream) {
            self.own.options.keepalive(timeout);
        }
        sender
    }

    #[inline(never)]
    fn check_cookie(&mut self, cookie: &CookieOption<'_>, from: Peer) -> Sender {
        let Some(cookies) = &self.own.policy.cookies else { return Sender::WithoutCookie };
        let since_1970 = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
        let checked = cookies.check(cookie, from.address.ip(), since_1970.as_secs() as u32);
        self.own.options.cookie(&checked.reply);
        self.own.counters.count(Counter::Cookie);
        if checked.is_valid {
            self.own.counters.count(Counter::ValidCookie);
            Sender::Proven
        } else if cookie.has_server_cookie() {
            Sender::Doubtful
        } else {
            Sender::New
        }
    }

    /// A connection proves an address as well.
    fn is_proof_demanded(&self, transport: Transport) -> bool {
        let demand = self.own.policy.cookies.as_ref().map(|cookies| cookies.demand);
        demand == Some(Demand::ServerCookie) && transport == Transport::Udp
    }

    /// Answers without records.
    #[cold]
    fn decline(
        &mut self,
        header: &Header,
        question: &[u8],
        edns: Option<&Edns<'_>>,
        (code, error): (ResponseCode, Option<ExtendedError>),
        out: &mut [u8],
    ) -> Result<Answered, DropReason> {
        if code == ResponseCode::FormatError || header.opcode() == Opcode::Other {
            // No reply to nonsense is longer than it.
            self.own.options.clear();
        }
        let edns = edns.map(|edns| reply_edns(self.own.udp_payload, edns, &self.own.options));
        let allowed = limits::MINIMUM_UDP_PAYLOAD;
        let mut reply = ReplyBuilder::new(out, allowed, question, edns, &mut self.own.names)?;
        if let Some(error) = error {
            reply.explain(error);
        }
        let octets = reply.finish(header.id, reply_flags(header), code, 0);
        Ok(Answered { octets, code, is_truncated: false })
    }

    /// Answers a query that is signed, with whatever key: we know none.
    #[cold]
    fn decline_signed(
        &mut self,
        query: &Query<'_>,
        packet: &[u8],
        out: &mut [u8],
    ) -> Result<Answered, DropReason> {
        let code = (ResponseCode::NotAuthorized, None);
        let answered = self.decline(&query.header, query.question, query.edns(), code, out)?;
        let allowed = out.len().min(limits::MINIMUM_UDP_PAYLOAD);
        // With names so long that there is no room for the record, the response code must do.
        let signed = query.signature(packet).zip(out.get_mut(..allowed));
        let octets = signed.and_then(|(signature, out)| signature.append_bad_key(out, answered.octets));
        Ok(Answered { octets: octets.unwrap_or(answered.octets), ..answered })
    }

    /// Answers a question about the server itself, if the operator lets us.
    #[cold]
    fn describe(&mut self, query: &Query<'_>, out: &mut [u8]) -> Result<Answered, DropReason> {
        let Some(text) = self.own.policy.server_text(query.name) else {
            let code = (ResponseCode::Refused, Some(ExtendedError::NotSupported));
            return self.decline(&query.header, query.question, query.edns(), code, out);
        };
        let edns = query.edns().map(|edns| reply_edns(self.own.udp_payload, edns, &self.own.options));
        let allowed = limits::MINIMUM_UDP_PAYLOAD;
        let mut reply = ReplyBuilder::new(out, allowed, query.question, edns, &mut self.own.names)?;
        let whole = reply.mark();
        let is_truncated = reply.server_text(text.rdata()).is_err();
        if is_truncated {
            reply.go_back(whole);
        }
        let truncated = if is_truncated { flags::TRUNCATED } else { 0 };
        let code = ResponseCode::NoError;
        let octets = reply.finish(query.header.id, reply_flags(&query.header) | truncated, code, 0);
        Ok(Answered { octets, code, is_truncated })
    }

    /// Looks the question's name up and answers with what we hold.
    #[inline(never)]
    fn resolve(
        &mut self,
        query: &Query<'_>,
        zone: FoundZone<'r>,
        from: Peer,
        out: &mut [u8],
    ) -> Result<Answered, DropReason> {
        let allowed = match from.transport {
            Transport::Udp => {
                allowed_octets(query.edns().map(|edns| edns.payload_octets), self.own.udp_payload)
            }
            Transport::Tcp => limits::STREAM_MESSAGE_OCTETS,
        };
        let edns = query.edns().map(|edns| reply_edns(self.own.udp_payload, edns, &self.own.options));
        let subnet = query.edns().and_then(|edns| edns.client_subnet.as_ref());
        let reply = ReplyBuilder::new(out, allowed, query.question, edns, &mut self.own.names)?;
        let subnet = subnet.map(|subnet| (subnet.address(), subnet.source_bits()));
        // This is large and stays where it is made.
        let mut asker = Asker::new(from.address.ip(), subnet);
        let steering = Steering::new(
            &mut asker,
            self.geo,
            &mut self.own.entropy,
            &mut self.own.workspace,
            &self.own.counters,
        );
        let mut resolution =
            Resolution::new(self.snapshot, query.record_type, self.own.policy.any, reply, steering);
        let zone = match zone {
            FoundZone::Known(zone) if query.record_type != RecordType::DS => zone,
            _ => self.snapshot.find_zone(query.name, query.record_type),
        };
        let ending = resolution.run(query.name, zone, &mut self.own.alias);
        self.own.counters.count_type(query.record_type.into());
        if let Some((tally, answering)) = self.own.tally.as_mut().zip(ending.answering) {
            let lost = tally.add(TallyKeys::of_query(query.name, answering));
            count_lost(&self.own.counters, lost);
        }
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
}

#[inline]
fn count_lost(counters: &Counters, queries: u64) {
    if queries > 0 {
        counters.add(Counter::TallyLost, queries);
    }
}

fn reply_edns<'a>(udp_payload: u16, edns: &'a Edns<'_>, options: &'a ReplyOptions) -> ReplyEdns<'a> {
    ReplyEdns {
        payload_octets: udp_payload,
        dnssec_ok: edns.dnssec_ok,
        client_subnet: edns.client_subnet.as_ref().filter(|_| !edns.is_malformed),
        options: options.as_octets(),
        extended_error: None,
    }
}

/// What a reply repeats of the query's flags. Recursion is never available.
fn reply_flags(header: &Header) -> u16 {
    let copied = flags::OPCODE_MASK | flags::RECURSION_DESIRED | flags::CHECKING_DISABLED;
    flags::RESPONSE | (header.flags & copied)
}
