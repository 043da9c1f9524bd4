//! Zones in a few lines of text, queries, and replies as lines that compare.

use std::net::SocketAddr;
use std::sync::{Arc, OnceLock};

use arc_swap::ArcSwap;
use geoip_data::{GeoData, GeoHandle};
use hickory_proto::op::Message;
use hickory_proto::rr::{RData, Record};
use serde_json::Value;
use server::{Disposition, Peer, Responder, Transport};
use zones::{
    Change, CompiledRecord, Name, RecordDoc, RecordId, RecordType, SnapshotCell, World, ZoneSettings,
};

pub const A: u16 = 1;
pub const NS: u16 = 2;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const MX: u16 = 15;
pub const TXT: u16 = 16;
pub const AAAA: u16 = 28;
pub const SRV: u16 = 33;
pub const DS: u16 = 43;
pub const ANY: u16 = 255;

/// The address that asks unless a test says otherwise.
pub const CLIENT: &str = "198.51.100.7:4242";

/// A name in wire form.
pub fn wire(name: &str) -> Vec<u8> {
    Name::parse(name).unwrap().as_wire().to_vec()
}

/// A name in wire form that keeps the case of its letters.
pub fn wire_as_written(name: &str) -> Vec<u8> {
    let mut wire = Vec::new();
    for label in name.split('.').filter(|label| !label.is_empty()) {
        wire.push(label.len() as u8);
        wire.extend(label.as_bytes());
    }
    wire.push(0);
    wire
}

/// Zones under construction.
#[derive(Default)]
pub struct Zones {
    apexes: Vec<Name>,
    changes: Vec<Change>,
}

impl Zones {
    /// Reads lines of `zone APEX`, or `OWNER [TTL] TYPE DATA`; the TTL is 300 unless given. Lines of the same
    /// owner and type make one RRset.
    pub fn parse(text: &str) -> Self {
        let mut zones = Self::default();
        let mut rrsets: Vec<(Name, RecordType, u32, Vec<Vec<u8>>)> = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with(';')) {
            let words: Vec<&str> = line.split_whitespace().collect();
            if words[0] == "zone" {
                zones.zone(words[1]);
                continue;
            }
            let (ttl, rest) = match words[1].parse() {
                Ok(ttl) => (ttl, &words[2..]),
                Err(_) => (300, &words[1..]),
            };
            let owner = Name::parse(words[0]).unwrap();
            let rtype = RecordType::parse(rest[0]).unwrap();
            let data = rdata(rtype, &rest[1..]);
            match rrsets.iter_mut().find(|set| set.0 == owner && set.1 == rtype) {
                Some(set) => set.3.push(data),
                None => rrsets.push((owner, rtype, ttl, vec![data])),
            }
        }
        for (owner, rtype, ttl, rdatas) in rrsets {
            let record = CompiledRecord::from_rdata(owner.clone(), rtype, ttl, &rdatas).unwrap();
            let zone = zones.zone_of(&owner);
            zones.changes.push(Change::PutRecord { zone, record });
        }
        zones
    }

    fn zone(&mut self, apex: &str) {
        let apex = Name::parse(apex).unwrap();
        self.apexes.push(apex.clone());
        let within = |label: &str| Name::parse_relative(label.as_bytes(), &apex).unwrap();
        self.changes.push(Change::PutZone(ZoneSettings {
            primary_master: within("ns1"),
            hostmaster: within("hostmaster"),
            serial: 7,
            refresh_s: 43_200,
            retry_s: 7200,
            expire_s: 1_209_600,
            ttl_s: 3600,
            negative_ttl_s: 120,
            link: None,
            is_served: true,
            apex,
        }));
    }

    /// Adds a record with a filter chain: the metadata of each answer goes with its data.
    pub fn steered(self, owner: &str, rtype: RecordType, filters: Value, answers: &[(&str, Value)]) -> Self {
        let document = self.document(owner, rtype, filters, answers);
        self.with(document)
    }

    /// As [`Zones::steered`], but the record ignores client subnets.
    pub fn steered_by_source(
        self,
        owner: &str,
        rtype: RecordType,
        filters: Value,
        answers: &[(&str, Value)],
    ) -> Self {
        let document = self.document(owner, rtype, filters, answers);
        self.with(RecordDoc { use_client_subnet: false, ..document })
    }

    fn document(
        &self,
        owner: &str,
        rtype: RecordType,
        filters: Value,
        answers: &[(&str, Value)],
    ) -> RecordDoc {
        let zone = self.zone_of(&Name::parse(owner).unwrap());
        let mut document = RecordDoc::new(RecordId([1; 12]), &zone.to_string(), owner, rtype, 60);
        document.filters = serde_json::from_value(filters).unwrap();
        document.answers = (0u8..)
            .zip(answers)
            .map(|(index, (data, meta))| zones::AnswerDoc {
                id: filters::AnswerId([index; 12]),
                answer: vec![Value::String((*data).into())],
                meta: meta.as_object().unwrap().clone(),
                region: None,
            })
            .collect();
        document
    }

    fn with(mut self, document: RecordDoc) -> Self {
        let record = zones::compile::record(&document, &|_| None).unwrap();
        let zone = Name::parse(&document.zone).unwrap();
        self.changes.push(Change::PutRecord { zone, record });
        self
    }

    fn zone_of(&self, owner: &Name) -> Name {
        let enclosing = self.apexes.iter().filter(|apex| owner.is_subdomain_of(apex));
        enclosing.max_by_key(|apex| apex.label_count()).unwrap().clone()
    }

    /// A cell with these zones.
    pub fn into_cell(self) -> SnapshotCell {
        Arc::new(ArcSwap::new(World::new().apply(1, self.changes)))
    }

    /// A responder for these zones.
    pub fn into_responder(self) -> Responder {
        Responder::new(&self.into_cell(), &geo(), 1232, 7)
    }
}

