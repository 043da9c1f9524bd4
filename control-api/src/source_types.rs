//! The kinds of data source: what each needs to be told, and which values it may deliver.
//!
//! One table drives the catalog, the checks of sources and feeds, and the feed URL.

use serde_json::{Map, Value, json};

use crate::error::ApiError;
use crate::limits::NAME_BYTES;

/// A kind of data source.
#[derive(Debug)]
pub(crate) struct SourceType {
    pub(crate) name: &'static str,
    short_description: &'static str,
    description: &'static str,
    /// Options of a source.
    config: &'static [SourceOption],
    /// Options of each of its feeds.
    feed_config: &'static [SourceOption],
}

/// An option that takes text.
#[derive(Debug)]
struct SourceOption {
    name: &'static str,
    short_description: &'static str,
    description: &'static str,
    required: bool,
}

impl SourceType {
    /// Every kind that works.
    pub(crate) const ALL: &'static [Self] = &[Self {
        name: "nsone_v1",
        short_description: "Data of your own, pushed through this API",
        description: "<p>Publish values for any metadata key. Give each feed a label, then POST to \
            <code>/v1/feed/SOURCE_ID</code> with your API key: either an object that maps labels to metadata \
            tables, such as <code>{\"server-1\":{\"up\":false}}</code>, or one metadata table, such as \
            <code>{\"up\":true}</code>, for all feeds of the source.</p>",
        config: &[],
        feed_config: &[SourceOption {
            name: "label",
            short_description: "Label",
            description: "The name that pushed data use for this feed.",
            required: true,
        }],
    }];

    /// Kinds of the compatible API that are not served yet.
    const LATER: [&'static str; 13] = [
        "nsone_monitoring",
        "cloudwatch",
        "datadog",
        "newrelic_webhook",
        "pingdom",
        "catchpoint",
        "rackspace",
        "monitis",
        "monitor_us",
        "webcheck",
        "boundary",
        "a10",
        "thousandeyes",
    ];

    /// The kind called `name`, or a sentence that says which there are.
    pub(crate) fn find(name: &str) -> Result<&'static Self, ApiError> {
        if let Some(kind) = Self::ALL.iter().find(|kind| kind.name == name) {
            return Ok(kind);
        }
        let reason = if Self::LATER.contains(&name) {
            "comes with a later version"
        } else {
            "is not a known source type"
        };
        let name: String = name.chars().take(64).collect();
        let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.name).collect();
        Err(ApiError::bad_request(format!("sourcetype: {name:?} {reason}; available: {}", known.join(", "))))
    }

    /// Checks the configuration of a source.
    pub(crate) fn check_config(&self, config: &Map<String, Value>) -> Result<(), ApiError> {
        check(self.config, config, "config")
    }

    /// Checks the configuration of a feed.
    pub(crate) fn check_feed_config(&self, config: &Map<String, Value>) -> Result<(), ApiError> {
        check(self.feed_config, config, "config")
    }

    /// What `/v1/data/sourcetypes` says about this kind.
    pub(crate) fn catalog_entry(&self) -> Value {
        json!({
            "desc": self.description,
            "config": catalog_of(self.config),
            "feed_config": catalog_of(self.feed_config),
            "shortdesc": self.short_description,
            "compatible_meta": filters::MetaKey::ALL.iter().map(|key| key.name()).collect::<Vec<_>>(),
        })
    }
}

fn catalog_of(options: &[SourceOption]) -> Map<String, Value> {
    let entry = |option: &SourceOption| {
        json!({
            "desc": option.description,
            "type": "text",
            "shortdesc": option.short_description,
            "validator": "text",
            "required": option.required,
            "default": null,
        })
    };
    options.iter().map(|option| (option.name.to_owned(), entry(option))).collect()
}

/// Unknown options are kept as they are: clients send back what other versions told them.
fn check(options: &[SourceOption], given: &Map<String, Value>, place: &str) -> Result<(), ApiError> {
    for option in options {
        let field = format!("{place}.{}", option.name);
        match given.get(option.name) {
            None | Some(Value::Null) if option.required => return Err(ApiError::missing_field(&field)),
            None | Some(Value::Null) | Some(Value::Number(_)) => {}
            Some(Value::String(text))
                if text.len() <= NAME_BYTES && !(text.is_empty() && option.required) => {}
            Some(other) => {
                let expected = format!("a text of 1 to {NAME_BYTES} bytes");
                return Err(ApiError::invalid_field(&field, other, &expected));
            }
        }
    }
    let bytes = Value::Object(given.clone()).to_string().len();
    if bytes > 16 * NAME_BYTES {
        return Err(ApiError::bad_request(format!(
            "{place}: {bytes} bytes are more than the {} allowed",
            16 * NAME_BYTES
        )));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_that_comes_later_is_told_from_one_that_does_not_exist() {
        assert!(SourceType::find("nsone_v1").is_ok());
        let later = SourceType::find("pingdom").unwrap_err();
        assert!(later.message.contains("later version") && later.message.contains("nsone_v1"));
        let unknown = SourceType::find("smoke_signals").unwrap_err();
        assert!(unknown.message.contains("not a known source type"));
    }

    #[test]
    fn a_feed_needs_its_label() {
        let kind = SourceType::find("nsone_v1").unwrap();
        let check = |config: Value| kind.check_feed_config(config.as_object().unwrap());
        assert!(check(json!({"label": "web-1"})).is_ok());
        assert!(check(json!({"label": 7, "other": [1]})).is_ok());
        for bad in [json!({}), json!({"label": null}), json!({"label": ""}), json!({"label": ["a"]})] {
            let error = check(bad.clone()).unwrap_err();
            assert!(error.message.contains("config.label"), "{bad}: {}", error.message);
        }
        assert!(check(json!({"label": "x".repeat(NAME_BYTES + 1)})).is_err());
        assert!(check(json!({"label": "x", "more": "y".repeat(5000)})).is_err());
    }
}
