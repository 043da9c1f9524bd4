//! Opening a folder: finding out what is there and bringing its parts into agreement.
//!
//! Three things hold the state: the journal (the truth, behind the checkpoint), the checkpoint, and the tables
//! (the projection that is read from). Opening looks at all three before it changes anything, and takes as its
//! *base* the first of these from which the journal leads on without a gap to the last revision that any of
//! the three shows to have been acknowledged:
//!
//! 1. the tables, if they open, belong to this store, and are not half of a change set that is gone;
//! 2. the checkpoint, if every block of it is intact;
//! 3. nothing, if the journal still begins with revision 1.
//!
//! After a power cut the tables come last: sled is safe against the end of the process only.
//!
//! From any base but the tables, the tables are rebuilt, and the old ones are moved to the folder `damaged`. If
//! there is no such base, opening is refused, unless loss is accepted; then the base that loses fewest
//! change sets is taken, and every readable change set behind it is applied.
//!
//! What is wrong with the journal is dealt with after that. A torn tail, which was never acknowledged, is cut
//! off. A journal with damage inside is of no further use: a checkpoint is written, and a new journal begun
//! behind it; the old one is moved aside. Whatever happened is logged and in the report.

use std::fs;
use std::hash::{BuildHasher, RandomState};
use std::path::{Path, PathBuf};

use crate::checkpoint::{self, CheckpointWriter, Part, ReadError, Summary};
use crate::files::{Context, aside, make_private_dir, move_aside};
use crate::journal::{self, Journal, Resume};
use crate::limits::{KEPT_TABLES, MAX_SEGMENT_BYTES, MIN_SEGMENT_BYTES};
use crate::replay::{Gaps, Stretch};
use crate::segment::ALIGNMENT;
use crate::survey::Survey;
use crate::tables::{BulkLoader, Cursor, Mark, Tables, UNFINISHED, wait_for_release};
use crate::{Op, Options, RecoveryReport, StoreError, Table};

/// Name of the journal's folder.
pub(crate) const JOURNAL: &str = "journal";
/// Name of the tables' folder.
pub(crate) const TABLES: &str = "tables";

/// The parts of an open store, in agreement.
pub(crate) struct Parts {
    pub journal: Journal,
    pub tables: Tables,
    /// Length of the checkpoint; 0 if there is none.
    pub checkpoint_bytes: u64,
    pub report: RecoveryReport,
}

/// One of the three, as it was found.
enum Found<T> {
    Missing,
    /// Making it was interrupted, so it never held anything.
    Unfinished,
    /// Why it cannot be used.
    Unusable(String),
    Usable(T),
}

impl<T> Found<T> {
    fn usable(&self) -> Option<&T> {
        if let Found::Usable(found) = self { Some(found) } else { None }
    }

    fn describe(&self, usable: impl Fn(&T) -> String) -> String {
        match self {
            Found::Missing => "missing".to_owned(),
            Found::Unfinished => "unfinished".to_owned(),
            Found::Unusable(reason) => format!("unusable ({reason})"),
            Found::Usable(found) => usable(found),
        }
    }
}

/// Where the state is taken from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Base {
    Tables,
    Checkpoint,
    Nothing,
}

/// What was decided.
struct Plan {
    base: Base,
    /// The revision of the base.
    from: u64,
    /// The revision that the store will be at.
    through: u64,
    gaps: Gaps,
    /// The revisions that are lost.
    lost: Vec<(u64, u64)>,
}

/// A folder being opened.
struct Recovery<'a> {
    dir: &'a Path,
    options: &'a Options,
    store_id: u64,
    survey: Survey,
    tables: Found<(Tables, Mark)>,
    checkpoint: Found<Summary>,
    report: RecoveryReport,
}

