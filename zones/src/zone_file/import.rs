//! From zone-file text to RRsets.

use std::collections::hash_map::RandomState;
use std::collections::{HashMap, HashSet};
use std::fmt::Display;
use std::hash::BuildHasher;
use std::io::BufRead;

use super::generate::{Steps, write_line};
use super::lexer::{Entry, Lexer};
use super::{ImportLimits, ImportedRrset, Soa, ZoneFile, ZoneFileError, placement};
use crate::name::wire_length;
use crate::rdata::{self, Token, parse_period};
use crate::{Name, RecordType};

/// TTLs are 31 bits (RFC 2181, 8).
const MAX_TTL_S: u32 = 0x7fff_ffff;

/// The TTL of records in a file that never says one and has no SOA before them, as NSD has it.
const FALLBACK_TTL_S: u32 = 3_600;

/// Reads a zone file whose zone, and first origin, is `origin`.
///
/// # Errors
/// The first syntax error, or the first limit passed, with its line.
pub fn parse(input: impl BufRead, origin: &Name, limits: &ImportLimits) -> Result<ZoneFile, ZoneFileError> {
    let mut lexer = Lexer::new(input, limits.entry_octets);
    let mut entry = Entry::default();
    let mut import = Import::new(origin, *limits);
    while lexer.next_entry(&mut entry)? {
        import.take(&entry)?;
    }
    Ok(import.finish())
}

/// [`parse`] that goes on behind a fault, up to `limits.warnings` of them: gives what could be read, and the faults.
pub(super) fn parse_on(
    input: impl BufRead,
    origin: &Name,
    limits: &ImportLimits,
) -> (ZoneFile, Vec<ZoneFileError>) {
    let mut lexer = Lexer::new(input, limits.entry_octets);
    let mut entry = Entry::default();
    let mut import = Import::new(origin, *limits);
    let mut faults = Vec::new();
    while faults.len() < limits.warnings {
        match lexer.next_entry(&mut entry) {
            Ok(true) => faults.extend(import.take(&entry).err()),
            Ok(false) => break,
            Err(fault) => faults.push(fault),
        }
    }
    (import.finish(), faults)
}

/// The state between entries.
struct Import<'a> {
    apex: &'a Name,
    limits: ImportLimits,
    /// What relative names are relative to.
    origin: Name,
    /// The owner of the last record.
    owner: Option<Name>,
    /// The value of the last `$TTL`.
    default_ttl: Option<u32>,
    /// The last TTL that a record said itself.
    last_ttl: Option<u32>,
    /// The line being read.
    line: u64,
    records: usize,
    file: ZoneFile,
    /// Where the RRset of an owner and type is, by their hash; when two have one hash, the second is at the
    /// next number. Names are not stored a second time this way.
    index: HashMap<u64, u32>,
    hasher: RandomState,
    /// The hashes of the records of large RRsets: only what has one of these is compared with all of them.
    seen: HashSet<u64>,
    /// Warnings past the limit.
    unsaid_warnings: usize,
    /// Types that are left out as a whole, with the first line and how many records.
    left_out: Vec<(RecordType, u64, usize)>,
}

/// Taking entries.
impl<'a> Import<'a> {
    fn new(apex: &'a Name, limits: ImportLimits) -> Self {
        Self {
            apex,
            limits,
            origin: apex.clone(),
            owner: None,
            default_ttl: None,
            last_ttl: None,
            line: 0,
            records: 0,
            file: ZoneFile::default(),
            index: HashMap::new(),
            hasher: RandomState::new(),
            seen: HashSet::new(),
            unsaid_warnings: 0,
            left_out: Vec::new(),
        }
    }

    fn take(&mut self, entry: &Entry) -> Result<(), ZoneFileError> {
        self.line = entry.line;
        self.entry(entry).map_err(|message| ZoneFileError { line: entry.line, message })
    }

    /// Takes one entry: a directive or a record.
    fn entry(&mut self, entry: &Entry) -> Result<(), String> {
        let tokens = entry.tokens();
        let [first, rest @ ..] = &tokens[..] else { return Ok(()) };
        if first.text.starts_with(b"$") && !first.quoted {
            return self.directive(first.text, rest);
        }
        if entry.continues_owner {
            return self.record(&tokens);
        }
        self.owner = Some(self.name(first.text)?);
        self.record(rest)
    }

    fn name(&self, text: &[u8]) -> Result<Name, String> {
        Name::parse_relative(text, &self.origin).map_err(|reason| format!("{:?}: {reason}", lossy(text)))
    }

