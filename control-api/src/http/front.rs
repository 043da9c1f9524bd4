//! The front: what every request passes before its handler, and every reply after it.
//!
//! In order: an identifier, which is in every log line about the request; the size of the head (431); a small body,
//! which is received whatever becomes of it (408); one spelling of the path; the key (401 before anything else is
//! looked at, also before an unknown path); the rate of that key, or of the address (429); requests at once (429); the handler, with a deadline (503) and a guard
//! against panics (500); then the headers every reply carries, and an entity tag on reads. What came and how it
//! was answered is counted.

use axum::Router;
use axum::body::Body;
use axum::extract::{MatchedPath, Request};
use axum::http::{HeaderMap, Method, Response, StatusCode, Uri, header, uri};
use axum::middleware::Next;
use axum::response::IntoResponse;
use futures_util::FutureExt;
use http_body_util::BodyExt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::Semaphore;
use tower::ServiceExt;
use tracing::Instrument;

use super::body::{BodyPolicy, receive_small};
use super::feed_urls::FeedUrls;
use super::headers::{entity_tag, fixed_headers, tag_matches};
use super::path::{self, PathError};
use super::query::Params;
use super::rate::{RateLimiter, RateState};
use super::request_id::RequestId;
use super::serve::Peer;
use crate::error::ApiError;
use crate::limits::{self, Limits};
use crate::metrics::RequestMetrics;
use crate::service::{Actor, Service};

/// Paths that say whether the process works. They need no key and cost next to nothing, and a probe that is refused
/// would tell of a failure that there is not: they have no rate.
const PROBES: [&str; 2] = ["/healthz", "/readyz"];

/// Other paths that need no key. They are long, so they share the rate of all requests without a valid key.
const OPEN_PATHS: [&str; 2] = ["/metrics", "/openapi.json"];

/// Shared by all requests.
pub(crate) struct Front {
    service: Service,
    routes: Router,
    limits: Arc<Limits>,
    keys: RateLimiter<String>,
    anonymous: RateLimiter<IpAddr>,
    feed_urls: FeedUrls,
    requests: Arc<Semaphore>,
    bodies: Arc<Semaphore>,
    metrics: Arc<RequestMetrics>,
}

/// The template of the route that a request took, in the extensions of its reply.
#[derive(Clone)]
struct Route(Arc<str>);

/// Tells the front which route a request took.
pub(crate) async fn note_route(path: MatchedPath, request: Request, next: Next) -> Response<Body> {
    let mut response = next.run(request).await;
    response.extensions_mut().insert(Route(path.as_str().into()));
    response
}

impl Front {
    /// Puts the front before `routes`.
    pub(crate) fn new(
        service: Service,
        routes: Router,
        limits: Limits,
        metrics: Arc<RequestMetrics>,
    ) -> Self {
        let buckets = limits::RATE_BUCKETS;
        Self {
            service,
            routes,
            keys: RateLimiter::new(limits.rate_limit, limits.rate_period_s, buckets),
            anonymous: RateLimiter::new(limits.anonymous_rate_limit, limits.rate_period_s, buckets),
            feed_urls: FeedUrls::new(limits.rate_period_s),
            requests: Arc::new(Semaphore::new(limits.concurrent_requests)),
            bodies: Arc::new(Semaphore::new(limits::BODY_BUDGET_BYTES / 1024)),
            limits: Arc::new(limits),
            metrics,
        }
    }

    /// Answers one request.
    pub(crate) async fn handle(&self, request: Request) -> Response<Body> {
        let (begin, method) = (Instant::now(), request.method().clone());
        let id = RequestId::of_request(request.headers());
        // At the level of errors, so that no filter leaves the identifier out of a line that it lets pass.
        let span = tracing::error_span!("request", id = id.as_str());
        let response = async { id.mark(self.answer(request).await).await }.instrument(span).await;
        let route = response.extensions().get::<Route>().map(|Route(route)| Arc::clone(route));
        self.metrics.observe(method.as_str(), route, response.status().as_u16(), begin.elapsed());
        response
    }

