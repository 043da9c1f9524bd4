//! The command line.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Parser, Subcommand};

use super::Settings;
use crate::commands::{ExplainArguments, SimulateArguments, ZoneCommand};

/// An authoritative DNS server that steers traffic.
#[derive(Debug, Parser)]
#[command(name = "sextant", version, about, args_conflicts_with_subcommands = true)]
struct CommandLine {
    #[command(subcommand)]
    command: Option<Subcommands>,
    #[command(flatten)]
    serve: Arguments,
}

/// A command line that names a command. Options of `serve` have no place here, nor have their variables: `SEXTANT_API`
/// is the URL of a server to the commands that ask one, and an address to listen on to `serve`.
#[derive(Debug, Parser)]
#[command(name = "sextant", version, about)]
struct NamedCommand {
    #[command(subcommand)]
    command: Subcommands,
}

#[derive(Debug, Subcommand)]
enum Subcommands {
    /// Answer DNS and serve the control API (what `sextant` does by itself)
    Serve(Arguments),
    /// Ask a running server why a client gets the answer it gets
    Explain(ExplainArguments),
    /// Ask a running server which clients would get which answer, now or after a change
    Simulate(SimulateArguments),
    /// Import, export, list and check zones
    #[command(subcommand)]
    Zone(ZoneCommand),
}

/// Options of `serve`.
#[derive(Debug, clap::Args)]
pub struct Arguments {
    /// Configuration file (TOML); flags and the environment beat it
    #[arg(long, env = "SEXTANT_CONFIG", value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// The options that the file may hold too.
    #[command(flatten)]
    pub settings: Settings,
}

/// What was asked for.
#[derive(Debug)]
pub enum Command {
    /// Run the server.
    Serve(Arguments),
    /// Explain an answer of a running server.
    Explain(ExplainArguments),
    /// Simulate a record on a running server.
    Simulate(SimulateArguments),
    /// Do something with zones.
    Zone(ZoneCommand),
}

/// Parses the process's arguments and environment.
///
/// # Errors
/// clap's own error, whose kind says whether it is help, version or a mistake.
pub fn parse<I, T>(arguments: I) -> Result<Command, clap::Error>
where
    I: IntoIterator<Item = T>,
    T: Into<OsString>,
{
    let arguments: Vec<OsString> = arguments.into_iter().map(Into::into).collect();
    let names_command = arguments.get(1).is_some_and(|first| !first.as_encoded_bytes().starts_with(b"-"));
    let command = if names_command {
        NamedCommand::try_parse_from(arguments)?.command
    } else {
        let line = CommandLine::try_parse_from(arguments)?;
        line.command.unwrap_or(Subcommands::Serve(line.serve))
    };
    Ok(match command {
        Subcommands::Serve(arguments) => Command::Serve(arguments),
        Subcommands::Explain(arguments) => Command::Explain(arguments),
        Subcommands::Simulate(arguments) => Command::Simulate(arguments),
        Subcommands::Zone(command) => Command::Zone(command),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn serve(arguments: &[&str]) -> Arguments {
        let Command::Serve(arguments) = parse([&["sextant"], arguments].concat()).unwrap() else {
            panic!("not serve");
        };
        arguments
    }

    #[test]
    fn serve_is_the_default_command() {
        assert_eq!(serve(&["--workers", "3"]).settings, serve(&["serve", "--workers", "3"]).settings);
    }

    #[test]
    fn dns_addresses_repeat() {
        let settings = serve(&["--dns", "127.0.0.1:1", "--dns", "[::1]:2"]).settings;
        assert_eq!(settings.dns.map(|addresses| addresses.len()), Some(2));
    }

    #[test]
    fn cores_repeat_or_come_in_a_list() {
        let cores = |arguments: &[&str]| serve(arguments).settings.cores;
        assert_eq!(cores(&["--core", "2", "--core", "0"]), Some(vec![2, 0]));
        assert_eq!(cores(&["--core", "2,0"]), Some(vec![2, 0]));
    }

    #[test]
    fn zero_workers_are_refused() {
        assert!(parse(["sextant", "--workers", "0"]).is_err());
    }

    #[test]
    fn the_definition_is_sound() {
        use clap::CommandFactory;
        CommandLine::command().debug_assert();
    }
}
