//! Probes for process managers and load balancers. They need no key and tell nothing secret.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::http::reply::json_with;
use crate::router::ApiState;

/// `GET /healthz`: 200 as long as the process answers at all.
#[utoipa::path(
    get, path = "/healthz", security(()),
    responses((status = 200, description = "The process answers", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn healthz() -> Response<Body> {
    json_with(StatusCode::OK, &json!({ "status": "ok" }))
}

/// `GET /readyz`: 200 once the first snapshot is live, so that queries get real answers.
#[utoipa::path(
    get, path = "/readyz", security(()),
    responses((status = 200, description = "Queries get real answers", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn readyz(State(state): State<ApiState>) -> Response<Body> {
    if state.service.is_ready() {
        let revision = state.service.revision();
        json_with(StatusCode::OK, &json!({ "status": "ready", "revision": revision }))
    } else {
        json_with(StatusCode::SERVICE_UNAVAILABLE, &json!({ "message": "the zones are still being loaded" }))
    }
}

/// `GET /metrics`: what the rest of the process counts, in the Prometheus text format.
#[utoipa::path(
    get, path = "/metrics", security(()),
    responses((status = 200, description = "Metrics", body = String, content_type = "text/plain")),
)]
pub async fn metrics(State(state): State<ApiState>) -> Response<Body> {
    let mut text = String::with_capacity(4096);
    text.push_str("# HELP sextant_revision Number of the last change that queries can see.\n");
    text.push_str("# TYPE sextant_revision gauge\n");
    text.push_str(&format!("sextant_revision {}\n", state.service.revision()));
    super::feed_metrics::write(&state.service, &mut text);
    if let Some(more) = &state.options.metrics {
        text.push_str(&more());
    }
    let mut response = Response::new(Body::from(text));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use axum::http::{Request, StatusCode};

    use crate::testing::TestApi;

    #[tokio::test]
    async fn probes_need_no_key() {
        let api = TestApi::new().await;
        let probe = async |path: &str| api.send(Request::get(path).body(Body::empty()).unwrap()).await;
        assert_eq!(probe("/healthz").await.text(), "{\"status\":\"ok\"}\n");
        assert_eq!(probe("/readyz").await.status, StatusCode::OK);
        let metrics = probe("/metrics").await;
        assert!(metrics.header("content-type").starts_with("text/plain"));
        assert!(metrics.text().contains("\nsextant_revision "), "{}", metrics.text());
        api.service.shutdown();
        assert_eq!(probe("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(probe("/healthz").await.status, StatusCode::OK);
    }
}