    fn directive(&mut self, directive: &[u8], arguments: &[Token<'_>]) -> Result<(), String> {
        match (&directive.to_ascii_uppercase()[..], arguments) {
            (b"$ORIGIN", [name]) => self.origin = self.name(name.text)?,
            (b"$ORIGIN", _) => return Err("$ORIGIN takes one name".into()),
            (b"$TTL", [ttl]) => {
                let ttl = parse_period(ttl.text).ok_or("$TTL takes seconds, or a period such as 1h30m")?;
                let ttl = self.bounded_ttl(ttl)?;
                self.default_ttl = Some(ttl);
                self.file.default_ttl.get_or_insert(ttl);
            }
            (b"$TTL", _) => return Err("$TTL takes one period".into()),
            (b"$GENERATE", [range, template @ ..]) if template.len() >= 3 => {
                self.generate(range.text, template)?;
            }
            (b"$GENERATE", _) => return Err("$GENERATE takes a range, an owner, a type and data".into()),
            (b"$INCLUDE", _) => {
                return Err("$INCLUDE is not supported; put the records into one file".into());
            }
            _ => return Err(format!("unknown directive {}", lossy(directive))),
        }
        Ok(())
    }

    fn generate(&mut self, range: &[u8], template: &[Token<'_>]) -> Result<(), String> {
        let mut line = Vec::new();
        let mut entry = Entry::default();
        for number in Steps::parse(range)? {
            write_line(template, number, &mut line)?;
            let mut lexer = Lexer::new(&line[..], self.limits.entry_octets);
            if !lexer.next_entry(&mut entry).map_err(|error| error.message)? {
                return Err("$GENERATE makes an empty line".into());
            }
            let tokens = entry.tokens();
            self.owner = Some(self.name(tokens[0].text)?);
            self.record(&tokens[1..])?;
        }
        Ok(())
    }

    /// Takes a record of the current owner: TTL, class, type and data.
    fn record(&mut self, tokens: &[Token<'_>]) -> Result<(), String> {
        let Some(owner) = self.owner.take() else {
            return Err("the first record must name its owner".into());
        };
        let outcome = self.record_of(&owner, tokens);
        self.owner = Some(owner);
        outcome
    }

    fn record_of(&mut self, owner: &Name, tokens: &[Token<'_>]) -> Result<(), String> {
        let (own_ttl, rtype, data) = self.preamble(tokens)?;
        self.records += 1;
        if self.records > self.limits.records {
            return Err(format!("more than {} records", self.limits.records));
        }
        if of_the_old_server(rtype) {
            self.leave_out(rtype);
        } else {
            let rdata = rdata::from_text(rtype, data, &self.origin)
                .map_err(|error| format!("{owner} {rtype}: {error}"))?;
            if strings(rtype, &rdata) > data.len() && !is_generic(data) {
                self.warn(format_args!(
                    "{owner} {rtype}: a string of more than 255 octets is split (RFC 1035, 3.3)"
                ));
            }
            let minimum = if rtype == RecordType::SOA { last_number(&rdata) } else { None };
            let ttl = self.effective_ttl(own_ttl, minimum);
            self.add(owner, rtype, ttl, rdata)?;
        }
        Ok(())
    }

    /// Reads TTL and class, each of them optional and in either order, and the type; returns TTL, type and
    /// the tokens of the data.
    fn preamble<'t>(
        &mut self,
        tokens: &'t [Token<'t>],
    ) -> Result<(Option<u32>, RecordType, &'t [Token<'t>]), String> {
        let mut rest = tokens;
        let (mut ttl, mut has_class) = (None, false);
        while let Some((Token { text, .. }, after)) = rest.split_first() {
            if ttl.is_none() && text.first().is_some_and(u8::is_ascii_digit) {
                let period = parse_period(text).ok_or_else(|| format!("{:?} is not a TTL", lossy(text)))?;
                ttl = Some(self.bounded_ttl(period)?);
            } else if !has_class && (text.eq_ignore_ascii_case(b"IN") || text.eq_ignore_ascii_case(b"CLASS1"))
            {
                has_class = true;
            } else if let Some(rtype) = std::str::from_utf8(text).ok().and_then(RecordType::parse) {
                self.last_ttl = ttl.or(self.last_ttl);
                return Ok((ttl, rtype, after));
            } else if is_other_class(text) {
                return Err(format!("class {} is not supported, only IN", lossy(text)));
            } else {
                return Err(format!("unknown record type {:?}", lossy(text)));
            }
            rest = after;
        }
        Err("the record has no type".into())
    }
}

/// TTLs.
impl Import<'_> {
    /// A TTL of 32 bits counts as 0 (RFC 2181, 8), a longer one is none.
    fn bounded_ttl(&mut self, seconds: u64) -> Result<u32, String> {
        match u32::try_from(seconds) {
            Ok(seconds) if seconds <= MAX_TTL_S => Ok(seconds),
            Ok(_) => {
                self.warn(format_args!("TTL {seconds} is above {MAX_TTL_S} and counts as 0"));
                Ok(0)
            }
            Err(_) => Err(format!("TTL {seconds} is above {MAX_TTL_S}")),
        }
    }

