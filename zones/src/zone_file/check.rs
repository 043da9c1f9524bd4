//! All that is wrong with a zone file.
//!
//! An import stops at the first fault; whoever mends a file wants to see them all. What is an error here is refused
//! by an import, what is a warning is not.

use std::collections::{HashMap, HashSet};
use std::io::BufRead;

use super::import::parse_on;
use super::lexer::{Entry, Lexer};
use super::{ImportLimits, ImportedRrset, ZoneFile, ZoneFileError};
use crate::compile::CompiledRecord;
use crate::rdata;
use crate::validate::placement;
use crate::{Name, RecordType};

/// What a check has found.
#[derive(Clone, Debug, Default)]
pub struct Report {
    /// What no import takes, by line; when there are as many as warnings are allowed, there may be more.
    pub errors: Vec<ZoneFileError>,
    /// What is left out or doubtful: `line N: …` where it is about a line.
    pub warnings: Vec<String>,
    /// Records that can be served.
    pub records: usize,
}

/// Reads a whole zone file and says all that is wrong with it.
pub fn check(input: impl BufRead, apex: &Name, limits: &ImportLimits) -> Report {
    let (file, mut errors) = parse_on(input, apex, limits);
    let ZoneFile { soa, rrsets, mut warnings, .. } = file;
    let room = limits.warnings.saturating_sub(errors.len());
    errors.extend(misplaced(apex, &rrsets).take(room));
    errors.sort_by_key(|error| error.line);
    if soa.is_none() {
        warnings.push(format!("{apex} has no SOA record; an import gives the zone the server's own"));
    }
    if !rrsets.iter().any(|rrset| rrset.rtype == RecordType::NS && rrset.owner == *apex) {
        warnings.push(format!("{apex} has no NS record; an import gives the zone the server's own"));
    }
    warnings.extend(hosts_without_addresses(apex, &rrsets).take(limits.warnings));
    let records = rrsets.iter().map(|rrset| rrset.rdatas.len()).sum();
    Report { errors, warnings, records }
}

/// Records that cannot be beside others at their owner, or cannot be served at all.
fn misplaced<'a>(
    apex: &'a Name,
    rrsets: &'a [ImportedRrset],
) -> impl Iterator<Item = ZoneFileError> + use<'a> {
    let mut types: HashMap<&[u8], Vec<RecordType>> = HashMap::new();
    rrsets.iter().filter_map(move |ImportedRrset { owner, rtype, ttl, line, rdatas }| {
        let present = types.entry(owner.as_wire()).or_default();
        let placed = placement(apex, owner, *rtype, present.iter().copied());
        present.push(*rtype);
        let served = CompiledRecord::check_rdata(*rtype, *ttl, rdatas);
        let reason = match (placed, served) {
            (Err(error), _) => error.to_string(),
            (_, Err(error)) => error.to_string(),
            _ => return None,
        };
        Some(ZoneFileError { line: u64::from(*line), message: format!("{owner} {rtype}: {reason}") })
    })
}

/// Hosts in the zone that NS, MX and SRV records name and that have neither an address nor an alias.
fn hosts_without_addresses<'a>(
    apex: &'a Name,
    rrsets: &'a [ImportedRrset],
) -> impl Iterator<Item = String> + use<'a> {
    let holds_address = |rtype| matches!(rtype, RecordType::A | RecordType::AAAA | RecordType::CNAME);
    let found = rrsets.iter().filter(|rrset| holds_address(rrset.rtype));
    let known: HashSet<&[u8]> = found.map(|rrset| rrset.owner.as_wire()).collect();
    let cuts = rrsets.iter().filter(|rrset| rrset.rtype == RecordType::NS && rrset.owner != *apex);
    let cuts: HashSet<&[u8]> = cuts.map(|rrset| rrset.owner.as_wire()).collect();
    let named = rrsets.iter().flat_map(|rrset| rrset.rdatas.iter().map(move |octets| (rrset, octets)));
    named.filter_map(move |(ImportedRrset { owner, rtype, line, .. }, octets)| {
        let before = match *rtype {
            RecordType::NS => 0,
            RecordType::MX => 2,
            RecordType::SRV => 6,
            _ => return None,
        };
        let canonical = rdata::canonical(*rtype, octets);
        let host = Name::from_wire(canonical.get(before..)?).ok()?;
        if host.is_root() || !host.is_subdomain_of(apex) || known.contains(host.as_wire()) {
            return None;
        }
        let up_to_apex = std::iter::successors(Some(host.clone()), Name::parent);
        let mut up_to_apex = up_to_apex.take_while(|name| name.is_subdomain_of(apex));
        // Below a cut an address is glue, which only the servers of that cut need. A wildcard may hold one.
        let is_elsewhere = |name: &Name| {
            let is_cut = cuts.contains(name.as_wire()) && (*rtype != RecordType::NS || name != owner);
            let wildcard = [&b"\x01*"[..], name.as_wire()].concat();
            is_cut || known.contains(&wildcard[..])
        };
        if up_to_apex.any(|name| is_elsewhere(&name)) {
            return None;
        }
        Some(format!("line {line}: {owner} {rtype}: {host} has no address in this file"))
    })
}

