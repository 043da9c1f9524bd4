//! What can wait: flushing the tables, preparing the next segment, checkpoints.
//!
//! One thread does it all, asked by commits. A failure is logged and harmless: the next request tries again.

use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::StoreError;
use crate::journal_store::Shared;

/// How long after a commit the tables are flushed: often enough that a start after a crash replays little,
/// seldom enough to cost nothing under load.
const FLUSH_AFTER: Duration = Duration::from_secs(1);

/// How long after the start the checkpoint is checked: when nothing waits for the disk any more.
const VERIFY_AFTER: Duration = Duration::from_secs(30);

/// How long after a failure a checkpoint is not tried again.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// What the maintenance thread is asked to do.
pub(crate) struct Work {
    asked: Mutex<Asked>,
    changed: Condvar,
}

/// See [`Work`].
#[derive(Default)]
struct Asked {
    stop: bool,
    spare: bool,
    checkpoint: bool,
    flush_at: Option<Instant>,
    verify_at: Option<Instant>,
    not_before: Option<Instant>,
}

/// One thing to do.
#[derive(Debug, PartialEq, Eq)]
enum Task {
    PrepareSpare,
    Checkpoint,
    Flush,
    VerifyCheckpoint,
}

impl Work {
    /// Nothing to do yet, except perhaps checking the checkpoint.
    pub(crate) fn new(has_checkpoint: bool) -> Self {
        let verify_at = has_checkpoint.then(|| Instant::now() + VERIFY_AFTER);
        Self { asked: Mutex::new(Asked { verify_at, ..Asked::default() }), changed: Condvar::new() }
    }

    /// Asks for a flush soon, and for other things now.
    pub(crate) fn request(&self, spare: bool, checkpoint: bool) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        let wake = asked.flush_at.is_none() || (spare && !asked.spare) || (checkpoint && !asked.checkpoint);
        asked.flush_at.get_or_insert_with(|| Instant::now() + FLUSH_AFTER);
        asked.spare |= spare;
        asked.checkpoint |= checkpoint;
        if wake {
            self.changed.notify_one();
        }
    }

    /// Ends the thread after what it is doing.
    pub(crate) fn stop(&self) {
        self.asked.lock().unwrap_or_else(PoisonError::into_inner).stop = true;
        self.changed.notify_one();
    }

    /// Waits for the next thing to do; `None` is the end.
    fn next(&self) -> Option<Task> {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            if asked.stop {
                return None;
            }
            let now = Instant::now();
            if let Some(task) = asked.take_due(now) {
                return Some(task);
            }
            let due = [asked.flush_at, asked.verify_at, asked.not_before.filter(|_| asked.checkpoint)];
            asked = match due.into_iter().flatten().min() {
                Some(due) => {
                    let waited = self.changed.wait_timeout(asked, due.saturating_duration_since(now));
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(asked).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }

    /// Puts off checkpoints after one failed.
    fn postpone_checkpoints(&self) {
        let mut asked = self.asked.lock().unwrap_or_else(PoisonError::into_inner);
        asked.not_before = Some(Instant::now() + RETRY_AFTER);
    }
}

impl Asked {
    /// Takes the most urgent task that is due.
    fn take_due(&mut self, now: Instant) -> Option<Task> {
        if std::mem::take(&mut self.spare) {
            return Some(Task::PrepareSpare);
        }
        if self.checkpoint && self.not_before.is_none_or(|at| at <= now) {
            self.checkpoint = false;
            return Some(Task::Checkpoint);
        }
        if self.flush_at.take_if(|at| *at <= now).is_some() {
            return Some(Task::Flush);
        }
        self.verify_at.take_if(|at| *at <= now).map(|_| Task::VerifyCheckpoint)
    }
}

/// Starts the thread; it ends after [`Work::stop`].
pub(crate) fn start(shared: Arc<Shared>) -> std::io::Result<JoinHandle<()>> {
    thread::Builder::new().name("store-maintain".to_owned()).spawn(move || {
        while let Some(task) = shared.work.next() {
            if let Err(error) = perform(&shared, &task) {
                tracing::warn!(%error, ?task, "maintenance of the store failed");
                if task == Task::Checkpoint {
                    shared.work.postpone_checkpoints();
                }
            }
        }
    })
}

fn perform(shared: &Shared, task: &Task) -> Result<(), StoreError> {
    match task {
        Task::PrepareSpare => shared.prepare_spare(),
        Task::Checkpoint => shared.checkpoint(),
        Task::Flush => shared.flush(),
        Task::VerifyCheckpoint => shared.verify_checkpoint(),
    }
}