/// Opens the folder, which is locked.
pub(crate) fn open(dir: &Path, options: &Options) -> Result<Parts, StoreError> {
    let journal_dir = dir.join(JOURNAL);
    make_private_dir(&journal_dir)?;
    let (segments, journal_id) = Survey::list(&journal_dir)?;
    let tables = find_tables(dir, options)?;
    let checkpoint = find_checkpoint(dir)?;
    if segments.is_empty() && matches!((&tables, &checkpoint), (Found::Missing, Found::Missing)) {
        return create(dir, options);
    }
    // The journal's word goes first: it is the truth.
    let store_id = journal_id
        .or(checkpoint.usable().map(|summary| summary.store_id))
        .or(tables.usable().map(|(_, mark)| mark.store_id))
        .unwrap_or_default();
    let survey = Survey::read(segments, store_id)?;
    let recovery = Recovery {
        dir,
        options,
        store_id,
        survey,
        tables: own(tables, |(_, mark)| mark.store_id == store_id),
        checkpoint: own(checkpoint, |summary| summary.store_id == store_id),
        report: RecoveryReport::default(),
    };
    recovery.run()
}

/// Makes the parts of a new store.
fn create(dir: &Path, options: &Options) -> Result<Parts, StoreError> {
    // The keys of a `RandomState` come from the operating system's random source.
    let store_id = RandomState::new().hash_one("store id");
    let journal = Journal::create(&dir.join(JOURNAL), segment_bytes(options), store_id, 1, Vec::new())?;
    let tables = Tables::create(&dir.join(TABLES), options.sled_cache_bytes, store_id)?;
    tables.finish_building(0)?;
    Ok(Parts { journal, tables, checkpoint_bytes: 0, report: RecoveryReport::default() })
}

/// The segment size to use, within its limits.
pub(crate) fn segment_bytes(options: &Options) -> u64 {
    options.segment_bytes.clamp(MIN_SEGMENT_BYTES, MAX_SEGMENT_BYTES).next_multiple_of(ALIGNMENT)
}

/// Opens the tables if they can be opened.
fn find_tables(dir: &Path, options: &Options) -> Result<Found<(Tables, Mark)>, StoreError> {
    let path = dir.join(TABLES);
    if !Tables::exist(&path) {
        return Ok(Found::Missing);
    }
    match Tables::open(&path, options.sled_cache_bytes) {
        Ok((_, mark)) if mark.pending == UNFINISHED => Ok(Found::Unfinished),
        Ok(found) => Ok(Found::Usable(found)),
        Err(StoreError::Tables { reason, .. }) => Ok(Found::Unusable(reason)),
        Err(error) => Err(error),
    }
}

/// Looks at the ends of the checkpoint.
fn find_checkpoint(dir: &Path) -> Result<Found<Summary>, StoreError> {
    match checkpoint::summary(dir) {
        Ok(None) => Ok(Found::Missing),
        Ok(Some(summary)) => Ok(Found::Usable(summary)),
        Err(ReadError::Damaged(reason)) => Ok(Found::Unusable(reason)),
        Err(ReadError::Other(error)) => Err(error),
    }
}

/// Sorts out what belongs to another store.
fn own<T>(found: Found<T>, is_own: impl Fn(&T) -> bool) -> Found<T> {
    match found {
        Found::Usable(found) if !is_own(&found) => Found::Unusable("of another store".to_owned()),
        found => found,
    }
}