    /// The TTL of a record: its own, `$TTL`, the last one said, the minimum of the SOA (RFC 2308, 4; RFC 1035,
    /// 5.1).
    fn effective_ttl(&mut self, own: Option<u32>, minimum: Option<u32>) -> u32 {
        let known = own.or(self.default_ttl).or(self.last_ttl).or(minimum);
        if let Some(ttl) = known.or(self.file.soa.as_ref().map(|soa| soa.minimum)) {
            return ttl.min(MAX_TTL_S);
        }
        self.warn(format_args!("no TTL so far; {FALLBACK_TTL_S} is used"));
        self.last_ttl = Some(FALLBACK_TTL_S);
        FALLBACK_TTL_S
    }
}

/// Keeping records and warnings.
impl Import<'_> {
    /// Adds a record to its RRset, or says why not.
    fn add(&mut self, owner: &Name, rtype: RecordType, ttl: u32, mut rdata: Vec<u8>) -> Result<(), String> {
        let apex = self.apex;
        if !owner.is_subdomain_of(apex) {
            self.warn(format_args!("{owner} {rtype} is outside of {apex} and left out"));
            return Ok(());
        }
        if rtype == RecordType::SOA {
            return self.add_soa(owner, ttl, &rdata);
        }
        rdata.shrink_to_fit();
        let at = self.position(owner, rtype)?;
        let Some(rrset) = self.file.rrsets.get(at) else {
            let line = u32::try_from(self.line).unwrap_or(u32::MAX);
            let rdatas = vec![rdata];
            self.file.rrsets.push(ImportedRrset { owner: owner.clone(), rtype, ttl, line, rdatas });
            return Ok(());
        };
        if is_among(&rrset.rdatas, rtype, &rdata, &self.hasher, &mut self.seen, at) {
            self.warn(format_args!("{owner} {rtype}: the same record again, left out"));
            return Ok(());
        }
        if matches!(rtype, RecordType::CNAME | RecordType::DNAME) {
            return Err(format!("{owner} {rtype}: a name can have only one (RFC 2181, 10.1)"));
        }
        let first_ttl = rrset.ttl;
        if first_ttl != ttl {
            self.warn(format_args!(
                "{owner} {rtype}: TTL {ttl} differs from the {first_ttl} of the records before it, which is used"
            ));
        }
        let rdatas = &mut self.file.rrsets[at].rdatas;
        if rdatas.len() >= self.limits.rrset_records {
            return Err(format!("{owner} {rtype}: more than {} records", self.limits.rrset_records));
        }
        rdatas.push(rdata);
        Ok(())
    }

    /// Where the RRset of an owner and type is, or, just past the end, is to be put.
    fn position(&mut self, owner: &Name, rtype: RecordType) -> Result<usize, String> {
        let rrsets = &self.file.rrsets;
        let is_it =
            |at: usize| rrsets.get(at).is_some_and(|rrset| rrset.rtype == rtype && rrset.owner == *owner);
        // The records of most RRsets stand together.
        if let Some(last) = rrsets.len().checked_sub(1).filter(|&last| is_it(last)) {
            return Ok(last);
        }
        let mut hash = self.hasher.hash_one((owner.as_wire(), rtype));
        while let Some(&at) = self.index.get(&hash) {
            if is_it(at as usize) {
                return Ok(at as usize);
            }
            hash = hash.wrapping_add(1);
        }
        let at = u32::try_from(rrsets.len()).map_err(|_| "too many names and types")?;
        self.index.insert(hash, at);
        Ok(at as usize)
    }

    /// Keeps the SOA record of the apex. A file made from a transfer has it a second time at its end.
    ///
    /// # Errors
    /// Another one, or one below the apex: the file is that of several zones, or of two states of one.
    fn add_soa(&mut self, owner: &Name, ttl: u32, rdata: &[u8]) -> Result<(), String> {
        let apex = self.apex;
        if owner != apex {
            return Err(format!(
                "{owner} SOA: only {apex} has one here; other zones need files of their own"
            ));
        }
        let Some(soa) = soa_from_wire(rdata, ttl) else { return Ok(()) };
        match &self.file.soa {
            None => self.file.soa = Some(soa),
            Some(first) if Soa { ttl: first.ttl, ..soa.clone() } == *first => {}
            Some(_) => return Err(format!("{owner} SOA: a zone has only one (RFC 1035, 5.2)")),
        }
        Ok(())
    }

    fn leave_out(&mut self, rtype: RecordType) {
        match self.left_out.iter_mut().find(|(other, _, _)| *other == rtype) {
            Some((_, _, count)) => *count += 1,
            None => self.left_out.push((rtype, self.line, 1)),
        }
    }

    fn warn(&mut self, message: impl Display) {
        let line = self.line;
        self.warn_of_the_whole(|| format!("line {line}: {message}"));
    }

    /// Adds a warning that has no line.
    fn warn_of_the_whole(&mut self, message: impl FnOnce() -> String) {
        if self.file.warnings.len() < self.limits.warnings {
            self.file.warnings.push(message());
        } else {
            self.unsaid_warnings += 1;
        }
    }

    fn finish(mut self) -> ZoneFile {
        let mut rrsets = std::mem::take(&mut self.file.rrsets);
        placement::review(self.apex, &mut rrsets, |message| self.warn_of_the_whole(|| message));
        self.file.rrsets = rrsets;
        let warnings = &mut self.file.warnings;
        for (rtype, line, count) in self.left_out {
            let message = format!("line {line}: {rtype} records are not imported, {count} left out");
            warnings.push(message);
        }
        if self.unsaid_warnings > 0 {
            warnings.push(format!("{} more warnings", self.unsaid_warnings));
        }
        self.file
    }
}

