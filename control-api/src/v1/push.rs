//! The feed URL: live values come in here.
//!
//! What was sent is read by the type of the source ([`crate::source_types`]), and the committer hands the values
//! to the feeds they are for. The acknowledgement comes after the values are on disk and in the cells that
//! queries read. A push that concerns no feed is as good as any other; it is counted.

use axum::Extension;
use axum::body::Body;
use axum::extract::{Path, Request, State};
use axum::http::{Method, Response, StatusCode};
use std::sync::Arc;
use std::sync::atomic::Ordering;

use super::sources::source_id;
use super::zones::with_revision;
use crate::dto::source::SourceDoc;
use crate::error::ApiError;
use crate::http;
use crate::http::body::BodyPolicy;
use crate::ids::SourceId;
use crate::limits::{JSON_BODY_BYTES, UNSIGNED_PUSH_BYTES};
use crate::router::ApiState;
use crate::service::{Actor, Committed, LiveSource, Service, Transaction};
use crate::source_types::sns::{Message, MessageKind};
use crate::source_types::{Access, Sent, SourceType};

/// `POST` and `PUT /v1/feed/:sourceid`.
#[utoipa::path(
    method(post, put), path = "/v1/feed/{source}",
    request_body = ref("#/components/schemas/Push"),
    responses((status = 200, description = "Accepted, stored and in use", body = ref("#/components/schemas/Empty"))),
)]
pub async fn publish(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(source): Path<String>,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    let source = state.service.live_source(source_id(&source)?).ok_or_else(ApiError::source_not_found)?;
    let result = accept(&state, &actor, &source, request).await;
    let counts = &source.counts;
    let count = match &result {
        Ok(Committed { value: 0, .. }) => &counts.unmatched,
        Ok(_) => &counts.delivered,
        Err(error) if error.status == StatusCode::FORBIDDEN => &counts.refused,
        Err(error) if error.status.is_client_error() => &counts.malformed,
        Err(error) => return Err(error.clone()),
    };
    count.fetch_add(1, Ordering::Relaxed);
    Ok(with_revision(http::empty(), result?.revision))
}

/// `GET /v1/feed/:sourceid?up=false`: the query stands for the body.
#[utoipa::path(
    get, path = "/v1/feed/{source}",
    responses((status = 200, description = "Accepted, stored and in use", body = ref("#/components/schemas/Empty"))),
)]
pub async fn publish_query(
    state: State<ApiState>,
    actor: Extension<Actor>,
    source: Path<String>,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    publish(state, actor, source, request).await
}

/// Takes a push, and returns how many deliveries to feeds it came to.
async fn accept(
    state: &ApiState,
    actor: &Actor,
    source: &Arc<LiveSource>,
    request: Request,
) -> Result<Committed<usize>, ApiError> {
    let document = &source.document;
    let kind = SourceType::find(&document.sourcetype)?;
    let (headers, query) = (request.headers().clone(), request.uri().query().unwrap_or_default().to_owned());
    let body = match *request.method() {
        Method::GET => None,
        _ => {
            let policy = request.extensions().get::<BodyPolicy>().cloned().unwrap_or_default();
            let limit = if kind.access == Access::Key { JSON_BODY_BYTES } else { UNSIGNED_PUSH_BYTES };
            Some(policy.read_up_to(request, limit).await?)
        }
    };
    let sent = Sent { headers: &headers, query: &query, body: body.as_deref() };
    if kind.access == Access::Sns {
        let message = Message::read(&sent)?;
        authenticate(state, source, &message).await?;
        if message.kind != MessageKind::Notification {
            return shake_hands(state, source, &message).await;
        }
    }
    let push = kind.read(&document.config, &sent)?;
    let id = document.id;
    let change = move |transaction: &mut Transaction<'_>| {
        let feeds = transaction.feeds_of(id)?;
        let deliveries = push.deliver(kind, &feeds)?;
        let delivered = deliveries.len();
        for (feed, values) in deliveries {
            transaction.push_feed(feed, values)?;
        }
        Ok(delivered)
    };
    state.service.commit(actor, change).await
}

/// Makes sure that SNS sent a message, for the topic of the source.
async fn authenticate(state: &ApiState, source: &LiveSource, message: &Message) -> Result<(), ApiError> {
    message.check_topic(&source.document.config)?;
    let outgoing = state.options.outgoing.as_ref().ok_or_else(no_requests)?;
    let url = message.certificate_url()?;
    outgoing.certificate(&url, |certificate| message.verify(certificate)).await
}

/// Confirms a subscription, or notes that it has ended.
async fn shake_hands(
    state: &ApiState,
    source: &LiveSource,
    message: &Message,
) -> Result<Committed<usize>, ApiError> {
    let is_wanted = message.kind == MessageKind::SubscriptionConfirmation;
    if is_wanted {
        let outgoing = state.options.outgoing.as_ref().ok_or_else(no_requests)?;
        outgoing.get(&message.subscribe_url()?).await?;
    }
    tracing::info!(source = ?source.document.id, topic = message.topic, subscribed = is_wanted, "SNS subscription");
    set_pending(&state.service, source.document.id, !is_wanted).await
}

/// Notes whether the provider of a source still has to be heard.
async fn set_pending(service: &Service, id: SourceId, pending: bool) -> Result<Committed<usize>, ApiError> {
    let change = move |transaction: &mut Transaction<'_>| {
        let source = transaction.source(id)?;
        transaction.put_source(SourceDoc { pending, ..source })?;
        Ok(0)
    };
    service.commit(&Actor::system(), change).await
}

/// 403: the operator does not let this server send requests.
pub(super) fn no_requests() -> ApiError {
    ApiError::forbidden(
        "sources of type cloudwatch need requests to Amazon SNS, which this server may not send",
    )
}

#[cfg(test)]
mod tests;
