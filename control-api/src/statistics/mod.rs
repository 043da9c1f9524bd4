//! How many queries the account, each zone and each record got.
//!
//! Workers write the keys of their queries into rings; a [`Collector`] takes them out at least once a second and
//! counts them here. There are three things to be read: the rate of the last ten seconds, counts by half hour for
//! a day, and counts by half day for 30 days. The half hour under way is in memory; each minute it goes to a file,
//! as all past ones have (see `files`), so that a crash loses at most the last minute, and an orderly end nothing.
//!
//! Memory and disk are bounded by [`STATISTICS_KEYS`](crate::limits::STATISTICS_KEYS). Counts are exact but for
//! what is beyond that bound and for queries that the collector was too late for; both are counted as well.

mod bucket;
mod collector;
mod files;
mod live;

use std::io;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use zones::TallyKeys;

use self::bucket::Bucket;
pub use self::collector::Collector;
use self::files::{Folder, Span};
use self::live::Live;

/// The window over which the rate is taken, in seconds.
pub const WINDOW_S: u64 = 10;

const HALF_HOUR_S: u64 = 1800;
const HALF_DAY_S: u64 = 43_200;
/// Whole half hours kept beside the one under way: a day, and one that was the last of its day a moment ago.
const KEPT_HALF_HOURS: u64 = 49;
/// Whole half days kept beside the one under way.
const KEPT_HALF_DAYS: u64 = 61;
/// Keys that are read while nothing can be counted: some ten microseconds of waiting for memory.
const KEYS_AT_ONCE: usize = 1024;
/// How often the half hour under way is stored, in seconds.
const SAVE_S: u64 = 60;

/// What counts are asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Key {
    /// All zones together.
    Account,
    /// The zone with this [key](TallyKeys::of_zone).
    Zone(u64),
    /// The record with this [key](TallyKeys::of_record).
    Record(u64),
}

/// How far back usage is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Period {
    /// Two whole half hours and the one under way.
    Hour,
    /// 48 whole half hours and the one under way.
    Day,
    /// 60 whole half days and the one under way.
    Month,
}

impl Period {
    /// The period that the API calls so.
    pub fn parse(name: &str) -> Option<Self> {
        [Self::Hour, Self::Day, Self::Month].into_iter().find(|period| period.name() == name)
    }

    /// What the API calls it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Hour => "1h",
            Self::Day => "24h",
            Self::Month => "30d",
        }
    }

    fn span(self) -> Span {
        if self == Self::Month { Span::HalfDay } else { Span::HalfHour }
    }

    fn points(self) -> u64 {
        match self {
            Self::Hour => 3,
            Self::Day => 49,
            Self::Month => 61,
        }
    }

    /// When each span of the period began, in unix seconds; the last one is under way.
    fn starts(self, now_s: u64) -> impl Iterator<Item = u64> {
        let seconds = self.span().seconds();
        let last = now_s - now_s % seconds;
        (0..self.points()).rev().map(move |back| last.saturating_sub(back * seconds))
    }
}

/// Queries by span: when it began in unix seconds, and how many there were.
pub type Graph = Vec<(u64, u64)>;

/// The counts of this process and of those before it.
#[derive(Default)]
pub struct Statistics {
    live: Mutex<Live>,
    folder: Option<Folder>,
}

