//! Writing a reply into a fixed buffer.
//!
//! [`ReplyBuilder`] appends records while they fit and can take back what did not fit as a whole. Owner names
//! that are a suffix of the question become a pointer without any search; other names, and the names inside
//! the data of the types for which RFC 3597, 4 allows it, are compressed through the [`NameTable`].

use zones::{CompressedName, RecordType, Rest, SoaView};

use crate::edns::client_subnet::ClientSubnet;
use crate::edns::extended_error::ExtendedError;
use crate::limits;
use crate::message::compress::NameTable;
use crate::message::{HEADER_OCTETS, ResponseCode, class, option_code};

const TYPE_OPT: u16 = 41;
const TYPE_TXT: u8 = 16;
const POINTER: u16 = 0xc000;
/// Root name, type, class, TTL and data length.
const OPT_FIXED_OCTETS: usize = 11;
const OPTION_HEADER_OCTETS: usize = 4;
const DNSSEC_OK: u16 = 0x8000;

/// What is being written does not fit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Full;

/// The sections that hold records.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Section {
    /// What was asked for.
    Answer,
    /// Whose answer it is, or who to ask.
    Authority,
    /// What the client will ask for next.
    Additional,
}

/// The owner name of a record.
#[derive(Clone, Copy, Debug)]
pub enum Owner<'a> {
    /// The question's name, from this offset on.
    Question(usize),
    /// A name in uncompressed wire form.
    Spelled(&'a [u8]),
}

/// A record but for its data.
#[derive(Clone, Copy, Debug)]
pub struct RecordHead<'a> {
    /// Whose record it is.
    pub owner: Owner<'a>,
    /// The type.
    pub record_type: u16,
    /// The time to live in seconds.
    pub ttl_s: u32,
}

/// The OPT record of a reply (RFC 6891, 6.1).
#[derive(Clone, Copy, Debug)]
pub struct ReplyEdns<'a> {
    /// The largest UDP payload we take.
    pub payload_octets: u16,
    /// Copied from the query (RFC 3225, 3).
    pub dnssec_ok: bool,
    /// The query's client subnet.
    pub client_subnet: Option<&'a ClientSubnet>,
    /// Other options, as they are sent.
    pub options: &'a [u8],
    /// Why there is no answer; sent only if it fits.
    pub extended_error: Option<ExtendedError>,
}

impl ReplyEdns<'_> {
    /// Octets of the OPT record without an extended error.
    fn octets(&self) -> usize {
        let subnet_octets = self.client_subnet.map_or(0, |subnet| OPTION_HEADER_OCTETS + subnet.octets());
        OPT_FIXED_OCTETS + subnet_octets + self.options.len()
    }
}

/// A place to go back to.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    length: usize,
    counts: [u16; 3],
    names: usize,
}

/// Writes one reply.
///
/// Invariants: `length <= limit <= out.len()`; the OPT record fits between `limit` and the end of the space
/// allowed.
pub struct ReplyBuilder<'a> {
    out: &'a mut [u8],
    length: usize,
    limit: usize,
    counts: [u16; 3],
    edns: Option<ReplyEdns<'a>>,
    names: &'a mut NameTable,
    question: QuestionEcho,
}

/// How far the echoed question goes, and whether its name can be pointed to from other names yet.
#[derive(Clone, Copy, Debug)]
struct QuestionEcho {
    name_end: usize,
    count: u16,
    is_indexed: bool,
}

impl<'a> ReplyBuilder<'a> {
    /// Starts a reply with the octets of `question` (name, type and class, uncompressed, or nothing) of at
    /// most `allowed` octets in all.
    ///
    /// # Errors
    /// [`Full`] when header, question and OPT record do not fit.
    pub fn new(
        out: &'a mut [u8],
        allowed: usize,
        question: &[u8],
        edns: Option<ReplyEdns<'a>>,
        names: &'a mut NameTable,
    ) -> Result<Self, Full> {
        let allowed = allowed.min(out.len());
        let limit = allowed.checked_sub(edns.map_or(0, |edns| edns.octets())).ok_or(Full)?;
        let length = HEADER_OCTETS + question.len();
        if length > limit {
            return Err(Full);
        }
        out.get_mut(HEADER_OCTETS..length).ok_or(Full)?.copy_from_slice(question);
        names.clear();
        let question = QuestionEcho {
            name_end: length.saturating_sub(4),
            count: u16::from(!question.is_empty()),
            is_indexed: false,
        };
        Ok(Self { out, length, limit, counts: [0; 3], edns, names, question })
    }

