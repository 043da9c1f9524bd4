//! What a reply says: the algorithm of RFC 1034, 4.3.2.
//!
//! One [`Resolution`] answers one question. It looks the name up in its zone and writes what the look-up
//! calls for: the RRset, a referral, an alias and then what the alias leads to, or a denial. Every RRset is
//! written whole or not at all: when one that belongs into the reply does not fit, the reply ends before it
//! and is marked as truncated (RFC 2181, 9).

mod addresses;
mod alias;
mod texts;

use filters::Entry;
use zones::{Answering, Lookup, Node, QueryName, RecordType, Rrset, RrsetBody, Snapshot, ZoneMatch};

use crate::edns::extended_error::ExtendedError;
use crate::message::ResponseCode;
use crate::message::build::{Full, Mark, Owner, RecordHead, ReplyBuilder, Section};
use crate::policy::AnyPolicy;
use crate::steering::Steering;
use crate::telemetry::counters::Counter;
use addresses::Targets;
use alias::{Substitution, Visited};

const TYPE_HINFO: u16 = 13;
/// What a HINFO record says in place of other records: `RFC8482`, and no operating system.
const HINFO_RDATA: &[u8] = b"\x07RFC8482\x00";
/// Long enough that few ask again, short enough for a change of mind.
const HINFO_TTL_S: u32 = 3600;

/// Who speaks for the data of a reply.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Authority {
    /// We do: the name asked for is in a zone of ours and not below a cut.
    Ours,
    /// Someone else: a referral, or a name that we do not hold.
    Elsewhere,
}

/// How a resolution ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ending {
    /// The response code.
    pub code: ResponseCode,
    /// Whether the reply is authoritative. With aliases this is about the first name (RFC 1035, 4.1.1).
    pub authority: Authority,
    /// Something that belongs into the reply did not fit.
    pub is_truncated: bool,
    /// What of ours answered the question, before aliases were followed; `None` if the name is in no zone.
    pub answering: Option<Answering>,
}

/// One question on its way to a reply.
pub struct Resolution<'a> {
    snapshot: &'a Snapshot,
    record_type: RecordType,
    any: AnyPolicy,
    reply: ReplyBuilder<'a>,
    steering: Steering<'a>,
    code: ResponseCode,
    authority: Authority,
    /// The end of the last whole RRset.
    whole: Mark,
    /// The TTL of the last RRset that was chosen, in seconds.
    chosen_ttl_s: u32,
    answering: Option<Answering>,
}

/// The name that is being resolved: the question's, or the target of an alias.
#[derive(Clone, Copy)]
struct Current<'n> {
    name: &'n QueryName,
    is_question: bool,
}

impl<'n> Current<'n> {
    /// The owner that the name from `label` on makes. The question stands in the reply already.
    fn owner(&self, label: usize) -> Owner<'n> {
        if self.is_question {
            Owner::Question(self.name.offset(label))
        } else {
            Owner::Spelled(self.name.suffix(label))
        }
    }
}

/// What comes after a name is dealt with.
#[expect(clippy::large_enum_variant, reason = "it lives on the stack for one step and is never moved again")]
enum Step<'a> {
    /// Nothing: the reply is complete.
    Done,
    /// The target of a CNAME.
    Alias(&'a [u8]),
    /// What a DNAME made of the name.
    Substituted(Substitution),
}

/// How much of an RRset goes out.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Take {
    All,
    /// Of types that can have one record only.
    First,
}

/// Making and ending.
impl<'a> Resolution<'a> {
    /// Starts a reply that has its question already.
    #[inline]
    pub fn new(
        snapshot: &'a Snapshot,
        record_type: RecordType,
        any: AnyPolicy,
        reply: ReplyBuilder<'a>,
        steering: Steering<'a>,
    ) -> Self {
        let whole = reply.mark();
        let (code, authority) = (ResponseCode::NoError, Authority::Ours);
        let answering = None;
        Self {
            snapshot,
            record_type,
            any,
            reply,
            steering,
            code,
            authority,
            whole,
            chosen_ttl_s: 0,
            answering,
        }
    }

    /// Resolves `question`, for which `zone` answers; `alias` is room for the names that it leads to.
    pub fn run(
        &mut self,
        question: &QueryName,
        zone: Option<ZoneMatch<'a>>,
        alias: &mut QueryName,
    ) -> Ending {
        let first = self.resolve(Current { name: question, is_question: true }, zone, None);
        let texts_ttl_s = (first.is_ok() && self.authority == Authority::Ours && self.steering.keep_texts())
            .then_some(self.chosen_ttl_s);
        let is_truncated = first.and_then(|step| self.follow(step, question, alias)).is_err();
        if is_truncated {
            self.reply.go_back(self.whole);
        } else if let Some(ttl_s) = texts_ttl_s {
            texts::add(&mut self.reply, self.steering.texts(), question, ttl_s);
        }
        Ending { code: self.code, authority: self.authority, is_truncated, answering: self.answering }
    }

