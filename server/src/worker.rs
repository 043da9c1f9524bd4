//! What worker threads of all kinds have in common.

use std::io;
use std::sync::mpsc;
use std::thread::{Builder, JoinHandle};

use crate::sys::affinity;

/// Starts a thread, on one processor only if one is given.
///
/// # Errors
/// When it cannot be started, or not on that processor.
pub fn spawn(
    name: String,
    processor: Option<usize>,
    work: impl FnOnce() + Send + 'static,
) -> io::Result<JoinHandle<()>> {
    let (tell, told) = mpsc::sync_channel(1);
    let thread = Builder::new().name(name.clone()).spawn(move || {
        let outcome = processor.map_or(Ok(()), affinity::pin);
        let may_work = outcome.is_ok();
        // Whoever starts the thread waits for the word.
        let _ = tell.send(outcome);
        if may_work {
            work();
        }
    })?;
    let outcome = told.recv().unwrap_or_else(|_| Err(io::Error::other("it ended at once")));
    outcome.map(|()| thread).map_err(|error| io::Error::new(error.kind(), format!("worker {name}: {error}")))
}

/// Runs `work`; false if it panicked. What it works on must be whole again when it starts anew: a responder
/// resets its buffers with each query.
pub fn survive(work: impl FnOnce()) -> bool {
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(work));
    if outcome.is_err() {
        tracing::error!("a worker panicked and goes on");
    }
    outcome.is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_survived_and_told() {
        assert!(survive(|| {}));
        assert!(!survive(|| std::panic::resume_unwind(Box::new("a bug"))));
    }

    #[test]
    fn a_worker_that_cannot_run_where_it_should_is_an_error() {
        let error = spawn("udp-3".to_owned(), Some(usize::MAX), || panic!("started")).unwrap_err();
        assert!(error.to_string().starts_with("worker udp-3: processor "), "{error}");
    }
}
