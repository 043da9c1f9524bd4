//! Reading a query in place.
//!
//! Nothing is copied: [`Header`] is the twelve octets in front, [`read_pseudo_records`] walks what follows
//! the question to find the OPT and TSIG records. Others mean nothing in a query and are stepped over, but they
//! must be whole, and nothing may follow the last one: a message that does not add up is answered with FORMERR.

use crate::edns::client_subnet::ClientSubnet;
use crate::edns::cookie::CookieOption;
use crate::message::signature::{Signature, TYPE_TSIG};
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
///
/// Of options that come twice the first counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Edns<'q> {
    /// The largest UDP payload the client takes, as sent.
    pub payload_octets: u16,
    /// The EDNS version.
    pub version: u8,
    /// The client wants signatures (RFC 3225).
    pub dnssec_ok: bool,
    /// The client's network.
    pub client_subnet: Option<ClientSubnet>,
    /// The client's cookie, and what it has of ours.
    pub cookie: Option<CookieOption<'q>>,
    /// The client asks which server this is (RFC 5001, 2.1).
    pub wants_nsid: bool,
    /// The client asks for the idle timeout (RFC 7828, 3.2.1).
    pub wants_keepalive: bool,
    /// The options do not add up, or one that we read is malformed. The reply is FORMERR, with an OPT record,
    /// so that the client does not take us for a server without EDNS (RFC 6891, 7).
    pub is_malformed: bool,
}

/// The records that are about the message and not about names.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PseudoRecords<'q> {
    /// The OPT record.
    pub edns: Option<Edns<'q>>,
    /// Where the TSIG record starts. It is rare: whoever needs it reads it again.
    pub signature_at: Option<usize>,
}

/// Finds the OPT and TSIG records among the records that start at `position`, right behind the question, and puts
/// them into `found`, where there are none before.
///
/// They are made where they are used: moving what has just been written in small pieces waits until the processor
/// has put the pieces together.
///
/// # Errors
/// Records that are not whole, octets behind the last one, two OPT records, an OPT record outside the
/// additional section or not at the root (RFC 6891, 6.1.1), a TSIG record that is malformed or not the last
/// of all (RFC 8945, 5.2).
#[inline]
pub fn read_pseudo_records<'q>(
    packet: &'q [u8],
    position: usize,
    record_counts: [u16; 3],
    found: &mut PseudoRecords<'q>,
) -> Result<(), Malformed> {
    if position == packet.len() && record_counts == [0; 3] {
        return Ok(());
    }
    walk_records(packet, position, record_counts, found)
}

fn walk_records<'q>(
    packet: &'q [u8],
    position: usize,
    record_counts: [u16; 3],
    found: &mut PseudoRecords<'q>,
) -> Result<(), Malformed> {
    let [answers, authorities, additionals] = record_counts;
    let before_additional = u32::from(answers) + u32::from(authorities);
    let question_end = position.saturating_sub(4);
    let mut position = position;
    for index in 0..before_additional + u32::from(additionals) {
        let owner_at = position;
        let record = Record::read(packet, owner_at)?;
        position = record.end;
        match record.record_type {
            TYPE_OPT | TYPE_TSIG if index < before_additional || found.signature_at.is_some() => {
                return Err(Malformed);
            }
            TYPE_OPT if record.is_at_root && found.edns.is_none() => {
                found.edns.insert(Edns::new(&record)).read(&record);
            }
            TYPE_OPT => return Err(Malformed),
            TYPE_TSIG => {
                Signature::read(packet, owner_at, question_end)?;
                found.signature_at = Some(owner_at);
            }
            _ if found.signature_at.is_some() => return Err(Malformed),
            _ => {}
        }
    }
    if position == packet.len() { Ok(()) } else { Err(Malformed) }
}

/// One record, as far as it matters.
pub(super) struct Record<'a> {
    is_at_root: bool,
    record_type: u16,
    pub(super) class: u16,
    pub(super) ttl: [u8; 4],
    pub(super) data: &'a [u8],
    end: usize,
}

