//! What every store promises, asked of each.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::MemoryStore;
use crate::limits::{MAX_KEY_BYTES, MAX_VALUE_BYTES};

/// Runs each test over each store.
macro_rules! battery {
    ($($test:ident),* $(,)?) => {
        mod memory_store {
            $(#[test] fn $test() { super::$test(&super::MemoryStore::new()); })*
        }
        mod journal_store {
            $(#[test] fn $test() {
                let dir = super::scratch();
                super::$test(&super::open(dir.path()).0);
            })*
        }
    };
}

battery! {
    a_new_store_is_empty_and_at_revision_zero,
    each_change_set_has_a_revision_of_its_own,
    no_change_sets_are_no_change,
    what_was_put_is_read_until_it_is_deleted,
    later_operations_win_within_a_change_set,
    a_prefix_is_deleted_in_its_own_table_only,
    a_scan_is_ordered_and_keeps_to_its_prefix_and_start,
    values_of_all_sizes_come_back,
    a_change_set_of_many_thousand_operations_is_applied_in_order,
    what_is_too_large_is_refused_and_nothing_of_the_call_stored,
    a_scan_beside_commits_sees_every_lasting_key_once,
}

fn a_new_store_is_empty_and_at_revision_zero(store: &dyn Store) {
    assert_eq!(store.revision(), 0);
    assert_eq!(contents(store), Contents::new());
    assert_eq!(store.get(Table::Zones, b"").unwrap(), None);
}

fn each_change_set_has_a_revision_of_its_own(store: &dyn Store) {
    assert_eq!(store.commit(&[put("a", "1")]).unwrap(), 1);
    assert_eq!(store.commit(&[put("a", "2"), ChangeSet::new(), put("b", "3")]).unwrap(), 4);
    assert_eq!(store.revision(), 4);
    assert_eq!(store.get(Table::Records, b"a").unwrap().unwrap(), b"2");
    assert_eq!(store.get(Table::Records, b"b").unwrap().unwrap(), b"3");
}

fn no_change_sets_are_no_change(store: &dyn Store) {
    store.commit(&[put("a", "1")]).unwrap();
    assert_eq!(store.commit(&[]).unwrap(), 1);
}

fn what_was_put_is_read_until_it_is_deleted(store: &dyn Store) {
    store.commit(&[put("", "empty key"), put("k", "")]).unwrap();
    assert_eq!(store.get(Table::Records, b"").unwrap().unwrap(), b"empty key");
    assert_eq!(store.get(Table::Records, b"k").unwrap().unwrap(), b"");
    assert_eq!(store.get(Table::Zones, b"k").unwrap(), None);
    let mut set = ChangeSet::new();
    set.delete(Table::Records, "k");
    set.delete(Table::Records, "never there");
    store.commit(&[set]).unwrap();
    assert_eq!(store.get(Table::Records, b"k").unwrap(), None);
}

fn later_operations_win_within_a_change_set(store: &dyn Store) {
    store.commit(&[put("p/old", "0")]).unwrap();
    let mut set = ChangeSet::new();
    set.put(Table::Records, "p/gone", "1");
    set.put(Table::Records, "q", "1");
    set.delete_prefix(Table::Records, "p/");
    set.delete_prefix(Table::Records, "p/x");
    set.put(Table::Records, "p/new", "2");
    set.put(Table::Records, "q", "3");
    set.delete(Table::Records, "r");
    set.put(Table::Records, "r", "4");
    store.commit(&[set]).unwrap();
    let expected = [("p/new", "2"), ("q", "3"), ("r", "4")];
    let expected: Contents = expected
        .iter()
        .map(|(key, value)| ((Table::Records, key.as_bytes().to_vec()), value.as_bytes().to_vec()))
        .collect();
    assert_eq!(contents(store), expected);
}

fn a_prefix_is_deleted_in_its_own_table_only(store: &dyn Store) {
    let mut fill = ChangeSet::new();
    for table in Table::ALL {
        for i in 0..200u8 {
            fill.put(table, [i], vec![i; 90]);
            fill.put(table, [i, 0xff, 0xff], vec![i; 90]);
        }
    }
    store.commit(&[fill]).unwrap();
    let mut set = ChangeSet::new();
    set.delete_prefix(Table::Feeds, [7]);
    set.delete_prefix(Table::Keys, []);
    set.delete_prefix(Table::Meta, [0xff]);
    set.delete_prefix(Table::Meta, [199, 0xff]);
    store.commit(&[set]).unwrap();
    let counts = Table::ALL.map(|table| store.scan(table, &[], None).count());
    assert_eq!(counts, [400, 400, 400, 398, 400, 400, 0, 400, 400, 399]);
}

