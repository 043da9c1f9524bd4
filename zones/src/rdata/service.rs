//! Parameters of SVCB and HTTPS records (RFC 9460).
//!
//! On the wire parameters are (key, length, value) in ascending order of keys. In text they are
//! `key=value` or `key`, in any order, with the value in quotes where it has blanks.

use std::borrow::Cow;
use std::net::{Ipv4Addr, Ipv6Addr};

use super::security::{decode_base64, print_base64};
use super::text::{print_quoted, replace_escapes, shorten};
use super::{Dialect, Problem, Token, address, number};

/// Keys with a name and a value format of their own (the registry of RFC 9460, 14.3.2).
const NAMED_KEYS: &[(u16, &str)] = &[
    (MANDATORY, "mandatory"),
    (ALPN, "alpn"),
    (NO_DEFAULT_ALPN, "no-default-alpn"),
    (PORT, "port"),
    (IPV4_HINT, "ipv4hint"),
    (ECH, "ech"),
    (IPV6_HINT, "ipv6hint"),
    (DOH_PATH, "dohpath"),
    (OHTTP, "ohttp"),
];

const MANDATORY: u16 = 0;
const ALPN: u16 = 1;
const NO_DEFAULT_ALPN: u16 = 2;
const PORT: u16 = 3;
const IPV4_HINT: u16 = 4;
const ECH: u16 = 5;
const IPV6_HINT: u16 = 6;
const DOH_PATH: u16 = 7;
const OHTTP: u16 = 8;

/// Reserved as the key that is never valid (RFC 9460, 14.3.2).
const INVALID_KEY: u16 = 65_535;

const KEYS: &str = "a parameter key: mandatory, alpn, no-default-alpn, port, ipv4hint, ech, ipv6hint, dohpath, \
                    ohttp, or key0 to key65534";

/// One parameter as it stands in text, escapes and all.
struct Written<'a> {
    key: &'a [u8],
    value: Option<&'a [u8]>,
}

/// Appends the wire form of all parameters.
pub(super) fn push(tokens: &[Token<'_>], dialect: Dialect<'_>, out: &mut Vec<u8>) -> Result<(), Problem> {
    let written = match dialect {
        Dialect::Fields => split_fields(tokens)?,
        Dialect::ZoneFile { .. } => split_tokens(tokens)?,
    };
    let mut parameters = Vec::with_capacity(written.len());
    for Written { key, value } in written {
        let (number, generic) = parse_key(key)?;
        let value = value.map(replace_escapes).transpose()?;
        let value = match (generic, value) {
            (true, value) => value.unwrap_or_default().into_owned(),
            (false, value) => parse_value(number, value)?,
        };
        parameters.push((number, value));
    }
    parameters.sort_unstable_by_key(|&(number, _)| number);
    for (number, value) in &parameters {
        let octets = value.len();
        let length = u16::try_from(octets).map_err(|_| Problem::Length { octets, maximum: 65_535 })?;
        out.extend_from_slice(&number.to_be_bytes());
        out.extend_from_slice(&length.to_be_bytes());
        out.extend_from_slice(value);
    }
    Ok(())
}

/// Parameters of zone-file tokens: `key`, `key=value`, or `key=` with a quoted value directly behind.
fn split_tokens<'a>(tokens: &[Token<'a>]) -> Result<Vec<Written<'a>>, Problem> {
    let mut written: Vec<Written<'a>> = Vec::new();
    for token in tokens {
        if token.quoted {
            let open = written.last_mut().filter(|last| token.glued && last.value == Some(&b""[..]));
            open.ok_or_else(|| Problem::Unexpected { found: shorten(token.text), expected: KEYS })?.value =
                Some(token.text);
            continue;
        }
        written.push(split_pair(token.text));
    }
    Ok(written)
}

fn split_pair(text: &[u8]) -> Written<'_> {
    match text.iter().position(|&octet| octet == b'=') {
        Some(equals) => Written { key: &text[..equals], value: Some(&text[equals + 1..]) },
        None => Written { key: text, value: None },
    }
}

/// Parameters of API elements: blanks separate them, except within a value in quotes.
fn split_fields<'a>(tokens: &[Token<'a>]) -> Result<Vec<Written<'a>>, Problem> {
    let mut written = Vec::new();
    for token in tokens {
        let mut rest = token.text.trim_ascii_start();
        while !rest.is_empty() {
            let mut end = rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len());
            let mut pair = split_pair(&rest[..end]);
            if pair.value.is_some_and(|value| value.starts_with(b"\"")) {
                let open = pair.key.len() + 2;
                let close =
                    closing_quote(&rest[open..]).ok_or(Problem::Rule("a quoted value is not closed"))?;
                pair.value = Some(&rest[open..open + close]);
                end = open + close + 1;
                if rest.get(end).is_some_and(|octet| !octet.is_ascii_whitespace()) {
                    return Err(Problem::Rule("a blank must follow a quoted value"));
                }
            }
            written.push(pair);
            rest = rest[end..].trim_ascii_start();
        }
    }
    Ok(written)
}

