//! Domain names, as text and on the wire.

use zones::{Name, QueryName};

/// Octets as a name in every form that is read.
pub fn name(data: &[u8]) {
    if let Ok(text) = std::str::from_utf8(data) {
        Name::parse(text).iter().for_each(check);
        Name::from_mail_address(text).iter().for_each(check);
    }
    let origin = Name::parse("origin.example").expect("it is a name");
    Name::parse_relative(data, &origin).iter().for_each(check);
    Name::from_wire(data).iter().for_each(check);
    match QueryName::parse(data, 0) {
        Ok((name, end)) => {
            assert_eq!(Ok(name.to_name()), Name::from_wire(&data[..end]), "the two readers agree");
            assert!((0..=name.labels()).all(|label| name.offset(label) < end));
        }
        Err(_) => assert!(Name::from_wire(data).is_err(), "the two readers agree"),
    }
}

fn check(name: &Name) {
    assert!(name.as_wire().len() <= 255);
    assert!(name.labels().all(|label| (1..=63).contains(&label.len())));
    assert_eq!(name.labels().count(), name.label_count());
    assert_eq!(Name::from_wire(name.as_wire()).as_ref(), Ok(name));
    assert_eq!(Name::parse(&name.to_string()).as_ref(), Ok(name), "{name}");
    let mut above = name.clone();
    while let Some(parent) = above.parent() {
        assert!(name.is_subdomain_of(&parent));
        above = parent;
    }
    assert!(above.is_root());
}