    async fn answer(&self, request: Request) -> Response<Body> {
        if let Some(message) = head_is_too_large(request.headers()) {
            let error = ApiError::new(StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE, message);
            let mut response = error.into_response();
            fixed_headers(response.headers_mut());
            return response;
        }
        let mut request = match receive_small(request, self.limits.json_body_timeout).await {
            Ok(request) => request,
            Err(error) => {
                let mut response = error.into_response();
                fixed_headers(response.headers_mut());
                return response;
            }
        };
        let path = path::normalize(request.uri().path());
        if path.as_deref().is_ok_and(|path| PROBES.contains(&path)) {
            let mut response = self.routed(request, path).await;
            fixed_headers(response.headers_mut());
            return response;
        }
        if path.as_deref().is_ok_and(|path| OPEN_PATHS.contains(&path)) {
            let rate = self.take_anonymous(address_of(&request), Instant::now());
            let mut response =
                if rate.allowed { self.routed(request, path).await } else { too_many_requests(rate) };
            fixed_headers(response.headers_mut());
            rate.write(response.headers_mut());
            return response;
        }
        let (actor, rate) = self.admit(&request, path.as_deref().unwrap_or_default());
        let reading = *request.method() == Method::GET;
        let conditions = reading.then(|| conditions(request.headers()));
        let mut response = match actor {
            _ if !rate.allowed => too_many_requests(rate),
            None => ApiError::unauthorized().into_response(),
            Some(actor) if !actor.is_welcome_there => wrong_network(&actor).into_response(),
            Some(actor) => {
                request.extensions_mut().insert(actor);
                self.routed(request, path).await
            }
        };
        if let Some(conditions) = conditions
            && response.status() == StatusCode::OK
            // What has a tag already is too large to be collected here.
            && !response.headers().contains_key(header::ETAG)
        {
            response = tagged(response, &conditions).await;
        }
        fixed_headers(response.headers_mut());
        rate.write(response.headers_mut());
        response
    }

    /// Who is asking, and what the matching bucket says.
    fn admit(&self, request: &Request, path: &str) -> (Option<Actor>, RateState) {
        let key = request.headers().get("x-nsone-key").and_then(|value| value.to_str().ok());
        let address = address_of(request);
        // An address that the account's lists keep out learns nothing about keys.
        let is_let_in = address.is_none_or(|address| self.service.lists_allow(address));
        let actor = key.filter(|_| is_let_in).and_then(|key| self.service.authenticate(key, address));
        let now = Instant::now();
        let rate = match &actor {
            Some(actor) => self.keys.take(&actor.id, now),
            None => {
                let rate = self.take_anonymous(address, now);
                // An address that is past its rate does not use up the rate of a source.
                let source = if rate.allowed { self.feed_urls.take(&self.service, path, now) } else { None };
                if let Some(source) = source {
                    return (Some(Actor::sender()), source);
                }
                rate
            }
        };
        (actor, rate)
    }

    /// What the bucket of an address says that sends no valid key.
    fn take_anonymous(&self, address: Option<IpAddr>, now: Instant) -> RateState {
        let address = address.unwrap_or(Ipv4Addr::UNSPECIFIED.into());
        self.anonymous.take(&network_of(address), now)
    }

    /// Routes a request whose path has its plain spelling, within the limits of time and concurrency.
    async fn routed(&self, mut request: Request, path: Result<String, PathError>) -> Response<Body> {
        let uri = match path.map(|path| with_path(request.uri(), &path)) {
            Ok(Some(uri)) => uri,
            Ok(None) => return ApiError::bad_request("the path cannot be read").into_response(),
            Err(PathError::TooLong) => {
                let message = PathError::TooLong.to_string();
                return ApiError::new(StatusCode::URI_TOO_LONG, message).into_response();
            }
            Err(error) => return ApiError::bad_request(error.to_string()).into_response(),
        };
        if wants_vain_dry_run(request.method(), &uri) {
            let message =
                "query parameter dry_run: only PUT and POST of records can be tried out, with true or false";
            return ApiError::bad_request(message).into_response();
        }
        let Ok(_permit) = self.requests.try_acquire() else { return overloaded() };
        let (method, deadline) = (request.method().clone(), self.deadline(uri.path()));
        *request.uri_mut() = uri.clone();
        let policy = BodyPolicy::new(Arc::clone(&self.limits), Arc::clone(&self.bodies));
        request.extensions_mut().insert(policy);
        let handler = AssertUnwindSafe(self.routes.clone().oneshot(request)).catch_unwind();
        match tokio::time::timeout(deadline, handler).await {
            Ok(Ok(Ok(response))) => response,
            Ok(Err(panic)) => {
                let reason = panic_reason(panic.as_ref());
                tracing::error!(%method, path = uri.path(), reason, "an API handler panicked");
                let status = StatusCode::INTERNAL_SERVER_ERROR;
                ApiError::new(status, "internal error; the server's log says more").into_response()
            }
            Err(_) => {
                tracing::warn!(%method, path = uri.path(), ?deadline, "an API request took too long");
                let message = format!(
                    "the request took longer than {} s; what it asked for may still happen",
                    deadline.as_secs()
                );
                ApiError::new(StatusCode::SERVICE_UNAVAILABLE, message).into_response()
            }
        }
    }

