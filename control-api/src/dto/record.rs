//! Records as clients write and read them.
//!
//! What a client sent in answers, filters, regions and metadata comes back as it was, with the types it
//! had: clients compare, and a number that came back as a string would be changed for ever.

use std::collections::{HashMap, HashSet, VecDeque};

use filters::{AnswerId, FeedId, FilterStep, FilterType, MetaKey, OnEmpty};
use serde_json::{Map, Value, json};
use zones::limits::{MAX_ANSWERS, MAX_TTL};
use zones::{AnswerDoc, Name, RecordDoc, RecordType};

use super::fields;
use super::zone::link;
use crate::error::ApiError;
use crate::ids::SourceId;
use crate::service::{RecordPath, UseKind, feed_uses};

/// Filters in one chain. Real chains have up to ten.
const MAX_FILTERS: usize = 64;

/// The keys of a step of a chain. Clients send no others, so one that is not known is a mistake.
const FILTER_KEYS: [&str; 3] = ["filter", "config", "disabled"];

/// Fields that belong to a record but not to DNS; they are kept as sent.
const KEPT: [&str; 2] = ["tags", "blocked_tags"];

/// What a client may set on a record. Absent fields keep their value.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct RecordFields {
    /// Time to live in seconds; 0 stands for the default.
    pub ttl: Option<u32>,
    /// Whether an EDNS client subnet stands for the client.
    pub use_client_subnet: Option<bool>,
    /// For ALIAS records.
    pub override_ttl: Option<bool>,
    /// For ALIAS records.
    pub override_address_records: Option<bool>,
    /// The answers.
    pub answers: Option<Vec<AnswerFields>>,
    /// The chain.
    pub filters: Option<Vec<FilterStep>>,
    /// What goes out when the chain leaves nothing.
    pub on_empty: Option<OnEmpty>,
    /// The groups of answers, each an object with `meta`.
    pub regions: Option<Map<String, Value>>,
    /// Metadata of the record.
    pub meta: Option<Map<String, Value>>,
    /// The owner of the record that this one stands for; `Some(None)` when null was given.
    pub link: Option<Option<Name>>,
    /// The networks in which it is served.
    pub networks: Option<Vec<i64>>,
    /// What is kept as sent; null removes.
    pub extra: Map<String, Value>,
}

/// One answer as sent.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerFields {
    /// The id that the client sent back.
    pub id: Option<AnswerId>,
    /// The fields of the rdata.
    pub answer: Vec<Value>,
    /// Metadata of the answer.
    pub meta: Map<String, Value>,
    /// The group it belongs to.
    pub region: Option<String>,
}

impl RecordFields {
    /// Reads a body. Copies of zone, domain and type in it must agree with the path.
    ///
    /// # Errors
    /// 400 that names the field.
    pub fn parse(body: &Map<String, Value>, path: &RecordPath) -> Result<Self, ApiError> {
        agree(body, path)?;
        let mut extra = Map::new();
        for key in KEPT {
            if let Some(value) = body.get(key) {
                fields::check_kept(key, value)?;
                extra.insert(key.to_owned(), value.clone());
            }
        }
        let link = body.contains_key("link").then(|| link(body)).transpose()?;
        Ok(Self {
            ttl: fields::integer(body, "ttl", MAX_TTL)?,
            use_client_subnet: fields::boolean_or_null(body, "use_client_subnet")?,
            override_ttl: fields::boolean_or_null(body, "override_ttl")?,
            override_address_records: fields::boolean_or_null(body, "override_address_records")?,
            answers: fields::array(body, "answers")?.map(|answers| parse_answers(answers)).transpose()?,
            filters: fields::array(body, "filters")?.map(|filters| parse_filters(filters)).transpose()?,
            on_empty: on_empty(body)?,
            regions: fields::object(body, "regions")?.map(parse_regions).transpose()?,
            meta: fields::object_or_null(body, "meta")?,
            link,
            networks: networks(body)?,
            extra,
        })
    }

    /// The owner of the record that this one stands for.
    pub(crate) fn link(&self) -> Option<&Name> {
        self.link.as_ref().and_then(Option::as_ref)
    }
}

