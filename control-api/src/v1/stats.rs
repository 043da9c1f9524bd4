//! `/v1/stats`: how much is asked, of the account, a zone or a record.
//!
//! The rate is that of the last ten whole seconds. Usage comes in half hours for an hour and a day, and in half
//! days for 30 days; the last point is under way and the count is the sum of the points. For a key that is kept
//! from some zones or records, the account is the zones that it may see.

use axum::extract::{Extension, Path, State};
use axum::response::{IntoResponse, Response};
use serde_json::{Value, json};
use zones::{Name, RecordType, TallyKeys};

use super::zones::{Reply, cursor, new_name, page_size, zone_of_path};
use crate::ApiState;
use crate::auth::Right;
use crate::error::ApiError;
use crate::http::{Origin, Params, json as reply};
use crate::limits::USAGE_ROWS;
use crate::service::{Actor, RecordEntry, Service};
use crate::statistics::{Graph, Key, Period, Statistics};

/// `GET /v1/stats/qps`: queries per second for all zones that the key may see.
#[utoipa::path(
    get, path = "/v1/stats/qps",
    responses((status = 200, description = "The rate", body = ref("#/components/schemas/QueryRate"))),
)]
pub async fn account_rate(State(state): State<ApiState>, Extension(actor): Extension<Actor>) -> Reply {
    if actor.access.reaches_everything(Right::ViewZones) {
        return Ok(rate(&state, Key::Account));
    }
    let rate = state.examine_with_statistics(move |service, statistics, _| {
        Ok(statistics.rate_of_all(&Account::of(service, &actor).keys))
    });
    Ok(rate_of(rate.await?))
}

/// `GET /v1/stats/qps/{zone}`: queries per second for a zone.
#[utoipa::path(
    get, path = "/v1/stats/qps/{zone}",
    responses((status = 200, description = "The rate", body = ref("#/components/schemas/QueryRate"))),
)]
pub async fn zone_rate(State(state): State<ApiState>, Path(zone): Path<String>) -> Reply {
    let zone = zone_of_path(&zone)?;
    let key = Key::Zone(TallyKeys::of_zone(&zone));
    state.service.read(move |service| service.existing_zone(&zone)).await?;
    Ok(rate(&state, key))
}

/// `GET /v1/stats/qps/{zone}/{domain}/{type}`: queries per second that a record answers.
#[utoipa::path(
    get, path = "/v1/stats/qps/{zone}/{domain}/{type}",
    responses((status = 200, description = "The rate", body = ref("#/components/schemas/QueryRate"))),
)]
pub async fn record_rate(State(state): State<ApiState>, Path(path): Path<(String, String, String)>) -> Reply {
    let record = Record::of_path(&path)?;
    let key = record.key();
    state.service.read(move |service| record.must_exist(service)).await?;
    Ok(rate(&state, key))
}

/// `GET /v1/stats/usage`: queries for all zones that the key may see, and unless `expand` is false for each.
#[utoipa::path(
    get, path = "/v1/stats/usage",
    params(
        ("period" = Option<String>, Query, pattern = "^(1h|24h|30d)$", description = "1h, 24h or 30d; 24h if it is not there"),
        ("expand" = Option<bool>, Query, description = "Whether a row for each zone follows; true if it is not there"),
        ("networks" = Option<String>, Query, pattern = "^([*]|0)$", description = "* or a list of networks; there is network 0"),
        ("aggregate" = Option<bool>, Query, description = "Whether networks are summed; with one it is the same"),
        ("by_tier" = Option<bool>, Query, description = "Makes no difference, as in the original"),
        ("after" = Option<String>, Query, description = "The zone after which the page begins"),
        ("limit" = Option<u64>, Query, description = "At most this many zones in the reply"),
    ),
    responses((status = 200, description = "The account, then zones", body = ref("#/components/schemas/Usage"))),
)]
pub async fn account_usage(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    params: Params,
    origin: Origin,
) -> Reply {
    let request = Request::read(&params)?;
    let limit = page_size(&params, USAGE_ROWS)?;
    let after = params.get("after").map(|after| new_name("after", after)).transpose()?;
    let is_expanded = params.flag("expand")?.unwrap_or(true);
    let (rows, last) = state
        .examine_with_statistics(move |service, statistics, now_s| {
            let mut page = Page::default();
            let account = match after {
                None => Some(account_row(service, statistics, &actor, request.period, now_s)?),
                Some(_) => None,
            };
            let mut last = None;
            if is_expanded {
                let zones = service.zones(after.as_ref());
                let mut zones =
                    zones.filter(|zone| zone.as_ref().map_or(true, |zone| actor.may_view_zone(&zone.zone)));
                for zone in zones.by_ref().take(limit) {
                    let name = zone?.zone;
                    page.add(zone_row(service, &name)?, Key::Zone(zone_key(&name)?));
                    last = Some(name);
                }
                last = last.filter(|_| zones.next().is_some());
            }
            let rows = page.rows(statistics, request.period, now_s);
            Ok((account.into_iter().chain(rows).collect::<Vec<_>>(), last))
        })
        .await?;
    Ok(paged(&rows, last, &origin))
}

