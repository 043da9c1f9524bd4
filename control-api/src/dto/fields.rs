//! Typed access to the fields of a request body.
//!
//! Unknown fields are ignored; a field of the wrong type is a 400 that names it. Numbers and booleans
//! are read leniently (`"3600"`, `"1"`, `true`), because clients send all of these forms.

use serde_json::{Map, Value};

use crate::error::ApiError;

/// A string field. Absent: `None`.
pub fn string<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, ApiError> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(other) => Err(ApiError::invalid_field(field, other, "of type string")),
    }
}

/// A string field where null means the same as leaving it out.
pub fn string_or_null<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<Option<&'a str>, ApiError> {
    match fields.get(field) {
        Some(Value::Null) => Ok(None),
        _ => string(fields, field),
    }
}

/// A string field that must be there and not be empty.
pub fn required_string<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<&'a str, ApiError> {
    match string(fields, field)? {
        Some(text) if !text.is_empty() => Ok(text),
        Some(_) => Err(ApiError::invalid_field(field, &Value::from(""), "a non-empty string")),
        None => Err(ApiError::missing_field(field)),
    }
}

/// An integer field between 0 and `maximum`; a numeric string counts.
pub fn integer(fields: &Map<String, Value>, field: &str, maximum: u32) -> Result<Option<u32>, ApiError> {
    let Some(value) = fields.get(field) else { return Ok(None) };
    let number = match value {
        Value::Number(number) => whole(number),
        Value::String(text) => text.trim().parse().ok(),
        _ => None,
    };
    let Some(number) = number else {
        return Err(ApiError::invalid_field(field, value, "of type integer"));
    };
    match u32::try_from(number) {
        Ok(number) if number <= maximum => Ok(Some(number)),
        _ => Err(ApiError::invalid_field(field, value, &format!("an integer between 0 and {maximum}"))),
    }
}

/// The value of a JSON number that has no fraction; `3600.0` counts.
fn whole(number: &serde_json::Number) -> Option<i64> {
    number.as_i64().or_else(|| {
        // The cast is exact: the value has no fraction and is far below 2^53.
        number.as_f64().filter(|value| value.fract() == 0.0 && value.abs() < 1e15).map(|value| value as i64)
    })
}

/// A boolean field; 0, 1 and the strings of both count.
pub fn boolean(fields: &Map<String, Value>, field: &str) -> Result<Option<bool>, ApiError> {
    let Some(value) = fields.get(field) else { return Ok(None) };
    let flag = match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) => match number.as_u64() {
            Some(0) => Some(false),
            Some(1) => Some(true),
            _ => None,
        },
        Value::String(text) => parse_boolean(text),
        _ => None,
    };
    match flag {
        Some(flag) => Ok(Some(flag)),
        None => Err(ApiError::invalid_field(field, value, "of type boolean")),
    }
}

/// A boolean of a query string: `true`, `True`, `t`, `1` and their opposites.
pub fn parse_boolean(text: &str) -> Option<bool> {
    match text.to_ascii_lowercase().as_str() {
        "true" | "t" | "1" => Some(true),
        "false" | "f" | "0" => Some(false),
        _ => None,
    }
}

/// An array field. Null is an error: it neither keeps nor clears.
pub fn array<'a>(fields: &'a Map<String, Value>, field: &str) -> Result<Option<&'a Vec<Value>>, ApiError> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::Array(items)) => Ok(Some(items)),
        Some(other) => Err(ApiError::invalid_field(field, other, "of type array")),
    }
}

/// An object field. Null is an error: it neither keeps nor clears.
pub fn object<'a>(
    fields: &'a Map<String, Value>,
    field: &str,
) -> Result<Option<&'a Map<String, Value>>, ApiError> {
    match fields.get(field) {
        None => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(other) => Err(ApiError::invalid_field(field, other, "of type object")),
    }
}

/// A boolean field where null means the same as leaving it out.
pub fn boolean_or_null(fields: &Map<String, Value>, field: &str) -> Result<Option<bool>, ApiError> {
    match fields.get(field) {
        Some(Value::Null) => Ok(None),
        _ => boolean(fields, field),
    }
}