/// Copies of the path in a body must agree with it.
fn agree(body: &Map<String, Value>, path: &RecordPath) -> Result<(), ApiError> {
    let same_name = |text: &str, name: &Name| Name::parse(text).is_ok_and(|parsed| parsed == *name);
    let same_type = |text: &str| RecordType::parse(text) == Some(path.rtype);
    let expected = |what: &str| format!("the {what} of the path");
    for (field, name) in [("zone", &path.zone), ("domain", &path.owner)] {
        if let Some(text) = fields::string_or_null(body, field)?
            && !same_name(text, name)
        {
            return Err(ApiError::invalid_field(field, &Value::from(text), &expected(field)));
        }
    }
    match fields::string_or_null(body, "type")? {
        Some(text) if !same_type(text) => {
            Err(ApiError::invalid_field("type", &Value::from(text), &expected("type")))
        }
        _ => Ok(()),
    }
}

fn parse_answers(answers: &[Value]) -> Result<Vec<AnswerFields>, ApiError> {
    if answers.len() > MAX_ANSWERS {
        return Err(ApiError::bad_request(format!(
            "Input validation failed (field '<obj>.answers' has {} answers; at most {MAX_ANSWERS} are allowed)",
            answers.len()
        )));
    }
    let parse = |(index, answer)| AnswerFields::parse(answer, &format!("answers[{index}]"));
    answers.iter().enumerate().map(parse).collect()
}

impl AnswerFields {
    /// Reads one answer: an object with `answer`, or in short the rdata alone, as a list or one string.
    fn parse(value: &Value, place: &str) -> Result<Self, ApiError> {
        let short = |answer| Self { id: None, answer, meta: Map::new(), region: None };
        let object = match value {
            Value::Object(object) => object,
            Value::String(_) | Value::Array(_) => return Ok(short(rdata_fields(value, place)?)),
            other => return Err(ApiError::invalid_field(place, other, "of type object")),
        };
        let within = |error: ApiError| error.within(place);
        check_metadata_is_in_meta(object, place)?;
        let Some(answer) = object.get("answer") else {
            return Err(ApiError::missing_field("answer").within(place));
        };
        let region = fields::string_or_null(object, "region").map_err(within)?;
        Ok(Self {
            // An id of another form is not one of ours; the answer gets a new one.
            id: object.get("id").and_then(Value::as_str).and_then(AnswerId::parse),
            answer: rdata_fields(answer, &format!("{place}.answer"))?,
            meta: fields::object_or_null(object, "meta").map_err(within)?.unwrap_or_default(),
            region: region.filter(|region| !region.is_empty()).map(str::to_owned),
        })
    }

    /// Gives each answer its id. An id sent back is kept if it is one of the record's; an answer without one
    /// keeps the id of the old answer that is equal to it, or has the same rdata, the one at the same
    /// place first.
    pub(crate) fn into_documents(
        answers: Vec<Self>,
        old: &[AnswerDoc],
        mut make_id: impl FnMut() -> AnswerId,
    ) -> Vec<AnswerDoc> {
        let mut free: HashSet<AnswerId> = old.iter().map(|answer| answer.id).collect();
        let mut ids: Vec<Option<AnswerId>> =
            answers.iter().map(|answer| answer.id.filter(|id| free.remove(id))).collect();
        let needy = |answer: &Self, id: &Option<AnswerId>| answer.id.is_none() && id.is_none();
        for ((answer, id), old) in answers.iter().zip(&mut ids).zip(old) {
            if needy(answer, id) && answer.equals(old) && free.remove(&old.id) {
                *id = Some(old.id);
            }
        }
        for by in [Likeness::Whole, Likeness::Rdata] {
            let mut candidates: HashMap<String, VecDeque<AnswerId>> = HashMap::new();
            for old in old.iter().filter(|old| free.contains(&old.id)) {
                let likeness = by.of(&old.answer, &old.meta, old.region.as_deref());
                candidates.entry(likeness).or_default().push_back(old.id);
            }
            for (answer, id) in answers.iter().zip(&mut ids) {
                if needy(answer, id) {
                    let likeness = by.of(&answer.answer, &answer.meta, answer.region.as_deref());
                    *id = candidates.get_mut(&likeness).and_then(VecDeque::pop_front);
                    if let Some(id) = id {
                        free.remove(id);
                    }
                }
            }
        }
        let document = |(answer, id): (Self, Option<AnswerId>)| AnswerDoc {
            id: id.unwrap_or_else(&mut make_id),
            answer: answer.answer,
            meta: answer.meta,
            region: answer.region,
        };
        answers.into_iter().zip(ids).map(document).collect()
    }

    fn equals(&self, old: &AnswerDoc) -> bool {
        self.answer == old.answer && self.region == old.region && self.meta == old.meta
    }
}

/// By what an old answer is recognized.
#[derive(Clone, Copy)]
enum Likeness {
    Whole,
    Rdata,
}

