//! Where a record may be, and what a zone may be.
//!
//! [`crate::compile`] says whether a document means something on its own; this module says whether it may
//! stand where it is asked to, beside what is there already. Messages are for the operator.

use thiserror::Error;

use crate::limits::MAX_TYPES_AT_OWNER;
use crate::name::Name;
use crate::record_type::RecordType;
use crate::zone::ZoneDoc;

/// Why a record or a zone may not be as it is asked for.
#[derive(Clone, Debug, Error, PartialEq)]
pub enum ValidationError {
    /// A type of the API that this server does not have yet.
    #[error("record type {0} is not supported yet")]
    UnsupportedType(String),
    /// A type that nobody knows.
    #[error("unknown record type {0:?}")]
    UnknownType(String),
    /// A type that the server makes, or that exists in messages only.
    #[error("{0} records cannot be created")]
    NotCreatable(RecordType),
    /// The owner is not in the zone.
    #[error("domain: {owner} is not in zone {zone}")]
    OutsideZone {
        /// The owner.
        owner: Name,
        /// The apex.
        zone: Name,
    },
    /// A CNAME allows no other data beside it (RFC 2181, 10.1).
    #[error("a CNAME record cannot be beside other records; {owner} has {other}")]
    CnameBeside {
        /// The owner.
        owner: Name,
        /// A type that is there already.
        other: RecordType,
    },
    /// A record beside a CNAME (RFC 2181, 10.1).
    #[error("{owner} has a CNAME record, which allows no record beside it")]
    BesideCname {
        /// The owner.
        owner: Name,
    },
    /// The apex has an SOA record, which allows no CNAME beside it.
    #[error("a CNAME record cannot be at the apex of a zone")]
    CnameAtApex,
    /// DS belongs to the parent zone (RFC 4035, 2.4).
    #[error("a DS record cannot be at the apex of a zone; it belongs to the parent zone")]
    DsAtApex,
    /// DNAME and NS exclude each other below the apex (RFC 6672, 2.3).
    #[error("{owner} cannot have both NS and DNAME records")]
    DnameBesideNs {
        /// The owner.
        owner: Name,
    },
    /// There is nothing below a DNAME (RFC 6672, 2.4).
    #[error("{owner} is below {dname}, whose DNAME record allows no record below it")]
    BelowDname {
        /// The owner.
        owner: Name,
        /// The owner of the DNAME.
        dname: Name,
    },
    /// There is nothing below a DNAME (RFC 6672, 2.4).
    #[error("a DNAME record allows no record below it; {below} is below {owner}")]
    DnameAbove {
        /// The owner of the DNAME.
        owner: Name,
        /// The name below.
        below: Name,
    },
    /// Too many types at one owner.
    #[error("{owner} has {MAX_TYPES_AT_OWNER} record types already")]
    TooManyTypes {
        /// The owner.
        owner: Name,
    },
    /// The zone wants to be a copy of another server's.
    #[error("secondary: secondary zones are not supported yet")]
    Secondary,
    /// The zone wants other servers to copy it.
    #[error("primary.enabled: outgoing zone transfers are not supported yet; only false is accepted")]
    Primary,
    /// The zone wants to be signed.
    #[error("DNSSEC support is not enabled (dnssec: this server does not sign zones yet)")]
    Dnssec,
    /// The zone wants to be itself.
    #[error("link: a zone cannot be linked to itself")]
    LinkToSelf,
}

/// Reads the type of a record that a client may create: a mnemonic or `TYPE123`, in any case.
///
/// # Errors
/// Types unknown, not supported yet, or not for clients to create.
pub fn record_type(text: &str) -> Result<RecordType, ValidationError> {
    let upper = text.to_ascii_uppercase();
    if matches!(upper.as_str(), "ALIAS" | "URLFWD" | "REDIRECT") {
        return Err(ValidationError::UnsupportedType(upper));
    }
    let rtype = RecordType::parse(&upper)
        .ok_or_else(|| ValidationError::UnknownType(text.chars().take(32).collect()))?;
    let is_made_by_server = matches!(
        rtype,
        RecordType::SOA
            | RecordType::RRSIG
            | RecordType::NSEC
            | RecordType::NSEC3
            | RecordType::NSEC3PARAM
            | RecordType::DNSKEY
    );
    if is_made_by_server || rtype.is_meta() { Err(ValidationError::NotCreatable(rtype)) } else { Ok(rtype) }
}