    /// Records written so far in a section.
    pub fn count(&self, section: Section) -> u16 {
        self.counts[section as usize]
    }

    /// Where the reply stands.
    pub fn mark(&self) -> Mark {
        Mark { length: self.length, counts: self.counts, names: self.names.len() }
    }

    /// Takes back everything written since `mark`.
    pub fn go_back(&mut self, mark: Mark) {
        self.length = mark.length;
        self.counts = mark.counts;
        self.names.truncate(mark.names);
    }

    /// Writes one record, its data given in uncompressed wire form.
    ///
    /// # Errors
    /// [`Full`] when it does not fit; what was written of it must then be taken back with
    /// [`ReplyBuilder::go_back`].
    pub fn record(&mut self, section: Section, head: RecordHead<'_>, rdata: &[u8]) -> Result<(), Full> {
        let count = self.counts[section as usize].checked_add(1).ok_or(Full)?;
        let layout = Layout::of(head.record_type);
        match head.owner {
            Owner::Question(offset) if layout.names == 0 && self.is_label_of_question(offset) => {
                self.plain_record(HEADER_OCTETS + offset, head, rdata)?;
            }
            _ => self.record_with_names(head, layout, rdata)?,
        }
        self.counts[section as usize] = count;
        Ok(())
    }

    /// Writes a record with a pointer as its owner and data without names: by far the most frequent kind.
    #[inline]
    fn plain_record(&mut self, owner_at: usize, head: RecordHead<'_>, rdata: &[u8]) -> Result<(), Full> {
        const HEAD_OCTETS: usize = 12;
        let end = self.length + HEAD_OCTETS + rdata.len();
        let [l0, l1] = u16::try_from(rdata.len()).map_err(|_| Full)?.to_be_bytes();
        if end > self.limit {
            return Err(Full);
        }
        let space = self.out.get_mut(self.length..end).ok_or(Full)?;
        let (fixed, data) = space.split_first_chunk_mut::<HEAD_OCTETS>().ok_or(Full)?;
        let [p0, p1] = (POINTER | owner_at as u16).to_be_bytes();
        let [t0, t1] = head.record_type.to_be_bytes();
        let [c0, c1] = class::IN.to_be_bytes();
        let [s0, s1, s2, s3] = head.ttl_s.to_be_bytes();
        *fixed = [p0, p1, t0, t1, c0, c1, s0, s1, s2, s3, l0, l1];
        data.copy_from_slice(rdata);
        self.length = end;
        Ok(())
    }

    fn record_with_names(&mut self, head: RecordHead<'_>, layout: Layout, rdata: &[u8]) -> Result<(), Full> {
        self.owner(head.owner)?;
        self.fixed(head.record_type, head.ttl_s)?;
        let data_at = self.length;
        self.compressed_rdata(layout, rdata)?;
        let length = u16::try_from(self.length - data_at).map_err(|_| Full)?;
        self.patch(data_at - 2, length);
        Ok(())
    }

    /// Writes type, class, TTL, and room for the length of the data.
    fn fixed(&mut self, record_type: u16, ttl_s: u32) -> Result<(), Full> {
        let [t0, t1] = record_type.to_be_bytes();
        let [c0, c1] = class::IN.to_be_bytes();
        let [s0, s1, s2, s3] = ttl_s.to_be_bytes();
        self.octets(&[t0, t1, c0, c1, s0, s1, s2, s3, 0, 0])
    }

    fn compressed_rdata(&mut self, layout: Layout, rdata: &[u8]) -> Result<(), Full> {
        let (prefix, mut rest) = rdata.split_at_checked(layout.prefix_octets).ok_or(Full)?;
        self.octets(prefix)?;
        for _ in 0..layout.names {
            let (name, behind) = rest.split_at_checked(name_octets(rest)).ok_or(Full)?;
            self.name(name)?;
            rest = behind;
        }
        self.octets(rest)
    }

    /// Whether nothing stands in the reply but the question.
    pub fn has_only_question(&self) -> bool {
        self.counts == [0; 3]
    }

