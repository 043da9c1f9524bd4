//! A client of the control API of a running server.

use std::io::Read;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::Value;
use ureq::tls::{Certificate, PemItem, RootCerts, TlsConfig, parse_pem};
use zones::Name;

use crate::config::{Config, Settings};

/// How long a reply is waited for: a little longer than the server gives its handlers.
const PATIENCE: Duration = Duration::from_secs(70);

/// How long the way of a zone file may take, in either direction.
const FILE_PATIENCE: Duration = Duration::from_secs(1200);

/// What stands between the parts of a form. Without a newline before it, it may occur in a file.
const BOUNDARY: &str = "sextant-zone-file-4f6c1d0b9e";

/// The largest reply that is read, in octets: explanations of the largest records have some ten million.
const REPLY_OCTETS: u64 = 1 << 28;

/// Where the server is, and with which key it is asked.
#[derive(Debug, clap::Args)]
pub struct ApiArguments {
    /// The control API of the server: URL or address (default: as `serve` would listen, http://127.0.0.1:8053)
    #[arg(long, env = "SEXTANT_API", value_name = "URL")]
    api: Option<String>,
    /// Certificates to trust (PEM), of the server or of who signed its own (default: the authorities Mozilla trusts)
    #[arg(long, env = "SEXTANT_API_CA", value_name = "FILE")]
    api_ca: Option<PathBuf>,
    /// API key (default: the server's admin key, from the configuration or DIR/admin.key)
    #[arg(long, env = "SEXTANT_ADMIN_KEY", value_name = "KEY", hide_env_values = true)]
    key: Option<String>,
    /// Folder that holds what the server must not forget, the admin key too (default: ./sextant-data)
    #[arg(long, env = "SEXTANT_DATA_DIR", value_name = "DIR")]
    data_dir: Option<PathBuf>,
    /// Configuration file of the server (TOML)
    #[arg(long, env = "SEXTANT_CONFIG", value_name = "FILE")]
    config: Option<PathBuf>,
}

/// A server's API.
pub struct Api {
    base: String,
    key: String,
    agent: ureq::Agent,
}

/// Which record a command is about; the zone may be left to be found.
#[derive(Debug, clap::Args)]
pub struct SubjectArguments {
    /// The name
    pub name: String,
    /// The record type
    #[arg(value_name = "TYPE", default_value = "A")]
    pub rtype: String,
    /// The zone that the name is in (default: found by asking)
    #[arg(long, value_name = "ZONE")]
    pub zone: Option<String>,
}

impl Api {
    /// Finds out where the server is and which key to use. Nothing is sent.
    ///
    /// # Errors
    /// A configuration file that cannot be read, and a key that is not found.
    pub fn open(arguments: &ApiArguments) -> Result<Self> {
        let settings = Settings {
            data_dir: arguments.data_dir.clone(),
            admin_key: arguments.key.clone(),
            ..Settings::default()
        };
        let config = Config::resolve(settings, arguments.config.as_deref())?;
        let base = match &arguments.api {
            Some(api) => base_url(api),
            None if config.api_tls_cert.is_some() => format!("https://{}", reachable(config.api)),
            None => base_url(&reachable(config.api).to_string()),
        };
        let key = match config.admin_key {
            Some(key) => key,
            None => {
                let path = config.data_dir.join("admin.key");
                std::fs::read_to_string(&path).map(|key| key.trim().to_owned()).map_err(|error| {
                    anyhow!("no API key: give --key, or a data folder with one ({}: {error})", path.display())
                })?
            }
        };
        let mut tls = TlsConfig::builder();
        if let Some(path) = &arguments.api_ca {
            tls = tls.root_certs(trusted(path)?);
        }
        let agent = ureq::Agent::config_builder()
            .http_status_as_error(false)
            .timeout_global(Some(PATIENCE))
            .tls_config(tls.build())
            .build()
            .into();
        Ok(Self { base, key, agent })
    }

    /// Asks about a record: `path` gives the path for a zone, which is found by trying the longest first.
    ///
    /// # Errors
    /// What the server says against it, and a server that does not answer.
    pub fn ask(
        &self,
        subject: &SubjectArguments,
        path: impl Fn(&str) -> String,
        body: Option<&Value>,
    ) -> Result<Value> {
        let mut zone = match &subject.zone {
            Some(zone) => return self.call(&path(&escaped(zone)), body)?.into_value(),
            None => Name::parse(&subject.name).map_err(|error| anyhow!("{:?}: {error}", subject.name))?,
        };
        loop {
            let reply = self.call(&path(&escaped(&zone.to_string())), body)?;
            match zone.parent() {
                Some(parent) if reply.is_missing_zone() && !parent.is_root() => zone = parent,
                _ if reply.is_missing_zone() => bail!("no zone of this server holds {}", subject.name),
                _ => return reply.into_value(),
            }
        }
    }

    /// The resource at a path.
    ///
    /// # Errors
    /// What the server says against it, and a server that does not answer; likewise below.
    pub fn get(&self, path: &str) -> Result<Value> {
        self.call(path, None)?.into_value()
    }

