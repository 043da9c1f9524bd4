//! Where the clients are installed.
//!
//! One folder of the target directory holds a Python environment and node modules. A marker that is written last
//! says that it is whole; it carries the wanted versions, so that others make it anew.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::time::Duration;

use crate::process::run;

/// How long a registry may take.
const PATIENCE: Duration = Duration::from_secs(600);

static PYTHON: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let folder = install("python", include_str!("requirements.txt"), |folder| {
        run(Command::new("python3").args(["-m", "venv", "--clear"]).arg(folder), PATIENCE)?;
        let mut pip = Command::new(folder.join("bin/pip"));
        pip.args(["install", "--quiet", "--disable-pip-version-check", "--no-input", "--retries", "1"]);
        run(pip.arg("--requirement").arg(script("requirements.txt")), PATIENCE)
    })?;
    Some(folder.join("bin/python"))
});

static NODE: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    let folder = install("node", include_str!("package.json"), |folder| {
        std::fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        std::fs::copy(script("package.json"), folder.join("package.json"))
            .map_err(|error| error.to_string())?;
        let mut npm = Command::new("npm");
        npm.args([
            "install",
            "--silent",
            "--no-audit",
            "--no-fund",
            "--ignore-scripts",
            "--fetch-retries",
            "1",
        ]);
        run(npm.current_dir(folder), PATIENCE)
    })?;
    Some(folder.join("node_modules"))
});

/// The Python interpreter that has the clients.
pub fn python() -> Option<PathBuf> {
    PYTHON.clone()
}

/// The folder of the node modules.
pub fn node() -> Option<PathBuf> {
    NODE.clone()
}

/// A file beside this one.
pub fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/clients").join(name)
}

/// Says something although the test passes. Not `eprintln!`, which the test harness keeps to itself.
pub fn say(text: &str) {
    std::io::stderr().write_all(format!("{text}\n").as_bytes()).expect("standard error takes text");
}

/// Makes an environment unless it is there. What hinders it is said, and no fault of the server.
fn install(
    name: &str,
    versions: &str,
    make: impl FnOnce(&Path) -> Result<String, String>,
) -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("clients-{name}"));
    let marker = folder.join("versions");
    if std::fs::read_to_string(&marker).is_ok_and(|found| found == versions) {
        return Some(folder);
    }
    let _ = std::fs::remove_dir_all(&folder);
    let made =
        make(&folder).and_then(|_| std::fs::write(&marker, versions).map_err(|error| error.to_string()));
    let Err(reason) = made else { return Some(folder) };
    assert!(std::env::var_os("SEXTANT_CLIENTS").is_none_or(|value| value != "required"), "{name}: {reason}");
    let reason = reason.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or_default().to_owned();
    say(&format!("clients: those of {name} were NOT run, they cannot be installed: {reason}"));
    None
}
