//! Reading the configuration of a filter against the options that its type declares.
//!
//! The same declarations make the catalog of filter types, so what is documented is what is accepted.

use serde_json::{Map, Value};

use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::chain::ChainError;
use crate::meta::echo;

/// A flag in any spelling that clients use: `true`, `1`, `"1"`, `"true"` and their opposites.
pub(crate) fn lenient_flag(json: &Value) -> Option<bool> {
    match json {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_f64()? {
            0.0 => Some(false),
            1.0 => Some(true),
            _ => None,
        },
        Value::String(text) => match text.trim() {
            "1" => Some(true),
            "0" => Some(false),
            word if word.eq_ignore_ascii_case("true") => Some(true),
            word if word.eq_ignore_ascii_case("false") => Some(false),
            _ => None,
        },
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    }
}

/// A finite number, or a string of one in decimal notation.
pub(crate) fn lenient_number(json: &Value) -> Option<f64> {
    let number = match json {
        Value::Number(number) => number.as_f64()?,
        Value::String(text) => text.trim().parse().ok()?,
        Value::Null | Value::Bool(_) | Value::Array(_) | Value::Object(_) => return None,
    };
    f64::is_finite(number).then_some(number)
}

/// The value of one option.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Setting {
    Flag(bool),
    Count(u32),
    Word(&'static str),
}

/// All options of one step, with defaults filled in, in the order in which the type declares them.
#[derive(Clone, Debug)]
pub(crate) struct Settings {
    pub(crate) filter: &'static FilterType,
    values: Box<[Setting]>,
}

impl Settings {
    /// Reads the configuration of the step at `index`.
    ///
    /// A missing option takes its default; one without a default must be there.
    pub(crate) fn read(
        index: usize,
        filter: &'static FilterType,
        config: &Map<String, Value>,
    ) -> Result<Self, ChainError> {
        if let Some(key) =
            config.keys().find(|key| filter.options.iter().all(|option| option.name != key.as_str()))
        {
            return Err(ChainError::UnknownOption { index, key: echo(&Value::from(key.as_str())), filter });
        }
        let read = |option: &'static OptionType| match (config.get(option.name), option.default) {
            (Some(json), _) => parse_setting(option, json).ok_or_else(|| ChainError::OptionValue {
                index,
                option,
                found: echo(json),
            }),
            (None, Some(default)) => parse_setting(option, &Value::from(default))
                .ok_or(ChainError::MissingOption { index, option }),
            (None, None) => Err(ChainError::MissingOption { index, option }),
        };
        Ok(Self { filter, values: filter.options.iter().map(read).collect::<Result<_, _>>()? })
    }

    fn get(&self, name: &str) -> Option<Setting> {
        let position = self.filter.options.iter().position(|option| option.name == name)?;
        self.values.get(position).copied()
    }

    /// The flag of this name; false if the type declares none.
    pub(crate) fn flag(&self, name: &str) -> bool {
        matches!(self.get(name), Some(Setting::Flag(true)))
    }

    /// The count of this name; 0 if the type declares none.
    pub(crate) fn count(&self, name: &str) -> u32 {
        if let Some(Setting::Count(count)) = self.get(name) { count } else { 0 }
    }

    /// The word of this name; empty if the type declares none.
    pub(crate) fn word(&self, name: &str) -> &'static str {
        if let Some(Setting::Word(word)) = self.get(name) { word } else { "" }
    }

    /// The options as JSON, for a trace.
    pub(crate) fn to_json(&self) -> Map<String, Value> {
        let json = |setting: &Setting| match setting {
            Setting::Flag(flag) => Value::from(*flag),
            Setting::Count(count) => Value::from(*count),
            Setting::Word(word) => Value::from(*word),
        };
        self.filter
            .options
            .iter()
            .zip(&self.values)
            .map(|(option, value)| (option.name.to_owned(), json(value)))
            .collect()
    }
}

fn parse_setting(option: &OptionType, json: &Value) -> Option<Setting> {
    match option.kind {
        OptionKind::Flag => lenient_flag(json).map(Setting::Flag),
        OptionKind::Count { low, high } => {
            let number = lenient_number(json)?;
            let fits = number.fract() == 0.0 && (f64::from(low)..=f64::from(high)).contains(&number);
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "whole and in range")]
            fits.then_some(Setting::Count(number as u32))
        }
        OptionKind::Word(words) => {
            let text = json.as_str()?.trim();
            words.iter().find(|word| word.eq_ignore_ascii_case(text)).map(|word| Setting::Word(word))
        }
    }
}
