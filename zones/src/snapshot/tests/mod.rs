//! The snapshot as a whole: against a slow model, while it grows and shrinks, with links.

mod growth;
mod links;
mod model;
mod rules;
mod sizes;

use super::*;
use crate::change::{Change, ZoneSettings};
use crate::compile::{CompiledBody, CompiledRecord};
use crate::id::RecordId;
use filters::{AnswerId, Chain};

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn query(text: &str) -> QueryName {
    QueryName::from_wire(name(text).as_wire()).unwrap()
}

fn settings(apex: &str) -> ZoneSettings {
    ZoneSettings {
        apex: name(apex),
        primary_master: name("ns1.example.net"),
        hostmaster: name("hostmaster.example.net"),
        serial: 1,
        refresh_s: 2,
        retry_s: 3,
        expire_s: 4,
        ttl_s: 3600,
        negative_ttl_s: 300,
        link: None,
        is_served: true,
    }
}

fn put_zone(apex: &str) -> Change {
    Change::PutZone(settings(apex))
}

fn put(zone: &str, owner: &str, rtype: RecordType, rdatas: &[&[u8]]) -> Change {
    let record = CompiledRecord::from_rdata(name(owner), rtype, 60, rdatas).unwrap();
    Change::PutRecord { zone: name(zone), record }
}

fn put_link(zone: &str, owner: &str, rtype: RecordType, target: &str) -> Change {
    let body = CompiledBody::Link(name(target));
    let record = CompiledRecord { owner: name(owner), rtype, ttl: 1, body, tier: 1 };
    Change::PutRecord { zone: name(zone), record }
}

fn put_steered(zone: &str, owner: &str, rtype: RecordType, rdata: &[u8]) -> Change {
    let answers = [SteeredAnswer { id: AnswerId([1; 12]), rdata: rdata.to_vec() }];
    let steered = Steered::new(RecordId([2; 12]), true, Chain::default(), &answers);
    let body = CompiledBody::Steered(Arc::new(steered));
    let record = CompiledRecord { owner: name(owner), rtype, ttl: 1, body, tier: 2 };
    Change::PutRecord { zone: name(zone), record }
}

fn delete(zone: &str, owner: &str, rtype: RecordType) -> Change {
    Change::DeleteRecord { zone: name(zone), owner: name(owner), rtype }
}

/// The rdata of the first answer, whether static or steered.
fn first_rdata<'a>(rrset: &Rrset<'a>) -> &'a [u8] {
    match rrset.body {
        RrsetBody::Static(list) => list.iter().next().expect("static RRsets are never empty"),
        RrsetBody::Steered(steered) => steered.rdata(0),
    }
}

/// What a question gets, as text.
fn ask(snapshot: &Snapshot, question: &str, rtype: RecordType) -> String {
    let name = query(question);
    tell(snapshot.find_zone(&name, rtype), &name, rtype)
}

/// What questions that came together get, of a type other than DS.
fn ask_together(snapshot: &Snapshot, questions: &[String], rtype: RecordType) -> Vec<String> {
    let names: Vec<_> = questions.iter().map(|question| query(question)).collect();
    let mut found = vec![None; names.len()];
    snapshot.find_zones(&names, &mut found);
    names.iter().zip(found).map(|(name, found)| tell(found, name, rtype)).collect()
}

fn tell(found: Option<ZoneMatch<'_>>, name: &QueryName, rtype: RecordType) -> String {
    let Some(found) = found else { return "refused".to_owned() };
    let text = |label| Name::from_wire(name.suffix(label)).unwrap().to_string();
    let node_text = |node: Node<'_>| match node.rrset(rtype) {
        Some(rrset) => String::from_utf8_lossy(first_rdata(&rrset)).into_owned(),
        None => "nodata".to_owned(),
    };
    match found.lookup(name, rtype) {
        Lookup::Found(node) => node_text(node),
        Lookup::Wildcard { node, .. } => format!("wildcard {}", node_text(node)),
        Lookup::Delegation { cut, cut_label } => {
            assert!(cut.rrset(RecordType::NS).is_some());
            format!("delegation {}", text(cut_label))
        }
        Lookup::Dname { node, owner_label } => {
            assert!(node.rrset(RecordType::DNAME).is_some());
            format!("dname {}", text(owner_label))
        }
        Lookup::NxDomain => "nxdomain".to_owned(),
    }
}

/// Everything in a snapshot, in an order that does not depend on how it was made.
fn dump(snapshot: &Snapshot) -> Vec<String> {
    let mut lines = Vec::new();
    for zone in snapshot.zones() {
        lines.push(format!("{} {:?} {:?} {}", zone.apex(), zone.tally, zone.soa(), zone.node_count()));
        for node in zone.nodes() {
            let rrsets: Vec<_> =
                node.rrsets().map(|rrset| (rrset.rtype, rrset.ttl, first_rdata(&rrset).to_vec())).collect();
            let flags = (node.children(), node.is_cut(), node.has_dname(), node.has_wildcard_child());
            lines.push(format!("{} {:?} {flags:?} {rrsets:?}", zone.apex(), node.relative_owner()));
        }
    }
    lines.sort();
    lines
}
