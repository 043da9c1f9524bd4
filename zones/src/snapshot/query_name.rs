//! The name of a question, read once and in the form in which every table is searched.

use super::hash::{Keys, keys};
use crate::name::{MAX_LABEL_OCTETS, MAX_LABELS, MAX_WIRE_OCTETS, Name, NameError};

/// Room for the longest name, and for reading eight octets from any place in it.
const BUFFER_OCTETS: usize = 264;

/// A lower-cased name on the stack, with the start and the hash of each label.
///
/// A worker keeps one and fills it again for each query ([`QueryName::read`]): that writes only what the name
/// needs, where a new value would clear more than a kilobyte.
///
/// Invariants: `wire[..length]` is valid wire form in lower case and ends with the root's octet; `label_hashes` are
/// valid for the first `labels` entries, and `starts` for the last ones, the first label's being the very last.
///
/// Of a usual name all of this is in two lines of a cache: the start of the wire form, and the place where the starts
/// end and the hashes begin. Batches have many names, and the fields lie in this order for them.
#[derive(Clone)]
#[repr(C, align(64))]
pub struct QueryName {
    length: u8,
    labels: u8,
    wire: [u8; BUFFER_OCTETS],
    starts: [u8; MAX_LABELS],
    label_hashes: [u64; MAX_LABELS],
}

impl Default for QueryName {
    /// The root.
    fn default() -> Self {
        Self {
            wire: [0; BUFFER_OCTETS],
            starts: [0; MAX_LABELS],
            label_hashes: [0; MAX_LABELS],
            length: 1,
            labels: 0,
        }
    }
}

/// Reading.
impl QueryName {
    /// Reads the name at `offset` of a packet and tells where it ends.
    ///
    /// # Errors
    /// As [`QueryName::read`].
    #[inline]
    pub fn parse(packet: &[u8], offset: usize) -> Result<(Self, usize), NameError> {
        let mut name = Self::default();
        let next = name.read(packet, offset)?;
        Ok((name, next))
    }

    /// Takes a name in wire form; octets after its root label are ignored.
    ///
    /// # Errors
    /// As [`QueryName::read`].
    pub fn from_wire(wire: &[u8]) -> Result<Self, NameError> {
        Self::parse(wire, 0).map(|(name, _)| name)
    }

    /// Replaces this name by the one at `offset` of a packet and tells the offset after it.
    ///
    /// # Errors
    /// A name that is cut short or too long, or that has a compression pointer: in a question there is
    /// nothing before it to point to. The value then is the root.
    #[inline]
    pub fn read(&mut self, packet: &[u8], offset: usize) -> Result<usize, NameError> {
        let source = packet.get(offset..).ok_or(NameError::Truncated);
        let taken = source.and_then(|source| self.take(source));
        if taken.is_err() {
            (self.length, self.labels) = (1, 0);
            self.wire[0] = 0;
        }
        taken.map(|length| offset + length)
    }

    /// Takes the name at the start of `source` and tells its length in octets.
    #[inline]
    fn take(&mut self, source: &[u8]) -> Result<usize, NameError> {
        let keys = keys();
        let mut labels = 0;
        let mut at = 0;
        loop {
            let length = usize::from(*source.get(at).ok_or(NameError::Truncated)?);
            if length == 0 {
                break;
            }
            let next = at + 1 + length;
            if length > MAX_LABEL_OCTETS {
                return Err(NameError::LabelType);
            }
            if next >= MAX_WIRE_OCTETS {
                return Err(NameError::NameTooLong);
            }
            self.starts[MAX_LABELS - 1 - labels] = at as u8;
            self.label_hashes[labels] = take_label(&mut self.wire, keys, source, at, next);
            labels += 1;
            at = next;
        }
        self.wire[at] = 0;
        (self.length, self.labels) = (at as u8 + 1, labels as u8);
        Ok(at + 1)
    }
}

/// Looking at it.
impl QueryName {
    /// The number of labels, the root not counted.
    #[inline]
    pub fn labels(&self) -> usize {
        usize::from(self.labels)
    }

    /// The whole name, lower-case, with the root's octet.
    #[inline]
    pub fn wire(&self) -> &[u8] {
        &self.wire[..usize::from(self.length)]
    }

    /// The name from a label on: 0 is the whole name, `labels()` is the root. Labels beyond that are the root.
    #[inline]
    pub fn suffix(&self, label: usize) -> &[u8] {
        &self.wire[self.offset(label)..usize::from(self.length)]
    }

    /// Where a label starts in [`QueryName::wire`], which is also where it starts in the question.
    #[inline]
    pub fn offset(&self, label: usize) -> usize {
        if label < self.labels() {
            usize::from(self.starts[MAX_LABELS - 1 - label])
        } else {
            usize::from(self.length) - 1
        }
    }

    /// The same as an owned name.
    pub fn to_name(&self) -> Name {
        Name::from_wire(self.wire()).expect("the wire form was checked when it was read")
    }

    /// The labels from `label` up to the apex, without the root's octet.
    #[inline]
    pub(crate) fn relative(&self, label: usize, apex_label: usize) -> &[u8] {
        let end = self.offset(apex_label);
        &self.wire[self.offset(label).min(end)..end]
    }

    /// The hashes of all labels, the first label's first.
    #[inline]
    pub(crate) fn label_hashes(&self) -> &[u64] {
        &self.label_hashes[..self.labels()]
    }

    /// The hash of one label. Only for labels below [`QueryName::labels`].
    #[inline]
    pub(crate) fn label_hash(&self, label: usize) -> u64 {
        self.label_hashes[label]
    }

