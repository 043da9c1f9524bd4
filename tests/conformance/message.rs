//! A reader of replies that shares no code with the server, and what of a reply is compared.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use anyhow::{Context, Result, bail, ensure};

/// The types that show up in rules.
pub const A: u16 = 1;
pub const NS: u16 = 2;
pub const CNAME: u16 = 5;
pub const SOA: u16 = 6;
pub const AFSDB: u16 = 18;
pub const AAAA: u16 = 28;
pub const SRV: u16 = 33;
pub const KX: u16 = 36;
const OPT: u16 = 41;
pub const DS: u16 = 43;
pub const ANY: u16 = 255;

pub const AA: u16 = 0x400;
pub const TC: u16 = 0x200;
pub const AD: u16 = 0x20;
pub const CD: u16 = 0x10;

/// The flags that are compared: AA, TC, RD, RA, AD and CD.
const COMPARED_FLAGS: u16 = 0x7b0;

/// A name in wire form, letters in lower case.
pub type NameOctets = Vec<u8>;

/// RRsets by owner and type.
pub type Section = BTreeMap<(NameOctets, u16), Rrset>;

/// What a section says about an owner and a type.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rrset {
    /// The TTLs: one, if the server does what RFC 2181, 5.2 asks for.
    pub ttls: BTreeSet<u32>,
    /// The data, names in it whole and in lower case.
    pub rdatas: BTreeSet<Vec<u8>>,
}

/// A reply as far as it is compared: sections are sets of RRsets, and an SOA record has no serial.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    pub rcode: u8,
    pub flags: u16,
    pub answer: Section,
    pub authority: Section,
    pub additional: Section,
    /// Whether there is an OPT record.
    pub has_edns: bool,
    /// Whether a section has the same record twice.
    pub has_repetition: bool,
}

impl Reply {
    /// Reads the reply to `query`, whose question it must repeat octet by octet.
    pub fn read(octets: &[u8], query: &[u8]) -> Result<Self> {
        let word = |at: usize| -> Result<u16> {
            let two = octets.get(at..at + 2).context("the message ends early")?;
            Ok(u16::from_be_bytes([two[0], two[1]]))
        };
        ensure!(word(4)? == 1, "{} questions", word(4)?);
        let (_, name_end) = read_name(octets, 12)?;
        let at = name_end + 4;
        ensure!(octets.get(12..at) == query.get(12..at), "another question");
        let flags = word(2)?;
        let mut reply = Self {
            rcode: (flags & 0xf) as u8,
            flags: flags & COMPARED_FLAGS,
            answer: Section::new(),
            authority: Section::new(),
            additional: Section::new(),
            has_edns: false,
            has_repetition: false,
        };
        let counts = [word(6)?, word(8)?, word(10)?];
        let mut at = at;
        for (index, count) in counts.into_iter().enumerate() {
            for _ in 0..count {
                let (owner, fixed) = read_name(octets, at)?;
                let (rtype, length) = (word(fixed)?, usize::from(word(fixed + 8)?));
                let ttl = u32::from(word(fixed + 4)?) << 16 | u32::from(word(fixed + 6)?);
                let data_at = fixed + 10;
                at = data_at + length;
                ensure!(at <= octets.len(), "a record ends early");
                if rtype == OPT {
                    ensure!(index == 2 && !reply.has_edns, "OPT in the wrong place");
                    reply.has_edns = true;
                    continue;
                }
                let section = [&mut reply.answer, &mut reply.authority, &mut reply.additional];
                let [answer, authority, additional] = section;
                let section =
                    [answer, authority, additional].into_iter().nth(index).context("three sections")?;
                let rrset = section.entry((owner, rtype)).or_default();
                rrset.ttls.insert(ttl);
                reply.has_repetition |= !rrset.rdatas.insert(read_rdata(octets, data_at, length, rtype)?);
            }
        }
        ensure!(at == octets.len(), "octets behind the last record");
        Ok(reply)
    }
}

/// The OPT record of a reply.
pub struct Edns {
    pub extended_code: u8,
    pub version: u8,
    pub flags: u16,
    pub options: Vec<(u16, Vec<u8>)>,
}

