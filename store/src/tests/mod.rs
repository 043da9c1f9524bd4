//! Tests of the store as a whole.

mod battery;
mod crash;
mod damage;
mod failing_disk;
mod model;
mod recovery;

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use crate::{ChangeSet, JournalStore, Options, RecoveryReport, Store, StoreError, Table};

/// Everything in a store.
type Contents = BTreeMap<(Table, Vec<u8>), Vec<u8>>;

/// Small segments, and checkpoints only when asked for.
fn options() -> Options {
    Options { segment_bytes: 20 << 10, checkpoint_after_bytes: u64::MAX, ..Options::default() }
}

fn accepting_loss() -> Options {
    Options { accept_loss: true, ..options() }
}

/// A folder in memory where there is one: killing a process loses nothing of it either, and it is fast.
fn scratch() -> TempDir {
    tempfile::tempdir_in("/dev/shm").unwrap_or_else(|_| tempfile::tempdir().unwrap())
}

fn open(dir: &Path) -> (JournalStore, RecoveryReport) {
    JournalStore::open(dir, options()).unwrap()
}

fn contents(store: &dyn Store) -> Contents {
    try_contents(store).unwrap()
}

fn try_contents(store: &dyn Store) -> Result<Contents, StoreError> {
    let mut all = Contents::new();
    for table in Table::ALL {
        for entry in store.scan(table, &[], None) {
            let (key, value) = entry?;
            all.insert((table, key), value);
        }
    }
    Ok(all)
}

/// A change set that puts one key.
fn put(key: &str, value: &str) -> ChangeSet {
    let mut set = ChangeSet::new();
    set.put(Table::Records, key, value);
    set
}

/// Commits `count` change sets of one call each, the nth putting key `n` among others.
fn commit_numbered(store: &dyn Store, count: u64) {
    for _ in 0..count {
        let revision = store.revision() + 1;
        let mut set = put(&format!("key {:04}", revision % 50), &format!("value of {revision}"));
        set.put(Table::Activity, revision.to_be_bytes(), vec![b'x'; 300]);
        assert_eq!(store.commit(&[set]).unwrap(), revision);
    }
}

/// What a store holds that got its first `count` change sets from [`commit_numbered`].
fn numbered_contents(count: u64) -> Contents {
    let mut all = Contents::new();
    for revision in 1..=count {
        let key = format!("key {:04}", revision % 50).into_bytes();
        all.insert((Table::Records, key), format!("value of {revision}").into_bytes());
        all.insert((Table::Activity, revision.to_be_bytes().to_vec()), vec![b'x'; 300]);
    }
    all
}

/// A copy of a folder in which nothing is being written.
fn copy_of(dir: &Path) -> TempDir {
    let copy = scratch();
    copy_into(dir, copy.path());
    copy
}

/// A copy of the tables of an open store, brought up to date.
fn flushed_tables(store: &JournalStore, dir: &Path) -> TempDir {
    store.shared().flush().unwrap();
    copy_of(&dir.join("tables"))
}

/// A copy of the folder of an open store with other tables: what a killed process leaves behind.
fn with_tables(dir: &Path, tables: &Path) -> TempDir {
    let copy = scratch();
    copy_into(&dir.join("journal"), &copy.path().join("journal"));
    if dir.join("checkpoint").exists() {
        fs::copy(dir.join("checkpoint"), copy.path().join("checkpoint")).unwrap();
    }
    copy_into(tables, &copy.path().join("tables"));
    copy
}

/// What a process that is killed now would leave behind.
fn killed(store: &JournalStore, dir: &Path) -> TempDir {
    with_tables(dir, flushed_tables(store, dir).path())
}

fn copy_into(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy_into(&entry.path(), &target);
        } else {
            match fs::copy(entry.path(), target) {
                // A segment that was being prepared has just got its name.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => {}
                copied => drop(copied.unwrap()),
            }
        }
    }
}
