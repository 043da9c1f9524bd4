//! Monitoring services with a payload of their own: each a function from what was sent to reports.

use serde_json::{Map, Value};
use subtle::ConstantTimeEq;

use super::options;
use super::payload::{Sent, Words, nested, optional, required, scalar};
use super::push::{Push, Report, State, up_is};
use crate::dto::fields;
use crate::error::ApiError;

/// Reports one state about one thing; no state is no report.
fn about_one(about: Vec<(&'static str, String)>, state: Option<State>) -> Push {
    state.map_or_else(Push::nothing, |state| Push::report(about, state))
}

/// Our own API: labels with metadata tables, or one metadata table for all feeds.
pub(super) fn nsone_v1(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    Push::by_label_or_for_all(sent.object()?)
}

/// A monitoring job: `{"jobid": …, "up": …}`.
pub(super) fn nsone_monitoring(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    let body = sent.object()?;
    let job = required(&body, &["jobid"])?;
    let up = fields::boolean(&body, "up")?.ok_or_else(|| ApiError::missing_field("up"))?;
    Ok(Push::report(vec![("jobid", job)], State::Values(up_is(up))))
}

/// Pingdom's webhook, and the `message` parameter of its older notifications.
pub(super) fn pingdom(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    const STATES: Words = Words {
        up: &["UP", "SUCCESS"],
        down: &["DOWN", "FAILING"],
        warning: &[],
        silent: &["UNCONFIRMED_DOWN", "UNKNOWN", "PAUSED"],
    };
    const OLD_ACTIONS: Words =
        Words { up: &["notify_of_close"], down: &["assign"], warning: &[], silent: &[] };
    let body = sent.object()?;
    if body.contains_key("message") && !body.contains_key("check_id") {
        let message = nested(&body, "message")?;
        let check = required(&message, &["check"])?;
        let state = OLD_ACTIONS.state("action", &required(&message, &["action"])?)?;
        return Ok(about_one(vec![("check_id", check)], state));
    }
    let check = required(&body, &["check_id"])?;
    let state = STATES.state("current_state", &required(&body, &["current_state"])?)?;
    Ok(about_one(vec![("check_id", check)], state))
}

/// Catchpoint's alert webhook with the template of our manual.
pub(super) fn catchpoint(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    // The numbers are the ids of Catchpoint's notification levels.
    const LEVELS: Words = Words {
        up: &["improved", "ok", "3"],
        down: &["critical", "1"],
        warning: &["warning", "0"],
        silent: &[],
    };
    let body = sent.object()?;
    let test = required(&body, &["test_id", "testId", "TestId"])?;
    let level = required(&body, &["level", "alert_level", "notification_level", "notificationLevelId"])?;
    Ok(about_one(vec![("test_id", test)], LEVELS.state("level", &level)?))
}

/// Rackspace Cloud Monitoring.
pub(super) fn rackspace(config: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    const STATES: Words = Words { up: &["OK"], down: &["CRITICAL"], warning: &["WARNING"], silent: &[] };
    if let Some(token) = options::text(config, "webhook_token").filter(|token| token != "none") {
        let given = sent.header("x-rackspace-webhook-token").unwrap_or_default();
        if !bool::from(given.as_bytes().ct_eq(token.as_bytes())) {
            let message = "header X-Rackspace-Webhook-Token is not the webhook_token of the source";
            return Err(ApiError::forbidden(message));
        }
    }
    let body = sent.object()?;
    let mut about = vec![("entity_id", required(&*nested(&body, "entity")?, &["id"])?)];
    for (option, field) in [("alarm_id", "alarm"), ("check_id", "check")] {
        let id = body.get(field).and_then(|part| part.get("id")).and_then(scalar);
        about.extend(id.map(|id| (option, id)));
    }
    let state = required(&*nested(&body, "details")?, &["state"])?;
    Ok(about_one(about, STATES.state("details.state", &state)?))
}

/// Datadog's webhook with the payload of our manual.
pub(super) fn datadog(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    const TRANSITIONS: Words = Words {
        up: &["Recovered"],
        down: &["Triggered", "Re-Triggered"],
        warning: &["Warn", "Re-Warn"],
        silent: &["No Data", "Re-No Data", "Renotify", "Null"],
    };
    let body = sent.object()?;
    let monitor = required(&body, &["monitor_id", "alert_id"])?;
    let transition = required(&body, &["alert_transition", "transition"])?;
    Ok(about_one(vec![("monitor_id", monitor)], TRANSITIONS.state("alert_transition", &transition)?))
}

/// ThousandEyes: classic webhooks, and custom ones that keep the names of their variables.
pub(super) fn thousandeyes(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    const EVENTS: Words = Words {
        up: &["ALERT_NOTIFICATION_CLEAR"],
        down: &["ALERT_NOTIFICATION_TRIGGER"],
        warning: &[],
        silent: &["WEBHOOK_TEST"],
    };
    let body = sent.object()?;
    let Some(state) = EVENTS.state("eventType", &required(&body, &["eventType"])?)? else {
        return Ok(Push::nothing());
    };
    let alert = nested(&body, "alert")?;
    let test = match optional(&alert, &["testId"]) {
        Some(test) => test,
        None => required(&*nested(&alert, "test").map_err(|error| error.within("alert"))?, &["id"])?,
    };
    Ok(Push::report(vec![("test_id", test)], state))
}

/// A check that posts `{"check_id": …, "check_state": …}`.
pub(super) fn webcheck(_: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    const STATES: Words = Words {
        up: &["up", "ok", "pass", "passed", "success", "online", "true", "1"],
        down: &["down", "fail", "failed", "failure", "error", "critical", "offline", "false", "0"],
        warning: &["warn", "warning"],
        silent: &["unknown", "pending", "paused"],
    };
    let body = sent.object()?;
    let check = required(&body, &["check_id"])?;
    let state = STATES.state("check_state", &required(&body, &["check_state"])?)?;
    Ok(about_one(vec![("check_id", check)], state))
}

/// New Relic: the form of legacy alerts, the JSON of alerts, and that of workflows.
pub(super) fn newrelic_webhook(config: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    let body = sent.object()?;
    let account = options::text(config, "account_id").unwrap_or_default();
    let (resources, state) = if body.contains_key("alert") {
        legacy_alert(&account, &*nested(&body, "alert")?)?
    } else if body.contains_key("current_state") {
        alert(&account, &body)?
    } else {
        issue(&account, &body)?
    };
    let Some(state) = state else { return Ok(Push::nothing()) };
    let report = |resource| Report { about: vec![("resource_name", resource)], state: state.clone() };
    Ok(Push::Reports(resources.into_iter().map(report).collect()))
}

type Resources = (Vec<String>, Option<State>);

/// Of legacy alerts only downtime says whether something is up.
fn legacy_alert(account: &str, alert: &Map<String, Value>) -> Result<Resources, ApiError> {
    check_account(account, account_in_url(alert, "alert_url"), "alert.alert_url")?;
    if !required(alert, &["severity"])?.eq_ignore_ascii_case("downtime") {
        return Ok((Vec::new(), None));
    }
    let text = required(alert, &["short_description", "message"])?.to_ascii_lowercase();
    let ended = ["ended", "closed", "recovered"].iter().any(|word| text.contains(word));
    let mut resources: Vec<String> = optional(alert, &["application_name"]).into_iter().collect();
    resources.extend(named(alert, "servers"));
    Ok((resources, Some(if ended { State::Up } else { State::Down })))
}

fn alert(account: &str, body: &Map<String, Value>) -> Result<Resources, ApiError> {
    const STATES: Words =
        Words { up: &["closed"], down: &["open"], warning: &[], silent: &["acknowledged", "test"] };
    check_account(account, optional(body, &["account_id"]), "account_id")?;
    let state = STATES.state("current_state", &required(body, &["current_state"])?)?;
    Ok((named(body, "targets"), state))
}

fn issue(account: &str, body: &Map<String, Value>) -> Result<Resources, ApiError> {
    const STATES: Words = Words {
        up: &["CLOSED"],
        down: &["ACTIVATED", "CREATED"],
        warning: &[],
        silent: &["ACKNOWLEDGED", "DEACTIVATED"],
    };
    let told = optional(body, &["account_id", "accountId"]).or_else(|| account_in_url(body, "issueUrl"));
    check_account(account, told, "issueUrl")?;
    let state = STATES.state("state", &required(body, &["state"])?)?;
    Ok((named(body, "impactedEntities"), state))
}

/// The names in a list of texts or of objects with a `name`.
fn named(body: &Map<String, Value>, field: &str) -> Vec<String> {
    let items = body.get(field).and_then(Value::as_array).into_iter().flatten();
    items.filter_map(|item| scalar(item.get("name").unwrap_or(item))).collect()
}

/// What follows `/accounts/` in a URL.
fn account_in_url(body: &Map<String, Value>, field: &str) -> Option<String> {
    let (_, rest) = body.get(field)?.as_str()?.split_once("/accounts/")?;
    let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
    (!digits.is_empty()).then_some(digits)
}

fn check_account(expected: &str, told: Option<String>, field: &str) -> Result<(), ApiError> {
    match told {
        Some(told) if told == expected => Ok(()),
        Some(_) => Err(ApiError::forbidden(format!("{field} is of another account than the source"))),
        None => Err(ApiError::bad_request(format!("{field}: the account of the alert is missing"))),
    }
}
