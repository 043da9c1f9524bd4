//! `/v1/zones` and `/v1/zones/{zone}`.

use axum::extract::{Extension, Path, State};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use serde_json::{Map, Value, value::to_raw_value};
use zones::{Name, RecordType, ZoneDoc};

use crate::ApiState;
use crate::dto::zone::{ZoneFields, record_summary, zone_object};
use crate::error::ApiError;
use crate::http::{JsonObject, Origin, Params, empty, json};
use crate::service::{Actor, Committed, RecordEntry, Service, Transaction};

/// Zones in one reply when the request names no `limit`, and at most.
const ZONES_PER_PAGE: usize = 5000;

/// Records of a zone in one reply when the request names no `limit`, and at most. Many clients do not
/// follow pages, so pages are large.
const RECORDS_PER_PAGE: usize = 10_000;

/// What these handlers return.
pub(super) type Reply = Result<Response, ApiError>;

/// The number of the change set that holds an acknowledged change.
pub(super) fn with_revision(mut response: Response, revision: u64) -> Response {
    let name = HeaderName::from_static("x-sextant-revision");
    response.headers_mut().insert(name, HeaderValue::from(revision));
    response
}

/// The zone that a path names. A text that is no name cannot be the name of a zone.
pub(super) fn zone_of_path(text: &str) -> Result<Name, ApiError> {
    Name::parse(text).map_err(|_| ApiError::zone_not_found())
}

/// A name that something new is to get.
pub(super) fn new_name(field: &str, text: &str) -> Result<Name, ApiError> {
    let invalid = |reason: &dyn std::fmt::Display| {
        ApiError::bad_request(format!("invalid: {field} {text:?}: {reason}"))
    };
    if text.ends_with('.') {
        return Err(invalid(&"a name must not end with a dot"));
    }
    Name::parse(text).map_err(|error| invalid(&error))
}

/// The `limit` of a request, bounded.
pub(super) fn page_size(parameters: &Params, maximum: usize) -> Result<usize, ApiError> {
    let Some(limit) = parameters.number("limit")? else { return Ok(maximum) };
    Ok(usize::try_from(limit).unwrap_or(maximum).clamp(1, maximum))
}

/// Lists the zones, in pages.
#[utoipa::path(
    get, path = "/v1/zones",
    params(
        ("limit" = Option<u64>, Query, description = "At most this many entries in the reply"),
        ("after" = Option<String>, Query, description = "Where the page begins: behind this entry of the one before"),
    ),
    responses((status = 200, description = "The zones", body = ref("#/components/schemas/ZoneList"))),
)]
pub(crate) async fn list(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    parameters: Params,
    origin: Origin,
) -> Reply {
    let limit = page_size(&parameters, ZONES_PER_PAGE)?;
    let after = match parameters.get("after") {
        Some(after) => Some(new_name("after", after)?),
        None => None,
    };
    let (page, last) = state
        .service
        .read(move |service| {
            let visible = |zone: &Result<ZoneDoc, _>| {
                zone.as_ref().map_or(true, |zone: &ZoneDoc| actor.may_view_zone(&zone.zone))
            };
            let mut zones = service.zones(after.as_ref()).filter(visible);
            let mut page = Vec::new();
            let mut last = String::new();
            while page.len() < limit
                && let Some(zone) = zones.next().transpose()?
            {
                // As text each takes a tenth of the memory.
                page.push(to_raw_value(&zone_object(&zone)).map_err(ApiError::internal)?);
                last = zone.zone;
            }
            let more = zones.next().is_some();
            Ok((page, more.then_some(last)))
        })
        .await?;
    let response = json(&page);
    Ok(match last {
        Some(last) => ([origin.next_page(&last)], response).into_response(),
        None => response,
    })
}

/// Where a page of records begins: `owner/TYPE`.
pub(super) fn cursor(text: &str) -> Result<(Name, RecordType), ApiError> {
    let parse = || {
        let (owner, rtype) = text.rsplit_once('/')?;
        Some((Name::parse(owner).ok()?, RecordType::parse(rtype)?))
    };
    parse().ok_or_else(|| ApiError::bad_request("query parameter after: expected NAME/TYPE"))
}

/// A zone with a page of its records, and where the next page begins.
fn zone_page(
    service: &Service,
    actor: &Actor,
    zone: &ZoneDoc,
    after: Option<(Name, RecordType)>,
    limit: usize,
) -> Result<(Map<String, Value>, Option<String>), ApiError> {
    let apex = Name::parse(&zone.zone).map_err(ApiError::internal)?;
    let after = after.as_ref().map(|(owner, rtype)| (owner, *rtype));
    let visible = |entry: &Result<RecordEntry, _>| {
        let place = entry.as_ref().ok().and_then(RecordEntry::place);
        place.is_none_or(|(zone, domain, rtype)| actor.may_view_record(zone, domain, &rtype.to_string()))
    };
    let mut entries = service.records(&apex, after).filter(visible);
    let mut records = Vec::new();
    let mut last = String::new();
    while records.len() < limit
        && let Some(entry) = entries.next().transpose()?
    {
        let record = entry.document()?;
        records.push(Value::Object(record_summary(&record)));
        if records.len() == limit {
            last = format!("{}/{}", record.domain, record.rtype);
        }
    }
    let more = records.len() == limit && entries.next().is_some();
    let mut object = zone_object(zone);
    object.insert("records".to_owned(), Value::Array(records));
    Ok((object, more.then_some(last)))
}

