//! Hashes of names, made label by label so that every suffix and every relative owner comes cheap.
//!
//! A label is hashed with its length octet, eight octets at a time. A run of labels is hashed from its right
//! end to its left, so one pass gives the hashes of a name and of all its ancestors, counted from any apex.
//! The keys are secret: who writes zones cannot aim names at one shard. They are drawn once per process, or
//! follow from a seed that the process was given; statistics are stored under hashes and need the latter.

use std::hash::{BuildHasher, RandomState};
use std::sync::{LazyLock, OnceLock};

use crate::name::MAX_LABELS;

/// Multipliers and starting points of the hash.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Keys {
    start: u64,
    chunk: u64,
    /// The hash of no labels at all: an apex relative to itself, or the root.
    pub(crate) origin: u64,
    join: u64,
    /// The hash of the label `*`.
    pub(crate) wildcard_label: u64,
}

static SEED: OnceLock<u64> = OnceLock::new();

static KEYS: LazyLock<Keys> = LazyLock::new(|| {
    let seed = *SEED.get_or_init(|| RandomState::new().hash_one(0));
    // A multiplier must be odd and have bits everywhere; the fixed halves see to the latter.
    let draw = |index: u64, shape: u64| mix(seed.wrapping_add((index + 1).wrapping_mul(GOLDEN))) ^ shape;
    let mut keys = Keys {
        start: draw(0, 0x243f_6a88_85a3_08d3),
        chunk: draw(1, 0x1319_8a2e_0370_7344) | 0x8000_0000_0000_0001,
        origin: draw(2, 0xa409_3822_299f_31d0),
        join: draw(3, 0x082e_fa98_ec4e_6c89) | 0x8000_0000_0000_0001,
        wildcard_label: 0,
    };
    keys.wildcard_label = keys.label(b"\x01*");
    keys
});

/// The step of the SplitMix64 generator, which makes several words of one.
const GOLDEN: u64 = 0x9e37_79b9_7f4a_7c15;

/// The output function of SplitMix64.
fn mix(state: u64) -> u64 {
    let state = (state ^ (state >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let state = (state ^ (state >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    state ^ (state >> 31)
}

/// Makes the keys follow from `seed`. False if there are keys already.
pub(crate) fn seed(seed: u64) -> bool {
    SEED.set(seed).is_ok()
}

/// The keys of this process.
#[inline]
pub(crate) fn keys() -> &'static Keys {
    &KEYS
}

/// Multiplies to 128 bits and folds the halves together: every input bit reaches every output bit.
#[inline]
fn fold(left: u64, right: u64) -> u64 {
    let product = u128::from(left) * u128::from(right);
    (product as u64) ^ ((product >> 64) as u64)
}

impl Keys {
    /// The state before the first octets of a label.
    #[inline]
    pub(crate) fn label_start(&self) -> u64 {
        self.start
    }

    /// Takes in up to eight octets of a label, zero-padded at the high end.
    #[inline]
    pub(crate) fn label_chunk(&self, state: u64, chunk: u64) -> u64 {
        fold(state ^ chunk, self.chunk)
    }

    /// Puts a label in front of a run of labels.
    #[inline]
    pub(crate) fn join(&self, right: u64, label: u64) -> u64 {
        fold(right ^ label, self.join)
    }

    /// The hash of one label, given with its length octet and in lower case.
    pub(crate) fn label(&self, label: &[u8]) -> u64 {
        label.chunks(8).fold(self.start, |state, octets| {
            let mut chunk = [0; 8];
            chunk[..octets.len()].copy_from_slice(octets);
            self.label_chunk(state, u64::from_le_bytes(chunk))
        })
    }

    /// The hash of a lower-case owner relative to its apex: labels without the root's octet.
    pub(crate) fn relative(&self, owner: &[u8]) -> u64 {
        let mut starts = [0_u8; MAX_LABELS + 1];
        let mut count = 0;
        for (start, _) in labels(owner) {
            starts[count] = start as u8;
            count += 1;
        }
        let mut end = owner.len();
        starts[..count].iter().rev().fold(self.origin, |hash, &start| {
            let label = &owner[usize::from(start)..end];
            end = usize::from(start);
            self.join(hash, self.label(label))
        })
    }

    /// The hash of a whole lower-case name in wire form.
    pub(crate) fn absolute(&self, wire: &[u8]) -> u64 {
        self.relative(wire.strip_suffix(&[0]).unwrap_or(wire))
    }
}

/// The labels of valid wire form without the root: where each starts, and its octets with the length octet.
pub(crate) fn labels(owner: &[u8]) -> impl Iterator<Item = (usize, &[u8])> {
    let mut at = 0;
    std::iter::from_fn(move || {
        let length = usize::from(*owner.get(at)?) + 1;
        let label = owner.get(at..at + length)?;
        let start = at;
        at += length;
        Some((start, label))
    })
    .take(MAX_LABELS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_relative_hash_depends_on_every_label_and_on_their_order() {
        let keys = keys();
        let hashes = [
            keys.relative(b""),
            keys.relative(b"\x01a"),
            keys.relative(b"\x01b"),
            keys.relative(b"\x02ab"),
            keys.relative(b"\x01a\x01b"),
            keys.relative(b"\x01b\x01a"),
            keys.relative(b"\x09abcdefghi"),
            keys.relative(b"\x09abcdefghj"),
        ];
        for (index, hash) in hashes.iter().enumerate() {
            assert!(!hashes[..index].contains(hash), "{index}");
        }
        assert_eq!(keys.relative(b"\x01a\x01b"), keys.absolute(b"\x01a\x01b\x00"));
    }
}
