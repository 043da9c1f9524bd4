//! Transaction signatures (RFC 8945): recognized, and answered with "no such key".
//!
//! We hold no keys, so no signature can be checked, and a client that signed its query must be told so rather
//! than be answered without a signature (RFC 8945, 5.2.1). The reply repeats the signature's record without
//! its hash and with error BADKEY; it is not signed (RFC 8945, 5.3.2).

use crate::message::parse::{Malformed, Record};
use crate::message::{HEADER_OCTETS, read_u16};

/// The type of the record.
pub const TYPE_TSIG: u16 = 250;

/// Time signed and fudge.
const TIME_OCTETS: usize = 8;
/// The error for an unknown key or algorithm (RFC 8945, 3).
const BAD_KEY: u16 = 17;
const CLASS_ANY: u16 = 255;
const LONGEST_NAME: usize = 255;
const LONGEST_LABEL: usize = 63;
const POINTER: usize = 0xc0;

/// What a reply repeats of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Signature<'q> {
    /// The name of the key: spelled out, or ending in a pointer into the question, which a reply repeats at the
    /// same place.
    key: &'q [u8],
    algorithm: &'q [u8],
    time: &'q [u8],
    original_id: u16,
}

impl<'q> Signature<'q> {
    /// Reads the record at an offset of a packet. The question's name ends at `question_end`.
    ///
    /// # Errors
    /// A class other than ANY, a TTL other than 0 (RFC 8945, 4.2), data that does not add up, and an owner that
    /// is compressed in any other way than against the question.
    #[cold]
    pub fn read(packet: &'q [u8], at: usize, question_end: usize) -> Result<Self, Malformed> {
        let Record { class, ttl, data, .. } = Record::read(packet, at)?;
        if class != CLASS_ANY || ttl != [0; 4] {
            return Err(Malformed);
        }
        let (algorithm, rest) = data.split_at_checked(spelled_octets(data)?).ok_or(Malformed)?;
        let (time, rest) = rest.split_at_checked(TIME_OCTETS).ok_or(Malformed)?;
        let mac_octets = usize::from(read_u16(rest, 0).ok_or(Malformed)?);
        let rest = rest.get(2 + mac_octets..).ok_or(Malformed)?;
        let original_id = read_u16(rest, 0).ok_or(Malformed)?;
        let other_octets = usize::from(read_u16(rest, 4).ok_or(Malformed)?);
        if rest.len() != 6 + other_octets {
            return Err(Malformed);
        }
        let key = key_name(packet, at, question_end)?;
        Ok(Self { key, algorithm, time, original_id })
    }

    /// Writes the record of the reply behind its first `length` octets, counts it in the header, and returns the
    /// new length; `None` if it does not fit into `out`.
    pub fn append_bad_key(&self, out: &mut [u8], length: usize) -> Option<usize> {
        let data_octets = u16::try_from(self.algorithm.len() + TIME_OCTETS + 8).ok()?;
        let additionals = read_u16(out, 10)?.checked_add(1)?;
        let [l0, l1] = data_octets.to_be_bytes();
        let [i0, i1] = self.original_id.to_be_bytes();
        let [e0, e1] = BAD_KEY.to_be_bytes();
        let [t0, t1] = TYPE_TSIG.to_be_bytes();
        let [c0, c1] = CLASS_ANY.to_be_bytes();
        let parts: [&[u8]; 5] = [
            self.key,
            &[t0, t1, c0, c1, 0, 0, 0, 0, l0, l1],
            self.algorithm,
            self.time,
            // No hash, and no other data.
            &[0, 0, i0, i1, e0, e1, 0, 0],
        ];
        let mut end = length;
        for part in parts {
            out.get_mut(end..end + part.len())?.copy_from_slice(part);
            end += part.len();
        }
        out.get_mut(10..12)?.copy_from_slice(&additionals.to_be_bytes());
        Some(end)
    }
}

/// Octets of the uncompressed name at the start of `bytes`.
fn spelled_octets(bytes: &[u8]) -> Result<usize, Malformed> {
    let mut at = 0;
    while at < LONGEST_NAME {
        let length = usize::from(*bytes.get(at).ok_or(Malformed)?);
        at += 1 + length;
        match length {
            0 => return Ok(at),
            1..=LONGEST_LABEL => {}
            _ => break,
        }
    }
    Err(Malformed)
}