impl Statistics {
    /// Counts that are kept in a folder, which is made if it is not there.
    ///
    /// Call this before names are hashed: what is stored is found only under the hashes it was stored with, so
    /// the seed of all hashes is kept there, too.
    ///
    /// # Errors
    /// The folder, or the seed in it, cannot be read or written.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let folder = Folder::open(folder)?;
        if !zones::tally::seed_hashes(folder.seed()?) {
            tracing::warn!("names were hashed before the statistics were opened: older ones are not found");
        }
        Ok(Self { live: Mutex::default(), folder: Some(folder) })
    }

    /// Queries per second: those of the last [`WINDOW_S`] whole seconds, divided.
    pub fn rate(&self, key: Key) -> f64 {
        f64::from(self.live().in_last_window(key)) / WINDOW_S as f64
    }

    /// As [`Self::rate`], of several keys together.
    pub fn rate_of_all(&self, keys: &[Key]) -> f64 {
        let queries = keys.chunks(KEYS_AT_ONCE).map(|keys| {
            let live = self.live();
            keys.iter().map(|key| u64::from(live.in_last_window(*key))).sum::<u64>()
        });
        queries.sum::<u64>() as f64 / WINDOW_S as f64
    }

    /// As [`Self::usage`], of several keys together.
    pub fn usage_of_all(&self, keys: &[Key], period: Period, now_s: u64) -> Graph {
        let mut counts = vec![0; keys.len()];
        let spans = period.starts(now_s).map(|start_s| {
            counts.fill(0);
            self.add_span(period.span(), start_s, now_s, keys, &mut counts);
            (start_s, counts.iter().fold(0, |sum: u64, count| sum.saturating_add(*count)))
        });
        spans.collect()
    }

    /// Queries by span for each key. `now_s` is the time in unix seconds.
    pub fn usage(&self, keys: &[Key], period: Period, now_s: u64) -> Vec<Graph> {
        let mut graphs = vec![Graph::new(); keys.len()];
        for start_s in period.starts(now_s) {
            let mut counts = vec![0; keys.len()];
            self.add_span(period.span(), start_s, now_s, keys, &mut counts);
            for (graph, count) in graphs.iter_mut().zip(counts) {
                graph.push((start_s, count));
            }
        }
        graphs
    }

    /// Queries for zones or records that were not counted for these, because too many others were asked for.
    pub fn crowded_out(&self) -> u64 {
        self.live().crowded_out
    }

    fn live(&self) -> MutexGuard<'_, Live> {
        self.live.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds what was counted in the half hour under way, if that is the one which began at `start_s`. Gives how many
    /// of the keys are done: fewer than all when the half hour ended meanwhile.
    fn add_live(&self, start_s: u64, keys: &[Key], counts: &mut [u64]) -> usize {
        let mut done = 0;
        for (keys, counts) in keys.chunks(KEYS_AT_ONCE).zip(counts.chunks_mut(KEYS_AT_ONCE)) {
            let live = self.live();
            if live.start_s() != start_s {
                break;
            }
            let counted = keys.iter().map(|key| live.counted(*key));
            counts.iter_mut().zip(counted).for_each(|(count, counted)| *count += counted);
            done += keys.len();
        }
        done
    }

    fn add_span(&self, span: Span, start_s: u64, now_s: u64, keys: &[Key], counts: &mut [u64]) {
        let done = if span == Span::HalfHour { self.add_live(start_s, keys, counts) } else { 0 };
        let (keys, counts) = (&keys[done..], &mut counts[done..]);
        if keys.is_empty() {
            return;
        }
        if let Some(stored) = self.folder.as_ref().and_then(|folder| folder.read(span, start_s)) {
            let counted = keys.iter().map(|key| stored.counted(*key));
            counts.iter_mut().zip(counted).for_each(|(count, counted)| *count += counted);
        } else if span == Span::HalfDay {
            let half_hours = (start_s..start_s + HALF_DAY_S).step_by(HALF_HOUR_S as usize);
            let oldest = now_s.saturating_sub((KEPT_HALF_HOURS + 1) * HALF_HOUR_S);
            for half_hour in half_hours.filter(|start_s| (oldest..=now_s).contains(start_s)) {
                self.add_span(Span::HalfHour, half_hour, now_s, keys, counts);
            }
        }
    }
}

impl Bucket {
    fn counted(&self, key: Key) -> u64 {
        match key {
            Key::Account => self.total,
            Key::Zone(key) => self.zones.get(key),
            Key::Record(key) => self.records.get(key),
        }
    }
}

/// Counting.
impl Statistics {
    /// Counts what `take` gives, as of now, and returns what is to be stored.
    fn collect(&self, now_s: u64, mut take: impl FnMut(&mut dyn FnMut(&[TallyKeys]))) -> Option<Bucket> {
        let mut live = self.live();
        let finished = (now_s - now_s % HALF_HOUR_S != live.start_s()).then(|| {
            let finished = live.changed_bucket();
            let stored = self
                .folder
                .as_ref()
                .and_then(|folder| folder.read(Span::HalfHour, now_s - now_s % HALF_HOUR_S));
            live.begin(now_s, stored.as_ref());
            finished
        });
        live.set_time(now_s);
        take(&mut |queries| live.count(queries));
        finished.flatten()
    }

    /// What was counted in this half hour and is not stored.
    fn unsaved(&self) -> Option<Bucket> {
        self.live().changed_bucket()
    }

