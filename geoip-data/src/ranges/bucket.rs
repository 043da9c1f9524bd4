//! The first step of a lookup: one word for each value of an address's first 16 bits.

/// What a table holds for the addresses that share their first 16 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bucket {
    /// One value for all of them.
    Whole {
        /// The value.
        value: u32,
        /// The length of the shortest prefix around the bucket that has one value, `0..=16`.
        prefix_bits: u32,
    },
    /// A few ranges, to be searched at once.
    Plain {
        /// The first entry; its tail is zero.
        first: u32,
        /// How many entries there are, fewer than 2^24.
        count: u32,
    },
    /// Many ranges, to be narrowed down by some more bits of the address first.
    Split {
        /// The first cell.
        first_cell: u32,
        /// The number of bits that choose the cell, `1..=16`.
        cell_bits: u32,
    },
}

/// The highest byte of a plain bucket's word. Smaller ones are the prefix lengths of whole buckets.
const PLAIN: u32 = 32;

/// Added to the number of cell bits, the highest byte of a split bucket's word.
const SPLIT: u32 = 64;

impl Bucket {
    /// Reads a bucket: 32 bits of value or position, 24 bits of count, 8 bits of kind.
    #[inline]
    pub fn read(bytes: [u8; 8]) -> Self {
        let word = u64::from_le_bytes(bytes);
        let position = word as u32;
        match (word >> 56) as u32 {
            prefix_bits @ ..PLAIN => Self::Whole { value: position, prefix_bits },
            PLAIN..=SPLIT => Self::Plain { first: position, count: (word >> 32) as u32 & 0x00ff_ffff },
            kind => Self::Split { first_cell: position, cell_bits: kind - SPLIT },
        }
    }

    /// The stored form.
    pub fn bytes(self) -> [u8; 8] {
        let (kind, count, position) = match self {
            Self::Whole { value, prefix_bits } => (prefix_bits, 0, value),
            Self::Plain { first, count } => (PLAIN, count, first),
            Self::Split { first_cell, cell_bits } => (SPLIT + cell_bits, 0, first_cell),
        };
        (u64::from(kind) << 56 | u64::from(count) << 32 | u64::from(position)).to_le_bytes()
    }
}
