//! Queries: reading one whole, and what becomes of those that are not for data of zones.

use zones::{QueryName, RecordType};

use crate::edns::extended_error::ExtendedError;
use crate::message::parse::{Edns, Header, PseudoRecords, read_pseudo_records};
use crate::message::signature::Signature;
use crate::message::{HEADER_OCTETS, Opcode, ResponseCode, class, read_u16};

/// What was read at the place where a message has the name of its question.
#[derive(Clone, Copy)]
pub struct QuestionName<'q> {
    /// The name, or the root.
    pub name: &'q QueryName,
    /// Whether there is a name.
    pub is_whole: bool,
}

/// A message that can be read to its end.
pub struct Query<'q> {
    /// Its header.
    pub header: Header,
    /// Name, type and class as sent; nothing when there is no question.
    pub question: &'q [u8],
    /// The name of the question. It means nothing when there is no question.
    pub name: &'q QueryName,
    /// The type asked for.
    pub record_type: RecordType,
    /// The class asked for.
    pub class: u16,
    pseudo_records: &'q PseudoRecords<'q>,
}

/// The message does not add up. The reply repeats its question, if that can be read.
pub struct Unreadable<'q> {
    /// Name, type and class as sent, or nothing.
    pub question: &'q [u8],
}

/// What the cookie of a query tells about who sent it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sender {
    /// There is no cookie, or cookies are off.
    WithoutCookie,
    /// It has a cookie of its own and none of ours yet.
    New,
    /// It has a server cookie that is not ours, not for its address, or old.
    Doubtful,
    /// It has a cookie that we made for its address.
    Proven,
}

/// What becomes of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is answered with records.
    Resolve,
    /// It asks about the server itself.
    Describe,
    /// It is answered without records.
    Decline(ResponseCode, Option<ExtendedError>),
    /// It is signed.
    UnknownKey,
}

impl<'q> Query<'q> {
    /// Reads what comes before and after the name of a message's question; what is no question goes into
    /// `pseudo_records`, which must be empty.
    ///
    /// # Errors
    /// More than one question, and all that [`read_pseudo_records`] finds wrong.
    #[inline]
    pub fn read(
        packet: &'q [u8],
        header: Header,
        name: QuestionName<'q>,
        pseudo_records: &'q mut PseudoRecords<'q>,
    ) -> Result<Self, Unreadable<'q>> {
        let question = match header.question_count {
            0 => &[],
            1 => question(packet, name).ok_or(Unreadable { question: &[] })?,
            _ => return Err(Unreadable { question: &[] }),
        };
        let end = HEADER_OCTETS + question.len();
        read_pseudo_records(packet, end, header.record_counts, pseudo_records)
            .map_err(|_| Unreadable { question })?;
        let word_before = |octets: usize| {
            question.len().checked_sub(octets).and_then(|at| read_u16(question, at)).unwrap_or_default()
        };
        Ok(Self {
            header,
            question,
            name: name.name,
            record_type: RecordType(word_before(4)),
            class: word_before(2),
            pseudo_records,
        })
    }

    /// The OPT record.
    #[inline]
    pub fn edns(&self) -> Option<&'q Edns<'q>> {
        self.pseudo_records.edns.as_ref()
    }

    /// The signature of the query, which must be in `packet`.
    #[cold]
    pub fn signature(&self, packet: &'q [u8]) -> Option<Signature<'q>> {
        let question_end = (HEADER_OCTETS + self.question.len()).saturating_sub(4);
        Signature::read(packet, self.pseudo_records.signature_at?, question_end).ok()
    }

    /// What becomes of the query, and whose data is not looked at to tell.
    ///
    /// `is_proof_demanded` is whether the sender must prove its address, if it can.
    #[inline]
    pub fn verdict(&self, sender: Sender, is_proof_demanded: bool) -> Verdict {
        use ResponseCode as Code;
        let decline = |code| Verdict::Decline(code, None);
        match self.edns() {
            Some(Edns { version: 1.., .. }) => return decline(Code::BadVersion),
            _ if self.header.opcode() == Opcode::Other => return decline(Code::NotImplemented),
            Some(Edns { is_malformed: true, .. }) => return decline(Code::FormatError),
            _ => {}
        }
        if self.pseudo_records.signature_at.is_some() {
            return Verdict::UnknownKey;
        }
        match self.header.opcode() {
            Opcode::Query if self.question.is_empty() => return decline(code_without_question(sender)),
            Opcode::Query => {}
            _ if self.question.is_empty() => return decline(Code::FormatError),
            _ => return Verdict::Decline(Code::Refused, Some(ExtendedError::NotSupported)),
        }
        if is_proof_demanded && matches!(sender, Sender::New | Sender::Doubtful) {
            return decline(Code::BadCookie);
        }
        self.verdict_on_question()
    }

    #[inline]
    fn verdict_on_question(&self) -> Verdict {
        let not_supported = Verdict::Decline(ResponseCode::Refused, Some(ExtendedError::NotSupported));
        match (self.class, self.record_type) {
            (class::CH, RecordType::TXT | RecordType::ANY) => return Verdict::Describe,
            (class::IN | class::ANY, _) => {}
            _ => return not_supported,
        }
        match self.record_type {
            RecordType::AXFR | RecordType::IXFR => not_supported,
            RecordType::MAILA | RecordType::MAILB => Verdict::Decline(ResponseCode::NotImplemented, None),
            // These are never asked for (RFC 6891, 6.1.1; RFC 8945, 5; RFC 2930, 3; RFC 9824, 3.4).
            RecordType::OPT | RecordType::TSIG | RecordType::TKEY | RecordType::NXNAME => {
                Verdict::Decline(ResponseCode::FormatError, None)
            }
            _ => Verdict::Resolve,
        }
    }
}

/// A query without a question is for a server cookie, or for a word on the one it has (RFC 7873, 5.4).
fn code_without_question(sender: Sender) -> ResponseCode {
    match sender {
        Sender::WithoutCookie => ResponseCode::FormatError,
        Sender::Doubtful => ResponseCode::BadCookie,
        Sender::New | Sender::Proven => ResponseCode::NoError,
    }
}

/// The octets of the question.
#[inline]
fn question<'q>(packet: &'q [u8], name: QuestionName<'_>) -> Option<&'q [u8]> {
    let name_octets = name.is_whole.then(|| name.name.wire().len())?;
    packet.get(HEADER_OCTETS..HEADER_OCTETS + name_octets + 4)
}
