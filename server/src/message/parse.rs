//! Reading a query in place.
//!
//! Nothing is copied: [`Header`] is the twelve octets in front, [`read_edns`] walks what follows the question
//! to find the OPT record. Records other than OPT mean nothing in a query and are stepped over, but they must
//! be whole, and nothing may follow the last one: a message that does not add up is answered with FORMERR.

use crate::edns::client_subnet::ClientSubnet;
use crate::message::{HEADER_OCTETS, Opcode, flags, option_code, read_u16};

const TYPE_OPT: u16 = 41;
/// Type, class, TTL and data length behind a record's owner.
const RECORD_FIXED_OCTETS: usize = 10;
const DNSSEC_OK: u16 = 0x8000;
const LONGEST_LABEL: u8 = 63;
const LONGEST_NAME: usize = 255;

/// The message does not follow RFC 1035, 4 or RFC 6891, 6.1; the reply is FORMERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed message")]
pub struct Malformed;

/// The header of a query.
#[derive(Clone, Copy, Debug)]
pub struct Header {
    /// Repeated in the reply.
    pub id: u16,
    /// The second word: QR, opcode, and bits.
    pub flags: u16,
    /// Questions.
    pub question_count: u16,
    /// Records of the answer, authority and additional sections.
    pub record_counts: [u16; 3],
}

impl Header {
    /// Reads the header; `None` when the packet is shorter than one.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let [a, b, c, d, e, f, g, h, i, j, k, l] = *packet.first_chunk::<HEADER_OCTETS>()?;
        Some(Self {
            id: u16::from_be_bytes([a, b]),
            flags: u16::from_be_bytes([c, d]),
            question_count: u16::from_be_bytes([e, f]),
            record_counts: [
                u16::from_be_bytes([g, h]),
                u16::from_be_bytes([i, j]),
                u16::from_be_bytes([k, l]),
            ],
        })
    }

    /// Whether this is a reply.
    pub fn is_response(&self) -> bool {
        self.flags & flags::RESPONSE != 0
    }

    /// What is asked for.
    pub fn opcode(&self) -> Opcode {
        Opcode::of(self.flags)
    }
}

/// What the OPT record of a query says (RFC 6891, 6.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns {
    /// The largest UDP payload the client takes, as sent.
    pub payload_octets: u16,
    /// The EDNS version.
    pub version: u8,
    /// The client wants signatures (RFC 3225).
    pub dnssec_ok: bool,
    /// The client's network. Later options of the same code are ignored.
    pub client_subnet: Option<ClientSubnet>,
    /// The options do not add up, or one that we read is malformed. The reply is FORMERR, with an OPT record,
    /// so that the client does not take us for a server without EDNS (RFC 6891, 7).
    pub is_malformed: bool,
}

/// Finds the OPT record among the records that start at `position`.
///
/// # Errors
/// Records that are not whole, octets behind the last one, two OPT records, and an OPT record outside the
/// additional section or not at the root.
pub fn read_edns(packet: &[u8], position: usize, record_counts: [u16; 3]) -> Result<Option<Edns>, Malformed> {
    let [answers, authorities, additionals] = record_counts;
    let before_additional = u32::from(answers) + u32::from(authorities);
    let mut position = position;
    let mut edns = None;
    for index in 0..before_additional + u32::from(additionals) {
        let record = Record::read(packet, position)?;
        position = record.end;
        if record.record_type == TYPE_OPT {
            if !record.is_at_root || index < before_additional || edns.is_some() {
                return Err(Malformed);
            }
            edns = Some(Edns::read(&record));
        }
    }
    if position == packet.len() { Ok(edns) } else { Err(Malformed) }
}

/// One record, as far as it matters.
struct Record<'a> {
    is_at_root: bool,
    record_type: u16,
    class: u16,
    ttl: [u8; 4],
    data: &'a [u8],
    end: usize,
}

impl<'a> Record<'a> {
    fn read(packet: &'a [u8], position: usize) -> Result<Self, Malformed> {
        let fixed_at = skip_name(packet, position)?;
        let fixed = packet.get(fixed_at..).and_then(|rest| rest.first_chunk::<RECORD_FIXED_OCTETS>());
        let &[a, b, c, d, e, f, g, h, i, j] = fixed.ok_or(Malformed)?;
        let data_at = fixed_at + RECORD_FIXED_OCTETS;
        let end = data_at + usize::from(u16::from_be_bytes([i, j]));
        Ok(Self {
            is_at_root: fixed_at == position + 1,
            record_type: u16::from_be_bytes([a, b]),
            class: u16::from_be_bytes([c, d]),
            ttl: [e, f, g, h],
            data: packet.get(data_at..end).ok_or(Malformed)?,
            end,
        })
    }
}

impl Edns {
    fn read(record: &Record<'_>) -> Self {
        let [_extended_code, version, flags_high, flags_low] = record.ttl;
        let mut edns = Self {
            payload_octets: record.class,
            version,
            dnssec_ok: u16::from_be_bytes([flags_high, flags_low]) & DNSSEC_OK != 0,
            client_subnet: None,
            is_malformed: false,
        };
        // What the options of later versions look like is not known.
        if version == 0 {
            edns.is_malformed = edns.read_options(record.data).is_err();
        }
        edns
    }

