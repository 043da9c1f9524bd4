//! Record data, in each of its forms.

use serde_json::Value;
use zones::rdata::{self, Token};
use zones::{Name, RecordType};

/// The first octet of an input picks a type: all with a form of their own, and one without.
const TYPES: [u16; 60] = [
    1, 2, 5, 6, 12, 13, 14, 15, 16, 17, 18, 19, 20, 21, 22, 24, 25, 26, 27, 28, 29, 33, 35, 36, 37, 39, 42,
    43, 44, 45, 46, 47, 48, 49, 50, 51, 52, 53, 55, 57, 59, 60, 61, 62, 63, 64, 65, 99, 104, 105, 106, 107,
    108, 109, 256, 257, 260, 261, 32_769, 65_280,
];

fn split(data: &[u8]) -> Option<(RecordType, &[u8])> {
    let (&first, rest) = data.split_first()?;
    Some((RecordType(TYPES[usize::from(first) % TYPES.len()]), rest))
}

/// Tokens of a zone file, divided by spaces; a double quote in front of one makes it quoted.
pub fn rdata_text(data: &[u8]) {
    let Some((rtype, text)) = split(data) else { return };
    let tokens: Vec<Token<'_>> = text
        .split(|&octet| octet == b' ')
        .map(|text| match text.strip_prefix(b"\"") {
            Some(text) => Token { text, quoted: true, glued: false },
            None => Token { text, quoted: false, glued: false },
        })
        .collect();
    let origin = Name::parse("origin.test").expect("it is a name");
    if let Ok(wire) = rdata::from_text(rtype, &tokens, &origin) {
        check(rtype, &wire);
    }
}

/// Any octets as the wire form.
pub fn rdata_wire(data: &[u8]) {
    let Some((rtype, wire)) = split(data) else { return };
    match rdata::check(rtype, wire) {
        Ok(()) => check(rtype, wire),
        Err(_) => {
            assert!(rdata::to_text(rtype, wire).is_err() && rdata::to_fields(rtype, wire).is_err());
        }
    }
    // These take any octets: data is not always checked before.
    let _ = rdata::canonical(rtype, wire);
    assert!(rdata::names(rtype, wire).count() <= wire.len());
}

/// The fields of an API answer, as JSON.
pub fn rdata_fields(data: &[u8]) {
    let Some((rtype, json)) = split(data) else { return };
    let Ok(Value::Array(fields)) = serde_json::from_slice(json) else { return };
    if let Ok(wire) = rdata::from_fields(rtype, &fields) {
        check(rtype, &wire);
    }
}

/// Sound data comes back from fields and from text as it was, up to the case of names.
fn check(rtype: RecordType, wire: &[u8]) {
    rdata::check(rtype, wire).expect("what is read is sound");
    let canonical = rdata::canonical(rtype, wire);
    let fields = rdata::to_fields(rtype, wire).expect("sound data has fields");
    let again = rdata::from_fields(rtype, &fields).expect("its fields can be read");
    assert_eq!(rdata::canonical(rtype, &again), canonical, "{rtype} {fields:?}");
    let text = rdata::to_text(rtype, wire).expect("sound data has text");
    let apex = Name::parse("example.test").expect("it is a name");
    let file = format!("@ 60 IN {rtype} {text}\n");
    let file = zones::zone_file::parse(file.as_bytes(), &apex, &Default::default());
    let file = file.unwrap_or_else(|error| panic!("{rtype} {text}: {error}"));
    match file.rrsets.first() {
        Some(rrset) => assert_eq!(rdata::canonical(rtype, &rrset.rdatas[0]), canonical, "{rtype} {text}"),
        // What signs a zone is left out of imports, and a SOA record becomes the settings of the zone.
        None => assert!(
            rtype == RecordType::SOA || file.warnings.iter().any(|warning| warning.contains("not imported")),
            "{rtype} {text}"
        ),
    }
}
