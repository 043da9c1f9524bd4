//! Wiring: store → service → DNS and API, then waiting for the word to stop.
//!
//! Start and stop mirror each other. Start: lock the data folder and recover it, build the first
//! snapshot, bind every socket, answer DNS, serve the API. Stop: the API takes no more requests and
//! finishes those under way, DNS drains, the committer ends, the store is flushed.

use std::{
    fmt::{self, Write as _},
    io::{self, IsTerminal, Write as _},
    net::{SocketAddr, TcpListener},
    path::Path,
    sync::Arc,
    time::Duration,
};

use anyhow::{Context, Result, anyhow};
use axum::Router;
use control_api::{
    ApiOptions, Service, ServiceOptions,
    auth::{AdminKey, open_admin_key},
    http::tls::Certificate,
    outgoing::Outgoing,
    statistics::{Collector, Statistics},
};
use geoip_data::{GeoHandle, reload};
use server::{RunningServer, Server, ServerConfig};
use store::{JournalStore, Store};

use crate::{
    config::{Config, DnsAddresses},
    demo, metrics, priority, signals,
};

/// How often the geography files are looked at for changes.
const GEO_CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Threads of the API's own runtime; DNS workers are never among them.
const API_THREADS: usize = 2;

/// Why the server ended other than by being told to.
#[derive(Debug)]
pub enum Failure {
    /// It could not start as asked.
    Start(anyhow::Error),
    /// It started and failed later.
    Running(anyhow::Error),
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Start(error) | Self::Running(error)) = self;
        let line = format!("{error:#}").replace('\n', " ");
        formatter.write_str(&line)
    }
}

/// Runs the server until SIGTERM or SIGINT.
///
/// # Errors
/// [`Failure::Start`] before it was ready, [`Failure::Running`] afterwards.
pub fn run(config: &Config) -> Result<(), Failure> {
    start_logging(&config.log).map_err(Failure::Start)?;
    let started = Started::start(config).map_err(Failure::Start)?;
    started.run(config)
}

fn start_logging(filter: &str) -> Result<()> {
    let filter = tracing_subscriber::EnvFilter::try_new(filter).map_err(|error| {
        anyhow!("log: {filter:?} is not a level or filter ({error}); one of error, warn, info, debug, trace")
    })?;
    let colors = io::stderr().is_terminal();
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).with_ansi(colors).init();
    Ok(())
}

/// Everything that must be stopped again.
struct Started {
    store: Arc<JournalStore>,
    service: Service,
    geo: GeoHandle,
    geo_watcher: Option<reload::Watcher>,
    dns: Arc<RunningServer>,
    statistics: Arc<Statistics>,
    collector: Collector,
    api_listener: TcpListener,
    api_address: SocketAddr,
    certificate: Option<Arc<Certificate>>,
    admin_key: AdminKey,
}

impl Started {
    fn start(config: &Config) -> Result<Self> {
        let options = store::Options { accept_loss: config.accept_loss, ..store::Options::default() };
        let (store, report) = JournalStore::open(&config.data_dir, options)?;
        tracing::info!(revision = report.revision, replayed = report.replayed, "store opened");
        let store = Arc::new(store);
        // Before the zones are loaded, because these are found under the same hashes.
        let folder = config.data_dir.join("statistics");
        let statistics = Statistics::open(&folder)
            .with_context(|| format!("cannot open the statistics in {}", folder.display()))?;
        let statistics = Arc::new(statistics);
        let options = ServiceOptions {
            nameservers: config.nameservers.clone(),
            hostmaster: config.hostmaster.clone(),
            enforce_whitelist: config.enforce_whitelist,
            ..ServiceOptions::default()
        };
        let service = Service::open(Arc::clone(&store) as Arc<dyn Store>, options)?;

        let files = reload::GeoFiles { city: config.geoip_city.clone(), asn: config.geoip_asn.clone() };
        let geo = GeoHandle::new(reload::load(&files)?);
        let dns = bind_dns(config, &service, &geo)?;
        let api_listener = TcpListener::bind(config.api)
            .map_err(|error| anyhow!("cannot listen on {} for the API: {error}", config.api))?;
        let api_address = api_listener.local_addr()?;
        let certificate = open_certificate(config)?;
        // Last of what can be refused, because a key that was printed must belong to a server that runs.
        let admin_key = open_admin_key(&service, &config.data_dir, config.admin_key.as_deref())?;

        let has_files = files.city.is_some() || files.asn.is_some();
        priority::lower_other_threads();
        let mut dns = dns.start().context("cannot start the DNS workers")?;
        priority::lower_this_thread();
        let geo_watcher = has_files.then(|| reload::watch(files, geo.clone(), GEO_CHECK_INTERVAL));
        let collector = collect(&mut dns, &service, &statistics).context("cannot start counting queries")?;
        Ok(Self {
            store,
            service,
            geo,
            geo_watcher,
            dns: Arc::new(dns),
            statistics,
            collector,
            api_listener,
            api_address,
            certificate,
            admin_key,
        })
    }

