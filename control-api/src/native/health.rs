//! Probes for process managers and load balancers. They need no key and tell nothing secret.

use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderValue, Response, StatusCode, header};
use serde_json::json;

use crate::http::reply::json_with;
use crate::metrics::{Kind, Text};
use crate::router::ApiState;
use crate::service::Service;

/// Ages by which feeds are shown, in seconds.
const FEED_AGES_S: [u64; 5] = [10, 60, 300, 3600, 86_400];

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
    let mut text = Text::default();
    let family = ("sextant_revision", Kind::Gauge, "Number of the last change that queries can see.");
    text.sample(family, &[], state.service.revision());
    let family = ("sextant_zones", Kind::Gauge, "Zones, linked ones too.");
    text.sample(family, &[], state.service.snapshot().load().zone_count());
    let family =
        ("sextant_changes_accepted", Kind::Gauge, "1 while changes are taken; 0 after a failed disk.");
    text.sample(family, &[], u8::from(state.service.takes_changes()));
    state.service.change_metrics().write(&mut text);
    state.request_metrics.write(&mut text);
    let family = (
        "sextant_statistics_crowded_out_total",
        Kind::Counter,
        "Queries not counted for their zone or record, because too many others were asked for.",
    );
    text.sample(family, &[], state.options.statistics.crowded_out());
    write_feed_ages(&state.service, &mut text);
    super::feed_metrics::write(&state.service, &mut text);
    if let Some(more) = &state.options.metrics {
        more(&mut text);
    }
    let mut response = Response::new(Body::from(text.into_string()));
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, kind);
    response
}

/// How old the values of feeds are, in classes, so that the number of series does not grow with that of feeds.
fn write_feed_ages(service: &Service, text: &mut Text) {
    let now_s = service.clock().now_us() / 1_000_000;
    let mut counts = [0_u64; FEED_AGES_S.len() + 1];
    let (mut silent, mut oldest_s) = (0_u64, 0);
    service.each_feed_update(|updated_at_s| match updated_at_s {
        0 => silent += 1,
        updated_at_s => {
            let age_s = now_s.saturating_sub(updated_at_s);
            oldest_s = oldest_s.max(age_s);
            counts[FEED_AGES_S.partition_point(|bound| *bound < age_s)] += 1;
        }
    });
    let family = ("sextant_feeds", Kind::Gauge, "Feeds by the age of their values, in seconds at most.");
    for (index, count) in counts.into_iter().enumerate() {
        let bound = FEED_AGES_S.get(index).map_or("more".to_owned(), u64::to_string);
        text.sample(family, &[("age", &bound)], count);
    }
    text.sample(family, &[("age", "never")], silent);
    let family =
        ("sextant_feed_age_max_seconds", Kind::Gauge, "Age of the value that is the oldest of all feeds.");
    text.sample(family, &[], oldest_s);
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
        let manual = include_str!("../../../docs/metrics.md");
        for line in metrics.text().lines().filter_map(|line| line.strip_prefix("# TYPE ")) {
            let name = line.split(' ').next().unwrap();
            assert!(manual.contains(&format!("`{name}`")), "docs/metrics.md says nothing of {name}");
        }
        api.service.shutdown();
        assert_eq!(probe("/readyz").await.status, StatusCode::SERVICE_UNAVAILABLE);
        assert_eq!(probe("/healthz").await.status, StatusCode::OK);
    }
}
