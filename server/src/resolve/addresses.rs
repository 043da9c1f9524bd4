//! Addresses that go along: glue of referrals, and the additional section of answers.

use zones::{Lookup, Node, QueryName, RecordType, Rrset, RrsetBody};

use super::{Authority, Current, Resolution, Step, Take};
use crate::limits;
use crate::message::ResponseCode;
use crate::message::build::{Full, Owner, RecordHead, Section};

const ADDRESS_TYPES: [RecordType; 2] = [RecordType::A, RecordType::AAAA];

/// Where the data of a type has the name of a host whose addresses the client needs next.
pub fn target_offset(record_type: RecordType) -> Option<usize> {
    match record_type {
        RecordType::NS => Some(0),
        // RFC 1035, 3.3.9; RFC 1183, 1; RFC 2230, 3.1; RFC 9460, 4.1
        RecordType::MX | RecordType::AFSDB | RecordType::KX | RecordType::SVCB | RecordType::HTTPS => Some(2),
        RecordType::SRV => Some(6),
        _ => None,
    }
}

/// The hosts named in an RRset, each once, up to a limit. What follows a host's name in the data does not
/// matter.
#[derive(Default)]
pub struct Targets<'a> {
    names: [&'a [u8]; limits::ADDITIONAL_TARGETS],
    count: usize,
}

impl<'a> Targets<'a> {
    /// Adds the name at the start of `octets`.
    pub fn add(&mut self, octets: &'a [u8]) {
        let name = leading_name(octets);
        let is_known = self.iter().any(|known| known.eq_ignore_ascii_case(name));
        // The root stands for no host, or with SVCB for the owner, whose addresses are another question.
        if name.len() > 1
            && !is_known
            && let Some(slot) = self.names.get_mut(self.count)
        {
            *slot = name;
            self.count += 1;
        }
    }

    fn iter(&self) -> impl Iterator<Item = &'a [u8]> + '_ {
        self.names.iter().take(self.count).copied()
    }
}

/// The whole name at the start of `octets`, or nothing.
fn leading_name(octets: &[u8]) -> &[u8] {
    let mut end = 0;
    while let Some(&length) = octets.get(end) {
        end += 1 + usize::from(length);
        if length == 0 {
            return octets.get(..end).unwrap_or(&[]);
        }
    }
    &[]
}

impl<'a> Resolution<'a> {
    /// Adds the addresses of hosts, as far as they are ours and fit; those of service bindings with the bindings
    /// that they have themselves (RFC 9460, 4.1). Leaving some out takes nothing from the answer, so that it is
    /// not marked (RFC 2181, 9). Steered records are left out: the choice among them belongs to a question for
    /// them. `answered` is the type of the answer, `name` is whose it is.
    pub(super) fn add_addresses(&mut self, targets: &Targets<'a>, answered: RecordType, name: &QueryName) {
        let is_binding = matches!(answered, RecordType::SVCB | RecordType::HTTPS);
        let mut host = QueryName::default();
        for target in targets.iter() {
            if host.read(target, 0).is_err() {
                continue;
            }
            let snapshot = self.snapshot;
            let Some(found) = snapshot.find_zone(&host, RecordType::A) else { continue };
            let (Lookup::Found(node) | Lookup::Wildcard { node, .. }) = found.lookup(&host, RecordType::A)
            else {
                continue;
            };
            let binding = (is_binding && host.wire() != name.wire()).then_some(answered);
            let record_types = ADDRESS_TYPES.into_iter().chain(binding);
            let rrsets = record_types.filter_map(|record_type| node.rrset(record_type));
            for rrset in rrsets.filter(|rrset| matches!(rrset.body, RrsetBody::Static(_))) {
                if self.write(Section::Additional, Owner::Spelled(target), &rrset, Take::All, |_| {}).is_err()
                {
                    self.reply.go_back(self.whole);
                    return;
                }
            }
        }
    }

