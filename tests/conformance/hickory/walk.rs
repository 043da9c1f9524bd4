//! The algorithm of RFC 1034, 4.3.2, as plain as can be, over zone files.
//!
//! It says how a question is answered as far as names and types go, and which of the things came up that
//! hickory-server does in another way. Where one did, this is what Sextant is held to.

use std::collections::{BTreeMap, BTreeSet};

use sextant_tests::ZoneText;
use zones::Name;
use zones::zone_file::{self, ImportLimits};

use crate::differences::suffixes;
use crate::message::{AA, CNAME, DS, NS, NameOctets, Reply, SOA};
use crate::questions::Question;

const NXDOMAIN: u8 = 3;
const REFUSED: u8 = 5;

/// What hickory-server does differently, and the RFC that says how it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Oddity {
    /// It takes wildcards from above a name that exists.
    WildcardFromFarAbove,
    /// It says that a name does not exist which a wildcard without the type stands for.
    WildcardWithoutType,
    /// No wildcard stands for a name that begins with an asterisk.
    AsteriskAsked,
    /// It follows aliases within one zone only.
    AliasToOtherZone,
    /// It says nothing of the last name when that has no data.
    AliasToNothing,
    /// It puts the NS records of a cut behind the aliases into the answer.
    AliasToCut,
    /// It follows fewer aliases.
    ManyAliases,
    /// It refers to the lowest of several cuts on the way.
    CutBelowCut,
}

impl Oddity {
    /// It in words, with the RFC.
    pub fn rule(self) -> &'static str {
        match self {
            Self::WildcardFromFarAbove => "only the closest encloser's wildcard counts (RFC 4592, 3.3.1)",
            Self::WildcardWithoutType => {
                "a wildcard without the type is no name error (RFC 4592, 2.2.1 and 3.3.1)"
            }
            Self::AsteriskAsked => {
                "a wildcard stands for names with asterisks, too (RFC 4592, 2.3 and 3.3.1)"
            }
            Self::AliasToOtherZone => "a CNAME into another zone starts over (RFC 1034, 4.3.2, 3a)",
            Self::AliasToNothing => {
                "the code is that of the last name, with its SOA (RFC 6604, 3; RFC 2308, 2)"
            }
            Self::AliasToCut => "a referral goes into the authority section (RFC 1034, 4.3.2, 3b)",
            Self::ManyAliases => "aliases are followed for so many steps (RFC 1034, 3.6.2 and 5.2.2)",
            Self::CutBelowCut => "the way down ends at the first cut (RFC 1034, 4.3.2, 3b)",
        }
    }
}

/// How a question is answered.
#[derive(Debug)]
pub struct Outcome {
    rcode: u8,
    is_authoritative: bool,
    /// Owners and types in the answer section, and in the authority section.
    answer: BTreeSet<(NameOctets, u16)>,
    authority: BTreeSet<(NameOctets, u16)>,
    pub oddities: BTreeSet<Oddity>,
}

impl Outcome {
    /// Whether a reply is as the algorithm says.
    pub fn agrees_with(&self, reply: &Reply) -> bool {
        self.rcode == reply.rcode
            && self.is_authoritative == (reply.flags & AA != 0)
            && self.answer.iter().eq(reply.answer.keys())
            && self.authority.iter().eq(reply.authority.keys())
    }

    /// Whether the reply sends the client to other servers and has nothing else.
    pub fn is_referral(&self) -> bool {
        !self.is_authoritative && self.rcode == 0
    }
}

/// Types at a name with the first record's data; none at a name that only has names below it.
type Node = BTreeMap<u16, Vec<u8>>;

/// The zones by their apexes.
pub struct Model(BTreeMap<NameOctets, BTreeMap<NameOctets, Node>>);

impl Model {
    pub fn new(zones: &[ZoneText]) -> Self {
        Self(zones.iter().map(nodes).collect())
    }

