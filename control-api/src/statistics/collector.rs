//! The thread that counts what workers wrote, and the one that stores counts.
//!
//! They are two, because workers' rings would overflow while the disk is waited for.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use zones::TallyKeys;

use super::bucket::Bucket;
use super::{SAVE_S, Statistics};
use crate::service::Clock;

/// How long queries wait to be counted at most.
const INTERVAL: Duration = Duration::from_secs(1);

/// Buckets that may wait for the disk: one that has ended, and the one under way.
const WAITING: usize = 2;

/// What the counting thread asks of the other.
struct Save {
    bucket: Bucket,
    now_s: u64,
}

/// Counts as long as it lives. When it is dropped, it counts what is left and stores everything.
pub struct Collector {
    stop: Arc<AtomicBool>,
    counting: Option<JoinHandle<()>>,
    saving: Option<JoinHandle<()>>,
}

impl Collector {
    /// Starts counting what `take` gives each time it is called, about once a second or whenever the thread that
    /// calls it is unparked.
    ///
    /// # Errors
    /// A thread cannot be started.
    pub fn start(
        statistics: Arc<Statistics>,
        clock: Clock,
        take: impl FnMut(&mut dyn FnMut(&[TallyKeys])) + Send + 'static,
    ) -> io::Result<Self> {
        let stop = Arc::new(AtomicBool::new(false));
        let (saves, to_save) = sync_channel(WAITING);
        let saving = {
            let statistics = Arc::clone(&statistics);
            thread::Builder::new()
                .name("statistics-disk".to_owned())
                .spawn(move || save_all(&statistics, &to_save))?
        };
        let counting = {
            let stop = Arc::clone(&stop);
            let work = move || count_all(&statistics, &clock, &stop, take, &saves);
            thread::Builder::new().name("statistics".to_owned()).spawn(work)?
        };
        Ok(Self { stop, counting: Some(counting), saving: Some(saving) })
    }
}

impl Drop for Collector {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Release);
        if let Some(counting) = &self.counting {
            counting.thread().unpark();
        }
        // The second ends when the first has let go of its queue.
        for thread in [self.counting.take(), self.saving.take()].into_iter().flatten() {
            if thread.join().is_err() {
                tracing::error!("counting queries ended with a panic");
            }
        }
    }
}

fn count_all(
    statistics: &Statistics,
    clock: &Clock,
    stop: &AtomicBool,
    mut take: impl FnMut(&mut dyn FnMut(&[TallyKeys])),
    saves: &SyncSender<Save>,
) {
    let mut saved = Instant::now();
    loop {
        let is_last = stop.load(Ordering::Acquire);
        let now_s = clock.now_us() / 1_000_000;
        let mut bucket = statistics.collect(now_s, &mut take);
        if bucket.is_none() && (is_last || saved.elapsed() >= Duration::from_secs(SAVE_S)) {
            saved = Instant::now();
            bucket = statistics.unsaved();
        }
        if let Some(bucket) = bucket {
            let save = Save { bucket, now_s };
            if is_last {
                let _ = saves.send(save);
            } else if let Err(TrySendError::Full(_)) = saves.try_send(save) {
                // The counts of a half hour that has ended would be missing now.
                tracing::warn!("statistics cannot be stored as fast as they come; some are not");
            }
        }
        if is_last {
            return;
        }
        thread::park_timeout(INTERVAL);
    }
}

fn save_all(statistics: &Statistics, saves: &Receiver<Save>) {
    let mut is_failing = false;
    while let Ok(Save { bucket, now_s }) = saves.recv() {
        let outcome = statistics.save(bucket).and_then(|()| statistics.tidy(now_s));
        match &outcome {
            Err(error) if !is_failing => tracing::warn!(%error, "statistics cannot be stored"),
            Ok(()) if is_failing => tracing::info!("statistics are stored again"),
            _ => {}
        }
        is_failing = outcome.is_err();
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Key, Period};
    use super::*;

    #[test]
    fn what_comes_until_the_end_is_counted_and_stored() {
        let directory = tempfile::tempdir().unwrap();
        let clock = || Clock::new(|| 1_800_000_000_000_000);
        let keys = TallyKeys { zone: 1, record: 2 };
        let total = |statistics: &Statistics| {
            let graphs = statistics.usage(&[Key::Account, Key::Record(2)], Period::Hour, 1_800_000_000);
            [graphs[0][2].1, graphs[1][2].1]
        };
        for round in 1..=2 {
            let statistics = Arc::new(Statistics::open(directory.path()).unwrap());
            let mut left = 5;
            let collector = Collector::start(Arc::clone(&statistics), clock(), move |each| {
                (0..std::mem::take(&mut left)).for_each(|_| each(&[keys]));
            });
            drop(collector.unwrap());
            assert_eq!(total(&statistics), [5 * round; 2], "the second process goes on from the first");
        }
    }
}
