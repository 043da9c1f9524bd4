//! LOC: a place on the globe (RFC 1876).
//!
//! Text is `52 22 23.000 N 4 53 32.000 E -2.00m 1m 10000m 10m`: degrees, minutes and seconds, altitude,
//! and then size and two precisions that may be left out.

use super::Problem;
use super::number::parse_fixed;
use super::text::shorten;

/// The wire value of the equator and of the prime meridian; the unit is a thousandth of a second of arc.
const CENTER: i64 = 1 << 31;

/// Thousandths of a second of arc in a degree.
const DEGREE: i64 = 3_600_000;

/// The altitude of wire value 0, in centimeters below the reference spheroid.
const LOWEST_CM: i64 = 10_000_000;

/// Size, horizontal and vertical precision when the text leaves them out: 1 m, 10 km and 10 m.
const DEFAULT_SPANS: [u8; 3] = [0x12, 0x16, 0x13];

const LAYOUT: &str = "a location: degrees [minutes [seconds]] N|S, degrees [minutes [seconds]] E|W, altitude \
                      [size [horizontal precision [vertical precision]]]";

/// Appends the wire form of a location.
pub(super) fn push<'a>(words: impl Iterator<Item = &'a [u8]>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let words: Vec<_> = words.collect();
    let whole = || Problem::Unexpected { found: shorten(&words.join(&b' ')), expected: LAYOUT };
    let mut rest = &words[..];
    let latitude = parse_angle(&mut rest, 90, [b"N", b"S"]).ok_or_else(whole)?;
    let longitude = parse_angle(&mut rest, 180, [b"E", b"W"]).ok_or_else(whole)?;
    let (altitude, rest) = rest.split_first().ok_or_else(whole)?;
    let altitude = parse_meters(altitude)
        .and_then(|centimeters| u32::try_from(centimeters.checked_add(LOWEST_CM)?).ok())
        .ok_or_else(whole)?;
    if rest.len() > DEFAULT_SPANS.len() {
        return Err(whole());
    }
    let mut spans = DEFAULT_SPANS;
    for (span, word) in spans.iter_mut().zip(rest) {
        *span = parse_meters(word).and_then(span_from_centimeters).ok_or_else(whole)?;
    }
    out.push(0);
    out.extend_from_slice(&spans);
    for value in [latitude, longitude, altitude] {
        out.extend_from_slice(&value.to_be_bytes());
    }
    Ok(())
}

/// Reads one angle and its hemisphere; the first of the two is the positive one.
fn parse_angle(words: &mut &[&[u8]], limit_degrees: i64, hemispheres: [&[u8]; 2]) -> Option<u32> {
    let side = |word: &[u8]| hemispheres.iter().position(|side| side.eq_ignore_ascii_case(word));
    let end = words.iter().take(4).position(|word| side(word).is_some()).filter(|&end| end >= 1)?;
    let degrees = parse_fixed(words[0], 0)?;
    let minutes = if end > 1 { parse_fixed(words[1], 0)? } else { 0 };
    let milliseconds = if end > 2 { parse_fixed(words[2], 3)? } else { 0 };
    let in_range = (0..=limit_degrees).contains(&degrees)
        && (0..60).contains(&minutes)
        && (0..60_000).contains(&milliseconds);
    // The sum is safe only of numbers in range: outside text may hold any that 64 bits can.
    let angle = in_range.then(|| degrees * DEGREE + minutes * 60_000 + milliseconds)?;
    if angle > limit_degrees * DEGREE {
        return None;
    }
    let north_or_east = side(words[end])? == 0;
    *words = &words[end + 1..];
    u32::try_from(if north_or_east { CENTER + angle } else { CENTER - angle }).ok()
}

/// Reads meters with up to two decimals, with or without the unit, as centimeters.
fn parse_meters(word: &[u8]) -> Option<i64> {
    let number = word.strip_suffix(b"m").or_else(|| word.strip_suffix(b"M")).unwrap_or(word);
    parse_fixed(number, 2)
}

/// A length as one decimal digit and a power of ten, the rest cut off (RFC 1876, 2).
fn span_from_centimeters(centimeters: i64) -> Option<u8> {
    let (mut digit, mut exponent) = (u64::try_from(centimeters).ok()?, 0_u8);
    while digit > 9 {
        digit /= 10;
        exponent += 1;
    }
    (exponent <= 9).then_some((digit as u8) << 4 | exponent)
}

