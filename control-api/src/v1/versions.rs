//! `/v1/zones/{zone}/versions`: states of a zone to go back to.

use axum::body::Body;
use axum::extract::{Extension, Path, State};
use axum::http::Response;

use super::zones::{with_revision, zone_of_path};
use crate::dto::fields;
use crate::error::ApiError;
use crate::http::{OptionalObject, Params, empty, json};
use crate::limits::NAME_BYTES;
use crate::service::{Actor, Service, WhenFull};

type Reply = Result<Response<Body>, ApiError>;

/// The number in a path. A text that is none cannot be the number of a version.
fn number(text: &str) -> Result<u32, ApiError> {
    text.parse().map_err(|_| ApiError::not_found("version not found"))
}

/// Lists the versions of a zone, oldest first.
#[utoipa::path(
    get, path = "/v1/zones/{zone}/versions",
    responses((status = 200, description = "The versions", body = ref("#/components/schemas/ZoneVersions"))),
)]
pub(crate) async fn list(State(service): State<Service>, Path(zone): Path<String>) -> Reply {
    let zone = zone_of_path(&zone)?;
    Ok(json(&service.read(move |service| service.versions(&zone)).await?))
}

/// Keeps a zone as it is as a new version.
#[utoipa::path(
    put, path = "/v1/zones/{zone}/versions",
    params(("force" = Option<bool>, Query, description = "`true` forgets the oldest version when there are too many")),
    request_body = ref("#/components/schemas/ZoneVersionFields"),
    responses((status = 200, description = "The version", body = ref("#/components/schemas/ZoneVersion"))),
)]
pub(crate) async fn create(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path(zone): Path<String>,
    params: Params,
    body: Result<OptionalObject, ApiError>,
) -> Reply {
    let zone = zone_of_path(&zone)?;
    service.existing_zone(&zone)?;
    let body = body?.0;
    let name = fields::string_or_null(&body, "name")?.filter(|name| !name.is_empty()).map(str::to_owned);
    if name.as_ref().is_some_and(|name| name.len() > NAME_BYTES) {
        return Err(ApiError::bad_request(format!(
            "Input validation failed (the value of field '<obj>.name' is longer than {NAME_BYTES} bytes)"
        )));
    }
    let when_full =
        if params.flag("force")?.unwrap_or(false) { WhenFull::ForgetOldest } else { WhenFull::Refuse };
    let made = service.create_version(&actor, &zone, name, when_full).await?;
    Ok(with_revision(json(&made.value), made.revision))
}

/// Makes a zone what a version has.
#[utoipa::path(
    post, path = "/v1/zones/{zone}/versions/{version}/activate",
    responses((status = 200, description = "The version", body = ref("#/components/schemas/ZoneVersion"))),
)]
pub(crate) async fn activate(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path((zone, version)): Path<(String, String)>,
) -> Reply {
    let zone = zone_of_path(&zone)?;
    service.existing_zone(&zone)?;
    let made = service.activate_version(&actor, &zone, number(&version)?).await?;
    Ok(with_revision(json(&made.value), made.revision))
}

