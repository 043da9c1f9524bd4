//! Packed runs of neighboring entries.
//!
//! The tree below is at its best with values of a few KiB and spends about ten microseconds and a hundred
//! bytes on each small one. So neighboring entries share one value, a *chunk*. Within it keys are sorted and
//! written without what they share with the key before.
//!
//! Layout: a format byte, then for each entry three variable-length numbers (shared key bytes, further key
//! bytes, value bytes), the further key bytes and the value.

use crate::codec::invalid;

/// First byte of every chunk.
const FORMAT: u8 = 1;

/// A chunk longer than this is split, unless it holds a single entry.
pub(crate) const MAX_CHUNK_BYTES: usize = 4096;

/// What a split aims at, so that chunks have room to grow.
pub(crate) const TARGET_CHUNK_BYTES: usize = 3072;

/// Upper bound of what an entry adds to a chunk beside its key and value.
const ENTRY_OVERHEAD_BYTES: usize = 6;

/// An estimate, from above, of what an entry takes in a chunk.
pub(crate) fn entry_bytes(key: &[u8], value: &[u8]) -> usize {
    key.len() + value.len() + ENTRY_OVERHEAD_BYTES
}

/// Builds a chunk from entries in ascending order.
pub(crate) struct ChunkBuilder {
    bytes: Vec<u8>,
    last_key: Vec<u8>,
}

impl ChunkBuilder {
    /// An empty chunk.
    pub(crate) fn new() -> Self {
        let mut bytes = Vec::with_capacity(MAX_CHUNK_BYTES);
        bytes.push(FORMAT);
        Self { bytes, last_key: Vec::new() }
    }

    /// Adds an entry whose key is above all before it.
    pub(crate) fn push(&mut self, key: &[u8], value: &[u8]) {
        let shared = self.last_key.iter().zip(key).take_while(|(a, b)| a == b).count();
        for number in [shared, key.len() - shared, value.len()] {
            put_number(&mut self.bytes, number);
        }
        self.bytes.extend_from_slice(&key[shared..]);
        self.bytes.extend_from_slice(value);
        self.last_key.truncate(shared);
        self.last_key.extend_from_slice(&key[shared..]);
    }

    /// The finished chunk.
    pub(crate) fn finish(self) -> Vec<u8> {
        self.bytes
    }
}

/// Reads the entries of a chunk in order; after an error it ends.
pub(crate) struct ChunkReader<'a> {
    rest: &'a [u8],
    key: Vec<u8>,
}

impl<'a> ChunkReader<'a> {
    /// Reads `chunk`; an empty slice is a chunk without entries.
    pub(crate) fn new(chunk: &'a [u8]) -> std::io::Result<Self> {
        match chunk.split_first() {
            None => Ok(Self { rest: &[], key: Vec::new() }),
            Some((&FORMAT, rest)) => Ok(Self { rest, key: Vec::new() }),
            Some(_) => Err(invalid("a chunk of unknown format")),
        }
    }

    /// The next key and value; the key is valid until the next call.
    pub(crate) fn next_entry(&mut self) -> std::io::Result<Option<(&[u8], &'a [u8])>> {
        if self.rest.is_empty() {
            return Ok(None);
        }
        match self.take_entry() {
            Some(value) => Ok(Some((&self.key, value))),
            None => {
                self.rest = &[];
                Err(invalid("a chunk that is cut short"))
            }
        }
    }

    /// Reads one entry: the key goes to `self.key`, the value is returned.
    fn take_entry(&mut self) -> Option<&'a [u8]> {
        let shared = take_number(&mut self.rest)?;
        let further = take_number(&mut self.rest)?;
        let length = take_number(&mut self.rest)?;
        if shared > self.key.len() {
            return None;
        }
        let (suffix, rest) = self.rest.split_at_checked(further)?;
        let (value, rest) = rest.split_at_checked(length)?;
        self.key.truncate(shared);
        self.key.extend_from_slice(suffix);
        self.rest = rest;
        Some(value)
    }
}

/// Appends a number, seven bits a byte, lowest first.
fn put_number(out: &mut Vec<u8>, mut number: usize) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Takes a number of at most 28 bits; lengths above are not written.
fn take_number(input: &mut &[u8]) -> Option<usize> {
    let mut number = 0usize;
    for shift in [0, 7, 14, 21] {
        let (&byte, rest) = input.split_first()?;
        *input = rest;
        number |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(number);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entries(chunk: &[u8]) -> std::io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
        let mut reader = ChunkReader::new(chunk)?;
        let mut found = Vec::new();
        while let Some((key, value)) = reader.next_entry()? {
            found.push((key.to_vec(), value.to_vec()));
        }
        Ok(found)
    }

    #[test]
    fn entries_come_back_and_shared_beginnings_are_written_once() {
        let expected: Vec<_> =
            (0..50).map(|i| (format!("example.com/{i:02}").into_bytes(), vec![i; 9])).collect();
        let mut builder = ChunkBuilder::new();
        expected.iter().for_each(|(key, value)| builder.push(key, value));
        let chunk = builder.finish();
        assert_eq!(entries(&chunk).unwrap(), expected);
        assert!(chunk.len() < 50 * 15);
    }

    #[test]
    fn values_of_many_mebibytes_fit() {
        let value = vec![1; 64 << 20];
        let mut builder = ChunkBuilder::new();
        builder.push(b"", b"");
        builder.push(b"big", &value);
        assert_eq!(entries(&builder.finish()).unwrap()[1].1.len(), 64 << 20);
    }

    #[test]
    fn no_cut_and_no_flipped_bit_panics() {
        let mut builder = ChunkBuilder::new();
        (0..9u8).for_each(|i| builder.push(&[i, i], &[i; 200]));
        let chunk = builder.finish();
        for cut in 0..chunk.len() {
            let _ = entries(&chunk[..cut]);
        }
        for bit in 0..chunk.len() * 8 {
            let mut flipped = chunk.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = entries(&flipped);
        }
    }
}
