//! What a record may be made of: metadata keys, filters, places, source types.
//!
//! The catalogs are written from the same definitions that validate records, so they cannot promise
//! what a write would refuse. They never change while the process runs.

use axum::body::Body;
use axum::http::Response;
use filters::{FilterType, MetaKey, OptionType};
use geoip_data::catalog;
use serde::Serialize;
use serde_json::{Map, Value, json};

use crate::http;
use crate::source_types::SourceType;

/// `GET /v1/metatypes`: the metadata keys by name.
#[utoipa::path(
    get, path = "/v1/metatypes",
    responses((status = 200, description = "The metadata keys by name", body = ref("#/components/schemas/MetaTypes"))),
)]
pub async fn meta_types() -> Response<Body> {
    #[derive(Serialize)]
    struct Entry {
        desc: &'static str,
        category: &'static str,
        shortdesc: &'static str,
    }
    let entries = MetaKey::ALL.iter().map(|key| {
        let (desc, shortdesc) = (key.description(), key.short_description());
        (key.name(), Entry { desc, category: key.category(), shortdesc })
    });
    http::json(&Ordered(entries.collect()))
}

/// `GET /v1/metatypes/geo`: every code that `country` and `subdivisions` accept.
#[utoipa::path(
    get, path = "/v1/metatypes/geo",
    responses((status = 200, description = "The codes", body = ref("#/components/schemas/Places"))),
)]
pub async fn places() -> Response<Body> {
    let countries: Vec<&str> = catalog::countries().map(|facts| facts.code.as_str()).collect();
    let subdivisions: Map<String, Value> = catalog::subdivision_countries()
        .map(|country| {
            let codes: Vec<Value> = catalog::subdivisions(country).map(|code| code.as_str().into()).collect();
            (country.as_str().to_owned(), codes.into())
        })
        .collect();
    http::json(&json!({ "countries": countries, "subdivisions": subdivisions }))
}

/// `GET /v1/filtertypes`: the filters by name.
#[utoipa::path(
    get, path = "/v1/filtertypes",
    responses((status = 200, description = "The filters by name", body = ref("#/components/schemas/FilterTypes"))),
)]
pub async fn filter_types() -> Response<Body> {
    #[derive(Serialize)]
    struct Entry {
        desc: &'static str,
        config: Ordered<ConfigOption>,
        inputs: Vec<&'static str>,
        tier: u8,
        shortdesc: &'static str,
        #[serde(skip_serializing_if = "Vec::is_empty")]
        rectypes: Vec<String>,
    }
    let entry = |filter: &'static FilterType| Entry {
        desc: filter.description,
        config: Ordered(filter.options.iter().map(|o| (o.name, ConfigOption::from(o))).collect()),
        inputs: filter.inputs.iter().map(|key| key.name()).collect(),
        tier: filter.tier,
        shortdesc: filter.short_description,
        rectypes: filter.record_types.iter().map(|&t| zones::RecordType(t).to_string()).collect(),
    };
    let entries = filters::filter_types().iter().map(|filter| (filter.name, entry(filter)));
    http::json(&Ordered(entries.collect()))
}

/// `GET /v1/data/sourcetypes`: the kinds of data source that can be connected.
#[utoipa::path(
    get, path = "/v1/data/sourcetypes",
    responses((status = 200, description = "The types by name", body = ref("#/components/schemas/SourceTypes"))),
)]
pub async fn source_types() -> Response<Body> {
    let entries = SourceType::ALL.iter().map(|kind| (kind.name, kind.catalog_entry()));
    http::json(&Ordered(entries.collect()))
}

/// `GET /v1/networks`: one network, for all name servers of this process.
#[utoipa::path(
    get, path = "/v1/networks",
    responses((status = 200, description = "The networks", body = ref("#/components/schemas/Networks"))),
)]
pub async fn networks() -> Response<Body> {
    http::json(&json!([{ "network_id": 0, "label": "SEXTANT", "name": "Sextant Global Network" }]))
}