/// Shows a zone, with a page of its records.
#[utoipa::path(
    get, path = "/v1/zones/{zone}",
    params(
        ("records" = Option<bool>, Query, description = "`false` leaves the records out"),
        ("limit" = Option<u64>, Query, description = "At most this many entries in the reply"),
        ("after" = Option<String>, Query, description = "Where the page begins: behind this entry of the one before"),
    ),
    responses((status = 200, description = "The zone", body = ref("#/components/schemas/ZoneWithRecords"))),
)]
pub(crate) async fn view(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(zone): Path<String>,
    parameters: Params,
    origin: Origin,
) -> Reply {
    let zone = zone_of_path(&zone)?;
    let with_records = parameters.flag("records")?.unwrap_or(true);
    let limit = page_size(&parameters, RECORDS_PER_PAGE)?;
    let after = parameters.get("after").map(cursor).transpose()?;
    let (object, last) = state
        .service
        .read(move |service| {
            let zone = service.existing_zone(&zone)?;
            if with_records {
                zone_page(service, &actor, &zone, after, limit)
            } else {
                Ok((zone_object(&zone), None))
            }
        })
        .await?;
    let response = json(&object);
    Ok(match last {
        Some(last) => ([origin.next_page(&last)], response).into_response(),
        None => response,
    })
}

/// The reply of a create and of an update: the zone with the first page of its records.
async fn whole_zone(state: &ApiState, actor: Actor, committed: Committed<ZoneDoc>) -> Reply {
    let Committed { value: zone, revision } = committed;
    let read = state.service.read(move |service| zone_page(service, &actor, &zone, None, RECORDS_PER_PAGE));
    let (object, _) = read.await?;
    Ok(with_revision(json(&object), revision))
}

/// Makes a zone.
#[utoipa::path(
    put, path = "/v1/zones/{zone}",
    request_body = ref("#/components/schemas/ZoneCreate"),
    responses((status = 200, description = "The new zone", body = ref("#/components/schemas/ZoneWithRecords"))),
)]
pub(crate) async fn create(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(zone): Path<String>,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let name = new_name("zone", &zone)?;
    let fields = ZoneFields::from_create(&body?.0, &name)?;
    let create = move |transaction: &mut Transaction<'_>| transaction.create_zone(&name, fields);
    let committed = state.service.commit(&actor, create).await?;
    whole_zone(&state, actor, committed).await
}

/// Changes the given fields of a zone.
#[utoipa::path(
    post, path = "/v1/zones/{zone}",
    params(
        ("refresh" = Option<bool>, Query, description = "`true` asks for a new transfer; for secondary zones only"),
    ),
    request_body = ref("#/components/schemas/ZoneFields"),
    responses((status = 200, description = "The changed zone", body = ref("#/components/schemas/ZoneWithRecords"))),
)]
pub(crate) async fn update(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(zone): Path<String>,
    parameters: Params,
    body: Result<JsonObject, ApiError>,
) -> Reply {
    let name = zone_of_path(&zone)?;
    // A missing zone is told before a wrong body is.
    let found = state.service.existing_zone(&name)?;
    if found.link.is_none() && parameters.flag("refresh")?.unwrap_or(false) {
        return Err(ApiError::bad_request("only a secondary zone can be refreshed"));
    }
    let fields = body.and_then(|body| ZoneFields::from_update(&body.0, &name));
    let update = move |transaction: &mut Transaction<'_>| transaction.update_zone(&name, fields);
    let committed = state.service.commit(&actor, update).await?;
    whole_zone(&state, actor, committed).await
}

