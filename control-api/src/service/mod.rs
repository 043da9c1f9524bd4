//! The configuration: one writer, many readers.
//!
//! The [`Service`] owns the tables, the world of zones and the cells of feeds. Writes are closures that the
//! committer thread runs inside a [`Transaction`], many per disk write; reads come from the tables. It
//! promises that what was acknowledged is on disk, that a read or a query after the acknowledgement sees it,
//! and that a change happens as a whole or not at all.

pub mod account;
mod actor;
mod codec;
mod committer;
mod directory;
pub mod documents;
mod expiry;
mod feeds;
mod jobs;
mod load;
mod moment;
mod overlay;
mod packed;
mod pointers;
mod prepared;
mod read;
mod records;
mod rehearse;
mod stored;
#[cfg(test)]
mod tests;
mod transaction;
mod tsig;
mod versions;
mod zones;

use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, SystemTime};

use ::zones::{Name, NameError, SnapshotCell};
use store::{Store, StoreError};
use tokio::sync::{mpsc, oneshot};

pub use self::actor::{Actor, ActorKind};
pub use self::directory::{LiveSource, PushCounts};
pub(crate) use self::jobs::{JobDoc, JobOutcome};
pub use self::pointers::{FeedUse, UseKind, feed_uses};
pub use self::prepared::{ImportBuilder, PreparedRecords};
pub use self::read::RecordEntry;
pub use self::records::RecordPath;
pub use self::transaction::Transaction;
pub(crate) use self::versions::WhenFull;

use self::committer::{Message, Request};
use self::directory::Directory;
use self::expiry::{Sweeper, SweeperThread};
use crate::auth::KeyHasher;
use crate::error::ApiError;
use crate::metrics::ChangeMetrics;

/// Requests that may wait for the committer. A full queue makes further ones wait, up to
/// [`QUEUE_PATIENCE`].
const QUEUE_LENGTH: usize = 4096;

/// How long a request waits for a place in a full queue.
const QUEUE_PATIENCE: Duration = Duration::from_secs(10);

/// How often the times at which keys were used are written down: requests must not cost a write each, and a
/// crash may forget this much.
const ACCESSES_KEPT_EVERY_S: u64 = 300;

/// Where the time of changes comes from.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> u64 + Send + Sync>);

impl Clock {
    /// The system's clock.
    pub fn system() -> Self {
        Self::new(|| {
            let since_epoch = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH);
            // A clock before 1970 counts as 1970; microseconds fit 64 bits for half a million years.
            since_epoch.map_or(0, |elapsed| elapsed.as_micros() as u64)
        })
    }

    /// A clock of one's own: gives unix time in microseconds.
    pub fn new(now_us: impl Fn() -> u64 + Send + Sync + 'static) -> Self {
        Self(Arc::new(now_us))
    }

    /// Unix time in microseconds.
    pub fn now_us(&self) -> u64 {
        (self.0)()
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

/// Settings of the service.
#[derive(Clone, Debug)]
pub struct ServiceOptions {
    /// The name servers that new zones get; the first is also the SOA's primary master.
    pub nameservers: Vec<String>,
    /// The mailbox in the SOA of new zones, as a mail address.
    pub hostmaster: String,
    /// Where the time of changes comes from.
    pub clock: Clock,
    /// Whether the account's address lists decide who may use the API; otherwise they are only kept.
    pub enforce_whitelist: bool,
}

impl Default for ServiceOptions {
    fn default() -> Self {
        Self {
            nameservers: vec!["ns1.sextant.internal".to_owned(), "ns2.sextant.internal".to_owned()],
            hostmaster: "hostmaster@sextant.internal".to_owned(),
            clock: Clock::system(),
            enforce_whitelist: false,
        }
    }
}

/// Why the service could not start.
#[derive(Debug, thiserror::Error)]
pub enum OpenError {
    /// The store cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A stored document cannot be used.
    #[error("the stored configuration cannot be read: {0}")]
    Document(String),
    /// A name in the options is none.
    #[error("{option}: {value:?}: {source}")]
    Option {
        /// Which option.
        option: &'static str,
        /// Its value.
        value: String,
        /// What is wrong.
        source: NameError,
    },
    /// New zones would have no name server.
    #[error("nameservers: at least one name is needed")]
    NoNameservers,
    /// The committer's thread could not be started.
    #[error("the committer thread could not be started: {0}")]
    Thread(std::io::Error),
}

/// A value with the number of the change set that holds what it tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Committed<T> {
    /// What the request computed.
    pub value: T,
    /// The revision from which on every read and every query sees the change.
    pub revision: u64,
}