/// The embedded geography, loaded once.
pub fn geo() -> GeoHandle {
    static GEO: OnceLock<GeoHandle> = OnceLock::new();
    GEO.get_or_init(|| GeoHandle::new(GeoData::embedded())).clone()
}

/// A responder for zones in text; see [`Zones::parse`].
pub fn serving(text: &str) -> Responder {
    Zones::parse(text).into_responder()
}

fn rdata(rtype: RecordType, fields: &[&str]) -> Vec<u8> {
    let number = |field: &str| field.parse::<u16>().unwrap().to_be_bytes().to_vec();
    match rtype {
        RecordType::A => fields[0].parse::<std::net::Ipv4Addr>().unwrap().octets().to_vec(),
        RecordType::AAAA => fields[0].parse::<std::net::Ipv6Addr>().unwrap().octets().to_vec(),
        RecordType::NS | RecordType::CNAME | RecordType::DNAME | RecordType::PTR => wire(fields[0]),
        RecordType::MX => [number(fields[0]), wire(fields[1])].concat(),
        RecordType::HTTPS => [number(fields[0]), wire(fields[1])].concat(),
        RecordType::SRV => {
            [number(fields[0]), number(fields[1]), number(fields[2]), wire(fields[3])].concat()
        }
        RecordType::TXT => {
            let strings = fields.iter().map(|text| [&[text.len() as u8][..], text.as_bytes()].concat());
            strings.collect::<Vec<_>>().concat()
        }
        // Other types: hexadecimal digits.
        _ => (0..fields[0].len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&fields[0][at..at + 2], 16).unwrap())
            .collect(),
    }
}

/// A query under construction.
#[derive(Clone)]
pub struct Ask {
    pub flags: u16,
    pub name: Vec<u8>,
    pub rtype: u16,
    pub class: u16,
    /// The OPT record: payload and options.
    pub edns: Option<(u16, Vec<u8>)>,
    pub dnssec_ok: bool,
    pub transport: Transport,
    pub from: SocketAddr,
}