/// An array field where null means the same as leaving it out.
pub fn array_or_null(fields: &Map<String, Value>, field: &str) -> Result<Option<Vec<Value>>, ApiError> {
    match fields.get(field) {
        Some(Value::Null) => Ok(None),
        _ => Ok(array(fields, field)?.cloned()),
    }
}

/// An object field where null means the same as leaving it out.
pub fn object_or_null(
    fields: &Map<String, Value>,
    field: &str,
) -> Result<Option<Map<String, Value>>, ApiError> {
    match fields.get(field) {
        Some(Value::Null) => Ok(None),
        _ => Ok(object(fields, field)?.cloned()),
    }
}

/// Checks a field that is kept as sent: `tags` names texts, the others list texts. Null stands for none.
///
/// Clients decode these into typed maps and lists and would fail on anything else that is sent back.
pub fn check_kept(field: &str, value: &Value) -> Result<(), ApiError> {
    let (fits, expected) = match (field, value) {
        (_, Value::Null) => (true, ""),
        ("tags", Value::Object(tags)) => {
            (tags.values().all(|tag| tag.is_string() || tag.is_null()), "an object of strings")
        }
        ("tags", _) => (false, "of type object"),
        (_, Value::Array(items)) => (items.iter().all(Value::is_string), "an array of strings"),
        _ => (false, "of type array"),
    };
    if fits { Ok(()) } else { Err(ApiError::invalid_field(field, value, expected)) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn fields(value: Value) -> Map<String, Value> {
        value.as_object().cloned().unwrap()
    }

    #[test]
    fn integers_are_lenient_in_form_and_strict_in_range() {
        let given = fields(json!({
            "a": 5, "b": "5", "c": 5.0, "d": 5.5, "e": -1, "f": true, "g": "x", "h": null
        }));
        for field in ["a", "b", "c"] {
            assert_eq!(integer(&given, field, 10), Ok(Some(5)));
        }
        for field in ["d", "e", "f", "g", "h"] {
            let error = integer(&given, field, 10).unwrap_err();
            assert!(error.message.contains(&format!("<obj>.{field}")), "{}", error.message);
        }
        assert!(integer(&given, "a", 4).unwrap_err().message.contains("between 0 and 4"));
        assert_eq!(integer(&given, "absent", 4), Ok(None));
    }

    #[test]
    fn booleans_come_in_many_forms() {
        let given = fields(json!({"a": true, "b": 1, "c": "1", "d": "True", "e": "t", "f": 2}));
        for field in ["a", "b", "c", "d", "e"] {
            assert_eq!(boolean(&given, field), Ok(Some(true)));
        }
        assert!(boolean(&given, "f").is_err());
    }

    #[test]
    fn null_is_not_an_empty_list() {
        let given = fields(json!({"filters": null}));
        assert_eq!(
            array(&given, "filters").unwrap_err().message,
            "Input validation failed (Value None for field '<obj>.filters' is not of type array)"
        );
    }

    #[test]
    fn what_is_kept_as_sent_has_the_shape_that_clients_decode() {
        for (field, value) in [
            ("tags", json!(null)),
            ("tags", json!({})),
            ("tags", json!({"site": "a", "bare": null})),
            ("blocked_tags", json!(null)),
            ("blocked_tags", json!(["a"])),
        ] {
            assert_eq!(check_kept(field, &value), Ok(()), "{field} {value}");
        }
        for (field, value) in [
            ("tags", json!([])),
            ("tags", json!({"site": 1})),
            ("tags", json!("a")),
            ("blocked_tags", json!({})),
            ("blocked_tags", json!(5)),
            ("blocked_tags", json!("a")),
            ("blocked_tags", json!([["a"]])),
        ] {
            let message = check_kept(field, &value).unwrap_err().message;
            assert!(message.contains(&format!("'<obj>.{field}'")), "{message}");
        }
    }
}
