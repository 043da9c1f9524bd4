//! Webhooks of any shape, and those of Shodan Monitor: both may be signed.

use std::net::{IpAddr, Ipv4Addr};

use axum::http::HeaderName;
use data_encoding::HEXLOWER_PERMISSIVE;
use ring::hmac;
use serde_json::{Map, Value};

use super::options;
use super::payload::{Sent, optional, required, scalar};
use super::push::{Push, State, up_is};
use crate::error::ApiError;

/// The header that carries the signature of a webhook, unless the source says another.
pub(super) const DEFAULT_HMAC_HEADER: &str = "X-Hub-Signature-256";

/// The header in which Shodan signs what it sends.
const SHODAN_SIGNATURE: &str = "SHODAN-SIGNATURE-SHA1";

/// Any JSON: pointers say where the label and the value are, a table what values mean.
///
/// A value that the table does not know changes nothing.
pub(super) fn webhook(config: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    if let Some(secret) = options::text(config, "hmac_secret") {
        let header = options::text(config, "hmac_header").unwrap_or_else(|| DEFAULT_HMAC_HEADER.to_owned());
        check_signature(sent, &header, hmac::HMAC_SHA256, "sha256=", &secret)?;
    }
    let body = Value::Object(sent.object()?);
    let at = |option: &str| {
        let pointer = options::text(config, option).unwrap_or_default();
        body.pointer(&pointer).ok_or_else(|| {
            ApiError::bad_request(format!("the body holds nothing at {pointer} ({option} of the source)"))
        })
    };
    let value = at("value")?;
    let label = at("label")?;
    let Some(label) = scalar(label) else {
        let pointer = options::text(config, "label").unwrap_or_default();
        return Err(ApiError::bad_request(format!("the label at {pointer} is neither a text nor a number")));
    };
    let values = match options::text(config, "key") {
        Some(key) => Some(Map::from_iter([(key, value.clone())])),
        None => {
            let tables = options::table(config, "values").unwrap_or_default();
            let table = scalar(value).and_then(|word| tables.get(&word).cloned());
            table.and_then(|table| table.as_object().cloned())
        }
    };
    let about = vec![("label", label)];
    Ok(values.map_or_else(Push::nothing, |values| Push::report(about, State::Values(values))))
}

/// One of `values` and `key` says what a value means, and the header for the signature is one that can be sent.
pub(super) fn check_webhook(config: &Map<String, Value>) -> Result<(), ApiError> {
    if let Some(header) = options::text(config, "hmac_header")
        && HeaderName::from_bytes(header.as_bytes()).is_err()
    {
        return Err(ApiError::invalid_field(
            "config.hmac_header",
            &header.into(),
            "the name of an HTTP header",
        ));
    }
    let has_values = options::table(config, "values").is_some();
    match (has_values, options::text(config, "key")) {
        (false, None) => Err(ApiError::bad_request(
            "config: one of values (metadata tables by value) and key (a metadata key that takes the value) is needed",
        )),
        (true, Some(_)) => Err(ApiError::bad_request("config: values and key exclude each other")),
        _ => Ok(()),
    }
}

/// Shodan Monitor: a banner about an address that set off a trigger. It never says that all is well again.
pub(super) fn shodan(config: &Map<String, Value>, sent: &Sent<'_>) -> Result<Push, ApiError> {
    if let Some(secret) = options::text(config, "api_key") {
        check_signature(sent, SHODAN_SIGNATURE, hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, "", &secret)?;
    }
    let body = sent.object()?;
    let address = match body.get("ip").and_then(Value::as_u64).map(u32::try_from) {
        Some(Ok(bits)) if !body.contains_key("ip_str") => IpAddr::from(Ipv4Addr::from_bits(bits)),
        _ => {
            let text = required(&body, &["ip_str"])?;
            let address = text.parse::<IpAddr>();
            address.map_err(|_| ApiError::invalid_field("ip_str", &text.into(), "an IP address"))?
        }
    };
    let mut about = vec![("ip", address.to_canonical().to_string())];
    about.extend(optional(&body, &["port"]).map(|port| ("port", port)));
    let in_body = body.get("_shodan").and_then(|meta| meta.pointer("/alert/trigger")).and_then(scalar);
    let trigger = sent.header("shodan-alert-trigger").map(str::to_owned).or(in_body);
    about.extend(trigger.map(|trigger| ("trigger", trigger)));
    let values = options::table(config, "values").unwrap_or_else(|| up_is(false));
    Ok(Push::report(about, State::Values(values)))
}

/// Checks the signature of a body: hex digits, with or without `prefix`. The comparison takes the same time
/// wherever the difference lies.
fn check_signature(
    sent: &Sent<'_>,
    header: &str,
    algorithm: hmac::Algorithm,
    prefix: &str,
    secret: &str,
) -> Result<(), ApiError> {
    let Some(body) = sent.body else {
        return Err(ApiError::bad_request("a signed push has a body: use POST"));
    };
    let Some(given) = sent.header(&header.to_ascii_lowercase()) else {
        return Err(ApiError::forbidden(format!(
            "header {header} with the signature of the body is missing"
        )));
    };
    let digits = given.trim().strip_prefix(prefix).unwrap_or(given.trim());
    let key = hmac::Key::new(algorithm, secret.as_bytes());
    let is_right = HEXLOWER_PERMISSIVE
        .decode(digits.as_bytes())
        .is_ok_and(|signature| hmac::verify(&key, body, &signature).is_ok());
    if is_right {
        Ok(())
    } else {
        Err(ApiError::forbidden(format!("header {header} is not the signature of the body")))
    }
}
