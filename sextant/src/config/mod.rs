//! What the server runs with: defaults, then the file, then the environment, then the command line.
//!
//! Each layer is parsed into the same [`Settings`], a record of options that may be absent; [`Config`]
//! is what remains after they are laid over each other. Nothing is read anywhere else.

mod args;
mod file;
mod replies;

use std::{net::SocketAddr, path::PathBuf};

pub use args::{Arguments, Command, parse};
pub use file::FileError;
pub use replies::{CookieMode, Replies};
use serde::Deserialize;
use server::edns::{cookie::Secret, nsid::Nsid};
use server::policy::{AnyPolicy, ServerText};

/// The options as one layer gives them: `None` leaves the layer below in force.
///
/// The same type is the shape of the configuration file, so a key there is the option's name with
/// underscores.
#[derive(Debug, Default, Clone, PartialEq, Deserialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Address to answer DNS on, UDP and TCP; repeatable (default: port 5300 of 127.0.0.1 and ::1)
    #[arg(long, env = "SEXTANT_DNS", value_name = "ADDR", value_delimiter = ',')]
    pub dns: Option<Vec<SocketAddr>>,

    /// Address of the control API (default: 127.0.0.1:8053)
    #[arg(long, env = "SEXTANT_API", value_name = "ADDR")]
    pub api: Option<SocketAddr>,

    /// PEM file of the certificate of the API, followed by those that lead to its root; makes the API one over
    /// TLS, and is read again when it changes (default: no TLS)
    #[arg(long, env = "SEXTANT_API_TLS_CERT", value_name = "FILE")]
    pub api_tls_cert: Option<PathBuf>,

    /// PEM file of the private key that belongs to it
    #[arg(long, env = "SEXTANT_API_TLS_KEY", value_name = "FILE")]
    pub api_tls_key: Option<PathBuf>,

    /// Folder that holds everything the server must not forget (default: ./sextant-data)
    #[arg(long, env = "SEXTANT_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,

    /// API key of the first administrator, used on the first start only; without it one is made,
    /// printed once and written to DIR/admin.key
    #[arg(long, env = "SEXTANT_ADMIN_KEY", value_name = "KEY", hide_env_values = true)]
    pub admin_key: Option<String>,

    /// UDP worker threads, each with a socket of its own on every address, and as many for TCP (default: one
    /// per core)
    #[arg(long, env = "SEXTANT_WORKERS", value_name = "N", value_parser = clap::value_parser!(u16).range(1..=256))]
    pub workers: Option<u16>,

    /// Core to run the next worker on; repeatable, and over again for further workers (default: wherever the
    /// kernel puts them)
    #[arg(long = "core", env = "SEXTANT_CORES", value_name = "NUMBER", value_delimiter = ',')]
    pub cores: Option<Vec<u16>>,

    /// Octets of receive buffer to ask the kernel for, for each UDP socket (default: 4194304; what the
    /// kernel gives is limited by net.core.rmem_max and shown under /metrics)
    #[arg(long, env = "SEXTANT_UDP_RECEIVE_BUFFER", value_name = "OCTETS", value_parser = clap::value_parser!(u32).range(4096..=1 << 30))]
    pub udp_receive_buffer: Option<u32>,

    /// MaxMind-format City or Country database to use in place of the embedded geography
    #[arg(long, env = "SEXTANT_GEOIP_CITY", value_name = "FILE")]
    pub geoip_city: Option<PathBuf>,

    /// MaxMind-format ASN database to use in place of the embedded AS numbers
    #[arg(long, env = "SEXTANT_GEOIP_ASN", value_name = "FILE")]
    pub geoip_asn: Option<PathBuf>,

    /// Name server given to new zones; repeatable (default: ns1.sextant.internal and ns2.sextant.internal)
    #[arg(long = "nameserver", env = "SEXTANT_NAMESERVERS", value_name = "NAME", value_delimiter = ',')]
    pub nameservers: Option<Vec<String>>,

    /// Whether certificates and confirmations of Amazon SNS may be fetched, for data sources of type cloudwatch
    /// (default: true)
    #[arg(long, env = "SEXTANT_OUTGOING", value_name = "BOOL")]
    pub outgoing: Option<bool>,

    /// Mailbox that new zones show in their SOA (default: hostmaster@sextant.internal)
    #[arg(long, env = "SEXTANT_HOSTMASTER", value_name = "MAILBOX")]
    pub hostmaster: Option<String>,

    /// DNS cookies (RFC 7873): off, on, or require, which lets clients that have cookies prove their address
    /// before they get an answer over UDP (default: on)
    #[arg(long, env = "SEXTANT_COOKIES", value_name = "MODE")]
    #[serde(default, deserialize_with = "replies::from_text")]
    pub cookies: Option<CookieMode>,

    /// Secret that server cookies are made with, 32 hexadecimal digits; servers behind one address need the
    /// same (default: a new one with each start)
    #[arg(long, env = "SEXTANT_COOKIE_SECRET", value_name = "HEX", hide_env_values = true)]
    #[serde(default, deserialize_with = "replies::from_text")]
    pub cookie_secret: Option<Secret>,

    /// Secret whose server cookies are taken as well while one replaces the other (RFC 9018, 5): first the
    /// next one, then the last one
    #[arg(long, env = "SEXTANT_COOKIE_SECRET_OTHER", value_name = "HEX", hide_env_values = true)]
    #[serde(default, deserialize_with = "replies::from_text")]
    pub cookie_secret_other: Option<Secret>,

    /// Identifier sent to clients that ask which server answered (NSID, RFC 5001): a text, or 0x and
    /// hexadecimal digits (default: none)
    #[arg(long, env = "SEXTANT_NSID", value_name = "TEXT")]
    #[serde(default, deserialize_with = "replies::from_text")]
    pub nsid: Option<Nsid>,

    /// Answer to version.bind and version.server, class CH (default: refused)
    #[arg(long, env = "SEXTANT_VERSION_BIND", value_name = "TEXT")]
    #[serde(default, deserialize_with = "replies::from_text")]
    pub version_bind: Option<ServerText>,

    /// Answer to id.server and hostname.bind, class CH (default: refused)
    #[arg(long, env = "SEXTANT_ID_SERVER", value_name = "TEXT")]
    #[serde(default, deserialize_with = "replies::from_text")]
    pub id_server: Option<ServerText>,

    /// What a query of type ANY gets (RFC 8482): one RRset, hinfo (a made-up record), or all (default: one)
    #[arg(long, env = "SEXTANT_ANY", value_name = "POLICY")]
    #[serde(default, deserialize_with = "replies::from_text")]
    pub any: Option<AnyPolicy>,

    /// Let only the addresses of the account's whitelists use the control API
    #[arg(long, env = "SEXTANT_ENFORCE_WHITELIST", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub enforce_whitelist: Option<bool>,

    /// How much to log: error, warn, info, debug, trace, or a filter such as server=debug
    /// (default: info)
    #[arg(long, env = "SEXTANT_LOG", value_name = "LEVEL")]
    pub log: Option<String>,

    /// Load a demo zone and print what to ask it
    #[arg(long, env = "SEXTANT_DEMO", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub demo: Option<bool>,

    /// Start although acknowledged changes are known to be lost from a damaged data folder
    #[arg(long, env = "SEXTANT_ACCEPT_LOSS", num_args = 0..=1, require_equals = true, default_missing_value = "true", value_name = "BOOL")]
    pub accept_loss: Option<bool>,
}

