//! Making range tables. The build script of this crate compiles this file too, so it needs only `std`.

use super::bucket::Bucket;
use super::tail::Tail;

/// The number of buckets: one for each value of the first 16 bits of an address.
pub const BUCKETS: usize = 1 << 16;

/// Buckets with more entries than this are split into cells.
const SPLIT_ABOVE: usize = 32;

/// Cells are made for about this many entries each.
const ENTRIES_PER_CELL: usize = 8;

/// The value of addresses without data.
pub const NO_VALUE: u32 = 0;

/// A map of the whole address space: each range lasts until the next one starts.
///
/// Keys are addresses aligned to the left of 128 bits, so that both families are handled alike.
/// Invariants: the first range starts at zero, starts rise, neighbors have different values.
pub struct Ranges {
    starts: Vec<u128>,
    values: Vec<u32>,
}

impl Ranges {
    /// A space without data.
    pub fn new() -> Self {
        Self { starts: vec![0], values: vec![NO_VALUE] }
    }

    /// Says that `value` holds from `start` on. Starts must not fall.
    pub fn push(&mut self, start: u128, value: u32) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.values.last() != Some(&value) {
            debug_assert!(self.starts.last().is_none_or(|&last| last < start), "ranges are sorted");
            self.starts.push(start);
            self.values.push(value);
        }
    }

    /// Says that `value` holds for the block of addresses with this prefix. Blocks must come in order.
    pub fn push_block(&mut self, start: u128, prefix_bits: u32, value: u32) {
        self.push(start, value);
        // Past the last address there is nothing left to say.
        let size = 1_u128.checked_shl(128 - prefix_bits.min(128)).unwrap_or(0);
        if let Some(end) = start.checked_add(size).filter(|_| size != 0) {
            self.push(end, NO_VALUE);
        }
    }

    /// The number of ranges.
    pub fn len(&self) -> usize {
        self.starts.len()
    }

    /// The number of address bits that are needed to tell all ranges apart.
    pub fn significant_bits(&self) -> u32 {
        128 - self.starts.iter().fold(0, |bits, start| bits | start).trailing_zeros()
    }
}

/// The arrays of a table in the form in which they are stored.
pub struct TableParts<T: Tail> {
    /// One word for each value of the first 16 bits.
    pub buckets: Vec<[u8; 8]>,
    /// First entries of the cells of split buckets, each bucket's followed by its end.
    pub cells: Vec<[u8; 4]>,
    /// Where in its bucket each range starts, and a zero at the end.
    pub tails: Vec<T::Bytes>,
    /// The value of each range.
    pub values: Vec<u32>,
}

impl<T: Tail> TableParts<T> {
    /// Builds the arrays. Ranges must not be finer than the tail can tell; positions must fit 32 bits.
    pub fn build(ranges: &Ranges) -> Self {
        assert!(ranges.significant_bits() <= 16 + T::BITS, "a tail is too short for the ranges");
        assert!(u32::try_from(ranges.len() + BUCKETS).is_ok(), "positions fit 32 bits");
        let mut parts =
            Self { buckets: Vec::with_capacity(BUCKETS), cells: vec![], tails: vec![], values: vec![] };
        // The ranges that fill whole buckets, by bucket.
        let mut whole = Vec::with_capacity(BUCKETS);
        let mut range = 0;
        for number in 0..BUCKETS as u128 {
            let start = number << 112;
            while ranges.starts.get(range + 1).is_some_and(|&next| next <= start) {
                range += 1;
            }
            let inside = ranges.starts[range + 1..].iter().take_while(|&&next| next >> 112 == number).count();
            whole.push((inside == 0).then_some(range));
            parts.push_bucket(ranges, range, inside);
        }
        parts.tails.push(T::ZERO.bytes());
        parts.set_whole_prefixes(&whole);
        parts
    }

    /// Adds a bucket in which `range` holds at first, and after it `inside` more ranges.
    fn push_bucket(&mut self, ranges: &Ranges, range: usize, inside: usize) {
        if inside == 0 {
            let value = ranges.values[range];
            self.buckets.push(Bucket::Whole { value, prefix_bits: 0 }.bytes());
            return;
        }
        let first = self.tails.len();
        self.tails.push(T::ZERO.bytes());
        self.tails
            .extend(ranges.starts[range + 1..=range + inside].iter().map(|&start| T::of_key(start).bytes()));
        self.values.extend(&ranges.values[range..=range + inside]);
        let count = inside + 1;
        if count <= SPLIT_ABOVE {
            self.buckets.push(Bucket::Plain { first: first as u32, count: count as u32 }.bytes());
            return;
        }
        let cell_bits = (count / ENTRIES_PER_CELL).ilog2().min(T::BITS).min(16);
        let first_cell = self.cells.len() as u32;
        let mut entry = first;
        for cell in 0..1_usize << cell_bits {
            while self.tails.get(entry).is_some_and(|&tail| T::read(tail).top(cell_bits) < cell) {
                entry += 1;
            }
            self.cells.push((entry as u32).to_le_bytes());
        }
        self.cells.push((self.tails.len() as u32).to_le_bytes());
        self.buckets.push(Bucket::Split { first_cell, cell_bits }.bytes());
    }

    /// Finds how far the blocks around whole buckets reach: over neighbors that the same range fills.
    fn set_whole_prefixes(&mut self, whole: &[Option<usize>]) {
        let mut run_start = 0;
        for run in whole.chunk_by(|left, right| left == right) {
            let run_end = run_start + run.len();
            if run[0].is_some() {
                for number in run_start..run_end {
                    let before = (run_start > 0).then(|| shortest_without(number, run_start - 1));
                    let after = (run_end < BUCKETS).then(|| shortest_without(number, run_end));
                    let prefix_bits = before.max(after).unwrap_or(0);
                    if let Bucket::Whole { value, .. } = Bucket::read(self.buckets[number]) {
                        self.buckets[number] = Bucket::Whole { value, prefix_bits }.bytes();
                    }
                }
            }
            run_start = run_end;
        }
    }
}

/// The length of the shortest prefix of a bucket number that leaves out another one.
fn shortest_without(number: usize, other: usize) -> u32 {
    ((number ^ other) as u16).leading_zeros() + 1
}
