//! The folder of past counts: a file for each half hour of the last day, and for each half day of the last month.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::bucket::Bucket;
use super::{HALF_DAY_S, HALF_HOUR_S, KEPT_HALF_DAYS, KEPT_HALF_HOURS};
use crate::limits::STATISTICS_KEYS;

/// How long the span of a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Span {
    HalfHour,
    HalfDay,
}

impl Span {
    pub(super) fn seconds(self) -> u64 {
        match self {
            Self::HalfHour => HALF_HOUR_S,
            Self::HalfDay => HALF_DAY_S,
        }
    }

    fn prefix(self) -> &'static str {
        match self {
            Self::HalfHour => "half-hour-",
            Self::HalfDay => "half-day-",
        }
    }

    /// How many whole spans before the one under way are kept.
    fn kept(self) -> u64 {
        match self {
            Self::HalfHour => KEPT_HALF_HOURS,
            Self::HalfDay => KEPT_HALF_DAYS,
        }
    }
}

/// The folder.
#[derive(Clone, Debug)]
pub(super) struct Folder(PathBuf);

impl Folder {
    /// The folder at a path, made if it is not there.
    pub(super) fn open(path: &Path) -> io::Result<Self> {
        fs::create_dir_all(path)?;
        Ok(Self(path.to_owned()))
    }

    fn path(&self, span: Span, start_s: u64) -> PathBuf {
        self.0.join(format!("{}{start_s}", span.prefix()))
    }

    /// What was stored of a span; `None` if nothing was, or nothing that can be used.
    pub(super) fn read(&self, span: Span, start_s: u64) -> Option<Bucket> {
        let path = self.path(span, start_s);
        let octets = match fs::read(&path) {
            Ok(octets) => octets,
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %path.display(), %error, "statistics cannot be read");
                }
                return None;
            }
        };
        let bucket = Bucket::decode(&octets).filter(|bucket| bucket.start_s == start_s);
        if bucket.is_none() {
            tracing::warn!(path = %path.display(), "statistics are damaged or from another folder; they are left out");
        }
        bucket
    }

    /// Stores a bucket whole: a crash leaves what was there before.
    pub(super) fn write(&self, span: Span, bucket: &Bucket) -> io::Result<()> {
        write_whole(&self.path(span, bucket.start_s), &bucket.encode())
    }

    /// Sums half hours up to half days that are over, and removes what is too old.
    pub(super) fn tidy(&self, now_s: u64) -> io::Result<()> {
        let half_hours = self.starts(Span::HalfHour)?;
        let half_days = self.starts(Span::HalfDay)?;
        let mut over: Vec<u64> = half_hours.iter().map(|start_s| start_s - start_s % HALF_DAY_S).collect();
        over.sort_unstable();
        over.dedup();
        for start_s in over {
            if start_s + HALF_DAY_S > now_s || half_days.contains(&start_s) {
                continue;
            }
            let mut sum = Bucket { start_s, ..Bucket::default() };
            let parts = half_hours.iter().filter(|&&part| (start_s..start_s + HALF_DAY_S).contains(&part));
            for bucket in parts.filter_map(|&part| self.read(Span::HalfHour, part)) {
                sum.add(&bucket, STATISTICS_KEYS);
            }
            self.write(Span::HalfDay, &sum)?;
        }
        for (span, starts) in [(Span::HalfHour, half_hours), (Span::HalfDay, half_days)] {
            let oldest = (now_s - now_s % span.seconds()).saturating_sub(span.kept() * span.seconds());
            for start_s in starts.into_iter().filter(|&start_s| start_s < oldest) {
                fs::remove_file(self.path(span, start_s))?;
            }
        }
        Ok(())
    }

    /// When the stored spans of a length began.
    fn starts(&self, span: Span) -> io::Result<Vec<u64>> {
        let mut starts = Vec::new();
        for entry in fs::read_dir(&self.0)? {
            let name = entry?.file_name();
            let start = name.to_str().and_then(|name| name.strip_prefix(span.prefix())?.parse::<u64>().ok());
            // Numbers of this size are never ours; sums with them must not overflow.
            starts.extend(start.filter(|&start_s| start_s < 1 << 40));
        }
        Ok(starts)
    }

    /// The seed of the hashes that counts are stored under, drawn when there is none.
    pub(super) fn seed(&self) -> io::Result<u64> {
        let path = self.0.join("seed");
        match fs::read_to_string(&path) {
            Ok(text) => u64::from_str_radix(text.trim(), 16).map_err(|_| {
                let message = format!("{} does not hold 16 hexadecimal digits", path.display());
                io::Error::new(io::ErrorKind::InvalidData, message)
            }),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let seed: u64 = rand::random();
                write_whole(&path, format!("{seed:016x}\n").as_bytes())?;
                Ok(seed)
            }
            Err(error) => Err(error),
        }
    }
}

