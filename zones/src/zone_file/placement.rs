//! Records that cannot do what they are there for, given all the others.
//!
//! These can only be told once the whole file is read. What is never looked at is left out; what a client would
//! trip over stays, for it is the zone's owner who must decide. Each is said in a warning.

use std::collections::HashSet;

use super::ImportedRrset;
use crate::rdata;
use crate::{Name, RecordType};

/// Leaves out what is below a DNAME, and gives `warn` what is wrong beyond single records.
pub(super) fn review(apex: &Name, rrsets: &mut Vec<ImportedRrset>, mut warn: impl FnMut(String)) {
    leave_out_below_dnames(apex, rrsets, &mut warn);
    warn_of_servers_that_are_aliases(rrsets, &mut warn);
    warn_of_wildcard_delegations(rrsets, &mut warn);
}

/// What NS records of a wildcard mean is not defined (RFC 4592, 4.2).
fn warn_of_wildcard_delegations(rrsets: &[ImportedRrset], warn: &mut impl FnMut(String)) {
    for ImportedRrset { owner, rtype, line, .. } in rrsets {
        if *rtype == RecordType::NS && owner.as_wire().starts_with(b"\x01*") {
            warn(format!("line {line}: {owner} NS: a wildcard delegates nothing (RFC 4592, 4.2)"));
        }
    }
}

/// There must be nothing below a DNAME (RFC 6672, 2.4): queries for names there are answered with it.
fn leave_out_below_dnames(apex: &Name, rrsets: &mut Vec<ImportedRrset>, warn: &mut impl FnMut(String)) {
    let dnames: HashSet<Name> = rrsets
        .iter()
        .filter(|rrset| rrset.rtype == RecordType::DNAME)
        .map(|rrset| rrset.owner.clone())
        .collect();
    if dnames.is_empty() {
        return;
    }
    rrsets.retain(|ImportedRrset { owner, rtype, line, .. }| {
        let above = std::iter::successors(owner.parent(), Name::parent);
        let mut above = above.take_while(|name| name.is_subdomain_of(apex));
        let dname = above.find(|name| dnames.contains(name));
        if let Some(dname) = &dname {
            warn(format!("line {line}: {owner} {rtype} is below the DNAME record of {dname} and left out"));
        }
        dname.is_none()
    });
}

/// The hosts of NS and MX records must have addresses, not aliases (RFC 2181, 10.3).
fn warn_of_servers_that_are_aliases(rrsets: &[ImportedRrset], warn: &mut impl FnMut(String)) {
    let aliases: HashSet<&[u8]> = rrsets
        .iter()
        .filter(|rrset| rrset.rtype == RecordType::CNAME)
        .map(|rrset| rrset.owner.as_wire())
        .collect();
    if aliases.is_empty() {
        return;
    }
    for ImportedRrset { owner, rtype, line, rdatas, .. } in rrsets {
        let before = match *rtype {
            RecordType::NS => 0,
            RecordType::MX => 2,
            _ => continue,
        };
        for rdata in rdatas {
            let canonical = rdata::canonical(*rtype, rdata);
            let host = canonical.get(before..).unwrap_or_default();
            if aliases.contains(host)
                && let Ok(host) = Name::from_wire(host)
            {
                warn(format!(
                    "line {line}: {owner} {rtype}: {host} has a CNAME record, but must have addresses"
                ));
            }
        }
    }
}