impl Likeness {
    fn of(self, answer: &[Value], meta: &Map<String, Value>, region: Option<&str>) -> String {
        match self {
            Likeness::Whole => json!([answer, meta, region]).to_string(),
            Likeness::Rdata => json!(answer).to_string(),
        }
    }
}

/// The fields of an rdata: strings and numbers.
fn rdata_fields(value: &Value, place: &str) -> Result<Vec<Value>, ApiError> {
    let fields = match value {
        Value::String(_) => return Ok(vec![value.clone()]),
        Value::Array(fields) => fields,
        other => return Err(ApiError::invalid_field(place, other, "of type array")),
    };
    if fields.is_empty() {
        return Err(ApiError::invalid_field(place, value, "a list of at least one field"));
    }
    for (index, field) in fields.iter().enumerate() {
        if !field.is_string() && !field.is_number() {
            let place = format!("{place}[{index}]");
            return Err(ApiError::invalid_field(&place, field, "a string or a number"));
        }
    }
    Ok(fields.clone())
}

fn parse_filters(filters: &[Value]) -> Result<Vec<FilterStep>, ApiError> {
    if filters.len() > MAX_FILTERS {
        return Err(ApiError::bad_request(format!(
            "Input validation failed (field '<obj>.filters' has {} filters; at most {MAX_FILTERS} are allowed)",
            filters.len()
        )));
    }
    let parse = |(index, step): (usize, &Value)| {
        let place = format!("filters[{index}]");
        let within = |error: ApiError| error.within(&place);
        let Value::Object(step) = step else {
            return Err(ApiError::invalid_field(&place, step, "of type object"));
        };
        if let Some(key) = step.keys().find(|key| !FILTER_KEYS.contains(&key.as_str())) {
            let key = Value::from(key.chars().take(80).collect::<String>());
            return Err(ApiError::bad_request(format!(
                "Input validation failed ({place}: unknown key {key}; allowed are {})",
                FILTER_KEYS.join(", ")
            )));
        }
        Ok(FilterStep {
            filter: fields::required_string(step, "filter").map_err(within)?.to_owned(),
            config: fields::object_or_null(step, "config").map_err(within)?.unwrap_or_default(),
            disabled: fields::boolean_or_null(step, "disabled").map_err(within)?,
        })
    };
    filters.iter().enumerate().map(parse).collect()
}

/// The `on_empty` of a record; null stands for the default.
fn on_empty(body: &Map<String, Value>) -> Result<Option<OnEmpty>, ApiError> {
    let expected = || format!("one of {}", OnEmpty::ALL.map(OnEmpty::name).join(", "));
    match body.get("on_empty") {
        None => Ok(None),
        Some(Value::Null) => Ok(Some(OnEmpty::default())),
        Some(given) => given
            .as_str()
            .and_then(OnEmpty::parse)
            .map(Some)
            .ok_or_else(|| ApiError::invalid_field("on_empty", given, &expected())),
    }
}

fn parse_regions(regions: &Map<String, Value>) -> Result<Map<String, Value>, ApiError> {
    for (name, region) in regions {
        let place = format!("regions.{name}");
        let Value::Object(region) = region else {
            return Err(ApiError::invalid_field(&place, region, "of type object"));
        };
        check_metadata_is_in_meta(region, &place)?;
        fields::object_or_null(region, "meta").map_err(|error| error.within(&place))?;
    }
    Ok(regions.clone())
}

/// Unknown fields are ignored, but metadata beside `meta` are a mistake, and steering without them is wrong.
fn check_metadata_is_in_meta(object: &Map<String, Value>, place: &str) -> Result<(), ApiError> {
    match object.keys().find(|key| MetaKey::parse(key).is_some()) {
        None => Ok(()),
        Some(key) => Err(ApiError::bad_request(format!(
            "Input validation failed (field '<obj>.{place}.{key}' is metadata, which belongs into \
             '<obj>.{place}.meta')"
        ))),
    }
}

/// The `networks` of a zone or record: a list of known numbers.
pub(crate) fn networks(body: &Map<String, Value>) -> Result<Option<Vec<i64>>, ApiError> {
    let Some(given) = fields::array(body, "networks")? else { return Ok(None) };
    let network = |(index, value): (usize, &Value)| match value.as_i64() {
        Some(0) => Ok(0),
        Some(_) => {
            let place = format!("networks[{index}]");
            Err(ApiError::invalid_field(&place, value, "a known network; there is only 0"))
        }
        None => Err(ApiError::invalid_field(&format!("networks[{index}]"), value, "of type integer")),
    };
    let mut networks = given.iter().enumerate().map(network).collect::<Result<Vec<_>, _>>()?;
    networks.dedup();
    Ok(Some(networks))
}

