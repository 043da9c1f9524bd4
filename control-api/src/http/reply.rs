//! Replies: compact JSON and one newline, in the key order of the types.
//!
//! Some clients match raw text, so there is never a blank after `:` or `,`; each body ends with one newline.

use axum::body::{Body, Bytes};
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;

/// Status 200 with `value` as its body.
pub fn json<T: Serialize + ?Sized>(value: &T) -> Response<Body> {
    json_with(StatusCode::OK, value)
}

/// The reply of calls that return nothing but their status: `{}`.
pub fn empty() -> Response<Body> {
    raw(StatusCode::OK, Bytes::from_static(b"{}\n"))
}

/// Any status with `value` as its body.
pub fn json_with<T: Serialize + ?Sized>(status: StatusCode, value: &T) -> Response<Body> {
    match serde_json::to_vec(value) {
        Ok(mut body) => {
            body.push(b'\n');
            raw(status, Bytes::from(body))
        }
        Err(error) => {
            tracing::error!(%error, "a reply could not be written as JSON");
            let body = Bytes::from_static(b"{\"message\":\"internal error\"}\n");
            raw(StatusCode::INTERNAL_SERVER_ERROR, body)
        }
    }
}

fn raw(status: StatusCode, body: Bytes) -> Response<Body> {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = status;
    let json = HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}