/// The zone that a file says it is of: its first `$ORIGIN`, or else the owner of its first record, if absolute.
pub fn apex_of(input: impl BufRead, limits: &ImportLimits) -> Option<Name> {
    let mut lexer = Lexer::new(input, limits.entry_octets);
    let mut entry = Entry::default();
    while lexer.next_entry(&mut entry).ok()? {
        let tokens = entry.tokens();
        let text = match &tokens[..] {
            [directive, name] if directive.text.eq_ignore_ascii_case(b"$ORIGIN") => name.text,
            [directive, ..] if directive.text.starts_with(b"$") => continue,
            [owner, ..] if !entry.continues_owner => owner.text,
            _ => return None,
        };
        let name = Name::parse_relative(text, &Name::root()).ok()?;
        return (text.ends_with(b".") && !name.is_root()).then_some(name);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(text: &str) -> Report {
        check(text.as_bytes(), &Name::parse("example.com").unwrap(), &ImportLimits::default())
    }

    fn errors(text: &str) -> Vec<String> {
        report(text).errors.iter().map(ToString::to_string).collect()
    }

    const HEAD: &str = "$TTL 60\n@ SOA ns1 host 1 2 3 4 5\n@ NS ns1\nns1 A 192.0.2.1\n";

    #[test]
    fn every_fault_is_told_with_its_line_and_the_reading_goes_on() {
        let text = format!(
            "{HEAD}a A 192.0.2.300\n  A 192.0.2.2\nb TXT \"open\nc A 192.0.2.3\nc CNAME ns1\nd NOTYPE x\ne A (\n"
        );
        let errors = errors(&text);
        let starts = ["line 5: ", "line 7: ", "line 9: c.example.com CNAME", "line 10: ", "line 11: "];
        assert_eq!(errors.len(), starts.len(), "{errors:#?}");
        for (error, start) in errors.iter().zip(starts) {
            assert!(error.starts_with(start), "{error}");
        }
        assert_eq!(report(HEAD).errors, []);
        assert_eq!(report(HEAD).warnings, [] as [&str; 0]);
        assert_eq!(report(HEAD).records, 2);
    }

    #[test]
    fn hosts_of_the_zone_must_have_addresses() {
        let text = format!(
            "{HEAD}@ MX 10 mail\n@ MX 20 mail.elsewhere.test.\n_x._tcp SRV 0 0 1 ns1\nsub NS ns.sub\nsub NS ns.other\n\
             other NS a.test.\n_y._tcp SRV 0 0 1 any.wild\n*.wild AAAA ::1\n_z._tcp SRV 0 0 1 .\n"
        );
        assert_eq!(
            report(&text).warnings,
            [
                "line 5: example.com MX: mail.example.com has no address in this file",
                "line 8: sub.example.com NS: ns.sub.example.com has no address in this file",
            ]
        );
    }

    #[test]
    fn a_file_without_the_records_of_an_apex_is_doubtful_only() {
        let report = report("www 60 A 192.0.2.1\n");
        assert_eq!(report.errors, []);
        assert_eq!(report.warnings.len(), 2, "{:?}", report.warnings);
    }

    #[test]
    fn the_faults_of_a_file_are_bounded() {
        let limits = ImportLimits { warnings: 3, ..ImportLimits::default() };
        let apex = Name::parse("example.com").unwrap();
        assert_eq!(check(&b"$X\n".repeat(1000)[..], &apex, &limits).errors.len(), 3);
        let clash = b"a 60 CNAME b\na 60 A 192.0.2.1\na 60 AAAA ::1\na 60 TXT x\na 60 MX 1 b\n";
        assert_eq!(check(&clash[..], &apex, &limits).errors.len(), 3);
    }

    #[test]
    fn the_zone_of_a_file_is_found_where_it_says_so() {
        let apex =
            |text: &str| apex_of(text.as_bytes(), &ImportLimits::default()).map(|name| name.to_string());
        assert_eq!(apex("; x\n$TTL 60\n$ORIGIN Example.COM.\n@ A 1.2.3.4\n").as_deref(), Some("example.com"));
        assert_eq!(apex("example.com. IN SOA a b 1 2 3 4 5\n").as_deref(), Some("example.com"));
        for text in
            ["", "@ IN SOA a b 1 2 3 4 5\n", "  A 1.2.3.4\n", "$ORIGIN x\n", "$ORIGIN .\n", "a..b. A x\n"]
        {
            assert_eq!(apex(text), None, "{text:?}");
        }
    }
}
