//! The activity log: who changed what, newest first.

use axum::Extension;
use axum::body::Body;
use axum::extract::State;
use axum::http::Response;

use crate::error::ApiError;
use crate::http::{self, Params};
use crate::limits::{ACTIVITY_RESULTS, ACTIVITY_RESULTS_MAX, ACTIVITY_SCANNED_MAX};
use crate::service::documents::ActivityEntry;
use crate::service::{Actor, Service};

/// What a request wants to see of the log.
struct Wanted {
    limit: usize,
    /// Entries later than this, unix time in seconds.
    start_s: u64,
    /// Entries earlier than this.
    end_s: u64,
    resource_type: Option<String>,
    resource_id: Option<String>,
    user: Option<String>,
}

impl Wanted {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let text = |name: &str| params.get(name).filter(|text| !text.is_empty()).map(str::to_owned);
        let limit = params.number("limit")?.map_or(ACTIVITY_RESULTS, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX).min(ACTIVITY_RESULTS_MAX)
        });
        Ok(Self {
            limit,
            start_s: params.number("start")?.unwrap_or(0),
            end_s: params.number("end")?.unwrap_or(u64::MAX),
            resource_type: text("resource_type"),
            resource_id: text("resource_id"),
            user: text("user"),
        })
    }

    /// A user is meant by id or by name.
    fn fits(&self, entry: &ActivityEntry) -> bool {
        let is = |wanted: &Option<String>, value: &str| wanted.as_ref().is_none_or(|wanted| wanted == value);
        entry.timestamp < self.end_s
            && is(&self.resource_type, &entry.resource_type)
            && is(&self.resource_id, &entry.resource_id)
            && (is(&self.user, &entry.user_id) || is(&self.user, &entry.user_name))
    }

    fn find(&self, service: &Service, actor: &Actor) -> Result<Vec<ActivityEntry>, ApiError> {
        let mut found = Vec::new();
        for entry in service.activity().take(ACTIVITY_SCANNED_MAX) {
            let entry = entry?;
            if found.len() >= self.limit || entry.timestamp < self.start_s {
                break;
            }
            if self.fits(&entry) && may_view(actor, &entry) {
                found.push(entry);
            }
        }
        Ok(found)
    }
}

/// Whether an entry is about nothing that the actor may not see: zones and records hold their zone's name.
fn may_view(actor: &Actor, entry: &ActivityEntry) -> bool {
    let text = |member: &str| entry.resource.get(member).and_then(serde_json::Value::as_str);
    match (text("zone"), text("domain"), text("type")) {
        (Some(zone), Some(domain), Some(rtype)) => actor.may_view_record(zone, domain, rtype),
        (Some(zone), ..) => actor.may_view_zone(zone),
        _ => true,
    }
}

/// `GET /v1/account/activity`: what was changed, newest first.
#[utoipa::path(
    get, path = "/v1/account/activity",
    params(
        ("limit" = Option<u64>, Query, description = "At most this many entries in the reply"),
        ("start" = Option<u64>, Query, description = "Only entries from then on, unix time in seconds"),
        ("end" = Option<u64>, Query, description = "Only entries before, unix time in seconds"),
        ("resource_type" = Option<String>, Query, description = "Only resources of this type"),
        ("resource_id" = Option<String>, Query, description = "Only the resource with this id"),
        ("user" = Option<String>, Query, description = "Only changes by this user or key: its id or its name"),
    ),
    responses((status = 200, description = "The entries", body = ref("#/components/schemas/ActivityLog"))),
)]
pub async fn list(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    params: Params,
) -> Result<Response<Body>, ApiError> {
    let wanted = Wanted::read(&params)?;
    let entries = service.read(move |service| wanted.find(service, &actor));
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

    #[tokio::test]
    async fn each_filter_leaves_out_what_does_not_fit() {
        let api = TestApi::new().await;
        for zone in ["a.example", "b.example"] {
            api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
        }
        api.done("PUT", "/v1/account/teams", json!({"name": "operators"})).await;
        let all = api.get("/v1/account/activity").await.json();
        let entry =
            all.as_array().unwrap().iter().find(|entry| entry["resource"]["zone"] == "a.example").unwrap();
        let (id, at) = (entry["resource_id"].as_str().unwrap(), entry["timestamp"].as_u64().unwrap());
        for (query, count) in [
            ("resource_type=zone".to_owned(), 2),
            ("resource_type=team".to_owned(), 1),
            ("resource_type=none".to_owned(), 0),
            (format!("resource_id={id}&resource_type=zone"), 1),
            ("user=tests&resource_type=zone".to_owned(), 2),
            (format!("user={}&resource_type=team", "5".repeat(24)), 1),
            ("user=nobody".to_owned(), 0),
            (format!("end={}&resource_type=zone", at.saturating_sub(3600)), 0),
            (format!("start={}", at + 3600), 0),
        ] {
            let found = api.get(&format!("/v1/account/activity?{query}")).await.json();
            assert_eq!(found.as_array().unwrap().len(), count, "{query}: {found}");
        }
        let dns = json!({"zones_allow_by_default": false, "zones_allow": ["b.example"]});
        let key = api.key("restricted", json!({"dns": dns}).as_object().cloned().unwrap()).await;
        let seen = api.call_with(&key, "GET", "/v1/account/activity", json!(null)).await;
        assert!(seen.text().contains("b.example") && !seen.text().contains("a.example"), "{}", seen.text());
    }
}
