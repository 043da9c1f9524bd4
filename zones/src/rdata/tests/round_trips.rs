//! Properties: what is read is printed and read again as the same octets, and nothing panics.

use proptest::prelude::*;

use super::*;

/// All types with fields of their own.
fn field_types() -> Vec<T> {
    (0..=u16::MAX).map(T).filter(|&rtype| table::fields(rtype).is_some()).collect()
}

fn any_type() -> impl Strategy<Value = T> {
    prop_oneof![4 => prop::sample::select(field_types()), 1 => any::<u16>().prop_map(T)]
}

/// Octets that are likely to be valid data of some type: short numbers, strings and names.
fn likely_octets() -> impl Strategy<Value = Vec<u8>> {
    let piece = prop_oneof![
        prop::collection::vec(any::<u8>(), 0..5),
        prop::collection::vec(any::<u8>(), 0..12).prop_map(|text| [&[text.len() as u8], &text[..]].concat()),
        Just(b"\x01a\x03COM\0".to_vec()),
        Just(vec![0]),
        (0_u8..10, prop::collection::vec(any::<u8>(), 0..6)).prop_map(|(key, value)| [
            &[0, key, 0, value.len() as u8],
            &value[..]
        ]
        .concat()),
    ];
    prop::collection::vec(piece, 0..8).prop_map(|pieces| pieces.concat())
}

/// Valid data of a type, made of random fields of its layout.
fn valid_data() -> impl Strategy<Value = (T, Vec<u8>)> {
    (prop::sample::select(field_types()), prop::collection::vec(any::<u8>(), 300)).prop_map(
        |(rtype, entropy)| {
            let mut entropy = entropy.into_iter();
            let mut out = Vec::new();
            for field in table::fields(rtype).unwrap() {
                push_random(field.kind, &mut entropy, &mut out);
            }
            (rtype, out)
        },
    )
}

fn push_random(kind: table::Kind, entropy: &mut impl Iterator<Item = u8>, out: &mut Vec<u8>) {
    use table::Kind::*;
    let mut next = || entropy.next().unwrap_or(0);
    let string = |next: &mut dyn FnMut() -> u8| {
        let length = next() % 12;
        let mut string = vec![length];
        string.extend((0..length).map(|_| next()));
        string
    };
    match kind {
        U8 | Algorithm => out.push(next()),
        U16 | CertificateType | Type => out.extend([next(), next()]),
        U32 | Period | Timestamp | Ipv4 => out.extend((0..4).map(|_| next())),
        Groups => out.extend((0..8).map(|_| next())),
        Ipv6 => out.extend((0..16).map(|_| next())),
        HardwareAddress(octets) => out.extend((0..octets).map(|_| next())),
        Name | NameOrEmpty => {
            for _ in 0..next() % 4 {
                let mut label = string(&mut next);
                label.push(next());
                label[0] += 1;
                out.extend(label);
            }
            out.push(0);
        }
        Text | Salt => out.extend(string(&mut next)),
        Hash | Texts => {
            let mut string = string(&mut next);
            string.push(next());
            string[0] += 1;
            out.extend(string);
        }
        Remainder | Hex | Base64 | OptionalBase64 => out.extend((0..next() % 20 + 1).map(|_| next())),
        Tag => out.extend(b"\x05issue"),
        Decimal(_) => out.extend(b"\x03-12"),
        Types => out.extend([0, 2, next(), 1, 1, 1, 0x40]),
        Prefixes => out.extend([0, 1, next() % 33, 1 | next() & 0x80, next() | 1]),
        Location => {
            out.extend([0, 0x12, 0x16, 0x93, 0x80, next(), next(), next(), 0x7f, next(), next(), next()]);
            out.extend((0..4).map(|_| next()));
        }
        Gateway => {
            out[1] %= 3;
            out.extend((0..[0, 4, 16][usize::from(out[1])]).map(|_| next()));
        }
        Parameters => {
            out.extend([0, 1, 0, 3, 2, next(), next(), 0, 3, 0, 2, next(), next(), 2, 0, 0, 1, next()])
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1500))]

    #[test]
    fn valid_data_survives_its_fields_and_its_text((rtype, rdata) in valid_data()) {
        // Digests of known types have a length that random data does not hit.
        prop_assume!(check(rtype, &rdata).is_ok());
        let fields = to_fields(rtype, &rdata).unwrap();
        prop_assert_eq!(&from_fields(rtype, &fields).unwrap(), &rdata, "{} {:?}", rtype, fields);
        let text = to_text(rtype, &rdata).unwrap();
        prop_assert_eq!(&read(rtype, &text).unwrap(), &rdata, "{} {}", rtype, text);
    }

    #[test]
    fn nearly_all_data_made_of_valid_fields_is_valid((rtype, rdata) in valid_data()) {
        let has_digest = matches!(rtype, T::DS | T::CDS | T::DLV | T::TA | T::SSHFP);
        prop_assert!(has_digest || check(rtype, &rdata).is_ok(), "{} {:?}: {:?}", rtype, rdata, check(rtype, &rdata));
    }

    #[test]
    fn octets_that_are_accepted_survive_their_fields_and_their_text(rtype in any_type(), rdata in likely_octets()) {
        for span in names(rtype, &rdata) {
            prop_assert!(span.offset + span.length <= rdata.len());
        }
        let folded = canonical(rtype, &rdata).into_owned();
        prop_assert!(folded.eq_ignore_ascii_case(&rdata));
        match check(rtype, &rdata) {
            Ok(()) => {
                prop_assert_eq!(&from_fields(rtype, &to_fields(rtype, &rdata).unwrap()).unwrap(), &rdata);
                prop_assert_eq!(&read(rtype, &to_text(rtype, &rdata).unwrap()).unwrap(), &rdata);
            }
            Err(error) => {
                prop_assert_eq!(to_fields(rtype, &rdata).unwrap_err(), error.clone());
                prop_assert_eq!(to_text(rtype, &rdata).unwrap_err(), error);
            }
        }
    }

    #[test]
    fn no_fields_and_no_tokens_panic(
        rtype in any_type(),
        texts in prop::collection::vec(r#"[ -~]{0,20}|[0-9]{1,6}|\\PC{0,8}|(alpn|port|key7)=["a-z0-9,\\]{0,9}"#, 0..6),
        octets in prop::collection::vec((prop::collection::vec(any::<u8>(), 0..12), any::<bool>(), any::<bool>()), 0..6),
    ) {
        let fields: Vec<_> = texts.iter().map(|text| Value::from(text.as_str())).collect();
        if let Ok(rdata) = from_fields(rtype, &fields) {
            prop_assert_eq!(check(rtype, &rdata), Ok(()));
        }
        let tokens: Vec<_> = octets.iter().map(|(text, quoted, glued)| Token { text, quoted: *quoted, glued: *glued }).collect();
        if let Ok(rdata) = from_text(rtype, &tokens, &Name::root()) {
            prop_assert_eq!(check(rtype, &rdata), Ok(()));
        }
    }
}