/// The configuration; see the module's documentation. Clones share everything.
#[derive(Clone)]
pub struct Service(Arc<Inner>);

struct Inner {
    store: Arc<dyn Store>,
    queue: mpsc::Sender<Message>,
    sweeper: SweeperThread,
    snapshot: SnapshotCell,
    directory: Arc<Directory>,
    options: Arc<ServiceOptions>,
    hasher: KeyHasher,
    ready: AtomicBool,
    /// Set by the committer when memory may differ from the disk.
    broken: Arc<AtomicBool>,
    change_metrics: Arc<ChangeMetrics>,
    committer: Mutex<Option<JoinHandle<()>>>,
    /// When it was last written down at what times secrets were used, unix time in seconds.
    accesses_kept_s: AtomicU64,
}

impl Service {
    /// Loads the world from the tables, publishes the first snapshot and starts the committer.
    ///
    /// # Errors
    /// When the tables cannot be read, or an option is not usable.
    pub fn open(store: Arc<dyn Store>, options: ServiceOptions) -> Result<Self, OpenError> {
        check_options(&options)?;
        let options = Arc::new(options);
        let hasher = load::key_hasher(store.as_ref())?;
        let directory = Arc::new(Directory::default());
        load::feeds_and_keys(store.as_ref(), &directory, options.clock.now_us() / 1_000_000)?;
        let world = load::world(store.as_ref(), &directory)?;
        let snapshot: SnapshotCell = Arc::new(arc_swap::ArcSwap::new(Arc::clone(world.snapshot())));
        let started_s = options.clock.now_us() / 1_000_000;
        let (queue, messages) = mpsc::channel(QUEUE_LENGTH);
        let broken = Arc::new(AtomicBool::new(false));
        let change_metrics = Arc::<ChangeMetrics>::default();
        let committer = committer::Committer {
            store: Arc::clone(&store),
            world,
            snapshot: Arc::clone(&snapshot),
            directory: Arc::clone(&directory),
            options: Arc::clone(&options),
            broken: Arc::clone(&broken),
            metrics: Arc::clone(&change_metrics),
            last_us: 0,
        };
        let thread = std::thread::Builder::new()
            .name("committer".to_owned())
            .spawn(move || committer.run(messages))
            .map_err(OpenError::Thread)?;
        let clock = options.clock.clone();
        let sweeper = Sweeper { directory: Arc::clone(&directory), queue: queue.clone(), clock };
        let sweeper = SweeperThread::start(sweeper)?;
        Ok(Self(Arc::new(Inner {
            store,
            queue,
            sweeper,
            snapshot,
            directory,
            options,
            hasher,
            ready: AtomicBool::new(true),
            broken,
            change_metrics,
            committer: Mutex::new(Some(thread)),
            accesses_kept_s: AtomicU64::new(started_s),
        })))
    }

    /// Where queries take the snapshot from.
    pub fn snapshot(&self) -> &SnapshotCell {
        &self.0.snapshot
    }

    /// The number of the last change set stored.
    pub fn revision(&self) -> u64 {
        self.0.store.revision()
    }

    /// The settings of the service.
    pub fn options(&self) -> &ServiceOptions {
        &self.0.options
    }

    /// Whether queries are served: from the first snapshot until the shutdown.
    pub fn is_ready(&self) -> bool {
        self.0.ready.load(Ordering::Acquire)
    }

    /// Whether changes are taken. Not before a restart once a write has failed in a way that leaves open what
    /// is on disk; queries go on being answered.
    pub fn takes_changes(&self) -> bool {
        self.is_ready() && !self.0.broken.load(Ordering::Acquire)
    }

    /// Where the time of changes comes from.
    pub fn clock(&self) -> &Clock {
        &self.0.options.clock
    }

    /// How long changes took.
    pub(crate) fn change_metrics(&self) -> &ChangeMetrics {
        &self.0.change_metrics
    }

    /// When each feed got its last value, in unix seconds; 0 for one that never got any.
    pub(crate) fn each_feed_update(&self, each: impl FnMut(u64)) {
        self.0.directory.each_feed_update(each);
    }

    /// Runs `action` on the committer and answers once what it changed is stored and visible.
    ///
    /// `action` sees the state with every earlier change. If it fails or panics, nothing of it happens.
    ///
    /// # Errors
    /// Those of `action`; 429 when the queue stays full; 500 and 503 when the change could not be stored
    /// or the service is stopping.
    pub async fn commit<T, F>(&self, actor: &Actor, action: F) -> Result<Committed<T>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
    {
        let (message, answer) = request(actor, action);
        match self.0.queue.send_timeout(message, QUEUE_PATIENCE).await {
            Ok(()) => answer.await.map_err(|_| died())?,
            Err(mpsc::error::SendTimeoutError::Timeout(_)) => {
                Err(ApiError::too_many_requests("too many changes are waiting; try again later"))
            }
            Err(mpsc::error::SendTimeoutError::Closed(_)) => Err(stopping()),
        }
    }