    fn deadline(&self, path: &str) -> Duration {
        let import = path.starts_with("/v1/import/");
        if import { limits::IMPORT_HANDLER_TIMEOUT } else { self.limits.handler_timeout }
    }
}

/// Where a request comes from.
fn address_of(request: &Request) -> Option<IpAddr> {
    request.extensions().get::<Peer>().map(|peer| peer.0.ip().to_canonical())
}

/// The headers of a read that decide between 200 and 304.
fn conditions(headers: &HeaderMap) -> HeaderMap {
    let mut kept = HeaderMap::new();
    for value in headers.get_all(header::IF_NONE_MATCH) {
        kept.append(header::IF_NONE_MATCH, value.clone());
    }
    kept
}

/// Adds the entity tag, and leaves the body out if the client has it already.
async fn tagged(response: Response<Body>, conditions: &HeaderMap) -> Response<Body> {
    let (mut parts, body) = response.into_parts();
    let Ok(body) = body.collect().await else {
        return ApiError::new(StatusCode::INTERNAL_SERVER_ERROR, "internal error").into_response();
    };
    let body = body.to_bytes();
    let tag = entity_tag(&body);
    let unchanged = tag_matches(conditions, &tag);
    parts.headers.insert(header::ETAG, tag);
    if unchanged {
        parts.status = StatusCode::NOT_MODIFIED;
        parts.headers.remove(header::CONTENT_TYPE);
        parts.headers.remove(header::CONTENT_LENGTH);
        return Response::from_parts(parts, Body::empty());
    }
    Response::from_parts(parts, Body::from(body))
}

/// Why the headers of a request are refused. The HTTP layer lets through a little more than this, so that there is
/// a reply with a message.
fn head_is_too_large(headers: &HeaderMap) -> Option<String> {
    let bytes: usize = headers.iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    if headers.len() > limits::HEADER_COUNT {
        Some(format!(
            "the request has {} header lines; at most {} are taken",
            headers.len(),
            limits::HEADER_COUNT
        ))
    } else if bytes > limits::HEADER_BYTES {
        Some(format!("the request has {bytes} bytes of headers; at most {} are taken", limits::HEADER_BYTES))
    } else {
        None
    }
}

/// One host may use any address of its /64, so IPv6 is counted by network.
pub(super) fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V6(address) => Ipv6Addr::from_bits(address.to_bits() & !u128::from(u64::MAX)).into(),
        v4 => v4,
    }
}

fn with_path(uri: &Uri, path: &str) -> Option<Uri> {
    let path_and_query = match uri.query() {
        Some(query) => format!("{path}?{query}").parse().ok()?,
        None => path.parse().ok()?,
    };
    let mut parts: uri::Parts = uri.clone().into_parts();
    parts.path_and_query = Some(path_and_query);
    Uri::from_parts(parts).ok()
}

/// Whether a change is to be tried out that cannot be: whoever asks for that must not find it made.
fn wants_vain_dry_run(method: &Method, uri: &Uri) -> bool {
    // What cannot be read may have been meant so.
    let query = uri.query().unwrap_or_default();
    let is_asked = || match Params::parse(query) {
        Ok(parameters) => !matches!(parameters.flag("dry_run"), Ok(None | Some(false))),
        Err(_) => query.contains("dry_run"),
    };
    let is_record = uri.path().starts_with("/v1/zones/") && uri.path().split('/').count() == 6;
    match *method {
        Method::PUT | Method::POST if is_record => false,
        Method::PUT | Method::POST | Method::DELETE => is_asked(),
        _ => false,
    }
}

/// 403 for a key that is used from outside of its networks.
fn wrong_network(actor: &Actor) -> ApiError {
    let place = actor.address.map_or_else(|| "here".to_owned(), |address| address.to_string());
    ApiError::forbidden(format!("this key may not be used from {place}"))
}

fn too_many_requests(rate: RateState) -> Response<Body> {
    let message = format!("rate limit of {} requests per {} s exceeded", rate.limit, rate.period_s);
    let mut response = ApiError::too_many_requests(message).into_response();
    // Until the bucket holds a token again.
    let after_s = rate.period_s.div_ceil(rate.limit.max(1)).max(1);
    response.headers_mut().insert(header::RETRY_AFTER, after_s.into());
    response
}

fn overloaded() -> Response<Body> {
    ApiError::too_many_requests("too many requests are being worked on; try again in a moment")
        .into_response()
}

fn panic_reason(panic: &(dyn std::any::Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("unknown")
}

#[cfg(test)]
mod tests;