/// Removes a version of a zone.
#[utoipa::path(
    delete, path = "/v1/zones/{zone}/versions/{version}",
    responses((status = 200, description = "Removed", body = ref("#/components/schemas/Empty"))),
)]
pub(crate) async fn remove(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    Path((zone, version)): Path<(String, String)>,
) -> Reply {
    let zone = zone_of_path(&zone)?;
    service.existing_zone(&zone)?;
    let version = number(&version)?;
    let gone = service.commit(&actor, move |transaction| transaction.delete_version(&zone, version)).await?;
    Ok(with_revision(empty(), gone.revision))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU64, Ordering};

    use serde_json::{Value, json};
    use zones::RecordType;

    use crate::limits::VERSIONS_PER_ZONE;
    use crate::service::{Clock, ServiceOptions};
    use crate::testing::TestApi;

    const VERSIONS: &str = "/v1/zones/a.test/versions";

    async fn with_zone() -> TestApi {
        let api = TestApi::new().await;
        api.done("PUT", "/v1/zones/a.test", json!({"zone": "a.test"})).await;
        api
    }

    async fn put(api: &TestApi, domain: &str, rtype: &str, body: Value) -> Value {
        api.done("PUT", &format!("/v1/zones/a.test/{domain}.a.test/{rtype}"), body).await
    }

    #[tokio::test]
    async fn an_activated_version_brings_back_records_and_settings_under_a_later_serial() {
        let api = with_zone().await;
        put(&api, "kept", "A", json!({"answers": ["192.0.2.1"]})).await;
        let steered = json!({
            "answers": [{"answer": ["192.0.2.2"], "meta": {"up": true}, "region": "r"}], "ttl": 5,
            "filters": [{"filter": "up", "config": {}}], "regions": {"r": {"meta": {"country": ["DE"]}}},
        });
        put(&api, "changed", "A", steered).await;
        put(&api, "gone", "CNAME", json!({"answers": ["kept.a.test"]})).await;
        let before = api.get("/v1/zones/a.test").await.json();
        let steered = api.get("/v1/zones/a.test/changed.a.test/A").await.json();
        let version = api.done("PUT", VERSIONS, json!({"name": "before"})).await;
        assert_eq!((&version["id"], &version["name"]), (&json!(1), &json!("before")));
        assert_eq!((&version["active"], version["created_at"].is_u64()), (&json!(true), true));

        api.done("POST", "/v1/zones/a.test", json!({"nx_ttl": 7})).await;
        api.done(
            "POST",
            "/v1/zones/a.test/changed.a.test/A",
            json!({"answers": [["192.0.2.3"]], "filters": []}),
        )
        .await;
        api.done("DELETE", "/v1/zones/a.test/gone.a.test/CNAME", json!({})).await;
        put(&api, "gone", "A", json!({"answers": ["192.0.2.4"]})).await;
        put(&api, "added", "TXT", json!({"answers": ["x"]})).await;
        assert_eq!(api.get(VERSIONS).await.json()[0]["active"], false);

        let serial = api.get("/v1/zones/a.test").await.json()["serial"].as_u64().unwrap();
        let activated = api.done("POST", &format!("{VERSIONS}/1/activate"), Value::Null).await;
        assert_eq!(activated["active"], true);
        let mut after = api.get("/v1/zones/a.test").await.json();
        assert_eq!(after["serial"].as_u64(), Some(serial + 1));
        after["serial"] = before["serial"].clone();
        assert_eq!(after, before, "the same records with the same ids");
        assert_eq!(api.get("/v1/zones/a.test/changed.a.test/A").await.json(), steered);
        assert_eq!(api.resolve("changed.a.test", RecordType::A), ["c0000202"]);
        assert!(api.resolve("gone.a.test", RecordType::A).is_empty());
        assert_eq!(api.resolve("gone.a.test", RecordType::CNAME).len(), 1);
        assert!(api.resolve("added.a.test", RecordType::TXT).is_empty());

        let again = api.done("POST", &format!("{VERSIONS}/1/activate"), Value::Null).await;
        assert_eq!(again["active"], true);
        let unchanged = api.get("/v1/zones/a.test").await.json();
        assert_eq!(unchanged["serial"].as_u64(), Some(serial + 1), "nothing to change is no change");
        let log = api.get("/v1/account/activity").await;
        assert_eq!(log.text().matches("\"resource_type\":\"zoneversion\"").count(), 3, "{}", log.text());
    }

    #[tokio::test]
    async fn a_link_to_a_zone_leaves_its_active_version_active() {
        let now_s = Arc::new(AtomicU64::new(1_700_000_000));
        let clock = {
            let now_s = Arc::clone(&now_s);
            Clock::new(move || now_s.load(Ordering::Relaxed) * 1_000_000)
        };
        let api = TestApi::with_options(ServiceOptions { clock, ..ServiceOptions::default() }).await;
        api.done("PUT", "/v1/zones/a.test", json!({"zone": "a.test"})).await;
        let active = async || -> Vec<bool> {
            let listed = api.get(VERSIONS).await.json();
            listed.as_array().unwrap().iter().map(|version| version["active"] == true).collect()
        };
        api.done("PUT", VERSIONS, json!({})).await;
        api.done("POST", "/v1/zones/a.test", json!({"nx_ttl": 7})).await;
        api.done("PUT", VERSIONS, json!({})).await;
        assert_eq!(active().await, [false, true]);
        now_s.fetch_add(100, Ordering::Relaxed);
        let serial = async || api.get("/v1/zones/a.test").await.json()["serial"].as_u64().unwrap();
        let before = serial().await;
        api.done("PUT", "/v1/zones/b.test", json!({"zone": "b.test", "link": "a.test"})).await;
        assert!(serial().await > before, "there may have been another zone of that name");
        assert_eq!(active().await, [false, true]);
        api.done("POST", "/v1/zones/a.test", json!({"nx_ttl": 8})).await;
        now_s.fetch_add(100, Ordering::Relaxed);
        api.done("PUT", "/v1/zones/c.test", json!({"zone": "c.test", "link": "a.test"})).await;
        assert_eq!(active().await, [false, false], "what was changed before stays so");
    }

    #[tokio::test]
    async fn versions_are_bounded_and_go_with_their_zone() {
        let api = with_zone().await;
        for number in 1..=VERSIONS_PER_ZONE {
            let version = api.done("PUT", VERSIONS, Value::Null).await;
            assert_eq!(version["name"], format!("Version {number}"));
        }
        let full = api.call("PUT", &format!("{VERSIONS}?force=false"), json!({})).await;
        assert_eq!(full.status, 400);
        assert!(full.message().contains("force=true"), "{}", full.text());
        api.done("PUT", &format!("{VERSIONS}?force=true"), json!({})).await;
        let listed = api.get(VERSIONS).await.json();
        let ids: Vec<u64> =
            listed.as_array().unwrap().iter().map(|version| version["id"].as_u64().unwrap()).collect();
        assert_eq!(ids, (2..=VERSIONS_PER_ZONE as u64 + 1).collect::<Vec<_>>());
        let active = listed.as_array().unwrap().iter().filter(|version| version["active"] == true).count();
        assert_eq!(active, 1);
        assert_eq!(api.done("DELETE", &format!("{VERSIONS}/2"), json!({})).await, json!({}));
        for (method, path) in
            [("DELETE", "2"), ("DELETE", "x"), ("POST", "2/activate"), ("POST", "99/activate")]
        {
            let reply = api.call(method, &format!("{VERSIONS}/{path}"), json!({})).await;
            assert_eq!((reply.status.as_u16(), reply.message().as_str()), (404, "version not found"));
        }
        api.done("DELETE", "/v1/zones/a.test", json!({})).await;
        assert_eq!(api.get(VERSIONS).await.message(), "zone not found");
        api.done("PUT", "/v1/zones/a.test", json!({"zone": "a.test"})).await;
        assert_eq!(api.get(VERSIONS).await.json(), json!([]));
        api.done("PUT", "/v1/zones/b.test", json!({"zone": "b.test", "link": "a.test"})).await;
        let linked = api.call("PUT", "/v1/zones/b.test/versions", json!({})).await;
        assert!(linked.message().contains("linked zone"), "{}", linked.text());
    }
}
