//! What opening does about each thing that can be wrong, one rule a test.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::PathBuf;

use super::*;

/// A folder as a killed process leaves it: change sets 1 to 40, a checkpoint at 20 if wanted, tables at 30.
fn crashed(checkpoint: bool) -> TempDir {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 20);
    if checkpoint {
        store.checkpoint().unwrap();
    }
    commit_numbered(&store, 10);
    let tables = flushed_tables(&store, dir.path());
    commit_numbered(&store, 10);
    with_tables(dir.path(), tables.path())
}

/// A folder that was closed in order, with change sets 1 to 40 and a checkpoint at 20.
fn closed() -> TempDir {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 20);
    store.checkpoint().unwrap();
    commit_numbered(&store, 20);
    store.close().unwrap();
    dir
}

fn segments(dir: &Path) -> Vec<PathBuf> {
    let segments = crate::journal::list_segments(&dir.join("journal")).unwrap();
    segments.into_iter().map(|segment| segment.path).collect()
}

/// Where the record of a revision begins.
fn find_record(dir: &Path, revision: u64) -> (PathBuf, u64, u64) {
    let (_, id) = crate::survey::Survey::list(&dir.join("journal")).unwrap();
    for path in segments(dir) {
        let mut reader = crate::segment::SegmentReader::open(&path, id.unwrap()).unwrap();
        while let Some(item) = reader.next_item().unwrap() {
            if let crate::segment::Item::Record { offset, header } = item
                && header.revision == revision
                && header.payload_bytes > 0
            {
                return (path, offset, header.stored_bytes());
            }
        }
    }
    panic!("no record of {revision}");
}

fn overwrite(path: &Path, offset: u64, bytes: &[u8]) {
    OpenOptions::new().write(true).open(path).unwrap().write_all_at(bytes, offset).unwrap();
}

fn flip(path: &Path, offset: u64) {
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    file.read_exact_at(&mut byte, offset).unwrap();
    file.write_all_at(&[byte[0] ^ 0x10], offset).unwrap();
}

/// Opens, expects everything to be there, and expects the next start to have nothing to do.
#[track_caller]
fn expect_all(dir: &Path, note: &str) -> RecoveryReport {
    let (store, report) = open(dir);
    assert!(report.notes.iter().any(|n| n.contains(note)), "{:?}", report.notes);
    assert_eq!((report.revision, report.lost), (40, 0));
    assert_eq!(contents(&store), numbered_contents(40));
    commit_numbered(&store, 3);
    store.close().unwrap();
    let (store, again) = open(dir);
    assert_eq!(again.notes, Vec::<String>::new());
    assert_eq!(contents(&store), numbered_contents(43));
    report
}

/// Opens and expects a refusal that says what, how many and how to go on; and that refusing changes nothing.
#[track_caller]
fn expect_refusal(dir: &Path, lost: u64) -> String {
    for _ in 0..2 {
        match JournalStore::open(dir, options()) {
            Err(StoreError::WouldLose { revisions, message }) => {
                assert_eq!(revisions, lost, "{message}");
                assert!(message.contains("--accept-loss"), "{message}");
            }
            Err(error) => panic!("{error}"),
            Ok((store, report)) => panic!("opened at {}: {:?}", store.revision(), report.notes),
        }
    }
    JournalStore::open(dir, options()).err().unwrap().to_string()
}

#[test]
fn a_second_opening_is_refused_until_the_first_is_closed() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    assert!(matches!(JournalStore::open(dir.path(), options()), Err(StoreError::DirInUse { .. })));
    drop(store);
    open(dir.path());
}

#[test]
fn a_clean_start_replays_nothing_and_has_nothing_to_say() {
    let dir = closed();
    let (_, report) = open(dir.path());
    assert_eq!(report, RecoveryReport { revision: 40, ..Default::default() });
}

#[test]
fn tables_behind_the_journal_are_brought_up() {
    let dir = crashed(true);
    let (store, report) = open(dir.path());
    assert_eq!(report.notes, Vec::<String>::new());
    assert_eq!(report.replayed, 10);
    assert_eq!(contents(&store), numbered_contents(40));
}

#[test]
fn missing_tables_are_rebuilt_from_checkpoint_and_journal() {
    for checkpoint in [true, false] {
        let dir = crashed(checkpoint);
        fs::remove_dir_all(dir.path().join("tables")).unwrap();
        let report = expect_all(dir.path(), "the tables are missing; they are rebuilt");
        assert_eq!(report.replayed, if checkpoint { 20 } else { 40 });
    }
}