/// An object whose keys keep their order and are not copied.
struct Ordered<T>(Vec<(&'static str, T)>);

impl<T: Serialize> Serialize for Ordered<T> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_map(self.0.iter().map(|(key, value)| (key, value)))
    }
}

/// An option of a filter or of a source, in the shape both catalogs share.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ConfigOption {
    pub(crate) desc: &'static str,
    #[serde(rename = "type")]
    pub(crate) kind: &'static str,
    pub(crate) shortdesc: &'static str,
    pub(crate) validator: &'static str,
    pub(crate) required: bool,
    pub(crate) default: Option<&'static str>,
}

impl From<&'static OptionType> for ConfigOption {
    fn from(option: &'static OptionType) -> Self {
        Self {
            desc: option.description,
            kind: option.kind.input_type(),
            shortdesc: option.short_description,
            validator: option.kind.validator(),
            required: option.required,
            default: option.default,
        }
    }
}

/// `GET /v1/monitoring/jobs`: no job can be made yet, so there is none.
#[utoipa::path(
    get, path = "/v1/monitoring/jobs",
    responses((status = 200, description = "The jobs", body = ref("#/components/schemas/EmptyList"))),
)]
pub async fn monitoring_jobs() -> Response<Body> {
    http::json(&json!([]))
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use crate::testing::TestApi;

    #[tokio::test]
    async fn the_metadata_catalog_lists_every_key_with_its_category() {
        let catalog = TestApi::new().await.get("/v1/metatypes").await.json();
        let keys: Vec<&str> = catalog.as_object().unwrap().keys().map(String::as_str).collect();
        for key in ["up", "loadavg", "georegion", "country", "subdivisions", "asn", "weight", "note"] {
            assert!(keys.contains(&key), "{key} is not in {keys:?}");
        }
        for (key, entry) in catalog.as_object().unwrap() {
            let fields: Vec<&str> = entry.as_object().unwrap().keys().map(String::as_str).collect();
            assert_eq!(fields, ["desc", "category", "shortdesc"], "{key}");
            assert!(fields.iter().all(|field| !entry[field].as_str().unwrap().is_empty()), "{key}");
        }
        assert_eq!(catalog["up"]["category"], "status");
    }

    #[tokio::test]
    async fn the_filter_catalog_has_the_shape_clients_read() {
        let catalog = TestApi::new().await.get("/v1/filtertypes").await.json();
        let entry = &catalog["select_first_n"];
        assert_eq!((&entry["tier"], &entry["inputs"]), (&json!(2), &json!([])));
        let option = entry["config"]["N"].as_object().unwrap();
        let fields: Vec<&str> = option.keys().map(String::as_str).collect();
        assert_eq!(fields, ["desc", "type", "shortdesc", "validator", "required", "default"]);
        assert_eq!((&option["type"], &option["default"]), (&json!("number"), &json!("1")));
        assert_eq!(catalog["up"]["inputs"], json!(["up"]));
        assert_eq!(catalog["geotarget_country"]["tier"], 3);
    }

    #[tokio::test]
    async fn places_networks_and_source_types_are_listed() {
        let api = TestApi::new().await;
        let places = api.get("/v1/metatypes/geo").await.json();
        assert_eq!(places["countries"].as_array().unwrap().len(), 249);
        assert_eq!(places["countries"][0], "AD");
        assert!(places["subdivisions"]["US"].as_array().unwrap().contains(&json!("NY")));
        let networks = api.get("/v1/networks").await.json();
        assert_eq!(networks[0]["network_id"], 0);
        let types = api.get("/v1/data/sourcetypes").await.json();
        assert_eq!(types["nsone_v1"]["feed_config"]["label"]["required"], true);
        assert_eq!(types["nsone_v1"]["config"], json!({}));
    }

    #[tokio::test]
    async fn monitoring_jobs_can_be_listed_and_not_made() {
        let api = TestApi::new().await;
        assert_eq!(api.get("/v1/monitoring/jobs").await.json(), json!([]));
        let refused = api.call("PUT", "/v1/monitoring/jobs", json!({"name": "x"})).await;
        assert_eq!(refused.status, 501);
        assert!(refused.message().contains("monitoring"), "{}", refused.text());
    }
}