impl Recovery<'_> {
    /// Decides, acts, and decides again when a part turns out to be worse than it looked.
    fn run(mut self) -> Result<Parts, StoreError> {
        loop {
            let plan = self.plan()?;
            if plan.base == Base::Checkpoint && !self.checkpoint_is_sound()? {
                continue;
            }
            self.tell_of_parts(&plan);
            match self.bring_tables_to(&plan) {
                Ok(tables) => return self.finish(tables, plan),
                Err(StoreError::Tables { reason, .. }) if plan.base == Base::Tables => {
                    self.tables = Found::Unusable(reason);
                }
                Err(error) => return Err(error),
            }
        }
    }

    // --- deciding ---

    /// Chooses the base, or refuses.
    fn plan(&self) -> Result<Plan, StoreError> {
        let required = self.required();
        let bases = self.bases();
        let whole = bases.iter().find(|(_, revision)| self.reach(*revision) >= required);
        let unknown_tail = self.survey.unknown_tail && !self.is_clean(required);
        if let (Some((base, from)), false) = (whole, unknown_tail) {
            let through = self.reach(*from);
            return Ok(Plan { base: *base, from: *from, through, gaps: Gaps::Refused, lost: Vec::new() });
        }
        // Everything readable is kept; what is missing up to the last of it is lost.
        let through = required.max(self.survey.last_revision());
        let losses = bases.iter().map(|base| (*base, self.lost_from(*base, through)));
        let least = losses.min_by_key(|(_, lost)| count(lost));
        let ((base, from), lost) = least.unwrap_or(((Base::Nothing, 0), vec![(1, through)]));
        if !self.options.accept_loss {
            return Err(self.refusal(&lost, unknown_tail));
        }
        Ok(Plan { base, from, through, gaps: Gaps::Accepted, lost })
    }

    /// The last revision that was certainly acknowledged, or at least on disk.
    fn required(&self) -> u64 {
        let tables = self.tables.usable().map_or(0, |(_, mark)| mark.applied.max(mark.pending));
        let checkpoint = self.checkpoint.usable().map_or(0, |summary| summary.revision);
        self.survey.certified.max(tables).max(checkpoint)
    }

    /// The usable bases with their revisions, best first.
    fn bases(&self) -> Vec<(Base, u64)> {
        let (mut best, mut last) = (None, None);
        if let Some((_, mark)) = self.tables.usable() {
            let tables = Some((Base::Tables, mark.applied));
            // A power cut may have left tables that open and yet are wrong.
            *(if mark.is_suspect() { &mut last } else { &mut best }) = tables;
        }
        let checkpoint = self.checkpoint.usable().map(|summary| (Base::Checkpoint, summary.revision));
        best.into_iter().chain(checkpoint).chain([(Base::Nothing, 0)]).chain(last).collect()
    }

    /// How far the journal leads on from a base.
    fn reach(&self, base: u64) -> u64 {
        self.survey.reach(base)
    }

    /// What is lost when a base is taken and every readable change set applied.
    fn lost_from(&self, (_, from): (Base, u64), through: u64) -> Vec<(u64, u64)> {
        self.survey.missing(from, through)
    }

    /// Whether the tables know that the journal ended with them.
    fn is_clean(&self, required: u64) -> bool {
        let last = self.survey.last_revision().max(required);
        self.tables.usable().is_some_and(|(_, mark)| mark.clean && mark.applied >= last)
    }

    /// The error that says what would be lost and how to go on.
    fn refusal(&self, lost: &[(u64, u64)], unknown_tail: bool) -> StoreError {
        const SHOWN: usize = 4;
        let mut faults = self.survey.faults.iter().take(SHOWN).cloned().collect::<Vec<_>>().join("; ");
        match self.survey.faults.len() {
            0 => faults.push_str("change sets are missing"),
            all @ 5.. => faults.push_str(&format!("; and {} more", all - SHOWN)),
            _ => {}
        }
        let revisions = count(lost);
        let mut what = match lost {
            [] => String::new(),
            _ => format!("{revisions} acknowledged change set(s) cannot be recovered ({})", ranges(lost)),
        };
        if unknown_tail {
            what.push_str(if what.is_empty() { "" } else { ", and " });
            let last = self.survey.last_revision().max(self.required());
            what.push_str(&format!("acknowledged change sets of unknown number after {last} may be lost"));
        }
        let tables = self.tables.describe(|(_, mark)| format!("at change set {}", mark.applied));
        let checkpoint = self.checkpoint.describe(|summary| format!("at change set {}", summary.revision));
        let message = format!(
            "the data in {} is damaged, and starting would lose changes. Journal: {faults}. \
             {what}. Tables: {tables}. Checkpoint: {checkpoint}. Nothing has been changed. \
             Restore the folder from a backup, or start once with --accept-loss to go on without them; \
             the damaged files are then kept in {}",
            self.dir.display(),
            self.dir.join("damaged").display()
        );
        StoreError::WouldLose { revisions, message }
    }

    /// Reads the checkpoint through before anything is based on it.
    fn checkpoint_is_sound(&mut self) -> Result<bool, StoreError> {
        let damage = checkpoint_damage(self.dir)?;
        let sound = damage.is_none();
        if let Some(reason) = damage {
            self.checkpoint = Found::Unusable(reason);
        }
        Ok(sound)
    }

    // --- acting ---

    /// Says what is wrong with the tables and the journal, and what is lost.
    fn tell_of_parts(&mut self, plan: &Plan) {
        let taken = match plan.base {
            Base::Tables => format!("the tables (change set {})", plan.from),
            Base::Checkpoint => format!("the checkpoint (change set {}) and the journal", plan.from),
            Base::Nothing => "the journal".to_owned(),
        };
        if plan.base != Base::Tables && plan.through > 0 {
            let state = self.tables.describe(|(_, mark)| match mark.is_suspect() {
                true => "doubtful, because the machine went down while they were open".to_owned(),
                false => format!("at change set {}", mark.applied),
            });
            self.note(format!("the tables are {state}; they are rebuilt from {taken}"));
        }
        if self.survey.damaged || !self.survey.missing(self.first_needed(), plan.through).is_empty() {
            let faults = self.survey.faults.join("; ");
            self.note(format!("the journal is damaged ({faults}); what it lacks is taken from {taken}"));
        }
        if plan.gaps == Gaps::Accepted {
            self.report.lost = count(&plan.lost);
            let lost = if plan.lost.is_empty() { "number unknown".to_owned() } else { ranges(&plan.lost) };
            self.note(format!("acknowledged change sets are lost, as was accepted: {lost}"));
        }
    }

    /// The revision behind which the journal is needed in order to rebuild the tables.
    fn first_needed(&self) -> u64 {
        self.checkpoint.usable().map_or(0, |summary| summary.revision)
    }

    /// Brings the tables to the planned revision, rebuilding them unless they are the base.
    fn bring_tables_to(&mut self, plan: &Plan) -> Result<Tables, StoreError> {
        let stretch = Stretch {
            segments: &self.survey.segments,
            store_id: self.store_id,
            after: plan.from,
            through: plan.through,
            gaps: plan.gaps,
        };
        let found = std::mem::replace(&mut self.tables, Found::Missing);
        match (plan.base, found) {
            (Base::Tables, Found::Usable((tables, _))) => {
                self.report.replayed = stretch.apply(&tables)?;
                // After an accepted loss the last change sets may be missing; their numbers stay taken.
                tables.set_mark(plan.through, 0, false)?;
                Ok(tables)
            }
            (base, found) => {
                let worthless = matches!(found, Found::Unfinished);
                drop(found);
                retire_tables(self.dir, worthless)?;
                let (tables, replayed) =
                    build_tables(self.dir, self.options, self.store_id, base == Base::Checkpoint, &stretch)?;
                self.report.replayed = replayed;
                Ok(tables)
            }
        }
    }

    /// Puts journal and checkpoint in order around the tables.
    fn finish(mut self, tables: Tables, plan: Plan) -> Result<Parts, StoreError> {
        let journal_dir = self.dir.join(JOURNAL);
        let segment_bytes = segment_bytes(self.options);
        let journal = if self.journal_continues(plan.through) {
            self.replace_bad_checkpoint(&tables, plan.through)?;
            self.resume_journal(plan.through)?
        } else {
            self.report_checkpoint();
            // Should the process end between the next steps, the tables tell that nothing came after them.
            tables.set_mark(plan.through, 0, true)?;
            tables.flush()?;
            let bytes = write_checkpoint(self.dir, &tables, self.store_id, plan.through)?;
            self.checkpoint =
                Found::Usable(Summary { store_id: self.store_id, revision: plan.through, entries: 0, bytes });
            let to = move_aside(self.dir, JOURNAL)?;
            self.note(format!("a new journal was begun; the old one was moved to {}", to.display()));
            make_private_dir(&journal_dir)?;
            Journal::create(&journal_dir, segment_bytes, self.store_id, plan.through + 1, Vec::new())?
        };
        // The tables are no longer the last word once the journal goes on.
        tables.set_mark(plan.through, 0, false)?;
        tables.flush()?;
        self.report.revision = plan.through;
        let checkpoint_bytes = self.checkpoint.usable().map_or(0, |summary| summary.bytes);
        Ok(Parts { journal, tables, checkpoint_bytes, report: self.report })
    }

    /// Whether the journal, perhaps without its tail, leads from the checkpoint to this revision.
    fn journal_continues(&self, revision: u64) -> bool {
        let begins = self.survey.segments.first().map(|segment| segment.first);
        !self.survey.damaged
            && self.survey.last.is_some()
            && begins.is_some_and(|first| first <= self.first_needed().saturating_add(1))
            && match self.survey.runs.as_slice() {
                [] => begins == Some(revision + 1),
                [first, ..] => Some(first.0) == begins && first.1 == revision,
            }
    }

    /// Goes on in the last segment, behind what is kept of it.
    fn resume_journal(&mut self, revision: u64) -> Result<Journal, StoreError> {
        let dir = self.dir.join(JOURNAL);
        let (Some(last), Some(file)) = (self.survey.last.take(), self.survey.segments.last().cloned()) else {
            return Journal::create(
                &dir,
                segment_bytes(self.options),
                self.store_id,
                revision + 1,
                Vec::new(),
            );
        };
        let torn = last.breaks.iter().find(|(after, _)| *after >= revision).map(|(_, offset)| *offset);
        if let Some(offset) = torn {
            journal::cut(&file.path, offset, last.header.capacity)?;
            let faults = self.survey.faults.join("; ");
            self.note(format!("a torn write that was never acknowledged was cut off ({faults})"));
        }
        let position = torn.unwrap_or(last.end);
        let resume = Resume { path: file.path, header: last.header, position };
        let segments = std::mem::take(&mut self.survey.segments);
        Journal::resume(&dir, segment_bytes(self.options), resume, segments)
    }

    /// Writes a new checkpoint in place of an unusable one.
    fn replace_bad_checkpoint(&mut self, tables: &Tables, revision: u64) -> Result<(), StoreError> {
        if !self.report_checkpoint() {
            return Ok(());
        }
        move_aside(self.dir, checkpoint::FILE_NAME)?;
        let bytes = write_checkpoint(self.dir, tables, self.store_id, revision)?;
        self.checkpoint = Found::Usable(Summary { store_id: self.store_id, revision, entries: 0, bytes });
        Ok(())
    }

    /// Notes an unusable checkpoint, and returns whether there is one.
    fn report_checkpoint(&mut self) -> bool {
        let Found::Unusable(reason) = &self.checkpoint else { return false };
        let note = format!("the checkpoint is unusable ({reason}); a new one is written");
        self.note(note);
        true
    }

    fn note(&mut self, note: String) {
        tracing::warn!(dir = %self.dir.display(), "{note}");
        self.report.notes.push(note);
    }
}

