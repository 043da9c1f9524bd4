//! A list of shards that grows and shrinks by one, and is shared by snapshots.
//!
//! Linear hashing picks the shard: with `n` shards, a hash is taken modulo the power of two at or above `n`,
//! and modulo half of that where this gives a shard that does not exist yet. Growing from `n` to `n + 1` then
//! moves entries out of one shard only, so that no change ever pays for the whole table.
//!
//! More than one are held in chunks behind `Arc`s: a changed shard costs a copy of the list of chunks and of one chunk.
//! For a million names these are some hundred pointers and some hundred shards. While there is one chunk, it is at most
//! four times as long as it needs to be: of zones with two shards there may be many.

use std::sync::Arc;

/// Shards in a chunk. For a million names this makes the list of chunks some three times as long as a chunk; with the
/// counts of its `Arc`, a chunk of shards of 128 octets takes 16 KiB and no more.
const CHUNK: usize = 127;

/// The shards of one table.
///
/// Invariants: there is at least one shard; only the first chunk may be shorter than [`CHUNK`], while it is the only one;
/// places of the last chunk that are not shards yet hold the default.
#[derive(Clone, Debug)]
pub(crate) enum Shards<S> {
    One(Arc<S>),
    Many { chunks: Vec<Arc<[S]>>, length: usize },
}

impl<S: Clone + Default> Default for Shards<S> {
    fn default() -> Self {
        Self::One(Arc::default())
    }
}

/// The shard of a hash among `length` shards.
#[inline]
pub(crate) fn address(hash: u64, length: usize) -> usize {
    // One below the power of two at or above `length`, but for a single shard, where it does not matter.
    let mask = usize::MAX >> ((length - 1) | 1).leading_zeros();
    let place = hash as usize & mask;
    if place < length { place } else { place & (mask >> 1) }
}

/// The shard that gives up entries to shard `new`, the last one, when it is made.
#[inline]
pub(crate) fn parent(new: usize) -> usize {
    new & !(1 << new.ilog2())
}

impl<S: Clone + Default> Shards<S> {
    /// Only this shard.
    pub(crate) fn one(shard: S) -> Self {
        Self::One(Arc::new(shard))
    }

    /// How many shards there are.
    #[inline]
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many { length, .. } => *length,
        }
    }

    /// The shard in which a hash belongs.
    #[inline]
    pub(crate) fn of(&self, hash: u64) -> &S {
        match self {
            Self::One(shard) => shard,
            Self::Many { chunks, length } => {
                let place = address(hash, *length);
                &chunks[place / CHUNK][place % CHUNK]
            }
        }
    }

    /// The shard at a place below [`Shards::len`], to be changed; what other snapshots share is copied first.
    pub(crate) fn at_mut(&mut self, place: usize) -> &mut S {
        match self {
            Self::One(shard) => Arc::make_mut(shard),
            Self::Many { chunks, .. } => &mut Arc::make_mut(&mut chunks[place / CHUNK])[place % CHUNK],
        }
    }

    /// Adds an empty shard at the end.
    pub(crate) fn push(&mut self) {
        match self {
            Self::One(shard) => {
                let chunk = [shard.as_ref().clone(), S::default()];
                *self = Self::Many { chunks: vec![Arc::new(chunk)], length: 2 };
            }
            Self::Many { chunks, length } => {
                match chunks.as_mut_slice() {
                    [only] if *length == only.len() && *length < CHUNK => {
                        *only = chunk(only, (*length * 2).min(CHUNK));
                    }
                    all if *length == all.len() * CHUNK => chunks.push(chunk(&[], CHUNK)),
                    _ => {}
                }
                *length += 1;
            }
        }
    }

    /// Takes the last shard away; the only shard stays.
    pub(crate) fn pop(&mut self) -> Option<S> {
        let Self::Many { chunks, length } = self else { return None };
        let place = *length - 1;
        let last = std::mem::take(&mut Arc::make_mut(&mut chunks[place / CHUNK])[place % CHUNK]);
        *length = place;
        if place.is_multiple_of(CHUNK) {
            chunks.pop();
        }
        match chunks.as_mut_slice() {
            [only] if place == 1 => {
                let shard = std::mem::take(&mut Arc::make_mut(only)[0]);
                *self = Self::One(Arc::new(shard));
            }
            [only] if place <= only.len() / 4 => *only = chunk(&only[..place], place * 2),
            _ => {}
        }
        Some(last)
    }

    /// How many shards there is memory for.
    pub(crate) fn places(&self) -> usize {
        match self {
            Self::One(_) => 1,
            Self::Many { chunks, .. } => chunks.iter().map(|chunk| chunk.len()).sum(),
        }
    }

    /// All shards in order.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &S> {
        let (one, chunks, length): (_, &[Arc<[S]>], _) = match self {
            Self::One(shard) => (Some(&**shard), &[], 0),
            Self::Many { chunks, length } => (None, chunks, *length),
        };
        one.into_iter().chain(chunks.iter().flat_map(|chunk| chunk.iter()).take(length))
    }
}

/// A chunk of these shards, filled up to so many places.
fn chunk<S: Clone + Default>(shards: &[S], places: usize) -> Arc<[S]> {
    let free = places - shards.len();
    shards.iter().cloned().chain(std::iter::repeat_with(S::default).take(free)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn growing_by_one_moves_entries_out_of_the_parent_only() {
        for length in 1..300 {
            for hash in 0..2000 {
                let (before, after) = (address(hash, length), address(hash, length + 1));
                assert!(before == after || (after == length && before == parent(length)), "{hash} {length}");
            }
        }
    }

    #[test]
    fn shards_keep_their_content_while_the_list_grows_and_shrinks() {
        let mut shards = Shards::<usize>::default();
        for place in 0..300 {
            if place > 0 {
                shards.push();
            }
            *shards.at_mut(place) = place + 1;
            assert!(shards.places() <= 2 * shards.len());
        }
        let shared = shards.clone();
        *shards.at_mut(70) = 0;
        assert!(shared.iter().copied().eq(1..=300), "a clone does not see changes");
        *shards.at_mut(70) = 71;
        for place in (1..300).rev() {
            assert_eq!(shards.len(), place + 1);
            assert_eq!(*shards.of(place as u64), place + 1);
            assert_eq!(shards.pop(), Some(place + 1));
            assert!(shards.places() <= 4 * shards.len());
        }
        assert_eq!((shards.len(), shards.pop()), (1, None));
        assert_eq!(shared.len(), 300);
    }
}
