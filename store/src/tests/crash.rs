//! Killing the process in the middle of commits and counting what it had acknowledged.

use std::io::{BufRead, BufReader, Write};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// Set for the child: the folder to write to.
const CHILD_DIR: &str = "SEXTANT_STORE_CRASH_TEST_DIR";

/// Writes until it is killed, printing each revision once it is acknowledged.
#[test]
fn child_that_is_killed() {
    let Some(dir) = std::env::var_os(CHILD_DIR).map(PathBuf::from) else { return };
    let (store, _) =
        JournalStore::open(&dir, Options { checkpoint_after_bytes: 100_000, ..options() }).unwrap();
    let mut out = std::io::stdout().lock();
    loop {
        let first = store.revision() + 1;
        let sets: Vec<_> = (first..first + 1 + first % 4).map(numbered).collect();
        let last = store.commit(&sets).unwrap();
        writeln!(out, "acknowledged {last}").unwrap();
    }
}

/// Change set `revision`: touches several tables, and sometimes is large.
fn numbered(revision: u64) -> ChangeSet {
    let mut set = ChangeSet::new();
    set.put(Table::Activity, revision.to_be_bytes(), vec![revision as u8; 200]);
    set.put(Table::Records, (revision % 97).to_be_bytes(), revision.to_be_bytes());
    set.put(Table::Meta, "last", revision.to_be_bytes());
    if revision.is_multiple_of(50) {
        (0..2000u32).for_each(|i| set.put(Table::Jobs, i.to_be_bytes(), revision.to_be_bytes()));
    }
    if revision % 50 == 25 {
        set.delete_prefix(Table::Jobs, [0, 0]);
    }
    set
}

#[test]
fn every_acknowledged_change_set_survives_kill_9() {
    const ROUNDS: u64 = 6;
    let seed = 0x5eed;
    let mut rng = StdRng::seed_from_u64(seed);
    let dir = scratch();
    let mut acknowledged = 0;
    for round in 0..ROUNDS {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", "tests::crash::child_that_is_killed", "--nocapture", "--test-threads=1"])
            .env(CHILD_DIR, dir.path())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let enough = rng.random_range(1..60);
        let mut seen = 0;
        for line in &mut lines {
            let Some(revision) = line.strip_prefix("acknowledged ") else { continue };
            acknowledged = revision.parse().unwrap();
            seen += 1;
            if seen == enough {
                child.kill().unwrap();
            }
        }
        child.wait().unwrap();
        assert!(seen >= enough, "round {round} of seed {seed:#x}: the child ended by itself");
        let (store, report) = open(dir.path());
        assert!(store.revision() >= acknowledged, "round {round} of seed {seed:#x}: {report:?}");
        let model = crate::MemoryStore::new();
        (1..=store.revision()).for_each(|revision| drop(model.commit(&[numbered(revision)])));
        assert!(contents(&store) == contents(&model), "round {round} of seed {seed:#x}: {report:?}");
    }
}