    /// [`Self::commit`] for callers outside of a runtime, such as the start of the program.
    ///
    /// # Errors
    /// As [`Self::commit`], but waits for a place in the queue as long as it takes.
    ///
    /// # Panics
    /// When called from within a tokio runtime.
    pub fn commit_blocking<T, F>(&self, actor: &Actor, action: F) -> Result<Committed<T>, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&mut Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
    {
        let (message, answer) = request(actor, action);
        self.0.queue.blocking_send(message).map_err(|_| stopping())?;
        answer.blocking_recv().map_err(|_| died())?
    }

    /// Runs a read that may take a while where it holds up no other request.
    ///
    /// # Errors
    /// Those of `action`.
    pub async fn read<T, F>(&self, action: F) -> Result<T, ApiError>
    where
        T: Send + 'static,
        F: FnOnce(&Service) -> Result<T, ApiError> + Send + 'static,
    {
        let service = self.clone();
        tokio::task::spawn_blocking(move || action(&service)).await.map_err(ApiError::internal)?
    }

    /// Writes down when secrets were used, if that was not done for a while.
    fn keep_accesses(&self, now_s: u64) {
        let kept_s = self.0.accesses_kept_s.load(Ordering::Relaxed);
        if now_s < kept_s.saturating_add(ACCESSES_KEPT_EVERY_S) {
            return;
        }
        let order = Ordering::Relaxed;
        if self.0.accesses_kept_s.compare_exchange(kept_s, now_s, order, order).is_ok()
            && let Some(message) = self.last_accesses()
            && self.0.queue.try_send(message).is_err()
        {
            tracing::debug!("the times at which keys were used are kept later: many changes are waiting");
        }
    }

    /// The change that keeps when secrets were used, if any was.
    fn last_accesses(&self) -> Option<Message> {
        let uses = self.0.directory.take_new_accesses();
        if uses.is_empty() {
            return None;
        }
        let keep = move |transaction: &mut Transaction<'_>| transaction.put_last_accesses(uses);
        Some(request(&Actor::system(), keep).0)
    }

    /// Finishes what is queued, refuses what comes later, and ends the committer. Blocks until it has ended.
    pub fn shutdown(&self) {
        self.0.ready.store(false, Ordering::Release);
        self.0.sweeper.stop();
        let committer = self.0.committer.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some(committer) = committer else { return };
        for mut message in self.last_accesses().into_iter().chain([Message::Stop]) {
            // A full queue is being emptied, so a place comes free soon; a closed one needs no stop.
            while let Err(mpsc::error::TrySendError::Full(refused)) = self.0.queue.try_send(message) {
                message = refused;
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        if committer.join().is_err() {
            tracing::error!("the committer ended with a panic");
        }
    }
}

impl fmt::Debug for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Service").field("revision", &self.revision()).finish_non_exhaustive()
    }
}

/// The answer that a committer owes to the asker.
type Answer<T> = oneshot::Receiver<Result<Committed<T>, ApiError>>;

fn request<T, F>(actor: &Actor, action: F) -> (Message, Answer<T>)
where
    T: Send + 'static,
    F: FnOnce(&mut Transaction<'_>) -> Result<T, ApiError> + Send + 'static,
{
    let (reply, answer) = oneshot::channel();
    let actor = actor.clone();
    let request = Request { actor, action: Some(action), result: None, reply };
    (Message::Job(Box::new(request)), answer)
}

fn stopping() -> ApiError {
    ApiError::unavailable("the server is stopping")
}

fn died() -> ApiError {
    ApiError::internal("the committer ended before it answered")
}

fn check_options(options: &ServiceOptions) -> Result<(), OpenError> {
    if options.nameservers.is_empty() {
        return Err(OpenError::NoNameservers);
    }
    for nameserver in &options.nameservers {
        Name::parse(nameserver).map_err(|source| OpenError::Option {
            option: "nameservers",
            value: nameserver.clone(),
            source,
        })?;
    }
    Name::from_mail_address(&options.hostmaster).map_err(|source| OpenError::Option {
        option: "hostmaster",
        value: options.hostmaster.clone(),
        source,
    })?;
    Ok(())
}
