//! Turns the tables in `data/` into static data, so that nothing is read, unpacked or built at run time.

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "build/catalog.rs"]
mod catalog;

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for input in ["build.rs", "build", "data", "src/ranges"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let tables = catalog::Tables::read(&root.join("data"));
    write(&out.join("catalog.rs"), tables.source().as_bytes());
}

/// Writes a file of the output folder.
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