pub fn ask(name: &str, rtype: u16) -> Ask {
    Ask {
        flags: 0,
        name: wire_as_written(name),
        rtype,
        class: 1,
        edns: None,
        dnssec_ok: false,
        transport: Transport::Udp,
        from: CLIENT.parse().unwrap(),
    }
}

impl Ask {
    pub fn flags(self, flags: u16) -> Self {
        Self { flags, ..self }
    }

    pub fn class(self, class: u16) -> Self {
        Self { class, ..self }
    }

    pub fn edns(self, payload: u16) -> Self {
        Self { edns: Some((payload, Vec::new())), ..self }
    }

    pub fn option(mut self, code: u16, data: &[u8]) -> Self {
        let (_, options) = self.edns.get_or_insert((1232, Vec::new()));
        options.extend(code.to_be_bytes());
        options.extend((data.len() as u16).to_be_bytes());
        options.extend(data);
        self
    }

    /// Adds an IPv4 client subnet of whole octets.
    pub fn subnet(self, octets: &[u8]) -> Self {
        self.option(8, &[&[0, 1, 8 * octets.len() as u8, 0], octets].concat())
    }

    pub fn tcp(self) -> Self {
        Self { transport: Transport::Tcp, ..self }
    }

    pub fn from(self, from: &str) -> Self {
        Self { from: from.parse().unwrap(), ..self }
    }

    pub fn octets(&self) -> Vec<u8> {
        let mut packet = vec![0xab, 0xcd];
        packet.extend(self.flags.to_be_bytes());
        packet.extend([0, 1, 0, 0, 0, 0, 0, u8::from(self.edns.is_some())]);
        packet.extend(&self.name);
        packet.extend(self.rtype.to_be_bytes());
        packet.extend(self.class.to_be_bytes());
        if let Some((payload, options)) = &self.edns {
            packet.extend([0, 0, 41]);
            packet.extend(payload.to_be_bytes());
            packet.extend([0, 0, if self.dnssec_ok { 0x80 } else { 0 }, 0]);
            packet.extend((options.len() as u16).to_be_bytes());
            packet.extend(options);
        }
        packet
    }

    /// The reply's octets.
    pub fn raw(&self, responder: &mut Responder) -> Vec<u8> {
        let mut out = vec![0; 65_535];
        let peer = Peer { address: self.from, transport: self.transport };
        match responder.answer(&self.octets(), peer, &mut out) {
            Disposition::Reply(length) => out[..length].to_vec(),
            Disposition::Drop(reason) => panic!("dropped: {reason:?}"),
        }
    }

    /// The reply, read by the independent codec, with its octets.
    pub fn of(&self, responder: &mut Responder) -> Reply {
        let octets = self.raw(responder);
        let message = Message::from_vec(&octets).unwrap_or_else(|error| panic!("{error}: {octets:02x?}"));
        assert_eq!(message.id, 0xabcd);
        Reply { message, octets }
    }
}

/// A reply.
pub struct Reply {
    pub message: Message,
    pub octets: Vec<u8>,
}

impl Reply {
    /// The response code and those of the flags AA, TC, RD, RA, AD, CD that are set, as in `NXDOMAIN aa rd`.
    pub fn status(&self) -> String {
        let word = u16::from_be_bytes([self.octets[2], self.octets[3]]);
        let extended = self.message.edns.as_ref().map_or(0, |edns| u16::from(edns.rcode_high()));
        let code = match extended << 4 | word & 0xf {
            0 => "NOERROR",
            1 => "FORMERR",
            2 => "SERVFAIL",
            3 => "NXDOMAIN",
            4 => "NOTIMP",
            5 => "REFUSED",
            6 => "YXDOMAIN",
            9 => "NOTAUTH",
            16 => "BADVERS",
            23 => "BADCOOKIE",
            other => panic!("response code {other}"),
        };
        assert!(word & 0x8000 != 0, "not a reply");
        let flags = [(0x400, "aa"), (0x200, "tc"), (0x100, "rd"), (0x80, "ra"), (0x20, "ad"), (0x10, "cd")];
        let set = flags.iter().filter(|(bit, _)| word & bit != 0).map(|(_, name)| *name);
        [code].into_iter().chain(set).collect::<Vec<_>>().join(" ")
    }