    /// Completes the reply and returns its length.
    pub fn finish(self, id: u16, flags: u16, code: ResponseCode) -> usize {
        self.reply.finish(id, flags, code, self.steering.scope_bits())
    }
}

/// The algorithm.
impl<'a> Resolution<'a> {
    /// Goes on from the question to what its aliases lead to.
    fn follow(
        &mut self,
        mut step: Step<'a>,
        question: &QueryName,
        alias: &mut QueryName,
    ) -> Result<(), Full> {
        if matches!(step, Step::Done) {
            return Ok(());
        }
        let mut visited = Visited::starting_at(question);
        loop {
            let target = match &step {
                Step::Done => return Ok(()),
                Step::Alias(target) => target,
                Step::Substituted(substitution) => substitution.name(),
            };
            // Stored targets are whole names; one that is not leads nowhere.
            if alias.read(target, 0).is_err() {
                return Ok(());
            }
            if !visited.insert(alias) {
                self.steering.counters().count(Counter::AliasLimit);
                return Ok(());
            }
            if let Step::Substituted(substitution) = &step {
                visited.insert_dname(substitution);
            }
            let zone = self.snapshot.find_zone(alias, self.record_type);
            step = self.resolve(Current { name: alias, is_question: false }, zone, Some(&visited))?;
        }
    }

