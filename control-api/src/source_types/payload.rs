//! What arrived at a feed URL, and how the fields of it are found.

use std::borrow::Cow;

use axum::http::{HeaderMap, header};
use serde_json::{Map, Value};

use super::push::State;
use crate::error::ApiError;
use crate::http::Params;
use crate::http::body::parse_object;

/// What a sender sent.
#[derive(Clone, Copy, Debug)]
pub struct Sent<'a> {
    /// Its headers.
    pub headers: &'a HeaderMap,
    /// What follows `?` in the URL.
    pub query: &'a str,
    /// The body; `None` for GET, whose query stands for it.
    pub body: Option<&'a [u8]>,
}

impl Sent<'_> {
    /// The fields: of a JSON body, of a form, or of the query when there is no body.
    pub(super) fn object(&self) -> Result<Map<String, Value>, ApiError> {
        let Some(body) = self.body else { return pairs(self.query) };
        if self.is_form() && !body.trim_ascii_start().starts_with(b"{") {
            let form = std::str::from_utf8(body.trim_ascii())
                .map_err(|_| ApiError::bad_request("the form in the body is not UTF-8 text"))?;
            return pairs(form);
        }
        parse_object(body)
    }

    /// A header, when it is plain text.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }

    fn is_form(&self) -> bool {
        let kind = self.header(header::CONTENT_TYPE.as_str()).unwrap_or_default();
        kind.trim_start().to_ascii_lowercase().starts_with("application/x-www-form-urlencoded")
    }
}

fn pairs(text: &str) -> Result<Map<String, Value>, ApiError> {
    let params = Params::parse(text)?;
    Ok(params.pairs().map(|(name, value)| (name.to_owned(), Value::from(value))).collect())
}

/// A JSON object that a field holds, as such or as text.
pub(super) fn nested<'v>(
    payload: &'v Map<String, Value>,
    field: &str,
) -> Result<Cow<'v, Map<String, Value>>, ApiError> {
    match payload.get(field) {
        None | Some(Value::Null) => Err(ApiError::missing_field(field)),
        Some(Value::Object(object)) => Ok(Cow::Borrowed(object)),
        Some(Value::String(text)) => parse_object(text.as_bytes())
            .map(Cow::Owned)
            .map_err(|error| ApiError::bad_request(format!("{field}: {}", error.message))),
        Some(other) => Err(ApiError::invalid_field(field, other, "of type object")),
    }
}

/// A scalar as text, or nothing.
pub(super) fn scalar(value: &Value) -> Option<String> {
    match value {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        _ => None,
    }
}

/// The first of these fields that holds a scalar, as text.
pub(super) fn optional(payload: &Map<String, Value>, names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| payload.get(*name).and_then(scalar))
}

/// As [`optional`], but one of them has to be there.
pub(super) fn required(payload: &Map<String, Value>, names: &[&str]) -> Result<String, ApiError> {
    optional(payload, names).ok_or_else(|| {
        let name = names.first().copied().unwrap_or_default();
        match payload.get(name) {
            Some(value) if !value.is_null() => ApiError::invalid_field(name, value, "a text or a number"),
            _ => ApiError::missing_field(name),
        }
    })
}

/// The words that a sender has for states, compared without regard to case.
pub(super) struct Words {
    pub(super) up: &'static [&'static str],
    pub(super) down: &'static [&'static str],
    pub(super) warning: &'static [&'static str],
    /// Words that change nothing.
    pub(super) silent: &'static [&'static str],
}

impl Words {
    /// What `word`, the value of `field`, says; `None` when it changes nothing.
    pub(super) fn state(&self, field: &str, word: &str) -> Result<Option<State>, ApiError> {
        let is_in = |words: &[&str]| words.iter().any(|known| known.eq_ignore_ascii_case(word.trim()));
        if is_in(self.up) {
            Ok(Some(State::Up))
        } else if is_in(self.down) {
            Ok(Some(State::Down))
        } else if is_in(self.warning) {
            Ok(Some(State::Warning))
        } else if is_in(self.silent) {
            Ok(None)
        } else {
            let known = [self.up, self.down, self.warning, self.silent].concat().join(", ");
            Err(ApiError::invalid_field(field, &word.into(), &format!("one of {known}")))
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(headers: &[(&'static str, &'static str)], query: &str, body: Option<&str>) -> Value {
        let headers = headers.iter().map(|(k, v)| (k.parse().unwrap(), v.parse().unwrap())).collect();
        let sent = Sent { headers: &headers, query, body: body.map(str::as_bytes) };
        sent.object().map_or_else(|error| Value::from(error.message), Value::Object)
    }

    #[test]
    fn json_forms_and_queries_are_read_alike() {
        let form = [("content-type", "Application/x-www-form-urlencoded; charset=utf-8")];
        let expected = json!({"a": "1 2", "b": "ü"});
        assert_eq!(fields(&[], "", Some(" {\"a\": \"1 2\", \"b\": \"ü\"}")), expected);
        assert_eq!(fields(&[("content-type", "text/plain")], "", Some("{\"a\":1}")), json!({"a": 1}));
        assert_eq!(fields(&form, "x=1", Some("a=1+2&b=%C3%BC\n")), expected);
        assert_eq!(fields(&form, "", Some("{\"a\":1}")), json!({"a": 1}), "a wrong type is forgiven");
        assert_eq!(fields(&[], "a=1%202&b=%c3%bc", None), expected);
        for (headers, body) in [(&form[..], "a=%zz"), (&[][..], "a=1"), (&[][..], "[]"), (&[][..], "")] {
            assert!(fields(headers, "", Some(body)).is_string(), "{body}");
        }
    }

    #[test]
    fn an_unknown_word_is_refused_with_those_that_are_known() {
        let words = Words { up: &["OK"], down: &["CRITICAL"], warning: &["WARNING"], silent: &["NOTHING"] };
        assert_eq!(words.state("state", "ok"), Ok(Some(State::Up)));
        assert_eq!(words.state("state", "Warning "), Ok(Some(State::Warning)));
        assert_eq!(words.state("state", "nothing"), Ok(None));
        let error = words.state("state", "so so").unwrap_err();
        assert!(error.message.contains("OK, CRITICAL, WARNING, NOTHING"), "{}", error.message);
    }
}
