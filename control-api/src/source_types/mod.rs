//! The kinds of data source: what each needs to be told, and how what it sends is read.
//!
//! One table (`catalog`) drives the catalog of the API, the checks of sources and feeds, and the feed URL.
//! Reading a push is a pure function ([`read_push`]): type, configuration and what was sent give a [`Push`].

mod alerts;
mod catalog;
mod monitors;
pub(crate) mod options;
mod payload;
pub(crate) mod push;
pub(crate) mod sns;
#[cfg(test)]
mod tests;
mod webhook;

use serde_json::{Map, Value, json};

pub use self::payload::Sent;
pub use self::push::{Push, Report, State};

use self::options::{EXPIRE_AFTER, INITIAL_UP, SourceOption};
use crate::error::ApiError;

/// Reads what was sent to the feed URL of a source of type `sourcetype` with the configuration `config`.
///
/// Whether Amazon SNS signed what a `cloudwatch` source got is checked elsewhere: it takes a certificate.
///
/// # Errors
/// 400 for an unknown type and for what is malformed, 403 for a wrong signature, token or account.
pub fn read_push(sourcetype: &str, config: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    SourceType::find(sourcetype)?.read(config, sent)
}

/// A kind of data source.
#[derive(Debug)]
pub(crate) struct SourceType {
    pub(crate) name: &'static str,
    short_description: &'static str,
    description: &'static str,
    /// Options of a source.
    config: &'static [SourceOption],
    /// Options of each of its feeds, beside those that all feeds have.
    feed_config: &'static [SourceOption],
    /// Rules that concern several options of a source.
    check: fn(&Map<String, Value>) -> Result<(), ApiError>,
    pub(crate) access: Access,
    delivers: Delivers,
    read: fn(&Map<String, Value>, &Sent<'_>) -> Result<Push, ApiError>,
}

/// Who may push.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Access {
    /// Keys with the right to push.
    Key,
    /// Whoever knows the id of the source: services that cannot send a key.
    Id,
    /// Amazon SNS, which signs what it sends.
    Sns,
}

/// Which metadata a kind delivers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Delivers {
    /// Only `up`.
    Up,
    /// Any key.
    Any,
}

impl SourceType {
    /// Every kind that can be connected.
    pub(crate) const ALL: &'static [Self] = catalog::ALL;

    /// Kinds of the compatible API whose payload nobody publishes.
    const UNKNOWN_PAYLOAD: [&'static str; 4] = ["monitis", "monitor_us", "boundary", "a10"];

    /// The kind called `name`, or a sentence that says which there are.
    pub(crate) fn find(name: &str) -> Result<&'static Self, ApiError> {
        if let Some(kind) = Self::ALL.iter().find(|kind| kind.name == name) {
            return Ok(kind);
        }
        let reason = if Self::UNKNOWN_PAYLOAD.contains(&name) {
            "is not served, because what it sends is not published; \"webhook\" takes any JSON"
        } else {
            "is not a known source type"
        };
        let name: String = name.chars().take(64).collect();
        let known: Vec<&str> = Self::ALL.iter().map(|kind| kind.name).collect();
        Err(ApiError::bad_request(format!("sourcetype: {name:?} {reason}; available: {}", known.join(", "))))
    }

    /// Checks the configuration of a source.
    pub(crate) fn check_config(&self, config: &Map<String, Value>) -> Result<(), ApiError> {
        options::check(self.config.iter(), config)?;
        (self.check)(config)
    }

    /// Checks the configuration of a feed.
    pub(crate) fn check_feed_config(&self, config: &Map<String, Value>) -> Result<(), ApiError> {
        options::check(self.feed_options(), config)
    }

    /// The options of a feed that a report has to agree with; the first one is always set.
    pub(crate) fn matched_options(&self) -> impl Iterator<Item = &'static SourceOption> {
        self.feed_config.iter().filter(|option| option.is_matched)
    }

    /// What a push says.
    pub(crate) fn read(&self, config: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
        (self.read)(config, sent)
    }

    /// The values that a feed of this configuration has before anything was pushed.
    pub(crate) fn initial_values(&self, feed_config: &Map<String, Value>) -> Option<Map<String, Value>> {
        let is_set = options::text(feed_config, INITIAL_UP.name).is_some()
            || feed_config.get(INITIAL_UP.name).is_some_and(Value::is_boolean);
        is_set.then(|| push::up_is(options::is_on(feed_config, INITIAL_UP.name)))
    }

    /// What `/v1/data/sourcetypes` says about this kind.
    pub(crate) fn catalog_entry(&self) -> Value {
        let keys: Vec<&str> = match self.delivers {
            Delivers::Up => vec!["up"],
            Delivers::Any => filters::MetaKey::ALL.iter().map(|key| key.name()).collect(),
        };
        json!({
            "desc": self.description,
            "config": catalog_of(self.config.iter()),
            "feed_config": catalog_of(self.feed_options()),
            "shortdesc": self.short_description,
            "compatible_meta": keys,
        })
    }

    fn feed_options(&self) -> impl Iterator<Item = &'static SourceOption> {
        self.feed_config.iter().chain([&INITIAL_UP, &EXPIRE_AFTER])
    }
}

fn catalog_of<'o>(options: impl Iterator<Item = &'o SourceOption>) -> Map<String, Value> {
    options.map(|option| (option.name.to_owned(), option.catalog_entry())).collect()
}
