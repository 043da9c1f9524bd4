//! TXT records that a chain adds to the reply.

use zones::{QueryName, RecordType};

use crate::message::build::{Owner, RecordHead, ReplyBuilder, Section};

/// The longest name (RFC 1035, 3.1).
const NAME_OCTETS: usize = 255;

/// Octets of the longest label that a position makes: five digits and the length.
const LABEL_OCTETS: usize = 6;

/// Adds TXT records, each given with the position of its answer, as far as they fit. Leaving some out takes
/// nothing from the answer, so that it is not marked (RFC 2181, 9).
///
/// The owners are made of the position, counted from 1, before the question's name. If that is too long for a
/// name there are no such records.
pub fn add<'t>(
    reply: &mut ReplyBuilder<'_>,
    texts: impl Iterator<Item = (u16, &'t [u8])>,
    question: &QueryName,
    ttl_s: u32,
) {
    let mut room = [0; NAME_OCTETS];
    for (position, rdata) in texts {
        let Some(owner) = owner(&mut room, position, question.wire()) else { return };
        let head = RecordHead { owner: Owner::Spelled(owner), record_type: RecordType::TXT.0, ttl_s };
        let before = reply.mark();
        if reply.record(Section::Additional, head, rdata).is_err() {
            reply.go_back(before);
            return;
        }
    }
}

/// Writes the position, counted from 1, as a label before a name.
fn owner<'r>(room: &'r mut [u8; NAME_OCTETS], position: u16, name: &[u8]) -> Option<&'r [u8]> {
    let mut digits = [0; LABEL_OCTETS];
    let (mut start, mut rest) = (LABEL_OCTETS, u32::from(position) + 1);
    while rest > 0 {
        start -= 1;
        digits[start] = b'0' + (rest % 10) as u8;
        rest /= 10;
    }
    // 65,536 has five digits, which leaves one octet for the length.
    start -= 1;
    digits[start] = (LABEL_OCTETS - start - 1) as u8;
    let label = &digits[start..];
    let owner = room.get_mut(..label.len() + name.len())?;
    owner[..label.len()].copy_from_slice(label);
    owner[label.len()..].copy_from_slice(name);
    Some(owner)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_position_is_a_label_before_the_name_if_there_is_room() {
        let mut room = [0; NAME_OCTETS];
        assert_eq!(owner(&mut room, 0, b"\x01a\0"), Some(b"\x011\x01a\0".as_slice()));
        assert_eq!(owner(&mut room, 99, b"\0"), Some(b"\x03100\0".as_slice()));
        assert_eq!(owner(&mut room, u16::MAX, b"\0"), Some(b"\x0565536\0".as_slice()));
        assert_eq!(owner(&mut room, 0, &[1; 253]).map(<[u8]>::len), Some(255));
        assert_eq!(owner(&mut room, 9, &[1; 253]), None);
    }
}
