//! `/v1/dns/zone/search` and `/v1/dns/record/search`: searches that come in pages, with a total.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Response;
use serde_json::{Value, json};
use zones::RecordType;

use super::search::answer_text;
use crate::error::ApiError;
use crate::http::{self, Params};
use crate::limits::{SEARCH_RESULTS, SEARCH_RESULTS_MAX, SEARCH_SCANNED_MAX};
use crate::router::ApiState;
use crate::service::{Actor, Service};

/// What stands between the parts of a cursor: in names it is escaped.
const SEPARATOR: char = ' ';

/// A search as it was asked for.
struct Query {
    /// A piece of what is looked for, in lower case; empty for everything.
    needle: String,
    /// The zone that records must be in.
    zone: Option<String>,
    /// The type that records must have.
    rtype: Option<String>,
    limit: usize,
    /// The place of the last result before this page.
    after: Option<String>,
}

impl Query {
    fn read(params: &Params, allowed: &[&str]) -> Result<Self, ApiError> {
        if let Some((name, _)) = params.pairs().find(|(name, _)| !allowed.contains(name)) {
            return Err(ApiError::bad_request(format!(
                "query parameter {name}: unknown; allowed are {}",
                allowed.join(", ")
            )));
        }
        let plain = |name: &str| {
            let given = params.get(name).filter(|text| !text.is_empty());
            given.map(|text| text.trim_end_matches('.').to_ascii_lowercase())
        };
        let limit = params.number("limit")?.map_or(SEARCH_RESULTS, |limit| {
            usize::try_from(limit).unwrap_or(usize::MAX).clamp(1, SEARCH_RESULTS_MAX)
        });
        Ok(Self {
            needle: plain("q").unwrap_or_default(),
            zone: plain("zone"),
            rtype: plain("type").map(|rtype| rtype.to_ascii_uppercase()),
            limit,
            after: params.get("next").filter(|text| !text.is_empty()).map(str::to_owned),
        })
    }
}

/// A page in the making. Everything that fits is counted; what is behind the cursor is shown, up to the limit.
struct Page {
    query: Query,
    total: usize,
    results: Vec<Value>,
    last: String,
    has_more: bool,
}

impl Page {
    fn new(query: Query) -> Self {
        Self { query, total: 0, results: Vec::new(), last: String::new(), has_more: false }
    }

    /// Counts something that fits, and shows it if it is behind the cursor.
    fn take(
        &mut self,
        place: String,
        is_behind: bool,
        show: impl FnOnce() -> Result<Value, ApiError>,
    ) -> Result<(), ApiError> {
        self.total += 1;
        if !is_behind {
            return Ok(());
        }
        if self.results.len() >= self.query.limit {
            self.has_more = true;
            return Ok(());
        }
        self.results.push(show()?);
        self.last = place;
        Ok(())
    }

    fn finish(self) -> Value {
        json!({
            "next": if self.has_more { self.last } else { String::new() },
            "limit": self.query.limit,
            "total_results": self.total,
            "results": self.results,
        })
    }
}

/// Finds zones by a piece of their name.
#[utoipa::path(
    get, path = "/v1/dns/zone/search",
    params(
        ("q" = Option<String>, Query, description = "A piece of the name; without it all zones are found"),
        ("limit" = Option<u64>, Query, description = "Results in this page"),
        ("next" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/ZoneSearchPage"))),
)]
pub(crate) async fn zones(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    params: Params,
) -> Result<Response<Body>, ApiError> {
    let query = Query::read(&params, &["q", "limit", "next"])?;
    Ok(http::json(&state.examine(move |service| find_zones(service, &actor, query)).await?))
}

fn find_zones(service: &Service, actor: &Actor, query: Query) -> Result<Value, ApiError> {
    let mut page = Page::new(query);
    for zone in service.zones(None) {
        let zone = zone?.zone;
        if !zone.contains(&page.query.needle) || !actor.may_view_zone(&zone) {
            continue;
        }
        let is_behind = page.query.after.as_ref().is_none_or(|after| zone > *after);
        page.take(zone.clone(), is_behind, || Ok(json!({ "fqdn": zone, "handle": zone })))?;
    }
    Ok(page.finish())
}

/// Finds records by a piece of their name or of an answer.
#[utoipa::path(
    get, path = "/v1/dns/record/search",
    params(
        ("q" = Option<String>, Query, description = "A piece of the name or of an answer"),
        ("zone" = Option<String>, Query, description = "The zone that the records are in"),
        ("type" = Option<String>, Query, description = "The type of the records"),
        ("limit" = Option<u64>, Query, description = "Results in this page"),
        ("next" = Option<String>, Query, description = "`next` of the page before"),
    ),
    responses((status = 200, description = "A page", body = ref("#/components/schemas/RecordSearchPage"))),
)]
pub(crate) async fn records(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    params: Params,
) -> Result<Response<Body>, ApiError> {
    let query = Query::read(&params, &["q", "zone", "type", "limit", "next"])?;
    Ok(http::json(&state.examine(move |service| find_records(service, &actor, query)).await?))
}