/// `GET /v1/stats/usage/{zone}`: queries for a zone, and if `expand` is true for each of its records.
#[utoipa::path(
    get, path = "/v1/stats/usage/{zone}",
    params(
        ("period" = Option<String>, Query, pattern = "^(1h|24h|30d)$", description = "1h, 24h or 30d; 24h if it is not there"),
        ("expand" = Option<bool>, Query, description = "Whether a row for each record follows; false if it is not there"),
        ("networks" = Option<String>, Query, pattern = "^([*]|0)$", description = "* or a list of networks; there is network 0"),
        ("aggregate" = Option<bool>, Query, description = "Whether networks are summed; with one it is the same"),
        ("by_tier" = Option<bool>, Query, description = "Makes no difference, as in the original"),
        ("after" = Option<String>, Query, description = "The record after which the page begins, as NAME/TYPE"),
        ("limit" = Option<u64>, Query, description = "At most this many records in the reply"),
    ),
    responses((status = 200, description = "The zone, then records", body = ref("#/components/schemas/Usage"))),
)]
pub async fn zone_usage(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(zone): Path<String>,
    params: Params,
    origin: Origin,
) -> Reply {
    let zone = zone_of_path(&zone)?;
    let request = Request::read(&params)?;
    let limit = page_size(&params, USAGE_ROWS)?;
    let after = params.get("after").map(cursor).transpose()?;
    let is_expanded = params.flag("expand")?.unwrap_or(false);
    let (rows, last) = state
        .examine_with_statistics(move |service, statistics, now_s| {
            let name = service.existing_zone(&zone)?.zone;
            let mut page = Page::default();
            if after.is_none() {
                page.add(zone_row(service, &name)?, Key::Zone(TallyKeys::of_zone(&zone)));
            }
            let mut last = None;
            if is_expanded {
                let records = service.records(&zone, after.as_ref().map(|(owner, rtype)| (owner, *rtype)));
                let mut records = records.filter(|entry| {
                    let place = entry.as_ref().ok().and_then(RecordEntry::place);
                    place.is_none_or(|(zone, domain, rtype)| {
                        actor.may_view_record(zone, domain, &rtype.to_string())
                    })
                });
                for entry in records.by_ref().take(limit) {
                    let document = entry?.document()?;
                    let owner = Name::parse(&document.domain).map_err(ApiError::internal)?;
                    let record = Record { zone: zone.clone(), owner, rtype: document.rtype };
                    last = Some(format!("{}/{}", document.domain, document.rtype));
                    page.add(record.row(), record.key());
                }
                last = last.filter(|_| records.next().is_some());
            }
            Ok((page.rows(statistics, request.period, now_s), last))
        })
        .await?;
    Ok(paged(&rows, last, &origin))
}

/// `GET /v1/stats/usage/{zone}/{domain}/{type}`: queries that a record answers.
#[utoipa::path(
    get, path = "/v1/stats/usage/{zone}/{domain}/{type}",
    params(
        ("period" = Option<String>, Query, pattern = "^(1h|24h|30d)$", description = "1h, 24h or 30d; 24h if it is not there"),
        ("networks" = Option<String>, Query, pattern = "^([*]|0)$", description = "* or a list of networks; there is network 0"),
        ("aggregate" = Option<bool>, Query, description = "Whether networks are summed; with one it is the same"),
        ("expand" = Option<bool>, Query, description = "Makes no difference: a record has no parts"),
        ("by_tier" = Option<bool>, Query, description = "Makes no difference, as in the original"),
    ),
    responses((status = 200, description = "The record", body = ref("#/components/schemas/Usage"))),
)]
pub async fn record_usage(
    State(state): State<ApiState>,
    Path(path): Path<(String, String, String)>,
    params: Params,
) -> Reply {
    let record = Record::of_path(&path)?;
    let request = Request::read(&params)?;
    let rows = state
        .examine_with_statistics(move |service, statistics, now_s| {
            record.must_exist(service)?;
            let mut page = Page::default();
            page.add(record.row(), record.key());
            Ok(page.rows(statistics, request.period, now_s))
        })
        .await?;
    Ok(reply(&rows))
}

/// What all requests for usage may say.
#[derive(Clone, Copy)]
struct Request {
    period: Period,
}

impl Request {
    fn read(params: &Params) -> Result<Self, ApiError> {
        for flag in ["expand", "aggregate", "by_tier"] {
            params.flag(flag)?;
        }
        let networks = params.get("networks").unwrap_or("*");
        if networks != "*" && networks.split(',').any(|network| network.trim() != "0") {
            return Err(ApiError::bad_request(format!(
                "query parameter networks: expected * or 0, the only network there is, got {networks:?}"
            )));
        }
        let period = params.get("period").unwrap_or("24h");
        let period = Period::parse(period).ok_or_else(|| {
            ApiError::bad_request(format!("query parameter period: expected 1h, 24h or 30d, got {period:?}"))
        })?;
        Ok(Self { period })
    }
}

/// A record that a path names.
struct Record {
    zone: Name,
    owner: Name,
    rtype: RecordType,
}

