//! Finding names that already stand in the message (RFC 1035, 4.1.4).
//!
//! The table remembers where names, and each of their endings, were written, with a cheap hash of what was
//! written. A name is looked up by the hashes of its endings, longest first; a hit is verified against the
//! message itself, so that a collision costs nothing but the comparison. Names match in any case of letters.

use crate::limits;

/// Labels of the longest name: 127 of one octet each.
const MOST_LABELS: usize = 127;
const HASH_START: u32 = 0x811c_9dc5;
const HASH_FACTOR: u32 = 0x9e37_79b1;

#[derive(Clone, Copy, Debug)]
struct Entry {
    hash: u32,
    offset: u16,
    /// Pointers that whoever reads the name from here follows.
    hops: u8,
}

/// Where names stand in one message. Reused from message to message.
#[derive(Debug)]
pub struct NameTable {
    entries: Box<[Entry]>,
    length: usize,
    /// The labels of the name looked up last, kept here because clearing them for each name would cost more
    /// than the search.
    labels: Box<[Label]>,
    label_count: usize,
    /// The hops of that name, as it will stand in the message.
    label_hops: u8,
}

/// How a name is to be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Found {
    /// Octets at the front of the name that have to be spelled out: whole labels.
    pub spelled_octets: usize,
    /// Where the remainder stands; `None` if it is the root.
    pub pointer: Option<u16>,
}

impl Default for NameTable {
    fn default() -> Self {
        let entries = vec![Entry { hash: 0, offset: 0, hops: 0 }; limits::COMPRESSION_NAMES];
        let labels = vec![Label { hash: 0, offset: 0 }; MOST_LABELS];
        Self {
            entries: entries.into_boxed_slice(),
            length: 0,
            labels: labels.into_boxed_slice(),
            label_count: 0,
            label_hops: 0,
        }
    }
}

impl NameTable {
    /// Forgets everything.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// How many endings are known.
    pub fn len(&self) -> usize {
        self.length
    }

    /// Whether nothing is known.
    pub fn is_empty(&self) -> bool {
        self.length == 0
    }

    /// Forgets what was added last, down to `length` endings.
    pub fn truncate(&mut self, length: usize) {
        self.length = self.length.min(length);
    }

    /// Adds a name that stands uncompressed in `message` from offset `at` on.
    pub fn add_written(&mut self, message: &[u8], at: usize) {
        self.take_apart(message.get(at..).unwrap_or(&[]));
        self.add_labels(usize::MAX, at);
    }

    /// Adds the name that [`NameTable::find`] looked for last, after it was written at offset `at`.
    pub fn add(&mut self, found: Found, at: usize) {
        self.add_labels(found.spelled_octets, at);
    }

    /// Finds the longest ending of `name` that stands in `message` and is within few enough hops.
    pub fn find(&mut self, message: &[u8], name: &[u8]) -> Found {
        self.take_apart(name);
        let known = self.entries.get(..self.length).unwrap_or(&[]);
        for label in self.labels.iter().take(self.label_count) {
            let ending = name.get(usize::from(label.offset)..).unwrap_or(&[]);
            for entry in known {
                if entry.hash == label.hash
                    && entry.hops < limits::POINTER_HOPS
                    && stands_at(message, entry.offset, ending)
                {
                    self.label_hops = entry.hops + 1;
                    let spelled_octets = usize::from(label.offset);
                    return Found { spelled_octets, pointer: Some(entry.offset) };
                }
            }
        }
        Found { spelled_octets: name.len().saturating_sub(1), pointer: None }
    }

    /// Adds the labels that start within the first `spelled_octets`, written at offset `at`.
    fn add_labels(&mut self, spelled_octets: usize, at: usize) {
        for label in self.labels.iter().take(self.label_count) {
            let within = usize::from(label.offset);
            let offset = at + within;
            let Some(entry) = self.entries.get_mut(self.length) else { return };
            if within >= spelled_octets || offset >= limits::POINTER_REACH {
                return;
            }
            *entry = Entry { hash: label.hash, offset: offset as u16, hops: self.label_hops };
            self.length += 1;
        }
    }

    /// Fills `labels` with those of the uncompressed name at the start of `name`, or with none if it is not
    /// whole.
    fn take_apart(&mut self, name: &[u8]) {
        self.label_count = 0;
        self.label_hops = 0;
        let mut count = 0;
        let mut at = 0usize;
        while let Some(length @ 1..) = name.get(at).copied() {
            let (Some(slot), Ok(offset)) = (self.labels.get_mut(count), u8::try_from(at)) else { return };
            slot.offset = offset;
            count += 1;
            at += 1 + usize::from(length);
        }
        let mut hash = HASH_START;
        for label in self.labels.iter_mut().take(count).rev() {
            let start = usize::from(label.offset);
            hash = (hash ^ fingerprint(name.get(start..).unwrap_or(&[])))
                .wrapping_mul(HASH_FACTOR)
                .rotate_left(15);
            label.hash = hash;
        }
        self.label_count = count;
    }
}

/// The length of the label at the start of `octets` and some of its letters, in lower case. Labels of one
/// zone differ mostly there, and a hit is verified anyway: reading every letter costs more than it saves.
fn fingerprint(octets: &[u8]) -> u32 {
    let letter = |at: u8| octets.get(usize::from(at)).map_or(0, |octet| octet | 0x20);
    let length = octets.first().copied().unwrap_or(0);
    u32::from_le_bytes([length, letter(1), letter(length / 2 + 1), letter(length)])
}