/// Writes aside and renames. Only the owner may read: what is asked for is nobody else's business.
fn write_whole(path: &Path, octets: &[u8]) -> io::Result<()> {
    let aside = path.with_extension("new");
    let mut file = File::options().write(true).create(true).truncate(true).mode(0o600).open(&aside)?;
    file.write_all(octets)?;
    file.sync_data()?;
    fs::rename(&aside, path)
}

#[cfg(test)]
mod tests {
    use super::super::bucket::Counts;
    use super::*;

    const MIDNIGHT: u64 = 20_000 * 86_400;

    fn bucket(start_s: u64, count: u64) -> Bucket {
        let counts = Counts::unsorted(vec![(1, count)]);
        Bucket { start_s, total: count, zones: counts.clone(), records: counts }
    }

    #[test]
    fn a_half_day_that_is_over_is_the_sum_of_its_half_hours() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        for number in 0..30 {
            folder.write(Span::HalfHour, &bucket(MIDNIGHT + number * HALF_HOUR_S, 1 << number)).unwrap();
        }
        let now_s = MIDNIGHT + 30 * HALF_HOUR_S;
        folder.tidy(now_s).unwrap();
        assert_eq!(folder.read(Span::HalfDay, MIDNIGHT), Some(bucket(MIDNIGHT, (1 << 24) - 1)));
        assert_eq!(folder.read(Span::HalfDay, MIDNIGHT + HALF_DAY_S), None, "it is not over");
        assert_eq!(folder.starts(Span::HalfHour).unwrap().len(), 30);
        folder.tidy(now_s).unwrap();
        assert_eq!(
            folder.read(Span::HalfDay, MIDNIGHT).unwrap().total,
            (1 << 24) - 1,
            "nothing counts twice"
        );
    }

    #[test]
    fn old_files_go_and_the_number_of_files_is_bounded() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        for number in 0..3 * 48 {
            folder.write(Span::HalfHour, &bucket(MIDNIGHT + number * HALF_HOUR_S, 1)).unwrap();
        }
        for number in 1..=70 {
            folder.write(Span::HalfDay, &bucket(MIDNIGHT - number * HALF_DAY_S, 1)).unwrap();
        }
        // Sums of half hours are made and counted among the files the second time.
        let now_s = MIDNIGHT + 3 * 86_400;
        folder.tidy(now_s).unwrap();
        folder.tidy(now_s).unwrap();
        let half_hours = folder.starts(Span::HalfHour).unwrap();
        assert_eq!(half_hours.len(), 49);
        let half_days = folder.starts(Span::HalfDay).unwrap();
        assert_eq!(half_days.len(), 61);
    }

    #[test]
    fn a_damaged_file_is_left_out() {
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(directory.path()).unwrap();
        folder.write(Span::HalfHour, &bucket(MIDNIGHT, 1)).unwrap();
        fs::write(folder.path(Span::HalfHour, MIDNIGHT), b"sxcount1").unwrap();
        assert_eq!(folder.read(Span::HalfHour, MIDNIGHT), None);
    }

    #[test]
    fn the_seed_stays_and_is_only_the_owners() {
        use std::os::unix::fs::PermissionsExt;
        let directory = tempfile::tempdir().unwrap();
        let folder = Folder::open(&directory.path().join("statistics")).unwrap();
        let seed = folder.seed().unwrap();
        assert_eq!(folder.seed().unwrap(), seed);
        let path = directory.path().join("statistics/seed");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        fs::write(&path, "nonsense").unwrap();
        assert!(folder.seed().unwrap_err().to_string().contains("16 hexadecimal digits"));
    }
}
