//! The one thread that changes anything.
//!
//! ```text
//! queue → drain a batch → run each request over (tables + earlier ones of the batch)
//!       → one commit of the store → feed cells, keys, world → publish → acknowledge all
//! ```
//!
//! Requests that arrive while the disk is busy share the next write. A request that fails leaves no trace in
//! the batch. If the store fails, nothing of the batch is applied or acknowledged. If applying fails after
//! the store took the changes, which would be a bug, memory and disk may differ: from then on every change
//! is refused until a restart reads the truth from disk, while queries go on being answered.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Instant;

use axum::http::StatusCode;
use store::{ChangeSet, Store, StoreError};
use tokio::sync::{mpsc, oneshot};
use zones::World;
use zones::snapshot::SnapshotCell;

use super::actor::Actor;
use super::directory::Directory;
use super::load;
use super::overlay::{Layer, View};
use super::transaction::{Effects, Finished, Surroundings, Transaction, Visible};
use super::{Committed, ServiceOptions};
use crate::error::ApiError;
use crate::metrics::ChangeMetrics;

/// Requests that share one write at most: beyond this, waiting for the batch costs more than the disk.
const BATCH_REQUESTS: usize = 1024;

/// Operations after which a batch is closed: a request that brings as many, such as an import, is the last
/// of its batch and is not copied for the sake of later ones.
const BATCH_OPERATIONS: usize = 20_000;

/// Octets of one change set: what the store takes, less room for its own words.
const CHANGE_SET_BYTES: usize = (1 << 30) - (1 << 20);

/// A request on its way through the committer.
pub(crate) trait Job: Send {
    /// Who asks.
    fn actor(&self) -> Actor;
    /// Runs the request. `None` when it failed; its own error is kept for the acknowledgement.
    fn run(&mut self, transaction: Transaction<'_>) -> Option<Finished>;
    /// Answers the request: with the revision that holds it, or with what went wrong around it.
    fn acknowledge(self: Box<Self>, outcome: Result<u64, ApiError>);
}

/// What lies in the queue.
pub(crate) enum Message {
    /// A request.
    Job(Box<dyn Job>),
    /// Finish what came before, then end.
    Stop,
}

/// A [`Job`] made of a closure and the place where its result is awaited.
pub(crate) struct Request<T, F> {
    pub(crate) actor: Actor,
    pub(crate) action: Option<F>,
    pub(crate) result: Option<Result<T, ApiError>>,
    pub(crate) reply: oneshot::Sender<Result<Committed<T>, ApiError>>,
}

impl<T, F> Job for Request<T, F>
where
    T: Send,
    F: FnOnce(&mut Transaction<'_>) -> Result<T, ApiError> + Send,
{
    fn actor(&self) -> Actor {
        self.actor.clone()
    }

    fn run(&mut self, mut transaction: Transaction<'_>) -> Option<Finished> {
        let action = self.action.take()?;
        // What a panic leaves behind is dropped with the transaction, so nothing broken is seen again.
        let outcome = catch_unwind(AssertUnwindSafe(|| {
            transaction.renew_access()?;
            let value = action(&mut transaction)?;
            Ok((value, transaction.finish()?))
        }));
        let result = outcome.unwrap_or_else(|panic| {
            Err(ApiError::internal(format!("a change panicked: {}", panic_text(panic.as_ref()))))
        });
        match result {
            Ok((value, finished)) => {
                self.result = Some(Ok(value));
                Some(finished)
            }
            Err(error) => {
                self.result = Some(Err(error));
                None
            }
        }
    }

    fn acknowledge(self: Box<Self>, outcome: Result<u64, ApiError>) {
        let result = match (self.result, outcome) {
            // The request's own error comes first: it would have failed anyway.
            (Some(Err(error)), _) | (_, Err(error)) => Err(error),
            (Some(Ok(value)), Ok(revision)) => Ok(Committed { value, revision }),
            (None, Ok(_)) => Err(ApiError::internal("a change was not run")),
        };
        // The client may have gone away; what it asked for is done all the same.
        let _ = self.reply.send(result);
    }
}

/// The text of a panic, as far as it has one.
fn panic_text(panic: &(dyn std::any::Any + Send)) -> &str {
    panic
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("no message")
}

/// The committer's own state.
pub(crate) struct Committer {
    pub(crate) store: Arc<dyn Store>,
    pub(crate) world: World,
    pub(crate) snapshot: SnapshotCell,
    pub(crate) directory: Arc<Directory>,
    pub(crate) options: Arc<ServiceOptions>,
    /// Set when memory may differ from the disk; see the module's documentation.
    pub(crate) broken: Arc<AtomicBool>,
    pub(crate) metrics: Arc<ChangeMetrics>,
    /// The time given to the last transaction, so that times only grow.
    pub(crate) last_us: u64,
}

impl Drop for Committer {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.broken.store(true, Ordering::Release);
            tracing::error!("the committer ended with a panic; no changes are taken until a restart");
        }
    }
}

/// A batch before it is stored.
#[derive(Default)]
struct Batch {
    layer: Layer,
    effects: Effects,
    sets: Vec<ChangeSet>,
    operations: usize,
    /// The requests that ran, each with the number of sets up to and including its own.
    done: Vec<(Box<dyn Job>, usize)>,
}