fn find_records(service: &Service, actor: &Actor, query: Query) -> Result<Value, ApiError> {
    let after = query.after.as_deref().map(place_of).transpose()?;
    let mut page = Page::new(query);
    for entry in service.all_records().take(SEARCH_SCANNED_MAX) {
        let entry = entry?;
        let Some((zone, domain, rtype)) = entry.place() else { continue };
        let is_behind = after.as_ref().is_none_or(|(after_zone, after_domain, after_type)| {
            (zone, domain, rtype) > (after_zone, after_domain, *after_type)
        });
        let is_wanted = page.query.zone.as_ref().is_none_or(|wanted| wanted == zone)
            && page.query.rtype.as_ref().is_none_or(|wanted| *wanted == rtype.to_string())
            && actor.may_view_record(zone, domain, &rtype.to_string());
        if !is_wanted {
            continue;
        }
        let needle = &page.query.needle;
        let fits = domain.contains(needle)
            || entry.document()?.answers.iter().any(|answer| answer_text(answer).contains(needle));
        if !fits {
            continue;
        }
        let place = format!("{zone}{SEPARATOR}{domain}{SEPARATOR}{rtype}");
        page.take(place, is_behind, || {
            let record = entry.document()?;
            let answers = record.answers.iter().map(|answer| json!({ "answer": answer.answer }));
            Ok(json!({
                "domain": domain, "type": rtype, "ttl": record.ttl, "zone_fqdn": zone, "zone_handle": zone,
                "answers": answers.collect::<Vec<_>>(),
            }))
        })?;
    }
    Ok(page.finish())
}

/// The place that a cursor names.
fn place_of(cursor: &str) -> Result<(String, String, RecordType), ApiError> {
    let parse = || {
        let mut parts = cursor.split(SEPARATOR);
        let (zone, domain, rtype) = (parts.next()?, parts.next()?, parts.next()?);
        Some((zone.to_owned(), domain.to_owned(), RecordType::parse(rtype)?))
    };
    parse().ok_or_else(|| ApiError::bad_request("query parameter next: expected that of the page before"))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestApi;

    #[tokio::test]
    async fn zones_and_records_are_found_page_by_page() {
        let api = TestApi::new().await;
        for zone in ["alpha.test", "beta.test", "gamma.test"] {
            api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
            let answers = json!({"answers": ["192.0.2.7"], "ttl": 60});
            api.done("PUT", &format!("/v1/zones/{zone}/www.{zone}/A"), answers).await;
        }
        let page = api.get("/v1/dns/zone/search?q=TEST&limit=2").await.json();
        let expected = json!({
            "next": "beta.test", "limit": 2, "total_results": 3,
            "results": [
                {"fqdn": "alpha.test", "handle": "alpha.test"}, {"fqdn": "beta.test", "handle": "beta.test"}
            ],
        });
        assert_eq!(page.to_string(), expected.to_string());
        let page = api.get("/v1/dns/zone/search?q=TEST&limit=2&next=beta.test").await.json();
        assert_eq!(page["results"], json!([{"fqdn": "gamma.test", "handle": "gamma.test"}]));
        assert_eq!((&page["next"], &page["total_results"]), (&json!(""), &json!(3)));

        let mut found = Vec::new();
        let mut next = String::new();
        loop {
            let page = api
                .get(&format!("/v1/dns/record/search?q=192.0.2&limit=1&next={}", next.replace(' ', "+")))
                .await
                .json();
            assert_eq!(page["total_results"], 3);
            found.extend(page["results"].as_array().unwrap().clone());
            next = page["next"].as_str().unwrap().to_owned();
            if next.is_empty() {
                break;
            }
        }
        assert_eq!(found.len(), 3);
        let first = json!({
            "domain": "www.alpha.test", "type": "A", "ttl": 60, "zone_fqdn": "alpha.test",
            "zone_handle": "alpha.test", "answers": [{"answer": ["192.0.2.7"]}],
        });
        assert_eq!(found[0].to_string(), first.to_string());
        let count = async |query: &str| {
            api.get(&format!("/v1/dns/record/search?{query}")).await.json()["total_results"].clone()
        };
        assert_eq!(count("zone=beta.test").await, 2);
        assert_eq!(count("zone=beta.test.&type=a").await, 1);
        assert_eq!(count("q=www.gamma").await, 1);
        assert_eq!(api.get("/v1/dns/record/search?next=x").await.status, 400);
        let refused = api.get("/v1/dns/record/search?name=x").await;
        assert_eq!(refused.status, 400);
        assert!(refused.message().contains("allowed are q, zone"), "{}", refused.text());
    }
}
