//! Typed metadata values.

use geoip_data::Georegion;
use serde_json::{Map, Number, Value, json};

use crate::place::{CountryTag, SubdivisionTag};
use crate::prefix::PrefixSet;

/// A metadata value in the one form in which filters use it.
///
/// Invariants: numbers are finite and inside the range of their key; lists are sorted, free of duplicates and
/// not empty.
#[derive(Clone, Debug, PartialEq)]
pub enum MetaValue {
    /// `up`.
    Flag(bool),
    /// Every numeric key.
    Number(f64),
    /// `georegion`.
    Georegions(Box<[Georegion]>),
    /// `country`.
    Countries(Box<[CountryTag]>),
    /// `us_state`, `ca_province` and `subdivisions`.
    Subdivisions(Box<[SubdivisionTag]>),
    /// `asn`.
    AsNumbers(Box<[u32]>),
    /// `ip_prefixes`.
    Prefixes(PrefixSet),
    /// `note`.
    Text(Box<str>),
    /// `additional_metadata`: names and texts in the order in which they were sent.
    Pairs(Box<[(Box<str>, Box<str>)]>),
    /// `pulsar`.
    PulsarJobs(Box<[PulsarJob]>),
}

/// One measuring job that tells how good an answer is.
#[derive(Clone, Debug, PartialEq)]
pub struct PulsarJob {
    /// The name of the job.
    pub job_id: Box<str>,
    /// Whether measurements of the requester's place count.
    pub by_place: bool,
    /// Whether measurements of the requester's AS number count.
    pub by_asn: bool,
    /// Whether measurements of both together count.
    pub by_place_and_asn: bool,
    /// What is done to the measured value before comparing: the operator `+`, `-` or `*` and its operand.
    pub bias: Option<(char, f64)>,
    /// The share of successful measurements, 0 to 1, below which the answer is left out.
    pub availability_cutoff: Option<f64>,
}

impl MetaValue {
    /// The value as a number; a flag counts as 1 or 0.
    pub fn as_number(&self) -> Option<f64> {
        match self {
            MetaValue::Flag(flag) => Some(f64::from(u8::from(*flag))),
            MetaValue::Number(number) => Some(*number),
            MetaValue::Georegions(_)
            | MetaValue::Countries(_)
            | MetaValue::Subdivisions(_)
            | MetaValue::AsNumbers(_)
            | MetaValue::Prefixes(_)
            | MetaValue::Text(_)
            | MetaValue::Pairs(_)
            | MetaValue::PulsarJobs(_) => None,
        }
    }

    /// The value as JSON in its regular form: numbers as numbers, lists as lists.
    pub fn to_json(&self) -> Value {
        match self {
            MetaValue::Flag(flag) => json!(flag),
            MetaValue::Number(number) => number_to_json(*number),
            MetaValue::Georegions(regions) => regions.iter().map(|region| json!(region.name())).collect(),
            MetaValue::Countries(tags) => tags.iter().map(|tag| json!(tag.country.as_str())).collect(),
            MetaValue::Subdivisions(tags) => subdivisions_to_json(tags),
            MetaValue::AsNumbers(numbers) => numbers.iter().map(|number| json!(number)).collect(),
            MetaValue::Prefixes(prefixes) => {
                prefixes.iter().map(|prefix| json!(prefix.to_string())).collect()
            }
            MetaValue::Text(text) => json!(text),
            MetaValue::Pairs(pairs) => {
                let object: Map<_, _> =
                    pairs.iter().map(|(name, text)| (name.to_string(), json!(text))).collect();
                json!([object])
            }
            MetaValue::PulsarJobs(jobs) => jobs.iter().map(PulsarJob::to_json).collect(),
        }
    }
}

impl serde::Serialize for MetaValue {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        self.to_json().serialize(serializer)
    }
}

impl PulsarJob {
    fn to_json(&self) -> Value {
        let granularities: Vec<&str> =
            [(self.by_place, "geo"), (self.by_asn, "asn"), (self.by_place_and_asn, "geo_asn")]
                .into_iter()
                .filter_map(|(used, name)| used.then_some(name))
                .collect();
        let mut object = Map::new();
        object.insert("job_id".to_owned(), json!(self.job_id));
        object.insert("granularities".to_owned(), json!(granularities));
        if let Some((operator, operand)) = self.bias {
            object.insert("bias".to_owned(), json!(format!("{operator}{operand}")));
        }
        if let Some(cutoff) = self.availability_cutoff {
            object.insert("a5m_cutoff".to_owned(), json!(cutoff));
        }
        Value::Object(object)
    }
}

/// Whole numbers without a decimal point, others as they are.
fn number_to_json(number: f64) -> Value {
    /// Up to here every whole number has its own double.
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.fract() == 0.0 && number.abs() <= EXACT {
        #[expect(clippy::cast_possible_truncation, reason = "whole and inside the range, checked above")]
        let whole = number as i64;
        Value::Number(Number::from(whole))
    } else {
        json!(number)
    }
}

fn subdivisions_to_json(tags: &[SubdivisionTag]) -> Value {
    let mut object = Map::new();
    for tag in tags {
        let list = object.entry(tag.country.as_str()).or_insert_with(|| json!([]));
        if let Value::Array(codes) = list {
            codes.push(json!(tag.subdivision.as_str()));
        }
    }
    Value::Object(object)
}