/// Moves the tables out of the way, if there are any, and forgets the oldest of those moved before.
pub(crate) fn retire_tables(dir: &Path, worthless: bool) -> Result<Option<PathBuf>, StoreError> {
    let path = dir.join(TABLES);
    if !Tables::exist(&path) {
        return Ok(None);
    }
    // What failed may never let go of its files, which does no harm under another name.
    wait_for_release(&path)?;
    if worthless {
        fs::remove_dir_all(&path).context("remove", &path)?;
        return Ok(None);
    }
    let to = move_aside(dir, TABLES)?;
    let kept = aside(&dir.join("damaged"), TABLES)?;
    for (_, old) in kept.iter().take(kept.len().saturating_sub(KEPT_TABLES)) {
        fs::remove_dir_all(old).context("remove", old)?;
    }
    Ok(Some(to))
}

/// Rebuilds the tables of an open store at this revision, from the checkpoint if there is one.
pub(crate) fn rebuild_tables(
    dir: &Path,
    options: &Options,
    journal: &Journal,
    revision: u64,
) -> Result<Tables, StoreError> {
    if let Some(reason) = checkpoint_damage(dir)? {
        let source = std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
        return Err(source).context("read", &dir.join(checkpoint::FILE_NAME));
    }
    let checkpoint = find_checkpoint(dir)?;
    let after = checkpoint.usable().map_or(0, |summary| summary.revision);
    let stretch = Stretch {
        segments: journal.segments(),
        store_id: journal.store_id(),
        after,
        through: revision,
        gaps: Gaps::Refused,
    };
    retire_tables(dir, false)?;
    let built = build_tables(dir, options, journal.store_id(), checkpoint.usable().is_some(), &stretch);
    built.map(|(tables, _)| tables)
}

