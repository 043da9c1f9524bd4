//! Large arrays that take no memory before they are written.

use std::sync::atomic::AtomicU64;

/// Pairs of words that are 0. The kernel gives pages when they are written first.
pub fn atomic_pairs<const LENGTH: usize>() -> Box<[[AtomicU64; 2]; LENGTH]> {
    // SAFETY: an array of `AtomicU64` consists of integers, for which zero is a value.
    unsafe { Box::<[[AtomicU64; 2]; LENGTH]>::new_zeroed().assume_init() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_are_zero() {
        let mut pairs = atomic_pairs::<300>();
        assert!(pairs.iter_mut().flatten().all(|word| *word.get_mut() == 0));
    }
}