/// Checks that a record may be at its owner, beside the types that the owner has already.
///
/// # Errors
/// Owners outside the zone, and types that exclude each other.
pub fn placement(
    zone: &Name,
    owner: &Name,
    rtype: RecordType,
    present: impl IntoIterator<Item = RecordType>,
) -> Result<(), ValidationError> {
    if !owner.is_subdomain_of(zone) {
        return Err(ValidationError::OutsideZone { owner: owner.clone(), zone: zone.clone() });
    }
    let is_apex = owner == zone;
    match rtype {
        RecordType::CNAME if is_apex => return Err(ValidationError::CnameAtApex),
        RecordType::DS if is_apex => return Err(ValidationError::DsAtApex),
        _ => {}
    }
    let mut count = 0;
    for other in present.into_iter().filter(|other| *other != rtype) {
        count += 1;
        match (rtype, other) {
            (RecordType::CNAME, _) => {
                return Err(ValidationError::CnameBeside { owner: owner.clone(), other });
            }
            (_, RecordType::CNAME) => return Err(ValidationError::BesideCname { owner: owner.clone() }),
            (RecordType::NS, RecordType::DNAME) | (RecordType::DNAME, RecordType::NS) if !is_apex => {
                return Err(ValidationError::DnameBesideNs { owner: owner.clone() });
            }
            _ => {}
        }
    }
    if count >= MAX_TYPES_AT_OWNER {
        return Err(ValidationError::TooManyTypes { owner: owner.clone() });
    }
    Ok(())
}

