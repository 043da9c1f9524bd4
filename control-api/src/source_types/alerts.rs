//! Monitoring that people run themselves: Prometheus Alertmanager, Grafana and Uptime Kuma.

use serde_json::{Map, Value};

use super::options;
use super::payload::{Sent, Words, optional, required};
use super::push::{Push, Report, State};
use crate::error::ApiError;

/// The label of an alert that names the feed, unless the source says another.
pub(super) const DEFAULT_LABEL: &str = "instance";

/// Alertmanager's webhook, version 4 of its payload.
pub(super) fn prometheus_alertmanager(
    config: &Map<String, Value>,
    sent: &Sent<'_>,
) -> Result<Push, ApiError> {
    let body = sent.object()?;
    let version = required(&body, &["version"])?;
    if version != "4" {
        return Err(ApiError::invalid_field("version", &version.into(), "\"4\""));
    }
    alerts(config, &body)
}

/// The webhook of Grafana's contact points.
pub(super) fn grafana(config: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    alerts(config, &sent.object()?)
}

/// One report for each alert that has the label. What is firing comes last, so that it wins over what is
/// resolved when both are about the same feed.
fn alerts(config: &Map<String, Value>, body: &Map<String, Value>) -> Result<Push, ApiError> {
    const STATES: Words = Words { up: &["resolved"], down: &["firing"], warning: &[], silent: &[] };
    let label_name = options::text(config, "label_name").unwrap_or_else(|| DEFAULT_LABEL.to_owned());
    let alerts = match body.get("alerts") {
        Some(Value::Array(alerts)) => alerts,
        Some(other) => return Err(ApiError::invalid_field("alerts", other, "of type array")),
        None => return Err(ApiError::missing_field("alerts")),
    };
    let mut reports = Vec::with_capacity(alerts.len());
    for (index, alert) in alerts.iter().enumerate() {
        let place = format!("alerts[{index}]");
        let Value::Object(alert) = alert else {
            return Err(ApiError::invalid_field(&place, alert, "of type object"));
        };
        let status = required(alert, &["status"]).map_err(|error| error.within(&place))?;
        let state = STATES.state(&format!("{place}.status"), &status)?;
        let Some(Value::Object(labels)) = alert.get("labels") else {
            return Err(ApiError::missing_field(&format!("{place}.labels")));
        };
        if let (Some(state), Some(label)) = (state, optional(labels, &[&label_name])) {
            let mut about = vec![("label", label)];
            about.extend(optional(labels, &["alertname"]).map(|name| ("alertname", name)));
            reports.push(Report { about, state });
        }
    }
    reports.sort_by_key(|report| report.state == State::Down);
    Ok(Push::Reports(reports))
}

/// Uptime Kuma's webhook in its JSON form. Its test message is about no monitor.
pub(super) fn uptime_kuma(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    // Pending and maintenance say nothing about what clients should get.
    const STATES: Words = Words { up: &["1"], down: &["0"], warning: &[], silent: &["2", "3"] };
    let body = sent.object()?;
    let heartbeat = match body.get("heartbeat") {
        Some(Value::Object(heartbeat)) => heartbeat,
        Some(Value::Null) if body.contains_key("msg") => return Ok(Push::nothing()),
        Some(other) => return Err(ApiError::invalid_field("heartbeat", other, "of type object")),
        None => return Err(ApiError::missing_field("heartbeat")),
    };
    let within = |error: ApiError| error.within("heartbeat");
    // Its notices about certificates come with a heartbeat that holds a message only.
    let Some(status) = optional(heartbeat, &["status"]) else { return Ok(Push::nothing()) };
    let monitor = match body.get("monitor").and_then(Value::as_object) {
        Some(monitor) => required(monitor, &["id"]).map_err(|error| error.within("monitor"))?,
        None => required(heartbeat, &["monitorID"]).map_err(within)?,
    };
    let state = STATES.state("heartbeat.status", &status)?;
    Ok(state.map_or_else(Push::nothing, |state| Push::report(vec![("monitor_id", monitor)], state)))
}
