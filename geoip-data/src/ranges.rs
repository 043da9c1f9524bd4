//! Flat tables of address ranges.
//!
//! A table maps every address of a family to a number. It is four arrays:
//!
//! ```text
//! first 16 bits → bucket ── whole:  value and prefix, done
//!                        ├─ plain:  entries first..first + count ─┐
//!                        └─ split:  some more bits → cell → entries ┴→ search tails → values
//! ```
//!
//! A bucket is one word. An entry is a range: where in its bucket it starts (its tail) and its value. The first
//! entry of a bucket starts where the bucket does. So the block of addresses around the one that was looked up
//! over which the value stays the same follows from the entry and the next one; where a value fills buckets
//! altogether, the builder has noted how far it reaches. A typical lookup touches one cache line in each of
//! three arrays.
//!
//! The arrays are plain bytes: those of the embedded data are part of the executable, those of files are owned.

mod bucket;
mod build;
mod tail;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::hint::black_box;
use std::net::{IpAddr, Ipv4Addr};

use bucket::Bucket;
use build::TableParts;
pub(crate) use build::{NO_VALUE, Ranges};
use tail::Tail;

/// What a lookup finds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Hit {
    /// The value; [`NO_VALUE`] without data.
    pub value: u32,
    /// The length of the shortest prefix around the address that has this value throughout.
    pub prefix_bits: u8,
}

