//! Options of sources and feeds: what may be configured, and how it is checked and read.
//!
//! Clients that know only texts (one of them keeps every configuration as a map of texts) must be able to set
//! every option, so numbers, switches and tables are also taken as the text of their JSON.

use std::net::IpAddr;

use filters::MetaKey;
use serde_json::{Map, Value, json};

use super::push;
use crate::dto::fields;
use crate::error::ApiError;
use crate::limits::NAME_BYTES;

/// The longest time after which a feed may expire: a year.
const EXPIRE_AFTER_MAX_S: u32 = 31_536_000;

/// Bytes of one configuration as JSON.
const CONFIG_BYTES: usize = 16 * NAME_BYTES;

/// What an option takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Text; a number counts as its digits.
    Text,
    /// A whole number.
    Number,
    /// Seconds, at least one.
    Seconds,
    /// A switch.
    Checkbox,
    /// An IP address.
    Address,
    /// A JSON pointer (RFC 6901).
    Pointer,
    /// The name of a metadata key.
    MetaKey,
    /// A metadata table.
    Table,
    /// Metadata tables by value.
    Tables,
}

/// An option of a source or of a feed.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SourceOption {
    pub(crate) name: &'static str,
    short_description: &'static str,
    description: &'static str,
    pub(crate) kind: Kind,
    required: bool,
    /// Whether a report has to agree with it to reach the feed.
    pub(crate) is_matched: bool,
    default: Option<&'static str>,
}

/// Options that feeds of every type have.
pub(crate) const EXPIRE_AFTER: SourceOption = SourceOption::new(
    "expire_after_s",
    Kind::Seconds,
    "Expires after",
    "Seconds without any value after which the feed's values count as unknown.",
);

/// Gives a feed of a type that reports only changes something to begin with.
pub(crate) const INITIAL_UP: SourceOption = SourceOption::new(
    "initial_up",
    Kind::Checkbox,
    "Up until told otherwise",
    "The value of <code>up</code> before the first report. Without it <code>up</code> is unknown until then.",
);

impl SourceOption {
    /// An optional one without a default.
    pub(crate) const fn new(
        name: &'static str,
        kind: Kind,
        short_description: &'static str,
        description: &'static str,
    ) -> Self {
        Self { name, short_description, description, kind, required: false, is_matched: false, default: None }
    }

    /// One that must be given.
    pub(crate) const fn required(mut self) -> Self {
        self.required = true;
        self
    }

    /// One that reports are matched with.
    pub(crate) const fn matched(mut self) -> Self {
        self.is_matched = true;
        self
    }

    /// One that has a value when it is not given.
    pub(crate) const fn default(mut self, value: &'static str) -> Self {
        self.default = Some(value);
        self
    }

    /// What a configuration says for this option, as text to compare with what a report says.
    pub(crate) fn comparable(&self, config: &Map<String, Value>) -> Option<String> {
        let text = text(config, self.name)?;
        match (self.kind, text.parse::<IpAddr>()) {
            (Kind::Address, Ok(address)) => Some(address.to_canonical().to_string()),
            _ => Some(text),
        }
    }

    /// The entry of the catalog.
    pub(crate) fn catalog_entry(&self) -> Value {
        let kind = match self.kind {
            Kind::Number | Kind::Seconds => "number",
            Kind::Checkbox => "checkbox",
            _ => "text",
        };
        json!({
            "desc": self.description,
            "type": kind,
            "shortdesc": self.short_description,
            "validator": kind,
            "required": self.required,
            "default": self.default,
        })
    }
}

/// An option's value as text; a number counts as its digits, an empty text as none.
pub(crate) fn text(config: &Map<String, Value>, name: &str) -> Option<String> {
    match config.get(name)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A switch: true when it is on.
pub(crate) fn is_on(config: &Map<String, Value>, name: &str) -> bool {
    fields::boolean(config, name).ok().flatten().unwrap_or(false)
}

/// A table, given as such or as its JSON text.
pub(crate) fn table(config: &Map<String, Value>, name: &str) -> Option<Map<String, Value>> {
    match config.get(name)? {
        Value::Object(table) => Some(table.clone()),
        Value::String(text) => serde_json::from_str(text).ok(),
        _ => None,
    }
}

/// The seconds after which a feed of this configuration expires.
pub(crate) fn expire_after_s(config: &Map<String, Value>) -> Option<u32> {
    let seconds = fields::integer(config, EXPIRE_AFTER.name, EXPIRE_AFTER_MAX_S).ok()??;
    (seconds > 0).then_some(seconds)
}

/// Checks a configuration. Unknown options are kept as they are: clients send back what other versions told
/// them.
pub(crate) fn check<'o>(
    options: impl Iterator<Item = &'o SourceOption>,
    given: &Map<String, Value>,
) -> Result<(), ApiError> {
    for option in options {
        let value = given.get(option.name).filter(|value| !value.is_null() && **value != json!(""));
        match value {
            None if option.required => {
                return Err(ApiError::missing_field(&format!("config.{}", option.name)));
            }
            None => {}
            Some(value) => check_value(option, value, given)?,
        }
    }
    let bytes = Value::Object(given.clone()).to_string().len();
    if bytes > CONFIG_BYTES {
        let message = format!("config: {bytes} bytes are more than the {CONFIG_BYTES} allowed");
        return Err(ApiError::bad_request(message));
    }
    Ok(())
}

