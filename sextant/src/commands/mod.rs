//! Commands that ask a running server over its API, and those that look at files alone.
//!
//! The former find the server and the key as `serve` does: flags, `SEXTANT_*` variables, the configuration file, and
//! last the defaults and the key file in the data folder.

mod api;
mod explain;
mod simulate;
mod table;
mod zone;

pub use explain::ExplainArguments;
pub use simulate::SimulateArguments;
pub use zone::ZoneCommand;

use std::io::{ErrorKind, Write};
use std::process::ExitCode;

/// Explains one answer.
pub fn explain(arguments: &ExplainArguments) -> ExitCode {
    finish(explain::run(arguments))
}

/// Simulates a record.
pub fn simulate(arguments: &SimulateArguments) -> ExitCode {
    finish(simulate::run(arguments))
}

/// Does something with zones.
pub fn zone(command: &ZoneCommand) -> ExitCode {
    let out = &mut std::io::BufWriter::new(std::io::stdout().lock());
    let outcome = match command {
        ZoneCommand::Import(arguments) => zone::import(arguments, out).map(|()| true),
        ZoneCommand::Export(arguments) => zone::export(arguments, out).map(|()| true),
        ZoneCommand::List(arguments) => zone::list(arguments, out).map(|()| true),
        ZoneCommand::Check(arguments) => zone::check(arguments, out),
    };
    match outcome.and_then(|is_good| Ok(out.flush().map(|()| is_good)?)) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => failed(&error),
    }
}

/// The items of a list in a reply.
fn array(value: &serde_json::Value) -> &[serde_json::Value] {
    value.as_array().map(Vec::as_slice).unwrap_or_default()
}

/// Prints what a command gives, or one line that says why it failed.
fn finish(outcome: anyhow::Result<String>) -> ExitCode {
    match outcome.and_then(|text| Ok(std::io::stdout().lock().write_all(text.as_bytes())?)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failed(&error),
    }
}

/// Says in one line why a command failed. A reader that has seen enough (`| head`) is no failure.
fn failed(error: &anyhow::Error) -> ExitCode {
    let cause = error.downcast_ref::<std::io::Error>();
    if cause.is_some_and(|cause| cause.kind() == ErrorKind::BrokenPipe) {
        return ExitCode::SUCCESS;
    }
    eprintln!("error: {}", format!("{error:#}").replace('\n', " "));
    ExitCode::FAILURE
}