#[test]
fn tables_that_do_not_open_are_moved_aside_and_rebuilt() {
    let dir = crashed(true);
    overwrite(&dir.path().join("tables/conf"), 0, b"nonsense nonsense nonsense");
    expect_all(dir.path(), "the tables are unusable");
    assert!(dir.path().join("damaged/tables-1").exists());
}

#[test]
fn tables_of_another_store_are_not_believed() {
    let (dir, other) = (crashed(true), closed());
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    copy_into(&other.path().join("tables"), &dir.path().join("tables"));
    expect_all(dir.path(), "of another store");
}

#[test]
fn tables_whose_building_was_interrupted_are_built_again() {
    let dir = crashed(true);
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let (_, id) = crate::survey::Survey::list(&dir.path().join("journal")).unwrap();
    let tables = crate::tables::Tables::create(&dir.path().join("tables"), 1 << 20, id.unwrap()).unwrap();
    tables.apply(&[put("half", "done")], 1).unwrap();
    drop(tables);
    expect_all(dir.path(), "unfinished");
}

#[test]
fn tables_that_were_open_when_the_machine_went_down_are_rebuilt() {
    let dir = crashed(true);
    let path = dir.path().join("tables");
    let (tables, mark) = crate::tables::Tables::open(&path, 1 << 20).unwrap();
    tables.write_mark(crate::tables::Mark { boot: mark.boot ^ 1, ..mark }).unwrap();
    drop(tables);
    expect_all(dir.path(), "the machine went down");
    // Closed in order, they are believed.
    let (tables, mark) = crate::tables::Tables::open(&path, 1 << 20).unwrap();
    tables.write_mark(crate::tables::Mark { boot: mark.boot ^ 1, clean: true, ..mark }).unwrap();
    drop(tables);
    assert_eq!(open(dir.path()).1.notes, Vec::<String>::new());
}

#[test]
fn tables_that_lost_a_write_without_noticing_are_rebuilt() {
    let dir = crashed(true);
    let (tables, mark) = crate::tables::Tables::open(&dir.path().join("tables"), 1 << 20).unwrap();
    let mut set = ChangeSet::new();
    set.put(Table::Zones, "stale", "1");
    tables.apply(&[set], mark.applied).unwrap();
    tables.write_mark(mark).unwrap();
    drop(tables);
    expect_all(dir.path(), "do not hold what was written");
}

#[test]
fn only_the_last_few_damaged_tables_are_kept() {
    let dir = crashed(true);
    for _ in 0..4 {
        overwrite(&dir.path().join("tables/conf"), 0, b"nonsense nonsense nonsense");
        drop(open(dir.path()));
    }
    let kept = crate::files::aside(&dir.path().join("damaged"), "tables").unwrap();
    assert_eq!(kept.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [3, 4]);
}

/// A folder at change set 40, and the bytes that the commit of change set 41 would add to which file.
fn before_a_commit() -> (TempDir, PathBuf, u64, Vec<u8>) {
    let dir = crashed(true);
    let after = copy_of(dir.path());
    let (store, _) = open(after.path());
    let mut set = ChangeSet::new();
    set.put(Table::Jobs, "torn", vec![7; 1500]);
    store.commit(&[set]).unwrap();
    drop(store);
    let (path, offset, length) = find_record(after.path(), 41);
    let mut record = vec![0; length as usize];
    File::open(&path).unwrap().read_exact_at(&mut record, offset).unwrap();
    (dir, Path::new("journal").join(path.file_name().unwrap()), offset, record)
}

#[test]
fn a_torn_tail_is_cut_off() {
    let (original, file, offset, record) = before_a_commit();
    // A write cut short at a byte, and writes of which one sector is missing.
    let first_sector = 512 - offset as usize % 512;
    let cuts = [1, 8, 24, 32, 40, 600, 1400].map(|cut| cut..record.len());
    let holes = [0..first_sector, first_sector..first_sector + 512, first_sector + 512..first_sector + 1024];
    for missing in cuts.into_iter().chain(holes) {
        let dir = copy_of(original.path());
        let mut torn = record.clone();
        torn[missing.clone()].fill(0);
        overwrite(&dir.path().join(&file), offset, &torn);
        let (store, report) = open(dir.path());
        assert_eq!(contents(&store), numbered_contents(40), "without {missing:?}");
        assert_eq!(report.notes.len(), 1, "without {missing:?}: {:?}", report.notes);
        assert!(report.notes[0].contains("torn write"), "without {missing:?}: {:?}", report.notes);
        commit_numbered(&store, 2);
        drop(store);
        let (store, again) = open(dir.path());
        assert_eq!((again.revision, again.notes), (42, vec![]), "without {missing:?}");
        assert_eq!(contents(&store), numbered_contents(42), "without {missing:?}");
    }
}