/// Checks that a zone asks for nothing that this server does not do.
///
/// # Errors
/// Secondary zones, zones that others copy, signed zones, and a zone linked to itself.
pub fn zone(zone: &ZoneDoc) -> Result<(), ValidationError> {
    let enabled = |value: &serde_json::Value| match value.get("enabled") {
        None => !value.is_null(),
        Some(enabled) => !matches!(enabled.to_string().trim_matches('"'), "false" | "0" | "null"),
    };
    if zone.secondary.as_ref().is_some_and(enabled) {
        return Err(ValidationError::Secondary);
    }
    if zone.primary.as_ref().is_some_and(enabled) {
        return Err(ValidationError::Primary);
    }
    if zone.dnssec {
        return Err(ValidationError::Dnssec);
    }
    if zone.link.as_deref().is_some_and(|target| target == zone.zone) {
        return Err(ValidationError::LinkToSelf);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn name(text: &str) -> Name {
        Name::parse(text).unwrap()
    }

    fn place(owner: &str, rtype: RecordType, present: &[RecordType]) -> Result<(), ValidationError> {
        placement(&name("example.com"), &name(owner), rtype, present.iter().copied())
    }

    #[test]
    fn types_are_read_in_any_case_and_those_of_others_are_refused() {
        assert_eq!(record_type("aaaa"), Ok(RecordType::AAAA));
        assert_eq!(record_type("TYPE65280"), Ok(RecordType(65280)));
        for text in ["ALIAS", "urlfwd"] {
            let message = record_type(text).unwrap_err().to_string();
            assert_eq!(message, format!("record type {} is not supported yet", text.to_uppercase()));
        }
        for text in ["SOA", "RRSIG", "ANY", "OPT", "TYPE6", "TYPE0"] {
            assert!(matches!(record_type(text), Err(ValidationError::NotCreatable(_))), "{text}");
        }
        for text in ["", "B", "TYPE65536"] {
            assert!(matches!(record_type(text), Err(ValidationError::UnknownType(_))), "{text}");
        }
    }

    #[test]
    fn a_record_is_at_its_zones_apex_or_below() {
        assert_eq!(place("example.com", RecordType::A, &[]), Ok(()));
        assert_eq!(place("a.b.example.com", RecordType::A, &[]), Ok(()));
        for owner in ["com", "badexample.com", "example.net", "."] {
            let error = place(owner, RecordType::A, &[]).unwrap_err();
            assert!(error.to_string().ends_with("is not in zone example.com"), "{error}");
        }
    }

    #[test]
    fn a_cname_is_alone_at_its_owner_and_never_at_the_apex() {
        assert_eq!(place("a.example.com", RecordType::CNAME, &[RecordType::CNAME]), Ok(()));
        assert!(place("a.example.com", RecordType::CNAME, &[RecordType::A]).is_err());
        assert!(place("a.example.com", RecordType::TXT, &[RecordType::CNAME]).is_err());
        assert_eq!(place("example.com", RecordType::CNAME, &[]), Err(ValidationError::CnameAtApex));
    }

    #[test]
    fn delegation_types_keep_to_their_side_of_the_cut() {
        assert_eq!(place("example.com", RecordType::DS, &[]), Err(ValidationError::DsAtApex));
        assert_eq!(place("a.example.com", RecordType::DS, &[RecordType::NS]), Ok(()));
        assert!(place("a.example.com", RecordType::DNAME, &[RecordType::NS]).is_err());
        assert!(place("a.example.com", RecordType::NS, &[RecordType::DNAME]).is_err());
        assert_eq!(place("example.com", RecordType::DNAME, &[RecordType::NS]), Ok(()));
    }

    #[test]
    fn an_owner_has_a_bounded_number_of_types() {
        let present: Vec<_> = (1000..1000 + MAX_TYPES_AT_OWNER as u16).map(RecordType).collect();
        assert!(place("a.example.com", RecordType::A, &present).is_err());
        assert_eq!(
            place("a.example.com", RecordType(1000), &present),
            Ok(()),
            "one that is there may change"
        );
        assert_eq!(place("a.example.com", RecordType::A, &present[1..]), Ok(()));
    }

    #[test]
    fn zones_that_want_what_is_not_done_yet_are_refused() {
        let document = |extra: serde_json::Value| {
            let mut fields = json!({
                "id": "010101010101010101010101", "zone": "z", "ttl": 1, "nx_ttl": 1, "refresh": 1, "retry": 1,
                "expiry": 1, "hostmaster": "a@b", "primary_master": "c", "serial": 1
            });
            fields.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            serde_json::from_value::<ZoneDoc>(fields).unwrap()
        };
        assert_eq!(zone(&document(json!({}))), Ok(()));
        for secondary in [json!(null), json!({"enabled": false}), json!({"enabled": "0"})] {
            assert_eq!(zone(&document(json!({"secondary": secondary}))), Ok(()));
        }
        for secondary in [json!({"enabled": true}), json!({"enabled": 1}), json!({"primary_ip": "192.0.2.1"})]
        {
            let error = zone(&document(json!({"secondary": secondary}))).unwrap_err();
            assert_eq!(error.to_string(), "secondary: secondary zones are not supported yet");
        }
        for primary in [json!({"enabled": false, "secondaries": []}), json!({"enabled": "0"})] {
            assert_eq!(zone(&document(json!({"primary": primary}))), Ok(()));
        }
        let error = zone(&document(json!({"primary": {"enabled": true, "secondaries": []}}))).unwrap_err();
        assert!(error.to_string().starts_with("primary.enabled: "), "{error}");
        assert_eq!(zone(&document(json!({"dnssec": true}))), Err(ValidationError::Dnssec));
        assert_eq!(zone(&document(json!({"link": "z"}))), Err(ValidationError::LinkToSelf));
    }
}
