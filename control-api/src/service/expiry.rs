//! Feeds that fall silent.
//!
//! A feed may say how long its values hold without any new one (`expire_after_s`). Once a second a thread of its
//! own looks for feeds that have been silent for longer, and the committer takes their values away, in order
//! with the pushes: queries find no value, without looking at a clock. The time of the last value is stored
//! with the values, so a feed's age goes on through restarts.

use std::sync::mpsc::{self, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use super::committer::Message;
use super::directory::Directory;
use super::{Actor, Clock, Committed, OpenError, Service, request, stopping};
use crate::error::ApiError;

/// How often silent feeds are looked for. Times of expiry are whole seconds.
const INTERVAL: Duration = Duration::from_secs(1);

/// Feeds that expire in one change set: more wait for the next look.
const FEEDS_AT_ONCE: usize = 10_000;

/// Finds silent feeds and lets them expire.
#[derive(Clone)]
pub(super) struct Sweeper {
    pub(super) directory: Arc<Directory>,
    pub(super) queue: tokio::sync::mpsc::Sender<Message>,
    pub(super) clock: Clock,
}

impl Sweeper {
    /// Looks once, and returns how many feeds have expired. Blocks until that is stored.
    ///
    /// # Errors
    /// When it could not be stored, or the committer has too much to do already.
    pub(super) fn sweep(&self) -> Result<usize, ApiError> {
        let silent = self.directory.silent_feeds(self.clock.now_us() / 1_000_000, FEEDS_AT_ONCE);
        if silent.is_empty() {
            return Ok(0);
        }
        let (message, answer) = request(&Actor::system(), move |changes| changes.expire_feeds(silent));
        self.queue.try_send(message).map_err(|_| stopping())?;
        let Committed { value: expired, .. } = answer.blocking_recv().map_err(|_| stopping())??;
        if let Some(first) = expired.first() {
            self.directory.count_expirations(expired.len());
            tracing::warn!(feeds = expired.len(), %first, "feeds were silent for too long; their values are unknown");
        }
        Ok(expired.len())
    }
}

/// The thread that sweeps until it is stopped or dropped.
pub(super) struct SweeperThread(Mutex<Option<(mpsc::Sender<()>, JoinHandle<()>)>>);

impl SweeperThread {
    pub(super) fn start(sweeper: Sweeper) -> Result<Self, OpenError> {
        let (stop, stopped) = mpsc::channel();
        let work = move || {
            // The first look is at once: values may have become too old while the program did not run.
            loop {
                // A full queue or a failing disk is told about where it happens; the next look tries again.
                if let Err(error) = sweeper.sweep() {
                    tracing::debug!(%error, "silent feeds could not expire");
                }
                if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    break;
                }
            }
        };
        let thread = std::thread::Builder::new().name("feed-age".to_owned()).spawn(work);
        Ok(Self(Mutex::new(Some((stop, thread.map_err(OpenError::Thread)?)))))
    }

    /// Ends the thread and waits for it.
    pub(super) fn stop(&self) {
        let running = self.0.lock().unwrap_or_else(PoisonError::into_inner).take();
        let Some((stop, thread)) = running else { return };
        drop(stop);
        if thread.join().is_err() {
            tracing::error!("the thread that watches the age of feeds ended with a panic");
        }
    }
}

impl Service {
    /// How often a feed has expired since the start, and how many are expired now.
    pub fn expirations(&self) -> (u64, usize) {
        (self.0.directory.expirations(), self.0.directory.expired_feeds())
    }
}
