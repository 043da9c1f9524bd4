//! Identifiers of requests, by which a reply, the log and a client's own records are brought together.
//!
//! A client may send one in `X-Request-Id`; otherwise one is drawn. Either is in the reply, in every log line
//! about the request, and in the body of a reply that tells of a failure on our side.

use axum::body::Body;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Response, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};

/// Where the identifier stands in requests and replies.
const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// Characters of an identifier that is taken from a client.
const CHARACTERS: usize = 128;

/// The identifier of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RequestId(String);

impl RequestId {
    /// The client's own, if there is one that can stand in a log; else a new one.
    pub(crate) fn of_request(headers: &HeaderMap) -> Self {
        let given = headers.get(&HEADER).and_then(|value| value.to_str().ok());
        let is_plain = |id: &&str| {
            (1..=CHARACTERS).contains(&id.len())
                && id.bytes().all(|octet| octet.is_ascii_alphanumeric() || b"-_.:/+=@".contains(&octet))
        };
        let id = given.filter(is_plain).map(str::to_owned);
        Self(id.unwrap_or_else(|| format!("{:016x}", rand::random::<u64>())))
    }

    /// As it stands in the log.
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// Puts it into the reply.
    pub(crate) async fn mark(&self, response: Response<Body>) -> Response<Body> {
        let mut response =
            if response.status().is_server_error() { self.in_body(response).await } else { response };
        let value =
            HeaderValue::from_str(&self.0).expect("letters, digits and a few signs are visible ASCII");
        response.headers_mut().insert(HEADER, value);
        response
    }

    async fn in_body(&self, response: Response<Body>) -> Response<Body> {
        let (mut parts, body) = response.into_parts();
        let Ok(body) = body.collect().await else { return Response::from_parts(parts, Body::empty()) };
        let body = body.to_bytes();
        let Ok(mut error) = serde_json::from_slice::<Map<String, Value>>(&body) else {
            return Response::from_parts(parts, Body::from(body));
        };
        error.insert("request_id".to_owned(), self.0.as_str().into());
        parts.headers.remove(header::CONTENT_LENGTH);
        Response::from_parts(parts, Body::from(format!("{}\n", Value::Object(error))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::ApiError;
    use axum::response::IntoResponse;

    fn of(given: &str) -> RequestId {
        let mut headers = HeaderMap::new();
        headers.insert(HEADER, HeaderValue::from_bytes(given.as_bytes()).unwrap());
        RequestId::of_request(&headers)
    }

    #[test]
    fn a_sane_identifier_is_kept_and_others_are_replaced() {
        let longest = "x".repeat(CHARACTERS);
        for kept in ["7f3a", "4bf92f35-77b3:00/f0@edge_1=.+", &longest] {
            assert_eq!(of(kept).as_str(), kept);
        }
        let too_long = "x".repeat(CHARACTERS + 1);
        for replaced in ["", "a b", "a\"b", "é", &too_long] {
            let id = of(replaced);
            assert!(id.0.len() == 16 && id.0.bytes().all(|octet| octet.is_ascii_hexdigit()), "{id:?}");
        }
        let none = HeaderMap::new();
        assert_ne!(RequestId::of_request(&none), RequestId::of_request(&none));
    }

    #[tokio::test]
    async fn failures_on_our_side_name_the_request_in_their_body() {
        let body = async |error: ApiError| {
            let response = of("id-1").mark(error.into_response()).await;
            assert_eq!(response.headers()[&HEADER], "id-1");
            String::from_utf8(response.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
        };
        assert_eq!(
            body(ApiError::unavailable("later")).await,
            "{\"message\":\"later\",\"request_id\":\"id-1\"}\n"
        );
        assert_eq!(body(ApiError::zone_not_found()).await, "{\"message\":\"zone not found\"}\n");
    }
}
