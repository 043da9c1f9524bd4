//! Zone files to a server and from it.

use std::fs::File;
use std::io::{Cursor, Read, Write};
use std::path::{Path, PathBuf};
use std::thread::sleep;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Value, json};

use super::{ExportArguments, ImportArguments};
use crate::commands::api::{Api, escaped};
use crate::commands::array;
use crate::commands::table::plain;

/// The largest zone file read from standard input, in octets: more than the server takes.
const PIPED_OCTETS: u64 = 1 << 29;

/// How long to wait before a job is asked for again: short at first, for most zones are small.
const FIRST_WAIT: Duration = Duration::from_millis(5);
const LONGEST_WAIT: Duration = Duration::from_millis(500);

/// Sends a file and waits until the zone is made.
///
/// # Errors
/// A file that cannot be read, what the server says against it, and a server that does not answer.
pub fn import(arguments: &ImportArguments, out: &mut impl Write) -> Result<()> {
    let api = Api::open(&arguments.api)?;
    let (file, octets) = open(&arguments.file).with_context(|| arguments.file.display().to_string())?;
    let path = format!("/v1/import/zonefile/{}?async=true", escaped(&arguments.zone));
    let started = api.upload(&path, file, octets)?;
    let id = started["id"].as_str().ok_or_else(|| anyhow!("the server has started no import"))?;
    let path = format!("/v1/import/zonefile/{}", escaped(id));
    let job = wait(|| api.get(&path), |job| job["percent"] == json!(100))?;
    let response = &job["response"];
    if job["response_code"] != json!(200) {
        bail!("{}", plain(&response["message"]));
    }
    if arguments.json {
        writeln!(out, "{}", serde_json::to_string_pretty(&job)?)?;
        return Ok(());
    }
    for warning in array(&response["warnings"]) {
        eprintln!("{}: warning: {}", arguments.file.display(), plain(warning));
    }
    writeln!(out, "{}: {}, serial {}", plain(&response["zone"]), plain(&job["status"]), response["serial"])?;
    Ok(())
}

/// Fetches the file of a zone as it is now.
///
/// # Errors
/// What the server says against it, a server that does not answer, and a file that cannot be written.
pub fn export(arguments: &ExportArguments, out: &mut impl Write) -> Result<()> {
    let api = Api::open(&arguments.api)?;
    let path = format!("/v1/export/zonefile/{}", escaped(&arguments.zone));
    api.put(&path, &json!({}))?;
    let is_done = |status: &Value| status["status"] == "COMPLETED" || status["status"] == "FAILED";
    let status = wait(|| api.get(&format!("{path}/status")), is_done)?;
    if status["status"] == "FAILED" {
        bail!("the server could not write the zone: {}", plain(&status["message"]));
    }
    let mut text = api.download(&path)?;
    let Some(target) = &arguments.output else {
        std::io::copy(&mut text, out)?;
        return Ok(());
    };
    let mut write = || -> Result<()> {
        let aside = aside(target);
        let mut file = File::create(&aside)?;
        let copied = std::io::copy(&mut text, &mut file).and_then(|_| file.sync_all());
        if let Err(error) = copied.and_then(|()| std::fs::rename(&aside, target)) {
            let _ = std::fs::remove_file(&aside);
            return Err(error.into());
        }
        Ok(())
    };
    write().with_context(|| target.display().to_string())
}

/// Where a file is written until it is whole: beside its place, so that it can be renamed.
fn aside(target: &Path) -> PathBuf {
    let mut name = target.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.part", std::process::id()));
    target.with_file_name(name)
}

/// Asks until the answer is final.
fn wait(ask: impl Fn() -> Result<Value>, is_final: impl Fn(&Value) -> bool) -> Result<Value> {
    let mut pause = FIRST_WAIT;
    loop {
        let answer = ask()?;
        if is_final(&answer) {
            return Ok(answer);
        }
        sleep(pause);
        pause = (pause * 2).min(LONGEST_WAIT);
    }
}

/// What to send, and how many octets it is.
fn open(path: &Path) -> Result<(Box<dyn Read>, u64)> {
    if path != Path::new("-") {
        let file = File::open(path)?;
        let about = file.metadata()?;
        if about.is_file() {
            return Ok((Box::new(file), about.len()));
        }
        return read_whole(file);
    }
    read_whole(std::io::stdin().lock())
}

/// Of what has no length of its own, all of it.
fn read_whole(input: impl Read) -> Result<(Box<dyn Read>, u64)> {
    let mut text = Vec::new();
    input.take(PIPED_OCTETS).read_to_end(&mut text)?;
    let octets = text.len() as u64;
    Ok((Box::new(Cursor::new(text)), octets))
}
