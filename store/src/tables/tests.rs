//! What readers see while a chunk is split.

use super::*;

#[test]
fn what_a_split_took_out_of_a_chunk_is_found_in_those_behind_it() {
    let dir = tempfile::tempdir().unwrap();
    let tables = Tables::create(&dir.path().join("tables"), 1 << 20, 1).unwrap();
    let mut set = ChangeSet::new();
    let key = |index: usize| format!("zone-{index:04}").into_bytes();
    (0..200).for_each(|index| set.put(Table::Zones, key(index), vec![index as u8; 100]));
    tables.apply(&[set], 1).unwrap();
    // As a reader has it that found neither the new chunks nor the old one before it was split.
    let stale = || tables.chunk_at(&place(Table::Zones, &key(0))).unwrap();
    assert!(tables.chunk_after(&stale().lower).unwrap().is_some(), "there are several chunks");
    for index in 0..200 {
        let found = tables.value_at(stale(), &place(Table::Zones, &key(index))).unwrap();
        assert_eq!(found, Some(vec![index as u8; 100]), "{index}");
    }
    for absent in [&b"a"[..], b"zone-0000x", b"zone-0150x", b"zz"] {
        assert_eq!(tables.value_at(stale(), &place(Table::Zones, absent)).unwrap(), None);
        assert_eq!(tables.get(Table::Records, absent).unwrap(), None);
    }
}

#[test]
fn an_entry_is_found_at_all_times_while_its_chunk_is_split_into_many() {
    let dir = tempfile::tempdir().unwrap();
    let tables = Tables::create(&dir.path().join("tables"), 1 << 20, 1).unwrap();
    let kept = |round: u64| format!("{round:04}-z").into_bytes();
    let newest = AtomicU64::new(0);
    let rounds = 30;
    let write = |round: u64, set: ChangeSet, revision: u64| {
        tables.apply(&[set], revision).unwrap();
        newest.store(round, Ordering::Release);
    };
    thread::scope(|scope| {
        let reader = scope.spawn(|| {
            loop {
                let round = newest.load(Ordering::Acquire);
                let found = tables.get(Table::Zones, &kept(round)).unwrap();
                assert!(round == 0 || found.is_some(), "round {round}");
                if round == rounds {
                    return;
                }
            }
        });
        for round in 1..=rounds {
            let mut set = ChangeSet::new();
            set.put(Table::Zones, kept(round), vec![1; 100]);
            write(round, set, 2 * round - 1);
            let mut set = ChangeSet::new();
            for index in 0..200 {
                set.put(Table::Zones, format!("{round:04}-{index:03}").into_bytes(), vec![2; 100]);
            }
            write(round, set, 2 * round);
        }
        reader.join().unwrap();
    });
}
