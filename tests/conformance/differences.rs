//! The differences that are known, each with the RFC that allows it.
//!
//! A rule takes one precise thing away from both replies, if it is there. A difference is explained when
//! nothing is left of it after all rules have had their turn.

use std::collections::BTreeSet;

use sextant_tests::ZoneText;

use crate::message::{A, AA, AAAA, AFSDB, ANY, CD, CNAME, KX, NS, NameOctets, Reply, SRV, Section, TC};
use crate::questions::Question;

/// What the servers serve.
pub struct Served<'z> {
    zones: &'z [ZoneText],
    apexes: BTreeSet<NameOctets>,
    /// The names right below which there is a wildcard with NS records.
    wildcard_servers: BTreeSet<NameOctets>,
    /// The owners of all NS records but those at an apex.
    cuts: BTreeSet<NameOctets>,
}

impl<'z> Served<'z> {
    pub fn new(zones: &'z [ZoneText]) -> Self {
        let apexes = zones.iter().map(|zone| wire(&zone.apex)).collect();
        let mut served = Self { zones, apexes, wildcard_servers: BTreeSet::new(), cuts: BTreeSet::new() };
        for ZoneText { apex, text } in zones {
            for line in text.lines() {
                let mut fields = line.split(' ');
                let Some(owner) = fields.next().filter(|owner| !owner.starts_with(['@', ';', '$'])) else {
                    continue;
                };
                if fields.find(|field| field.parse::<u32>().is_err()) != Some("NS") {
                    continue;
                }
                let cut = wire(&format!("{owner}.{apex}").to_ascii_lowercase());
                match cut.strip_prefix(b"\x01*") {
                    Some(parent) => served.wildcard_servers.insert(parent.to_vec()),
                    None => served.cuts.insert(cut),
                };
            }
        }
        served
    }

    /// The apex of the zone that a name is in, if it is one of ours.
    fn zone_of<'n>(&self, name: &'n [u8]) -> Option<&'n [u8]> {
        suffixes(name).find(|suffix| self.apexes.contains(*suffix))
    }
}

fn wire(name: &str) -> NameOctets {
    let labels = name.split('.').flat_map(|label| [&[label.len() as u8], label.as_bytes()].concat());
    labels.chain([0]).collect()
}

/// A name and all above it, up to the root.
pub fn suffixes(name: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::successors(Some(name), |rest| {
        let (&length, behind) = rest.split_first()?;
        if length == 0 { None } else { behind.get(usize::from(length)..) }
    })
}

/// A rule: its name with the RFC, and what it takes away from their reply and ours; whether it did.
type Rule = (&'static str, fn(&Served<'_>, &Question, &mut Reply, &mut Reply) -> bool);

const RULES: &[Rule] = &[
    ("CD is copied (RFC 4035, 3.1.6)", checking_disabled),
    ("sections of a cut reply (RFC 2181, 9)", cut_replies),
    ("additional addresses from other zones (RFC 1034, 4.3.2, 6)", additional_from_other_zones),
    ("addresses for AFSDB and KX (RFC 1183, 1; RFC 2230, 3.1)", addresses_of_rare_types),
    ("additional addresses from below a cut (RFC 2181, 5.4.1)", additional_from_below_cuts),
    ("addresses that fit behind SRV records (RFC 1035, 4.1.4; RFC 2181, 9)", addresses_that_fit),
    ("a circle of aliases repeats no record (RFC 2181, 5)", repetition),
    ("NS records at a wildcard are undefined (RFC 4592, 4.2)", wildcard_servers),
    ("aliases are followed for so many steps (RFC 1034, 3.6.2 and 5.2.2)", long_chains),
];

/// The rules that together explain how `ours` differs from `theirs`; `None` if they do not.
pub fn explain(
    served: &Served<'_>,
    question: &Question,
    theirs: &Reply,
    ours: &Reply,
) -> Option<Vec<&'static str>> {
    let (mut theirs, mut ours) = (theirs.clone(), ours.clone());
    let mut used = Vec::new();
    for (name, rule) in RULES {
        if theirs == ours {
            break;
        }
        if rule(served, question, &mut theirs, &mut ours) {
            used.push(*name);
        }
    }
    (theirs == ours).then_some(used)
}

/// Sextant copies the flag from every query, as that section asks for; NSD and Knot clear it where nothing is
/// signed.
fn checking_disabled(_: &Served<'_>, question: &Question, theirs: &mut Reply, ours: &mut Reply) -> bool {
    let is_copied = u16::from(question.octets[3]) & CD == ours.flags & CD && theirs.flags & CD == 0;
    let is_set = ours.flags & CD != 0;
    if is_copied {
        ours.flags &= !CD;
    }
    is_copied && is_set
}

/// What a client may not use need not be the same.
fn cut_replies(_: &Served<'_>, _: &Question, theirs: &mut Reply, ours: &mut Reply) -> bool {
    let are_cut = theirs.flags & ours.flags & TC != 0;
    if are_cut {
        for reply in [theirs, ours] {
            reply.answer.clear();
            reply.authority.clear();
            reply.additional.clear();
        }
    }
    are_cut
}