    /// Refers to the servers of the zone below a cut.
    ///
    /// Addresses of servers within that zone can be had nowhere else: without them the reply is marked as
    /// truncated. Those of servers elsewhere are added as they fit (RFC 9471, 3).
    pub(super) fn refer(
        &mut self,
        cut: Node<'a>,
        current: Current<'_>,
        cut_label: usize,
    ) -> Result<Step<'a>, Full> {
        if current.is_question {
            self.authority = Authority::Elsewhere;
        }
        let Some(servers) = cut.rrset(RecordType::NS) else {
            self.code = ResponseCode::ServerFailure;
            return Ok(Step::Done);
        };
        let mut targets = Targets::default();
        self.write_servers(current.owner(cut_label), &servers, &mut targets)?;
        let cut_name = current.name.suffix(cut_label);
        let mut host = QueryName::default();
        for place in [Place::WithinTheCut, Place::Elsewhere] {
            for target in targets.iter() {
                if host.read(target, 0).is_ok() && place == Place::of(&host, cut_name) {
                    let added = self.add_glue(target, &host);
                    if added.is_err() && place == Place::Elsewhere {
                        self.reply.go_back(self.whole);
                        return Ok(Step::Done);
                    }
                    added?;
                }
            }
        }
        Ok(Step::Done)
    }

    /// Writes the NS RRset of a cut. A delegation cannot be answered with nothing: where a chain leaves no
    /// server, all go out.
    fn write_servers(
        &mut self,
        owner: Owner<'_>,
        servers: &Rrset<'a>,
        targets: &mut Targets<'a>,
    ) -> Result<(), Full> {
        let written =
            self.write(Section::Authority, owner, servers, Take::All, |rdata| targets.add(rdata))?;
        if let (false, RrsetBody::Steered(record)) = (written, servers.body) {
            let head = RecordHead { owner, record_type: servers.rtype.0, ttl_s: servers.ttl };
            for answer in 0..record.answer_count() {
                if usize::from(record.canonical(answer)) == answer {
                    self.reply.record(Section::Authority, head, record.rdata(answer))?;
                    targets.add(record.rdata(answer));
                }
            }
            self.whole = self.reply.mark();
        }
        Ok(())
    }

    /// Adds the addresses of one server, authoritative (a wildcard's, too) or glue, static or steered.
    fn add_glue(&mut self, target: &'a [u8], host: &QueryName) -> Result<(), Full> {
        let snapshot = self.snapshot;
        let Some(found) = snapshot.find_zone(host, RecordType::A) else { return Ok(()) };
        let (node, encloser_label) = match found.zone.node_at(host, 0, found.apex_label) {
            Some(node) => (node, None),
            None => match found.lookup(host, RecordType::A) {
                Lookup::Wildcard { node, encloser_label } => (node, Some(encloser_label)),
                _ => return Ok(()),
            },
        };
        self.steering.set_wildcard(host, encloser_label);
        for record_type in ADDRESS_TYPES {
            if let Some(rrset) = node.rrset(record_type) {
                self.write(Section::Additional, Owner::Spelled(target), &rrset, Take::All, |_| {})?;
            }
        }
        Ok(())
    }
}

/// Where a name server of a delegated zone is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    WithinTheCut,
    Elsewhere,
}

impl Place {
    /// Whether `host` is at or below the cut, whose name is in lower case.
    fn of(host: &QueryName, cut_name: &[u8]) -> Self {
        let is_within = (0..=host.labels()).any(|label| host.suffix(label) == cut_name);
        if is_within { Self::WithinTheCut } else { Self::Elsewhere }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_gathered_once_and_up_to_a_limit() {
        let mut targets = Targets::default();
        targets.add(&[1, b'a', 0, 99, 99]);
        targets.add(&[1, b'A', 0]);
        targets.add(&[0]);
        targets.add(&[5, b'a']);
        targets.add(&[]);
        assert!(targets.iter().eq([&[1, b'a', 0][..]]));
        let names: Vec<_> = (0..100u8).map(|index| [1, 100 + index, 0]).collect();
        for name in &names {
            targets.add(name);
        }
        assert_eq!(targets.iter().count(), limits::ADDITIONAL_TARGETS);
    }

    #[test]
    fn a_server_is_within_the_cut_only_at_label_boundaries() {
        let host = QueryName::from_wire(b"\x02ns\x05child\x07example\x00").unwrap();
        assert!(Place::of(&host, b"\x05child\x07example\x00") == Place::WithinTheCut);
        assert!(Place::of(&host, host.wire()) == Place::WithinTheCut);
        assert!(Place::of(&host, b"\x05other\x07example\x00") == Place::Elsewhere);
        assert!(Place::of(&host, b"\x04hild\x07example\x00") == Place::Elsewhere);
    }
}
