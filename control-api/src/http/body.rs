//! Request bodies: bounded in size, time and total memory, read as JSON whatever the `Content-Type` says.

use axum::body::Body;
use axum::extract::{FromRequest, Request};
use axum::http::{HeaderMap, StatusCode, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::{Instant, timeout_at};

use crate::error::ApiError;
use crate::limits::{DISCARD_TIMEOUT, DISCARDED_BODY_BYTES, Limits, SMALL_BODY_BYTES};

/// A body that is a JSON object: the shape of every create and update.
#[derive(Clone, Debug, PartialEq)]
pub struct JsonObject(pub Map<String, Value>);

/// How much a request may send, and what it holds of the memory that all requests share.
///
/// The front puts it into each request's extensions; it gives its share back when the request ends.
#[derive(Clone)]
pub(crate) struct BodyPolicy {
    pub(crate) limits: Arc<Limits>,
    /// One permit per KiB.
    pub(crate) budget: Arc<Semaphore>,
    pub(crate) held: Arc<Mutex<Option<OwnedSemaphorePermit>>>,
}

impl BodyPolicy {
    pub(crate) fn new(limits: Arc<Limits>, budget: Arc<Semaphore>) -> Self {
        Self { limits, budget, held: Arc::default() }
    }

    /// Reserves memory for a large body, or refuses it.
    fn reserve(&self, bytes: usize) -> Result<(), ApiError> {
        let permits = u32::try_from(bytes.div_ceil(1024)).unwrap_or(u32::MAX);
        let permit = Arc::clone(&self.budget).try_acquire_many_owned(permits).map_err(|_| {
            ApiError::new(
                StatusCode::TOO_MANY_REQUESTS,
                "too many large bodies are being received; try again in a moment",
            )
        })?;
        *self.held.lock().unwrap_or_else(PoisonError::into_inner) = Some(permit);
        Ok(())
    }

    async fn read(&self, request: Request) -> Result<Vec<u8>, ApiError> {
        self.read_up_to(request, self.limits.json_body_bytes).await
    }

    /// Reads a body of at most `limit` bytes, or of what the limits allow if that is less.
    pub(crate) async fn read_up_to(&self, request: Request, limit: usize) -> Result<Vec<u8>, ApiError> {
        let (parts, mut body) = request.into_parts();
        let limit = limit.min(self.limits.json_body_bytes);
        let announced = announced_length(&parts.headers);
        if announced.is_some_and(|length| length > limit) {
            return Err(too_large(limit));
        }
        let deadline = Instant::now() + self.limits.json_body_timeout;
        let mut bytes = Vec::with_capacity(announced.unwrap_or(0).min(SMALL_BODY_BYTES));
        let mut reserved = false;
        while let Some(chunk) = next_chunk(&mut body, deadline).await? {
            let length = bytes.len() + chunk.len();
            if length > limit {
                return Err(too_large(limit));
            }
            if length > SMALL_BODY_BYTES && !reserved {
                self.reserve(announced.unwrap_or(limit))?;
                reserved = true;
            }
            bytes.extend_from_slice(&chunk);
        }
        Ok(bytes)
    }
}

impl Default for BodyPolicy {
    fn default() -> Self {
        let budget = Semaphore::new(crate::limits::BODY_BUDGET_BYTES / 1024);
        Self::new(Arc::default(), Arc::new(budget))
    }
}

/// The next data of a body, or `None` at its end.
pub(crate) async fn next_chunk(
    body: &mut Body,
    deadline: Instant,
) -> Result<Option<axum::body::Bytes>, ApiError> {
    loop {
        let frame = timeout_at(deadline, body.frame()).await.map_err(|_| {
            ApiError::new(StatusCode::REQUEST_TIMEOUT, "the request body did not arrive in time")
        })?;
        match frame {
            None => return Ok(None),
            Some(Err(_)) => return Err(ApiError::bad_request("the request body was cut short")),
            // Trailers carry nothing for us.
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
        }
    }
}

/// Reads a body that nobody wants, within bounds: many clients read no reply before all is sent, and take a
/// connection that is closed before for a failure of the network.
pub(crate) async fn discard(mut body: Body) {
    let deadline = Instant::now() + DISCARD_TIMEOUT;
    let mut left = DISCARDED_BODY_BYTES;
    while let Ok(Some(chunk)) = next_chunk(&mut body, deadline).await {
        let Some(rest) = left.checked_sub(chunk.len()) else { return };
        left = rest;
    }
}

/// Receives a small body before anything is answered.
///
/// The HTTP layer closes a connection whose request was answered without being read, and many clients send `{}` with
/// requests that need no body: their next request on that connection would fail.
pub(crate) async fn receive_small(request: Request, patience: Duration) -> Result<Request, ApiError> {
    let announced = announced_length(request.headers()).unwrap_or(0);
    if announced == 0 || announced > SMALL_BODY_BYTES {
        return Ok(request);
    }
    let (parts, mut body) = request.into_parts();
    let deadline = Instant::now() + patience;
    let mut bytes = Vec::with_capacity(announced);
    while let Some(chunk) = next_chunk(&mut body, deadline).await? {
        if bytes.len() + chunk.len() > SMALL_BODY_BYTES {
            return Err(too_large(SMALL_BODY_BYTES));
        }
        bytes.extend_from_slice(&chunk);
    }
    Ok(Request::from_parts(parts, Body::from(bytes)))
}

/// `Content-Length`, if the client sent one. The HTTP layer holds the client to it.
pub(crate) fn announced_length(headers: &HeaderMap) -> Option<usize> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

pub(crate) fn too_large(limit: usize) -> ApiError {
    let message = format!("the request body is larger than {limit} bytes");
    ApiError::new(StatusCode::PAYLOAD_TOO_LARGE, message)
}

impl<S: Send + Sync> FromRequest<S> for JsonObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let policy = request.extensions().get::<BodyPolicy>().cloned().unwrap_or_default();
        let bytes = policy.read(request).await?;
        parse_object(&bytes).map(Self)
    }
}

