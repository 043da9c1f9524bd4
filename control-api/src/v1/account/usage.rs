//! `/billing-usage/v1`: what is used, counted for the account.

use axum::extract::State;
use serde_json::json as value;

use super::Reply;
use super::billing::UNLIMITED;
use crate::ApiState;
use crate::error::ApiError;
use crate::http::{Params, json};
use crate::service::Service;
use crate::statistics::{Key, Period};

const DAY_S: u64 = 86_400;

/// Queries of the last thirty days by the time at which each span began, unix time in seconds.
fn graph(state: &ApiState) -> Vec<(u64, u64)> {
    let graphs = state.options.statistics.usage(&[Key::Account], Period::Month, state.service.now_s());
    graphs.into_iter().next().unwrap_or_default()
}

/// Queries of the last thirty days.
pub(super) fn queries_of_month(state: &ApiState) -> u64 {
    graph(state).iter().map(|(_, count)| count).sum()
}

/// `from` and `to` of a request, unix time in seconds.
fn span(parameters: &Params) -> Result<(u64, u64), ApiError> {
    let from = parameters.number("from")?.unwrap_or(0);
    let to = parameters.number("to")?.unwrap_or(u64::MAX);
    if from > to {
        return Err(ApiError::bad_request(format!(
            "query parameter from: {from} is after to, which is {to}"
        )));
    }
    Ok((from, to))
}

/// `GET /billing-usage/v1/queries?from=&to=`: queries by day, of the last thirty days.
#[utoipa::path(
    get, path = "/billing-usage/v1/queries",
    params(
        ("from" = Option<u64>, Query, description = "Only days that begin then or later, unix time in seconds"),
        ("to" = Option<u64>, Query, description = "Only days that begin before, unix time in seconds"),
    ),
    responses((status = 200, description = "The queries", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn queries(State(state): State<ApiState>, parameters: Params) -> Reply {
    let (from, to) = span(&parameters)?;
    let mut daily: Vec<(u64, u64)> = Vec::new();
    for (begin_s, count) in graph(&state) {
        let day = begin_s - begin_s % DAY_S;
        match daily.last_mut() {
            Some((last, sum)) if *last == day => *sum += count,
            _ => daily.push((day, count)),
        }
    }
    daily.retain(|(day, _)| (from..to).contains(day));
    let total: u64 = daily.iter().map(|(_, count)| count).sum();
    let counts = |count: u64| value!({ "clean_queries": count, "ddos_queries": 0, "nxd_responses": 0, "billable_queries": 0 });
    let of_day = |(day, count): &(u64, u64)| {
        let mut entry = counts(*count);
        entry["timestamp"] = (*day).into();
        entry
    };
    let mut network = counts(total);
    network["network"] = 0.into();
    network["daily"] = daily.iter().map(of_day).collect();
    Ok(json(&value!({
        "clean_queries": total, "ddos_queries": 0, "nxd_responses": 0, "by_network": [network],
    })))
}

/// `GET /billing-usage/v1/limits`: there are none.
#[utoipa::path(
    get, path = "/billing-usage/v1/limits",
    params(
        ("from" = Option<u64>, Query, description = "Unix time in seconds; limits do not change"),
        ("to" = Option<u64>, Query, description = "Unix time in seconds; limits do not change"),
    ),
    responses((status = 200, description = "The limits", body = ref("#/components/schemas/AnyObject"))),
)]
pub async fn limits(parameters: Params) -> Reply {
    span(&parameters)?;
    Ok(json(&value!({
        "queries_limit": UNLIMITED,
        "china_queries_limit": 0,
        "records_limit": UNLIMITED,
        "filter_chains_limit": UNLIMITED,
        "monitors_limit": 0,
        "decisions_limit": 0,
        "nxd_protection_enabled": false,
        "ddos_protection_enabled": false,
        "include_dedicated_dns_network_in_managed_dns_usage": false,
    })))
}

fn total(usage: u64) -> axum::response::Response {
    json(&value!({ "total_usage": usage }))
}

/// `GET /billing-usage/v1/decisions`: nothing decides for others here.
#[utoipa::path(
    get, path = "/billing-usage/v1/decisions",
    params(
        ("from" = Option<u64>, Query, description = "Unix time in seconds"),
        ("to" = Option<u64>, Query, description = "Unix time in seconds"),
    ),
    responses((status = 200, description = "The count", body = ref("#/components/schemas/TotalUsage"))),
)]
pub async fn decisions(parameters: Params) -> Reply {
    span(&parameters).map(|_| total(0))
}

/// `GET /billing-usage/v1/records`: how many records there are.
#[utoipa::path(
    get, path = "/billing-usage/v1/records",
    responses((status = 200, description = "The count", body = ref("#/components/schemas/TotalUsage"))),
)]
pub async fn records(State(state): State<ApiState>) -> Reply {
    let usage = state.examine(Service::usage).await?;
    Ok(total(usage.static_records + usage.dynamic_records))
}

/// `GET /billing-usage/v1/filter-chains`: how many records have a filter chain.
#[utoipa::path(
    get, path = "/billing-usage/v1/filter-chains",
    responses((status = 200, description = "The count", body = ref("#/components/schemas/TotalUsage"))),
)]
pub async fn filter_chains(State(state): State<ApiState>) -> Reply {
    Ok(total(state.examine(Service::usage).await?.dynamic_records))
}

/// `GET /billing-usage/v1/monitors`: there are none.
#[utoipa::path(
    get, path = "/billing-usage/v1/monitors",
    responses((status = 200, description = "The count", body = ref("#/components/schemas/TotalUsage"))),
)]
pub async fn monitors() -> Reply {
    Ok(total(0))
}

/// `GET /billing-usage/v1/redirects`: there are none.
#[utoipa::path(
    get, path = "/billing-usage/v1/redirects",
    responses((status = 200, description = "The count", body = ref("#/components/schemas/TotalUsage"))),
)]
pub async fn redirects() -> Reply {
    Ok(total(0))
}