impl<'a> Record<'a> {
    pub(super) fn read(packet: &'a [u8], position: usize) -> Result<Self, Malformed> {
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

impl<'q> Edns<'q> {
    /// What the fixed part of the record says.
    #[inline]
    fn new(record: &Record<'q>) -> Self {
        let [_extended_code, version, flags_high, flags_low] = record.ttl;
        Self {
            payload_octets: record.class,
            version,
            dnssec_ok: u16::from_be_bytes([flags_high, flags_low]) & DNSSEC_OK != 0,
            client_subnet: None,
            cookie: None,
            wants_nsid: false,
            wants_keepalive: false,
            is_malformed: false,
        }
    }

    /// Adds what the options say.
    fn read(&mut self, record: &Record<'q>) {
        // What the options of later versions look like is not known.
        if self.version == 0 {
            self.is_malformed = self.read_options(record.data).is_err();
        }
    }

    fn read_options(&mut self, options: &'q [u8]) -> Result<(), Malformed> {
        let mut rest = options;
        while !rest.is_empty() {
            let code = read_u16(rest, 0).ok_or(Malformed)?;
            let length = usize::from(read_u16(rest, 2).ok_or(Malformed)?);
            let data = rest.get(4..4 + length).ok_or(Malformed)?;
            rest = rest.get(4 + length..).ok_or(Malformed)?;
            match code {
                option_code::CLIENT_SUBNET if self.client_subnet.is_none() => {
                    self.client_subnet = Some(ClientSubnet::parse(data).map_err(|_| Malformed)?);
                }
                option_code::COOKIE if self.cookie.is_none() => {
                    self.cookie = Some(CookieOption::parse(data).map_err(|_| Malformed)?);
                }
                // Whatever their data: clients send none.
                option_code::NSID => self.wants_nsid = true,
                option_code::TCP_KEEPALIVE => self.wants_keepalive = true,
                _ => {}
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

    fn read_edns(packet: &[u8], position: usize, counts: [u16; 3]) -> Result<Option<Edns<'_>>, Malformed> {
        let mut found = PseudoRecords::default();
        read_pseudo_records(packet, position, counts, &mut found).map(|()| found.edns)
    }

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
        let record = opt(&[]);
        let edns = read_edns(&record, 0, [0, 0, 1]).unwrap().unwrap();
        assert_eq!((edns.payload_octets, edns.version, edns.dnssec_ok), (1232, 0, true));
        assert_eq!(edns.client_subnet, None);

        let options = [0, 3, 0, 0, 0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2, 253, 0, 0, 2, 1, 2];
        let record = opt(&options);
        let edns = read_edns(&record, 0, [0, 0, 1]).unwrap().unwrap();
        assert_eq!(edns.client_subnet.unwrap().source_bits(), 24);
        assert!(edns.wants_nsid && !edns.wants_keepalive && edns.cookie.is_none());
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
        let whole = opt(&[253, 0, 0, 2, 1, 2]);
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
        for options in [&[0, 9, 0, 3, 1, 2][..], &[0, 9, 0], &[0, 8, 0, 3, 0, 1, 24], &[0, 10, 0, 2, 1, 2]] {
            let record = opt(options);
            let edns = read_edns(&record, 0, [0, 0, 1]).unwrap().unwrap();
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
    fn the_first_of_several_options_counts() {
        let cookie = |octet: u8| [&[0, 10, 0, 8][..], &[octet; 8]].concat();
        let record = opt(&[cookie(1), cookie(2)].concat());
        let edns = read_edns(&record, 0, [0, 0, 1]).unwrap().unwrap();
        assert_eq!(edns.cookie, CookieOption::parse(&[1; 8]).ok());
    }

    #[test]
    fn a_signature_is_the_last_record_of_all() {
        let rdata = b"\x04hmac\0\0\0\0\0\0\x01\x01\x2c\0\0\x12\x34\0\0\0\0";
        let tsig = [&[0, 0, 250, 0, 255, 0, 0, 0, 0, 0, rdata.len() as u8][..], rdata].concat();
        let a_record = [0, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4, 1, 2, 3, 4].to_vec();
        let signature = |parts: &[&Vec<u8>], counts: [u16; 3]| {
            let packet: Vec<u8> = parts.iter().copied().flatten().copied().collect();
            let mut found = PseudoRecords::default();
            read_pseudo_records(&packet, 0, counts, &mut found)
                .map(|()| (found.edns.is_some(), found.signature_at.is_some()))
        };
        let opt = opt(&[]);
        assert_eq!(signature(&[&tsig], [0, 0, 1]), Ok((false, true)));
        assert_eq!(signature(&[&a_record, &opt, &tsig], [0, 0, 3]), Ok((true, true)));
        for other in [&opt, &a_record, &tsig] {
            assert_eq!(signature(&[&tsig, other], [0, 0, 2]), Err(Malformed));
        }
        assert_eq!(signature(&[&tsig], [1, 0, 0]), Err(Malformed));
        assert_eq!(signature(&[&tsig, &a_record], [0, 1, 1]), Err(Malformed));
    }

    #[test]
    fn an_endless_name_is_malformed() {
        let packet = [1u8; 600];
        assert_eq!(skip_name(&packet, 0), Err(Malformed));
    }
}