/// The presentation of a location.
pub(super) fn print(rdata: &[u8]) -> Result<String, Problem> {
    let malformed = Problem::Rule("not a location of version 0 with angles, sizes and precisions in range");
    let (Some((&[version, size, horizontal, vertical], rest)), 16) = (rdata.split_first_chunk(), rdata.len())
    else {
        return Err(malformed);
    };
    let spans = [size, horizontal, vertical];
    // A digit of 0 with a power of ten would be another form of zero.
    let is_span = |span: &u8| span >> 4 <= 9 && span & 0xf <= 9 && (span >> 4 != 0 || *span == 0);
    if version != 0 || !spans.iter().all(is_span) {
        return Err(malformed);
    }
    let mut values = rest
        .chunks_exact(4)
        .map(|octets| octets.iter().fold(0, |value, &octet| value << 8 | i64::from(octet)));
    let [latitude, longitude, altitude] = std::array::from_fn(|_| values.next().unwrap_or_default());
    let (Some(latitude), Some(longitude)) =
        (print_angle(latitude - CENTER, 90, ["N", "S"]), print_angle(longitude - CENTER, 180, ["E", "W"]))
    else {
        return Err(malformed);
    };
    let spans = spans.map(|span| print_meters(i64::from(span >> 4) * 10_i64.pow(u32::from(span & 0xf))));
    Ok(format!("{latitude} {longitude} {} {}", print_meters(altitude - LOWEST_CM), spans.join(" ")))
}

fn print_angle(angle: i64, limit_degrees: i64, hemispheres: [&str; 2]) -> Option<String> {
    let hemisphere = hemispheres[usize::from(angle < 0)];
    let angle = angle.abs();
    if angle > limit_degrees * DEGREE {
        return None;
    }
    let (degrees, minutes, milliseconds) = (angle / DEGREE, angle / 60_000 % 60, angle % 60_000);
    let (seconds, thousandths) = (milliseconds / 1000, milliseconds % 1000);
    Some(format!("{degrees} {minutes} {seconds}.{thousandths:03} {hemisphere}"))
}

fn print_meters(centimeters: i64) -> String {
    let sign = if centimeters < 0 { "-" } else { "" };
    format!("{sign}{}.{:02}m", centimeters.abs() / 100, centimeters.abs() % 100)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(text: &str) -> Result<Vec<u8>, Problem> {
        let mut out = Vec::new();
        push(text.split(' ').map(str::as_bytes), &mut out)?;
        Ok(out)
    }

    #[test]
    fn the_examples_of_the_rfc_are_read_and_printed() {
        for (text, printed) in [
            (
                "42 21 54 N 71 06 18 W -24m 30m",
                "42 21 54.000 N 71 6 18.000 W -24.00m 30.00m 10000.00m 10.00m",
            ),
            (
                "42 21 43.952 N 71 5 6.344 W -24m 1m 200m",
                "42 21 43.952 N 71 5 6.344 W -24.00m 1.00m 200.00m 10.00m",
            ),
            ("32 7 19 S 116 2 25 E 10m", "32 7 19.000 S 116 2 25.000 E 10.00m 1.00m 10000.00m 10.00m"),
            ("42 N 71 w 0", "42 0 0.000 N 71 0 0.000 W 0.00m 1.00m 10000.00m 10.00m"),
        ] {
            let rdata = wire(text).unwrap();
            assert_eq!(print(&rdata).unwrap(), printed);
            assert_eq!(wire(printed).unwrap(), rdata);
        }
        // 2^31 and 42 * 3600000 + 21 * 60000 + 54000 thousandths of a second.
        assert_eq!(wire("42 21 54 N 71 06 18 W -24m 30m").unwrap()[4..8], 2_299_997_648_u32.to_be_bytes());
    }

    #[test]
    fn places_off_the_globe_are_refused() {
        for text in [
            "91 N 0 E 0m",
            "90 0 0.001 N 0 E 0m",
            "0 N 181 E 0m",
            "0 60 N 0 E 0m",
            "0 0 60 N 0 E 0m",
            "N 0 E 0m",
            "0 0 0 0 N 0 E 0m",
            "0 N 0 E",
            "0 N 0 E 0m 1m 1m 1m 1m",
            "0 N 0 E 50000000m",
            "0 N 0 E -100001m",
            "0 N 0 E 0m 100000000m",
            "0 N 0 E 0m -1m",
            "-1 N 0 E 0m",
            "0 E 0 N 0m",
            "52 22 23.000 N 4 5888888888888883 32.000 E -2.0m",
            "9223372036854775807 N 0 E 0m",
            "0 N 0 9223372036854775807 9223372036854775.807 E 0m",
            "",
        ] {
            assert!(wire(text).is_err(), "{text}");
        }
        assert!(wire("90 N 180 W -100000m 90000000m 0m").is_ok());
    }

    #[test]
    fn odd_wire_is_refused() {
        let good = wire("0 N 0 E 0m").unwrap();
        for (index, octet) in [(0, 1), (1, 0xa0), (2, 0x1a), (3, 0x05), (4, 0xff), (8, 0x00)] {
            let mut bad = good.clone();
            bad[index] = octet;
            assert!(print(&bad).is_err(), "octet {index}");
        }
        assert!(print(&good[..15]).is_err());
    }
}
