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
pub async fn places() -> Response<Body> {
    let countries: Vec<&str> = catalog::countries().map(|facts| facts.code.as_str()).collect();
    let subdivisions: Map<String, Value> = catalog::subdivision_countries()
        .map(|country| {
            let codes: Vec<Value> =
                catalog::subdivisions(country).map(|code| code.as_str().into()).collect();
            (country.as_str().to_owned(), codes.into())
        })
        .collect();
    http::json(&json!({ "countries": countries, "subdivisions": subdivisions }))
}

/// `GET /v1/filtertypes`: the filters by name.
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
pub async fn source_types() -> Response<Body> {
    let entries = SourceType::ALL.iter().map(|kind| (kind.name, kind.catalog_entry()));
    http::json(&Ordered(entries.collect()))
}

/// `GET /v1/networks`: one network, for all name servers of this process.
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