#[test]
fn a_torn_group_is_cut_from_its_first_gap_on() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 5);
    let before = killed(&store, dir.path());
    let large = |i: u8| {
        let mut set = ChangeSet::new();
        set.put(Table::Jobs, [i], vec![i; 2000]);
        set
    };
    store.commit(&[large(6), large(7), large(8)]).unwrap();
    // The tables are those from before: the power went while the group was being written.
    let (path, offset, _) = find_record(dir.path(), 7);
    let name = path.file_name().unwrap();
    fs::copy(&path, before.path().join("journal").join(name)).unwrap();
    let sector = (offset / 512 + 1) * 512;
    overwrite(&before.path().join("journal").join(name), sector, &[0; 1024]);
    let (store, report) = open(before.path());
    assert_eq!((report.revision, report.notes.len()), (6, 1), "{:?}", report.notes);
    assert_eq!(store.scan(Table::Jobs, &[], None).count(), 1);
    drop(store);
    assert_eq!(open(before.path()).1, RecoveryReport { revision: 6, ..Default::default() });
}

#[test]
fn damage_that_the_tables_cover_is_made_good_from_them() {
    let dir = crashed(true);
    let (path, offset, _) = find_record(dir.path(), 25);
    flip(&path, offset + 50);
    expect_all(dir.path(), "the journal is damaged");
    assert!(dir.path().join("damaged/journal-1").exists());
}

#[test]
fn damage_that_the_checkpoint_covers_is_made_good_from_it() {
    let dir = crashed(false);
    let (_, checkpointed) = (dir.path(), crashed(true));
    // A journal from the beginning, and a checkpoint beside it, as when removing old segments failed.
    drop(checkpointed);
    let (store, _) = open(dir.path());
    let old = copy_of(&dir.path().join("journal"));
    store.checkpoint().unwrap();
    drop(store);
    copy_into(old.path(), &dir.path().join("journal"));
    let (path, offset, _) = find_record(dir.path(), 10);
    flip(&path, offset + 20);
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    expect_all(dir.path(), "rebuilt from the checkpoint");
}

#[test]
fn damage_that_nothing_covers_is_refused_and_can_be_accepted() {
    // Revisions that the tables have not got.
    let dir = crashed(true);
    for revision in [34, 35, 37] {
        let (path, offset, _) = find_record(dir.path(), revision);
        flip(&path, offset + 40);
    }
    let message = expect_refusal(dir.path(), 3);
    assert!(message.contains("34 to 35, 37"), "{message}");
    assert!(message.contains("Tables: at change set 3"), "{message}");
    let (store, report) = JournalStore::open(dir.path(), accepting_loss()).unwrap();
    assert_eq!((report.revision, report.lost), (40, 3));
    // All but what the three put is there.
    let mut expected = numbered_contents(40);
    for revision in [34u64, 35, 37] {
        expected.remove(&(Table::Activity, revision.to_be_bytes().to_vec()));
        expected.remove(&(Table::Records, format!("key {revision:04}").into_bytes()));
    }
    assert_eq!(contents(&store), expected);
    assert_eq!(store.commit(&[put("next", "1")]).unwrap(), 41);
    store.close().unwrap();
    assert_eq!(open(dir.path()).1, RecoveryReport { revision: 41, ..Default::default() });
}

#[test]
fn a_header_flipped_at_the_end_of_a_crashed_journal_is_refused() {
    let dir = crashed(true);
    let (path, offset, _) = find_record(dir.path(), 40);
    flip(&path, offset + 5);
    let message = expect_refusal(dir.path(), 0);
    assert!(message.contains("unknown number after 39"), "{message}");
    let (store, report) = JournalStore::open(dir.path(), accepting_loss()).unwrap();
    assert_eq!(report.revision, 39);
    assert_eq!(contents(&store), numbered_contents(39));
}

#[test]
fn a_journal_cut_short_after_a_crash_is_refused() {
    for length in [0, 100, 5000] {
        let dir = crashed(true);
        let last = segments(dir.path()).pop().unwrap();
        File::options().write(true).open(last).unwrap().set_len(length).unwrap();
        assert!(expect_refusal(dir.path(), 0).contains("unknown number"));
        JournalStore::open(dir.path(), accepting_loss()).unwrap();
    }
}