/// The values of a table's entries, in as few bytes as they need.
pub(crate) enum Values {
    /// Two bytes each.
    Short(Cow<'static, [[u8; 2]]>),
    /// Four bytes each.
    Long(Cow<'static, [[u8; 4]]>),
}

impl Values {
    /// Stores numbers as shortly as possible.
    fn of(numbers: Vec<u32>) -> Self {
        if numbers.iter().all(|&number| u16::try_from(number).is_ok()) {
            Self::Short(numbers.into_iter().map(|number| (number as u16).to_le_bytes()).collect())
        } else {
            Self::Long(numbers.into_iter().map(u32::to_le_bytes).collect())
        }
    }

    #[inline]
    fn get(&self, position: usize) -> u32 {
        match self {
            Self::Short(values) => {
                values.get(position).map_or(NO_VALUE, |&bytes| u16::from_le_bytes(bytes).into())
            }
            Self::Long(values) => values.get(position).map_or(NO_VALUE, |&bytes| u32::from_le_bytes(bytes)),
        }
    }

    fn bytes(&self) -> usize {
        match self {
            Self::Short(values) => size_of_val(&values[..]),
            Self::Long(values) => size_of_val(&values[..]),
        }
    }
}

/// A table of one family whose ranges are told apart by the first 16 + `T::BITS` bits of an address.
///
/// Invariants: those of [`TableParts`]. Positions are checked all the same: a damaged table gives wrong
/// answers, never a panic.
pub(crate) struct RangeTable<T: Tail> {
    buckets: Cow<'static, [[u8; 8]]>,
    cells: Cow<'static, [[u8; 4]]>,
    tails: Cow<'static, [T::Bytes]>,
    values: Values,
}

impl<T: Tail> RangeTable<T> {
    /// A table whose arrays are part of the executable.
    pub(crate) fn embedded(
        buckets: &'static [[u8; 8]],
        cells: &'static [[u8; 4]],
        tails: &'static [T::Bytes],
        values: Values,
    ) -> Self {
        Self { buckets: buckets.into(), cells: cells.into(), tails: tails.into(), values }
    }

    /// A table made at run time.
    fn build(ranges: &Ranges) -> Self {
        let TableParts { buckets, cells, tails, values } = TableParts::<T>::build(ranges);
        Self { buckets: buckets.into(), cells: cells.into(), tails: tails.into(), values: Values::of(values) }
    }

    /// Looks up the address with these first 16 bits and this tail.
    #[inline]
    fn find(&self, bucket: u16, tail: T) -> Hit {
        let bucket = self.bucket(bucket);
        if let Bucket::Whole { value, prefix_bits } = bucket {
            return Hit { value, prefix_bits: prefix_bits as u8 };
        }
        let (low, high) = self.entries(bucket, tail);
        let entries = self.tails.get(low..high).unwrap_or_default();
        let next = low + entries.partition_point(|&start| T::read(start) <= tail);
        // The first entry of a bucket starts at zero, so `next` is past it.
        let entry = next.saturating_sub(1);
        let start = self.tail(entry);
        let end = self.tail(next);

        // The block must leave out the address before the range and the one after it. In a range that begins
        // or ends with its bucket the other bound is the closer one, because the bucket has several ranges.
        let before = if start == T::ZERO { 0 } else { tail.common_bits(start.before()) + 1 };
        // The entry after the last of a bucket is the first of the next, or the zero at the end of the array.
        let after = if end == T::ZERO { 0 } else { tail.common_bits(end) + 1 };
        Hit { value: self.values.get(entry), prefix_bits: 16 + before.max(after) as u8 }
    }

    /// The entries among which those of an address are.
    #[inline]
    fn entries(&self, bucket: Bucket, tail: T) -> (usize, usize) {
        match bucket {
            Bucket::Whole { .. } => (0, 0),
            Bucket::Plain { first, count } => (first as usize, first as usize + count as usize),
            Bucket::Split { first_cell, cell_bits } => {
                let cell = first_cell as usize + tail.top(cell_bits);
                (self.cell(cell), self.cell(cell + 1))
            }
        }
    }

    #[inline]
    fn bucket(&self, bucket: u16) -> Bucket {
        self.buckets.get(usize::from(bucket)).map_or(NOTHING, |&bytes| Bucket::read(bytes))
    }

    /// Reads the memory that lookups of these addresses will read. Within a step no address waits for another, so
    /// that the processor fetches for all of them at once. Addresses beyond [`WARM_GROUP`] are passed over.
    fn warm(&self, addresses: impl Iterator<Item = (u16, T)> + Clone) {
        let mut sum = 0;
        for (bucket, _) in addresses.clone().take(WARM_GROUP) {
            sum ^= self.buckets.get(usize::from(bucket)).map_or(0, |bytes| bytes[0]);
        }
        let mut middles = [0; WARM_GROUP];
        for (middle, (bucket, tail)) in middles.iter_mut().zip(addresses) {
            let (low, high) = self.entries(self.bucket(bucket), tail);
            *middle = usize::midpoint(low, high);
        }
        for &middle in middles.iter().filter(|&&middle| middle > 0) {
            sum ^= (self.tail(middle) > T::ZERO) as u8 ^ self.values.get(middle) as u8;
        }
        black_box(sum);
    }

    #[inline]
    fn cell(&self, position: usize) -> usize {
        self.cells.get(position).map_or(0, |&bytes| u32::from_le_bytes(bytes) as usize)
    }

    #[inline]
    fn tail(&self, position: usize) -> T {
        self.tails.get(position).map_or(T::ZERO, |&bytes| T::read(bytes))
    }

    /// The size of all arrays.
    fn bytes(&self) -> usize {
        size_of_val(&self.buckets[..])
            + size_of_val(&self.cells[..])
            + size_of_val(&self.tails[..])
            + self.values.bytes()
    }
}

/// Addresses warmed together: enough for all the reads that a processor core has under way at a time.
const WARM_GROUP: usize = 32;

/// What a bucket that is not there would hold.
const NOTHING: Bucket = Bucket::Whole { value: NO_VALUE, prefix_bits: 16 };

/// An IPv6 table, as fine as its data.
pub(crate) enum WideTable {
    /// Ranges end at /48 or before.
    To48(RangeTable<u32>),
    /// Ranges end at /80 or before.
    To80(RangeTable<u64>),
    /// Ranges end anywhere.
    To128(RangeTable<u128>),
}

/// A map from all addresses of both families to numbers.
pub(crate) struct AddressTable {
    /// IPv4.
    pub v4: RangeTable<u16>,
    /// IPv6.
    pub v6: WideTable,
}

impl AddressTable {
    /// Builds a table from the ranges of both families; the IPv4 ones must be no finer than 32 bits.
    pub(crate) fn build(v4: &Ranges, v6: &Ranges) -> Self {
        let v6 = match v6.significant_bits() {
            ..=48 => WideTable::To48(RangeTable::build(v6)),
            49..=80 => WideTable::To80(RangeTable::build(v6)),
            81.. => WideTable::To128(RangeTable::build(v6)),
        };
        Self { v4: RangeTable::build(v4), v6 }
    }

    /// Looks up an address.
    #[inline]
    pub(crate) fn find(&self, address: IpAddr) -> Hit {
        match address {
            IpAddr::V4(address) => {
                let bits = address.to_bits();
                self.v4.find((bits >> 16) as u16, bits as u16)
            }
            IpAddr::V6(address) => {
                let bits = address.to_bits();
                let bucket = (bits >> 112) as u16;
                match &self.v6 {
                    WideTable::To48(table) => table.find(bucket, Tail::of_key(bits)),
                    WideTable::To80(table) => table.find(bucket, Tail::of_key(bits)),
                    WideTable::To128(table) => table.find(bucket, Tail::of_key(bits)),
                }
            }
        }
    }

    /// Reads the memory that lookups of these addresses will read, of the first [`WARM_GROUP`].
    #[inline]
    pub(crate) fn warm(&self, addresses: &[Ipv4Addr]) {
        self.v4.warm(addresses.iter().map(|address| {
            let bits = address.to_bits();
            ((bits >> 16) as u16, bits as u16)
        }));
    }

    /// The memory that the arrays take, in bytes; that of embedded tables is mapped from the executable.
    pub(crate) fn bytes(&self) -> usize {
        self.v4.bytes()
            + match &self.v6 {
                WideTable::To48(table) => table.bytes(),
                WideTable::To80(table) => table.bytes(),
                WideTable::To128(table) => table.bytes(),
            }
    }
}