fn check_value(option: &SourceOption, value: &Value, config: &Map<String, Value>) -> Result<(), ApiError> {
    let name = option.name;
    let short = text(config, name).filter(|text| text.len() <= NAME_BYTES);
    let problem = match option.kind {
        Kind::Text => short.is_none().then(|| format!("a text of 1 to {NAME_BYTES} bytes")),
        Kind::Number => {
            let is_number = short.is_some_and(|text| text.parse::<u64>().is_ok());
            (!is_number).then(|| "a whole number".to_owned())
        }
        Kind::Seconds => expire_after_s(config)
            .is_none()
            .then(|| format!("a number of seconds between 1 and {EXPIRE_AFTER_MAX_S}")),
        Kind::Checkbox => fields::boolean(config, name).is_err().then(|| "of type boolean".to_owned()),
        Kind::Address => {
            let is_address = short.is_some_and(|text| text.parse::<IpAddr>().is_ok());
            (!is_address).then(|| "an IP address".to_owned())
        }
        Kind::Pointer => {
            let is_pointer = short.is_some_and(|text| text.starts_with('/'));
            (!is_pointer).then(|| "a JSON pointer, such as /monitor/name".to_owned())
        }
        Kind::MetaKey => {
            let is_key = short.is_some_and(|text| MetaKey::parse(&text).is_some());
            (!is_key).then(|| format!("one of the metadata keys {}", push::known_keys()))
        }
        Kind::Table => match table(config, name) {
            Some(values) => return push::values_of(&values, &format!("config.{name}")).map(drop),
            None => Some("a metadata table, such as {\"up\": false}".to_owned()),
        },
        Kind::Tables => return check_tables(option, value, config),
    };
    problem
        .map_or(Ok(()), |expected| Err(ApiError::invalid_field(&format!("config.{name}"), value, &expected)))
}

fn check_tables(option: &SourceOption, value: &Value, config: &Map<String, Value>) -> Result<(), ApiError> {
    let tables = table(config, option.name);
    let is_full = |tables: &Map<String, Value>| !tables.is_empty() && tables.values().all(Value::is_object);
    let Some(tables) = tables.filter(is_full) else {
        let expected = "an object of metadata tables by value, such as {\"down\": {\"up\": false}}";
        return Err(ApiError::invalid_field(&format!("config.{}", option.name), value, expected));
    };
    for (word, values) in &tables {
        if let Value::Object(values) = values {
            push::values_of(values, &format!("config.{}.{word}", option.name))?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn checked(kind: Kind, value: Value) -> Result<(), ApiError> {
        let option = SourceOption::new("x", kind, "", "");
        check([option].iter(), json!({"x": value}).as_object().unwrap())
    }

    #[test]
    fn every_kind_takes_its_json_and_its_text() {
        for (kind, good, bad) in [
            (Kind::Text, json!(["a", 7]), json!([["a"], {}, "x".repeat(NAME_BYTES + 1)])),
            (Kind::Number, json!([7, "7"]), json!([-7, 1.5, "seven", true])),
            (Kind::Checkbox, json!([true, "1", 0, "false"]), json!(["perhaps", 2, []])),
            (Kind::Address, json!(["192.0.2.1", "2001:db8::1"]), json!(["192.0.2", "host", 5])),
            (Kind::Pointer, json!(["/a", "/a/0/b"]), json!(["a", 5, {}])),
            (Kind::MetaKey, json!(["up", "loadavg"]), json!(["down", 5])),
            (Kind::Table, json!([{"up": false}, "{\"up\": 0}"]), json!([{"up": "x"}, "up", {"no_key": 1}])),
            (Kind::Tables, json!([{"a": {"up": 1}}, "{\"a\":{}}"]), json!([{}, {"a": 1}, {"a": {"up": []}}])),
        ] {
            for value in good.as_array().unwrap() {
                assert_eq!(checked(kind, value.clone()), Ok(()), "{kind:?} {value}");
            }
            for value in bad.as_array().unwrap() {
                let error = checked(kind, value.clone()).unwrap_err();
                assert!(error.message.contains("config.x"), "{kind:?} {value}: {}", error.message);
            }
        }
    }

    #[test]
    fn the_time_of_expiry_is_between_a_second_and_a_year() {
        let of = |value: Value| json!({"expire_after_s": value}).as_object().cloned().unwrap();
        for (value, seconds) in [(json!(1), 1), (json!("30"), 30), (json!(31_536_000), 31_536_000)] {
            let config = of(value);
            assert_eq!(check([EXPIRE_AFTER].iter(), &config), Ok(()));
            assert_eq!(expire_after_s(&config), Some(seconds));
        }
        for value in [json!(0), json!(-1), json!(31_536_001), json!("soon"), json!([])] {
            let error = check([EXPIRE_AFTER].iter(), &of(value.clone())).unwrap_err();
            assert!(error.message.contains("config.expire_after_s"), "{value}: {}", error.message);
        }
        assert_eq!(expire_after_s(&Map::new()), None);
    }
}
