//! From the JSON of clients to typed values.

use std::fmt;

use geoip_data::{CountryCode, Georegion, SubdivisionCode, catalog};
use serde_json::{Map, Value};

use super::{MetaEntry, MetaKey, MetaValue, PulsarJob};
use crate::FeedId;
use crate::config::{lenient_flag, lenient_number};
use crate::limits::{
    MAX_DECIMAL, MAX_ECHOED_CHARACTERS, MAX_LIST_ITEMS, MAX_NOTE_CHARACTERS, MAX_PAIR_OCTETS, MAX_PAIRS,
};
use crate::place::{CountryTag, SubdivisionTag};
use crate::prefix::{IpPrefix, PrefixSet};

/// Why metadata is refused. The message names the key, what came and what is allowed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum MetaError {
    /// No such key.
    #[error("unknown metadata key {key}; known are {known}", known = KnownKeys)]
    UnknownKey {
        /// The key, quoted and cut to a bounded length.
        key: String,
    },
    /// The value is not allowed for the key.
    #[error("{key}: {found} is not allowed; expected {expected}")]
    Value {
        /// The key.
        key: MetaKey,
        /// The value or the part of it that is wrong, as JSON, cut to a bounded length.
        found: String,
        /// What is allowed.
        expected: &'static str,
    },
    /// An object with `feed` that does not hold a feed's identifier.
    #[error("{key}: invalid feed pointer {found}; expected {{\"feed\": \"24 hex digits\"}}")]
    FeedPointer {
        /// The key.
        key: MetaKey,
        /// What came, as JSON, cut to a bounded length.
        found: String,
    },
    /// Too many items.
    #[error("{key}: {count} items; at most {limit} are allowed")]
    TooMany {
        /// The key.
        key: MetaKey,
        /// How many came.
        count: usize,
        /// How many are allowed.
        limit: usize,
    },
    /// The low watermark is above the high one.
    #[error("low_watermark: {low} is above high_watermark {high}; expected at most the high watermark")]
    Watermarks {
        /// The low watermark.
        low: f64,
        /// The high watermark.
        high: f64,
    },
}

struct KnownKeys;

impl fmt::Display for KnownKeys {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, key) in MetaKey::ALL.iter().enumerate() {
            write!(out, "{}{key}", if index == 0 { "" } else { ", " })?;
        }
        Ok(())
    }
}

impl MetaError {
    pub(super) fn unknown_key(name: &str) -> Self {
        Self::UnknownKey { key: echo(&Value::from(name)) }
    }

    fn value(key: MetaKey, found: &Value, expected: &'static str) -> Self {
        Self::Value { key, found: echo(found), expected }
    }
}

