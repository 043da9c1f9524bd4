use proptest::prelude::*;

use super::*;
use crate::rdata;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

fn read(text: &str) -> Result<ZoneFile, ZoneFileError> {
    parse(text.as_bytes(), &name("example.com"), &ImportLimits::default())
}

/// All records of a file as `owner TTL TYPE data`.
fn records(text: &str) -> Vec<String> {
    lines(&read(text).unwrap())
}

fn lines(file: &ZoneFile) -> Vec<String> {
    let line = |rrset: &ImportedRrset| {
        let ImportedRrset { owner, rtype, ttl, rdatas, .. } = rrset;
        let text =
            |data: &Vec<u8>| format!("{owner} {ttl} {rtype} {}", rdata::to_text(*rtype, data).unwrap());
        rdatas.iter().map(text).collect::<Vec<_>>()
    };
    file.rrsets.iter().flat_map(line).collect()
}

/// The line and message of the error of a file.
fn refused(text: &str) -> (u64, String) {
    let error = read(text).unwrap_err();
    (error.line, error.message)
}

#[test]
fn a_file_with_everything_ordinary_in_it_is_read() {
    let file = read(
        "; a comment\r\n\
         $TTL 5m\r\n\
         @ IN SOA ns1 host\\.master ( 2024010101 ; serial\r\n\
         \t1d 2H ; refresh and retry\r\n\
         \t4w 300 )\r\n\
         \tIN NS ns1\r\n\
         \t3600 NS ns2.example.net.\r\n\
         ns1 A 192.0.2.1\r\n\
         www 60 IN A 192.0.2.2\r\n\
         WWW IN 60 a 192.0.2.3\r\n\
         \r\n\
         \x20  ; only a comment\r\n\
         txt TXT \"semi;colon\" (\"a\"\r\n\
         \"(b)\"\r\n\
         ) ; end\r\n\
         $ORIGIN sub\r\n\
         @ A 192.0.2.4\r\n\
         *.deep CLASS1 AAAA 2001:db8::1\r\n\
         $ORIGIN .\r\n\
         abs.example.com MX 10 mail\r\n\
         x.example.com. TYPE65280 \\# 2 abcd\r\n\
         svc.example.com SVCB 1 . alpn=\"h2,h3\" port=53",
    )
    .unwrap();
    assert_eq!(
        file.soa,
        Some(Soa {
            mname: name("ns1.example.com"),
            rname: name(r"host\.master.example.com"),
            serial: 2_024_010_101,
            refresh: 86_400,
            retry: 7_200,
            expire: 2_419_200,
            minimum: 300,
            ttl: 300,
        })
    );
    assert_eq!(file.default_ttl, Some(300));
    assert_eq!(
        lines(&file),
        [
            "example.com 300 NS ns1.example.com.",
            "example.com 300 NS ns2.example.net.",
            "ns1.example.com 300 A 192.0.2.1",
            "www.example.com 60 A 192.0.2.2",
            "www.example.com 60 A 192.0.2.3",
            r#"txt.example.com 300 TXT "semi;colon" "a" "(b)""#,
            "sub.example.com 300 A 192.0.2.4",
            "*.deep.sub.example.com 300 AAAA 2001:db8::1",
            "abs.example.com 300 MX 10 mail.",
            "x.example.com 300 TYPE65280 \\# 2 abcd",
            r#"svc.example.com 300 SVCB 1 . alpn="h2,h3" port=53"#,
        ]
    );
    assert_eq!(
        file.warnings,
        ["line 7: example.com NS: TTL 3600 differs from the 300 of the records before it, which is used"]
    );
}

#[test]
fn names_of_owners_may_look_like_anything() {
    assert_eq!(
        records(
            "IN 60 IN A 192.0.2.1\nA A 192.0.2.2\n60 A 192.0.2.3\na\\.b A 192.0.2.4\n\\064 A 192.0.2.5\n@ A 192.0.2.6"
        ),
        [
            "in.example.com 60 A 192.0.2.1",
            "a.example.com 60 A 192.0.2.2",
            "60.example.com 60 A 192.0.2.3",
            r"a\.b.example.com 60 A 192.0.2.4",
            r"\@.example.com 60 A 192.0.2.5",
            "example.com 60 A 192.0.2.6",
        ]
    );
}