    /// PUTs a document.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn put(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}{path}", self.base);
        let request = self.agent.put(&url).header("X-NSONE-Key", &self.key);
        self.reply(&url, request.send(body.to_string()))?.into_value()
    }

    /// PUTs a zone file of so many octets, as the form field that imports read.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn upload(&self, path: &str, file: impl Read, octets: u64) -> Result<Value> {
        let head = format!(
            "--{BOUNDARY}\r\nContent-Disposition: form-data; name=\"zonefile\"; filename=\"zone\"\r\n\r\n"
        );
        let tail = format!("\r\n--{BOUNDARY}--\r\n");
        let length = head.len() as u64 + octets + tail.len() as u64;
        // A file that grows meanwhile is sent as long as it was.
        let mut body = head.as_bytes().chain(file.take(octets)).chain(tail.as_bytes());
        let url = format!("{}{path}", self.base);
        let request = self.agent.put(&url).header("X-NSONE-Key", &self.key);
        let request = request
            .header("Content-Type", format!("multipart/form-data; boundary={BOUNDARY}"))
            .header("Content-Length", length.to_string());
        let request = request.config().timeout_global(Some(FILE_PATIENCE)).build();
        self.reply(&url, request.send(ureq::SendBody::from_reader(&mut body)))?.into_value()
    }

    /// The text at a path, read as it comes.
    ///
    /// # Errors
    /// As [`Self::get`].
    pub fn download(&self, path: &str) -> Result<impl Read + use<>> {
        let url = format!("{}{path}", self.base);
        let request = self.agent.get(&url).header("X-NSONE-Key", &self.key);
        let request = request.config().timeout_global(Some(FILE_PATIENCE)).build();
        let response = request.call();
        match response {
            Ok(response) if response.status() == 200 => Ok(response.into_body().into_reader()),
            response => match self.reply(&url, response)?.into_value() {
                Ok(_) => bail!("{url} gave no text"),
                Err(error) => Err(error),
            },
        }
    }

    /// GET, or POST where there is a body.
    fn call(&self, path: &str, body: Option<&Value>) -> Result<Reply> {
        let url = format!("{}{path}", self.base);
        let response = match body {
            None => self.agent.get(&url).header("X-NSONE-Key", &self.key).call(),
            Some(body) => self.agent.post(&url).header("X-NSONE-Key", &self.key).send(body.to_string()),
        };
        self.reply(&url, response)
    }

    fn reply(
        &self,
        url: &str,
        response: Result<ureq::http::Response<ureq::Body>, ureq::Error>,
    ) -> Result<Reply> {
        let response = response.with_context(|| format!("the API at {} does not answer", self.base))?;
        let status = response.status().as_u16();
        let text = response.into_body().into_with_config().limit(REPLY_OCTETS).read_to_string()?;
        let value = serde_json::from_str(&text)
            .with_context(|| format!("{url} gave status {status} and no JSON: is this Sextant's API?"))?;
        Ok(Reply { status, value })
    }
}

struct Reply {
    status: u16,
    value: Value,
}

impl Reply {
    fn message(&self) -> &str {
        self.value["message"].as_str().unwrap_or_default()
    }

    fn is_missing_zone(&self) -> bool {
        self.status == 404 && self.message() == "zone not found"
    }

    fn into_value(self) -> Result<Value> {
        match self.status {
            200 => Ok(self.value),
            401 => bail!("the API refuses the key"),
            _ => bail!("{}", self.message()),
        }
    }
}

/// The certificates in a PEM file.
fn trusted(path: &Path) -> Result<RootCerts> {
    let read = || -> Result<Vec<Certificate<'static>>> {
        let mut certificates = Vec::new();
        for item in parse_pem(&std::fs::read(path)?) {
            if let PemItem::Certificate(certificate) = item? {
                certificates.push(certificate);
            }
        }
        if certificates.is_empty() { bail!("there is no certificate in it") } else { Ok(certificates) }
    };
    let certificates = read().with_context(|| path.display().to_string())?;
    Ok(RootCerts::new_with_certs(&certificates))
}

/// An address as the front of a URL; a URL without what every path begins with.
fn base_url(api: &str) -> String {
    let url = if api.contains("://") { api.to_owned() } else { format!("http://{api}") };
    let url = url.trim_end_matches('/');
    url.strip_suffix("/v1").unwrap_or(url).to_owned()
}

/// Where a server is reached that listens on an address: one that listens everywhere, on the loopback.
fn reachable(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Ipv4Addr::LOCALHOST.into(),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Ipv6Addr::LOCALHOST.into(),
        ip => ip,
    };
    SocketAddr::new(ip, listen.port())
}

/// A text as one segment of a path, or one value of a query.
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~*".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_api_is_named_by_address_or_url() {
        for api in ["127.0.0.1:8053", "http://127.0.0.1:8053", "http://127.0.0.1:8053/v1/"] {
            assert_eq!(base_url(api), "http://127.0.0.1:8053");
        }
    }

    #[test]
    fn a_server_that_listens_everywhere_is_reached_on_the_loopback() {
        let reached = |listen: &str| reachable(listen.parse().unwrap()).to_string();
        assert_eq!(reached("0.0.0.0:1"), "127.0.0.1:1");
        assert_eq!(reached("[::]:1"), "[::1]:1");
        assert_eq!(reached("192.0.2.1:1"), "192.0.2.1:1");
    }

    #[test]
    fn a_text_is_one_segment_whatever_it_holds() {
        assert_eq!(escaped("*.a-b.test"), "*.a-b.test");
        assert_eq!(escaped("a/b?c 2001::/32"), "a%2Fb%3Fc%202001%3A%3A%2F32");
    }
}
