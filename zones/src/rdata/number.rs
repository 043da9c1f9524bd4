//! Numbers, mnemonics and times.

use super::Problem;
use super::text::shorten;

/// Reads a whole number in decimal digits, up to `maximum`.
pub(super) fn parse(text: &[u8], maximum: u64) -> Result<u64, Problem> {
    digits(text)
        .filter(|&value| value <= maximum)
        .ok_or_else(|| Problem::Number { found: shorten(text), maximum })
}

/// Reads one or more decimal digits and nothing else.
fn digits(text: &[u8]) -> Option<u64> {
    if text.is_empty() {
        return None;
    }
    text.iter().try_fold(0_u64, |value, octet| {
        let digit = octet.is_ascii_digit().then(|| u64::from(octet - b'0'))?;
        value.checked_mul(10)?.checked_add(digit)
    })
}

/// Reads seconds as zone files write them: digits, or numbers with the units `w d h m s` in any case and
/// order, such as `1h30m`. The last number may lack its unit.
pub(crate) fn parse_period(text: &[u8]) -> Option<u64> {
    let mut total = 0_u64;
    let mut rest = text;
    while !rest.is_empty() {
        let end = rest.iter().position(|octet| !octet.is_ascii_digit()).unwrap_or(rest.len());
        let value = digits(&rest[..end])?;
        let unit_s = match rest.get(end).map(u8::to_ascii_lowercase) {
            None | Some(b's') => 1,
            Some(b'm') => 60,
            Some(b'h') => 3_600,
            Some(b'd') => 86_400,
            Some(b'w') => 604_800,
            Some(_) => return None,
        };
        total = total.checked_add(value.checked_mul(unit_s)?)?;
        rest = rest.get(end + 1..).unwrap_or_default();
    }
    (!text.is_empty()).then_some(total)
}

/// Reads seconds, with or without units, that fit into four octets.
pub(super) fn parse_short_period(text: &[u8]) -> Result<u32, Problem> {
    let expected = "seconds from 0 to 4294967295, or with units as in 1h30m";
    let period = parse_period(text).and_then(|seconds| u32::try_from(seconds).ok());
    period.ok_or_else(|| Problem::Unexpected { found: shorten(text), expected })
}

/// DNSSEC algorithms by name, from the registry and as BIND spells them.
const ALGORITHMS: &[(&str, u8)] = &[
    ("DELETE", 0),
    ("RSAMD5", 1),
    ("DH", 2),
    ("DSA", 3),
    ("ECC", 4),
    ("RSASHA1", 5),
    ("DSA-NSEC3-SHA1", 6),
    ("NSEC3DSA", 6),
    ("RSASHA1-NSEC3-SHA1", 7),
    ("NSEC3RSASHA1", 7),
    ("RSASHA256", 8),
    ("RSASHA512", 10),
    ("ECC-GOST", 12),
    ("ECCGOST", 12),
    ("ECDSAP256SHA256", 13),
    ("ECDSAP384SHA384", 14),
    ("ED25519", 15),
    ("ED448", 16),
    ("INDIRECT", 252),
    ("PRIVATEDNS", 253),
    ("PRIVATEOID", 254),
];

/// Certificate types by name (RFC 4398, 2.1).
const CERTIFICATE_TYPES: &[(&str, u16)] = &[
    ("PKIX", 1),
    ("SPKI", 2),
    ("PGP", 3),
    ("IPKIX", 4),
    ("ISPKI", 5),
    ("IPGP", 6),
    ("ACPKIX", 7),
    ("IACPKIX", 8),
    ("URI", 253),
    ("OID", 254),
];

/// Reads a DNSSEC algorithm by number or name.
pub(super) fn parse_algorithm(text: &[u8]) -> Result<u8, Problem> {
    named(text, ALGORITHMS, "an algorithm: a number from 0 to 255, or a name such as RSASHA256")
}

/// Reads a certificate type by number or name.
pub(super) fn parse_certificate_type(text: &[u8]) -> Result<u16, Problem> {
    named(text, CERTIFICATE_TYPES, "a certificate type: a number from 0 to 65535, or a name such as PKIX")
}

fn named<T: Copy + TryFrom<u64>>(
    text: &[u8],
    names: &[(&str, T)],
    expected: &'static str,
) -> Result<T, Problem> {
    let by_name = || names.iter().find(|(name, _)| name.as_bytes().eq_ignore_ascii_case(text));
    match digits(text) {
        Some(number) => T::try_from(number).ok(),
        None => by_name().map(|&(_, number)| number),
    }
    .ok_or_else(|| Problem::Unexpected { found: shorten(text), expected })
}

