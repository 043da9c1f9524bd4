//! Single faults at many places of every file: nothing panics, nothing is lost without a word.

use std::fs::OpenOptions;
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

const SEED: u64 = 0xda3a6e;
const REVISIONS: u64 = 130;

/// The change set that puts a value which sled keeps in a file of its own.
const LARGE: u64 = 61;

/// What the store holds after its first `count` change sets, `LARGE` among them.
fn expected(count: u64) -> Contents {
    let mut all = numbered_contents(count);
    all.remove(&(Table::Activity, LARGE.to_be_bytes().to_vec()));
    all.insert((Table::Jobs, b"large".to_vec()), vec![b'l'; 135_000]);
    all
}

/// How the store ended.
#[derive(Clone, Copy, Debug, PartialEq)]
enum End {
    Closed,
    Killed,
}

/// A store with a checkpoint, two segments that do not reach back to the first revision, and tables.
fn prepare(end: End) -> TempDir {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, LARGE - 1);
    let mut large = ChangeSet::new();
    large.put(Table::Jobs, "large", vec![b'l'; 135_000]);
    assert_eq!(store.commit(&[large]).unwrap(), LARGE);
    store.checkpoint().unwrap();
    commit_numbered(&store, REVISIONS - LARGE);
    if end == End::Killed {
        return killed(&store, dir.path());
    }
    store.close().unwrap();
    dir
}

/// All files below a folder, by their relative path.
fn files(dir: &Path, below: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir.join(below)).unwrap().map(Result::unwrap) {
        let name = format!("{below}/{}", entry.file_name().to_str().unwrap());
        if entry.file_type().unwrap().is_dir() {
            found.extend(files(dir, &name));
        } else if entry.metadata().unwrap().len() > 0 {
            found.push(name.trim_start_matches('/').into());
        }
    }
    found.sort();
    found
}

/// One fault.
#[derive(Clone, Copy, Debug)]
enum Fault {
    Flip(u64, u8),
    Zero(u64),
    Cut(u64),
    Remove,
}

fn inflict(path: &Path, fault: Fault) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    match fault {
        Fault::Flip(offset, bit) => {
            let mut byte = [0];
            file.read_exact_at(&mut byte, offset).unwrap();
            file.write_all_at(&[byte[0] ^ (1 << bit)], offset).unwrap();
        }
        Fault::Zero(offset) => {
            let length = file.metadata().unwrap().len();
            file.write_all_at(&vec![0; (length - offset).min(512) as usize], offset).unwrap();
        }
        Fault::Cut(length) => file.set_len(length).unwrap(),
        Fault::Remove => fs::remove_file(path).unwrap(),
    }
}

/// Faults spread over a file, most of them where something is written.
fn faults(path: &Path, count: u64, rng: &mut StdRng) -> Vec<Fault> {
    let bytes = fs::read(path).unwrap();
    let used = bytes.iter().rposition(|byte| *byte != 0).map_or(1, |last| last as u64 + 1);
    let mut faults = vec![Fault::Remove, Fault::Cut(0), Fault::Cut(used / 2), Fault::Cut(used - 1)];
    for _ in 0..count {
        faults.push(Fault::Flip(rng.random_range(0..used), rng.random_range(0..8)));
        faults.push(Fault::Zero(rng.random_range(0..used)));
    }
    faults
}

/// Inflicts faults on the files below a folder, one at a time, and checks what opening makes of each.
fn try_faults(
    end: End,
    below: &str,
    count: u64,
    check: impl Fn(&str, Result<Contents, StoreError>, Vec<String>),
) {
    let original = prepare(end);
    let mut rng = StdRng::seed_from_u64(SEED);
    let listed =
        if original.path().join(below).is_dir() { files(original.path(), below) } else { vec![below.into()] };
    for file in listed {
        for fault in faults(&original.path().join(&file), count, &mut rng) {
            let name = format!("seed {SEED:#x}: {end:?}, {}: {fault:?}", file.display());
            let copy = copy_of(original.path());
            inflict(&copy.path().join(&file), fault);
            match JournalStore::open(copy.path(), options()) {
                Ok((store, report)) => check(&name, try_contents(&store), report.notes),
                Err(error) => check(&name, Err(error), Vec::new()),
            }
        }
    }
}

/// Everything is there, whatever it took.
fn expect_everything(name: &str, found: Result<Contents, StoreError>, notes: Vec<String>) {
    let found = found.unwrap_or_else(|error| panic!("{name}: {error}"));
    assert!(found == expected(REVISIONS), "{name}: {notes:?}");
}

#[test]
fn any_fault_in_a_journal_closed_in_order_is_made_good() {
    try_faults(End::Closed, "journal", 5, expect_everything);
}

#[test]
fn any_fault_in_the_checkpoint_is_made_good() {
    try_faults(End::Closed, "checkpoint", 7, expect_everything);
    try_faults(End::Killed, "checkpoint", 7, expect_everything);
}

#[test]
fn any_fault_in_the_tables_is_made_good() {
    try_faults(End::Closed, "tables", 5, expect_everything);
    try_faults(End::Killed, "tables", 8, expect_everything);
}

#[test]
fn a_fault_in_the_journal_of_a_killed_process_is_made_good_or_refused_or_a_torn_tail() {
    try_faults(End::Killed, "journal", 10, |name, found, notes| match found {
        Ok(found) if found == expected(REVISIONS) => {}
        Ok(found) => {
            // Zeros at the very end cannot be told from a write that never happened.
            let torn = notes.iter().any(|note| note.contains("torn write"));
            assert!(torn && found == expected(REVISIONS - 1), "{name}: {notes:?}");
        }
        Err(StoreError::WouldLose { .. }) => {}
        Err(error) => panic!("{name}: {error}"),
    });
}
