//! Finding the record that a query comes by, as the query path finds it.

use zones::{Lookup, Name, Node, QueryName, RecordType, Rrset, Snapshot};

use crate::error::ApiError;

/// The record that a question leads to.
pub(crate) struct Found<'s> {
    /// The apex of the zone that the record is stored in: of a linked zone, its target.
    pub(crate) zone: Name,
    /// Where the record is stored: the name asked for, or a wildcard.
    pub(crate) owner: Name,
    /// What queries see.
    pub(crate) rrset: Rrset<'s>,
    /// What the answers are to the question.
    pub(crate) role: Role,
    /// The label of the name at which a wildcard's closest encloser begins, if the record is one's.
    pub(crate) encloser_label: Option<usize>,
}

/// What a record is to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Role {
    /// The answer.
    Answer,
    /// A CNAME: the question goes on with its first answer.
    Alias,
    /// A DNAME above the name: the question goes on with these labels before its first answer (RFC 6672).
    Substitution(Box<[u8]>),
    /// The servers of a delegated zone. A chain that leaves none of them leaves all.
    Referral,
}

/// Finds the record that answers a question in the zone of an apex.
///
/// # Errors
/// 404 saying why queries get no such record.
pub(crate) fn find<'s>(
    snapshot: &'s Snapshot,
    apex: &Name,
    name: &QueryName,
    rtype: RecordType,
) -> Result<Found<'s>, ApiError> {
    let zone = snapshot.zone(apex).ok_or_else(ApiError::zone_not_found)?;
    if !zone.is_served() {
        return Err(ApiError::not_found(format!("zone {apex} is not served: it has no networks")));
    }
    if !name.to_name().is_subdomain_of(apex) {
        return Err(ApiError::record_not_found());
    }
    if let Some(answering) = answering_apex(snapshot, name, rtype).filter(|answering| answering != apex) {
        let message = format!("queries for {} are answered by zone {answering}", name.to_name());
        return Err(ApiError::not_found(message));
    }
    find_anywhere(snapshot, name, rtype)
}

/// Finds the record that answers a question in whichever zone does.
///
/// # Errors
/// As for [`find`].
pub(crate) fn find_anywhere<'s>(
    snapshot: &'s Snapshot,
    name: &QueryName,
    rtype: RecordType,
) -> Result<Found<'s>, ApiError> {
    let found = snapshot.find_zone(name, rtype).ok_or_else(ApiError::zone_not_found)?;
    let zone = found.zone.apex();
    match found.zone.lookup(name, found.apex_label, rtype) {
        // A question for DS at an apex of ours goes to the zone above, and a wildcard there is not about it.
        Lookup::Wildcard { .. } if snapshot.zone(&name.to_name()).is_some() => {
            Err(ApiError::record_not_found())
        }
        Lookup::Found(node) => of_name(zone, node, rtype),
        Lookup::Wildcard { node, encloser_label } => {
            Ok(Found { encloser_label: Some(encloser_label), ..of_name(zone, node, rtype)? })
        }
        Lookup::Delegation { cut, cut_label: 0 } if rtype == RecordType::NS => match cut.rrset(rtype) {
            Some(rrset) => of_node(zone, cut, rrset, Role::Referral),
            None => Err(ApiError::record_not_found()),
        },
        Lookup::Delegation { cut, .. } => {
            let servers = owner_of(zone, cut)?;
            Err(ApiError::not_found(format!(
                "queries for {} are referred to the servers of {servers}",
                name.to_name()
            )))
        }
        Lookup::Dname { node, owner_label } => match node.rrset(RecordType::DNAME) {
            Some(rrset) => {
                let prefix = name.wire().get(..name.offset(owner_label)).unwrap_or_default();
                of_node(zone, node, rrset, Role::Substitution(prefix.into()))
            }
            None => Err(ApiError::record_not_found()),
        },
        Lookup::NxDomain => Err(ApiError::record_not_found()),
    }
}

/// The name that a question goes on with, when it goes on.
pub(crate) fn next_name(role: &Role, rdata: &[u8]) -> Option<QueryName> {
    match role {
        Role::Answer | Role::Referral => None,
        Role::Alias => QueryName::from_wire(rdata).ok(),
        Role::Substitution(prefix) => QueryName::from_wire(&[prefix, rdata].concat()).ok(),
    }
}

/// The apex of the zone that answers a question; for a linked zone its own, not its target's.
pub(super) fn answering_apex(snapshot: &Snapshot, name: &QueryName, rtype: RecordType) -> Option<Name> {
    let found = snapshot.find_zone(name, rtype)?;
    Name::from_wire(name.suffix(found.apex_label)).ok()
}

/// The record of a type at a node, or the CNAME record that stands for all types.
fn of_name<'s>(zone: &Name, node: Node<'s>, rtype: RecordType) -> Result<Found<'s>, ApiError> {
    match node.rrset(rtype) {
        Some(rrset) => of_node(zone, node, rrset, Role::Answer),
        None => match node.rrset(RecordType::CNAME) {
            Some(rrset) => of_node(zone, node, rrset, Role::Alias),
            None => Err(ApiError::record_not_found()),
        },
    }
}

fn of_node<'s>(zone: &Name, node: Node<'_>, rrset: Rrset<'s>, role: Role) -> Result<Found<'s>, ApiError> {
    Ok(Found { zone: zone.clone(), owner: owner_of(zone, node)?, rrset, role, encloser_label: None })
}

fn owner_of(zone: &Name, node: Node<'_>) -> Result<Name, ApiError> {
    Name::from_wire(&[node.relative_owner(), zone.as_wire()].concat()).map_err(ApiError::internal)
}