    fn run(self, config: &Config) -> Result<(), Failure> {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(API_THREADS)
            .thread_name("api")
            .enable_all()
            .build()
            .map_err(|error| Failure::Start(error.into()))?;
        let outcome = runtime.block_on(serve(&self, config));
        drop(runtime);
        self.stop().map_err(Failure::Running)?;
        outcome
    }

    fn stop(self) -> Result<()> {
        drop(self.geo_watcher);
        // The last owner: the API's share went with its runtime. Dropping it drains and joins the workers.
        drop(self.dns);
        // Counts the last queries.
        drop(self.collector);
        self.service.shutdown();
        drop(self.service);
        match Arc::try_unwrap(self.store) {
            Ok(store) => store.close().context("closing the store")?,
            // A request that was cut off at its deadline still holds it; the last drop flushes as well.
            Err(shared) => drop(shared),
        }
        tracing::info!("stopped");
        Ok(())
    }
}

/// Serves the API until a signal comes.
async fn serve(started: &Started, config: &Config) -> Result<(), Failure> {
    let stop = signals::stop_requested().map_err(|error| Failure::Start(error.into()))?;
    let options = ApiOptions {
        metrics: Some(metrics::writer(&started.dns)),
        statistics: Arc::clone(&started.statistics),
        outgoing: config.outgoing.then(Outgoing::https),
        scratch: Some(config.data_dir.clone()),
        ..ApiOptions::default()
    };
    let router = control_api::router(started.service.clone(), started.geo.clone(), options);
    let guide = guide(started, config, &router).await.map_err(Failure::Start)?;
    announce(&guide).map_err(|error| Failure::Running(error.into()))?;
    let listener = started.api_listener.try_clone().map_err(|error| Failure::Running(error.into()))?;
    let stopped = async {
        let signal = stop.await;
        tracing::info!(signal, "stopping");
    };
    let certificate = started.certificate.clone();
    let served = control_api::http::serve(listener, router, certificate, stopped).await;
    served.map_err(|error| Failure::Running(error.into()))
}

/// The certificate of the API, if there is to be one.
fn open_certificate(config: &Config) -> Result<Option<Arc<Certificate>>> {
    match (&config.api_tls_cert, &config.api_tls_key) {
        (Some(certificate), Some(key)) => {
            let opened = Certificate::open(certificate, key).context("cannot serve the API over TLS")?;
            Ok(Some(opened))
        }
        (None, None) => Ok(None),
        (Some(_), None) => Err(anyhow!("api_tls_cert: api_tls_key is needed as well")),
        (None, Some(_)) => Err(anyhow!("api_tls_key: api_tls_cert is needed as well")),
    }
}

/// Starts counting queries by zone and record.
fn collect(
    dns: &mut RunningServer,
    service: &Service,
    statistics: &Arc<Statistics>,
) -> io::Result<Collector> {
    let mut tallies = dns.take_tallies().unwrap_or_default();
    Collector::start(Arc::clone(statistics), service.clock().clone(), move |each| {
        tallies.wake_this_thread();
        tallies.take(each);
    })
}