    /// Deals with one name, for which `zone` answers. `visited` is where the aliases before it were, if it is not
    /// the question.
    fn resolve(
        &mut self,
        current: Current<'_>,
        zone: Option<ZoneMatch<'a>>,
        visited: Option<&Visited>,
    ) -> Result<Step<'a>, Full> {
        let Some(found) = zone else {
            if current.is_question {
                (self.code, self.authority) = (ResponseCode::Refused, Authority::Elsewhere);
                self.reply.explain(ExtendedError::NotAuthoritative);
            }
            return Ok(Step::Done);
        };
        if current.is_question {
            let apex_label = found.apex_label;
            self.answering = Some(Answering { apex_label, record_type: None, encloser_label: None });
        }
        match found.lookup(current.name, self.record_type) {
            // The zone above may have no cut where a zone of ours starts. Its word that the name does not
            // exist would be taken for all of that zone (RFC 8020).
            Lookup::NxDomain | Lookup::Wildcard { .. } if self.is_apex_from_above(current, &found) => {
                self.deny(current, &found)
            }
            Lookup::Found(node) => self.answer_from(node, current, &found),
            Lookup::Wildcard { node, encloser_label } => {
                self.steering.set_wildcard(current.name, Some(encloser_label));
                if let Some(answering) = self.answering.as_mut().filter(|_| current.is_question) {
                    answering.encloser_label = Some(encloser_label);
                }
                let step = self.answer_from(node, current, &found);
                self.steering.set_wildcard(current.name, None);
                step
            }
            Lookup::Delegation { cut, cut_label } => self.refer(cut, current, cut_label),
            Lookup::Dname { node, owner_label } => {
                self.substitute(node, current, owner_label, &found, visited)
            }
            Lookup::NxDomain => {
                self.code = ResponseCode::NameError;
                self.deny(current, &found)
            }
        }
    }

    /// Notes which record answers the question itself.
    #[inline]
    fn set_answering(&mut self, current: Current<'_>, record_type: RecordType) {
        if let Some(answering) = self.answering.as_mut().filter(|_| current.is_question) {
            answering.record_type = Some(record_type);
        }
    }

    /// Whether this is a question to the zone above for a name at which another zone of ours starts.
    fn is_apex_from_above(&self, current: Current<'_>, found: &ZoneMatch<'a>) -> bool {
        self.record_type == RecordType::DS
            && found.apex_label > 0
            && self.snapshot.find_zone(current.name, RecordType::SOA).is_some_and(|own| own.apex_label == 0)
    }

    /// Answers from the node that the name has or that stands for it.
    fn answer_from(
        &mut self,
        node: Node<'a>,
        current: Current<'_>,
        found: &ZoneMatch<'a>,
    ) -> Result<Step<'a>, Full> {
        if self.record_type == RecordType::ANY {
            return self.answer_any(node, current, found);
        }
        if self.record_type == RecordType::SOA && found.apex_label == 0 {
            return self.answer_soa(current, found);
        }
        let owner = current.owner(0);
        if let Some(rrset) = node.rrset(self.record_type) {
            self.set_answering(current, rrset.rtype);
            if self.answer(current, &rrset)? { Ok(Step::Done) } else { self.deny(current, found) }
        } else if let Some(cname) = node.rrset(RecordType::CNAME) {
            self.set_answering(current, RecordType::CNAME);
            let mut target = None;
            self.write(Section::Answer, owner, &cname, Take::First, |rdata| target = Some(rdata))?;
            match target {
                Some(target) => Ok(Step::Alias(target)),
                None => self.deny(current, found),
            }
        } else {
            self.deny(current, found)
        }
    }

    /// As much of the node as the policy gives (RFC 8482, 4).
    fn answer_any(
        &mut self,
        node: Node<'a>,
        current: Current<'_>,
        found: &ZoneMatch<'a>,
    ) -> Result<Step<'a>, Full> {
        if self.any == AnyPolicy::Hinfo && node.rrset(RecordType::CNAME).is_none() {
            return self.answer_hinfo(node, current, found);
        }
        let mut is_answered = false;
        for rrset in node.rrsets() {
            is_answered |= self.answer(current, &rrset)?;
            if is_answered && self.any != AnyPolicy::All {
                return Ok(Step::Done);
            }
        }
        match (found.apex_label, is_answered) {
            (0, _) => self.answer_soa(current, found),
            (_, true) => Ok(Step::Done),
            (_, false) => self.deny(current, found),
        }
    }

    /// A record that is not there, in place of those that are (RFC 8482, 4.2).
    fn answer_hinfo(
        &mut self,
        node: Node<'a>,
        current: Current<'_>,
        found: &ZoneMatch<'a>,
    ) -> Result<Step<'a>, Full> {
        if found.apex_label > 0 && node.rrsets().next().is_none() {
            return self.deny(current, found);
        }
        let head = RecordHead { owner: current.owner(0), record_type: TYPE_HINFO, ttl_s: HINFO_TTL_S };
        self.reply.record(Section::Answer, head, HINFO_RDATA)?;
        Ok(Step::Done)
    }

    fn answer_soa(&mut self, current: Current<'_>, found: &ZoneMatch<'a>) -> Result<Step<'a>, Full> {
        let soa = found.zone.soa();
        let head = RecordHead { owner: current.owner(0), record_type: RecordType::SOA.0, ttl_s: soa.ttl };
        self.reply.record(Section::Answer, head, soa.rdata)?;
        Ok(Step::Done)
    }

    /// Says that there is no such data, or with NXDOMAIN no such name, and for how long that may be
    /// believed (RFC 2308, 3 and 5).
    fn deny(&mut self, current: Current<'_>, found: &ZoneMatch<'a>) -> Result<Step<'a>, Full> {
        let soa = found.zone.soa();
        let owner = current.owner(found.apex_label);
        // A linked zone shows its target's SOA record, whose names have another apex.
        let is_usual = current.is_question
            && current.name.suffix(found.apex_label) == found.zone.apex_name_wire()
            && soa.names.fit(current.name, found.apex_label);
        if is_usual && self.reply.has_only_question() {
            self.reply.denial(current.name.offset(found.apex_label), &soa)?;
        } else {
            let head = RecordHead { owner, record_type: RecordType::SOA.0, ttl_s: soa.negative_ttl };
            self.reply.record(Section::Authority, head, soa.rdata)?;
        }
        Ok(Step::Done)
    }

    /// Writes an RRset that was asked for and the addresses of the names in it; false if a chain left nothing
    /// of it.
    fn answer(&mut self, current: Current<'_>, rrset: &Rrset<'a>) -> Result<bool, Full> {
        let owner = current.owner(0);
        let take = if rrset.rtype == RecordType::CNAME { Take::First } else { Take::All };
        let Some(target_offset) = addresses::target_offset(rrset.rtype) else {
            return self.write(Section::Answer, owner, rrset, take, |_| {});
        };
        let mut targets = Targets::default();
        let written = self.write(Section::Answer, owner, rrset, take, |rdata| {
            targets.add(rdata.get(target_offset..).unwrap_or(&[]));
        })?;
        self.add_addresses(&targets, rrset.rtype, current.name);
        Ok(written)
    }

    /// Writes an RRset and shows `seen` each rdata written; false if a chain left nothing of it.
    fn write(
        &mut self,
        section: Section,
        owner: Owner<'_>,
        rrset: &Rrset<'a>,
        take: Take,
        mut seen: impl FnMut(&'a [u8]),
    ) -> Result<bool, Full> {
        let head = RecordHead { owner, record_type: rrset.rtype.0, ttl_s: rrset.ttl };
        let most = if take == Take::First { 1 } else { usize::MAX };
        let before = self.reply.count(section);
        match rrset.body {
            RrsetBody::Static(rdatas) => {
                for rdata in rdatas.iter().take(most) {
                    self.reply.record(section, head, rdata)?;
                    seen(rdata);
                }
            }
            RrsetBody::Steered(record) => {
                self.chosen_ttl_s = rrset.ttl;
                for entry in self.steering.choose(record).iter().take(most) {
                    match entry {
                        Entry::Answer(answer) => {
                            let rdata = record.rdata(usize::from(answer));
                            self.reply.record(section, head, rdata)?;
                            seen(rdata);
                        }
                        // An address leads to no other name, so there is nothing to see in it.
                        Entry::Address { octets, .. } => self.reply.record(section, head, &octets)?,
                    }
                }
            }
        }
        self.whole = self.reply.mark();
        Ok(self.reply.count(section) > before)
    }
}
