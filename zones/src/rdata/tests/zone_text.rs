//! Zone-file text: escapes, relative names, mnemonics, and the service parameters.

use super::*;

/// Text that is read and printed again as the second column says.
#[test]
fn text_is_printed_in_one_form() {
    for (rtype, text, printed) in [
        (T::CNAME, "www", "www.example.com."),
        (T::CNAME, "@", "example.com."),
        (T::CNAME, r"a\.b", r"a\.b.example.com."),
        (T::MX, "10 Mail.Example.ORG.", "10 Mail.Example.ORG."),
        (T::TXT, r#"plain "two words" \"esc\065ped\" """#, r#""plain" "two words" "\"escAped\"" """#),
        (T::TXT, r#""\000\255;""#, r#""\000\255;""#),
        (
            T::SOA,
            "ns1 host\\.master 2024010101 1d 2H 4w 3600",
            "ns1.example.com. host\\.master.example.com. 2024010101 86400 7200 2419200 3600",
        ),
        (T::CAA, r#"128 issue "letsencrypt.org""#, r#"128 issue "letsencrypt.org""#),
        (T::CAA, "0 issue ;", r#"0 issue ";""#),
        (T::CERT, "PGP 0 RSASHA256 dGVz dA==", "3 0 8 dGVzdA=="),
        (T::DNSKEY, "257 3 ECDSAP256SHA256 AAAA BBBB", "257 3 13 AAAABBBB"),
        (T::TLSA, "3 1 1 ABCD ef01", "3 1 1 abcdef01"),
        (T::NSEC3PARAM, "1 0 0 -", "1 0 0 -"),
        (T::NSEC3PARAM, "1 0 10 AABBCCDD", "1 0 10 aabbccdd"),
        (
            T::NSEC3,
            "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY NS SOA NSEC3PARAM RRSIG",
            "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr NS SOA MX RRSIG DNSKEY NSEC3PARAM",
        ),
        (T::NSEC, "host.example.com. A MX RRSIG NSEC TYPE1234", "host.example.com. A MX RRSIG NSEC TYPE1234"),
        (
            T::RRSIG,
            "A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1",
            "A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1",
        ),
        (T::CSYNC, "66 3", "66 3"),
        (T::APL, "", ""),
        (T::APL, "1:0.0.0.0/0 !1:192.168.38.0/28 2:::/0", "1:0.0.0.0/0 !1:192.168.38.0/28 2:::/0"),
        (T::IPSECKEY, "10 0 2 . AQNR", "10 0 2 . AQNR"),
        (T::IPSECKEY, "10 2 0 2001:db8::1", "10 2 0 2001:db8::1"),
        (T::IPSECKEY, "10 3 2 gw AQNR", "10 3 2 gw.example.com. AQNR"),
        (T::EUI48, "00-00-5e-00-53-2A", "00-00-5e-00-53-2a"),
        (T::EUI64, "00-00-5e-ef-10-00-00-2a", "00-00-5e-ef-10-00-00-2a"),
        (T::NID, "10 14:4fff:ff20:EE64", "10 0014:4fff:ff20:ee64"),
        (T::L32, "10 10.1.2.0", "10 10.1.2.0"),
        (T::GPOS, "-32.6882 16.8652 10.0", "-32.6882 16.8652 10.0"),
        (T::LOC, "52 22 23 N 4 53 32 E -2m", "52 22 23.000 N 4 53 32.000 E -2.00m 1.00m 10000.00m 10.00m"),
        (T::X25, "311061700956", "\"311061700956\""),
        (T::A, "\\# 4 0A000001", "10.0.0.1"),
        (T::ZONEMD, "2018031500 1 1 FEBE3D4C", "2018031500 1 1 febe3d4c"),
        (T(731), "\\# 6 abcd ef 01 23 45", "\\# 6 abcdef012345"),
        (T(731), "\\# 0", "\\# 0"),
        (T::TXT, r#""\#" 0"#, r##""#" "0""##),
    ] {
        let rdata = read(rtype, text).unwrap_or_else(|error| panic!("{rtype} {text}: {error}"));
        assert_eq!(to_text(rtype, &rdata).unwrap(), printed, "{rtype} {text}");
        assert_eq!(read(rtype, printed).unwrap(), rdata, "{rtype} {printed}");
    }
}

#[test]
fn wrong_text_is_refused() {
    for (rtype, text) in [
        (T::A, "1.2.3.04"),
        (T::A, "1.2.3.4 5"),
        (T::A, ""),
        (T::A, "\\# 3 0a0000"),
        (T::A, "\\# 4 0a0000"),
        (T::AAAA, "1.2.3.4"),
        (T::CNAME, "a..b"),
        (T::CNAME, r"a\300"),
        (T::TXT, ""),
        (T::TXT, r"\300"),
        (T::APL, "3:a/1"),
        (T::APL, "1:1.2.3.4/33"),
        (T::APL, "1:1.2.3.4"),
        (T::APL, "1:::1/3"),
        (T::IPSECKEY, "1 0 2 x AAAA"),
        (T::EUI48, "00-00-5e-00-53"),
        (T::EUI48, "0-00-5e-00-53-2a"),
        (T::EUI48, "00:00:5e:00:53:2a"),
        (T::NID, "1 1:2:3"),
        (T::NID, "1 1:2:3:4:5"),
        (T::NID, "1 1:2:3:12345"),
        (T::NID, "1 +1:2:3:4"),
        (T::NSEC3PARAM, "1 0 0 abc"),
        (T::NSEC3, "1 0 0 - 0 A"),
        (T::NSEC, "a. NOTYPE"),
        (T::GPOS, "200 0 0"),
        (T::GPOS, "0 181 0"),
        (T::GPOS, "inf 0 0"),
        (T::GPOS, "1e3 0 0"),
        (T::GPOS, "0 0 \"\""),
        (T::SSHFP, "1 1 abcd"),
        (T::DS, "1 8 1 zz"),
        (T::URI, "1 1 \"\""),
        (T::SOA, "a. b. 1h 1 1 1 1"),
        (T::SOA, "a. b. 1 1 1 1"),
        (T::CAA, "0 issue a b"),
        (T::CAA, "0 \"\" a"),
        (T(731), "abc"),
        (T::OPT, "\\# 0"),
        (T::RRSIG, "A 5 3 86400 20031322173103 20030220173103 2642 a. oJB1"),
    ] {
        assert!(read(rtype, text).is_err(), "{rtype} {text}");
    }
}

/// The vectors of RFC 9460, appendix D.
#[test]
fn service_parameters_have_the_wire_form_of_the_rfc() {
    let params = |rest: &[u8]| [b"\0\x10\x03foo\x07example\x03com\0", rest].concat();
    let root = |rest: &[u8]| [b"\0\x01\0", rest].concat();
    for (text, wire) in [
        ("0 foo.example.com.", b"\0\0\x03foo\x07example\x03com\0".to_vec()),
        ("1 .", root(b"")),
        ("16 foo.example.com. port=53", params(b"\0\x03\0\x02\0\x35")),
        ("1 foo.example.com. key667=hello", [b"\0\x01\x03foo\x07example\x03com\0", &b"\x02\x9b\0\x05hello"[..]].concat()),
        (r#"1 foo.example.com. key667="hello\210qoo""#, [b"\0\x01\x03foo\x07example\x03com\0", &b"\x02\x9b\0\x09hello\xd2qoo"[..]].concat()),
        (
            r#"1 foo.example.com. ipv6hint="2001:db8::1,2001:db8::53:1""#,
            [b"\0\x01\x03foo\x07example\x03com\0", &b"\0\x06\0\x20\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\x53\0\x01"[..]].concat(),
        ),
        (
            r#"16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1"#,
            b"\0\x10\x03foo\x07example\x03org\0\0\0\0\x04\0\x01\0\x04\0\x01\0\x09\x02h2\x05h3-19\0\x04\0\x04\xc0\0\x02\x01".to_vec(),
        ),
        (r#"16 foo.example.org. alpn="f\\\\oo\\,bar,h2""#, b"\0\x10\x03foo\x07example\x03org\0\0\x01\0\x0c\x08f\\oo,bar\x02h2".to_vec()),
        (r"16 foo.example.org. alpn=f\\\092oo\092,bar,h2", b"\0\x10\x03foo\x07example\x03org\0\0\x01\0\x0c\x08f\\oo,bar\x02h2".to_vec()),
        ("1 . ech=AEX+DQ==", root(b"\0\x05\0\x04\0\x45\xfe\x0d")),
        ("1 . alpn=h2 no-default-alpn", root(b"\0\x01\0\x03\x02h2\0\x02\0\0")),
        ("1 . alpn=h2 dohpath=/dns-query{?dns}", root(b"\0\x01\0\x03\x02h2\0\x07\0\x10/dns-query{?dns}")),
        ("1 . key3=\\001\\187", root(b"\0\x03\0\x02\x01\xbb")),
    ] {
        let rdata = read(T::SVCB, text).unwrap_or_else(|error| panic!("{text}: {error}"));
        assert_eq!(rdata, wire, "{text}");
        assert_eq!(read(T::HTTPS, &to_text(T::HTTPS, &rdata).unwrap()).unwrap(), wire, "{text}");
        assert_eq!(from_fields(T::SVCB, &to_fields(T::SVCB, &rdata).unwrap()).unwrap(), wire, "{text}");
    }
}

#[test]
fn service_parameters_that_contradict_themselves_are_refused() {
    for text in [
        "1 . key123=abc key123=def",
        "1 . mandatory",
        "1 . alpn",
        "1 . port",
        "1 . ipv4hint",
        "1 . ipv6hint",
        "1 . no-default-alpn=abc",
        "1 . mandatory=key123",
        "1 . mandatory=mandatory",
        "1 . mandatory=key123,key123 key123=abc",
        "1 . no-default-alpn",
        "1 . port=65536",
        "1 . port=-1",
        "1 . ipv4hint=1.2.3",
        "1 . ipv4hint=",
        "1 . alpn=h2,,h3",
        "1 . alpn=\\\\x",
        "1 . key65535=x",
        "1 . key65536=x",
        "1 . key01=x",
        "1 . unknown=x",
        "1 . ALPN=h2",
        "1 . \"port=1\"",
        "1 . alpn= \"h2\"",
        "1 . ech=%",
        "1 . key3=\\001",
        "65536 .",
        "1",
        "1 . =x",
        "1 . port=\"53",
    ] {
        let tokens = if text.ends_with("\"53") { vec![] } else { tokens(text) };
        assert!(from_text(T::SVCB, &tokens, &Name::root()).is_err(), "{text}");
        assert!(from_fields(T::SVCB, &[json!(text)]).is_err() || text.contains("= \""), "{text}");
    }
    let wire = |rest: &[u8]| check(T::SVCB, &[b"\0\x01\0", rest].concat());
    assert!(wire(b"\0\x03\0\x02\0\x35\0\x01\0\x03\x02h2").is_err(), "keys out of order");
    assert!(wire(b"\0\x03\0\x02\0").is_err(), "cut short");
    assert!(wire(b"\0\x03\0").is_err(), "cut short");
}
