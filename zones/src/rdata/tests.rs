use serde_json::{Value, json};

use super::*;
use crate::RecordType as T;

mod fields;
mod oracle;
mod round_trips;
mod zone_text;

/// Record data from a JSON list.
fn encode(rtype: T, fields: Value) -> Result<Vec<u8>, RdataError> {
    from_fields(rtype, fields.as_array().unwrap())
}

/// Tokens as the zone-file reader cuts them: quotes make a token of their own.
fn tokens(text: &str) -> Vec<Token<'_>> {
    let mut tokens: Vec<Token<'_>> = Vec::new();
    let (mut rest, mut glued) = (text, false);
    while !rest.is_empty() {
        if let Some(after) = rest.strip_prefix(' ') {
            (rest, glued) = (after, false);
            continue;
        }
        let quoted = rest.starts_with('"');
        let body = if quoted { &rest[1..] } else { rest };
        let mut escaped = false;
        let end = body.bytes().position(|octet| {
            let ends = !escaped && (octet == b'"' || (octet == b' ' && !quoted));
            escaped = octet == b'\\' && !escaped;
            ends
        });
        let end = end.unwrap_or(body.len());
        tokens.push(Token { text: &body.as_bytes()[..end], quoted, glued });
        rest = if quoted { &body[end + 1..] } else { &body[end..] };
        glued = true;
    }
    tokens
}

/// Record data from zone-file text below `example.com`.
fn read(rtype: T, text: &str) -> Result<Vec<u8>, RdataError> {
    from_text(rtype, &tokens(text), &Name::parse("example.com").unwrap())
}

#[test]
fn names_are_found_where_they_are() {
    let spans = |rtype, text| {
        names(rtype, &read(rtype, text).unwrap()).map(|span| (span.offset, span.length)).collect::<Vec<_>>()
    };
    assert_eq!(spans(T::A, "192.0.2.1"), []);
    assert_eq!(spans(T::CNAME, "a."), [(0, 3)]);
    assert_eq!(spans(T::MX, "10 a."), [(2, 3)]);
    assert_eq!(spans(T::SRV, "1 2 3 a.b."), [(6, 5)]);
    assert_eq!(spans(T::SOA, "a. bc. 1 2 3 4 5"), [(0, 3), (3, 4)]);
    assert_eq!(spans(T::NAPTR, r#"1 2 "S" "" "" a."#), [(8, 3)]);
    assert_eq!(spans(T::HTTPS, "1 a. port=1"), [(2, 3)]);
    assert_eq!(spans(T::IPSECKEY, "1 3 2 a. AAAA"), [(3, 3)]);
    assert_eq!(spans(T::IPSECKEY, "1 1 2 192.0.2.1 AAAA"), []);
    assert_eq!(spans(T::TXT, "a"), []);
    // Cut data gives what came before the cut.
    assert_eq!(names(T::SOA, b"\x01a\0\x05b").count(), 1);
    assert_eq!(names(T::MX, b"\0").count(), 0);
}

#[test]
fn only_types_of_rfc_1035_may_be_compressed() {
    assert!([T::NS, T::CNAME, T::SOA, T::PTR, T::MX].into_iter().all(compressible));
    assert!(![T::SRV, T::DNAME, T::RP, T::NAPTR, T::A, T::TXT].into_iter().any(compressible));
}

#[test]
fn canonical_form_folds_the_case_of_names_only_where_it_does_not_matter() {
    let data = read(T::SRV, "1 2 3 Mail.Example.").unwrap();
    assert_eq!(data, b"\0\x01\0\x02\0\x03\x04Mail\x07Example\0");
    assert_eq!(*canonical(T::SRV, &data), *read(T::SRV, "1 2 3 mail.example.").unwrap());
    let data = read(T::HTTPS, "1 Mail. alpn=H2").unwrap();
    assert_eq!(*canonical(T::HTTPS, &data), data[..]);
    let data = read(T::TXT, "Text").unwrap();
    assert_eq!(*canonical(T::TXT, &data), data[..]);
}

#[test]
fn wire_form_is_checked_whole() {
    assert_eq!(check(T::A, &[1, 2, 3]), Err(RdataError::Truncated { field: "address" }));
    assert_eq!(check(T::A, &[1, 2, 3, 4, 5]), Err(RdataError::Trailing { rtype: T::A, octets: 1 }));
    assert_eq!(check(T::TXT, &[]), Err(RdataError::Truncated { field: "text" }));
    assert!(check(T::TXT, &[0]).is_ok());
    assert!(check(T::TXT, &[2, b'a']).is_err());
    assert!(check(T::NS, b"\xc0\x0c").is_err(), "a compression pointer");
    assert!(check(T::CAA, b"\0\0x").is_err(), "an empty tag");
    assert!(check(T::CAA, b"\0\x01-x").is_err(), "a tag with a hyphen");
    assert!(check(T::URI, &[0, 1, 0, 1]).is_err(), "an empty target");
    assert!(check(T::DS, &[0, 1, 13, 2, 0xab]).is_err(), "a digest of the wrong length");
    assert!(check(T::NSEC, b"\0\0\x01\0").is_err(), "a bitmap that ends with zero");
    assert!(check(T::NSEC, b"\0\0\x21").is_err());
    assert!(check(T::NSEC, b"\0\0\x01\x40\x01\x01\x40").is_ok());
    assert!(check(T::NSEC, b"\0\0\x01\x40\0\x01\x20").is_err(), "a window twice");
    assert!(check(T::NSEC, b"\0\x01\x01\x40\0\x01\x40").is_err(), "windows out of order");
    assert!(check(T::APL, &[0, 1, 8, 1, 10]).is_ok());
    assert!(check(T::APL, &[0, 1, 8, 2, 10, 0]).is_err(), "a prefix with a trailing zero");
    assert!(check(T::APL, &[0, 3, 8, 1, 10]).is_err(), "an unknown family");
    assert!(check(T::APL, &[0, 1, 33, 1, 10]).is_err(), "a prefix that is too long");
    assert!(check(T(65280), &[]).is_ok());
    assert_eq!(check(T::ANY, &[]), Err(RdataError::Meta { rtype: T::ANY }));
    let octets = 65_536;
    assert_eq!(check(T(65280), &vec![0; octets]), Err(RdataError::TooLong { octets }));
}
