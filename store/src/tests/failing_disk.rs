//! Writes that fail.

use super::*;
use crate::journal::Faults;

#[test]
fn a_failed_write_stores_nothing_and_the_next_one_works() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 3);
    store.shared().set_faults(Faults { writes_before_failure: Some(0), ..Faults::default() });
    let sets: Vec<_> = (0..5).map(|i| put("failed", &format!("{i}"))).collect();
    let error = store.commit(&sets).unwrap_err();
    assert!(matches!(error, StoreError::Io { action: "write", .. }), "{error}");
    assert_eq!(store.revision(), 3);
    assert_eq!(contents(&store), numbered_contents(3));
    // Neither a crash right now nor one after another commit brings the failed change sets back.
    let (crashed, report) = open(killed(&store, dir.path()).path());
    assert_eq!((contents(&crashed), report.notes), (numbered_contents(3), vec![]));
    commit_numbered(&store, 2);
    let (crashed, report) = open(killed(&store, dir.path()).path());
    assert_eq!((contents(&crashed), report.notes), (numbered_contents(5), vec![]));
}

#[test]
fn a_large_change_set_that_fails_half_way_leaves_no_trace() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 3);
    let mut large = ChangeSet::new();
    (0..40u32).for_each(|i| large.put(Table::Jobs, i.to_be_bytes(), vec![i as u8; 100_000]));
    store.shared().set_faults(Faults { writes_before_failure: Some(2), ..Faults::default() });
    store.commit(std::slice::from_ref(&large)).unwrap_err();
    assert_eq!(contents(&store), numbered_contents(3));
    commit_numbered(&store, 30);
    assert_eq!(store.commit(&[large]).unwrap(), 34);
    let (crashed, report) = open(killed(&store, dir.path()).path());
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!(contents(&crashed).len(), numbered_contents(33).len() + 40);
}

#[test]
fn an_unconfirmed_write_stops_all_further_commits() {
    for faults in [
        Faults { sync_fails: true, ..Faults::default() },
        Faults { writes_before_failure: Some(0), undo_fails: true, ..Faults::default() },
    ] {
        let dir = scratch();
        let (store, _) = open(dir.path());
        commit_numbered(&store, 3);
        store.shared().set_faults(faults);
        assert!(matches!(store.commit(&[put("unknown", "1")]), Err(StoreError::Failed { .. })));
        store.shared().set_faults(Faults::default());
        assert!(matches!(store.commit(&[put("refused", "1")]), Err(StoreError::Failed { .. })));
        assert_eq!(contents(&store), numbered_contents(3));
        drop(store);
        let (store, _) = open(dir.path());
        let mut expected = numbered_contents(3);
        if store.revision() == 4 {
            expected.insert((Table::Records, b"unknown".to_vec()), b"1".to_vec());
        }
        assert_eq!(contents(&store), expected);
    }
}
