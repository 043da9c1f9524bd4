//! The one error shape of the API: a status and `{"message": "…"}`.
//!
//! What a caller may see (`message`) and what only the log keeps (`detail`) are separate fields, so
//! that a failing disk or a bug never leaks paths or internals into a reply. Several messages are
//! compared literally by existing clients (`zone not found`, `record already exists`, …); they have
//! constructors here so that each is spelt once.

use std::fmt;

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};

/// A request that was refused or failed; nothing of it was stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiError {
    /// The HTTP status of the reply.
    pub status: StatusCode,
    /// What the caller reads in `message`.
    pub message: String,
    /// What only the log gets: the cause of a failure on our side.
    pub detail: Option<String>,
}

impl ApiError {
    /// An error with any status.
    pub fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), detail: None }
    }

    /// 400: the request is malformed or not allowed in this state.
    pub fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    /// 400 in the form of a schema error: the value that came and what its field must be.
    ///
    /// `field` is a path such as `ttl` or `answers[1].meta`; `expected` completes "is not …".
    pub fn invalid_field(field: &str, value: &serde_json::Value, expected: &str) -> Self {
        let value = abbreviated(value);
        Self::bad_request(format!(
            "Input validation failed (Value {value} for field '<obj>.{field}' is not {expected})"
        ))
    }

    /// 400 for a field that must be there.
    pub fn missing_field(field: &str) -> Self {
        Self::bad_request(format!("Input validation failed (Required field '<obj>.{field}' is missing)"))
    }

    /// The same error about a field that lies within another one.
    #[must_use]
    pub fn within(mut self, place: &str) -> Self {
        self.message = self.message.replacen("'<obj>.", &format!("'<obj>.{place}."), 1);
        self
    }

    /// 401: no key, an unknown key, or a key used from a network it is not allowed from.
    pub fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized")
    }

    /// 403: the key lacks the right.
    pub fn forbidden(message: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, message)
    }

    /// 404 with a message that says what was not found.
    pub fn not_found(message: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, message)
    }

    /// 404 `zone not found`; clients compare the text.
    pub fn zone_not_found() -> Self {
        Self::not_found("zone not found")
    }

    /// 404 `record not found`; clients compare the text.
    pub fn record_not_found() -> Self {
        Self::not_found("record not found")
    }

    /// 404 `source not found`; clients compare the text.
    pub fn source_not_found() -> Self {
        Self::not_found("source not found")
    }

    /// 404 `feed not found`; clients compare the text.
    pub fn feed_not_found() -> Self {
        Self::not_found("feed not found")
    }

    /// 409: another resource is in the way.
    pub fn conflict(message: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, message)
    }

    /// 429: a queue or a rate limit is full; try again.
    pub fn too_many_requests(message: impl Into<String>) -> Self {
        Self::new(StatusCode::TOO_MANY_REQUESTS, message)
    }

    /// 500: a failure on our side; `detail` goes to the log, not to the caller.
    pub fn internal(detail: impl fmt::Display) -> Self {
        Self {
            status: StatusCode::INTERNAL_SERVER_ERROR,
            message: "internal error".to_owned(),
            detail: Some(detail.to_string()),
        }
    }

    /// 503: the service is starting, stopping, or can no longer store changes.
    pub fn unavailable(message: impl Into<String>) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, message)
    }
}

impl fmt::Display for ApiError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.status.as_u16(), self.message)?;
        match &self.detail {
            Some(detail) => write!(f, " ({detail})"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for ApiError {}

impl From<store::StoreError> for ApiError {
    fn from(error: store::StoreError) -> Self {
        Self::internal(error)
    }
}

impl IntoResponse for ApiError {
    fn into_response(self) -> Response {
        if let Some(detail) = &self.detail {
            tracing::error!(status = self.status.as_u16(), %detail, "request failed");
        }
        let body = format!("{}\n", serde_json::json!({ "message": self.message }));
        let json = HeaderValue::from_static("application/json");
        let mut response = (self.status, [(header::CONTENT_TYPE, json)], body).into_response();
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            // What is full comes free in a moment; who knows better says so.
            response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        response
    }
}

/// The longest piece of a caller's value that is repeated in a message, in characters.
const ECHO_LIMIT: usize = 80;

/// A value as compact JSON, cut to a readable length.
fn abbreviated(value: &serde_json::Value) -> String {
    let text = match value {
        serde_json::Value::Null => "None".to_owned(),
        other => other.to_string(),
    };
    match text.char_indices().nth(ECHO_LIMIT) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_schema_error_names_the_field_and_shows_the_value() {
        let error = ApiError::invalid_field("filters", &json!(null), "of type array");
        assert_eq!(
            error.message,
            "Input validation failed (Value None for field '<obj>.filters' is not of type array)"
        );
    }

    #[test]
    fn a_long_value_is_cut_at_a_character_boundary() {
        let error = ApiError::invalid_field("note", &json!("ü".repeat(500)), "short");
        assert!(error.message.len() < 300, "{}", error.message);
    }

    #[test]
    fn what_is_full_says_when_to_come_again() {
        let after = |error: ApiError| error.into_response().headers().get(header::RETRY_AFTER).cloned();
        assert_eq!(after(ApiError::too_many_requests("full")), Some(HeaderValue::from_static("1")));
        assert_eq!(after(ApiError::bad_request("wrong")), None);
    }

    #[test]
    fn the_detail_of_a_failure_stays_out_of_the_reply() {
        let error = ApiError::internal("disk on fire at /secret");
        assert_eq!(error.message, "internal error");
        assert!(error.to_string().contains("disk on fire"));
    }
}