    pub fn walk(&self, question: &Question) -> Outcome {
        /// Aliases after which Sextant, and hickory-server, follow no more.
        const MOST: usize = 17;
        const FEW: usize = 7;
        let mut out = Outcome {
            rcode: 0,
            is_authoritative: true,
            answer: BTreeSet::new(),
            authority: BTreeSet::new(),
            oddities: BTreeSet::new(),
        };
        let mut name = question.name.clone();
        let mut first_apex = None;
        loop {
            let Some((apex, nodes)) = suffixes(&name).find_map(|apex| self.0.get_key_value(apex)) else {
                if out.answer.is_empty() {
                    (out.rcode, out.is_authoritative) = (REFUSED, false);
                }
                return out;
            };
            if *first_apex.get_or_insert(apex) != apex {
                out.oddities.insert(Oddity::AliasToOtherZone);
            }
            if out.refers(&name, question.rtype, apex, nodes) {
                return out;
            }
            let Some(node) = out.find(&name, question.rtype, apex, nodes) else { return out };
            let key = |rtype| (name.clone(), rtype);
            if node.contains_key(&question.rtype) {
                out.answer.insert(key(question.rtype));
                return out;
            }
            let Some(target) = node.get(&CNAME) else {
                out.says_no(0, apex);
                return out;
            };
            if !out.answer.insert(key(CNAME)) {
                return out;
            }
            if out.answer.len() > FEW {
                out.oddities.insert(Oddity::ManyAliases);
            }
            if out.answer.len() == MOST {
                return out;
            }
            name = target.to_ascii_lowercase();
        }
    }
}

impl Outcome {
    /// Refers to the highest cut at or above the name, if there is one. DS records at a cut are the parent's.
    fn refers(&mut self, name: &[u8], rtype: u16, apex: &[u8], nodes: &BTreeMap<NameOctets, Node>) -> bool {
        let is_cut = |above: &&[u8]| {
            nodes.get(*above).is_some_and(|node| node.contains_key(&NS)) && !(rtype == DS && *above == name)
        };
        let cuts: Vec<&[u8]> = suffixes(name).take_while(|above| *above != apex).filter(is_cut).collect();
        let Some(highest) = cuts.last() else { return false };
        if cuts.len() > 1 {
            self.oddities.insert(Oddity::CutBelowCut);
        }
        if self.answer.is_empty() {
            self.is_authoritative = false;
        } else {
            self.oddities.insert(Oddity::AliasToCut);
        }
        self.authority.insert((highest.to_vec(), NS));
        true
    }

    /// The node of a name or the wildcard that stands for it; says that there is none.
    fn find<'n>(
        &mut self,
        name: &[u8],
        rtype: u16,
        apex: &[u8],
        nodes: &'n BTreeMap<NameOctets, Node>,
    ) -> Option<&'n Node> {
        let encloser = suffixes(name).find(|above| nodes.contains_key(*above))?;
        let wildcard = |above: &[u8]| nodes.get(&[&b"\x01*"[..], above].concat()[..]);
        let node = if encloser == name { nodes.get(name) } else { wildcard(encloser) };
        if name.starts_with(b"\x01*") && encloser != name {
            self.oddities.insert(Oddity::AsteriskAsked);
        }
        let has_data = node.is_some_and(|node| node.contains_key(&rtype) || node.contains_key(&CNAME));
        let mut above = suffixes(encloser).skip(1).take_while(|above| above.len() >= apex.len());
        if !has_data && above.any(|above| wildcard(above).is_some()) {
            self.oddities.insert(Oddity::WildcardFromFarAbove);
        }
        if !has_data && encloser != name && node.is_some() {
            self.oddities.insert(Oddity::WildcardWithoutType);
        }
        if node.is_none() {
            self.says_no(NXDOMAIN, apex);
        }
        node
    }

    fn says_no(&mut self, rcode: u8, apex: &[u8]) {
        if !self.answer.is_empty() {
            self.oddities.insert(Oddity::AliasToNothing);
        }
        self.rcode = rcode;
        self.authority.insert((apex.to_vec(), SOA));
    }
}

fn nodes(zone: &ZoneText) -> (NameOctets, BTreeMap<NameOctets, Node>) {
    let apex = Name::parse(&zone.apex).expect("an apex is a name");
    let file = zone_file::parse(zone.text.as_bytes(), &apex, &ImportLimits::default())
        .expect("the zone files are good");
    let apex = apex.as_wire().to_ascii_lowercase();
    let mut nodes = BTreeMap::from([(apex.clone(), Node::from([(SOA, Vec::new())]))]);
    for rrset in file.rrsets {
        let owner = rrset.owner.as_wire().to_ascii_lowercase();
        for above in suffixes(&owner).take_while(|above| above.len() >= apex.len()) {
            nodes.entry(above.to_vec()).or_default();
        }
        nodes.entry(owner).or_default().insert(rrset.rtype.0, rrset.rdatas[0].clone());
    }
    (apex, nodes)
}