#[test]
fn a_missing_ttl_is_the_default_the_last_one_said_or_the_minimum_of_the_soa() {
    let soa = "@ SOA a b 1 2 3 4 77\n";
    assert_eq!(records(&format!("{soa}a A 192.0.2.1")), ["a.example.com 77 A 192.0.2.1"]);
    assert_eq!(read(soa).unwrap().soa.unwrap().ttl, 77);
    assert_eq!(
        records("a 5 A 192.0.2.1\nb A 192.0.2.1\n$TTL 9\nc 1 A 192.0.2.1\nd A 192.0.2.1"),
        [
            "a.example.com 5 A 192.0.2.1",
            "b.example.com 5 A 192.0.2.1",
            "c.example.com 1 A 192.0.2.1",
            "d.example.com 9 A 192.0.2.1"
        ]
    );
    let file = read("a A 192.0.2.1\nb A 192.0.2.1").unwrap();
    assert_eq!(lines(&file), ["a.example.com 3600 A 192.0.2.1", "b.example.com 3600 A 192.0.2.1"]);
    assert_eq!(file.warnings, ["line 1: no TTL so far; 3600 is used"]);
    let file = read("a 2147483648 A 192.0.2.1\nb 2147483647 A 192.0.2.1").unwrap();
    assert_eq!(lines(&file), ["a.example.com 0 A 192.0.2.1", "b.example.com 2147483647 A 192.0.2.1"]);
    assert_eq!(file.warnings, ["line 1: TTL 2147483648 is above 2147483647 and counts as 0"]);
}

#[test]
fn what_can_be_left_out_is_left_out_with_its_line() {
    let file = read(
        "$TTL 60\n\
         @ SOA a b 1 2 3 4 5\n\
         a A 192.0.2.1\n\
         a A 192.0.2.1\n\
         m MX 1 Mail\n\
         m MX 1 mail\n\
         example.net. A 192.0.2.1\n\
         badexample.com. A 192.0.2.1\n\
         sub.example.net. SOA a b 1 2 3 4 5\n\
         @ SOA a b 1 2 3 4 5\n\
         @ DNSKEY 257 3 13 AAAA\n\
         a NSEC b A\n\
         a RRSIG A 13 3 60 20300101000000 20200101000000 1 @ AAAA\n\
         b RRSIG A 13 3 60 20300101000000 20200101000000 1 @ AAAA\n",
    )
    .unwrap();
    assert_eq!(lines(&file), ["a.example.com 60 A 192.0.2.1", "m.example.com 60 MX 1 Mail.example.com."]);
    assert_eq!(file.soa.unwrap().serial, 1);
    assert_eq!(
        file.warnings,
        [
            "line 4: a.example.com A: the same record again, left out",
            "line 6: m.example.com MX: the same record again, left out",
            "line 7: example.net A is outside of example.com and left out",
            "line 8: badexample.com A is outside of example.com and left out",
            "line 9: sub.example.net SOA is outside of example.com and left out",
            "line 11: DNSKEY records are not imported, 1 left out",
            "line 12: NSEC records are not imported, 1 left out",
            "line 13: RRSIG records are not imported, 2 left out",
        ]
    );
}