/// The octets of a name that may end in a pointer into the question.
fn key_name(packet: &[u8], at: usize, question_end: usize) -> Result<&[u8], Malformed> {
    let name = packet.get(at..).ok_or(Malformed)?;
    let mut own_octets = 0;
    while own_octets < LONGEST_NAME {
        let length = usize::from(*name.get(own_octets).ok_or(Malformed)?);
        if length >= POINTER {
            let target = (length - POINTER) << 8 | usize::from(*name.get(own_octets + 1).ok_or(Malformed)?);
            let question = packet.get(..question_end).ok_or(Malformed)?;
            let repeated = question.get(target.max(HEADER_OCTETS)..).ok_or(Malformed)?;
            let is_suffix = target >= HEADER_OCTETS && spelled_octets(repeated)? == repeated.len();
            if !is_suffix || own_octets + repeated.len() > LONGEST_NAME {
                return Err(Malformed);
            }
            return name.get(..own_octets + 2).ok_or(Malformed);
        }
        own_octets += 1 + length;
        match length {
            0 => return name.get(..own_octets).ok_or(Malformed),
            1..=LONGEST_LABEL => {}
            _ => break,
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\0\0\0\0\0\0\0\0\0\0\0\0\x03www\x07example\0";
    const DATA: &[u8] = b"\x04hmac\0\0\0\0\0\0\x01\x01\x2c\0\x02ab\x12\x34\0\0\0\0";

    fn read(key: &[u8], class: u8, ttl: u8, data: &[u8]) -> Result<Vec<u8>, Malformed> {
        let fixed = [0, 250, 0, class, 0, 0, 0, ttl, 0, data.len() as u8];
        let packet = [QUESTION, &[0, 1, 0, 1], key, &fixed, data].concat();
        let signature = Signature::read(&packet, QUESTION.len() + 4, QUESTION.len())?;
        let mut out = [0; 600];
        let length = signature.append_bad_key(&mut out, 40).unwrap();
        assert_eq!(out[10..12], [0, 1]);
        assert!(signature.append_bad_key(&mut out[..length - 1], 40).is_none());
        Ok(out[40..length].to_vec())
    }

    #[test]
    fn the_reply_repeats_all_but_the_hash() {
        let rest = b"\0\xfa\0\xff\0\0\0\0\0\x16\x04hmac\0\0\0\0\0\0\x01\x01\x2c\0\0\x12\x34\0\x11\0\0";
        for key in [&b"\x03key\0"[..], b"\0", b"\x03key\xc0\x0c", b"\xc0\x10", b"\xc0\x18"] {
            assert_eq!(read(key, 255, 0, DATA), Ok([key, rest].concat()), "{key:?}");
        }
    }

    #[test]
    fn pointers_lead_to_a_label_of_the_question_or_nowhere() {
        for key in [
            &b"\xc0\x00"[..],
            b"\xc0\x0b",
            b"\xc0\x0d",
            b"\xc0\x19",
            b"\xc0\x1d",
            b"\xff\xff",
            b"\x40a\0",
            b"\x03ke",
            b"\xc0",
        ] {
            assert_eq!(read(key, 255, 0, DATA), Err(Malformed), "{key:?}");
        }
        let long = [[&[63][..], &[b'a'; 63]].concat().repeat(3), [&[49][..], &[b'b'; 49]].concat()].concat();
        assert!(read(&[&long[..], b"\xc0\x0c"].concat(), 255, 0, DATA).is_ok());
        assert!(read(&[&long[..], b"\x09aaaaaaaaa\xc0\x0c"].concat(), 255, 0, DATA).is_err());
    }

    #[test]
    fn data_that_does_not_add_up_is_malformed() {
        for length in 0..DATA.len() {
            assert_eq!(read(b"\0", 255, 0, &DATA[..length]), Err(Malformed), "cut at {length}");
        }
        assert_eq!(read(b"\0", 255, 0, &[DATA, b"x"].concat()), Err(Malformed));
        assert_eq!(read(b"\0", 1, 0, DATA), Err(Malformed), "class IN");
        assert_eq!(read(b"\0", 255, 1, DATA), Err(Malformed), "a TTL");
    }
}
