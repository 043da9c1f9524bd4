//! `/v1/account/settings` and `/v1/account/usagewarnings`: who the account belongs to, and from when on its owner
//! wants to be told about usage. This server has no limits to come near to, so it never tells.

use axum::extract::{Extension, State};
use serde_json::{Map, Value, json as value};

use super::{Reply, change};
use crate::dto::account;
use crate::dto::fields;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::service::account::{Account, Settings, UsageWarnings, WarningLevels};
use crate::service::{Actor, Service, Transaction};

/// Contact details that are there from the beginning, and whether an unset one is shown.
const TEXTS: [(&str, bool); 8] = [
    ("email", true),
    ("phone", true),
    ("company", true),
    ("firstname", true),
    ("lastname", true),
    ("secondary_email", false),
    ("title", false),
    ("website", false),
];

/// The members of `address`.
const ADDRESS: [&str; 5] = ["country", "street", "state", "city", "postalcode"];

/// A self-hosted server has one customer.
const CUSTOMER: u32 = 1;

fn shown(settings: &Settings) -> Map<String, Value> {
    let stored = &settings.0;
    let mut shown = Map::new();
    shown.insert("customerid".to_owned(), CUSTOMER.into());
    for (field, always) in TEXTS {
        match stored.get(field) {
            Some(text) => shown.insert(field.to_owned(), text.clone()),
            None if always => shown.insert(field.to_owned(), "".into()),
            None => None,
        };
    }
    let stored = stored.get("address");
    let member = |member: &str| stored.and_then(|address| address.get(member)).cloned();
    let address = ADDRESS.map(|name| (name.to_owned(), member(name).unwrap_or_else(|| "".into())));
    shown.insert("address".to_owned(), address.into_iter().collect::<Map<_, _>>().into());
    shown
}

/// The given details over the stored ones; members of `address` merge one by one.
fn merged(mut settings: Settings, body: &Map<String, Value>) -> Result<Settings, ApiError> {
    for (field, _) in TEXTS {
        if let Some(text) = account::bounded(body, field, 0)? {
            settings.0.insert(field.to_owned(), text.into());
        }
    }
    if let Some(given) = fields::object(body, "address")? {
        let stored = settings.0.get("address").and_then(Value::as_object);
        let mut address = stored.cloned().unwrap_or_default();
        for member in ADDRESS {
            let value = match (member, given.get(member)) {
                (_, None) => continue,
                ("postalcode", Some(code)) if code.is_u64() => Some(code.clone()),
                _ => account::bounded(given, member, 0)
                    .map_err(|error| error.within("address"))?
                    .map(Value::from),
            };
            if let Some(value) = value {
                address.insert(member.to_owned(), value);
            }
        }
        settings.0.insert("address".to_owned(), address.into());
    }
    Ok(settings)
}

/// `GET /v1/account/settings`.
#[utoipa::path(
    get, path = "/v1/account/settings",
    responses((status = 200, description = "The contact details", body = ref("#/components/schemas/AccountSettings"))),
)]
pub async fn view(State(service): State<Service>) -> Reply {
    Ok(json(&shown(&service.settings()?)))
}

/// `POST /v1/account/settings`: changes the fields given.
#[utoipa::path(
    post, path = "/v1/account/settings",
    request_body = ref("#/components/schemas/AccountSettings"),
    responses((status = 200, description = "The contact details", body = ref("#/components/schemas/AccountSettings"))),
)]
pub async fn update(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    JsonObject(body): JsonObject,
) -> Reply {
    let update = move |transaction: &mut Transaction<'_>| {
        let settings = merged(transaction.settings()?, &body)?;
        transaction.put_settings(&settings)?;
        Ok(settings)
    };
    change(&service, &actor, update, |settings| Ok(shown(settings))).await
}

/// `GET /v1/account/usagewarnings`.
#[utoipa::path(
    get, path = "/v1/account/usagewarnings",
    responses((status = 200, description = "The warning levels", body = ref("#/components/schemas/UsageWarnings"))),
)]
pub async fn view_warnings(State(service): State<Service>) -> Reply {
    Ok(json(&value!(service.usage_warnings()?)))
}

/// `POST /v1/account/usagewarnings`: changes the numbers given.
#[utoipa::path(
    post, path = "/v1/account/usagewarnings",
    request_body = ref("#/components/schemas/UsageWarnings"),
    responses((status = 200, description = "The warning levels", body = ref("#/components/schemas/UsageWarnings"))),
)]
pub async fn update_warnings(
    State(service): State<Service>,
    Extension(actor): Extension<Actor>,
    JsonObject(body): JsonObject,
) -> Reply {
    let update = move |transaction: &mut Transaction<'_>| {
        let old = transaction.usage_warnings()?;
        let warnings = UsageWarnings {
            queries: levels(old.queries, &body, "queries")?,
            records: levels(old.records, &body, "records")?,
            zones: levels(old.zones, &body, "zones")?,
        };
        transaction.put_usage_warnings(warnings)?;
        Ok(warnings)
    };
    change(&service, &actor, update, |warnings| Ok(*warnings)).await
}

/// The levels of one group with the given ones in their place.
fn levels(old: WarningLevels, body: &Map<String, Value>, group: &str) -> Result<WarningLevels, ApiError> {
    let Some(given) = fields::object(body, group)? else { return Ok(old) };
    let read = || -> Result<WarningLevels, ApiError> {
        Ok(WarningLevels {
            send_warnings: fields::boolean(given, "send_warnings")?.unwrap_or(old.send_warnings),
            warning_1: fields::integer(given, "warning_1", 100)?.unwrap_or(old.warning_1),
            warning_2: fields::integer(given, "warning_2", 100)?.unwrap_or(old.warning_2),
        })
    };
    let levels = read().map_err(|error| error.within(group))?;
    if levels.warning_1 < levels.warning_2 {
        return Ok(levels);
    }
    let WarningLevels { warning_1, warning_2, .. } = levels;
    Err(ApiError::bad_request(format!(
        "Input validation failed ({group}: warning_1 is {warning_1}, which is not below warning_2, {warning_2})"
    )))
}