/// Reads the checkpoint through and returns what is wrong with it; no checkpoint is not wrong.
pub(crate) fn checkpoint_damage(dir: &Path) -> Result<Option<String>, StoreError> {
    if matches!(find_checkpoint(dir)?, Found::Missing) {
        return Ok(None);
    }
    match checkpoint::read(dir, |_| Ok(())) {
        Ok(_) => Ok(None),
        Err(ReadError::Damaged(reason)) => Ok(Some(reason)),
        Err(ReadError::Other(error)) => Err(error),
    }
}

/// Builds tables from the checkpoint, or from nothing, and a stretch of the journal.
///
/// Returns them with the number of change sets of the journal.
pub(crate) fn build_tables(
    dir: &Path,
    options: &Options,
    store_id: u64,
    from_checkpoint: bool,
    stretch: &Stretch<'_>,
) -> Result<(Tables, u64), StoreError> {
    let tables = Tables::create(&dir.join(TABLES), options.sled_cache_bytes, store_id)?;
    if from_checkpoint {
        load_checkpoint(dir, &tables)?;
    }
    let replayed = stretch.apply(&tables)?;
    tables.finish_building(stretch.through)?;
    Ok((tables, replayed))
}

/// Fills empty tables from the checkpoint.
fn load_checkpoint(dir: &Path, tables: &Tables) -> Result<(), StoreError> {
    const OPS_AT_ONCE: usize = 4096;
    let mut loader = Some(BulkLoader::new(tables));
    let mut ops = Vec::new();
    let read = checkpoint::read(dir, |part| match (part, &mut loader) {
        (Part::Entry(Op::Put { table, key, value }), Some(loader)) => loader.push(table, &key, &value),
        (Part::Entry(op) | Part::Operation(op), _) => {
            if let Some(loader) = loader.take() {
                loader.finish()?;
            }
            ops.push(op);
            if ops.len() < OPS_AT_ONCE { Ok(()) } else { tables.apply_ops(&std::mem::take(&mut ops)) }
        }
    });
    match read {
        Ok(_) => {}
        Err(ReadError::Other(error)) => return Err(error),
        Err(ReadError::Damaged(reason)) => {
            let source = std::io::Error::new(std::io::ErrorKind::InvalidData, reason);
            return Err(source).context("read", &dir.join(checkpoint::FILE_NAME));
        }
    }
    loader.map_or(Ok(()), BulkLoader::finish)?;
    tables.apply_ops(&ops)
}

