//! Checking a zone file without a server.

use std::fs::File;
use std::io::{BufRead, BufReader, Cursor, Read, Write};
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use zones::Name;
use zones::zone_file::{self, ImportLimits};

use super::CheckArguments;

/// The largest zone file that is read from standard input, in octets; files have no limit.
const PIPED_OCTETS: u64 = 1 << 30;

/// Prints what is wrong with a file; true if an import would take it.
///
/// # Errors
/// A file that cannot be read, and a zone that is not known.
pub fn check(arguments: &CheckArguments, out: &mut impl Write) -> Result<bool> {
    let limits = ImportLimits::default();
    let label = arguments.file.display().to_string();
    let mut input = open(&arguments.file).with_context(|| label.clone())?;
    let apex = match &arguments.origin {
        Some(origin) => Name::parse(origin).map_err(|error| anyhow!("--origin {origin:?}: {error}"))?,
        None => {
            let apex = zone_file::apex_of(&mut input, &limits);
            input.rewind().with_context(|| label.clone())?;
            apex.ok_or_else(|| anyhow!("{label} does not say which zone it is of; name it with --origin"))?
        }
    };
    let report = zone_file::check(input, &apex, &limits);
    for error in &report.errors {
        writeln!(out, "{label}:{}: error: {}", error.line, error.message)?;
    }
    for warning in &report.warnings {
        match warning.strip_prefix("line ").and_then(|rest| rest.split_once(": ")) {
            Some((line, message)) => writeln!(out, "{label}:{line}: warning: {message}")?,
            None => writeln!(out, "{label}: warning: {warning}")?,
        }
    }
    let (errors, warnings) = (report.errors.len(), report.warnings.len());
    let verdict = if errors == 0 { "can be imported" } else { "cannot be imported" };
    writeln!(
        out,
        "zone {apex}: {} records, {errors} errors, {warnings} warnings: {verdict}",
        report.records
    )?;
    Ok(errors == 0 && !(arguments.strict && warnings > 0))
}

/// A file, or what came on standard input.
enum Input {
    File(BufReader<File>),
    Piped(Cursor<Vec<u8>>),
}

fn open(path: &Path) -> Result<Input> {
    if path != Path::new("-") {
        return Ok(Input::File(BufReader::with_capacity(1 << 16, File::open(path)?)));
    }
    let mut text = Vec::new();
    std::io::stdin().lock().take(PIPED_OCTETS).read_to_end(&mut text)?;
    Ok(Input::Piped(Cursor::new(text)))
}

impl Input {
    fn rewind(&mut self) -> std::io::Result<()> {
        use std::io::Seek;
        match self {
            Self::File(file) => file.rewind(),
            Self::Piped(text) => text.rewind(),
        }
    }
}

impl Read for Input {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        match self {
            Self::File(file) => file.read(buffer),
            Self::Piped(text) => text.read(buffer),
        }
    }
}

impl BufRead for Input {
    fn fill_buf(&mut self) -> std::io::Result<&[u8]> {
        match self {
            Self::File(file) => file.fill_buf(),
            Self::Piped(text) => text.fill_buf(),
        }
    }

    fn consume(&mut self, octets: usize) {
        match self {
            Self::File(file) => file.consume(octets),
            Self::Piped(text) => text.consume(octets),
        }
    }
}
