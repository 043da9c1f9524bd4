//! The in-memory authority of hickory-server, asked in this process about random zones.
//!
//! It is an authority made by others that is always there. What it does in its own way is known ([`walk::Oddity`]);
//! where that comes up, and only there, the plain algorithm decides.

mod walk;

use std::collections::BTreeMap;
use std::fmt;
use std::io::Write;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;

use anyhow::{Context, Result};
use hickory_server::net::BufDnsStreamHandle;
use hickory_server::net::runtime::TokioTime;
use hickory_server::net::xfer::Protocol;
use hickory_server::proto::rr::Name;
use hickory_server::proto::serialize::txt::Parser;
use hickory_server::server::{Request, RequestHandler, ResponseHandle};
use hickory_server::store::in_memory::InMemoryZoneHandler;
use hickory_server::zone_handler::{AxfrPolicy, Catalog, ZoneHandler, ZoneType};
use server::{Disposition, Peer, Responder, Transport};
use sextant_tests::{ZoneText, random_zones, responder_for};

use crate::differences;
use crate::message::{A, AA, AAAA, ANY, CNAME, NS, NameOctets, Reply, SOA, text_of};
use crate::questions::{self, Question};

use walk::{Model, Outcome};

/// The types of records in the random zones. hickory-server does not know DNAME.
const TYPES: [&str; 9] = ["A", "AAAA", "CNAME", "TXT", "MX", "SRV", "NS", "CAA", "PTR"];

const WORLDS: u64 = 6;
const ZONES_IN_A_WORLD: usize = 9;
const QUESTIONS_TO_A_WORLD: usize = 1_500;

const CLIENT: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 4242);

#[test]
fn hickory_server_gives_the_same_answers_over_random_zones() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let mut tally = Tally::default();
    for seed in 0..WORLDS {
        let mut zones = random_zones(seed, ZONES_IN_A_WORLD, &TYPES);
        // With negative answers hickory-server gives the SOA record its own TTL, not at most the minimum in it
        // (RFC 2308, 3). Where both are the same, the rest of these answers can be compared.
        for zone in &mut zones {
            zone.text = zone.text.replace("@ 3600 IN SOA", "@ 300 IN SOA");
        }
        let model = Model::new(&zones);
        let catalog = catalog(&zones).unwrap();
        let mut responder = responder_for(&zones, seed);
        let questions = questions::for_zones(&zones, seed, QUESTIONS_TO_A_WORLD);
        // Which of the types at a name ANY gets is a choice (RFC 8482, 4.1).
        for question in questions.iter().filter(|question| question.rtype != ANY) {
            let ours = ask_ours(&mut responder, question).unwrap();
            let theirs = runtime.block_on(ask_hickory(&catalog, question)).unwrap();
            tally.judge(seed, question, &model.walk(question), theirs, ours);
        }
    }
    let summary = format!("conformance with hickory-server: {tally}\n");
    std::io::stderr().write_all(summary.as_bytes()).expect("standard error takes text");
    let faults = &tally.faults;
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults[..faults.len().min(20)].join("\n"));
}

/// How the answers compare.
#[derive(Default)]
struct Tally {
    equal: usize,
    /// Replies that differ by what hickory-server does in its own way; Sextant's is as the algorithm says.
    listed: usize,
    /// In how many of them each rule has a part.
    rules: BTreeMap<&'static str, usize>,
    faults: Vec<String>,
}

impl fmt::Display for Tally {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "equal {}, listed {}, faults {}", self.equal, self.listed, self.faults.len())?;
        self.rules.iter().try_for_each(|(rule, count)| write!(out, "\n  {count} {rule}"))
    }
}