#[test]
fn errors_have_the_line_where_they_are() {
    for (text, line, part) in [
        ("a A 1.2.3", 1, r#"a.example.com A: address: "1.2.3" is not an IPv4 address"#),
        ("\n\n  A 192.0.2.1", 3, "the first record must name its owner"),
        ("a 60 IN", 1, "the record has no type"),
        ("a FOO bar", 1, r#"unknown record type "FOO""#),
        ("a 60 60 A 192.0.2.1", 1, r#"unknown record type "60""#),
        ("a 1x A 192.0.2.1", 1, r#""1x" is not a TTL"#),
        ("a CH A 192.0.2.1", 1, "class CH is not supported, only IN"),
        ("a IN IN A 192.0.2.1", 1, r#"unknown record type "IN""#),
        ("; x\na TXT \"open\nb A 192.0.2.1", 2, "a quoted string is not closed on its line"),
        ("a TXT (x\n\n", 1, "a parenthesis is not closed"),
        ("a TXT x )", 1, "a parenthesis is closed that was not opened"),
        ("a TXT x\\", 1, "a backslash stands at the end of a line"),
        ("a TXT x\\\n", 1, "a backslash stands at the end of a line"),
        ("a..b A 192.0.2.1", 1, r#""a..b": the name has an empty label"#),
        ("$INCLUDE /etc/passwd", 1, "$INCLUDE is not supported; put the records into one file"),
        ("$ORIGIN", 1, "$ORIGIN takes one name"),
        ("$TTL x", 1, "$TTL takes seconds, or a period such as 1h30m"),
        ("$UNKNOWN x", 1, "unknown directive $UNKNOWN"),
        ("$GENERATE 1-2 a", 1, "$GENERATE takes a range, an owner, a type and data"),
        ("a 4294967296 A 192.0.2.1", 1, "TTL 4294967296 is above 2147483647"),
        ("$TTL 9999w", 1, "TTL 6047395200 is above 2147483647"),
        ("a 1 SOA a b 1 2 3 4 5", 1, "a.example.com SOA: only example.com has one here"),
        ("@ 1 SOA a b 1 2 3 4 5\n@ 1 SOA a b 2 2 3 4 5", 2, "example.com SOA: a zone has only one"),
        ("a ANY x", 1, "a.example.com ANY: ANY is not a type that a zone can hold"),
        ("a SOA a b 1 2 3 4", 1, "a.example.com SOA: SOA needs primary server"),
    ] {
        let (found, message) = refused(text);
        assert_eq!(found, line, "{text}: {message}");
        assert!(message.starts_with(part), "{text}: {message}");
    }
    // An entry of several lines is named by its first, where its owner is.
    assert_eq!(refused("a 60 A (\n1.2.3\n)\n").0, 1);
}

#[test]
fn generate_makes_one_record_a_number() {
    assert_eq!(
        records(
            "$TTL 60\n$GENERATE 1-5/2 host${0,3} A 192.0.2.$\n$GENERATE 1-1 $ IN MX \"10 mail$\"\n$GENERATE 1-1 t$ 5 TXT \"a $\" $$"
        ),
        [
            "host001.example.com 60 A 192.0.2.1",
            "host003.example.com 60 A 192.0.2.3",
            "host005.example.com 60 A 192.0.2.5",
            "1.example.com 60 MX 10 mail1.example.com.",
            r#"t1.example.com 5 TXT "a 1" "$""#,
        ]
    );
    assert_eq!(refused("\n$GENERATE 250-260 h$ A 192.0.2.$").0, 2);
}

#[test]
fn limits_end_the_import() {
    let limits = ImportLimits { records: 3, rrset_records: 2, entry_octets: 64, warnings: 1 };
    let read = |text: &str| parse(text.as_bytes(), &name("example.com"), &limits);
    let message = |text: &str| read(text).unwrap_err().message;
    assert_eq!(message("$GENERATE 1-2147483647 h$ 1 A 192.0.2.1"), "more than 3 records");
    assert_eq!(
        message("a 1 A 192.0.2.1\n 1 A 192.0.2.2\n 1 A 192.0.2.3"),
        "a.example.com A: more than 2 records"
    );
    assert_eq!(message(&format!("a 1 TXT {}", "x".repeat(64))), "an entry may have at most 64 octets");
    assert_eq!(message(&format!("a 1 TXT (\n{}", "x\n".repeat(40))), "an entry may have at most 64 octets");
    assert!(read(&"; a long comment and nothing else\n".repeat(99)).is_ok());
    let warnings = read("a. 1 A 192.0.2.1\nb. 1 A 192.0.2.1\nc. 1 A 192.0.2.1").unwrap().warnings;
    assert_eq!(warnings, ["line 1: a A is outside of example.com and left out", "2 more warnings"]);
}

#[test]
fn repeated_records_are_found_in_large_rrsets_too() {
    let mut text = "$TTL 60\n".to_owned();
    for number in 0..100 {
        // Two RRsets side by side, so that the records of neither stand together.
        text += &format!("a MX {number} Host\nb TXT {number}\nb TXT {}\na MX {number} hosT\n", number / 2);
    }
    let file = read(&text).unwrap();
    let sizes: Vec<usize> = file.rrsets.iter().map(|rrset| rrset.rdatas.len()).collect();
    assert_eq!((sizes, file.warnings.len()), (vec![100, 100], 200));
}

#[test]
fn what_is_below_a_dname_is_left_out_wherever_it_stands() {
    let file = read(
        "$TTL 60\nx.d A 192.0.2.1\n*.d TXT x\nd DNAME other\nd TXT kept\nxd A 192.0.2.2\na.b.x.d A 192.0.2.3",
    );
    let file = file.unwrap();
    let kept: Vec<String> =
        file.rrsets.iter().map(|rrset| format!("{} {}", rrset.owner, rrset.rtype)).collect();
    assert_eq!(kept, ["d.example.com DNAME", "d.example.com TXT", "xd.example.com A"]);
    let left_out = |line: u32, owner: &str| {
        format!(
            "line {line}: {owner}.d.example.com {} is below the DNAME record of d.example.com and left out",
            if owner == "*" { "TXT" } else { "A" }
        )
    };
    assert_eq!(file.warnings, [left_out(2, "x"), left_out(3, "*"), left_out(7, "a.b.x")]);
}

#[test]
fn a_name_has_one_alias_at_most() {
    for rtype in ["CNAME", "DNAME"] {
        let (line, message) = refused(&format!("$TTL 60\na {rtype} b\nc A 192.0.2.1\na {rtype} d\n"));
        assert_eq!(
            (line, message),
            (4, format!("a.example.com {rtype}: a name can have only one (RFC 2181, 10.1)"))
        );
    }
    assert_eq!(read("$TTL 60\na CNAME b\na CNAME B\n").unwrap().warnings.len(), 1);
}

#[test]
fn a_dname_at_the_apex_leaves_the_apex_alone() {
    let file = read("$TTL 60\n@ DNAME other.\n@ MX 1 mail.other.\nwww A 192.0.2.1\n").unwrap();
    assert_eq!(file.rrsets.len(), 2);
    assert_eq!(file.warnings.len(), 1, "{:?}", file.warnings);
}

#[test]
fn servers_that_are_aliases_are_told_and_kept() {
    let file = read(
        "$TTL 60\n@ NS NS1\n@ MX 5 mail\n@ MX 6 host\nns1 CNAME host\nmail CNAME host\nhost A 192.0.2.1\nsub NS ns1.other.\n",
    );
    let file = file.unwrap();
    assert_eq!(file.rrsets.len(), 6);
    assert_eq!(
        file.warnings,
        [
            "line 2: example.com NS: ns1.example.com has a CNAME record, but must have addresses",
            "line 3: example.com MX: mail.example.com has a CNAME record, but must have addresses",
        ]
    );
}

#[test]
fn what_is_read_otherwise_than_it_is_written_is_told_with_its_line() {
    let long = "x".repeat(256);
    let file = read(&format!(
        "$TTL 60\na TXT \"{long}\" b\nb SPF {long}\nc TXT \"{}\" \"\"\nd TXT \\# 4 01610162\n*.e NS ns\n",
        &long[1..]
    ));
    assert_eq!(
        file.unwrap().warnings,
        [
            "line 2: a.example.com TXT: a string of more than 255 octets is split (RFC 1035, 3.3)",
            "line 3: b.example.com SPF: a string of more than 255 octets is split (RFC 1035, 3.3)",
            "line 6: *.e.example.com NS: a wildcard delegates nothing (RFC 4592, 4.2)",
        ]
    );
}

#[test]
fn a_byte_order_mark_is_not_part_of_the_first_owner() {
    assert_eq!(records("\u{feff}a 1 A 192.0.2.1"), ["a.example.com 1 A 192.0.2.1"]);
}

#[test]
fn a_reader_that_fails_is_an_error_and_not_the_end() {
    struct Broken;
    impl std::io::Read for Broken {
        fn read(&mut self, _: &mut [u8]) -> std::io::Result<usize> {
            Err(std::io::Error::other("gone"))
        }
    }
    let input = std::io::BufReader::new(std::io::Read::chain(&b"a 1 A 192.0.2.1\n"[..], Broken));
    let error = parse(input, &name("example.com"), &ImportLimits::default()).unwrap_err();
    assert_eq!(error.to_string(), "line 2: cannot be read: gone");
}

fn export(apex: &Name, file: &ZoneFile) -> String {
    let mut exporter = Exporter::new(Vec::new(), apex, file.default_ttl.unwrap_or(3600)).unwrap();
    exporter.comment("made by\na test").unwrap();
    if let Some(soa) = &file.soa {
        exporter.soa(soa).unwrap();
    }
    for ImportedRrset { owner, rtype, ttl, rdatas, .. } in &file.rrsets {
        exporter.rrset(owner, *ttl, *rtype, rdatas.iter().map(Vec::as_slice)).unwrap();
    }
    String::from_utf8(exporter.finish().unwrap()).unwrap()
}

#[test]
fn an_exported_zone_says_everything() {
    let file = read(
        "$TTL 60\n@ SOA ns a\\.b 1 2 3 4 5\n NS ns.example.net.\n\\@ 5 TXT \"a\\\"b\"\n\\$x CNAME @\n* A 192.0.2.1\n",
    )
    .unwrap();
    assert_eq!(
        export(&name("example.com"), &file),
        "$ORIGIN example.com.\n$TTL 60\n; made by\n; a test\n\
         @\t60\tIN\tSOA\tns.example.com. a\\.b.example.com. 1 2 3 4 5\n\
         @\t60\tIN\tNS\tns.example.net.\n\
         \\@\t5\tIN\tTXT\t\"a\\\"b\"\n\
         \\$x\t60\tIN\tCNAME\texample.com.\n\
         *\t60\tIN\tA\t192.0.2.1\n"
    );
}

#[test]
fn data_of_the_wrong_type_is_not_written() {
    let mut exporter = Exporter::new(Vec::new(), &Name::root(), 60).unwrap();
    let error = exporter.rrset(&name("a"), 60, RecordType::A, [&b"xyz"[..]]).unwrap_err();
    assert_eq!(error.to_string(), "a A: the data ends within address");
}

/// Pieces of zone files, right and wrong.
fn any_text() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        4 => prop::sample::select(vec![
            "$TTL 1h\n", "$ORIGIN a\n", "$GENERATE 1-3 a$ A 192.0.2.$\n", "@ SOA a b 1 2 3 4 5\n", " A 192.0.2.1\n",
            "a 60 IN ", "TXT x\n", "\"x y\" ", "( ", ") ", "; c\n", "\n", "MX 10 @\n", "HTTPS 1 . alpn=\"h2\"\n", "\\", "\"",
            "*.b ", "$", "${0,9,n} ", "\t", "\\# 1 ff\n", "LOC 1 N 1 E 1m\n", "example.com. ",
        ])
        .prop_map(|text| text.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.concat())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn no_text_panics_and_what_is_read_is_written_and_read_again(text in any_text()) {
        let apex = name("example.com");
        let limits = ImportLimits { records: 1000, ..ImportLimits::default() };
        if let Ok(file) = parse(&text[..], &apex, &limits) {
            for rrset in &file.rrsets {
                prop_assert!(rrset.owner.is_subdomain_of(&apex) && !rrset.rdatas.is_empty());
            }
            let again = parse(export(&apex, &file).as_bytes(), &apex, &limits).unwrap();
            let without_lines = |mut file: ZoneFile| {
                file.rrsets.iter_mut().for_each(|rrset| rrset.line = 0);
                file
            };
            let (again, file) = (without_lines(again), without_lines(file));
            prop_assert_eq!(again.rrsets, file.rrsets);
            prop_assert_eq!(again.soa, file.soa);
            prop_assert_eq!(again.warnings, Vec::<String>::new());
        }
    }
}