#[test]
fn a_journal_cut_short_or_lost_after_an_orderly_end_is_made_good_from_the_tables() {
    for length in [0, 100, 5000] {
        let dir = closed();
        let last = segments(dir.path()).pop().unwrap();
        File::options().write(true).open(last).unwrap().set_len(length).unwrap();
        expect_all(dir.path(), "the journal is damaged");
    }
    let dir = closed();
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    expect_all(dir.path(), "the journal is missing");
}

#[test]
fn a_checkpoint_alone_is_refused_and_can_be_accepted() {
    let dir = closed();
    fs::remove_dir_all(dir.path().join("journal")).unwrap();
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    expect_refusal(dir.path(), 0);
    let (store, report) = JournalStore::open(dir.path(), accepting_loss()).unwrap();
    assert_eq!(report.revision, 20);
    assert_eq!(contents(&store), numbered_contents(20));
}

#[test]
fn a_missing_segment_is_a_loss_like_a_damaged_one() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 120);
    store.close().unwrap();
    let all = segments(dir.path());
    assert!(all.len() >= 3, "{all:?}");
    fs::remove_file(&all[1]).unwrap();
    let without_tables = copy_of(dir.path());
    let (store, report) = open(dir.path());
    assert!(report.notes.iter().any(|note| note.contains("the journal is damaged")), "{:?}", report.notes);
    assert_eq!(contents(&store), numbered_contents(120));
    fs::remove_dir_all(without_tables.path().join("tables")).unwrap();
    let error = JournalStore::open(without_tables.path(), options()).err().unwrap();
    assert!(matches!(error, StoreError::WouldLose { revisions: 20..60, .. }), "{error}");
}

#[test]
fn a_damaged_checkpoint_is_written_anew_from_the_tables() {
    for part in [0, 2] {
        let dir = crashed(true);
        let path = dir.path().join("checkpoint");
        let length = fs::metadata(&path).unwrap().len();
        flip(&path, (length - 1) * part / 2);
        expect_all(dir.path(), "the checkpoint is unusable");
    }
}

#[test]
fn damage_inside_a_checkpoint_is_found_while_the_tables_still_have_everything() {
    let dir = closed();
    let path = dir.path().join("checkpoint");
    flip(&path, fs::metadata(&path).unwrap().len() / 2);
    let (store, report) = open(dir.path());
    assert_eq!(report.notes, Vec::<String>::new());
    store.shared().verify_checkpoint().unwrap();
    assert_eq!(crate::recover::checkpoint_damage(dir.path()).unwrap(), None);
    drop(store);
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    expect_all(dir.path(), "rebuilt from the checkpoint (change set 40)");
}

#[test]
fn with_tables_and_checkpoint_gone_the_rest_is_refused() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 80);
    store.checkpoint().unwrap();
    commit_numbered(&store, 5);
    drop(store);
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let path = dir.path().join("checkpoint");
    flip(&path, fs::metadata(&path).unwrap().len() / 2);
    let message = expect_refusal(dir.path(), 50);
    assert!(message.contains("Checkpoint: unusable (block"), "{message}");
    assert!(message.contains("(1 to 50)"), "{message}");
    let (store, report) = JournalStore::open(dir.path(), accepting_loss()).unwrap();
    assert_eq!((report.revision, report.lost), (85, 50));
    let mut expected = numbered_contents(85);
    expected.retain(|(table, key), _| *table == Table::Records || key[..] > 50u64.to_be_bytes()[..]);
    for revision in 36..=50 {
        expected.remove(&(Table::Records, format!("key {:04}", revision % 50).into_bytes()));
    }
    assert_eq!(contents(&store), expected);
}

#[test]
fn a_newer_format_is_refused_and_left_alone() {
    let dir = closed();
    let path = segments(dir.path()).remove(0);
    let mut header = vec![0; 40];
    File::open(&path).unwrap().read_exact_at(&mut header, 0).unwrap();
    header[8] = 9;
    let crc = crc32fast::hash(&header[..36]);
    header[36..].copy_from_slice(&crc.to_le_bytes());
    overwrite(&path, 0, &header);
    let error = JournalStore::open(dir.path(), accepting_loss()).err().unwrap();
    assert!(matches!(error, StoreError::UnknownFormat { found: 9, known: 1, .. }), "{error}");
}