/// Where the first quote is that has no backslash before it.
fn closing_quote(text: &[u8]) -> Option<usize> {
    let mut escaped = false;
    text.iter().position(|&octet| {
        let closes = octet == b'"' && !escaped;
        escaped = octet == b'\\' && !escaped;
        closes
    })
}

/// Reads a key; the second value says that it stood in its generic form, whose value is plain octets.
fn parse_key(text: &[u8]) -> Result<(u16, bool), Problem> {
    let named = NAMED_KEYS.iter().find(|(_, name)| name.as_bytes() == text);
    if let Some(&(number, _)) = named {
        return Ok((number, false));
    }
    let problem = || Problem::Unexpected { found: shorten(text), expected: KEYS };
    let digits = text.strip_prefix(b"key").ok_or_else(problem)?;
    // "MUST NOT contain leading zeros" (RFC 9460, 2.1).
    if digits.len() > 1 && digits.starts_with(b"0") {
        return Err(problem());
    }
    let number = number::parse(digits, u64::from(INVALID_KEY - 1)).map_err(|_| problem())?;
    Ok((number as u16, true))
}

/// The wire form of the value of a named key.
fn parse_value(key: u16, value: Option<Cow<'_, [u8]>>) -> Result<Vec<u8>, Problem> {
    if matches!(key, NO_DEFAULT_ALPN | OHTTP) {
        return match value {
            None => Ok(Vec::new()),
            Some(_) => Err(Problem::Rule("no-default-alpn and ohttp take no value")),
        };
    }
    let value =
        value.filter(|value| !value.is_empty()).ok_or(Problem::Rule("a parameter lacks its value"))?;
    let mut out = Vec::new();
    match key {
        MANDATORY => {
            let keys =
                value.split(|&octet| octet == b',').map(|key| parse_key(key).map(|(number, _)| number));
            let mut keys = keys.collect::<Result<Vec<_>, _>>()?;
            keys.sort_unstable();
            out.extend(keys.iter().flat_map(|key| key.to_be_bytes()));
        }
        ALPN => {
            for protocol in split_list(&value)? {
                super::text::push_string(&protocol, &mut out)?;
            }
        }
        PORT => out.extend_from_slice(&(number::parse(&value, 65_535)? as u16).to_be_bytes()),
        IPV4_HINT => {
            for address in value.split(|&octet| octet == b',') {
                out.extend_from_slice(&address::parse_ipv4(address)?.octets());
            }
        }
        IPV6_HINT => {
            for address in value.split(|&octet| octet == b',') {
                out.extend_from_slice(&address::parse_ipv6(address)?.octets());
            }
        }
        ECH => out = decode_base64(&value)?,
        _ => out = value.into_owned(),
    }
    Ok(out)
}

/// The items of a comma-separated list, in which `\,` and `\\` stand for themselves (RFC 9460, A.1).
fn split_list(value: &[u8]) -> Result<Vec<Vec<u8>>, Problem> {
    let mut items = vec![Vec::new()];
    let mut octets = value.iter().copied();
    while let Some(octet) = octets.next() {
        let item = items.last_mut().expect("the list begins with an item and only grows");
        match octet {
            b',' => items.push(Vec::new()),
            b'\\' => match octets.next() {
                Some(escaped @ (b',' | b'\\')) => item.push(escaped),
                _ => {
                    return Err(Problem::Rule(
                        "in a list a backslash may only precede a comma or a backslash",
                    ));
                }
            },
            _ => item.push(octet),
        }
    }
    if items.iter().any(Vec::is_empty) {
        return Err(Problem::Rule("alpn has an empty protocol name"));
    }
    Ok(items)
}

/// Splits wire form into keys and values, with every check of RFC 9460, 2.2, 7 and 8.
fn parse_wire(mut rdata: &[u8]) -> Result<Vec<(u16, &[u8])>, Problem> {
    let mut parameters: Vec<(u16, &[u8])> = Vec::new();
    while !rdata.is_empty() {
        let cut_short = Problem::Rule("a parameter is cut short");
        let Some((&[k0, k1, l0, l1], rest)) = rdata.split_first_chunk() else { return Err(cut_short) };
        let (key, length) = (u16::from_be_bytes([k0, k1]), u16::from_be_bytes([l0, l1]));
        let Some((value, rest)) = rest.split_at_checked(usize::from(length)) else { return Err(cut_short) };
        if parameters.last().is_some_and(|&(last, _)| last >= key) {
            return Err(Problem::Rule("each key may occur once, and on the wire in ascending order"));
        }
        if key == INVALID_KEY {
            return Err(Problem::Rule("key65535 is reserved as never valid"));
        }
        check_value(key, value)?;
        parameters.push((key, value));
        rdata = rest;
    }
    let has = |key: u16| parameters.iter().any(|&(other, _)| other == key);
    if has(NO_DEFAULT_ALPN) && !has(ALPN) {
        return Err(Problem::Rule("no-default-alpn needs alpn beside it"));
    }
    if let Some(&(MANDATORY, keys)) = parameters.first()
        && !keys.chunks_exact(2).all(|key| has(u16::from_be_bytes([key[0], key[1]])))
    {
        return Err(Problem::Rule("mandatory names a key that is not there"));
    }
    Ok(parameters)
}