/// Reads a number with up to `decimals` digits after its point, in units of the last of them.
pub(super) fn parse_fixed(text: &[u8], decimals: usize) -> Option<i64> {
    let (negative, text) = match text.split_first()? {
        (b'-', rest) => (true, rest),
        _ => (false, text),
    };
    let point = text.iter().position(|&octet| octet == b'.').unwrap_or(text.len());
    let fraction = text.get(point + 1..).unwrap_or_default();
    if fraction.len() > decimals || (point < text.len() && fraction.is_empty() && point == 0) {
        return None;
    }
    let whole = if point == 0 { 0 } else { digits(&text[..point])? };
    let mut value = i64::try_from(whole).ok()?;
    for index in 0..decimals {
        let digit = match fraction.get(index) {
            Some(octet) if octet.is_ascii_digit() => i64::from(octet - b'0'),
            Some(_) => return None,
            None => 0,
        };
        value = value.checked_mul(10)?.checked_add(digit)?;
    }
    if text.is_empty() { None } else { Some(if negative { -value } else { value }) }
}

/// Reads a signature time: `YYYYMMDDHHmmSS`, or seconds since 1970 (RFC 4034, 3.2).
pub(super) fn parse_timestamp(text: &[u8]) -> Result<u32, Problem> {
    let expected = "a time: YYYYMMDDHHmmSS, or seconds since 1970";
    let problem = || Problem::Unexpected { found: shorten(text), expected };
    let number = digits(text).ok_or_else(problem)?;
    if text.len() != 14 {
        return u32::try_from(number).map_err(|_| problem());
    }
    let part = |divisor: u64, modulus: u64| number / divisor % modulus;
    let (year, month, day) = (part(10_000_000_000, 10_000), part(100_000_000, 100), part(1_000_000, 100));
    let (hour, minute, second) = (part(10_000, 100), part(100, 100), part(1, 100));
    // Serial arithmetic lets times run past 2106; the registry's own examples end before it.
    let in_range = (1970..=2106).contains(&year) && (1..=12).contains(&month) && hour < 24 && minute < 60;
    if !in_range || second > 60 || day == 0 || day > days_in_month(year, month) {
        return Err(problem());
    }
    let days = (1970..year).map(days_in_year).sum::<u64>()
        + (1..month).map(|earlier| days_in_month(year, earlier)).sum::<u64>()
        + (day - 1);
    u32::try_from(days * 86_400 + hour * 3_600 + minute * 60 + second).map_err(|_| problem())
}

/// Prints a signature time as `YYYYMMDDHHmmSS`.
pub(super) fn print_timestamp(seconds: u32) -> String {
    let (mut days, rest) = (u64::from(seconds) / 86_400, u64::from(seconds) % 86_400);
    let (mut year, mut month) = (1970, 1);
    while days >= days_in_year(year) {
        days -= days_in_year(year);
        year += 1;
    }
    while days >= days_in_month(year, month) {
        days -= days_in_month(year, month);
        month += 1;
    }
    let (hour, minute, second) = (rest / 3_600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{:02}{hour:02}{minute:02}{second:02}", days + 1)
}

fn is_leap(year: u64) -> bool {
    year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
}

fn days_in_year(year: u64) -> u64 {
    if is_leap(year) { 366 } else { 365 }
}

fn days_in_month(year: u64, month: u64) -> u64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn periods_take_units_in_any_order_and_case() {
        assert_eq!(parse_period(b"3600"), Some(3_600));
        assert_eq!(parse_period(b"1h30m"), Some(5_400));
        assert_eq!(parse_period(b"1W2D3h4M5s"), Some(788_645));
        assert_eq!(parse_period(b"1m30"), Some(90));
        for text in ["", "h", "1x", "1h-", "-1", "1.5h", "99999999999999999999", "9999999999999999999w"] {
            assert_eq!(parse_period(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn times_are_calendar_times_or_seconds() {
        assert_eq!(parse_timestamp(b"20030322173103"), Ok(1_048_354_263));
        assert_eq!(parse_timestamp(b"1048354263"), Ok(1_048_354_263));
        assert_eq!(parse_timestamp(b"20240229000000"), Ok(1_709_164_800));
        for text in
            ["20230229000000", "20231301000000", "20230100000000", "20230101240000", "x", "4294967296"]
        {
            assert!(parse_timestamp(text.as_bytes()).is_err(), "{text}");
        }
        for seconds in [0, 951_782_400, 1_048_354_263, 4_102_444_799, u32::MAX] {
            assert_eq!(parse_timestamp(print_timestamp(seconds).as_bytes()), Ok(seconds));
        }
    }

    #[test]
    fn algorithms_have_names_and_numbers() {
        assert_eq!(parse_algorithm(b"ecdsap256sha256"), Ok(13));
        assert_eq!(parse_algorithm(b"13"), Ok(13));
        assert!(parse_algorithm(b"256").is_err());
        assert!(parse_algorithm(b"rot13").is_err());
        assert_eq!(parse_certificate_type(b"PGP"), Ok(3));
    }

    #[test]
    fn fixed_point_numbers_are_exact() {
        assert_eq!(parse_fixed(b"-2.5", 2), Some(-250));
        assert_eq!(parse_fixed(b"23", 3), Some(23_000));
        assert_eq!(parse_fixed(b".5", 1), Some(5));
        assert_eq!(parse_fixed(b"5.", 1), Some(50));
        for text in ["", "-", ".", "-.", "1.234", "1x", "--1", "1e3"] {
            assert_eq!(parse_fixed(text.as_bytes(), 2), None, "{text}");
        }
    }
}
