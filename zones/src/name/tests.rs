use proptest::prelude::*;

use super::*;

fn name(text: &str) -> Name {
    Name::parse(text).unwrap()
}

#[test]
fn text_becomes_lower_case_wire_form_with_or_without_its_final_dot() {
    assert_eq!(name("WWW.Example.com").as_wire(), b"\x03www\x07example\x03com\0");
    assert_eq!(name("www.example.com."), name("www.example.com"));
    assert_eq!(name("_sip._tcp.example").label_count(), 3);
}

#[test]
fn empty_text_and_a_dot_are_the_root() {
    assert_eq!(name(""), Name::root());
    assert_eq!(name("."), Name::root());
    assert_eq!(Name::root().to_string(), ".");
    assert_eq!(Name::root().label_count(), 0);
    assert_eq!(Name::root().parent(), None);
}

#[test]
fn escapes_stand_for_single_octets_and_print_again() {
    let odd = name(r#"a\.b\032c\\.\255\"x.example"#);
    assert_eq!(odd.as_wire(), b"\x06a.b c\\\x03\xff\"x\x07example\0");
    assert_eq!(odd.to_string(), r#"a\.b\032c\\.\255\"x.example"#);
    assert_eq!(name(&odd.to_string()), odd);
}

#[test]
fn bad_text_is_refused_with_its_reason() {
    for (text, reason) in [
        ("a..b", NameError::EmptyLabel),
        (".a", NameError::EmptyLabel),
        ("..", NameError::EmptyLabel),
        ("a b", NameError::Blank),
        ("a\tb", NameError::Blank),
        (r"a\", NameError::Escape),
        (r"a\25", NameError::Escape),
        (r"a\256", NameError::Escape),
        (r"a\1x3", NameError::Escape),
        ("müller.example", NameError::NotAscii),
    ] {
        assert_eq!(Name::parse(text), Err(reason), "{text}");
    }
}

#[test]
fn lengths_are_bounded_exactly() {
    assert!(Name::parse(&"a".repeat(63)).is_ok());
    assert_eq!(Name::parse(&"a".repeat(64)), Err(NameError::LabelTooLong));
    // 63 + 63 + 63 + 61 octets, 4 length octets and the root: 255.
    let longest = [63, 63, 63, 61].map(|length| "a".repeat(length)).join(".");
    assert_eq!(name(&longest).as_wire().len(), 255);
    assert_eq!(Name::parse(&format!("{longest}a")), Err(NameError::NameTooLong));
    assert_eq!(name(&"a.".repeat(127)).label_count(), MAX_LABELS);
    assert_eq!(Name::parse(&"a.".repeat(128)), Err(NameError::NameTooLong));
}

#[test]
fn wire_form_is_checked() {
    assert_eq!(Name::from_wire(b"\x01A\0").unwrap(), name("a"));
    assert_eq!(Name::from_wire(b""), Err(NameError::Truncated));
    assert_eq!(Name::from_wire(b"\x02a"), Err(NameError::Truncated));
    assert_eq!(Name::from_wire(b"\x01a"), Err(NameError::Truncated));
    assert_eq!(Name::from_wire(b"\xc0\x0c"), Err(NameError::LabelType));
    assert_eq!(Name::from_wire(b"\x40a\0"), Err(NameError::LabelType));
    assert_eq!(Name::from_wire(b"\x01a\0\0"), Err(NameError::Trailing));
    let long = [&b"\x3f"[..], &[b'a'; 63]].concat().repeat(4);
    assert_eq!(Name::from_wire(&[&long[..], b"\0"].concat()), Err(NameError::NameTooLong));
}

#[test]
fn subdomains_are_told_at_label_boundaries_only() {
    let apex = name("example.com");
    assert_eq!(name("a.b.example.com").relative_to(&apex), Some(&b"\x01a\x01b"[..]));
    assert_eq!(apex.relative_to(&apex), Some(&b""[..]));
    assert!(!name("badexample.com").is_subdomain_of(&apex));
    assert!(!name("com").is_subdomain_of(&apex));
    assert!(apex.is_subdomain_of(&Name::root()));
    // The octets of "\x01a\0" end this name, but the 1 there is the last octet of a label.
    assert!(!name(r"x\001a").is_subdomain_of(&name("a")));
}

#[test]
fn names_sort_as_rfc_4034_shows() {
    let sorted = [
        "example",
        "a.example",
        "yljkjljk.a.example",
        "Z.a.example",
        "zABC.a.EXAMPLE",
        "z.example",
        r"\001.z.example",
        "*.z.example",
        r"\200.z.example",
    ];
    let mut names: Vec<_> = sorted.map(name).into();
    names.reverse();
    names.sort();
    assert_eq!(names, sorted.map(name));
}

#[test]
fn relative_names_are_completed_with_the_origin() {
    let origin = name("example.com");
    assert_eq!(Name::parse_relative(b"www", &origin).unwrap(), name("www.example.com"));
    assert_eq!(Name::parse_relative(b"www.", &origin).unwrap(), name("www"));
    assert_eq!(Name::parse_relative(b"@", &origin).unwrap(), origin);
    assert_eq!(Name::parse_relative(br"\@", &origin).unwrap(), name(r"\@.example.com"));
    assert_eq!(Name::parse_relative(b".", &origin).unwrap(), Name::root());
    // An escaped dot at the end is part of the label.
    assert_eq!(Name::parse_relative(br"a\.", &origin).unwrap(), name(r"a\..example.com"));
    assert_eq!(Name::parse_relative(b"", &origin), Err(NameError::EmptyLabel));
}

#[test]
fn mail_addresses_become_names_and_come_back() {
    let mailbox = Name::from_mail_address("host.master@example.com").unwrap();
    assert_eq!(mailbox.to_string(), r"host\.master.example.com");
    assert_eq!(mailbox.to_mail_address(), "host.master@example.com");
    assert_eq!(
        Name::from_mail_address("hostmaster.example.com").unwrap().to_mail_address(),
        "hostmaster@example.com"
    );
    assert_eq!(Name::from_mail_address("@example.com"), Err(NameError::MailAddress));
    assert_eq!(Name::from_mail_address("a@"), Err(NameError::MailAddress));
    assert_eq!(Name::from_mail_address("a@b@c"), Err(NameError::MailAddress));
}

#[test]
fn names_serialize_as_their_text() {
    assert_eq!(serde_json::to_string(&name("WWW.example.")).unwrap(), r#""www.example""#);
    assert_eq!(serde_json::from_str::<Name>(r#""a\\.b.example""#).unwrap(), name(r"a\.b.example"));
    assert!(serde_json::from_str::<Name>(r#""a..b""#).is_err());
}

proptest! {
    #[test]
    fn any_wire_name_survives_its_text(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..20), 0..8)) {
        let mut wire = Vec::new();
        for label in &labels {
            wire.push(label.len() as u8);
            wire.extend_from_slice(label);
        }
        wire.push(0);
        let name = Name::from_wire(&wire).unwrap();
        prop_assert_eq!(&Name::parse(&name.to_string()).unwrap(), &name);
        prop_assert_eq!(name.label_count(), labels.len());
    }

    #[test]
    fn no_text_and_no_wire_panics(text in ".{0,300}", bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Name::parse(&text);
        let _ = Name::from_mail_address(&text);
        let _ = Name::parse_relative(&bytes, &Name::root());
        let _ = Name::from_wire(&bytes);
    }

    #[test]
    fn the_order_agrees_with_comparing_reversed_label_lists(left in "[a-c.]{0,8}", right in "[a-c.]{0,8}") {
        if let (Ok(left), Ok(right)) = (Name::parse(&left), Name::parse(&right)) {
            let reversed = |name: &Name| { let mut labels: Vec<_> = name.labels().map(<[u8]>::to_vec).collect(); labels.reverse(); labels };
            prop_assert_eq!(left.cmp(&right), reversed(&left).cmp(&reversed(&right)));
        }
    }
}
