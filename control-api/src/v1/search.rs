//! Finding zones and records by a piece of their name or of their answers.

use axum::body::Body;
use axum::extract::{Extension, State};
use axum::http::Response;
use serde_json::{Value, json};
use zones::AnswerDoc;

use crate::dto::record::record_object;
use crate::dto::zone::zone_object;
use crate::error::ApiError;
use crate::http::{self, Params};
use crate::limits::{SEARCH_RESULTS, SEARCH_RESULTS_MAX, SEARCH_SCANNED_MAX};
use crate::service::{Actor, RecordEntry, Service};

/// What is looked at.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Scope {
    Zones,
    Records,
    ZonesAndRecords,
    /// Record data instead of names.
    Answers,
}

/// A search as it was asked for.
struct Query {
    /// Lower-case, as names are stored.
    needle: String,
    scope: Scope,
    max: usize,
    expand: bool,
}

impl Query {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let needle = params.get("q").unwrap_or_default().trim_end_matches('.').to_ascii_lowercase();
        if needle.is_empty() {
            return Err(ApiError::bad_request("query parameter q: a text to look for is required"));
        }
        let scope = match params.get("type").unwrap_or("all") {
            "zone" => Scope::Zones,
            "record" => Scope::Records,
            "all" | "" => Scope::ZonesAndRecords,
            "answers" => Scope::Answers,
            other => {
                return Err(ApiError::bad_request(format!(
                    "query parameter type: expected zone, record, all or answers, got {other:?}"
                )));
            }
        };
        let max = params
            .number("max")?
            .map_or(SEARCH_RESULTS, |max| usize::try_from(max).unwrap_or(usize::MAX).min(SEARCH_RESULTS_MAX));
        Ok(Self { needle, scope, max, expand: params.flag("expand")?.unwrap_or(false) })
    }

    fn looks_at_zones(&self) -> bool {
        matches!(self.scope, Scope::Zones | Scope::ZonesAndRecords)
    }

    /// Only a search in answers has to read the record itself.
    fn fits(&self, entry: &RecordEntry) -> Result<bool, ApiError> {
        if self.scope != Scope::Answers {
            return Ok(entry.place().is_some_and(|(_, domain, _)| domain.contains(&self.needle)));
        }
        let record = entry.document()?;
        Ok(record.answers.iter().any(|answer| answer_text(answer).contains(&self.needle)))
    }
}

/// The fields of an answer in one line, in lower case.
pub(super) fn answer_text(answer: &AnswerDoc) -> String {
    let fields: Vec<String> = answer.answer.iter().map(text_of).collect();
    fields.join(" ").to_ascii_lowercase()
}

fn text_of(field: &Value) -> String {
    match field {
        Value::String(text) => text.clone(),
        other => other.to_string(),
    }
}

/// `GET /v1/search?q=&type=&max=&expand=`.
#[utoipa::path(
    get, path = "/v1/search",
    params(
        ("q" = String, Query, pattern = "[^.]", description = "A piece of a name, or of an answer"),
        ("type" = Option<String>, Query, pattern = "^(zone|record|all|answers)?$", description = "`zone`, `record`, `all` or `answers`"),
        ("max" = Option<u64>, Query, description = "At most this many results"),
        ("expand" = Option<bool>, Query, description = "`true` shows whole objects"),
    ),
    responses((status = 200, description = "What was found", body = ref("#/components/schemas/SearchResults"))),
)]
pub async fn search(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    params: Params,
) -> Result<Response<Body>, ApiError> {
    let query = Query::read(&params)?;
    let found = service.read(move |service| find(service, &actor, &query)).await?;
    Ok(http::json(&found))
}

