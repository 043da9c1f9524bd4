//! Commands that ask a running server over its API.
//!
//! They find the server and the key as `serve` does: flags, `SEXTANT_*` variables, the configuration file, and
//! last the defaults and the key file in the data folder.

mod api;
mod explain;
mod simulate;
mod table;

pub use explain::ExplainArguments;
pub use simulate::SimulateArguments;

use std::process::ExitCode;

/// Explains one answer.
pub fn explain(arguments: &ExplainArguments) -> ExitCode {
    finish(explain::run(arguments))
}

/// Simulates a record.
pub fn simulate(arguments: &SimulateArguments) -> ExitCode {
    finish(simulate::run(arguments))
}

/// The items of a list in a reply.
fn array(value: &serde_json::Value) -> &[serde_json::Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Prints what a command gives, or one line that says why it failed.
fn finish(outcome: anyhow::Result<String>) -> ExitCode {
    use std::io::Write;
    match outcome {
        // A reader that has seen enough (`| head`) is no failure.
        Ok(text) => match std::io::stdout().lock().write_all(text.as_bytes()) {
            Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => ExitCode::FAILURE,
            _ => ExitCode::SUCCESS,
        },
        Err(error) => {
            eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
            ExitCode::FAILURE
        }
    }
}
