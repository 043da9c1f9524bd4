//! What makes the server stop.

use std::io;

use tokio::signal::unix::{SignalKind, signal};

/// Installs the handlers; the future completes at the first SIGTERM or SIGINT and names it.
///
/// # Errors
/// When the handlers cannot be installed.
pub fn stop_requested() -> io::Result<impl Future<Output = &'static str>> {
    let mut terminate = signal(SignalKind::terminate())?;
    let mut interrupt = signal(SignalKind::interrupt())?;
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => "SIGTERM",
            _ = interrupt.recv() => "SIGINT",
        }
    })
}
