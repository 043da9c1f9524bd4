//! `/openapi.json`: the contract in a form that tools read.
//!
//! Each handler carries its part beside it (`#[utoipa::path]`): method, path, query parameters, the schemas of
//! its body and reply. What all operations share is added here: path parameters by their names, errors, the key.
//! The schemas are data, one file for each area, because replies are shaped by code that keeps key order and
//! types as they were sent, and no Rust type says that.

use std::sync::LazyLock;

use axum::body::Body;
use axum::http::Response;
use filters::MetaKey;
use serde_json::{Map, Value, json};
use utoipa::OpenApi;

use crate::http;
use crate::native::health;
use crate::v1::{
    account, activity, catalog, dnssec, explain, export, feeds, import, paged_search, push, records, search,
    simulate, sources, stats, tsig, versions, zones,
};

/// Every documented handler.
#[derive(OpenApi)]
#[openapi(paths(
    document,
    health::healthz,
    health::readyz,
    health::metrics,
    zones::list,
    zones::view,
    zones::create,
    zones::update,
    zones::remove,
    dnssec::view,
    records::view,
    records::create,
    records::update,
    records::remove,
    explain::explain,
    simulate::simulate,
    import::start,
    import::status,
    import::status_of_zone,
    export::start,
    export::start_below_zone,
    export::status,
    export::download,
    versions::list,
    versions::create,
    versions::activate,
    versions::remove,
    search::search,
    paged_search::zones,
    paged_search::records,
    tsig::list,
    tsig::view,
    tsig::create,
    tsig::update,
    tsig::remove,
    sources::list,
    sources::view,
    sources::create,
    sources::update,
    sources::remove,
    feeds::list,
    feeds::view,
    feeds::create,
    feeds::update,
    feeds::remove,
    push::publish,
    push::publish_query,
    catalog::meta_types,
    catalog::places,
    catalog::filter_types,
    catalog::networks,
    catalog::source_types,
    catalog::monitoring_jobs,
    activity::list,
    account::keys::list,
    account::keys::view,
    account::keys::create,
    account::keys::update,
    account::keys::remove,
    account::secrets::view,
    account::secrets::update,
    account::secrets::renew,
    account::secrets::remove,
    account::users::list,
    account::users::view,
    account::users::create,
    account::users::update,
    account::users::remove,
    account::users::reinvite,
    account::teams::list,
    account::teams::view,
    account::teams::create,
    account::teams::update,
    account::teams::remove,
    account::whitelists::list,
    account::whitelists::view,
    account::whitelists::create,
    account::whitelists::update,
    account::whitelists::remove,
    account::settings::view,
    account::settings::update,
    account::settings::view_warnings,
    account::settings::update_warnings,
    account::billing::plan_types,
    account::billing::view_plan,
    account::billing::change_plan,
    account::billing::invoices,
    account::billing::invoice,
    account::billing::at_a_glance,
    account::billing::payment_methods,
    account::usage::queries,
    account::usage::limits,
    account::usage::decisions,
    account::usage::records,
    account::usage::filter_chains,
    account::usage::monitors,
    account::usage::redirects,
    stats::account_rate,
    stats::zone_rate,
    stats::record_rate,
    stats::account_usage,
    stats::zone_usage,
    stats::record_usage,
))]
struct Operations;

/// What bodies and replies look like: name → JSON schema, one file for each area.
const SCHEMAS: &[&str] = &[
    include_str!("schemas/common.json"),
    include_str!("schemas/dns.json"),
    include_str!("schemas/steering.json"),
    include_str!("schemas/data.json"),
    include_str!("schemas/catalog.json"),
    include_str!("schemas/account.json"),
    include_str!("schemas/stats.json"),
];

/// What stands in a path for `{zone}`, `{domain}` and so on: name → description and schema.
const PATH_PARAMETERS: &str = include_str!("path_parameters.json");

/// The methods that an OpenAPI path item may hold.
const METHODS: [&str; 8] = ["get", "put", "post", "delete", "options", "head", "patch", "trace"];

/// The path whose body may be left out.
const BODY_IS_OPTIONAL: &str = "/v1/zones/{zone}/versions";

static DOCUMENT: LazyLock<Value> = LazyLock::new(build);

/// This description of the API, as OpenAPI 3.1.
///
/// Needs no key.
#[utoipa::path(
    get, path = "/openapi.json", security(()),
    responses((status = 200, description = "An OpenAPI document", body = ref("#/components/schemas/AnyObject"))),
)]
pub(crate) async fn document() -> Response<Body> {
    http::json(&*DOCUMENT)
}

fn parsed(text: &'static str) -> Map<String, Value> {
    serde_json::from_str(text).expect("the parts of the document are compiled in and tested")
}