#[test]
fn a_stored_value_that_looks_like_a_record_is_never_taken_for_one() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    let forged = crate::segment::RecordHeader {
        kind: crate::segment::RecordKind::ChangeSet,
        payload_bytes: 0,
        payload_crc: 0,
        revision: 1000,
        group: 1000,
    };
    let mut set = ChangeSet::new();
    for offset in 0..16 {
        let mut value = vec![1; offset];
        (0..20).for_each(|_| value.extend(forged.to_bytes(0)));
        set.put(Table::Records, [offset as u8], value);
    }
    store.commit(&[set]).unwrap();
    commit_numbered(&store, 3);
    store.close().unwrap();
    let (path, offset, _) = find_record(dir.path(), 1);
    flip(&path, offset + 8);
    let (store, report) = open(dir.path());
    assert_eq!((store.revision(), report.lost), (4, 0));
    assert_eq!(store.scan(Table::Records, &[], None).count(), 16 + 3);
}

#[test]
fn checkpoints_shorten_the_journal_and_nothing_is_lost() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    for round in 1..=4 {
        commit_numbered(&store, 100);
        assert!(segments(dir.path()).len() >= 2);
        store.checkpoint().unwrap();
        assert!(segments(dir.path()).len() <= 1, "round {round}");
    }
    drop(store);
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    let (store, report) = open(dir.path());
    assert_eq!(report.replayed, 0);
    assert_eq!(contents(&store), numbered_contents(400));
}

#[test]
fn a_checkpoint_beside_commits_adds_up_to_one_revision() {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 50);
    std::thread::scope(|scope| {
        scope.spawn(|| commit_numbered(&store, 300));
        (0..6).for_each(|_| store.checkpoint().unwrap());
    });
    let copy = killed(&store, dir.path());
    fs::remove_dir_all(copy.path().join("tables")).unwrap();
    let (restored, _) = open(copy.path());
    assert_eq!(contents(&restored), numbered_contents(350));
}

/// An open store with 350 change sets and a checkpoint, whose tables fail.
fn with_broken_tables() -> (TempDir, JournalStore) {
    let dir = scratch();
    let (store, _) = open(dir.path());
    commit_numbered(&store, 300);
    store.checkpoint().unwrap();
    commit_numbered(&store, 50);
    store.shared().break_tables();
    (dir, store)
}

#[test]
fn a_read_that_meets_broken_tables_mends_them_and_goes_on() {
    let (dir, store) = with_broken_tables();
    assert_eq!(store.get(Table::Records, b"key 0001").unwrap().unwrap(), b"value of 301");
    store.shared().break_tables();
    assert_eq!(contents(&store), numbered_contents(350));
    // In the middle of a scan, too.
    let mut scan = store.scan(Table::Activity, &[], None);
    let first = scan.next().unwrap().unwrap();
    store.shared().break_tables();
    let rest: Vec<_> = scan.map(Result::unwrap).collect();
    assert_eq!((first.0, rest.len()), (1u64.to_be_bytes().to_vec(), 349));
    assert!(dir.path().join("damaged/tables-3").exists());
    commit_numbered(&store, 5);
    store.close().unwrap();
    let (store, report) = open(dir.path());
    assert_eq!((contents(&store), report.notes), (numbered_contents(355), vec![]));
}

#[test]
fn a_commit_that_meets_broken_tables_mends_them_and_is_stored() {
    let (dir, store) = with_broken_tables();
    commit_numbered(&store, 30);
    assert_eq!(contents(&store), numbered_contents(380));
    store.close().unwrap();
    assert_eq!(open(dir.path()).1, RecoveryReport { revision: 380, ..Default::default() });
}

#[test]
fn a_checkpoint_that_meets_broken_tables_mends_them_and_can_be_repeated() {
    let (dir, store) = with_broken_tables();
    assert!(store.checkpoint().is_err());
    store.checkpoint().unwrap();
    drop(store);
    fs::remove_dir_all(dir.path().join("tables")).unwrap();
    assert_eq!(contents(&open(dir.path()).0), numbered_contents(350));
}

#[test]
fn tables_that_can_neither_be_read_nor_rebuilt_stop_the_store_but_lose_nothing() {
    let (dir, store) = with_broken_tables();
    let checkpoint = dir.path().join("checkpoint");
    let sound = fs::read(&checkpoint).unwrap();
    flip(&checkpoint, sound.len() as u64 / 2);
    assert!(try_contents(&store).is_err());
    assert!(matches!(store.commit(&[put("more", "1")]), Err(StoreError::Failed { .. })));
    drop(store);
    // The tables are still there: only reading them failed.
    let (store, report) = open(dir.path());
    assert_eq!((contents(&store), report.notes), (numbered_contents(350), vec![]));
    store.shared().verify_checkpoint().unwrap();
    assert_eq!(crate::recover::checkpoint_damage(dir.path()).unwrap(), None);
}