    fn save(&self, mut bucket: Bucket) -> io::Result<()> {
        let Some(folder) = &self.folder else { return Ok(()) };
        bucket.zones.sort();
        bucket.records.sort();
        folder.write(Span::HalfHour, &bucket)
    }

    fn tidy(&self, now_s: u64) -> io::Result<()> {
        self.folder.as_ref().map_or(Ok(()), |folder| folder.tidy(now_s))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDNIGHT: u64 = 20_000 * 86_400;

    fn open(path: &Path) -> Statistics {
        Statistics { live: Mutex::default(), folder: Some(Folder::open(path).unwrap()) }
    }

    impl Statistics {
        /// Counts `queries` queries at a time, as the collector would.
        pub(crate) fn count_at(&self, now_s: u64, keys: TallyKeys, queries: u64) {
            let finished = self.collect(now_s, |each: &mut dyn FnMut(&[TallyKeys])| {
                (0..queries).for_each(|_| each(&[keys]))
            });
            for bucket in finished.into_iter().chain(self.unsaved()) {
                self.save(bucket).unwrap();
            }
            self.tidy(now_s).unwrap();
        }
    }

    fn counts(graph: &Graph) -> Vec<u64> {
        graph.iter().map(|(_, count)| *count).collect()
    }

    #[test]
    fn an_hour_is_told_in_three_half_hours_the_last_one_under_way() {
        let directory = tempfile::tempdir().unwrap();
        let statistics = open(directory.path());
        let keys = TallyKeys { zone: 1, record: 2 };
        // As in the documentation of the API: asked at 5:10 pm.
        let now_s = MIDNIGHT + 17 * 3600 + 600;
        for (minutes_ago, queries) in [(80, 7), (70, 5), (41, 1), (40, 3), (10, 2), (0, 1)] {
            statistics.count_at(now_s - minutes_ago * 60, keys, queries);
        }
        let graphs = statistics.usage(
            &[Key::Account, Key::Zone(1), Key::Record(2), Key::Zone(9)],
            Period::Hour,
            now_s,
        );
        let expected =
            vec![(MIDNIGHT + 16 * 3600, 6), (MIDNIGHT + 16 * 3600 + 1800, 3), (MIDNIGHT + 17 * 3600, 3)];
        assert_eq!(graphs[0], expected);
        assert_eq!(graphs[1], expected);
        assert_eq!(graphs[2], expected);
        assert_eq!(counts(&graphs[3]), [0, 0, 0]);
    }

    #[test]
    fn counts_outlive_the_process_for_thirty_days() {
        let directory = tempfile::tempdir().unwrap();
        let keys = TallyKeys { zone: 1, record: 0 };
        let hours = 24 * 40;
        for hour in 0..hours {
            // A process of its own for each hour.
            open(directory.path()).count_at(MIDNIGHT + hour * 3600, keys, 2);
        }
        let now_s = MIDNIGHT + hours * 3600 - 1;
        let statistics = open(directory.path());
        statistics.count_at(now_s, keys, 1);
        let month = statistics.usage(&[Key::Zone(1)], Period::Month, now_s).remove(0);
        assert_eq!(month.len(), 61);
        assert!(month.iter().all(|(start_s, _)| start_s % HALF_DAY_S == 0));
        assert_eq!(counts(&month)[..60], [24; 60]);
        assert_eq!(month[60].1, 25);
        let day = statistics.usage(&[Key::Zone(1)], Period::Day, now_s).remove(0);
        assert_eq!(day.len(), 49);
        assert_eq!(counts(&day).iter().sum::<u64>(), 2 * 24 + 1);
    }

    #[test]
    fn without_a_folder_the_half_hour_under_way_is_what_there_is() {
        let statistics = Statistics::default();
        statistics.count_at(MIDNIGHT, TallyKeys { zone: 1, record: 2 }, 3);
        let graph = statistics.usage(&[Key::Record(2)], Period::Month, MIDNIGHT + 5).remove(0);
        assert_eq!((graph.len(), graph[60]), (61, (MIDNIGHT, 3)));
    }

    #[test]
    fn periods_have_the_names_of_the_api() {
        for name in ["1h", "24h", "30d"] {
            assert_eq!(Period::parse(name).unwrap().name(), name);
        }
        assert_eq!(Period::parse("7d"), None);
    }
}
