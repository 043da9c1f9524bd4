//! Which zone and record each query was for, on its way from the workers to who adds them up.
//!
//! Each worker writes the keys of its queries into a ring of its own, in order, and one reader takes them out of
//! all rings. Writing costs three stores, none of them to memory that another worker writes. The reader looks at
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
    written: u64,
    /// What `taken` was at least, so that the reader's cache line is looked at once per round only.
    taken: u64,
}

impl TallyWriter {
    /// Adds a query; false if there is no room for it.
    #[inline]
    pub fn add(&mut self, keys: TallyKeys) -> bool {
        if self.written - self.taken >= TALLY_RING as u64 && !self.has_room_after_all() {
            return false;
        }
        let [zone, record] = &self.ring.entries[self.written as usize % TALLY_RING];
        zone.store(keys.zone, Ordering::Relaxed);
        record.store(keys.record, Ordering::Relaxed);
        self.written += 1;
        self.ring.written.0.store(self.written, Ordering::Release);
        if self.written.is_multiple_of(HALF) {
            self.wake_reader();
        }
        true
    }

    #[cold]
    fn has_room_after_all(&mut self) -> bool {
        self.taken = self.ring.taken.0.load(Ordering::Acquire);
        self.written - self.taken < TALLY_RING as u64
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
        TallyWriter { ring, written: 0, taken: 0 }
    }

    /// Has the calling thread unparked when a ring is half full. Only the first call counts.
    pub fn wake_this_thread(&self) {
        // Another thread being there already is what the documentation says.
        let _ = self.reader.set(std::thread::current());
    }

    /// Takes out what has been written since the last call, the queries of each worker in their order.
    pub fn take(&mut self, mut each: impl FnMut(TallyKeys)) {
        for ring in &self.rings {
            let mut taken = ring.taken.0.load(Ordering::Relaxed);
            let written = ring.written.0.load(Ordering::Acquire);
            while taken < written {
                // Room is given back in pieces, so that the worker need not wait for the end.
                let piece = (taken + HALF / 4).min(written);
                for position in taken..piece {
                    let [zone, record] = &ring.entries[position as usize % TALLY_RING];
                    each(TallyKeys {
                        zone: zone.load(Ordering::Relaxed),
                        record: record.load(Ordering::Relaxed),
                    });
                }
                taken = piece;
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
        assert!(first.add(keys(1)) && first.add(keys(2)) && second.add(keys(3)));
        let mut taken = Vec::new();
        reader.take(|keys| taken.push(keys));
        assert_eq!(taken, [keys(1), keys(2), keys(3)]);
        reader.take(|_| panic!("nothing is left"));
    }

    #[test]
    fn a_full_ring_refuses_and_takes_again_when_it_was_read() {
        let mut reader = TallyReader::default();
        let mut writer = reader.new_writer();
        let room = TALLY_RING as u64;
        assert_eq!((0..room + 5).filter(|&number| writer.add(keys(number))).count(), TALLY_RING);
        let mut sum = 0;
        reader.take(|keys| sum += keys.zone);
        assert_eq!(sum, room * (room - 1) / 2, "what did not fit is left out, the rest is whole");
        assert!(writer.add(keys(7)));
        reader.take(|taken| assert_eq!(taken, keys(7)));
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
                    count += 1;
                    sum += keys.zone;
                });
            }
            sum
        });
        // Writing goes on until the other thread has said that it wants to be woken.
        while writer.ring.reader.get().is_none() {
            std::thread::yield_now();
        }
        for number in 0..HALF {
            assert!(writer.add(keys(number)));
        }
        assert_eq!(sleeper.join().unwrap(), HALF * (HALF - 1) / 2);
    }
}
