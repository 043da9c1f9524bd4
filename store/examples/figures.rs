//! Measures the store on disk: `cargo run --release -p store --example figures [DIR [RECORDS]]`.
//!
//! Times are wall-clock, with the processor time of the whole process behind them; what waits for the disk
//! depends on the disk that DIR is on (default: a folder below the current one, removed afterwards). Openings
//! are measured in processes of their own, started with `open DIR`.

use std::error::Error;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use store::{ChangeSet, JournalStore, Options, Puts, Store, Table};

type Outcome = Result<(), Box<dyn Error>>;

fn main() -> Outcome {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [command, dir] = arguments.as_slice()
        && command == "open"
    {
        return reopen(Path::new(dir));
    }
    let dir = arguments.first().map_or("store-figures", String::as_str);
    let records: u32 = arguments.get(1).map_or(Ok(1_000_000), |count| count.parse())?;
    if fs::exists(dir)? {
        return Err(format!("{dir} exists").into());
    }
    let outcome = measure(Path::new(dir), records);
    fs::remove_dir_all(dir)?;
    outcome
}

/// Checkpoints only when they are measured.
fn options() -> Options {
    Options { checkpoint_after_bytes: u64::MAX, ..Options::default() }
}

fn measure(dir: &Path, records: u32) -> Outcome {
    let (store, _) = JournalStore::open(dir, options())?;
    for sets_per_call in [1usize, 16, 256] {
        let calls = 2048 / sets_per_call.min(64);
        let start = Stopwatch::start();
        for call in 0..calls {
            let sets: Vec<_> =
                (0..sets_per_call).map(|i| change((call * sets_per_call + i) as u32)).collect();
            store.commit(&sets)?;
        }
        let rate = (calls * sets_per_call) as f64 / start.wall().as_secs_f64();
        start.report(&format!("{calls} commits of {sets_per_call} sets: {rate:.0} sets/s"));
    }
    let mut puts = Puts::new(Table::Records);
    (0..records).try_for_each(|i| puts.push(key(i).as_bytes(), &value(i)))?;
    let mut import = ChangeSet::new();
    import.put_all(Arc::new(puts));
    let before = resident_bytes("VmRSS");
    let start = Stopwatch::start();
    store.commit(std::slice::from_ref(&import))?;
    start.report(&format!("import of {records} records as one change set"));
    println!("  resident memory at most {} MiB more", (resident_bytes("VmHWM").saturating_sub(before)) >> 20);
    drop(import);

    let start = Stopwatch::start();
    for i in 0..2000u32 {
        store.commit(&[change(i.wrapping_mul(2_654_435_761) % records)])?;
    }
    let rate = 2000.0 / start.wall().as_secs_f64();
    start.report(&format!("2000 commits of 1 set at random places: {rate:.0} sets/s"));

    let start = Stopwatch::start();
    for i in 0..20_000u32 {
        store
            .get(Table::Records, key(i.wrapping_mul(2_654_435_761) % records).as_bytes())?
            .ok_or("a record is missing")?;
    }
    start.report("20000 gets at random places");

    let start = Stopwatch::start();
    store.checkpoint()?;
    start.report("checkpoint");
    let start = Stopwatch::start();
    store.close()?;
    start.report("close");

    println!("after an orderly end:");
    reopen_elsewhere(dir)?;
    fs::remove_dir_all(dir.join("tables"))?;
    println!("without tables:");
    reopen_elsewhere(dir)
}

/// Runs [`reopen`] in a process of its own.
fn reopen_elsewhere(dir: &Path) -> Outcome {
    let status = Command::new(std::env::current_exe()?).arg("open").arg(dir).status()?;
    if status.success() { Ok(()) } else { Err(status.to_string().into()) }
}

/// Opens, scans everything, and closes.
fn reopen(dir: &Path) -> Outcome {
    let start = Stopwatch::start();
    let (store, report) = JournalStore::open(dir, options())?;
    start.report("open");
    report.notes.iter().for_each(|note| println!("  {note}"));
    let start = Stopwatch::start();
    let mut entries = 0;
    for entry in store.scan(Table::Records, &[], None) {
        entry?;
        entries += 1;
    }
    start.report(&format!("scan of {entries} records"));
    println!("  resident memory {} MiB: all of it the store's", resident_bytes("VmRSS") >> 20);
    Ok(())
}

fn change(i: u32) -> ChangeSet {
    let mut set = ChangeSet::new();
    set.put(Table::Records, key(i), value(i));
    set.put(Table::Zones, "example.com", "a zone document with its serial");
    set
}

fn key(i: u32) -> String {
    format!("example.com/host{i:07}/A")
}

/// As many octets as an A record takes.
fn value(i: u32) -> Vec<u8> {
    [[0; 19].as_slice(), &i.to_be_bytes(), &[4, 0], &i.to_be_bytes()].concat()
}

/// Wall-clock and processor time.
struct Stopwatch {
    started: Instant,
    processor: Duration,
}

impl Stopwatch {
    fn start() -> Self {
        Self { started: Instant::now(), processor: processor_time() }
    }

    fn wall(&self) -> Duration {
        self.started.elapsed()
    }

    fn report(&self, what: &str) {
        let processor = processor_time().saturating_sub(self.processor);
        println!("{what}: {:.3} s, processor {:.2} s", self.wall().as_secs_f64(), processor.as_secs_f64());
    }
}

/// User and system time of this process, in steps of 10 ms.
fn processor_time() -> Duration {
    let stat = fs::read_to_string("/proc/self/stat").unwrap_or_default();
    let fields: Vec<&str> = stat.rsplit(')').next().unwrap_or_default().split_whitespace().collect();
    let ticks: u64 = fields.iter().skip(11).take(2).filter_map(|field| field.parse::<u64>().ok()).sum();
    Duration::from_millis(ticks * 10)
}

/// A memory figure of this process.
fn resident_bytes(name: &str) -> u64 {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'));
    line.and_then(|line| line.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap_or(0) << 10
}