/// Addresses that only one side has, of hosts in a zone other than the one that answers.
fn additional_from_other_zones(
    served: &Served<'_>,
    question: &Question,
    theirs: &mut Reply,
    ours: &mut Reply,
) -> bool {
    let apex = wire(&served.zones[question.zone].apex);
    let is_elsewhere = |owner: &[u8], rtype: u16| {
        matches!(rtype, A | AAAA) && served.zone_of(owner).is_some_and(|zone| zone != apex)
    };
    take_one_sided(&mut theirs.additional, &mut ours.additional, is_elsewhere)
}

/// Neither NSD nor Knot gives the addresses of hosts in these records.
fn addresses_of_rare_types(_: &Served<'_>, _: &Question, theirs: &mut Reply, ours: &mut Reply) -> bool {
    let is_rare = ours.answer.keys().any(|(_, rtype)| matches!(*rtype, AFSDB | KX));
    is_rare
        && theirs.additional.is_empty()
        && take_one_sided(&mut theirs.additional, &mut ours.additional, |_, rtype| matches!(rtype, A | AAAA))
}

/// With an answer, Knot gives addresses that are only glue in the zone; Sextant and NSD give authoritative ones.
fn additional_from_below_cuts(
    served: &Served<'_>,
    _: &Question,
    theirs: &mut Reply,
    ours: &mut Reply,
) -> bool {
    let is_glue = |owner: &[u8], rtype: u16| {
        matches!(rtype, A | AAAA) && suffixes(owner).any(|above| served.cuts.contains(above))
    };
    let is_answered = !ours.answer.is_empty() && ours.answer == theirs.answer;
    is_answered && take_one_sided(&mut theirs.additional, &mut ours.additional, is_glue)
}

/// Knot lets owners point to names in the data of SRV records, which are never compressed themselves (RFC 2782), so
/// that a few more addresses fit into its datagrams than into others.
fn addresses_that_fit(_: &Served<'_>, _: &Question, theirs: &mut Reply, ours: &mut Reply) -> bool {
    /// Address RRsets without which a datagram with large SRV RRsets is not full.
    const MANY: usize = 16;
    let has_servers = ours.answer.keys().any(|(_, rtype)| *rtype == SRV) && ours.answer == theirs.answer;
    let is_start = ours.additional.iter().all(|(owner, rrset)| theirs.additional.get(owner) == Some(rrset));
    let fits_more = ours.additional.len() >= MANY && ours.additional.len() < theirs.additional.len();
    let is_it = has_servers && is_start && fits_more;
    if is_it {
        theirs.additional.clone_from(&ours.additional);
    }
    is_it
}

/// NSD and Knot write the alias that closes a circle once more.
fn repetition(_: &Served<'_>, _: &Question, theirs: &mut Reply, ours: &mut Reply) -> bool {
    let is_theirs = theirs.has_repetition && !ours.has_repetition;
    theirs.has_repetition &= !is_theirs;
    is_theirs
}

/// Asked for ANY at a name that a wildcard with NS records stands for, NSD answers with some RRset of it, Knot refers
/// to the wildcard, and Sextant answers with the NS records.
fn wildcard_servers(served: &Served<'_>, question: &Question, theirs: &mut Reply, ours: &mut Reply) -> bool {
    let is_ours = question.rtype == ANY
        && ours.answer.keys().eq([&(question.name.clone(), NS)])
        && suffixes(&question.name).skip(1).any(|above| served.wildcard_servers.contains(above));
    if is_ours {
        for reply in [theirs, ours] {
            reply.flags &= !AA;
            reply.answer.clear();
            reply.authority.clear();
            reply.additional.clear();
        }
    }
    is_ours
}

/// How many aliases each server follows: NSD with no limit but the message's, Knot 5, Sextant 17.
const ALIASES: [usize; 2] = [5, 17];

/// One side has given up a chain of aliases that the other has followed further: what it has is where the other's
/// answer begins, and it stops at one of the known limits.
fn long_chains(_: &Served<'_>, _: &Question, theirs: &mut Reply, ours: &mut Reply) -> bool {
    let has_given_up = |one: &Reply, other: &Reply| {
        let aliases = one.answer.keys().filter(|(_, rtype)| *rtype == CNAME).count();
        let is_start = one.answer.iter().all(|(key, rrset)| other.answer.get(key) == Some(rrset));
        ALIASES.contains(&aliases) && is_start && one.answer.len() < other.answer.len()
    };
    let is_cut_short = has_given_up(theirs, ours) || has_given_up(ours, theirs);
    if is_cut_short {
        for reply in [&mut *theirs, &mut *ours] {
            reply.answer.clear();
            reply.authority.clear();
            reply.additional.clear();
            // What is said of the last name (RFC 6604, 3), and whether it fits.
            reply.rcode = 0;
            reply.flags &= !TC;
        }
    }
    is_cut_short
}

/// Takes away the RRsets that one side has and the other has not, if they are such; whether there were any.
pub fn take_one_sided(
    theirs: &mut Section,
    ours: &mut Section,
    is_such: impl Fn(&[u8], u16) -> bool,
) -> bool {
    let is_one_sided =
        |key: &(NameOctets, u16), other: &Section| !other.contains_key(key) && is_such(&key.0, key.1);
    let (their_keys, our_keys) = (theirs.clone(), ours.clone());
    theirs.retain(|key, _| !is_one_sided(key, &our_keys));
    ours.retain(|key, _| !is_one_sided(key, &their_keys));
    theirs.len() < their_keys.len() || ours.len() < our_keys.len()
}