/// Checks the format of a value on the wire; keys without a name take anything.
fn check_value(key: u16, value: &[u8]) -> Result<(), Problem> {
    let (good, rule) = match key {
        MANDATORY => {
            let keys: Vec<_> = value.chunks_exact(2).collect();
            let ascending = keys.windows(2).all(|pair| pair[0] < pair[1]);
            let whole = value.len().is_multiple_of(2) && !value.is_empty();
            (whole && ascending && keys[0] != [0, 0], "mandatory must list other keys, each of them once")
        }
        ALPN => (is_protocol_list(value), "alpn must be protocol names of 1 to 255 octets"),
        NO_DEFAULT_ALPN | OHTTP => (value.is_empty(), "no-default-alpn and ohttp take no value"),
        PORT => (value.len() == 2, "port must be two octets"),
        IPV4_HINT => (is_multiple(value, 4), "ipv4hint must be one or more IPv4 addresses"),
        IPV6_HINT => (is_multiple(value, 16), "ipv6hint must be one or more IPv6 addresses"),
        ECH => (!value.is_empty(), "ech must not be empty"),
        DOH_PATH => {
            let is_text = !value.is_empty() && std::str::from_utf8(value).is_ok();
            (is_text, "dohpath must be a URI template in UTF-8")
        }
        _ => (true, ""),
    };
    if good { Ok(()) } else { Err(Problem::Rule(rule)) }
}

fn is_multiple(value: &[u8], octets: usize) -> bool {
    !value.is_empty() && value.len().is_multiple_of(octets)
}

fn is_protocol_list(value: &[u8]) -> bool {
    let mut rest = value;
    while let Some((&length, after)) = rest.split_first() {
        match after.split_at_checked(usize::from(length)) {
            Some((_, after)) if length > 0 => rest = after,
            _ => return false,
        }
    }
    !value.is_empty()
}

/// The presentation of parameters in ascending order, joined by blanks.
pub(super) fn print(rdata: &[u8]) -> Result<String, Problem> {
    let mut text = String::new();
    for (key, value) in parse_wire(rdata)? {
        if !text.is_empty() {
            text.push(' ');
        }
        text.push_str(&key_name(key));
        if !value.is_empty() {
            text.push('=');
            print_value(key, value, &mut text);
        }
    }
    Ok(text)
}

fn key_name(key: u16) -> Cow<'static, str> {
    match NAMED_KEYS.iter().find(|&&(number, _)| number == key) {
        Some(&(_, name)) => Cow::Borrowed(name),
        None => Cow::Owned(format!("key{key}")),
    }
}

/// Appends a value that has passed [`check_value`] and is not empty.
fn print_value(key: u16, value: &[u8], text: &mut String) {
    match key {
        MANDATORY => {
            let names = value.chunks_exact(2).map(|key| key_name(u16::from_be_bytes([key[0], key[1]])));
            text.push_str(&names.collect::<Vec<_>>().join(","));
        }
        ALPN => print_quoted(&join_list(value), text),
        PORT => text.push_str(&value.iter().fold(0, |port, &octet| port << 8 | u32::from(octet)).to_string()),
        IPV4_HINT => {
            let (addresses, _) = value.as_chunks();
            print_addresses(addresses.iter().map(|&octets: &[u8; 4]| Ipv4Addr::from(octets)), text);
        }
        IPV6_HINT => {
            let (addresses, _) = value.as_chunks();
            print_addresses(addresses.iter().map(|&octets: &[u8; 16]| Ipv6Addr::from(octets)), text);
        }
        ECH => text.push_str(&print_base64(value)),
        _ => print_quoted(value, text),
    }
}

fn print_addresses<A: ToString>(addresses: impl Iterator<Item = A>, text: &mut String) {
    text.push_str(&addresses.map(|address| address.to_string()).collect::<Vec<_>>().join(","));
}

/// Protocol names joined by commas, with `\` before commas and backslashes of their own.
fn join_list(mut value: &[u8]) -> Vec<u8> {
    let mut list = Vec::with_capacity(value.len());
    while let Some((&length, rest)) = value.split_first() {
        let (item, rest) = rest.split_at(usize::from(length).min(rest.len()));
        if !list.is_empty() {
            list.push(b',');
        }
        for &octet in item {
            if matches!(octet, b',' | b'\\') {
                list.push(b'\\');
            }
            list.push(octet);
        }
        value = rest;
    }
    list
}