impl Batch {
    /// Whether further requests may join. Not after a change of keys or teams: what a request may do is read from
    /// memory, which follows when the batch is stored.
    fn is_open(&self) -> bool {
        self.done.len() < BATCH_REQUESTS
            && self.operations < BATCH_OPERATIONS
            && self.effects.account.is_empty()
    }
}

impl Committer {
    /// Works until the queue ends or a [`Message::Stop`] arrives.
    pub(crate) fn run(mut self, mut queue: mpsc::Receiver<Message>) {
        while let Some(Message::Job(first)) = queue.blocking_recv() {
            let mut batch = Batch::default();
            self.take(&mut batch, first);
            let mut stop = false;
            while batch.is_open() {
                match queue.try_recv() {
                    Ok(Message::Job(job)) => self.take(&mut batch, job),
                    Ok(Message::Stop) => {
                        stop = true;
                        break;
                    }
                    Err(_) => break,
                }
            }
            self.commit(batch);
            if stop {
                break;
            }
        }
        queue.close();
        while let Ok(Message::Job(job)) = queue.try_recv() {
            job.acknowledge(Err(ApiError::unavailable("the server is stopping")));
        }
    }

    /// Runs one request over what the batch holds so far.
    fn take(&mut self, batch: &mut Batch, mut job: Box<dyn Job>) {
        let around = Surroundings {
            view: View { store: self.store.as_ref(), batch: &batch.layer },
            directory: &self.directory,
            batch: &batch.effects,
            options: &self.options,
            now_us: self.options.clock.now_us().max(self.last_us + 1),
        };
        self.last_us = around.now_us;
        let finished = job.run(Transaction::new(around, job.actor()));
        if let Some(Finished { layer, effects }) = finished {
            if layer.bytes() > CHANGE_SET_BYTES {
                job.acknowledge(Err(ApiError::new(
                    StatusCode::PAYLOAD_TOO_LARGE,
                    "the change is too large to be stored as a whole",
                )));
                return;
            }
            batch.operations += layer.len();
            if layer.len() >= BATCH_OPERATIONS {
                batch.sets.push(layer.into_change_set());
            } else if !layer.is_empty() {
                batch.sets.push(layer.to_change_set());
                batch.layer.absorb(layer);
            }
            batch.effects.absorb(effects);
        }
        batch.done.push((job, batch.sets.len()));
    }

    /// Stores a batch, makes it visible and answers its requests.
    fn commit(&mut self, batch: Batch) {
        let Batch { effects, sets, done, .. } = batch;
        let outcome = self.store_and_apply(&sets, effects);
        for (job, sets_before) in done {
            let revision = outcome.clone().map(|last| {
                let behind = sets.len() - sets_before;
                last - behind as u64
            });
            job.acknowledge(revision);
        }
    }

    fn store_and_apply(&mut self, sets: &[ChangeSet], effects: Effects) -> Result<u64, ApiError> {
        if self.broken.load(Ordering::Acquire) && !sets.is_empty() {
            return Err(ApiError::unavailable(
                "changes are not taken until the server is restarted; its log says why",
            ));
        }
        let revision = if sets.is_empty() {
            self.store.revision()
        } else {
            let begin = Instant::now();
            let stored = catch_unwind(AssertUnwindSafe(|| self.store.commit(sets)));
            self.metrics.commit.observe(begin.elapsed());
            match stored {
                Ok(Ok(revision)) => revision,
                Ok(Err(error)) => {
                    // After this one only the next opening of the store tells what is in it.
                    if matches!(error, StoreError::Failed { .. }) {
                        self.broken.store(true, Ordering::Release);
                    }
                    tracing::error!(%error, "a batch of changes could not be stored");
                    return Err(ApiError::unavailable("the change could not be stored"));
                }
                Err(panic) => {
                    self.broken.store(true, Ordering::Release);
                    let text = panic_text(panic.as_ref());
                    return Err(ApiError::internal(format!("the store panicked: {text}")));
                }
            }
        };
        let applied = catch_unwind(AssertUnwindSafe(|| self.apply(revision, effects)));
        applied.map(|()| revision).map_err(|panic| {
            self.broken.store(true, Ordering::Release);
            ApiError::internal(format!("stored changes could not be applied: {}", panic_text(panic.as_ref())))
        })
    }

    /// Makes stored changes visible: live values first, so that a new record finds them in place.
    fn apply(&mut self, revision: u64, effects: Effects) {
        for (id, feed) in effects.feeds {
            self.directory.set_feed(id, feed);
        }
        for push in effects.pushes {
            push.apply();
        }
        for (id, source) in effects.sources {
            self.directory.set_source(id, source);
        }
        self.directory.apply(effects.account);
        if !effects.visible.is_empty() {
            let begin = Instant::now();
            let mut update = self.world.update();
            for visible in effects.visible {
                match visible {
                    Visible::Change(change) => update.take(change),
                    Visible::Imported(puts) => load::imported(&puts, &self.directory, &mut update),
                }
            }
            self.snapshot.store(update.publish(revision));
            self.metrics.publish.observe(begin.elapsed());
        }
    }
}
