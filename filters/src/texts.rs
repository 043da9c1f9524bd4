//! TXT record data that a chain adds to a reply.

use crate::limits::MAX_TEXT_OCTETS;

/// Record data of TXT records, each with the position of the answer it belongs to.
///
/// One buffer is made per worker; after that it never allocates. What does not fit would not fit into a message
/// either, and is left out.
///
/// Layout of an entry: position and length of the data, two octets each, then the data.
#[derive(Debug)]
pub(crate) struct Texts {
    octets: Vec<u8>,
}

const HEAD_OCTETS: usize = 4;

/// Octets of one character-string (RFC 1035, 3.3).
const STRING_OCTETS: usize = 255;

impl Texts {
    pub(crate) fn new() -> Self {
        Self { octets: Vec::with_capacity(MAX_TEXT_OCTETS) }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.octets.is_empty()
    }

    pub(crate) fn clear(&mut self) {
        self.octets.clear();
    }

    /// Adds `name=text` (RFC 1464), in as many character-strings as it needs.
    pub(crate) fn push(&mut self, position: u16, name: &str, text: &str) {
        let octets = || name.bytes().chain([b'=']).chain(text.bytes());
        let count = name.len() + 1 + text.len();
        let length = count + count.div_ceil(STRING_OCTETS);
        let Ok(length_octets) = u16::try_from(length).map(u16::to_be_bytes) else { return };
        if self.octets.len() + HEAD_OCTETS + length > MAX_TEXT_OCTETS {
            return;
        }
        self.octets.extend_from_slice(&position.to_be_bytes());
        self.octets.extend_from_slice(&length_octets);
        for (index, octet) in octets().enumerate() {
            if index % STRING_OCTETS == 0 {
                let left = (count - index).min(STRING_OCTETS);
                self.octets.push(u8::try_from(left).unwrap_or(u8::MAX));
            }
            self.octets.push(octet);
        }
    }

    /// Positions, counted from 0, with record data, in the order in which they were added.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (u16, &[u8])> {
        let mut rest = self.octets.as_slice();
        std::iter::from_fn(move || {
            let (&[high, low, long, short], tail) = rest.split_first_chunk::<HEAD_OCTETS>()?;
            let (rdata, tail) = tail.split_at_checked(usize::from(u16::from_be_bytes([long, short])))?;
            rest = tail;
            Some((u16::from_be_bytes([high, low]), rdata))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_texts_take_several_strings_and_come_back_in_order() {
        let mut texts = Texts::new();
        texts.push(1, "foo", "bar");
        texts.push(0, "n", &"x".repeat(254));
        let all: Vec<_> = texts.iter().collect();
        assert_eq!(all[0], (1, b"\x07foo=bar".as_slice()));
        let (position, long) = all[1];
        assert_eq!((position, long.len(), long[0]), (0, 258, 255));
        assert_eq!(long[256..], [1, b'x']);
        assert_eq!(all.len(), 2);
    }

    #[test]
    fn what_does_not_fit_is_left_out_and_nothing_allocates() {
        let mut texts = Texts::new();
        let capacity = texts.octets.capacity();
        for _ in 0..1000 {
            texts.push(0, "name", &"x".repeat(200));
        }
        assert_eq!(texts.octets.capacity(), capacity);
        assert!((310..1000).contains(&texts.iter().count()));
    }
}