impl Settings {
    /// Lays `self` over `below`: what `self` leaves out is taken from there.
    fn over(self, below: Self) -> Self {
        Self {
            dns: self.dns.or(below.dns),
            api: self.api.or(below.api),
            api_tls_cert: self.api_tls_cert.or(below.api_tls_cert),
            api_tls_key: self.api_tls_key.or(below.api_tls_key),
            data_dir: self.data_dir.or(below.data_dir),
            admin_key: self.admin_key.or(below.admin_key),
            workers: self.workers.or(below.workers),
            cores: self.cores.or(below.cores),
            udp_receive_buffer: self.udp_receive_buffer.or(below.udp_receive_buffer),
            geoip_city: self.geoip_city.or(below.geoip_city),
            geoip_asn: self.geoip_asn.or(below.geoip_asn),
            nameservers: self.nameservers.or(below.nameservers),
            hostmaster: self.hostmaster.or(below.hostmaster),
            outgoing: self.outgoing.or(below.outgoing),
            cookies: self.cookies.or(below.cookies),
            cookie_secret: self.cookie_secret.or(below.cookie_secret),
            cookie_secret_other: self.cookie_secret_other.or(below.cookie_secret_other),
            nsid: self.nsid.or(below.nsid),
            version_bind: self.version_bind.or(below.version_bind),
            id_server: self.id_server.or(below.id_server),
            any: self.any.or(below.any),
            enforce_whitelist: self.enforce_whitelist.or(below.enforce_whitelist),
            log: self.log.or(below.log),
            demo: self.demo.or(below.demo),
            accept_loss: self.accept_loss.or(below.accept_loss),
        }
    }
}

/// Addresses to answer DNS on.
#[derive(Debug, Clone, PartialEq)]
pub struct DnsAddresses {
    /// Each is bound for UDP and TCP.
    pub addresses: Vec<SocketAddr>,
    /// Whether the operator named them. A default address that this machine lacks (no IPv6) is
    /// skipped with a warning; a chosen one is an error.
    pub chosen: bool,
}

