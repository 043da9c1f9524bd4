//! Which zone and record each query was for, on its way from the workers to who adds them up.
//!
//! Each worker writes the keys of its queries into a ring of its own, in order, and one reader takes them out of
//! all rings. The keys of a batch are gathered first and written together: a line of a ring that the reader had
//! last takes long to come, and while one store waits for it, all stores of the next query do. None of the memory
//! is written by another worker. The reader looks at
//! least once a second; a worker whose ring is half full wakes it, which happens once in thousands of queries.
//! Where the reader still does not come in time, queries go uncounted, and that is counted
//! ([`Counter::TallyLost`](super::counters::Counter::TallyLost)).

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread::Thread;

use zones::TallyKeys;

use crate::limits::TALLY_RING;
use crate::sys::zeroed;

/// How many entries are added before the reader is woken.
const HALF: u64 = TALLY_RING as u64 / 2;

/// How many queries a worker gathers at most: those of a batch, or of a few connections.
const GATHERED: usize = 64;

/// How many queries the reader gets at once: enough to look for all of them before it needs the first.
const TAKEN_AT_ONCE: usize = 64;

/// Entries of zone and record key. `entries[n % TALLY_RING]` is that of query `n`.
type Entries = [[AtomicU64; 2]; TALLY_RING];

/// A position on a cache line of its own.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Position(AtomicU64);

/// What a worker and the reader share.
///
/// Invariants: `taken <= written <= taken + TALLY_RING`; only the worker moves `written` and writes entries, only
/// the reader moves `taken`.
#[derive(Debug)]
struct Ring {
    entries: Box<Entries>,
    written: Position,
    taken: Position,
    reader: Arc<OnceLock<Thread>>,
}

/// The worker's side of a ring.
#[derive(Debug)]
pub struct TallyWriter {
    ring: Arc<Ring>,
    gathered: [TallyKeys; GATHERED],
    gathered_count: usize,
    written: u64,
    /// What `taken` was at least, so that the reader's cache line is looked at once per round only.
    taken: u64,
}

impl TallyWriter {
    /// Gathers a query. Returns how many queries there was no room for, when it had to make room.
    #[inline]
    pub fn add(&mut self, keys: TallyKeys) -> u64 {
        let lost = if self.gathered_count == GATHERED { self.flush() } else { 0 };
        self.gathered[self.gathered_count] = keys;
        self.gathered_count += 1;
        lost
    }

    /// Writes what was gathered. Returns how many queries there was no room for.
    pub fn flush(&mut self) -> u64 {
        let (count, before) = (self.gathered_count as u64, self.written);
        if TALLY_RING as u64 - (before - self.taken) < count {
            self.taken = self.ring.taken.0.load(Ordering::Acquire);
        }
        let fitting = count.min(TALLY_RING as u64 - (before - self.taken));
        for (keys, position) in self.gathered[..fitting as usize].iter().zip(before..) {
            let [zone, record] = &self.ring.entries[position as usize % TALLY_RING];
            zone.store(keys.zone, Ordering::Relaxed);
            record.store(keys.record, Ordering::Relaxed);
        }
        self.gathered_count = 0;
        self.written = before + fitting;
        self.ring.written.0.store(self.written, Ordering::Release);
        if self.written / HALF != before / HALF {
            self.wake_reader();
        }
        count - fitting
    }

    #[cold]
    fn wake_reader(&self) {
        if let Some(reader) = self.ring.reader.get() {
            reader.unpark();
        }
    }
}

/// The reader's side of all rings. There is one for a server, so that nothing is counted twice.
#[derive(Debug, Default)]
pub struct TallyReader {
    rings: Vec<Arc<Ring>>,
    reader: Arc<OnceLock<Thread>>,
}

impl TallyReader {
    /// A further ring: what is written to it comes out here.
    pub fn new_writer(&mut self) -> TallyWriter {
        let ring = Arc::new(Ring {
            entries: zeroed::atomic_pairs(),
            written: Position::default(),
            taken: Position::default(),
            reader: Arc::clone(&self.reader),
        });
        self.rings.push(Arc::clone(&ring));
        let gathered = [TallyKeys { zone: 0, record: 0 }; GATHERED];
        TallyWriter { ring, gathered, gathered_count: 0, written: 0, taken: 0 }
    }