/// The service tier: 1 without filters, else the highest of the chain's.
pub(crate) fn tier(record: &RecordDoc) -> u8 {
    let active = record.filters.iter().filter(|step| step.disabled != Some(true));
    let tiers = active.filter_map(|step| FilterType::find(&step.filter)).map(|filter| filter.tier);
    tiers.max().unwrap_or(1)
}

/// A record as clients read it. `source_of` finds the source of a feed.
pub fn record_object(
    record: &RecordDoc,
    source_of: impl Fn(FeedId) -> Option<SourceId>,
) -> Map<String, Value> {
    let mut feeds: HashMap<String, Vec<Value>> = HashMap::new();
    let mut own_feeds = Vec::new();
    for one in feed_uses(record) {
        let Ok(feed) = one.feed else { continue };
        let Some(source) = source_of(feed) else { continue };
        let entry = json!({"source": source, "feed": feed});
        match one.kind {
            UseKind::Answer(id) => feeds.entry(id).or_default().push(entry),
            UseKind::Record => own_feeds.push(entry),
            UseKind::Region(_) => {}
        }
    }
    let answers = record.answers.iter().map(|answer| answer_object(answer, &mut feeds)).collect();
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("domain", json!(record.domain));
    set("zone", json!(record.zone));
    set("use_client_subnet", json!(record.use_client_subnet));
    set("answers", Value::Array(answers));
    set("id", json!(record.id));
    set("regions", Value::Object(record.regions.clone()));
    set("meta", Value::Object(record.meta.clone()));
    set("link", json!(record.link));
    set("filters", json!(record.filters));
    if record.on_empty != OnEmpty::default() {
        set("on_empty", json!(record.on_empty));
    }
    set("ttl", json!(record.ttl));
    set("tier", json!(tier(record)));
    set("type", json!(record.rtype));
    set("networks", json!(record.networks));
    set("override_ttl", json!(record.override_ttl));
    if record.override_address_records {
        set("override_address_records", json!(true));
    }
    if !own_feeds.is_empty() {
        set("feeds", Value::Array(own_feeds));
    }
    for (key, value) in &record.extra {
        set(key, value.clone());
    }
    object
}

/// A record as the activity log keeps it.
pub(crate) fn record_resource(record: &RecordDoc) -> Value {
    Value::Object(record_object(record, |_| None))
}