impl Record {
    /// Reads a path. What is no name or no type cannot be there.
    fn of_path((zone, domain, rtype): &(String, String, String)) -> Result<Self, ApiError> {
        let zone = zone_of_path(zone)?;
        let owner = Name::parse(domain).map_err(|_| ApiError::record_not_found())?;
        let rtype = RecordType::parse(rtype).ok_or_else(ApiError::record_not_found)?;
        Ok(Self { zone, owner, rtype })
    }

    fn key(&self) -> Key {
        Key::Record(TallyKeys::of_record(&self.zone, &self.owner, self.rtype))
    }

    fn must_exist(&self, service: &Service) -> Result<(), ApiError> {
        service.existing_zone(&self.zone)?;
        let found = service.record(&self.zone, &self.owner, self.rtype)?;
        found.map(|_| ()).ok_or_else(ApiError::record_not_found)
    }

    fn row(&self) -> Value {
        json!({
            "zone": self.zone.to_string(),
            "domain": self.owner.to_string(),
            "rectype": self.rtype.to_string(),
        })
    }
}

/// Rows that have no counts yet, and what each counts.
#[derive(Default)]
struct Page {
    rows: Vec<Value>,
    keys: Vec<Key>,
}

impl Page {
    fn add(&mut self, row: Value, key: Key) {
        self.rows.push(row);
        self.keys.push(key);
    }

    fn rows(mut self, statistics: &Statistics, period: Period, now_s: u64) -> Vec<Value> {
        let graphs = statistics.usage(&self.keys, period, now_s);
        self.rows.iter_mut().zip(graphs).for_each(|(row, graph)| fill(row, &graph, period));
        self.rows
    }
}

/// Puts counts into a row.
fn fill(row: &mut Value, graph: &Graph, period: Period) {
    row["queries"] = total(graph).into();
    row["period"] = period.name().into();
    row["graph"] = json!(graph);
}

fn total(graph: &Graph) -> u64 {
    graph.iter().fold(0, |sum, (_, count)| sum.saturating_add(*count))
}

/// What the account is to a key: the zones that it may see.
struct Account {
    zones: usize,
    records: usize,
    /// What is counted for it.
    keys: Vec<Key>,
}

impl Account {
    fn of(service: &Service, actor: &Actor) -> Self {
        let snapshot = service.snapshot().load();
        if actor.access.reaches_everything(Right::ViewZones) {
            let records = snapshot.zones().map(|zone| zone.rrset_count()).sum();
            // Queries for zones that are gone count as well.
            return Self { zones: snapshot.zone_count(), records, keys: vec![Key::Account] };
        }
        let (mut keys, mut records) = (Vec::new(), 0);
        for zone in snapshot.zones().filter(|zone| actor.may_view_zone(&zone.apex().to_string())) {
            keys.push(Key::Zone(TallyKeys::of_zone(zone.apex())));
            records += zone.rrset_count();
        }
        Self { zones: keys.len(), records, keys }
    }
}

fn account_row(
    service: &Service,
    statistics: &Statistics,
    actor: &Actor,
    period: Period,
    now_s: u64,
) -> Result<Value, ApiError> {
    let mut feeds = 0;
    for source in service.sources()? {
        feeds += service.feeds(source.id)?.len();
    }
    let Account { zones, records, keys } = Account::of(service, actor);
    // There are no monitoring jobs.
    let mut row = json!({ "jobs": 0, "feeds": feeds, "zones": zones, "records": records });
    fill(&mut row, &statistics.usage_of_all(&keys, period, now_s), period);
    Ok(row)
}

fn zone_row(service: &Service, zone: &str) -> Result<Value, ApiError> {
    let name = Name::parse(zone).map_err(ApiError::internal)?;
    let snapshot = service.snapshot().load();
    let records = snapshot.zone(&name).map_or(0, |zone| zone.rrset_count());
    Ok(json!({ "zone": zone, "records": records }))
}

fn zone_key(zone: &str) -> Result<u64, ApiError> {
    Name::parse(zone).map(|name| TallyKeys::of_zone(&name)).map_err(ApiError::internal)
}

fn rate(state: &ApiState, key: Key) -> Response {
    rate_of(state.options.statistics.rate(key))
}

fn rate_of(queries_per_second: f64) -> Response {
    reply(&json!({ "qps": queries_per_second }))
}

fn paged(rows: &[Value], last: Option<String>, origin: &Origin) -> Response {
    match last {
        Some(last) => ([origin.next_page(&last)], reply(&rows)).into_response(),
        None => reply(&rows),
    }
}

impl ApiState {
    /// Runs a read of counts, which may go through many files; `action` is given the unix time in seconds.
    async fn examine_with_statistics<T, F>(&self, action: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Service, &Statistics, u64) -> Result<T, ApiError> + Send + 'static,
    {
        let options = std::sync::Arc::clone(&self.options);
        let now_s = self.service.clock().now_us() / 1_000_000;
        self.examine(move |service| action(service, &options.statistics, now_s)).await
    }
}

#[cfg(test)]
mod tests;