/// A body that may be left out; then it is the empty object.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct OptionalObject(pub Map<String, Value>);

impl<S: Send + Sync> FromRequest<S> for OptionalObject {
    type Rejection = ApiError;

    async fn from_request(request: Request, _: &S) -> Result<Self, ApiError> {
        let policy = request.extensions().get::<BodyPolicy>().cloned().unwrap_or_default();
        let bytes = policy.read(request).await?;
        match bytes.iter().all(u8::is_ascii_whitespace) {
            true => Ok(Self::default()),
            false => parse_object(&bytes).map(Self),
        }
    }
}

/// Reads bytes that must be a JSON object.
///
/// # Errors
///
/// 400 when there are none, when they are not JSON, or JSON of another kind.
pub fn parse_object(bytes: &[u8]) -> Result<Map<String, Value>, ApiError> {
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err(ApiError::bad_request(
            "Input validation failed (the body is empty; a JSON object is expected)",
        ));
    }
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => Ok(object),
        Ok(_) => Err(ApiError::bad_request("Input validation failed (the body is not of type object)")),
        Err(error) => Err(ApiError::bad_request(format!("the body is not valid JSON: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_util::stream;

    async fn object(body: &str) -> Result<JsonObject, ApiError> {
        let request = Request::new(Body::from(body.to_owned()));
        JsonObject::from_request(request, &()).await
    }

    fn policy(limits: Limits, budget_kib: usize) -> BodyPolicy {
        BodyPolicy::new(Arc::new(limits), Arc::new(Semaphore::new(budget_kib)))
    }

    #[tokio::test]
    async fn a_body_is_an_object_whatever_its_content_type() {
        let request = Request::put("/")
            .header("content-type", "application/x-www-form-urlencoded")
            .body(Body::from("{\"ttl\":0}"))
            .unwrap();
        let JsonObject(object) = JsonObject::from_request(request, &()).await.unwrap();
        assert_eq!(object["ttl"], 0);
    }

    #[tokio::test]
    async fn what_is_not_an_object_is_refused_with_the_reason() {
        for (body, reason) in [
            ("", "body is empty"),
            (" \n", "body is empty"),
            ("[]", "of type object"),
            ("null", "of type object"),
            ("{\"a\":}", "not valid JSON"),
            ("{\"a\":1", "not valid JSON"),
            (&"[".repeat(5000), "not valid JSON"),
        ] {
            let error = object(body).await.unwrap_err();
            assert_eq!(error.status, StatusCode::BAD_REQUEST);
            assert!(error.message.contains(reason), "{}", error.message);
        }
    }

    #[tokio::test]
    async fn a_body_past_the_limit_is_refused_announced_or_not() {
        let limits = Limits { json_body_bytes: 10, ..Limits::default() };
        let policy = policy(limits, 1024);
        let chunked = stream::iter([Ok::<_, std::io::Error>("123456"), Ok("789012")]);
        for request in [
            Request::put("/").header("content-length", "11").body(Body::empty()).unwrap(),
            Request::new(Body::from_stream(chunked)),
        ] {
            let error = policy.read(request).await.unwrap_err();
            assert_eq!(error.status, StatusCode::PAYLOAD_TOO_LARGE);
        }
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_is_given_up() {
        let limits = Limits { json_body_timeout: Duration::from_secs(30), ..Limits::default() };
        let never = stream::pending::<Result<&'static str, std::io::Error>>();
        let request = Request::new(Body::from_stream(never));
        let error = policy(limits, 1024).read(request).await.unwrap_err();
        assert_eq!(error.status, StatusCode::REQUEST_TIMEOUT);
    }

    #[tokio::test]
    async fn large_bodies_share_a_bounded_amount_of_memory() {
        let first = policy(Limits::default(), 300);
        let second = BodyPolicy::new(first.limits.clone(), first.budget.clone());
        let large = || {
            let body = "x".repeat(200 * 1024);
            let request = Request::put("/").header("content-length", body.len());
            request.body(Body::from(body)).unwrap()
        };
        first.read(large()).await.unwrap();
        let error = second.read(large()).await.unwrap_err();
        assert_eq!(error.status, StatusCode::TOO_MANY_REQUESTS);
        drop(first);
        second.read(large()).await.unwrap();
    }
}
