//! Whether a reply is right.
//!
//! Every reply is checked for its shape, one in [`SAMPLE`] also for its content, and a number of probes
//! before the first round for both. A server that fails a probe is not ranked.

use std::net::{IpAddr, Ipv4Addr};

use anyhow::{Context, Result, ensure};
use geoip_data::GeoData;

use crate::query::Scenario;

/// One reply in so many is read as far as its address.
pub const SAMPLE: u64 = 64;

/// The address of `h<number>` in the large zone and of `www` in small zone `number`.
pub fn numbered_address(number: u32) -> Ipv4Addr {
    Ipv4Addr::from(0x0a00_0000 | (number & 0x00ff_ffff))
}

/// The countries of the answers of `country`, one each, and of `chain`, two each.
pub const COUNTRIES: [&str; 4] = ["US", "DE", "BR", "JP"];
/// Answers of the record `many`; every second one is up.
pub const MANY: u8 = 64;

/// Answer `index` of a steered record.
pub fn steered_address(index: u8) -> Ipv4Addr {
    Ipv4Addr::new(192, 0, 2, index + 1)
}

/// Whether `reply` looks as every reply in `scenario` must: a reply, not truncated, with the right code and
/// number of answers.
pub fn has_shape(scenario: Scenario, reply: &[u8]) -> bool {
    let (code, answers) = if scenario == Scenario::Nxdomain { (3, 0) } else { (0, 1) };
    reply.len() >= 12 && reply[2] & 0x82 == 0x80 && reply[3] & 15 == code && reply[6..8] == [0, answers]
}

/// Checks that `reply` gives what the query with `key` must get.
///
/// Clients in countries that no answer names may get any answer.
///
/// # Errors
/// What is wrong.
pub fn content(scenario: Scenario, key: u32, reply: &[u8], geo: &GeoData) -> Result<()> {
    ensure!(has_shape(scenario, reply), "wrong kind of reply: {:02x?}", &reply[..reply.len().min(12)]);
    if scenario == Scenario::Nxdomain {
        return Ok(());
    }
    let address = address_of(reply)?;
    let is_right = match scenario {
        Scenario::Static | Scenario::Tcp | Scenario::Zones => address == numbered_address(key),
        Scenario::Nxdomain => false,
        Scenario::Weighted => (0..4).any(|index| address == steered_address(index)),
        Scenario::Country => is_of_country(geo, key, 1, address),
        Scenario::Chain => is_of_country(geo, key, 2, address),
        Scenario::Many => (0..MANY).step_by(2).any(|index| address == steered_address(index)),
    };
    ensure!(is_right, "{} for key {key} got {address}", scenario.name());
    Ok(())
}

/// Whether `address` is one of the `each` answers for the country of `network`.
fn is_of_country(geo: &GeoData, network: u32, each: u8, address: Ipv4Addr) -> bool {
    let place = geo.place(IpAddr::V4(network.into())).value;
    let country = place.and_then(|place| place.country);
    let named = country.and_then(|code| COUNTRIES.iter().position(|named| *named == code.as_str()));
    let indexes = match named {
        Some(position) => position as u8 * each..(position as u8 + 1) * each,
        None => 0..COUNTRIES.len() as u8 * each,
    };
    indexes.into_iter().any(|index| address == steered_address(index))
}

/// Reads the address of the one answer in `reply`.
///
/// # Errors
/// When the reply is not one A record behind one question.
pub fn address_of(reply: &[u8]) -> Result<Ipv4Addr> {
    let at = skip_name(reply, 12).context("no question")? + 4;
    let at = skip_name(reply, at).context("no answer")?;
    let fixed = reply.get(at..at + 14).context("cut answer")?;
    ensure!(fixed[..4] == [0, 1, 0, 1] && fixed[8..10] == [0, 4], "not an A record");
    Ok(Ipv4Addr::new(fixed[10], fixed[11], fixed[12], fixed[13]))
}

/// The place behind the name at `at`.
fn skip_name(message: &[u8], mut at: usize) -> Option<usize> {
    loop {
        match *message.get(at)? {
            0 => return Some(at + 1),
            length if length & 0xc0 == 0xc0 => return Some(at + 2),
            length => at += usize::from(length) + 1,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A reply with one question for `www.test` and one A record behind a pointer.
    fn reply(address: Ipv4Addr) -> Vec<u8> {
        let mut reply = b"\0\0\x80\0\0\x01\0\x01\0\0\0\0\x03www\x04test\0\0\x01\0\x01".to_vec();
        reply.extend(b"\xc0\x0c\0\x01\0\x01\0\0\0\x3c\0\x04");
        reply.extend(address.octets());
        reply
    }

    #[test]
    fn a_reply_is_read_as_far_as_its_address() {
        let address = Ipv4Addr::new(10, 1, 2, 3);
        assert_eq!(address_of(&reply(address)).unwrap(), address);
        let whole = reply(address);
        for length in 0..whole.len() {
            assert!(address_of(&whole[..length]).is_err(), "{length}");
        }
    }

    #[test]
    fn another_kind_of_reply_is_wrong() {
        let right = reply(Ipv4Addr::LOCALHOST);
        assert!(has_shape(Scenario::Static, &right));
        // Not a reply, truncated, another code, another number of answers.
        for (at, value) in [(2, 0), (2, 0x82), (3, 2), (7, 0)] {
            let mut wrong = right.clone();
            wrong[at] = value;
            assert!(!has_shape(Scenario::Static, &wrong), "octet {at} = {value}");
        }
        assert!(!has_shape(Scenario::Nxdomain, &right));
        assert!(!has_shape(Scenario::Static, &right[..11]));
    }

    #[test]
    fn the_address_of_another_name_is_wrong() {
        let geo = GeoData::embedded();
        let right = reply(numbered_address(70_000));
        assert!(content(Scenario::Static, 70_000, &right, &geo).is_ok());
        assert!(content(Scenario::Static, 70_001, &right, &geo).is_err());
    }

    #[test]
    fn the_answer_of_another_country_is_wrong() {
        let geo = GeoData::embedded();
        // 193.0.6.0/24 is in the Netherlands, 141.1.1.0/24 in Germany.
        let (germany, elsewhere) = (0x8d01_0100, 0xc100_0600);
        for index in 0..8 {
            let is_right = content(Scenario::Chain, germany, &reply(steered_address(index)), &geo).is_ok();
            assert_eq!(is_right, index / 2 == 1, "answer {index}");
            assert!(content(Scenario::Chain, elsewhere, &reply(steered_address(index)), &geo).is_ok());
        }
        assert!(content(Scenario::Country, germany, &reply(steered_address(1)), &geo).is_ok());
        assert!(content(Scenario::Country, elsewhere, &reply(steered_address(4)), &geo).is_err());
        assert!(content(Scenario::Many, 0, &reply(steered_address(1)), &geo).is_err(), "it is down");
    }
}