#[derive(Clone, Copy, Debug)]
struct Label {
    /// Hash of this label and all behind it.
    hash: u32,
    /// Where the label starts in the name.
    offset: u8,
}

/// Whether the possibly compressed name at `offset` of `message` is `name`, in any case of letters.
fn stands_at(message: &[u8], offset: u16, name: &[u8]) -> bool {
    let mut at = usize::from(offset);
    let mut rest = name;
    // Every step takes a label off `name` or follows a pointer; pointers go back, and no name has more
    // pieces.
    for _ in 0..2 * MOST_LABELS {
        let Some(&length) = message.get(at) else { return false };
        if length >= 0xc0 {
            let Some(&low) = message.get(at + 1) else { return false };
            at = usize::from(u16::from_be_bytes([length & 0x3f, low]));
            continue;
        }
        let octets = 1 + usize::from(length);
        let (Some(written), Some((wanted, behind))) =
            (message.get(at..at + octets), rest.split_at_checked(octets))
        else {
            return false;
        };
        if !written.eq_ignore_ascii_case(wanted) {
            return false;
        }
        if length == 0 {
            return true;
        }
        at += octets;
        rest = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wire(name: &str) -> Vec<u8> {
        let mut wire = Vec::new();
        for label in name.split('.').filter(|label| !label.is_empty()) {
            wire.push(label.len() as u8);
            wire.extend(label.as_bytes());
        }
        wire.push(0);
        wire
    }

    /// Writes names one after the other and returns the message and how each was found.
    fn write(names: &[&str]) -> (Vec<u8>, Vec<Found>) {
        let mut table = NameTable::default();
        let mut message = vec![0; 12];
        let found = names
            .iter()
            .map(|name| {
                let name = wire(name);
                let found = table.find(&message, &name);
                let at = message.len();
                message.extend(&name[..found.spelled_octets]);
                match found.pointer {
                    Some(pointer) => message.extend((0xc000 | pointer).to_be_bytes()),
                    None => message.push(0),
                }
                table.add(found, at);
                found
            })
            .collect();
        (message, found)
    }

    #[test]
    fn the_longest_ending_is_pointed_to() {
        let (message, found) =
            write(&["www.example.com", "mail.Example.COM", "mail.example.com", "com", "."]);
        assert_eq!(found[0], Found { spelled_octets: 16, pointer: None });
        assert_eq!(found[1], Found { spelled_octets: 5, pointer: Some(16) });
        assert_eq!(found[2], Found { spelled_octets: 0, pointer: Some(29) });
        assert_eq!(found[3], Found { spelled_octets: 0, pointer: Some(24) });
        assert_eq!(found[4], Found { spelled_octets: 0, pointer: None });
        assert_eq!(message.len(), 12 + 17 + 7 + 2 + 2 + 1);
    }

    #[test]
    fn no_name_takes_more_than_a_few_hops() {
        let names: Vec<String> = (0..40).map(|depth| format!("{}example", "x.".repeat(depth))).collect();
        let (message, found) = write(&names.iter().map(String::as_str).collect::<Vec<_>>());
        let most = found
            .iter()
            .map(|found| {
                let mut hops = 0;
                let mut next = found.pointer;
                while let Some(pointer) = next {
                    hops += 1;
                    let mut at = usize::from(pointer);
                    while let length @ 1..=63 = message[at] {
                        at += 1 + usize::from(length);
                    }
                    let is_pointer = message[at] >= 0xc0;
                    next = is_pointer.then(|| u16::from_be_bytes([message[at] & 0x3f, message[at + 1]]));
                }
                hops
            })
            .max();
        assert_eq!(most, Some(usize::from(limits::POINTER_HOPS)));
        assert!(found.iter().skip(1).all(|found| found.pointer.is_some()), "all are still compressed");
    }

    #[test]
    fn a_label_that_only_ends_alike_is_not_pointed_to() {
        let (_, found) = write(&["ab.example", "b.example", "xab.example"]);
        assert_eq!(found[1].spelled_octets, 2);
        assert_eq!(found[2].spelled_octets, 4);
    }

    #[test]
    fn names_behind_the_reach_of_pointers_are_not_remembered() {
        let mut table = NameTable::default();
        let mut message = vec![0; limits::POINTER_REACH - 4];
        let at = message.len();
        message.extend(wire("abc.de"));
        table.add_written(&message, at);
        assert_eq!(table.len(), 1, "only the first label can be reached");
    }

    #[test]
    fn a_full_table_and_broken_names_are_harmless() {
        let mut table = NameTable::default();
        let message: Vec<u8> = wire("a.b.c.d.e.f.g.h");
        for _ in 0..limits::COMPRESSION_NAMES {
            table.add_written(&message, 0);
        }
        assert_eq!(table.len(), limits::COMPRESSION_NAMES);
        assert_eq!(table.find(&message, &[]), Found { spelled_octets: 0, pointer: None });
        assert_eq!(table.find(&message, &[5, b'a']), Found { spelled_octets: 1, pointer: None });
        assert!(!stands_at(&[0xc0, 0], 0, &wire("a")), "a pointer to itself ends");
        table.truncate(3);
        assert_eq!(table.len(), 3);
    }
}