/// Zones first, then records, each in the order of their names.
fn find(service: &Service, actor: &Actor, query: &Query) -> Result<Vec<Value>, ApiError> {
    let mut found = Vec::new();
    if query.looks_at_zones() {
        for zone in service.zones(None) {
            if found.len() >= query.max {
                return Ok(found);
            }
            let zone = zone?;
            if zone.zone.contains(&query.needle) && actor.may_view_zone(&zone.zone) {
                found.push(match query.expand {
                    true => Value::Object(zone_object(&zone)),
                    false => json!({ "zone": zone.zone }),
                });
            }
        }
    }
    if query.scope == Scope::Zones {
        return Ok(found);
    }
    for entry in service.all_records().take(SEARCH_SCANNED_MAX) {
        if found.len() >= query.max {
            break;
        }
        let entry = entry?;
        if query.fits(&entry)?
            && let Some((zone, domain, rtype)) = entry.place()
            && actor.may_view_record(zone, domain, &rtype.to_string())
        {
            found.push(match query.expand {
                true => expanded(service, actor, &entry)?,
                false => json!({ "zone": zone, "type": rtype, "domain": domain }),
            });
        }
    }
    Ok(found)
}

fn expanded(service: &Service, actor: &Actor, entry: &RecordEntry) -> Result<Value, ApiError> {
    let record = entry.document()?;
    Ok(Value::Object(record_object(&record, |feed| service.source_of_feed(actor, feed))))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use crate::testing::TestApi;

    async fn world() -> TestApi {
        let api = TestApi::new().await;
        for zone in ["alpha.example", "beta.example"] {
            api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
        }
        for (path, answer) in [
            ("alpha.example/www.alpha.example/A", json!(["192.0.2.77"])),
            ("beta.example/alphabet.beta.example/MX", json!([10, "Mail.Example.Net"])),
        ] {
            let body = json!({"answers": [{"answer": answer}]});
            api.done("PUT", &format!("/v1/zones/{path}"), body).await;
        }
        api
    }

    #[tokio::test]
    async fn names_are_found_by_any_piece_of_them() {
        let api = world().await;
        let found = async |query: &str| api.get(&format!("/v1/search?{query}")).await.json();
        assert_eq!(found("q=ALPHA&type=zone").await, json!([{"zone": "alpha.example"}]));
        let all = found("q=alpha").await;
        assert_eq!(
            all.to_string(),
            json!([
                {"zone": "alpha.example"},
                {"zone": "alpha.example", "type": "NS", "domain": "alpha.example"},
                {"zone": "alpha.example", "type": "A", "domain": "www.alpha.example"},
                {"zone": "beta.example", "type": "MX", "domain": "alphabet.beta.example"},
            ])
            .to_string()
        );
        assert_eq!(found("q=alpha&max=2").await.as_array().unwrap().len(), 2);
        assert_eq!(found("q=alpha&max=0").await, json!([]));
        assert_eq!(found("q=alphabet&type=record").await.as_array().unwrap().len(), 1);
        assert_eq!(found("q=nothing").await, json!([]));
    }

    #[tokio::test]
    async fn answers_are_found_by_their_text() {
        let api = world().await;
        let found = api.get("/v1/search?q=10+mail.example&type=answers").await.json();
        assert_eq!(found, json!([{"zone": "beta.example", "type": "MX", "domain": "alphabet.beta.example"}]));
        let found = api.get("/v1/search?q=192.0.2.77&type=answers&expand=t").await.json();
        assert_eq!(found[0], api.get("/v1/zones/alpha.example/www.alpha.example/A").await.json());
    }

    #[tokio::test]
    async fn a_search_without_a_text_or_of_an_unknown_kind_is_refused() {
        let api = world().await;
        for query in ["", "?q=", "?q=.", "?q=a&type=views", "?q=a&max=many", "?q=a&expand=perhaps"] {
            let reply = api.call("GET", &format!("/v1/search{query}"), Value::Null).await;
            assert_eq!(reply.status.as_u16(), 400, "{query}");
            assert!(reply.message().contains("query parameter"), "{}", reply.text());
        }
    }
}
