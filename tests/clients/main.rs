//! Clients that people use, run against the real server.
//!
//! Each test starts a server on ports of its own and runs a script of this folder: `ns1-python`, octoDNS,
//! dns-lexicon, apache-libcloud and npm `ns1` do what they are used for, and each script asks over DNS whether it
//! happened. Schemathesis tries what `/openapi.json` promises. The clients come from their registries in the
//! versions of `requirements.txt` and `package.json`, into an environment that later runs use again.
//!
//! Without `python3`, `npm` or their registries these tests say so and pass; with `SEXTANT_CLIENTS=required` they
//! fail instead.
#![forbid(unsafe_code)]

mod environment;
mod process;

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use process::run;
use sextant_tests::{Launch, Server};
use tempfile::TempDir;

/// How long one client may take on a slow machine.
const PATIENCE: Duration = Duration::from_secs(300);

/// Examples that schemathesis makes for each operation, unless `SEXTANT_SCHEMATHESIS_EXAMPLES` says otherwise.
const EXAMPLES: &str = "12";

/// How the API is reached.
enum Scheme {
    Http,
    /// What some clients insist on.
    Https,
}

/// A server over an empty folder; the folder goes when this goes.
struct World {
    server: Server,
    folder: TempDir,
}

impl World {
    fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a temporary folder"), &[])
    }

    /// With a certificate that the interpreter makes.
    fn start_with_tls(python: &Path) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut make = Command::new(python);
        make.arg(environment::script("certificate.py")).current_dir(folder.path());
        run(&mut make, PATIENCE).unwrap_or_else(|error| panic!("certificate.py: {error}"));
        let file = |name: &str| folder.path().join(name).to_string_lossy().into_owned();
        let (certificate, key) = (file("api.pem"), file("api.key"));
        Self::start_in(folder, &["--api-tls-cert", &certificate, "--api-tls-key", &key])
    }

    fn start_in(folder: TempDir, arguments: &[&str]) -> Self {
        let launch = Launch::new(env!("CARGO_BIN_EXE_sextant"), &folder.path().join("data"));
        let server = launch.arguments(arguments).start().expect("the server starts");
        Self { server, folder }
    }

    /// Tells a client where the server is, and keeps it from everything else.
    fn introduce(&self, command: &mut Command) {
        let folder = self.folder.path();
        command
            .env("SEXTANT_KEY", self.server.key())
            .env("SEXTANT_API_PORT", self.server.api_address().port().to_string())
            .env("SEXTANT_DNS_PORT", self.server.dns().port().to_string())
            .env("HOME", folder)
            .env("TLDEXTRACT_CACHE", folder)
            .env("PYTHONDONTWRITEBYTECODE", "1")
            .env("NO_PROXY", "*")
            .current_dir(folder);
    }
}

/// Runs a Python script of this folder to its end.
fn python(scheme: Scheme, script: &str, arguments: &[&str]) {
    let Some(python) = environment::python() else { return };
    let world = match scheme {
        Scheme::Http => World::start(),
        Scheme::Https => World::start_with_tls(&python),
    };
    let mut command = Command::new(&python);
    world.introduce(command.arg(environment::script(script)).args(arguments));
    run(&mut command, PATIENCE).unwrap_or_else(|error| panic!("{script}: {error}"));
}

#[test]
fn ns1_python_works_over_requests() {
    python(Scheme::Https, "ns1_python.py", &["requests"]);
}

#[test]
fn ns1_python_works_over_urllib() {
    python(Scheme::Https, "ns1_python.py", &["basic"]);
}

#[test]
fn octodns_finds_nothing_left_to_do_after_a_sync() {
    python(Scheme::Https, "octodns_plan.py", &[]);
}

#[test]
fn lexicon_works() {
    python(Scheme::Http, "dns_lexicon.py", &[]);
}

#[test]
fn libcloud_works() {
    python(Scheme::Http, "apache_libcloud.py", &[]);
}

#[test]
fn the_javascript_client_works() {
    let Some(modules) = environment::node() else { return };
    let world = World::start();
    let mut command = Command::new("node");
    world.introduce(command.arg(environment::script("ns1.js")).env("NODE_PATH", modules));
    run(&mut command, PATIENCE).unwrap_or_else(|error| panic!("ns1.js: {error}"));
}

#[test]
fn schemathesis_finds_no_failure_and_no_reply_against_the_contract() {
    let Some(python) = environment::python() else { return };
    let world = World::start();
    let mut fill = Command::new(&python);
    world.introduce(fill.arg(environment::script("fuzz_world.py")));
    let config = run(&mut fill, PATIENCE).unwrap_or_else(|error| panic!("fuzz_world.py: {error}"));
    let path = world.folder.path().join("schemathesis.toml");
    std::fs::write(&path, config).expect("the folder takes a file");
    let examples = std::env::var("SEXTANT_SCHEMATHESIS_EXAMPLES").unwrap_or_else(|_| EXAMPLES.into());
    let mut command = Command::new(python.with_file_name("schemathesis"));
    world.introduce(&mut command);
    command.arg("--config-file").arg(&path).args(["run", "--max-examples", &examples]);
    command.arg(format!("http://{}/openapi.json", world.server.api_address()));
    let report = run(&mut command, PATIENCE).unwrap_or_else(|error| panic!("schemathesis: {error}"));
    environment::say(&format!(
        "schemathesis: {}",
        report.lines().rev().find(|line| line.contains("===")).unwrap_or("")
    ));
}
