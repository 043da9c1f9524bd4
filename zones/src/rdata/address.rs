//! Addresses: of hosts, of hardware, as prefixes, and as gateways.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

use data_encoding::HEXLOWER_PERMISSIVE;

use super::text::shorten;
use super::{Dialect, Problem, Token, names};

/// The address family numbers of APL items (RFC 3123, 4).
const FAMILY_IPV4: u16 = 1;
const FAMILY_IPV6: u16 = 2;

/// The bit of an APL item that says "not" (RFC 3123, 4).
const NEGATION: u8 = 0x80;

/// Reads an IPv4 address: four decimal numbers.
pub(super) fn parse_ipv4(text: &[u8]) -> Result<Ipv4Addr, Problem> {
    parse_address(text, "an IPv4 address")
}

/// Reads an IPv6 address in any form of RFC 4291, 2.2, without a zone.
pub(super) fn parse_ipv6(text: &[u8]) -> Result<Ipv6Addr, Problem> {
    parse_address(text, "an IPv6 address")
}

fn parse_address<A: FromStr>(text: &[u8], expected: &'static str) -> Result<A, Problem> {
    let parsed = std::str::from_utf8(text).ok().and_then(|text| text.parse().ok());
    parsed.ok_or_else(|| Problem::Unexpected { found: shorten(text), expected })
}

/// Appends a hardware address of so many octets, written as pairs of digits with hyphens (RFC 7043, 3.2).
pub(super) fn push_hardware(text: &[u8], octets: usize, out: &mut Vec<u8>) -> Result<(), Problem> {
    let pairs: Vec<_> = text.split(|&octet| octet == b'-').collect();
    let start = out.len();
    if pairs.len() == octets {
        for pair in pairs {
            if let (2, Ok(octet)) = (pair.len(), HEXLOWER_PERMISSIVE.decode(pair)) {
                out.extend_from_slice(&octet);
            }
        }
    }
    if out.len() == start + octets {
        return Ok(());
    }
    let expected = match octets {
        6 => "six pairs of hexadecimal digits with hyphens between them",
        _ => "eight pairs of hexadecimal digits with hyphens between them",
    };
    Err(Problem::Unexpected { found: shorten(text), expected })
}

/// The presentation of a hardware address.
pub(super) fn print_hardware(octets: &[u8]) -> String {
    let pairs: Vec<_> = octets.iter().map(|octet| format!("{octet:02x}")).collect();
    pairs.join("-")
}

/// Appends 64 bits, written as four groups of one to four hexadecimal digits (RFC 6742, 2.1.2).
pub(super) fn push_groups(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let expected = "four groups of hexadecimal digits with colons between them";
    let problem = || Problem::Unexpected { found: shorten(text), expected };
    let mut count = 0;
    for group in text.split(|&octet| octet == b':') {
        let is_group = (1..=4).contains(&group.len()) && group.iter().all(u8::is_ascii_hexdigit);
        let digits = std::str::from_utf8(group).ok().filter(|_| is_group).ok_or_else(problem)?;
        let value = u16::from_str_radix(digits, 16).map_err(|_| problem())?;
        out.extend_from_slice(&value.to_be_bytes());
        count += 1;
    }
    if count == 4 { Ok(()) } else { Err(problem()) }
}

/// The presentation of 64 bits.
pub(super) fn print_groups(octets: &[u8]) -> String {
    let groups: Vec<_> = octets.chunks(2).map(super::security::print_hex).collect();
    groups.join(":")
}

/// Appends one APL item, `1:192.0.2.0/24` or `!2:2001:db8::/32` (RFC 3123, 5).
pub(super) fn push_prefix(text: &[u8], out: &mut Vec<u8>) -> Result<(), Problem> {
    let expected = "an address prefix: 1:IPV4/LENGTH or 2:IPV6/LENGTH, with ! before it to negate it";
    let problem = || Problem::Unexpected { found: shorten(text), expected };
    let (negation, item) = match text.strip_prefix(b"!") {
        Some(item) => (NEGATION, item),
        None => (0, text),
    };
    let item = std::str::from_utf8(item).map_err(|_| problem())?;
    let (family, prefix) = item.split_once(':').ok_or_else(problem)?;
    let (address, bits) = prefix.split_once('/').ok_or_else(problem)?;
    let (family, octets, longest) = match family {
        "1" => (FAMILY_IPV4, parse_ipv4(address.as_bytes())?.octets().to_vec(), 32),
        "2" => (FAMILY_IPV6, parse_ipv6(address.as_bytes())?.octets().to_vec(), 128),
        _ => return Err(problem()),
    };
    let bits = super::number::parse(bits.as_bytes(), longest)?;
    let length = octets.iter().rposition(|&octet| octet != 0).map_or(0, |last| last + 1);
    out.extend_from_slice(&family.to_be_bytes());
    // The prefix is at most 128 and the length at most 16.
    out.extend_from_slice(&[bits as u8, negation | length as u8]);
    out.extend_from_slice(&octets[..length]);
    Ok(())
}

/// The items of APL record data, one text each.
pub(super) fn print_prefixes(mut rdata: &[u8]) -> Result<Vec<String>, Problem> {
    let malformed = Problem::Rule("not a list of IPv4 and IPv6 prefixes without trailing zeros");
    let mut items = Vec::new();
    while let Some((&[family_high, family_low, bits, length], rest)) = rdata.split_first_chunk() {
        let Some((octets, rest)) = rest.split_at_checked(usize::from(length & !NEGATION)) else {
            return Err(malformed);
        };
        let family = u16::from_be_bytes([family_high, family_low]);
        let address = match (family, octets.last(), bits) {
            (_, Some(0), _) => return Err(malformed),
            (FAMILY_IPV4, _, 0..=32) => padded(octets).map(|octets: [u8; 4]| IpAddr::from(octets)),
            (FAMILY_IPV6, _, 0..=128) => padded(octets).map(|octets: [u8; 16]| IpAddr::from(octets)),
            _ => None,
        };
        let Some(address) = address else { return Err(malformed) };
        let negation = if length & NEGATION == 0 { "" } else { "!" };
        items.push(format!("{negation}{family}:{address}/{bits}"));
        rdata = rest;
    }
    if rdata.is_empty() { Ok(items) } else { Err(malformed) }
}

/// Octets filled up with zeros; `None` when there are more than fit.
fn padded<const N: usize>(octets: &[u8]) -> Option<[u8; N]> {
    let mut all = [0; N];
    all.get_mut(..octets.len())?.copy_from_slice(octets);
    Some(all)
}

/// Appends the gateway of an IPSECKEY record whose fixed fields are in `out` (RFC 4025, 2.5).
pub(super) fn push_gateway(token: Token<'_>, dialect: Dialect<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    match out.get(1) {
        Some(0) if matches!(token.text, b"." | b"") => Ok(()),
        Some(0) => {
            let expected = "., the only gateway of gateway type 0";
            Err(Problem::Unexpected { found: shorten(token.text), expected })
        }
        Some(1) => {
            out.extend_from_slice(&parse_ipv4(token.text)?.octets());
            Ok(())
        }
        Some(2) => {
            out.extend_from_slice(&parse_ipv6(token.text)?.octets());
            Ok(())
        }
        Some(3) => names::push_name(token, dialect, out),
        _ => Err(UNKNOWN_GATEWAY),
    }
}

/// The problem of a gateway whose type has no meaning.
pub(super) const UNKNOWN_GATEWAY: Problem = Problem::Rule("the gateway type must be from 0 to 3");
