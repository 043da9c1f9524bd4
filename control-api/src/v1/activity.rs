//! The activity log: who changed what, newest first.

use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use crate::error::ApiError;
use crate::http::{self, Params};
use crate::limits::{ACTIVITY_RESULTS, ACTIVITY_RESULTS_MAX};
use crate::service::Service;

/// `GET /v1/account/activity?limit=`.
#[utoipa::path(
    get, path = "/v1/account/activity",
    params(
        ("limit" = Option<u64>, Query, description = "At most this many entries in the reply"),
    ),
    responses((status = 200, description = "The log", body = ref("#/components/schemas/ActivityLog"))),
)]
pub async fn list(State(service): State<Service>, params: Params) -> Result<Response<Body>, ApiError> {
    let limit = params.number("limit")?.map_or(ACTIVITY_RESULTS, |limit| {
        usize::try_from(limit).unwrap_or(usize::MAX).min(ACTIVITY_RESULTS_MAX)
    });
    let entries = service.read(move |service| service.activity().take(limit).collect::<Result<Vec<_>, _>>());
    Ok(http::json(&entries.await?))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestApi;

    #[tokio::test]
    async fn the_log_is_newest_first_and_as_long_as_asked_for() {
        let api = TestApi::new().await;
        for zone in ["a.example", "b.example", "c.example"] {
            api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
        }
        let log = api.get("/v1/account/activity?limit=2").await.json();
        let zones: Vec<_> = log.as_array().unwrap().iter().map(|entry| &entry["resource"]["zone"]).collect();
        assert_eq!(zones, [&json!("c.example"), &json!("b.example")]);
        let entry = &log[0];
        assert_eq!((&entry["action"], &entry["resource_type"]), (&json!("create"), &json!("zone")));
        assert_eq!((&entry["user_type"], &entry["user_name"]), (&json!("apikey"), &json!("tests")));
        assert_eq!(api.get("/v1/account/activity?limit=0").await.json(), json!([]));
        assert_eq!(api.get("/v1/account/activity?limit=x").await.status.as_u16(), 400);
    }
}
