//! Names that stand for other names: DNAME substitution, and the end of circles.

use zones::{Node, QueryName, RecordType, RrsetBody, ZoneMatch};

use super::{Current, Resolution, Step, Take};
use crate::limits;
use crate::message::ResponseCode;
use crate::message::build::{Full, RecordHead, Section};

const LONGEST_NAME: usize = 255;

/// The name that a DNAME makes of another, in wire form.
pub struct Substitution {
    octets: [u8; LONGEST_NAME],
    length: usize,
    /// The hash of the DNAME's owner.
    owner: u64,
}

impl Substitution {
    /// `prefix` (labels) put before `target` (a whole name) by the DNAME of `owner`; `None` if that is too long
    /// for a name.
    pub fn new(prefix: &[u8], target: &[u8], owner: u64) -> Option<Self> {
        let length = prefix.len() + target.len();
        let mut octets = [0; LONGEST_NAME];
        let (front, back) = octets.get_mut(..length)?.split_at_mut_checked(prefix.len())?;
        front.copy_from_slice(prefix);
        back.copy_from_slice(target);
        Some(Self { octets, length, owner })
    }

    /// The name.
    pub fn name(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }
}

/// The names that an answer has been at, by their hashes: a name that comes up again means a circle. That two
/// names share one of 2^64 hashes would only end a chain of aliases early.
pub struct Visited {
    hashes: [u64; limits::ALIAS_HOPS + 1],
    count: usize,
    /// The owners of the DNAMEs in the answer.
    dnames: [u64; limits::ALIAS_HOPS + 1],
    dname_count: usize,
}

impl Visited {
    /// Only the question so far.
    pub fn starting_at(question: &QueryName) -> Self {
        let none = [0; limits::ALIAS_HOPS + 1];
        let mut visited = Self { hashes: none, count: 0, dnames: none, dname_count: 0 };
        visited.insert(question);
        visited
    }

    /// Goes on to a name; false if it was met before or the limit of hops is reached.
    pub fn insert(&mut self, name: &QueryName) -> bool {
        let hash = hash(name.wire());
        let is_known = self.hashes.iter().take(self.count).any(|&known| known == hash);
        match self.hashes.get_mut(self.count) {
            Some(slot) if !is_known => {
                *slot = hash;
                self.count += 1;
                true
            }
            _ => false,
        }
    }
}

impl Visited {
    /// Notes the DNAME of a substitution, which is in the answer now.
    pub fn insert_dname(&mut self, substitution: &Substitution) {
        if let Some(slot) = self.dnames.get_mut(self.dname_count) {
            *slot = substitution.owner;
            self.dname_count += 1;
        }
    }

    fn has_dname(&self, owner: u64) -> bool {
        self.dnames.iter().take(self.dname_count).any(|&known| known == owner)
    }
}

/// FNV-1a.
fn hash(octets: &[u8]) -> u64 {
    octets
        .iter()
        .fold(0xcbf2_9ce4_8422_2325, |hash, &octet| (hash ^ u64::from(octet)).wrapping_mul(0x0100_0000_01b3))
}

impl<'a> Resolution<'a> {
    /// Answers for a name below a DNAME: the DNAME, and a CNAME made for this name (RFC 6672, 3.1).
    pub(super) fn substitute(
        &mut self,
        node: Node<'a>,
        current: Current<'_>,
        owner_label: usize,
        found: &ZoneMatch<'a>,
        visited: Option<&Visited>,
    ) -> Result<Step<'a>, Full> {
        let Some(dname) = node.rrset(RecordType::DNAME) else { return self.deny(current, found) };
        let before = self.whole;
        let owner = hash(current.name.suffix(owner_label));
        let mut target = None;
        match dname.body {
            // It is in the answer already, and no record is in an RRset twice (RFC 2181, 5).
            RrsetBody::Static(rdatas) if visited.is_some_and(|visited| visited.has_dname(owner)) => {
                target = rdatas.iter().next();
            }
            _ => {
                self.write(Section::Answer, current.owner(owner_label), &dname, Take::First, |rdata| {
                    target = Some(rdata);
                })?;
            }
        }
        // Without its CNAME the DNAME is not an answer: both go out, or neither.
        let with_dname = std::mem::replace(&mut self.whole, before);
        let Some(target) = target else { return self.deny(current, found) };
        let wire = current.name.wire();
        let prefix = wire.get(..current.name.offset(owner_label)).unwrap_or(&[]);
        let Some(substitution) = Substitution::new(prefix, target, owner) else {
            self.whole = with_dname;
            self.code = ResponseCode::NameTooLong;
            return Ok(Step::Done);
        };
        let head = RecordHead { owner: current.owner(0), record_type: RecordType::CNAME.0, ttl_s: dname.ttl };
        self.reply.record(Section::Answer, head, substitution.name())?;
        self.whole = self.reply.mark();
        match self.record_type {
            // The CNAME is what was asked for. ANY asks for what the new name has (RFC 6672, 3.2).
            RecordType::CNAME => Ok(Step::Done),
            _ => Ok(Step::Substituted(substitution)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_substitution_may_have_255_octets_and_no_more() {
        let target = [&[63][..], &[b'a'; 63], &[0]].concat();
        let prefix = vec![b'b'; 255 - target.len()];
        let name = Substitution::new(&prefix, &target, 0).unwrap();
        assert_eq!(name.name(), [&prefix[..], &target].concat());
        assert!(Substitution::new(&[&prefix[..], b"b"].concat(), &target, 0).is_none());
    }

    #[test]
    fn a_circle_and_a_long_way_both_end() {
        let name = |label: u8| QueryName::from_wire(&[1, label, 0]).unwrap();
        let mut visited = Visited::starting_at(&name(b'a'));
        assert!(visited.insert(&name(b'b')));
        assert!(!visited.insert(&name(b'A')), "the question again");
        assert!(!visited.insert(&name(b'b')));
        let more = (b'c'..=b'z').filter(|&label| visited.insert(&name(label))).count();
        assert_eq!(1 + more, limits::ALIAS_HOPS);
    }
}
