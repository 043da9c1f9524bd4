//! The `sextant` binary: reads its configuration, wires the crates together, and gets out of the way.
//!
//! Exit codes of the server: 0 after an orderly stop, 1 when something failed while running, 2 when it could not
//! start as asked (a bad flag, a port in use, a data folder in use); then one line says why.
#![forbid(unsafe_code)]

mod commands;
mod config;
mod demo;
mod metrics;
mod priority;
mod run;
mod signals;

use std::process::ExitCode;

use config::{Command, Config};

/// Queries allocate nothing. The allocator is chosen for what the control API leaves behind: this one gives it
/// back to the system from a thread of its own, within seconds (`.cargo/config.toml` says how soon).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Exit code of a start that was refused.
const REFUSED: u8 = 2;

fn main() -> ExitCode {
    let command = match config::parse(std::env::args_os()) {
        Ok(command) => command,
        Err(error) if error.use_stderr() => {
            // What is wrong may be listed on lines of its own; hints and usage come after an empty one.
            let text = error.to_string();
            let problem: Vec<&str> =
                text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
            eprintln!("{} (see --help)", problem.join(" "));
            return ExitCode::from(REFUSED);
        }
        Err(help) => {
            return match help.print() {
                Ok(()) => ExitCode::SUCCESS,
                Err(_) => ExitCode::FAILURE,
            };
        }
    };
    match command {
        Command::Serve(arguments) => serve(arguments),
        Command::Explain(arguments) => commands::explain(&arguments),
        Command::Simulate(arguments) => commands::simulate(&arguments),
        Command::Zone(command) => commands::zone(&command),
    }
}

fn serve(arguments: config::Arguments) -> ExitCode {
    let config = match Config::resolve(arguments.settings, arguments.config.as_deref()) {
        Ok(config) => config,
        Err(error) => {
            eprintln!("error: {error}");
            return ExitCode::from(REFUSED);
        }
    };
    match run::run(&config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("error: {failure}");
            ExitCode::from(match failure {
                run::Failure::Start(_) => REFUSED,
                run::Failure::Running(_) => 1,
            })
        }
    }
}
