//! The store on disk against the one in memory, through random operations and reopenings.

use std::sync::Arc;

use proptest::collection::vec;
use proptest::prelude::*;

use super::*;
use crate::{MemoryStore, Op, Puts};

/// What happens to the two stores.
#[derive(Clone, Debug)]
enum Step {
    Commit(Vec<ChangeSet>),
    Checkpoint,
    /// Close in order and open again.
    Reopen,
    /// Let the tables on disk catch up.
    Flush,
    /// Open what a killed process would have left, with the tables as they were last flushed.
    Crash,
}

fn table() -> impl Strategy<Value = Table> {
    prop_oneof![Just(Table::Zones), Just(Table::Records), Just(Table::Meta)]
}

/// Few letters, so that keys meet again and share beginnings.
fn key() -> impl Strategy<Value = Vec<u8>> {
    vec(prop_oneof![Just(0u8), Just(b'a'), Just(b'b'), Just(0xff)], 0..5)
}

fn op() -> impl Strategy<Value = Op> {
    let value = || (any::<u8>(), prop_oneof![0usize..40, 600usize..1500, Just(9000)]);
    let bytes = |(byte, length)| vec![byte; length];
    let puts = move |(table, entries): (Table, Vec<(Vec<u8>, _)>)| {
        let mut puts = Puts::new(table);
        entries.into_iter().for_each(|(key, value)| puts.push(&key, &bytes(value)).unwrap());
        Op::Puts(Arc::new(puts))
    };
    prop_oneof![
        6 => (table(), key(), value())
            .prop_map(move |(table, key, value)| Op::Put { table, key, value: bytes(value) }),
        1 => (table(), vec((key(), value()), 0..6)).prop_map(puts),
        2 => (table(), key()).prop_map(|(table, key)| Op::Delete { table, key }),
        1 => (table(), key()).prop_map(|(table, prefix)| Op::DeletePrefix { table, prefix }),
    ]
}

fn step() -> impl Strategy<Value = Step> {
    let sets = vec(vec(op(), 0..8).prop_map(|ops| ChangeSet { ops }), 1..4);
    prop_oneof![
        12 => sets.prop_map(Step::Commit),
        1 => Just(Step::Checkpoint),
        1 => Just(Step::Reopen),
        1 => Just(Step::Flush),
        1 => Just(Step::Crash),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn the_store_on_disk_is_the_store_in_memory(steps in vec(step(), 1..40)) {
        let model = MemoryStore::new();
        let mut dir = scratch();
        let mut store = open(dir.path()).0;
        let mut flushed = flushed_tables(&store, dir.path());
        for step in steps {
            match step {
                Step::Commit(sets) => {
                    prop_assert_eq!(store.commit(&sets).unwrap(), model.commit(&sets).unwrap());
                }
                Step::Checkpoint => {
                    store.checkpoint().unwrap();
                    flushed = flushed_tables(&store, dir.path());
                }
                Step::Flush => flushed = flushed_tables(&store, dir.path()),
                Step::Reopen => {
                    store.close().unwrap();
                    let report;
                    (store, report) = open(dir.path());
                    prop_assert_eq!(report, RecoveryReport { revision: model.revision(), ..Default::default() });
                }
                Step::Crash => {
                    let crashed = with_tables(dir.path(), flushed.path());
                    drop(store);
                    dir = crashed;
                    let report;
                    (store, report) = open(dir.path());
                    prop_assert_eq!(report.notes, Vec::<String>::new());
                    flushed = flushed_tables(&store, dir.path());
                }
            }
            prop_assert_eq!(store.revision(), model.revision());
            prop_assert!(contents(&store) == contents(&model));
        }
    }
}
