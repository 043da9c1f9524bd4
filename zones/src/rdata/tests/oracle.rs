//! Our wire form against `hickory-proto`'s own, for the types that it knows.

use hickory_proto::rr::{Name as OtherName, RData, RecordType as OtherType};
use hickory_proto::serialize::binary::{BinEncodable, BinEncoder};
use proptest::prelude::*;

use super::*;

/// What `hickory-proto` makes of zone-file text, names in lower case: it keeps the case of some of them.
fn other(rtype: T, text: &str) -> Result<Vec<u8>, String> {
    let rdata = RData::try_from_str(OtherType::from(rtype.0), text).map_err(|error| error.to_string())?;
    let mut out = Vec::new();
    let mut encoder = BinEncoder::new(&mut out);
    encoder.set_name_encoding(hickory_proto::serialize::binary::NameEncoding::Uncompressed);
    rdata.emit(&mut encoder).map_err(|error| error.to_string())?;
    Ok(canonical(rtype, &out).into_owned())
}

/// What we make of it, names in lower case.
fn ours(rtype: T, text: &str) -> Option<Vec<u8>> {
    Some(canonical(rtype, &read(rtype, text).ok()?).into_owned())
}

#[test]
fn the_same_text_gives_the_same_octets() {
    for (rtype, text) in [
        (T::A, "192.0.2.1"),
        (T::AAAA, "2001:db8::192.0.2.1"),
        (T::NS, "ns1.example.com."),
        (T::CNAME, r"a\.b.example.com."),
        (T::PTR, "Host.Example.COM."),
        (T::MX, "10 mail.example.com."),
        (T::SRV, "1 2 65535 target.example.com."),
        (T::SOA, "ns1.example.com. hostmaster.example.com. 2024010101 7200 3600 1209600 300"),
        (T::TXT, r#""v=spf1 -all" "second""#),
        (T::HINFO, r#""cpu" "os""#),
        (T::NAPTR, r#"100 10 "U" "E2U+sip" "!^.*$!sip:info@example.com!" ."#),
        (T::CAA, r#"0 issue "ca.example.net""#),
        (T::CAA, r#"128 iodef "mailto:security@example.com""#),
        (T::TLSA, "3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"),
        (T::SMIMEA, "3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"),
        (T::SSHFP, "4 2 a87f1b687ac0e57d2a081a2f282672334d90ed316d2b818ca9580ea384d92401"),
        (T::OPENPGPKEY, "dGVzdGluZw=="),
        (T::CERT, "1 2 3 dGVzdGluZw=="),
        (T::CSYNC, "123 1 A NS AAAA"),
        (T::SVCB, "16 foo.example.com. port=53"),
        (T::SVCB, "1 foo.example.com. ipv6hint=2001:db8::1,2001:db8::53:1"),
        (T::HTTPS, r#"16 foo.example.org. mandatory=alpn,ipv4hint alpn=h2,h3-19 ipv4hint=192.0.2.1"#),
        (T::HTTPS, "0 foo.example.com."),
    ] {
        assert_eq!(ours(rtype, text), other(rtype, text).ok(), "{rtype} {text}: {:?}", other(rtype, text));
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn plain_names_and_numbers_agree(
        numbers in any::<[u16; 3]>(),
        serials in any::<[u32; 5]>(),
        one in "([a-zA-Z0-9_-]{1,20}\\.){1,5}",
        two in "([a-z0-9]{1,63}\\.){1,3}",
        text in "[a-zA-Z0-9 =;:/+]{1,200}",
    ) {
        prop_assume!(OtherName::from_ascii(&one).is_ok());
        let [a, b, c] = numbers;
        let [serial, refresh, retry, expire, minimum] = serials.map(|number| number >> 1);
        for (rtype, line) in [
            (T::MX, format!("{a} {one}")),
            (T::SRV, format!("{a} {b} {c} {two}")),
            (T::SOA, format!("{one} {two} {serial} {refresh} {retry} {expire} {minimum}")),
            (T::TXT, format!("\"{text}\" \"{one}\"")),
            (T::NAPTR, format!("{a} {b} \"S\" \"x+y\" \"{text}\" {two}")),
            (T::CNAME, one.clone()),
        ] {
            // It refuses some names with underscores.
            if let Ok(theirs) = other(rtype, &line) {
                prop_assert_eq!(ours(rtype, &line), Some(theirs), "{} {}", rtype, line);
            }
        }
    }
}
