//! API answer lists: what clients send, and what is refused with which words.

use super::*;

/// Every type that clients create, as a list with the data it stands for in zone-file text.
fn samples() -> Vec<(T, Value, &'static str)> {
    vec![
        (T::A, json!(["1.2.3.4"]), "1.2.3.4"),
        (T::AAAA, json!(["dead:beef:cafe::1"]), "dead:beef:cafe::1"),
        (T::AFSDB, json!([1, "arecord.example.com"]), "1 arecord.example.com."),
        (T::APL, json!(["1:127.0.0.0/16", "!2:2001:db8::/32"]), "1:127.0.0.0/16 !2:2001:db8::/32"),
        (T::CAA, json!([0, "issue", "ca.example.net; policy=ev"]), r#"0 issue "ca.example.net; policy=ev""#),
        (T::CERT, json!([3, 0, 0, "dGVzdA=="]), "3 0 0 dGVzdA=="),
        (T::CNAME, json!(["target.example.org"]), "target.example.org."),
        (T::CSYNC, json!([66, 3, "A NS AAAA"]), "66 3 A NS AAAA"),
        (
            T::DHCID,
            json!(["AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA="]),
            "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=",
        ),
        (T::DNAME, json!(["newzone.net"]), "newzone.net."),
        (
            T::DS,
            json!([60485, 5, 1, "2bb183af5f22588179a53b0a98631fad1a292118"]),
            "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118",
        ),
        (T::GPOS, json!(["-32.6882", "116.8652", "10.0"]), "-32.6882 116.8652 10.0"),
        (T::HINFO, json!(["fancy", "potato"]), r#""fancy" "potato""#),
        (
            T::HTTPS,
            json!([1, ".", r#"alpn="h3,h2" port=8443 ipv4hint=192.0.2.1"#]),
            r#"1 . alpn="h3,h2" port=8443 ipv4hint=192.0.2.1"#,
        ),
        (
            T::IPSECKEY,
            json!([10, 1, 2, "192.0.2.38", "AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ=="]),
            "10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==",
        ),
        (T::MX, json!([10, "mail1.example.com"]), "10 mail1.example.com."),
        (T::NAPTR, json!([1, 2, "S", "http", "replace/me/i", "hi"]), r#"1 2 "S" "http" "replace/me/i" hi."#),
        (T::NS, json!(["dns1.example.net"]), "dns1.example.net."),
        (T::OPENPGPKEY, json!(["dGVzdA=="]), "dGVzdA=="),
        (T::PTR, json!(["host.example.com"]), "host.example.com."),
        (T::RP, json!(["bob.example.com", "alice.example.com"]), "bob.example.com. alice.example.com."),
        (T::SMIMEA, json!([3, 1, 1, "abcd"]), "3 1 1 abcd"),
        (T::SPF, json!(["v=spf1", "ip4:1.2.3.4", "-all"]), r#""v=spf1" "ip4:1.2.3.4" "-all""#),
        (T::SRV, json!([1, 1, 80, "srvrecord.example.com"]), "1 1 80 srvrecord.example.com."),
        (
            T::SSHFP,
            json!([4, 2, "a87f1b687ac0e57d2a081a2f282672334d90ed316d2b818ca9580ea384d92401"]),
            "4 2 a87f1b687ac0e57d2a081a2f282672334d90ed316d2b818ca9580ea384d92401",
        ),
        (T::SVCB, json!([0, "pool.example"]), "0 pool.example."),
        (
            T::TLSA,
            json!([3, 1, 1, "d2abde240d7cd3ee6b4b28c54df034b9"]),
            "3 1 1 d2abde240d7cd3ee6b4b28c54df034b9",
        ),
        (T::TXT, json!(["some", "text", "here; \\ there"]), r#""some" "text" "here; \\ there""#),
        (T::URI, json!([10, 1, "https://example.com/?a=b"]), r#"10 1 "https://example.com/?a=b""#),
        (T(65280), json!(["\\# 4 0a000001"]), "\\# 4 0a000001"),
    ]
}

#[test]
fn every_type_is_the_same_data_as_fields_and_as_text() {
    for (rtype, fields, text) in samples() {
        let rdata = encode(rtype, fields.clone()).unwrap_or_else(|error| panic!("{rtype}: {error}"));
        assert_eq!(to_text(rtype, &rdata).unwrap(), text, "{rtype}");
        assert_eq!(read(rtype, text).unwrap(), rdata, "{rtype}");
        assert_eq!(Value::from(to_fields(rtype, &rdata).unwrap()), fields, "{rtype}");
    }
}

#[test]
fn numbers_may_be_text_and_names_may_end_with_a_dot() {
    let expected = encode(T::MX, json!([10, "mail.example.com"])).unwrap();
    for fields in [json!(["10", "mail.example.com."]), json!([10.0, " mail.example.com "])] {
        assert_eq!(encode(T::MX, fields).unwrap(), expected);
    }
    assert_eq!(&expected[2..], b"\x04mail\x07example\x03com\0");
}

#[test]
fn a_whole_answer_may_come_in_one_element() {
    for (rtype, one, fields) in [
        (T::MX, "10 mail.x", json!([10, "mail.x"])),
        (T::SRV, " 1 2  3 a.b ", json!([1, 2, 3, "a.b"])),
        (T::CAA, r#"0 issue "ca.net; a=b""#, json!([0, "issue", "ca.net; a=b"])),
        (T::CAA, "0 issue ca.net; a=b", json!([0, "issue", "ca.net; a=b"])),
        (T::NAPTR, r#"1 2 "S" "a b" "" ."#, json!([1, 2, "S", "a b", "", "."])),
        (T::HTTPS, r#"1 . alpn="h2" port=1"#, json!([1, ".", "alpn=h2 port=1"])),
        (T::SVCB, "0 a.b", json!([0, "a.b"])),
        (
            T::DS,
            "1 13 2 e3b0c44298fc1c149afbf4c8996fb924 27ae41e4649b934ca495991b7852b855",
            json!([1, 13, 2, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"]),
        ),
        (T::HINFO, r#""a b" c"#, json!(["a b", "c"])),
        (T::A, "\\# 4 c0000201", json!(["192.0.2.1"])),
    ] {
        assert_eq!(encode(rtype, json!([one])), encode(rtype, fields.clone()), "{one}");
        assert!(encode(rtype, fields).is_ok());
    }
    assert_eq!(encode(T::A, json!(["\\#", 4, "c000", "0201"])).unwrap(), [192, 0, 2, 1]);
}

#[test]
fn text_is_raw_apart_from_outer_quotes() {
    let txt = |text: &str| encode(T::TXT, json!([text])).unwrap();
    assert_eq!(txt(r#""heritage=external-dns,owner=x""#), txt("heritage=external-dns,owner=x"));
    assert_eq!(txt(r"a\;b"), b"\x04a\\;b");
    assert_eq!(txt(r#""v=DKIM1" "p=abc""#), b"\x07v=DKIM1\x05p=abc");
    assert_eq!(txt(""), b"\0");
    assert_eq!(txt(" a "), b"\x03 a ");
    assert_eq!(txt("ü"), b"\x02\xc3\xbc");
    let long = txt(&"k".repeat(300));
    assert_eq!((long.len(), long[0], long[256]), (302, 255, 45));
    assert_eq!(encode(T::URI, json!([1, 1, "\"https://x\""])), encode(T::URI, json!([1, 1, "https://x"])));
    assert_eq!(encode(T::CAA, json!([0, "issue", "\";\""])).unwrap(), b"\0\x05issue;");
}

#[test]
fn a_base64_sample_with_loose_last_bits_is_accepted() {
    assert_eq!(
        encode(T::CERT, json!([3, 0, 0, "dGVzda=="])).unwrap(),
        b"\0\x03\0\0\0testu"[..8].iter().chain(b"u").copied().collect::<Vec<_>>()
    );
}

#[test]
fn data_that_json_cannot_say_comes_back_in_the_generic_form() {
    assert_eq!(to_fields(T::TXT, b"\x01\xff").unwrap(), [json!("\\# 2 01ff")]);
    assert_eq!(to_fields(T::TXT, b"\x05\\# 4 ").unwrap(), [json!("\\# 6 055c23203420")]);
    assert_eq!(to_fields(T::TXT, b"\x03\"a\"").unwrap(), [json!("\"\"a\"\"")]);
}

#[test]
fn errors_name_the_field_and_what_is_allowed() {
    for (rtype, fields, message) in [
        (T::MX, json!(["ten", "a"]), r#"preference: "ten" is not a whole number from 0 to 65535"#),
        (T::MX, json!([65536, "a"]), r#"preference: "65536" is not a whole number from 0 to 65535"#),
        (T::MX, json!([-1, "a"]), r#"preference: "-1" is not a whole number from 0 to 65535"#),
        (T::MX, json!([1.5, "a"]), r#"preference: "1.5" is not a whole number from 0 to 65535"#),
        (T::MX, json!([10]), "MX needs preference, exchange: exchange is missing"),
        (T::MX, json!([]), "MX needs preference, exchange: preference is missing"),
        (T::MX, json!([10, "a", "b"]), r#"MX needs preference, exchange: there is more than that, from "b""#),
        (T::MX, json!([null, "a"]), "preference: null where text or a number is needed"),
        (T::MX, json!([1, ["a"]]), "exchange: a list where text or a number is needed"),
        (T::A, json!(["1.2.3"]), r#"address: "1.2.3" is not an IPv4 address"#),
        (T::A, json!(["::1"]), r#"address: "::1" is not an IPv4 address"#),
        (T::AAAA, json!(["fe80::1%eth0"]), r#"address: "fe80::1%eth0" is not an IPv6 address"#),
        (T::CNAME, json!([""]), r#"target: "" is not a domain name: the name has an empty label"#),
        (T::CNAME, json!(["a..b"]), r#"target: "a..b" is not a domain name: the name has an empty label"#),
        (T::CAA, json!([256, "issue", "x"]), r#"flags: "256" is not a whole number from 0 to 255"#),
        (T::CAA, json!([0, "is-sue", "x"]), r#"tag: "is-sue" is not letters and digits, at least one"#),
        (T::TLSA, json!([3, 1, 1, "abc"]), r#"data: "abc" is not an even number of hexadecimal digits"#),
        (T::OPENPGPKEY, json!(["%"]), r#"key: "%" is not base64 text"#),
        (
            T::DS,
            json!([1, 13, 2, "abcd"]),
            "digest: must be 32 octets (64 hexadecimal digits) for type 2, SHA-256",
        ),
        (T::IPSECKEY, json!([1, 4, 2, "x", "AAAA"]), "gateway: the gateway type must be from 0 to 3"),
        (T::HINFO, json!(["a".repeat(256), "b"]), "cpu: 256 octets, at most 255 are allowed"),
        (T::HTTPS, json!([1, ".", "alpn"]), "parameters: a parameter lacks its value"),
        (T::TXT, json!([]), "TXT needs text: text is missing"),
        (
            T(65280),
            json!(["ab"]),
            "TYPE65280 has no presentation of its own; write it as \\# LENGTH HEX (RFC 3597)",
        ),
        (
            T(65280),
            json!(["\\# 3 abcd"]),
            "generic data: the length after \\# is not the number of octets that follow",
        ),
        (T::ANY, json!(["a"]), "ANY is not a type that a zone can hold"),
    ] {
        assert_eq!(encode(rtype, fields).unwrap_err().to_string(), message);
    }
    let long = encode(T::A, json!(["x".repeat(100)])).unwrap_err().to_string();
    assert!(long.len() < 110, "{long}");
}

#[test]
fn more_than_65535_octets_are_refused() {
    let part = "x".repeat(255);
    assert!(encode(T::TXT, json!(vec![&part; 255])).is_ok());
    assert_eq!(encode(T::TXT, json!(vec![&part; 257])), Err(RdataError::TooLong { octets: 65_792 }));
    assert!(encode(T::URI, json!([1, 1, "x".repeat(65_531)])).is_ok());
    assert!(encode(T::URI, json!([1, 1, "x".repeat(65_532)])).is_err());
}
