//! The activity log: who changed what, newest first.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use crate::error::ApiError;
use crate::http::{self, Params};
use crate::limits::{ACTIVITY_RESULTS, ACTIVITY_RESULTS_MAX};
use crate::service::Service;

/// `GET /v1/account/activity?limit=`.
pub async fn list(
    State(service): State<Service>,
    params: Params,
) -> Result<Response<Body>, ApiError> {
    let limit = params.number("limit")?.map_or(ACTIVITY_RESULTS, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX).min(ACTIVITY_RESULTS_MAX)
    });
    Ok(http::json(&service.activity(limit)?))
}