    pub fn answer(&self) -> Vec<String> {
        self.message.answers.iter().map(line).collect()
    }

    pub fn authority(&self) -> Vec<String> {
        self.message.authorities.iter().map(line).collect()
    }

    pub fn additional(&self) -> Vec<String> {
        self.message.additionals.iter().map(line).collect()
    }

    /// The data of the client subnet option, if there is one.
    pub fn subnet(&self) -> Option<Vec<u8>> {
        self.option(8)
    }

    /// The data of the first option with a code, if there is one.
    pub fn option(&self, code: u16) -> Option<Vec<u8>> {
        self.options().into_iter().find(|(found, _)| *found == code).map(|(_, data)| data)
    }

    /// The options, each a code and data.
    pub fn options(&self) -> Vec<(u16, Vec<u8>)> {
        let (_, octets) = self.opt().unwrap_or_default();
        let mut options = Vec::new();
        let mut rest = &octets[..];
        while let [c0, c1, l0, l1, data @ ..] = rest {
            let (data, behind) = data.split_at(usize::from(u16::from_be_bytes([*l0, *l1])));
            options.push((u16::from_be_bytes([*c0, *c1]), data.to_vec()));
            rest = behind;
        }
        assert!(rest.is_empty(), "an option is cut");
        options
    }

    /// The TTL and the data of the OPT record, which is the last record of a reply.
    pub fn opt(&self) -> Option<([u8; 4], Vec<u8>)> {
        self.message.edns.as_ref()?;
        let starts = (12..=self.octets.len() - 11).rev();
        for at in starts {
            let record = &self.octets[at..];
            let length = usize::from(u16::from_be_bytes([record[9], record[10]]));
            if record[..3] == [0, 0, 41] && record.len() == 11 + length {
                return Some(([record[5], record[6], record[7], record[8]], record[11..].to_vec()));
            }
        }
        panic!("no OPT record at the end");
    }
}

/// Everything of a reply in one list: status, then each record behind a letter for its section.
pub fn lines(reply: &Reply) -> Vec<String> {
    let mut lines = vec![reply.status()];
    for (section, records) in [("an", reply.answer()), ("au", reply.authority()), ("ad", reply.additional())]
    {
        lines.extend(records.iter().map(|record| format!("{section} {record}")));
    }
    lines
}

fn line(record: &Record) -> String {
    let data = match &record.data {
        RData::Unknown { code, rdata } if u16::from(*code) == 39 => {
            Name::from_wire(&rdata.anything).unwrap().to_string() + "."
        }
        data => data.to_string(),
    };
    let rtype = RecordType(u16::from(record.record_type()));
    format!("{} {} {rtype} {data}", record.name, record.ttl)
}

/// Asserts what a reply says, line by line.
#[track_caller]
pub fn assert_reply(reply: &Reply, expected: &[&str]) {
    assert_eq!(lines(reply), expected);
}

/// The reply to hand-made octets over UDP.
pub fn raw_reply(responder: &mut Responder, packet: &[u8]) -> Reply {
    let mut out = [0; 1232];
    let peer = Peer { address: CLIENT.parse().unwrap(), transport: Transport::Udp };
    match responder.answer(packet, peer, &mut out) {
        Disposition::Reply(length) => {
            let octets = out[..length].to_vec();
            Reply { message: Message::from_vec(&octets).unwrap(), octets }
        }
        Disposition::Drop(reason) => panic!("dropped: {reason:?}"),
    }
}
