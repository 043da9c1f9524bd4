//! The public keys of a zone.
//!
//! Zones are not signed yet. Clients probe every zone for it and compare the message.

use axum::body::Body;
use axum::extract::{Path, State};
use axum::http::Response;

use super::zones::zone_of_path;
use crate::error::ApiError;
use crate::service::Service;

/// `GET /v1/zones/:zone/dnssec`.
#[utoipa::path(
    get, path = "/v1/zones/{zone}/dnssec",
    responses((status = 200, description = "The keys of the zone", body = ref("#/components/schemas/Dnssec"))),
)]
pub async fn view(
    State(service): State<Service>,
    Path(zone): Path<String>,
) -> Result<Response<Body>, ApiError> {
    service.existing_zone(&zone_of_path(&zone)?)?;
    Err(ApiError::not_found("DNSSEC is not enabled on the zone"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestApi;

    #[tokio::test]
    async fn an_unsigned_zone_is_told_from_a_missing_one() {
        let api = TestApi::new().await;
        api.done("PUT", "/v1/zones/a.example", json!({"zone": "a.example"})).await;
        let reply = api.get("/v1/zones/a.example/dnssec").await;
        assert_eq!((reply.status.as_u16(), &*reply.message()), (404, "DNSSEC is not enabled on the zone"));
        assert_eq!(api.get("/v1/zones/b.example/dnssec").await.message(), "zone not found");
    }
}