/// Finds the OPT record of a reply, whatever its question.
pub fn read_opt(octets: &[u8]) -> Result<Option<Edns>> {
    let word = |at: usize| -> Result<u16> {
        let two = octets.get(at..at + 2).context("the message ends early")?;
        Ok(u16::from_be_bytes([two[0], two[1]]))
    };
    // A reply to a header that was cut short has no more than that.
    let Ok(questions) = word(4) else { return Ok(None) };
    let mut at = 12;
    for _ in 0..questions {
        at = read_name(octets, at)?.1 + 4;
    }
    let mut found = None;
    for _ in 0..u32::from(word(6)?) + u32::from(word(8)?) + u32::from(word(10)?) {
        let fixed = read_name(octets, at)?.1;
        let end = fixed + 10 + usize::from(word(fixed + 8)?);
        let mut rest = octets.get(fixed + 10..end).context("a record ends early")?;
        if word(fixed)? == OPT {
            ensure!(found.is_none() && fixed == at + 1, "OPT twice or with an owner");
            let mut options = Vec::new();
            while let [c0, c1, l0, l1, behind @ ..] = rest {
                let length = usize::from(u16::from_be_bytes([*l0, *l1]));
                let (data, behind) = behind.split_at_checked(length).context("an option ends early")?;
                options.push((u16::from_be_bytes([*c0, *c1]), data.to_vec()));
                rest = behind;
            }
            ensure!(rest.is_empty(), "octets behind the last option");
            let [extended_code, version] = word(fixed + 4)?.to_be_bytes();
            found = Some(Edns { extended_code, version, flags: word(fixed + 6)?, options });
        }
        at = end;
    }
    Ok(found)
}

/// A name at `at`, with pointers followed, and where it ends.
fn read_name(octets: &[u8], at: usize) -> Result<(NameOctets, usize)> {
    let (mut name, mut at, mut end) = (Vec::new(), at, None);
    loop {
        let length = usize::from(*octets.get(at).context("a name ends early")?);
        match length {
            0 => {
                name.push(0);
                ensure!(name.len() <= 255, "a name of {} octets", name.len());
                return Ok((name, end.unwrap_or(at + 1)));
            }
            1..=63 => {
                let label = octets.get(at..at + 1 + length).context("a label ends early")?;
                name.extend(label.to_ascii_lowercase());
                at += 1 + length;
            }
            192.. => {
                let low = *octets.get(at + 1).context("a pointer ends early")?;
                end.get_or_insert(at + 2);
                let target = (length & 0x3f) << 8 | usize::from(low);
                ensure!(target < at, "a pointer that does not point backwards");
                at = target;
            }
            _ => bail!("a label of a reserved kind"),
        }
    }
}

/// The octets before the first name in data of a type whose names may be compressed or differ in case, and the
/// number of names (RFC 1035, 3.3; RFC 3597, 4; RFC 4034, 6.2).
fn names_in(rtype: u16) -> Option<(usize, usize)> {
    match rtype {
        2..=5 | 7..=9 | 12 | 39 => Some((0, 1)),
        6 | 14 | 17 => Some((0, 2)),
        15 | 18 | 21 | 36 => Some((2, 1)),
        26 => Some((2, 2)),
        33 => Some((6, 1)),
        _ => None,
    }
}

fn read_rdata(octets: &[u8], at: usize, length: usize, rtype: u16) -> Result<Vec<u8>> {
    let end = at + length;
    let Some((before, names)) = names_in(rtype) else { return Ok(octets[at..end].to_vec()) };
    let mut rdata = octets.get(at..at + before).context("data ends early")?.to_vec();
    let mut at = at + before;
    for _ in 0..names {
        let (name, behind) = read_name(octets, at)?;
        rdata.extend(name);
        at = behind;
    }
    ensure!(at <= end, "a name ends behind its data");
    // Each server counts serials its own way.
    let rest = if rtype == SOA { at + 4 } else { at };
    rdata.extend(octets.get(rest..end).context("data ends early")?);
    Ok(rdata)
}

/// A name as text, for reports.
pub fn text_of(name: &[u8]) -> String {
    let mut text = String::new();
    let mut rest = name;
    while let Some((&length, labels)) = rest.split_first() {
        let (label, behind) = labels.split_at(usize::from(length).min(labels.len()));
        if length > 0 || text.is_empty() {
            text += &format!("{}.", label.escape_ascii());
        }
        rest = behind;
    }
    text
}

impl fmt::Display for Reply {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (edns, repetition) = (u8::from(self.has_edns), u8::from(self.has_repetition));
        write!(out, "rcode {} flags {:03x} edns {edns} repeated {repetition}", self.rcode, self.flags)?;
        let sections = [("an", &self.answer), ("au", &self.authority), ("ad", &self.additional)];
        for (section, rrsets) in sections {
            for ((owner, rtype), rrset) in rrsets {
                write!(out, "\n      {section} {} {rtype} {:?}", text_of(owner), rrset.ttls)?;
                for rdata in rrset.rdatas.iter().take(6) {
                    write!(out, " {}", rdata[..rdata.len().min(60)].escape_ascii())?;
                }
                if rrset.rdatas.len() > 6 {
                    write!(out, " … {} records", rrset.rdatas.len())?;
                }
            }
        }
        Ok(())
    }
}
