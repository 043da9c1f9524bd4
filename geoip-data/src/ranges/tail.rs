//! The part of an address after its first 16 bits, in as few bytes as a table needs.

/// The bits of an address that follow the bucket number, as an unsigned integer.
///
/// Tables keep tails as little-endian bytes, because a slice of byte arrays can be taken from a file that is
/// part of the executable in safe code; reading one costs the same as reading the integer.
pub trait Tail: Copy + Ord + 'static {
    /// How a table stores a tail.
    type Bytes: Copy + Send + Sync + 'static;
    /// The number of address bits a tail holds.
    const BITS: u32;
    /// The tail with which every bucket begins.
    const ZERO: Self;

    /// The tail of a left-aligned address; what does not fit is cut off.
    fn of_key(key: u128) -> Self;
    /// Reads a stored tail.
    fn read(bytes: Self::Bytes) -> Self;
    /// The stored form.
    fn bytes(self) -> Self::Bytes;
    /// The first `bits` bits, `1..=16`, as a number.
    fn top(self, bits: u32) -> usize;
    /// The length of the prefix that both have in common.
    fn common_bits(self, other: Self) -> u32;
    /// The tail before this one; not for zero.
    fn before(self) -> Self;
}

macro_rules! tail {
    ($($integer:ident),*) => {$(
        impl Tail for $integer {
            type Bytes = [u8; size_of::<$integer>()];
            const BITS: u32 = $integer::BITS;
            const ZERO: Self = 0;

            #[inline]
            fn of_key(key: u128) -> Self {
                ((key << 16) >> (128 - $integer::BITS)) as $integer
            }

            #[inline]
            fn read(bytes: Self::Bytes) -> Self {
                $integer::from_le_bytes(bytes)
            }

            fn bytes(self) -> Self::Bytes {
                self.to_le_bytes()
            }

            #[inline]
            fn top(self, bits: u32) -> usize {
                (self >> ($integer::BITS - bits)) as usize
            }

            #[inline]
            fn common_bits(self, other: Self) -> u32 {
                (self ^ other).leading_zeros()
            }

            #[inline]
            fn before(self) -> Self {
                self.wrapping_sub(1)
            }
        }
    )*};
}

tail!(u16, u32, u64, u128);