    /// Writes the SOA record of a denial behind the question, the name of which has the zone's apex from
    /// `apex_offset` on and fits the record's names.
    ///
    /// # Errors
    /// As [`ReplyBuilder::record`].
    pub fn denial(&mut self, apex_offset: usize, soa: &SoaView<'_>) -> Result<(), Full> {
        self.owner(Owner::Question(apex_offset))?;
        self.fixed(RecordType::SOA.0, soa.negative_ttl)?;
        let data_at = self.length;
        let rest = self.compressed_name(soa.names.primary_master, soa.rdata, apex_offset, data_at)?;
        let numbers = self.compressed_name(soa.names.hostmaster, rest, apex_offset, data_at)?;
        self.octets(numbers)?;
        self.patch(data_at - 2, (self.length - data_at) as u16);
        self.counts[Section::Authority as usize] = 1;
        Ok(())
    }

    /// Writes the name at the front of `rdata` in its compressed form, and returns what follows it.
    fn compressed_name<'d>(
        &mut self,
        name: CompressedName,
        rdata: &'d [u8],
        apex_offset: usize,
        data_at: usize,
    ) -> Result<&'d [u8], Full> {
        self.octets(rdata.get(..usize::from(name.spelled_octets)).ok_or(Full)?)?;
        // All this stands within the first kilobyte: any pointer reaches it.
        match name.rest {
            Rest::Root => self.octets(&[0])?,
            Rest::Apex(at) => self.owner(Owner::Question(apex_offset + usize::from(at)))?,
            Rest::PrimaryMaster(at) => {
                self.octets(&(POINTER | (data_at + usize::from(at)) as u16).to_be_bytes())?;
            }
        }
        rdata.get(usize::from(name.octets)..).ok_or(Full)
    }

    /// Whether a label of the question's name, and not its root, is at an offset.
    #[inline]
    fn is_label_of_question(&self, offset: usize) -> bool {
        HEADER_OCTETS + offset + 1 < self.question.name_end
    }

    fn owner(&mut self, owner: Owner<'_>) -> Result<(), Full> {
        match owner {
            Owner::Question(offset) => {
                if !self.is_label_of_question(offset) {
                    return self.octets(&[0]);
                }
                // The question's name ends within the first 267 octets: any pointer reaches it.
                self.octets(&(POINTER | (HEADER_OCTETS + offset) as u16).to_be_bytes())
            }
            Owner::Spelled(name) => self.name(name),
        }
    }

    /// Writes a name, as much of it as possible as a pointer to where it stands already.
    fn name(&mut self, name: &[u8]) -> Result<(), Full> {
        if !self.question.is_indexed {
            self.question.is_indexed = true;
            if let Some(question) = self.out.get(..self.question.name_end) {
                self.names.add_written(question, HEADER_OCTETS);
            }
        }
        let written = self.out.get(..self.length).ok_or(Full)?;
        let found = self.names.find(written, name);
        let spelled = name.get(..found.spelled_octets).ok_or(Full)?;
        let at = self.length;
        self.octets(spelled)?;
        match found.pointer {
            Some(pointer) => self.octets(&(POINTER | pointer).to_be_bytes())?,
            None => self.octets(&[0])?,
        }
        self.names.add(found, at);
        Ok(())
    }

    #[inline]
    fn octets(&mut self, octets: &[u8]) -> Result<(), Full> {
        let end = self.length + octets.len();
        if end > self.limit {
            return Err(Full);
        }
        self.out.get_mut(self.length..end).ok_or(Full)?.copy_from_slice(octets);
        self.length = end;
        Ok(())
    }

    /// Writes the first `used` of `octets`. Where there is room, all are copied: a copy of a known length is a
    /// few instructions, one of another length a call.
    #[inline]
    fn front_of<const ALL: usize>(&mut self, octets: &[u8; ALL], used: usize) -> Result<(), Full> {
        match self.out.get_mut(self.length..self.length + ALL) {
            Some(room) if self.length + used <= self.limit => {
                room.copy_from_slice(octets);
                self.length += used;
                Ok(())
            }
            _ => self.octets(octets.get(..used).ok_or(Full)?),
        }
    }

    fn patch(&mut self, at: usize, value: u16) {
        if let Some(slot) = self.out.get_mut(at..at + 2) {
            slot.copy_from_slice(&value.to_be_bytes());
        }
    }

    /// Writes the text record that answers the question, of class CH.
    ///
    /// # Errors
    /// [`Full`] when it does not fit.
    pub fn server_text(&mut self, rdata: &[u8]) -> Result<(), Full> {
        let [c0, c1] = class::CH.to_be_bytes();
        let [l0, l1] = u16::try_from(rdata.len()).map_err(|_| Full)?.to_be_bytes();
        self.owner(Owner::Question(0))?;
        self.octets(&[0, TYPE_TXT, c0, c1, 0, 0, 0, 0, l0, l1])?;
        self.octets(rdata)?;
        self.counts[Section::Answer as usize] = 1;
        Ok(())
    }

    /// Tells a client that has EDNS why there is no answer.
    pub fn explain(&mut self, extended_error: ExtendedError) {
        if let Some(edns) = &mut self.edns {
            edns.extended_error = Some(extended_error);
        }
    }

    /// Writes the OPT record and the header, and returns the length of the reply.
    ///
    /// `flags` are those of the second header word, without the response code.
    pub fn finish(mut self, id: u16, flags: u16, code: ResponseCode, scope_bits: u8) -> usize {
        let code = code as u16;
        if let Some(edns) = self.edns {
            // The space was set aside by `new`.
            self.limit = self.out.len().min(self.limit + edns.octets());
            if self.opt(&edns, code, scope_bits).is_ok() {
                self.counts[Section::Additional as usize] =
                    self.counts[Section::Additional as usize].saturating_add(1);
            }
        }
        let [answers, authorities, additionals] = self.counts;
        let words = [id, flags | (code & 0xf), self.question.count, answers, authorities, additionals];
        if let Some(header) = self.out.first_chunk_mut::<HEADER_OCTETS>() {
            let [[a, b], [c, d], [e, f], [g, h], [i, j], [k, l]] = words.map(u16::to_be_bytes);
            *header = [a, b, c, d, e, f, g, h, i, j, k, l];
        }
        self.length
    }

    fn opt(&mut self, edns: &ReplyEdns<'_>, code: u16, scope_bits: u8) -> Result<(), Full> {
        let extended_code = (code >> 4) as u8;
        let flags = if edns.dnssec_ok { DNSSEC_OK } else { 0 };
        // No space was set aside for it: most replies have none, and those that have it have no records.
        let error_octets = OPTION_HEADER_OCTETS + ExtendedError::OCTETS;
        let error = edns.extended_error.filter(|_| self.length + edns.octets() + error_octets <= self.limit);
        let data_octets = edns.octets() - OPT_FIXED_OCTETS + error.map_or(0, |_| error_octets);
        let [t0, t1] = TYPE_OPT.to_be_bytes();
        let [p0, p1] = edns.payload_octets.to_be_bytes();
        let [f0, f1] = flags.to_be_bytes();
        let [d0, d1] = (data_octets as u16).to_be_bytes();
        self.octets(&[0, t0, t1, p0, p1, extended_code, 0, f0, f1, d0, d1])?;
        if let Some(subnet) = edns.client_subnet {
            let length = subnet.octets();
            let [c0, c1] = option_code::CLIENT_SUBNET.to_be_bytes();
            let [l0, l1] = (length as u16).to_be_bytes();
            self.octets(&[c0, c1, l0, l1])?;
            self.front_of(&subnet.reply_data(scope_bits), length)?;
        }
        if !edns.options.is_empty() {
            self.octets(edns.options)?;
        }
        match error {
            Some(error) => self.option(option_code::EXTENDED_ERROR, &error.octets()),
            None => Ok(()),
        }
    }

    fn option(&mut self, code: u16, data: &[u8]) -> Result<(), Full> {
        let [c0, c1] = code.to_be_bytes();
        let [l0, l1] = (data.len() as u16).to_be_bytes();
        self.octets(&[c0, c1, l0, l1])?;
        self.octets(data)
    }
}