fn a_scan_is_ordered_and_keeps_to_its_prefix_and_start(store: &dyn Store) {
    let keys: Vec<String> = (0..900).map(|i| format!("{}/{:03}", ["a", "b", "bb", "c"][i % 4], i)).collect();
    let mut set = ChangeSet::new();
    keys.iter().rev().for_each(|key| set.put(Table::Zones, key.as_str(), key.repeat(8)));
    store.commit(&[set]).unwrap();
    let mut sorted = keys.clone();
    sorted.sort();
    for prefix in ["", "a", "b", "b/", "b/0", "bb", "bb/3", "c/899", "c/8990", "d", "\u{7f}"] {
        for after in
            [None, Some(""), Some("a"), Some("a/096"), Some("b/"), Some("b/5"), Some("c/899"), Some("z")]
        {
            let expected: Vec<&str> = sorted
                .iter()
                .map(String::as_str)
                .filter(|key| key.starts_with(prefix) && after.is_none_or(|after| *key > after))
                .collect();
            let found: Vec<String> = store
                .scan(Table::Zones, prefix.as_bytes(), after.map(str::as_bytes))
                .map(|entry| String::from_utf8(entry.unwrap().0).unwrap())
                .collect();
            assert_eq!(found, expected, "prefix {prefix:?} after {after:?}");
        }
    }
}

fn values_of_all_sizes_come_back(store: &dyn Store) {
    let sizes = [0, 1, 127, 128, 3000, 4096, 4097, 100_000, 3 << 20];
    let mut set = ChangeSet::new();
    for size in sizes {
        set.put(Table::Jobs, format!("{size}"), vec![size as u8; size]);
        set.put(Table::Jobs, format!("{size}+"), vec![1; 10]);
    }
    store.commit(&[set]).unwrap();
    for size in sizes {
        let value = store.get(Table::Jobs, format!("{size}").as_bytes()).unwrap().unwrap();
        assert!(value == vec![size as u8; size], "{size} bytes");
    }
    assert_eq!(store.scan(Table::Jobs, &[], None).count(), 2 * sizes.len());
}

fn a_change_set_of_many_thousand_operations_is_applied_in_order(store: &dyn Store) {
    let mut set = ChangeSet::new();
    let mut expected = BTreeMap::new();
    for i in 0..9000u32 {
        let key = (i * 7919 % 6000).to_be_bytes();
        set.put(Table::Records, key, i.to_be_bytes());
        expected.insert(key.to_vec(), i.to_be_bytes().to_vec());
        if i == 4000 {
            set.delete_prefix(Table::Records, [0, 0, 5]);
            expected.retain(|key, _| !key.starts_with(&[0, 0, 5]));
        }
    }
    store.commit(&[put("before", "1"), set, put("behind", "1")]).unwrap();
    expected.insert(b"before".to_vec(), b"1".to_vec());
    expected.insert(b"behind".to_vec(), b"1".to_vec());
    let found: BTreeMap<_, _> = store.scan(Table::Records, &[], None).map(Result::unwrap).collect();
    assert!(found == expected);
}

fn what_is_too_large_is_refused_and_nothing_of_the_call_stored(store: &dyn Store) {
    let mut key = ChangeSet::new();
    key.put(Table::Zones, vec![0; MAX_KEY_BYTES as usize + 1], "");
    let mut value = ChangeSet::new();
    value.put(Table::Zones, "k", vec![0; MAX_VALUE_BYTES as usize + 1]);
    for large in [key, value] {
        let error = store.commit(&[put("a", "1"), large]).unwrap_err();
        assert!(matches!(error, StoreError::TooLarge { .. }), "{error}");
    }
    assert_eq!(store.revision(), 0);
    assert_eq!(contents(store), Contents::new());
    let mut longest = ChangeSet::new();
    longest.put(Table::Zones, vec![0xff; MAX_KEY_BYTES as usize], "");
    assert_eq!(store.commit(&[longest]).unwrap(), 1);
}

fn a_scan_beside_commits_sees_every_lasting_key_once(store: &dyn Store) {
    let lasting: Vec<Vec<u8>> = (0..400).map(|i| format!("{i:04} lasting").into_bytes()).collect();
    let mut set = ChangeSet::new();
    lasting.iter().for_each(|key| set.put(Table::Records, key.as_slice(), vec![0; 60]));
    store.commit(&[set]).unwrap();
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for round in 0..60u64 {
                let mut set = ChangeSet::new();
                for i in 0..400u64 {
                    // Chunks grow, split, shrink and vanish between the lasting keys.
                    let key = format!("{i:04} passing");
                    match (i + round) % 3 {
                        0 => set.put(Table::Records, key, vec![1; (round * 37 % 900) as usize]),
                        _ => set.delete(Table::Records, key),
                    }
                }
                store.commit(&[set]).unwrap();
            }
            done.store(true, Ordering::Relaxed);
        });
        while !done.load(Ordering::Relaxed) {
            let keys: Vec<_> = store.scan(Table::Records, &[], None).map(|entry| entry.unwrap().0).collect();
            assert!(keys.is_sorted_by(|a, b| a < b));
            let found: Vec<_> = keys.into_iter().filter(|key| key.ends_with(b"lasting")).collect();
            assert!(found == lasting);
        }
    });
}