/// Whether data is among that of its RRset, the one at `at`. Few are compared, of many the hashes are `seen`.
fn is_among(
    rdatas: &[Vec<u8>],
    rtype: RecordType,
    rdata: &[u8],
    hasher: &RandomState,
    seen: &mut HashSet<u64>,
    at: usize,
) -> bool {
    /// From here on hashing is faster than comparing.
    const MANY: usize = 32;
    let hash = |octets: &[u8]| hasher.hash_one((at, rdata::canonical(rtype, octets)));
    if rdatas.len() == MANY {
        seen.extend(rdatas.iter().map(|octets| hash(octets)));
    }
    if rdatas.len() >= MANY && seen.insert(hash(rdata)) {
        return false;
    }
    let canonical = rdata::canonical(rtype, rdata);
    rdatas.iter().any(|other| rdata::canonical(rtype, other) == canonical)
}

/// What a message shows of a token.
fn lossy(text: &[u8]) -> String {
    const SHOWN_OCTETS: usize = 80;
    String::from_utf8_lossy(&text[..text.len().min(SHOWN_OCTETS)]).into_owned()
}

/// Whether records of a type belong to the server that signed the zone, or to the zone as it had it: signatures,
/// denials, keys, what the parent is told of them, and the digest of the whole.
fn of_the_old_server(rtype: RecordType) -> bool {
    matches!(
        rtype,
        RecordType::RRSIG
            | RecordType::NSEC
            | RecordType::NSEC3
            | RecordType::NSEC3PARAM
            | RecordType::DNSKEY
            | RecordType::CDS
            | RecordType::CDNSKEY
            | RecordType::ZONEMD
    )
}

/// How many character-strings record data has, for the types that are made of these and may be split.
fn strings(rtype: RecordType, rdata: &[u8]) -> usize {
    if !matches!(rtype, RecordType::TXT | RecordType::SPF | RecordType::NINFO | RecordType::AVC) {
        return 0;
    }
    let (mut rest, mut count) = (rdata, 0);
    while let Some((&length, behind)) = rest.split_first() {
        rest = behind.get(usize::from(length)..).unwrap_or_default();
        count += 1;
    }
    count
}

/// Whether data is in the form of RFC 3597, where tokens are not strings.
fn is_generic(data: &[Token<'_>]) -> bool {
    data.first().is_some_and(|first| !first.quoted && first.text == b"\\#")
}

fn is_other_class(text: &[u8]) -> bool {
    let text = text.to_ascii_uppercase();
    matches!(&text[..], b"CH" | b"CHAOS" | b"HS" | b"CS" | b"NONE") || text.starts_with(b"CLASS")
}

/// The last four octets as a number: the minimum of an SOA record.
fn last_number(rdata: &[u8]) -> Option<u32> {
    rdata.last_chunk().map(|octets| u32::from_be_bytes(*octets))
}

/// The fields of SOA record data; `None` when it is not well-formed.
fn soa_from_wire(rdata: &[u8], ttl: u32) -> Option<Soa> {
    let (mname, rest) = rdata.split_at_checked(wire_length(rdata).ok()?)?;
    let (rname, rest) = rest.split_at_checked(wire_length(rest).ok()?)?;
    let (numbers, _) = rest.as_chunks();
    let [serial, refresh, retry, expire, minimum] =
        <[[u8; 4]; 5]>::try_from(numbers).ok()?.map(u32::from_be_bytes);
    let (mname, rname) = (Name::from_wire(mname).ok()?, Name::from_wire(rname).ok()?);
    Some(Soa { mname, rname, serial, refresh, retry, expire, minimum, ttl })
}