    /// The hash of the labels from `label` up to the apex.
    #[inline]
    pub(crate) fn relative_hash(&self, keys: &Keys, label: usize, apex_label: usize) -> u64 {
        self.hash_upwards(keys, keys.origin, apex_label.min(self.labels()), label)
    }

    /// Goes on from the hash of the labels behind `from` to that of the labels from `label` on.
    #[inline]
    pub(crate) fn hash_upwards(&self, keys: &Keys, hash: u64, from: usize, label: usize) -> u64 {
        (label..from).rev().fold(hash, |hash, label| keys.join(hash, self.label_hash(label)))
    }
}

/// Copies and hashes the label from `start` to `end`, with its length octet and in lower case.
///
/// Reads come from the packet only: reading back what was just written would wait for the writes. Octets
/// copied from beyond the label are overwritten by the next one, or by the root's.
#[inline]
fn take_label(wire: &mut [u8; BUFFER_OCTETS], keys: &Keys, source: &[u8], start: usize, end: usize) -> u64 {
    let mut state = keys.label_start();
    let mut at = start;
    loop {
        let chunk = lower_case(load(source, at));
        wire[at..at + 8].copy_from_slice(&chunk.to_le_bytes());
        let left = end - at;
        if left <= 8 {
            return keys.label_chunk(state, chunk & (u64::MAX >> (64 - 8 * left)));
        }
        state = keys.label_chunk(state, chunk);
        at += 8;
    }
}

/// Eight octets of a packet, filled up with zeros where it ends: a label may claim to go on beyond that.
#[inline]
fn load(source: &[u8], at: usize) -> u64 {
    match source.get(at..at + 8).and_then(|octets| octets.first_chunk()) {
        Some(octets) => u64::from_le_bytes(*octets),
        None => load_last(source, at),
    }
}

#[cold]
fn load_last(source: &[u8], at: usize) -> u64 {
    let rest = source.get(at..).unwrap_or(&[]);
    rest.iter().rev().fold(0, |chunk, &octet| (chunk << 8) | u64::from(octet))
}

/// Turns `A-Z` into `a-z` in eight octets at a time, without branches.
///
/// Length octets are below 64 and pass unchanged, and so do octets from 128 on.
#[inline]
fn lower_case(chunk: u64) -> u64 {
    const ONES: u64 = 0x0101_0101_0101_0101;
    let heptets = chunk & (0x7f * ONES);
    let from_a = heptets + (0x80 - u64::from(b'A')) * ONES;
    let above_z = heptets + (0x7f - u64::from(b'Z')) * ONES;
    let upper = !chunk & (from_a ^ above_z) & (0x80 * ONES);
    chunk | (upper >> 2)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_name_is_read_from_the_middle_of_a_packet_and_lower_cased() {
        let packet = b"\xff\xff\x03WwW\x07ExAmPlE\x03cOm\x00\x00\x01";
        let (name, next) = QueryName::parse(packet, 2).unwrap();
        assert_eq!(next, packet.len() - 2);
        assert_eq!(name.wire(), b"\x03www\x07example\x03com\x00");
        assert_eq!(name.labels(), 3);
        assert_eq!(name.suffix(1), b"\x07example\x03com\x00");
        assert_eq!(name.suffix(3), b"\x00");
        assert_eq!(name.relative(0, 1), b"\x03www");
        assert_eq!(name.relative(1, 1), b"");
        assert_eq!(name.to_name().to_string(), "www.example.com");
    }

    #[test]
    fn bad_names_are_refused_and_leave_the_root_behind() {
        let long = [[63; 64].as_slice(), &[63; 64], &[63; 64], &[62; 63], &[0]].concat();
        assert_eq!(long.len(), 256);
        let cases: [(&[u8], NameError); 7] = [
            (b"", NameError::Truncated),
            (b"\x03www", NameError::Truncated),
            (b"\x03ww", NameError::Truncated),
            (b"\x3fseveral octets fewer than announced", NameError::Truncated),
            (b"\x01a\xc0\x00", NameError::LabelType),
            (b"\x40", NameError::LabelType),
            (&long, NameError::NameTooLong),
        ];
        let mut name = QueryName::default();
        for (wire, expected) in cases {
            name.read(b"\x01a\x00", 0).unwrap();
            assert_eq!(name.read(wire, 0), Err(expected), "{wire:?}");
            assert_eq!(name.wire(), b"\x00");
            assert_eq!(name.labels(), 0);
        }
        assert_eq!(name.read(b"\x00", 9), Err(NameError::Truncated));
    }

    #[test]
    fn names_of_255_octets_and_of_127_labels_are_read() {
        let longest = [[63; 64].as_slice(), &[63; 64], &[63; 64], &[61; 62], &[0]].concat();
        assert_eq!(QueryName::from_wire(&longest).unwrap().wire(), longest);
        let mut deepest = [1, b'a'].repeat(127);
        deepest.push(0);
        assert_eq!(QueryName::from_wire(&deepest).unwrap().labels(), 127);
    }

    proptest! {
        #[test]
        fn hashes_and_case_agree_with_the_slow_way(labels in prop::collection::vec(prop::collection::vec(any::<u8>(), 1..=20), 0..10)) {
            let mut wire = Vec::new();
            for label in &labels {
                wire.push(label.len() as u8);
                wire.extend_from_slice(label);
            }
            wire.push(0);
            let name = QueryName::from_wire(&wire).unwrap();
            prop_assert_eq!(name.wire(), wire.to_ascii_lowercase());
            prop_assert_eq!(name.labels(), labels.len());
            for apex_label in 0..=labels.len() {
                for label in 0..=apex_label {
                    let slow = keys().relative(name.relative(label, apex_label));
                    prop_assert_eq!(name.relative_hash(keys(), label, apex_label), slow);
                }
            }
        }
    }
}