/// Binds the DNS sockets. A default address that this machine does not have is skipped.
fn bind_dns(config: &Config, service: &Service, geo: &GeoHandle) -> Result<Server> {
    let DnsAddresses { addresses, chosen } = &config.dns;
    let bind = |listen: Vec<SocketAddr>| {
        let settings = ServerConfig {
            listen,
            workers: config.workers,
            processors: config.cores.clone(),
            udp_receive_buffer: config.udp_receive_buffer,
            policy: config.replies.policy(),
            ..ServerConfig::default()
        };
        Server::bind(settings, service.snapshot().clone(), geo.clone())
    };
    match bind(addresses.clone()) {
        Err(error) if !chosen && error.source.kind() == io::ErrorKind::AddrNotAvailable => {
            tracing::warn!(address = %error.address, "this machine has no such address; DNS is not answered there");
            Ok(bind(addresses.iter().copied().filter(|address| *address != error.address).collect())?)
        }
        bound => Ok(bound?),
    }
}

/// What is printed at start: where it listens, and what to try.
async fn guide(started: &Started, config: &Config, router: &Router) -> Result<String> {
    let mut text = format!("Sextant {}\n", env!("CARGO_PKG_VERSION"));
    for address in started.dns.local_addrs() {
        writeln!(text, "  DNS  {address}  (UDP and TCP)")?;
    }
    let api = started.api_address;
    let scheme = if started.certificate.is_some() { "https" } else { "http" };
    let sources = started.geo.load().sources();
    writeln!(text, "  API  {scheme}://{api}/v1  (header X-NSONE-Key)")?;
    writeln!(text, "  Data {}", config.data_dir.display())?;
    writeln!(text, "  Geo  {}; AS numbers: {}", sources.location, sources.asn)?;
    let key_file = config.data_dir.join("admin.key");
    if let AdminKey::Made { secret, path } = &started.admin_key {
        writeln!(text, "\n  Admin key, shown this once and kept in {}: {secret}", path.display())?;
    }
    let shown_key =
        if key_file.exists() { format!("$(cat {})", key_file.display()) } else { "$KEY".to_owned() };
    let dns = *started.dns.local_addrs().first().context("no address to answer DNS on")?;

    writeln!(text, "\nTry:")?;
    let curl = format!("curl -H \"X-NSONE-Key: {shown_key}\"");
    writeln!(
        text,
        "  {curl} -X PUT {scheme}://{api}/v1/zones/example.test -d '{{\"zone\":\"example.test\"}}'"
    )?;
    writeln!(
        text,
        "  {curl} -X PUT {scheme}://{api}/v1/zones/example.test/www.example.test/A -d '{{\"zone\":\"example.test\",\"domain\":\"www.example.test\",\"type\":\"A\",\"answers\":[{{\"answer\":[\"192.0.2.1\"]}}]}}'"
    )?;
    writeln!(text, "  dig @{} -p {} www.example.test A", dns.ip(), dns.port())?;
    if config.demo {
        let key = demo_key(started, config, &key_file)?;
        let addresses = demo::Addresses { dns, api };
        writeln!(text, "\n{}", demo::load(router, &key, addresses, &shown_key).await?)?;
    }
    writeln!(text, "Sextant is ready.")?;
    Ok(text)
}

/// The key that the demo zone is written with.
fn demo_key(started: &Started, config: &Config, key_file: &Path) -> Result<String> {
    match (&started.admin_key, &config.admin_key) {
        (AdminKey::Made { secret, .. }, _) => Ok(secret.clone()),
        (_, Some(given)) => Ok(given.clone()),
        (_, None) => std::fs::read_to_string(key_file).map(|key| key.trim().to_owned()).map_err(|_| {
            anyhow!("demo: the admin key is needed, as --admin-key or in {}", key_file.display())
        }),
    }
}

/// Prints and flushes: whoever reads our output through a pipe waits for the last line.
fn announce(guide: &str) -> io::Result<()> {
    let mut stdout = io::stdout().lock();
    stdout.write_all(guide.as_bytes())?;
    stdout.flush()
}