impl Tally {
    /// Sextant must answer as the algorithm says, and as hickory-server does where that does.
    fn judge(
        &mut self,
        seed: u64,
        question: &Question,
        outcome: &Outcome,
        mut theirs: Reply,
        mut ours: Reply,
    ) {
        let as_came = format!(
            "seed {seed}: {} {}\n  hickory {theirs}\n  Sextant {ours}\n  {outcome:?}",
            text_of(&question.name),
            question.rtype
        );
        let is_right = outcome.agrees_with(&ours);
        let mut rules: Vec<&'static str> = Vec::new();
        rules.extend(settle(outcome, question, &mut theirs, &mut ours));
        if theirs != ours {
            rules.extend(outcome.oddities.iter().map(|oddity| oddity.rule()));
        }
        if !is_right || (theirs != ours && outcome.oddities.is_empty()) {
            self.faults.push(as_came);
        } else if rules.is_empty() {
            self.equal += 1;
        } else {
            self.listed += 1;
            rules.iter().for_each(|rule| *self.rules.entry(rule).or_default() += 1);
        }
    }
}

/// Takes away from both replies in what they may differ, and says what it was.
fn settle(outcome: &Outcome, question: &Question, theirs: &mut Reply, ours: &mut Reply) -> Vec<&'static str> {
    let mut rules = Vec::new();
    if outcome.is_referral() && theirs.flags & AA != 0 {
        theirs.flags &= !AA;
        rules.push("a referral is not authoritative (RFC 1034, 4.3.1)");
    }
    if outcome.is_referral() && question.rtype == NS && !theirs.answer.is_empty() {
        theirs.authority.append(&mut theirs.answer);
        rules.push("the records of a cut are no answer even to who asks for NS (RFC 1034, 4.3.2, 3b)");
    }
    let is_wanted = |key: &(NameOctets, u16)| key.1 != NS || ours.authority.contains_key(key);
    if question.rtype == SOA && !theirs.authority.keys().all(is_wanted) {
        theirs.authority.retain(|key, _| is_wanted(key));
        rules.push("the apex's NS records beside a SOA record are optional (RFC 1034, 4.3.2)");
    }
    let is_extra = |_: &[u8], rtype: u16| matches!(rtype, A | AAAA | CNAME | NS);
    if differences::take_one_sided(&mut theirs.additional, &mut ours.additional, is_extra) {
        rules.push("additional records are optional (RFC 1034, 4.3.2, 6)");
    }
    rules
}

fn catalog(zones: &[ZoneText]) -> Result<Catalog> {
    let mut catalog = Catalog::new();
    for ZoneText { apex, text } in zones {
        let origin = Name::from_ascii(format!("{apex}."))?;
        // Its parser takes no line without a class before the type.
        let (origin, records) = Parser::new(text.as_str(), None, Some(origin)).parse()?;
        let handler: InMemoryZoneHandler =
            InMemoryZoneHandler::new(origin.clone(), records, ZoneType::Primary, AxfrPolicy::Deny)
                .map_err(anyhow::Error::msg)?;
        catalog.upsert(origin.into(), vec![Arc::new(handler) as Arc<dyn ZoneHandler>]);
    }
    Ok(catalog)
}

/// Over TCP: what fits into a datagram is another question.
fn ask_ours(responder: &mut Responder, question: &Question) -> Result<Reply> {
    let mut out = vec![0; 65_535];
    let peer = Peer { address: CLIENT, transport: Transport::Tcp };
    let Disposition::Reply(octets) = responder.answer(&question.octets, peer, &mut out) else {
        anyhow::bail!("a good query is answered")
    };
    Reply::read(&out[..octets], &question.octets)
}

async fn ask_hickory(catalog: &Catalog, question: &Question) -> Result<Reply> {
    let (stream, mut replies) = BufDnsStreamHandle::new(CLIENT);
    let request = Request::from_bytes(question.octets.clone(), CLIENT, Protocol::Tcp)?;
    let handle = ResponseHandle::new(CLIENT, stream, Protocol::Tcp);
    catalog.handle_request::<_, TokioTime>(&request, handle).await;
    let reply = std::pin::Pin::new(&mut replies).peek_mut().await.context("a reply")?;
    Reply::read(reply.bytes(), &question.octets)
}
