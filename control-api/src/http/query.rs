//! Query parameters, read as leniently as clients write them.

use axum::extract::FromRequestParts;
use axum::http::request::Parts;

use super::path::{Plus, decode};
use crate::error::ApiError;

/// The decoded pairs of a query string, in order. The first pair of a name counts.
#[derive(Clone, Debug, Default)]
pub struct Params(Vec<(String, String)>);

impl Params {
    /// Reads `a=1&b=2`. An error names the pair whose escapes are broken.
    pub fn parse(query: &str) -> Result<Self, ApiError> {
        let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            match (decode(name, Plus::Blank), decode(value, Plus::Blank)) {
                (Some(name), Some(value)) => Ok((name, value)),
                _ => Err(ApiError::bad_request(format!(
                    "query parameter {name:?}: the percent escapes are not valid UTF-8 text"
                ))),
            }
        });
        Ok(Self(pairs.collect::<Result<_, _>>()?))
    }

    /// The value of `name`, if the query holds it.
    pub fn get(&self, name: &str) -> Option<&str> {
        self.pairs().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All pairs in order.
    pub fn pairs(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// A boolean: `true`, `True`, `t`, `1`, `yes` and their opposites; a bare name is true.
    pub fn flag(&self, name: &str) -> Result<Option<bool>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        match value.to_ascii_lowercase().as_str() {
            "" | "true" | "t" | "1" | "yes" => Ok(Some(true)),
            "false" | "f" | "0" | "no" => Ok(Some(false)),
            _ => Err(ApiError::bad_request(format!(
                "query parameter {name}: expected true or false, got {value:?}"
            ))),
        }
    }

    /// A whole number that is not negative.
    pub fn number(&self, name: &str) -> Result<Option<u64>, ApiError> {
        let Some(value) = self.get(name) else { return Ok(None) };
        value.parse().map(Some).map_err(|_| {
            ApiError::bad_request(format!("query parameter {name}: expected a whole number, got {value:?}"))
        })
    }
}

impl<S: Sync> FromRequestParts<S> for Params {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, ApiError> {
        Self::parse(parts.uri.query().unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn flags_are_read_in_every_spelling_clients_use() {
        let params = Params::parse("a=true&b=True&c=t&d=1&e=False&f=f&g=0&h&i=maybe").unwrap();
        for name in ["a", "b", "c", "d", "h"] {
            assert_eq!(params.flag(name).unwrap(), Some(true), "{name}");
        }
        for name in ["e", "f", "g"] {
            assert_eq!(params.flag(name).unwrap(), Some(false), "{name}");
        }
        assert_eq!(params.flag("absent").unwrap(), None);
        assert!(params.flag("i").is_err());
    }

    #[test]
    fn numbers_and_escapes_are_checked() {
        let params = Params::parse("max=7&q=a%2Bb+c&bad=-1").unwrap();
        assert_eq!(params.number("max").unwrap(), Some(7));
        assert_eq!(params.get("q"), Some("a+b c"));
        assert!(params.number("bad").is_err());
        assert!(Params::parse("q=%zz").is_err());
    }
}