/// Where the compressible names of a type's data are: behind a prefix, one after the other.
#[derive(Clone, Copy, Debug)]
struct Layout {
    prefix_octets: usize,
    names: u8,
}

impl Layout {
    /// Only the types of RFC 1035 may have compressed names in their data (RFC 3597, 4).
    fn of(record_type: u16) -> Self {
        match record_type {
            // NS, MD, MF, CNAME, MB, MG, MR, PTR
            2..=5 | 7..=9 | 12 => Self { prefix_octets: 0, names: 1 },
            // SOA, MINFO
            6 | 14 => Self { prefix_octets: 0, names: 2 },
            // MX
            15 => Self { prefix_octets: 2, names: 1 },
            _ => Self { prefix_octets: 0, names: 0 },
        }
    }
}

/// Octets of the uncompressed name at the start of `bytes`; the whole of `bytes` and one more if it is not
/// whole.
fn name_octets(bytes: &[u8]) -> usize {
    let mut at = 0;
    while let Some(&length) = bytes.get(at) {
        at += 1 + usize::from(length);
        if length == 0 {
            return at;
        }
    }
    bytes.len() + 1
}

/// The payload that a reply may fill: what the client takes, but no more than we send, and never below what
/// every client takes (RFC 6891, 6.2.3).
pub fn allowed_octets(client_payload: Option<u16>, our_payload: u16) -> usize {
    match client_payload {
        None => limits::MINIMUM_UDP_PAYLOAD,
        Some(octets) => usize::from(octets.min(our_payload)).max(limits::MINIMUM_UDP_PAYLOAD),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUESTION: &[u8] = b"\x03www\x07example\x00\x00\x01\x00\x01";
    const HEAD: RecordHead<'_> = RecordHead { owner: Owner::Question(0), record_type: 2, ttl_s: 60 };

    #[test]
    fn the_payload_is_the_smaller_one_within_bounds() {
        assert_eq!(allowed_octets(None, 1232), 512);
        assert_eq!(allowed_octets(Some(0), 1232), 512);
        assert_eq!(allowed_octets(Some(1000), 1232), 1000);
        assert_eq!(allowed_octets(Some(u16::MAX), 1232), 1232);
    }

    #[test]
    fn what_was_taken_back_is_not_pointed_to() {
        let mut names = NameTable::default();
        let mut out = [0; 512];
        let mut reply = ReplyBuilder::new(&mut out, 512, QUESTION, None, &mut names).unwrap();
        let mark = reply.mark();
        reply.record(Section::Answer, HEAD, b"\x02ns\x05other\x00").unwrap();
        reply.go_back(mark);
        reply.record(Section::Answer, HEAD, b"\x05other\x00").unwrap();
        let length = reply.finish(1, 0, ResponseCode::NoError, 0);
        assert_eq!(&out[4..8], [0, 1, 0, 1], "one question, one answer");
        assert_eq!(&out[length - 9..length], b"\x00\x07\x05other\x00", "spelled out");
    }

    #[test]
    fn names_end_where_the_question_has_them() {
        let mut names = NameTable::default();
        let mut out = [0; 512];
        let mut reply = ReplyBuilder::new(&mut out, 512, QUESTION, None, &mut names).unwrap();
        reply.record(Section::Answer, HEAD, b"\x02ns\x07EXAMPLE\x00").unwrap();
        let root = RecordHead { owner: Owner::Question(12), record_type: 1, ttl_s: 60 };
        reply.record(Section::Answer, root, &[1, 2, 3, 4]).unwrap();
        let length = reply.finish(1, 0, ResponseCode::NoError, 0);
        let expected = [
            &[0xc0, 12, 0, 2, 0, 1, 0, 0, 0, 60, 0, 5, 2, b'n', b's', 0xc0, 16][..],
            &[0, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, 1, 2, 3, 4],
        ];
        assert_eq!(out[12 + QUESTION.len()..length], expected.concat());
    }

    #[test]
    fn data_that_is_not_what_its_type_says_is_left_out_whole() {
        let mut names = NameTable::default();
        let mut out = [0; 512];
        let mut reply = ReplyBuilder::new(&mut out, 512, QUESTION, None, &mut names).unwrap();
        let mark = reply.mark();
        assert_eq!(reply.record(Section::Answer, HEAD, &[5, b'a']), Err(Full));
        reply.go_back(mark);
        assert_eq!(reply.finish(1, 0, ResponseCode::NoError, 0), 12 + QUESTION.len());
    }

    #[test]
    fn the_opt_record_has_its_place_in_the_fullest_reply() {
        let edns = ReplyEdns {
            payload_octets: 1232,
            dnssec_ok: true,
            client_subnet: None,
            options: &[0, 10, 0, 1, 7],
            extended_error: Some(ExtendedError::NotSupported),
        };
        let mut names = NameTable::default();
        let mut out = [0; 600];
        let mut reply = ReplyBuilder::new(&mut out, 512, QUESTION, Some(edns), &mut names).unwrap();
        let head = RecordHead { record_type: 1, ..HEAD };
        while reply.record(Section::Answer, head, &[0; 4]).is_ok() {
            assert!(reply.mark().length <= 512 - OPT_FIXED_OCTETS - 5);
        }
        assert!(reply.finish(1, 0, ResponseCode::BadVersion, 0) <= 512);
    }
}