fn answer_object(answer: &AnswerDoc, feeds: &mut HashMap<String, Vec<Value>>) -> Value {
    let id = answer.id.to_string();
    let feeds = feeds.remove(&id);
    let mut object = Map::new();
    let mut set = |key: &str, value: Value| object.insert(key.to_owned(), value);
    set("answer", Value::Array(answer.answer.clone()));
    set("id", Value::String(id));
    set("meta", Value::Object(answer.meta.clone()));
    if let Some(region) = &answer.region {
        set("region", json!(region));
    }
    if let Some(feeds) = feeds {
        set("feeds", Value::Array(feeds));
    }
    Value::Object(object)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path() -> RecordPath {
        let zone = Name::parse("example.com").unwrap();
        let owner = Name::parse("www.example.com").unwrap();
        RecordPath { zone, owner, rtype: RecordType::A }
    }

    fn parse(body: &Value) -> Result<RecordFields, ApiError> {
        RecordFields::parse(body.as_object().unwrap(), &path())
    }

    fn answers(body: Value) -> Vec<AnswerFields> {
        parse(&json!({"answers": body})).unwrap().answers.unwrap()
    }

    /// Ids 1, 2, 3, … for new answers; old ones are given theirs by the test.
    fn ids(given: Value, old: &[AnswerDoc]) -> Vec<u8> {
        let mut next = 0;
        let make_id = || {
            next += 1;
            AnswerId([next; 12])
        };
        let documents = AnswerFields::into_documents(answers(given), old, make_id);
        documents.iter().map(|answer| answer.id.0[0]).collect()
    }

    fn old(entries: Value) -> Vec<AnswerDoc> {
        let mut next = 100;
        let make_id = || {
            next += 1;
            AnswerId([next; 12])
        };
        AnswerFields::into_documents(answers(entries), &[], make_id)
    }

    #[test]
    fn short_forms_of_answers_mean_the_same_as_the_long_one() {
        let long = answers(json!([{"answer": ["192.0.2.1"]}]));
        assert_eq!(answers(json!(["192.0.2.1"])), long);
        assert_eq!(answers(json!([["192.0.2.1"]])), long);
        assert_eq!(answers(json!([{"answer": "192.0.2.1", "meta": null, "region": ""}])), long);
    }

    #[test]
    fn copies_of_the_path_may_differ_in_case_only() {
        let same = json!({"zone": "Example.COM", "domain": "www.example.com.", "type": "a"});
        assert!(parse(&same).is_ok());
        for (field, value) in [("zone", "example.org"), ("domain", "example.com"), ("type", "AAAA")] {
            let error = parse(&json!({field: value})).unwrap_err();
            assert!(error.message.contains(&format!("<obj>.{field}")), "{}", error.message);
        }
    }

    #[test]
    fn every_wrong_field_is_named() {
        for (field, body) in [
            ("ttl", json!({"ttl": "x"})),
            ("answers", json!({"answers": null})),
            ("answers[0]", json!({"answers": [7]})),
            ("answers[0].answer", json!({"answers": [{}]})),
            ("answers[0].answer", json!({"answers": [{"answer": 7}]})),
            ("answers[0].answer", json!({"answers": [{"answer": []}]})),
            ("answers[0].answer[1]", json!({"answers": [{"answer": ["a", true]}]})),
            ("answers[0].meta", json!({"answers": [{"answer": ["a"], "meta": 1}]})),
            ("answers[0].region", json!({"answers": [{"answer": ["a"], "region": 1}]})),
            ("filters", json!({"filters": null})),
            ("filters[0]", json!({"filters": ["up"]})),
            ("filters[0].filter", json!({"filters": [{}]})),
            ("filters[0].config", json!({"filters": [{"filter": "up", "config": []}]})),
            ("regions", json!({"regions": []})),
            ("regions.eu", json!({"regions": {"eu": 1}})),
            ("regions.eu.meta", json!({"regions": {"eu": {"meta": 1}}})),
            ("regions.eu.country", json!({"regions": {"eu": {"country": ["DE"]}}})),
            ("answers[0].up", json!({"answers": [{"answer": ["a"], "up": false}]})),
            ("meta", json!({"meta": "x"})),
            ("networks[0]", json!({"networks": [5]})),
            ("use_client_subnet", json!({"use_client_subnet": "maybe"})),
            ("tags", json!({"tags": []})),
            ("blocked_tags", json!({"blocked_tags": {}})),
        ] {
            let error = parse(&body).unwrap_err();
            assert_eq!(error.status, 400);
            assert!(error.message.contains(&format!("'<obj>.{field}'")), "{}", error.message);
        }
    }

    #[test]
    fn ids_sent_back_are_kept_and_foreign_ones_replaced() {
        let old = old(json!(["192.0.2.1", "192.0.2.2"]));
        let given = json!([
            {"answer": ["192.0.2.9"], "id": AnswerId([102; 12])},
            {"answer": ["192.0.2.1"], "id": AnswerId([77; 12])},
            {"answer": ["192.0.2.3"], "id": AnswerId([102; 12])},
        ]);
        assert_eq!(ids(given, &old), [102, 1, 2]);
    }

    #[test]
    fn unchanged_answers_without_ids_keep_theirs() {
        let old = old(json!([
            {"answer": ["192.0.2.1"], "region": "eu"},
            {"answer": ["192.0.2.1"], "region": "us"},
            {"answer": ["192.0.2.2"], "meta": {"weight": 1}},
        ]));
        let same = json!([
            {"answer": ["192.0.2.1"], "region": "eu"},
            {"answer": ["192.0.2.1"], "region": "us"},
            {"answer": ["192.0.2.2"], "meta": {"weight": 1}},
        ]);
        assert_eq!(ids(same, &old), [101, 102, 103]);
        let moved = json!([
            {"answer": ["192.0.2.2"], "meta": {"weight": 5}},
            {"answer": ["192.0.2.1"], "region": "us"},
            {"answer": ["192.0.2.7"]},
        ]);
        assert_eq!(ids(moved, &old), [103, 102, 1]);
    }

    #[test]
    fn a_disabled_filter_does_not_raise_the_tier() {
        let mut record = RecordDoc::new(zones::RecordId([1; 12]), "example", "example", RecordType::A, 60);
        assert_eq!(tier(&record), 1);
        let steps = json!({"filters": [
            {"filter": "select_first_n"}, {"filter": "geotarget_country", "disabled": true}
        ]});
        record.filters = parse(&steps).unwrap().filters.unwrap();
        assert_eq!(tier(&record), 2);
        record.filters[1].disabled = None;
        assert_eq!(tier(&record), 3);
    }
}
