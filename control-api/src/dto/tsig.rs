//! TSIG keys as clients write them.

use data_encoding::BASE64;
use serde_json::{Map, Value};

use super::fields;
use crate::error::ApiError;

/// The algorithms of RFC 8945, 6, by the names that clients use.
const ALGORITHMS: [&str; 6] =
    ["hmac-md5", "hmac-sha1", "hmac-sha224", "hmac-sha256", "hmac-sha384", "hmac-sha512"];

/// Octets of a secret; longer ones than a hash block add nothing.
const SECRET_OCTETS: usize = 512;

/// What a client may set on a key. Absent and null fields keep their value.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct TsigFields {
    /// The algorithm.
    pub(crate) algorithm: Option<String>,
    /// The secret in base64.
    pub(crate) secret: Option<String>,
}

impl TsigFields {
    /// Reads a body.
    ///
    /// # Errors
    /// 400 that names the field; a secret is never shown.
    pub(crate) fn parse(body: &Map<String, Value>) -> Result<Self, ApiError> {
        let algorithm = fields::string_or_null(body, "algorithm")?;
        if let Some(given) = algorithm
            && !ALGORITHMS.contains(&given.trim_end_matches('.').to_ascii_lowercase().as_str())
        {
            let expected = format!("one of {}", ALGORITHMS.join(", "));
            return Err(ApiError::invalid_field("algorithm", &Value::from(given), &expected));
        }
        let secret = match body.get("secret") {
            None | Some(Value::Null) => None,
            Some(Value::String(secret)) if is_secret(secret) => Some(secret.clone()),
            Some(_) => {
                return Err(ApiError::bad_request(format!(
                    "Input validation failed (the value of field '<obj>.secret' is not 1 to {SECRET_OCTETS} octets \
                     in base64)"
                )));
            }
        };
        Ok(Self { algorithm: algorithm.map(str::to_owned), secret })
    }
}

fn is_secret(text: &str) -> bool {
    // Four characters for three octets, so nothing long is decoded.
    text.len() <= SECRET_OCTETS.div_ceil(3) * 4
        && BASE64.decode(text.as_bytes()).is_ok_and(|octets| (1..=SECRET_OCTETS).contains(&octets.len()))
}