/// Removes a zone.
#[utoipa::path(
    delete, path = "/v1/zones/{zone}",
    responses((status = 200, description = "Removed", body = ref("#/components/schemas/Empty"))),
)]
pub(crate) async fn remove(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(zone): Path<String>,
) -> Reply {
    let name = zone_of_path(&zone)?;
    let committed = state.service.commit(&actor, move |transaction| transaction.delete_zone(&name)).await?;
    Ok(with_revision(empty(), committed.revision))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestApi;

    #[tokio::test]
    async fn a_zone_lives_from_put_to_delete() {
        let api = TestApi::new().await;
        let created = api.call("PUT", "/v1/zones/Example.com", json!({"zone": "example.com"})).await;
        assert_eq!(created.status, 200);
        assert!(!created.header("x-sextant-revision").is_empty());
        let text = created.text();
        assert!(text.ends_with("}\n") && text.contains("\"zone\":\"example.com\""), "{text}");
        let zone = created.json();
        assert_eq!(zone["records"].as_array().unwrap().len(), 1);
        assert_eq!(api.get("/v1/zones/EXAMPLE.COM").await.json(), zone);
        let updated = api.done("POST", "/v1/zones/example.com", json!({"ttl": 60})).await;
        assert_eq!(updated["serial"].as_u64(), zone["serial"].as_u64().map(|serial| serial + 1));
        assert_eq!(updated["records"], zone["records"]);
        assert_eq!(api.done("DELETE", "/v1/zones/example.com", json!({})).await, json!({}));
        let gone = api.get("/v1/zones/example.com").await;
        assert_eq!((gone.status.as_u16(), gone.text()), (404, "{\"message\":\"zone not found\"}\n"));
    }

    #[tokio::test]
    async fn what_is_not_a_zone_is_not_found_and_what_cannot_be_one_is_refused() {
        let api = TestApi::new().await;
        api.done("PUT", "/v1/zones/example.com", json!({"zone": "example.com"})).await;
        for path in ["/v1/zones/www.example.com", "/v1/zones/com", "/v1/zones/a..b", "/v1/zones/%C3%BC"] {
            let reply = api.get(path).await;
            assert_eq!((reply.status.as_u16(), reply.message().as_str()), (404, "zone not found"), "{path}");
            assert_eq!(api.call("POST", path, json!("no object")).await.status, 404);
            assert_eq!(api.call("DELETE", path, json!({})).await.status, 404);
        }
        for (path, body, part) in [
            ("/v1/zones/example.com", json!({"zone": "example.com"}), "zone already exists"),
            ("/v1/zones/a..b", json!({"zone": "a..b"}), "invalid: zone"),
            ("/v1/zones/a.test.", json!({"zone": "a.test"}), "dot"),
            ("/v1/zones/a.test", json!({"zone": "b.test"}), "<obj>.zone"),
            ("/v1/zones/vanity", json!({"zone": "b.test"}), "other names for a zone"),
            ("/v1/zones/a.test", json!({"zone": "a.test", "name": "vanity"}), "<obj>.name"),
            ("/v1/zones/a.test", json!({}), "<obj>.zone"),
            ("/v1/zones/a.test", json!(null), "body"),
            ("/v1/zones/a.test", json!([]), "object"),
        ] {
            let reply = api.call("PUT", path, body).await;
            assert_eq!(reply.status, 400, "{path}");
            assert!(reply.message().contains(part), "{}", reply.text());
        }
        let refresh = api.call("POST", "/v1/zones/example.com?refresh=true", json!(null)).await;
        assert!(refresh.message().contains("secondary"), "{}", refresh.text());
    }

    #[tokio::test]
    async fn the_list_has_no_records_and_comes_in_pages() {
        let api = TestApi::new().await;
        for zone in ["a.test", "b.test", "c.test"] {
            api.done("PUT", &format!("/v1/zones/{zone}"), json!({"zone": zone})).await;
        }
        let all = api.get("/v1/zones").await;
        assert_eq!(all.json().as_array().unwrap().len(), 3);
        assert!(!all.text().contains("\"records\"") && all.header("link").is_empty());
        let first = api.get("/v1/zones?limit=2").await;
        assert_eq!(first.json().as_array().unwrap().len(), 2);
        let link = "<http://localhost/v1/zones?limit=2&after=b.test>; rel=\"next\"";
        assert_eq!(first.header("link"), link);
        let second = api.get("/v1/zones?limit=2&after=b.test").await;
        assert_eq!(second.json()[0]["zone"], "c.test");
        assert!(second.header("link").is_empty());
    }

    #[tokio::test]
    async fn the_records_of_a_zone_come_in_pages_or_not_at_all() {
        let api = TestApi::new().await;
        api.done("PUT", "/v1/zones/a.test", json!({"zone": "a.test"})).await;
        for host in ["x", "y"] {
            let path = format!("/v1/zones/a.test/{host}.a.test/A");
            api.done("PUT", &path, json!({"answers": [{"answer": ["192.0.2.1"]}]})).await;
        }
        let without = api.get("/v1/zones/a.test?records=False").await;
        assert_eq!(without.json().get("records"), None);
        let first = api.get("/v1/zones/a.test?limit=2").await;
        let domains = |reply: &crate::testing::Reply| -> Vec<String> {
            let zone = reply.json();
            let records = zone["records"].as_array().unwrap().iter();
            records.map(|record| record["domain"].as_str().unwrap().to_owned()).collect()
        };
        assert_eq!(domains(&first), ["a.test", "x.a.test"]);
        let link = first.header("link").to_owned();
        let next = link.split(['<', '>']).nth(1).unwrap().strip_prefix("http://localhost").unwrap();
        let second = api.get(next).await;
        assert_eq!(domains(&second), ["y.a.test"]);
        assert!(second.header("link").is_empty());
        assert_eq!(api.get("/v1/zones/a.test?after=x").await.status, 400);
    }
}