/// Everything the server needs to know to start.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// Where DNS is answered.
    pub dns: DnsAddresses,
    /// Where the control API listens.
    pub api: SocketAddr,
    /// Certificate of the API, if it is to be served over TLS.
    pub api_tls_cert: Option<PathBuf>,
    /// The key of that certificate.
    pub api_tls_key: Option<PathBuf>,
    /// Folder of the store and of `admin.key`.
    pub data_dir: PathBuf,
    /// Key of the first administrator, if the operator chose it.
    pub admin_key: Option<String>,
    /// UDP worker threads; 0 is one per core.
    pub workers: usize,
    /// Cores to run the workers on, in turn; none for wherever the kernel puts them.
    pub cores: Vec<usize>,
    /// Octets of receive buffer to ask for, if the operator chose.
    pub udp_receive_buffer: Option<usize>,
    /// City or Country database.
    pub geoip_city: Option<PathBuf>,
    /// ASN database.
    pub geoip_asn: Option<PathBuf>,
    /// Name servers of new zones.
    pub nameservers: Vec<String>,
    /// SOA mailbox of new zones.
    pub hostmaster: String,
    /// Whether requests to Amazon SNS may be sent.
    pub outgoing: bool,
    /// What replies say beside the data of zones.
    pub replies: Replies,
    /// Whether only addresses of the account's whitelists may use the control API.
    pub enforce_whitelist: bool,
    /// Log filter.
    pub log: String,
    /// Whether to load the demo zone.
    pub demo: bool,
    /// Whether to start in spite of lost changes.
    pub accept_loss: bool,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            dns: DnsAddresses {
                addresses: vec![
                    SocketAddr::from(([127, 0, 0, 1], 5300)),
                    SocketAddr::from((std::net::Ipv6Addr::LOCALHOST, 5300)),
                ],
                chosen: false,
            },
            api: SocketAddr::from(([127, 0, 0, 1], 8053)),
            api_tls_cert: None,
            api_tls_key: None,
            data_dir: PathBuf::from("./sextant-data"),
            admin_key: None,
            workers: 0,
            cores: Vec::new(),
            udp_receive_buffer: None,
            geoip_city: None,
            geoip_asn: None,
            nameservers: vec!["ns1.sextant.internal".into(), "ns2.sextant.internal".into()],
            hostmaster: "hostmaster@sextant.internal".into(),
            outgoing: true,
            replies: Replies::default(),
            log: "info".into(),
            enforce_whitelist: false,
            demo: false,
            accept_loss: false,
        }
    }
}

impl Config {
    /// Merges the command line (which carries the environment) over the file over the defaults.
    ///
    /// # Errors
    /// When the file cannot be read or does not parse.
    pub fn resolve(arguments: Settings, file: Option<&std::path::Path>) -> Result<Self, FileError> {
        let from_file = file.map(file::read).transpose()?.unwrap_or_default();
        Ok(Self::from_settings(arguments.over(from_file)))
    }

    fn from_settings(settings: Settings) -> Self {
        let default = Self::default();
        Self {
            dns: match settings.dns {
                Some(addresses) if !addresses.is_empty() => DnsAddresses { addresses, chosen: true },
                _ => default.dns,
            },
            api: settings.api.unwrap_or(default.api),
            api_tls_cert: settings.api_tls_cert,
            api_tls_key: settings.api_tls_key,
            data_dir: settings.data_dir.unwrap_or(default.data_dir),
            admin_key: settings.admin_key,
            workers: settings.workers.map_or(default.workers, usize::from),
            cores: settings.cores.unwrap_or_default().into_iter().map(usize::from).collect(),
            udp_receive_buffer: settings.udp_receive_buffer.and_then(|octets| usize::try_from(octets).ok()),
            geoip_city: settings.geoip_city,
            geoip_asn: settings.geoip_asn,
            nameservers: settings
                .nameservers
                .filter(|names| !names.is_empty())
                .unwrap_or(default.nameservers),
            hostmaster: settings.hostmaster.unwrap_or(default.hostmaster),
            outgoing: settings.outgoing.unwrap_or(default.outgoing),
            replies: Replies {
                cookies: settings.cookies.unwrap_or_default(),
                cookie_secret: settings.cookie_secret,
                cookie_secret_other: settings.cookie_secret_other,
                nsid: settings.nsid,
                version_bind: settings.version_bind,
                id_server: settings.id_server,
                any: settings.any.unwrap_or_default(),
            },
            enforce_whitelist: settings.enforce_whitelist.unwrap_or(default.enforce_whitelist),
            log: settings.log.unwrap_or(default.log),
            demo: settings.demo.unwrap_or(default.demo),
            accept_loss: settings.accept_loss.unwrap_or(default.accept_loss),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(toml: &str) -> Settings {
        toml::from_str(toml).expect("test input")
    }

    #[test]
    fn the_command_line_beats_the_file_and_the_file_beats_the_defaults() {
        let file = settings("api = '127.0.0.1:1'\nlog = 'debug'");
        let arguments = Settings { api: Some("127.0.0.1:2".parse().unwrap()), ..Settings::default() };
        let config = Config::from_settings(arguments.over(file));
        assert_eq!(config.api.port(), 2);
        assert_eq!(config.log, "debug");
        assert_eq!(config.data_dir, Config::default().data_dir);
    }

    #[test]
    fn addresses_count_as_chosen_only_when_somebody_named_them() {
        assert!(!Config::from_settings(Settings::default()).dns.chosen);
        assert!(Config::from_settings(settings("dns = ['127.0.0.1:53']")).dns.chosen);
    }
}