fn build() -> Value {
    let mut document = Operations::openapi().to_json().ok().and_then(|text| serde_json::from_str(&text).ok());
    let mut document: Map<String, Value> = document.take().unwrap_or_default();
    document.insert("info".to_owned(), information());
    // Relative to where the document was read from.
    document.insert("servers".to_owned(), json!([{ "url": "/" }]));
    document.insert("security".to_owned(), json!([{ "key": [] }]));
    document.insert("components".to_owned(), components());
    let parameters = parsed(PATH_PARAMETERS);
    let paths = document.get_mut("paths").and_then(Value::as_object_mut);
    for (path, item) in paths.into_iter().flatten() {
        for method in METHODS {
            if let Some(operation) = item.get_mut(method).and_then(Value::as_object_mut) {
                complete(method, path, operation, &parameters);
            }
        }
    }
    Value::Object(document)
}

fn information() -> Value {
    json!({
        "title": "Sextant",
        "version": env!("CARGO_PKG_VERSION"),
        "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        "description": "The control API of Sextant, compatible with the NS1 v1 API. Bodies are read as JSON \
            whatever their content type says; PUT creates and POST changes the fields given. Unknown fields are \
            ignored, so that objects can be sent back as they were read.",
    })
}

fn components() -> Value {
    let mut schemas: Map<String, Value> = SCHEMAS.iter().copied().flat_map(parsed).collect();
    schemas.insert("Meta".to_owned(), meta_schema());
    schemas.insert("FilterName".to_owned(), filter_names());
    json!({
        "schemas": schemas,
        "responses": {
            "Refused": {
                "description": "Refused; nothing was stored. The message names the field and what it allows.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
            "Failed": {
                "description": "Not served, or failed on the side of the server.",
                "content": { "application/json": { "schema": { "$ref": "#/components/schemas/Error" } } },
            },
        },
        "securitySchemes": { "key": { "type": "apiKey", "in": "header", "name": "X-NSONE-Key" } },
    })
}

/// A metadata table, from the definitions that check it.
fn meta_schema() -> Value {
    let property = |key: &MetaKey| {
        let facts = json!({
            "description": key.short_description(),
            "$ref": "#/components/schemas/MetaValue",
        });
        (key.name().to_owned(), facts)
    };
    json!({
        "type": "object",
        "additionalProperties": false,
        "properties": MetaKey::ALL.iter().map(property).collect::<Map<_, _>>(),
    })
}

/// The names of /v1/filtertypes.
fn filter_names() -> Value {
    let names: Vec<&str> = filters::filter_types().iter().map(|filter| filter.name).collect();
    json!({ "type": "string", "enum": names })
}

/// Adds to an operation what it shares with others.
fn complete(method: &str, path: &str, operation: &mut Map<String, Value>, known: &Map<String, Value>) {
    let names = placeholders(path);
    operation.insert("operationId".to_owned(), operation_id(method, path).into());
    operation.insert("tags".to_owned(), json!([tag(path)]));
    let in_path = names.iter().filter_map(|name| {
        let Value::Object(facts) = known.get(*name)? else { return None };
        let mut parameter = Map::new();
        parameter.insert("name".to_owned(), Value::from(*name));
        parameter.insert("in".to_owned(), "path".into());
        parameter.insert("required".to_owned(), true.into());
        parameter.extend(facts.clone());
        Some(Value::Object(parameter))
    });
    let mut parameters: Vec<Value> = in_path.collect();
    if let Some(Value::Array(mut queries)) = operation.remove("parameters") {
        for schema in queries.iter_mut().filter_map(|query| query.get_mut("schema")?.as_object_mut()) {
            // Said of numbers without a sign, which reach further than that.
            schema.remove("format");
        }
        parameters.extend(queries);
    }
    if !parameters.is_empty() {
        operation.insert("parameters".to_owned(), parameters.into());
    }
    if let Some(Value::Object(body)) = operation.get_mut("requestBody") {
        body.insert("required".to_owned(), (path != BODY_IS_OPTIONAL).into());
    }
    if let Some(Value::Object(responses)) = operation.get_mut("responses") {
        responses.insert("4XX".to_owned(), json!({ "$ref": "#/components/responses/Refused" }));
        responses.insert("5XX".to_owned(), json!({ "$ref": "#/components/responses/Failed" }));
    }
}

/// The names between braces.
fn placeholders(path: &str) -> Vec<&str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}')).collect()
}

/// A name for programs, such as `get_v1_zones_zone`.
fn operation_id(method: &str, path: &str) -> String {
    let words = path.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    std::iter::once(method).chain(words).collect::<Vec<_>>().join("_")
}

/// The first segment of a path that is not a version.
fn tag(path: &str) -> &str {
    path.split('/').find(|part| !part.is_empty() && *part != "v1").unwrap_or("server")
}

/// Method and path template of every operation.
#[cfg(test)]
pub(crate) fn operations() -> Vec<(String, String)> {
    let paths = DOCUMENT["paths"].as_object().into_iter().flatten();
    let pairs = paths.flat_map(|(path, item)| {
        let methods = item.as_object().into_iter().flat_map(|item| item.keys());
        methods.map(move |method| (method.to_uppercase(), path.clone()))
    });
    pairs.collect()
}

#[cfg(test)]
mod tests;
