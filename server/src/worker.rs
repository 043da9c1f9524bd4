//! What worker threads of all kinds have in common.

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
    use super::survive;

    #[test]
    fn a_panic_is_survived_and_told() {
        assert!(survive(|| {}));
        assert!(!survive(|| std::panic::resume_unwind(Box::new("a bug"))));
    }
}