/// A JSON value as text for a message, cut to a bounded length.
pub(crate) fn echo(value: &Value) -> String {
    let text = value.to_string();
    match text.char_indices().nth(MAX_ECHOED_CHARACTERS) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

/// Reads the value of a key: `Ok(None)` for `null`, for an empty list of a key that takes lists, and for an empty
/// object of a key that takes one, which count as absent.
///
/// Accepted besides the plain form: numbers and flags as strings, flags as 1 and 0, one item where a list is
/// expected, and codes in either case.
///
/// # Errors
/// A value of the wrong type or out of the range of its key.
pub fn parse_value(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    if is_absent(key, json) {
        return Ok(None);
    }
    match key {
        MetaKey::Up => flag(key, json).map(Some),
        MetaKey::Connections | MetaKey::Requests => {
            whole(key, json, 4_294_967_296.0, "a whole number from 0 to 4294967296").map(Some)
        }
        MetaKey::Priority => {
            whole(key, json, 4_294_967_295.0, "a whole number from 0 to 4294967295").map(Some)
        }
        MetaKey::Latitude => decimal(key, json, -90.0, 90.0, "a number from -90 to 90").map(Some),
        MetaKey::Longitude => decimal(key, json, -180.0, 180.0, "a number from -180 to 180").map(Some),
        MetaKey::Loadavg
        | MetaKey::Weight
        | MetaKey::Cost
        | MetaKey::LowWatermark
        | MetaKey::HighWatermark => {
            decimal(key, json, 0.0, MAX_DECIMAL, "a number from 0 to 10^15").map(Some)
        }
        MetaKey::Georegion => georegions(key, json),
        MetaKey::Country => countries(key, json),
        MetaKey::UsState => states(key, json, "US", "a two-letter code of a US state, or a list of them"),
        MetaKey::CaProvince => {
            states(key, json, "CA", "a two-letter code of a Canadian province, or a list of them")
        }
        MetaKey::Subdivisions => subdivisions(key, json),
        MetaKey::Asn => as_numbers(key, json),
        MetaKey::IpPrefixes => prefixes(key, json),
        MetaKey::Note => note(key, json).map(Some),
        MetaKey::AdditionalMetadata => pairs(key, json),
        MetaKey::Pulsar => pulsar_jobs(key, json),
    }
}

/// Reads a value or a feed pointer.
pub(super) fn parse_entry(key: MetaKey, json: &Value) -> Result<Option<MetaEntry>, MetaError> {
    if let Value::Object(object) = json
        && let Some(pointer) = object.get("feed")
    {
        let feed = pointer.as_str().filter(|_| object.len() == 1).and_then(FeedId::parse);
        return match feed {
            Some(feed) => Ok(Some(MetaEntry::Feed(feed))),
            None => Err(MetaError::FeedPointer { key, found: echo(json) }),
        };
    }
    Ok(parse_value(key, json)?.map(MetaEntry::Literal))
}

fn is_absent(key: MetaKey, json: &Value) -> bool {
    let takes_objects = matches!(key, MetaKey::Subdivisions | MetaKey::AdditionalMetadata);
    let takes_lists = matches!(
        key,
        MetaKey::Georegion
            | MetaKey::Country
            | MetaKey::UsState
            | MetaKey::CaProvince
            | MetaKey::Asn
            | MetaKey::IpPrefixes
            | MetaKey::AdditionalMetadata
            | MetaKey::Pulsar
    );
    match json {
        Value::Null => true,
        Value::Array(items) => takes_lists && items.is_empty(),
        Value::Object(object) => takes_objects && object.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::String(_) => false,
    }
}

fn flag(key: MetaKey, json: &Value) -> Result<MetaValue, MetaError> {
    let flag = lenient_flag(json).ok_or_else(|| MetaError::value(key, json, "true or false"))?;
    Ok(MetaValue::Flag(flag))
}

fn decimal(
    key: MetaKey,
    json: &Value,
    low: f64,
    high: f64,
    expected: &'static str,
) -> Result<MetaValue, MetaError> {
    let number = lenient_number(json).filter(|number| (low..=high).contains(number));
    // Adding zero turns minus zero into zero, so that equal numbers have equal bits.
    number.map(|number| MetaValue::Number(number + 0.0)).ok_or_else(|| MetaError::value(key, json, expected))
}

fn whole(key: MetaKey, json: &Value, high: f64, expected: &'static str) -> Result<MetaValue, MetaError> {
    let value = decimal(key, json, 0.0, high, expected)?;
    match value.as_number() {
        Some(number) if number.fract() == 0.0 => Ok(value),
        _ => Err(MetaError::value(key, json, expected)),
    }
}

/// A list, or one item in place of a list.
fn items(json: &Value) -> &[Value] {
    match json {
        Value::Array(items) => items,
        other => std::slice::from_ref(other),
    }
}

/// Reads each item of a list; what comes out is sorted and free of duplicates.
fn list<T: Ord>(
    key: MetaKey,
    json: &Value,
    expected: &'static str,
    read: impl Fn(&Value) -> Option<T>,
) -> Result<Vec<T>, MetaError> {
    let items = items(json);
    check_count(key, items.len(), MAX_LIST_ITEMS)?;
    let mut values = items
        .iter()
        .map(|item| read(item).ok_or_else(|| MetaError::value(key, item, expected)))
        .collect::<Result<Vec<T>, _>>()?;
    values.sort_unstable();
    values.dedup();
    Ok(values)
}

fn check_count(key: MetaKey, count: usize, limit: usize) -> Result<(), MetaError> {
    if count <= limit { Ok(()) } else { Err(MetaError::TooMany { key, count, limit }) }
}

fn georegions(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    const EXPECTED: &str =
        "one of US-EAST, US-CENTRAL, US-WEST, EUROPE, ASIAPAC, SOUTH-AMERICA and AFRICA, or a list of them";
    let regions = list(key, json, EXPECTED, |item| item.as_str().and_then(Georegion::parse))?;
    Ok(Some(MetaValue::Georegions(regions.into())))
}

fn countries(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    let expected = "a two-letter country code of ISO 3166-1, or a list of them";
    let codes = list(key, json, expected, |item| item.as_str().and_then(CountryCode::parse))?;
    Ok(Some(MetaValue::Countries(codes.into_iter().map(CountryTag::new).collect())))
}

/// A subdivision code that the country has.
fn subdivision_of(country: CountryCode, json: &Value) -> Option<SubdivisionCode> {
    let code = SubdivisionCode::parse(json.as_str()?)?;
    catalog::is_subdivision(country, code).then_some(code)
}

fn states(
    key: MetaKey,
    json: &Value,
    country: &str,
    expected: &'static str,
) -> Result<Option<MetaValue>, MetaError> {
    let country = CountryCode::parse(country).ok_or_else(|| MetaError::value(key, json, expected))?;
    let codes = list(key, json, expected, |item| subdivision_of(country, item))?;
    Ok(Some(MetaValue::Subdivisions(
        codes.into_iter().map(|code| SubdivisionTag::new(country, code)).collect(),
    )))
}

fn subdivisions(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    const EXPECTED: &str = "an object from two-letter country code to a list of ISO 3166-2 subdivision codes \
        without the country part";
    let object = json.as_object().ok_or_else(|| MetaError::value(key, json, EXPECTED))?;
    let mut pairs = Vec::new();
    for (name, codes) in object {
        let wrong_country = || MetaError::value(key, &Value::from(name.as_str()), EXPECTED);
        let country = CountryCode::parse(name).ok_or_else(wrong_country)?;
        let is_empty = codes.is_null() || codes.as_array().is_some_and(Vec::is_empty);
        if !is_empty {
            let codes = list(key, codes, EXPECTED, |item| subdivision_of(country, item))?;
            pairs.extend(codes.into_iter().map(|code| (country, code)));
        }
        check_count(key, pairs.len(), MAX_LIST_ITEMS)?;
    }
    pairs.sort_unstable();
    pairs.dedup();
    let tags: Box<[_]> =
        pairs.into_iter().map(|(country, code)| SubdivisionTag::new(country, code)).collect();
    Ok((!tags.is_empty()).then_some(MetaValue::Subdivisions(tags)))
}

fn as_numbers(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    let expected = "a whole number from 0 to 4294967295, or a list of them";
    let numbers = list(key, json, expected, |item| {
        let number = lenient_number(item)?;
        let in_range = number.fract() == 0.0 && (0.0..=f64::from(u32::MAX)).contains(&number);
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
        in_range.then_some(number as u32)
    })?;
    Ok(Some(MetaValue::AsNumbers(numbers.into())))
}

fn prefixes(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    let expected = "an IPv4 or IPv6 prefix in CIDR notation, or a list of them";
    let prefixes = list(key, json, expected, |item| item.as_str().and_then(IpPrefix::parse))?;
    Ok(Some(MetaValue::Prefixes(PrefixSet::new(prefixes))))
}

fn note(key: MetaKey, json: &Value) -> Result<MetaValue, MetaError> {
    match json {
        Value::String(text) if text.chars().count() <= MAX_NOTE_CHARACTERS => {
            Ok(MetaValue::Text(text.as_str().into()))
        }
        _ => Err(MetaError::value(key, json, "a text of at most 256 characters")),
    }
}

fn pairs(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    const EXPECTED: &str = "a list of one object of texts, with names and texts of at most 255 octets";
    let wrong = |found: &Value| MetaError::value(key, found, EXPECTED);
    let [Value::Object(object)] = items(json) else { return Err(wrong(json)) };
    check_count(key, object.len(), MAX_PAIRS)?;
    let mut pairs = Vec::with_capacity(object.len());
    for (name, text) in object {
        let text = match text {
            Value::String(text) => text.clone(),
            Value::Number(number) => number.to_string(),
            other => return Err(wrong(other)),
        };
        if name.is_empty() || name.len() > MAX_PAIR_OCTETS || text.len() > MAX_PAIR_OCTETS {
            return Err(wrong(json));
        }
        pairs.push((name.as_str().into(), text.into_boxed_str()));
    }
    Ok((!pairs.is_empty()).then(|| MetaValue::Pairs(pairs.into())))
}

fn pulsar_jobs(key: MetaKey, json: &Value) -> Result<Option<MetaValue>, MetaError> {
    const EXPECTED: &str = "a list of objects with job_id, granularities, bias and a5m_cutoff";
    let items = items(json);
    check_count(key, items.len(), MAX_PAIRS)?;
    let jobs: Result<Box<[_]>, _> = items
        .iter()
        .map(|item| match item {
            Value::Object(object) => pulsar_job(key, object),
            other => Err(MetaError::value(key, other, EXPECTED)),
        })
        .collect();
    Ok(Some(MetaValue::PulsarJobs(jobs?)))
}

fn pulsar_job(key: MetaKey, object: &Map<String, Value>) -> Result<PulsarJob, MetaError> {
    let (mut job_id, mut granularities, mut bias, mut availability_cutoff) = (None, None, None, None);
    for (name, value) in object {
        let wrong = |expected| MetaError::value(key, value, expected);
        match name.as_str() {
            "job_id" | "jobid" => {
                let expected = "a job_id of 1 to 64 characters";
                let text = value.as_str().filter(|text| (1..=64).contains(&text.chars().count()));
                job_id = Some(text.ok_or_else(|| wrong(expected))?);
            }
            "granularities" => {
                let expected = "granularities out of geo, asn and geo_asn";
                let names: Option<Vec<&str>> = items(value).iter().map(Value::as_str).collect();
                let known = |names: &Vec<&str>| {
                    !names.is_empty() && names.iter().all(|name| matches!(*name, "geo" | "asn" | "geo_asn"))
                };
                granularities = Some(names.filter(known).ok_or_else(|| wrong(expected))?);
            }
            "bias" => {
                bias = Some(pulsar_bias(value).ok_or_else(|| wrong("a bias such as +10, -55 or *0.5"))?)
            }
            "a5m_cutoff" => {
                let share = lenient_number(value).filter(|share| (0.0..=1.0).contains(share));
                availability_cutoff = Some(share.ok_or_else(|| wrong("an a5m_cutoff from 0 to 1"))?);
            }
            _ => {
                let expected = "the names job_id, granularities, bias and a5m_cutoff";
                return Err(MetaError::value(key, &Value::from(name.as_str()), expected));
            }
        }
    }
    let missing = || MetaError::value(key, &Value::Object(object.clone()), "a job_id and granularities");
    let (job_id, granularities) = (job_id.ok_or_else(missing)?, granularities.ok_or_else(missing)?);
    Ok(PulsarJob {
        job_id: job_id.into(),
        by_place: granularities.contains(&"geo"),
        by_asn: granularities.contains(&"asn"),
        by_place_and_asn: granularities.contains(&"geo_asn"),
        bias,
        availability_cutoff,
    })
}

/// An operator and a positive operand.
fn pulsar_bias(json: &Value) -> Option<(char, f64)> {
    let text = json.as_str()?.trim();
    let operator = text.chars().next().filter(|first| matches!(first, '+' | '-' | '*'))?;
    let operand = lenient_number(&Value::from(&text[1..]))?;
    (operand > 0.0 && operand <= MAX_DECIMAL).then_some((operator, operand))
}
