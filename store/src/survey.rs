//! Looking through the journal before anything is done about it.

use std::fs::File;
use std::path::Path;

use crate::StoreError;
use crate::files::Context;
use crate::journal::{self, SegmentFile};
use crate::segment::{Cause, Damage, Item, RecordKind, SegmentHeader, SegmentReader};

/// What the journal holds and what is wrong with it.
#[derive(Debug, Default)]
pub(crate) struct Survey {
    /// The segments, oldest first.
    pub segments: Vec<SegmentFile>,
    /// Stretches of readable revisions, ascending: first and last.
    pub runs: Vec<(u64, u64)>,
    /// All revisions up to here were on disk at some time, so a missing one of them is a loss.
    pub certified: u64,
    /// Whether acknowledged change sets of unknown number may have followed the last readable one.
    pub unknown_tail: bool,
    /// Whether anything but a torn tail is wrong.
    pub damaged: bool,
    /// Everything that is wrong, one phrase each.
    pub faults: Vec<String>,
    /// The last segment, if it can be written to.
    pub last: Option<LastSegment>,
}

/// The segment where appending goes on.
#[derive(Debug)]
pub(crate) struct LastSegment {
    pub header: SegmentHeader,
    /// Where its contents end.
    pub end: u64,
    /// The unreadable places in it: the last readable revision before each, and where it begins.
    pub breaks: Vec<(u64, u64)>,
}

impl Survey {
    /// Lists the segments and learns the store's id from the first that tells.
    pub(crate) fn list(dir: &Path) -> Result<(Vec<SegmentFile>, Option<u64>), StoreError> {
        let segments = journal::list_segments(dir)?;
        for segment in &segments {
            let file = File::open(&segment.path).context("open", &segment.path)?;
            if let Some(header) = SegmentHeader::read(&file, &segment.path)? {
                return Ok((segments, Some(header.store_id)));
            }
        }
        Ok((segments, None))
    }

    /// Reads all segments through.
    pub(crate) fn read(segments: Vec<SegmentFile>, store_id: u64) -> Result<Self, StoreError> {
        let mut survey = Self::default();
        let mut pending = Vec::new();
        for segment in &segments {
            survey.read_segment(segment, store_id, &mut pending)?;
        }
        for damage in pending {
            match (damage.cause, damage.revision) {
                (Cause::Torn, _) => {}
                (Cause::Damaged, Some(revision)) => survey.certified = survey.certified.max(revision),
                (Cause::Damaged, None) => survey.unknown_tail = true,
            }
        }
        if segments.is_empty() {
            survey.fault("the journal is missing".to_owned());
            survey.unknown_tail = true;
        }
        survey.segments = segments;
        Ok(survey)
    }

    /// The last readable revision; 0 if there is none.
    pub(crate) fn last_revision(&self) -> u64 {
        self.runs.last().map_or(0, |run| run.1)
    }

    /// How far the change sets go on without a gap from a state at revision `base`.
    pub(crate) fn reach(&self, base: u64) -> u64 {
        self.runs.iter().fold(base, |reached, run| {
            if run.0 <= reached.saturating_add(1) { reached.max(run.1) } else { reached }
        })
    }

    /// The revisions behind `base`, up to `through`, that cannot be read.
    pub(crate) fn missing(&self, base: u64, through: u64) -> Vec<(u64, u64)> {
        let mut missing = Vec::new();
        let mut next = base.saturating_add(1);
        for run in self.runs.iter().filter(|run| run.1 > base) {
            if run.0 > next && next <= through {
                missing.push((next, through.min(run.0 - 1)));
            }
            next = next.max(run.1.saturating_add(1));
        }
        if next <= through {
            missing.push((next, through));
        }
        missing
    }

    fn read_segment(
        &mut self,
        segment: &SegmentFile,
        store_id: u64,
        pending: &mut Vec<Damage>,
    ) -> Result<(), StoreError> {
        // A segment is begun only when all before it is on disk.
        self.certified = self.certified.max(segment.first.saturating_sub(1));
        let path = &segment.path;
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let file = File::open(path).context("open", path)?;
        let length = file.metadata().context("read", path)?.len();
        let header = SegmentHeader::read(&file, path)?;
        if header.is_none() {
            self.fault(format!("{name}: its header is unreadable"));
        }
        self.unknown_tail = match header {
            Some(header) => length < header.capacity,
            None => length < crate::segment::DATA_START,
        };
        if self.unknown_tail {
            self.fault(format!("{name}: it was cut to {length} bytes"));
        }
        let mut reader = SegmentReader::open(path, store_id)?;
        let mut breaks = Vec::new();
        while let Some(item) = reader.next_item()? {
            match item {
                Item::Record { header, .. } => {
                    self.certified = self.certified.max(header.certifies());
                    match header.kind {
                        RecordKind::ChangeSet => self.add_revision(header.revision, pending),
                        // It says itself which revision was the last before it.
                        RecordKind::Seal => pending.clear(),
                    }
                }
                Item::Damage(damage) => {
                    breaks.push((self.last_revision(), damage.offset));
                    let what = match damage.revision {
                        Some(revision) => format!("change set {revision}"),
                        None => "a stretch".to_owned(),
                    };
                    let fault = format!("{name}: {what} at byte {} is unreadable", damage.offset);
                    match damage.cause {
                        Cause::Damaged => self.fault(fault),
                        Cause::Torn => self.faults.push(fault),
                    }
                    pending.push(damage);
                }
            }
        }
        self.last = header.map(|header| LastSegment { header, end: reader.position(), breaks });
        Ok(())
    }

    /// Notes a readable change set and what it says about the damage before it.
    fn add_revision(&mut self, revision: u64, pending: &mut Vec<Damage>) {
        let last = self.last_revision();
        if revision <= last {
            return;
        }
        // What was written in full before this record was on its way to being acknowledged like it.
        if pending.drain(..).any(|damage| damage.cause == Cause::Damaged) {
            self.certified = self.certified.max(revision - 1);
        }
        match self.runs.last_mut() {
            Some(run) if run.1.checked_add(1) == Some(revision) => run.1 = revision,
            _ => self.runs.push((revision, revision)),
        }
    }

    fn fault(&mut self, fault: String) {
        self.damaged = true;
        self.faults.push(fault);
    }
}