    /// Has the calling thread unparked when a ring is half full. Only the first call counts.
    pub fn wake_this_thread(&self) {
        // Another thread being there already is what the documentation says.
        let _ = self.reader.set(std::thread::current());
    }

    /// Takes out what has been written since the last call, the queries of each worker in their order, some at a
    /// time.
    pub fn take(&mut self, mut each: impl FnMut(&[TallyKeys])) {
        let mut group = [TallyKeys { zone: 0, record: 0 }; TAKEN_AT_ONCE];
        for ring in &self.rings {
            let mut taken = ring.taken.0.load(Ordering::Relaxed);
            let written = ring.written.0.load(Ordering::Acquire);
            while taken < written {
                let group = &mut group[..(written - taken).min(TAKEN_AT_ONCE as u64) as usize];
                for (keys, position) in group.iter_mut().zip(taken..) {
                    let [zone, record] = &ring.entries[position as usize % TALLY_RING];
                    let (zone, record) = (zone.load(Ordering::Relaxed), record.load(Ordering::Relaxed));
                    *keys = TallyKeys { zone, record };
                }
                each(group);
                taken += group.len() as u64;
                // Room is given back at once, so that the worker need not wait for the end.
                ring.taken.0.store(taken, Ordering::Release);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(number: u64) -> TallyKeys {
        TallyKeys { zone: number, record: number * 2 }
    }

    #[test]
    fn what_workers_write_comes_out_once_and_in_order() {
        let mut reader = TallyReader::default();
        let (mut first, mut second) = (reader.new_writer(), reader.new_writer());
        assert_eq!([first.add(keys(1)), first.add(keys(2)), second.add(keys(3))], [0; 3]);
        reader.take(|_| panic!("nothing is written yet"));
        assert_eq!([first.flush(), second.flush(), second.flush()], [0; 3]);
        let mut taken = Vec::new();
        reader.take(|keys| taken.extend_from_slice(keys));
        assert_eq!(taken, [keys(1), keys(2), keys(3)]);
        reader.take(|_| panic!("nothing is left"));
    }

    #[test]
    fn a_full_ring_refuses_and_takes_again_when_it_was_read() {
        let mut reader = TallyReader::default();
        let mut writer = reader.new_writer();
        let room = TALLY_RING as u64;
        let lost: u64 = (0..room + 5).map(|number| writer.add(keys(number))).sum();
        assert_eq!(lost + writer.flush(), 5);
        let mut sum = 0;
        reader.take(|keys| sum += keys.iter().map(|keys| keys.zone).sum::<u64>());
        assert_eq!(sum, room * (room - 1) / 2, "what did not fit is left out, the rest is whole");
        writer.add(keys(7));
        assert_eq!(writer.flush(), 0);
        reader.take(|taken| assert_eq!(taken, [keys(7)]));
    }

    #[test]
    fn a_reader_that_sleeps_is_woken_before_the_ring_is_full() {
        let mut reader = TallyReader::default();
        let mut writer = reader.new_writer();
        let sleeper = std::thread::spawn(move || {
            reader.wake_this_thread();
            let (mut count, mut sum) = (0, 0);
            while count < HALF {
                // Wakes for the worker, or this test ends with a time-out.
                std::thread::park();
                reader.take(|keys| {
                    count += keys.len() as u64;
                    sum += keys.iter().map(|keys| keys.zone).sum::<u64>();
                });
            }
            sum
        });
        // Writing goes on until the other thread has said that it wants to be woken.
        while writer.ring.reader.get().is_none() {
            std::thread::yield_now();
        }
        for number in 0..HALF {
            writer.add(keys(number));
        }
        writer.flush();
        assert_eq!(sleeper.join().unwrap(), HALF * (HALF - 1) / 2);
    }
}
