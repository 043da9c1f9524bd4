//! A small HTTP client of the control API.

use std::{net::SocketAddr, time::Duration};

use anyhow::{Context, Result};
use serde_json::Value;

/// The control API of one server, with a key.
#[derive(Debug, Clone)]
pub struct Api {
    base: String,
    key: String,
    agent: ureq::Agent,
}

/// What came back.
#[derive(Debug, Clone, PartialEq)]
pub struct Reply {
    /// The HTTP status.
    pub status: u16,
    /// The body, parsed; `Null` where it is empty.
    pub body: Value,
}

impl Reply {
    /// The `message` of an error.
    pub fn message(&self) -> &str {
        self.body["message"].as_str().unwrap_or_default()
    }
}

impl Api {
    /// A client of the API at `address` that sends `key`.
    pub fn new(address: SocketAddr, key: &str) -> Self {
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(Duration::from_secs(120)))
            .build()
            .into();
        Self { base: format!("http://{address}"), key: key.into(), agent }
    }

    /// GET `path`.
    ///
    /// # Errors
    /// When no HTTP reply comes back or its body is not JSON; likewise below.
    pub fn get(&self, path: &str) -> Result<Reply> {
        let request = self.agent.get(self.url(path)).header("X-NSONE-Key", &self.key);
        Self::reply(request.call()?)
    }

    /// PUT `body` to `path`.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn put(&self, path: &str, body: &Value) -> Result<Reply> {
        let request = self.agent.put(self.url(path)).header("X-NSONE-Key", &self.key);
        Self::reply(request.send(body.to_string())?)
    }

    /// POST `body` to `path`.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn post(&self, path: &str, body: &Value) -> Result<Reply> {
        let request = self.agent.post(self.url(path)).header("X-NSONE-Key", &self.key);
        Self::reply(request.send(body.to_string())?)
    }

    /// DELETE `path`.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn delete(&self, path: &str) -> Result<Reply> {
        let request = self.agent.delete(self.url(path)).header("X-NSONE-Key", &self.key);
        Self::reply(request.call()?)
    }

    /// Imports `zone_file` as `zone`; `query` is what stands behind the path, such as `?async=true`.
    ///
    /// # Errors
    /// As for [`Api::get`].
    pub fn import(&self, zone: &str, query: &str, zone_file: &str) -> Result<Reply> {
        let boundary = "sextant-test-boundary";
        let body = format!(
            "--{boundary}\r\nContent-Disposition: form-data; name=\"zonefile\"; filename=\"zone\"\r\n\r\n{zone_file}\r\n--{boundary}--\r\n"
        );
        let request = self
            .agent
            .put(self.url(&format!("/v1/import/zonefile/{zone}{query}")))
            .header("X-NSONE-Key", &self.key)
            .header("Content-Type", format!("multipart/form-data; boundary={boundary}"));
        Self::reply(request.send(body)?)
    }

    /// The same API with another key.
    pub fn with_key(&self, key: &str) -> Self {
        Self { key: key.into(), ..self.clone() }
    }

    fn url(&self, path: &str) -> String {
        format!("{}{path}", self.base)
    }

    fn reply(response: ureq::http::Response<ureq::Body>) -> Result<Reply> {
        let status = response.status().as_u16();
        let mut body = response.into_body();
        let text = body.with_config().limit(1 << 30).read_to_string()?;
        let body = if text.trim().is_empty() {
            Value::Null
        } else {
            serde_json::from_str(&text).with_context(|| format!("status {status}, not JSON: {text}"))?
        };
        Ok(Reply { status, body })
    }
}