/// Writes a checkpoint of tables that nobody is changing, and returns its length.
fn write_checkpoint(dir: &Path, tables: &Tables, store_id: u64, revision: u64) -> Result<u64, StoreError> {
    let mut writer = CheckpointWriter::create(dir, store_id, revision)?;
    copy_entries(tables, &mut writer)?;
    writer.finish(revision)
}

/// Copies all entries of the tables into a checkpoint.
pub(crate) fn copy_entries(tables: &Tables, writer: &mut CheckpointWriter) -> Result<(), StoreError> {
    for table in Table::ALL {
        let mut cursor = Cursor::new(table, &[], None);
        loop {
            let entries = tables.next_entries(&mut cursor)?;
            if entries.is_empty() {
                break;
            }
            for (key, value) in entries {
                writer.push_entry(&Op::Put { table, key, value })?;
            }
        }
    }
    Ok(())
}

/// How many revisions the ranges hold.
fn count(ranges: &[(u64, u64)]) -> u64 {
    ranges.iter().map(|(first, last)| last - first + 1).sum()
}

/// `3, 7 to 9`; at most a few of them.
fn ranges(ranges: &[(u64, u64)]) -> String {
    const SHOWN: usize = 5;
    let shown = ranges.iter().take(SHOWN).map(|(first, last)| match first == last {
        true => format!("{first}"),
        false => format!("{first} to {last}"),
    });
    let more = if ranges.len() > SHOWN { ", …" } else { "" };
    shown.collect::<Vec<_>>().join(", ") + more
}