    fn read_options(&mut self, options: &[u8]) -> Result<(), Malformed> {
        let mut rest = options;
        while !rest.is_empty() {
            let code = read_u16(rest, 0).ok_or(Malformed)?;
            let length = usize::from(read_u16(rest, 2).ok_or(Malformed)?);
            let data = rest.get(4..4 + length).ok_or(Malformed)?;
            rest = rest.get(4 + length..).ok_or(Malformed)?;
            if code == option_code::CLIENT_SUBNET && self.client_subnet.is_none() {
                self.client_subnet = Some(ClientSubnet::parse(data).map_err(|_| Malformed)?);
            }
        }
        Ok(())
    }
}

/// Steps over a name, which may end in a compression pointer, and returns where it ends. Pointers are not
/// followed.
fn skip_name(packet: &[u8], position: usize) -> Result<usize, Malformed> {
    let mut at = position;
    while at - position < LONGEST_NAME {
        match *packet.get(at).ok_or(Malformed)? {
            0 => return Ok(at + 1),
            length @ 1..=LONGEST_LABEL => at += 1 + usize::from(length),
            0xc0.. if at + 1 < packet.len() => return Ok(at + 2),
            _ => return Err(Malformed),
        }
    }
    Err(Malformed)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opt(options: &[u8]) -> Vec<u8> {
        let mut record = vec![0, 0, 41, 4, 208, 0, 0, 0x80, 0];
        record.extend((options.len() as u16).to_be_bytes());
        record.extend(options);
        record
    }

    #[test]
    fn a_header_needs_twelve_octets() {
        assert!(Header::read(&[0; 11]).is_none());
        let header = Header::read(&[1, 2, 0x81, 0x10, 0, 1, 0, 2, 0, 3, 0, 4]).unwrap();
        assert_eq!((header.id, header.question_count, header.record_counts), (0x0102, 1, [2, 3, 4]));
        assert!(header.is_response());
        assert_eq!(header.opcode(), Opcode::Query);
    }

    #[test]
    fn an_opt_record_is_found_and_read() {
        let edns = read_edns(&opt(&[]), 0, [0, 0, 1]).unwrap().unwrap();
        assert_eq!((edns.payload_octets, edns.version, edns.dnssec_ok), (1232, 0, true));
        assert_eq!(edns.client_subnet, None);

        let options = [0, 3, 0, 0, 0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2, 0, 10, 0, 2, 1, 2];
        let edns = read_edns(&opt(&options), 0, [0, 0, 1]).unwrap().unwrap();
        assert_eq!(edns.client_subnet.unwrap().source_bits(), 24);
    }

    #[test]
    fn other_records_are_stepped_over() {
        let mut packet = vec![1, b'a', 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4];
        packet.extend(opt(&[]));
        assert!(read_edns(&packet, 0, [1, 0, 1]).unwrap().is_some());
        assert!(read_edns(&packet, 0, [0, 0, 2]).unwrap().is_some());
        assert_eq!(read_edns(&[], 0, [0, 0, 0]), Ok(None));
    }

    #[test]
    fn records_that_do_not_add_up_are_malformed() {
        let whole = opt(&[0, 10, 0, 2, 1, 2]);
        for length in 1..whole.len() {
            assert_eq!(read_edns(&whole[..length], 0, [0, 0, 1]), Err(Malformed), "cut at {length}");
        }
        let mut trailing = whole.clone();
        trailing.push(0);
        assert_eq!(read_edns(&trailing, 0, [0, 0, 1]), Err(Malformed));
        assert_eq!(read_edns(&whole, 0, [0, 0, 2]), Err(Malformed), "a record missing");
        assert_eq!(read_edns(&whole, 0, [0, 1, 0]), Err(Malformed), "in the authority section");
        assert_eq!(read_edns(&[whole.clone(), whole].concat(), 0, [0, 0, 2]), Err(Malformed), "two");
        let mut elsewhere = vec![1, b'a'];
        elsewhere.extend(opt(&[]));
        assert_eq!(read_edns(&elsewhere, 0, [0, 0, 1]), Err(Malformed), "not at the root");
        assert_eq!(read_edns(&[0x80, 0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 0], 0, [0, 0, 1]), Err(Malformed));
    }

    #[test]
    fn options_that_do_not_add_up_leave_a_readable_record() {
        for options in [&[0, 10, 0, 3, 1, 2][..], &[0, 10, 0], &[0, 8, 0, 3, 0, 1, 24]] {
            let edns = read_edns(&opt(options), 0, [0, 0, 1]).unwrap().unwrap();
            assert!(edns.is_malformed && edns.dnssec_ok && edns.client_subnet.is_none(), "{options:?}");
        }
    }

    #[test]
    fn options_of_later_versions_are_not_read() {
        let mut record = opt(&[0, 8, 0, 1, 7]);
        record[6] = 1;
        let edns = read_edns(&record, 0, [0, 0, 1]).unwrap().unwrap();
        assert_eq!((edns.version, edns.is_malformed), (1, false));
    }

    #[test]
    fn an_endless_name_is_malformed() {
        let packet = [1u8; 600];
        assert_eq!(skip_name(&packet, 0), Err(Malformed));
    }
}
