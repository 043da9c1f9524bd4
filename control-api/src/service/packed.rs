//! Plain records in few octets.
//!
//! Most records are plain: no chain, no metadata, and answers that say what their rdata says. Such a record
//! is stored as its rdata in wire form, in a quarter of the octets that JSON takes, and a start serves it
//! without ever reading JSON. What is read back is exactly what was written: a record of which that is not so
//! (an answer written as `"010"`, say) is not plain, and is stored as JSON.
//!
//! ```text
//! record  format u8 │ flags u8 │ TTL u32 │ id, 12 octets │ answers
//! answer  id, 3 or 12 octets │ rdata length u16 │ rdata
//! ```
//!
//! Zone, owner and type are those of the key. Numbers are little-endian.

use filters::{AnswerId, OnEmpty};
use serde_json::Map;
use zones::{AnswerDoc, CompiledRecord, Name, RecordDoc, RecordId, RecordType, rdata};

use super::codec;
use crate::ids::ObjectId;

/// The version octet of packed records.
const FORMAT: u8 = 2;

/// `use_client_subnet` is set.
const USE_CLIENT_SUBNET: u8 = 1;
/// The record is in network 0, and in no other; without this flag it is in none.
const GLOBAL_NETWORK: u8 = 2;
/// The ids of the answers begin like that of the record, and only their counters are there.
const NEAR_IDS: u8 = 4;

/// The octets that ids made by one process in the same second share.
const SHARED_ID_OCTETS: usize = 9;

const HEADER_OCTETS: usize = 18;

/// A record in its packed form.
#[derive(Clone, Copy, Debug)]
pub(super) struct PackedRecord<'a> {
    flags: u8,
    ttl: u32,
    id: ObjectId,
    answers: &'a [u8],
}

impl<'a> PackedRecord<'a> {
    /// Takes a stored value apart; nothing if it is something else, or damaged.
    pub(super) fn read(value: &'a [u8]) -> Option<Self> {
        let (header, answers) = value.split_first_chunk::<HEADER_OCTETS>()?;
        let [FORMAT, flags, ttl @ ..] = header else { return None };
        let (ttl, id) = ttl.split_first_chunk()?;
        Some(Self { flags: *flags, ttl: u32::from_le_bytes(*ttl), id: id.try_into().ok()?, answers })
    }

    /// The answers: id and rdata; an error where they are damaged.
    pub(super) fn answers(&self) -> impl Iterator<Item = Result<(ObjectId, &'a [u8]), Damaged>> + use<'a> {
        let Self { flags, id, answers: mut rest, .. } = *self;
        std::iter::from_fn(move || {
            if rest.is_empty() {
                return None;
            }
            let taken = take_answer(&mut rest, flags & NEAR_IDS != 0, id);
            if taken.is_none() {
                rest = &[];
            }
            Some(taken.ok_or(Damaged))
        })
    }

    /// What queries read of the record, which is at `owner`, or why it cannot be served.
    pub(super) fn compile(&self, owner: &str, rtype: RecordType) -> Result<CompiledRecord, String> {
        let owner = Name::parse(owner).map_err(|error| error.to_string())?;
        let rdata = |answer: Result<(ObjectId, &'a [u8]), Damaged>| {
            let (_, rdata) = answer.map_err(|error| error.to_string())?;
            rdata::check(rtype, rdata).map(|()| rdata).map_err(|error| error.to_string())
        };
        let mut rdatas = self.answers().map(rdata);
        let compiled = match (rdatas.next().transpose()?, rdatas.next().transpose()?) {
            // Most records have one answer, and need no list.
            (Some(only), None) => CompiledRecord::from_rdata(owner, rtype, self.ttl, &[only]),
            (first, second) => {
                let known = first.into_iter().chain(second).map(Ok);
                let all = known.chain(rdatas).collect::<Result<Vec<_>, String>>()?;
                CompiledRecord::from_rdata(owner, rtype, self.ttl, &all)
            }
        };
        compiled.map_err(|error| error.to_string())
    }

    /// The document. The key says where the record is.
    pub(super) fn document(&self, key: &[u8]) -> Result<RecordDoc, Damaged> {
        let (zone, owner, rtype) = codec::parse_record_key(key).ok_or(Damaged)?;
        let mut record = RecordDoc::new(RecordId(self.id), zone, owner, rtype, self.ttl);
        record.use_client_subnet = self.flags & USE_CLIENT_SUBNET != 0;
        if self.flags & GLOBAL_NETWORK != 0 {
            record.networks.push(0);
        }
        for answer in self.answers() {
            let (id, rdata) = answer?;
            let answer = rdata::to_fields(rtype, rdata).map_err(|_| Damaged)?;
            record.answers.push(AnswerDoc { id: AnswerId(id), answer, meta: Map::new(), region: None });
        }
        Ok(record)
    }
}

/// The octets are not a packed record.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error("a packed record is damaged")]
pub(super) struct Damaged;

fn take_answer<'a>(rest: &mut &'a [u8], is_near: bool, near: ObjectId) -> Option<(ObjectId, &'a [u8])> {
    let mut id = near;
    let (own, after) = rest.split_at_checked(if is_near { id.len() - SHARED_ID_OCTETS } else { id.len() })?;
    let shared = id.len() - own.len();
    id[shared..].copy_from_slice(own);
    let (length, after) = after.split_first_chunk()?;
    let (rdata, after) = after.split_at_checked(usize::from(u16::from_le_bytes(*length)))?;
    *rest = after;
    Some((id, rdata))
}

/// Packs a record, whose key is given; nothing if it is not a plain one.
pub(super) fn pack(key: &[u8], record: &RecordDoc) -> Option<Vec<u8>> {
    // Every field is named: one that is added must be looked at here, or it would be lost.
    #[rustfmt::skip]
    let RecordDoc {
        id, domain, zone, rtype, ttl, use_client_subnet, override_ttl, override_address_records, answers, filters,
        on_empty, regions, meta, link, networks, extra,
    } = record;
    let is_bare = !override_ttl
        && !override_address_records
        && filters.is_empty()
        && *on_empty == OnEmpty::default()
        && regions.is_empty()
        && meta.is_empty()
        && link.is_none()
        && extra.is_empty()
        && matches!(networks[..], [] | [0]);
    if !is_bare || codec::parse_record_key(key) != Some((zone, domain, *rtype)) {
        return None;
    }
    let rdata = |answer: &AnswerDoc| {
        let AnswerDoc { id: _, answer, meta, region } = answer;
        let rdata = rdata::from_fields(*rtype, answer).ok()?;
        let is_plain = meta.is_empty() && region.is_none();
        (is_plain && rdata::to_fields(*rtype, &rdata).ok()? == *answer).then_some(rdata)
    };
    let rdatas: Vec<Vec<u8>> = answers.iter().map(rdata).collect::<Option<_>>()?;
    let mut flags = if *use_client_subnet { USE_CLIENT_SUBNET } else { 0 };
    if !networks.is_empty() {
        flags |= GLOBAL_NETWORK;
    }
    let mut packed = Vec::new();
    let ids = answers.iter().map(|answer| answer.id.0);
    write(flags, *ttl, id.0, ids.zip(rdatas.iter().map(Vec::as_slice)), &mut packed)?;
    Some(packed)
}

/// Appends a record as an import makes it: in the global network, with ids from `make_id`.
///
/// `None` when an answer is too long for any message.
pub(super) fn write_new<'a>(
    ttl: u32,
    rdatas: impl Iterator<Item = &'a [u8]> + Clone,
    mut make_id: impl FnMut() -> ObjectId,
    packed: &mut Vec<u8>,
) -> Option<()> {
    let id = make_id();
    let answers = rdatas.map(|rdata| (make_id(), rdata)).collect::<Vec<_>>();
    write(USE_CLIENT_SUBNET | GLOBAL_NETWORK, ttl, id, answers.into_iter(), packed)
}

fn write<'a>(
    flags: u8,
    ttl: u32,
    id: ObjectId,
    answers: impl Iterator<Item = (ObjectId, &'a [u8])> + Clone,
    packed: &mut Vec<u8>,
) -> Option<()> {
    let are_near = answers.clone().all(|(answer, _)| answer[..SHARED_ID_OCTETS] == id[..SHARED_ID_OCTETS]);
    let shared = if are_near { SHARED_ID_OCTETS } else { 0 };
    packed.extend_from_slice(&[FORMAT, flags | if are_near { NEAR_IDS } else { 0 }]);
    packed.extend_from_slice(&ttl.to_le_bytes());
    packed.extend_from_slice(&id);
    for (answer, rdata) in answers {
        packed.extend_from_slice(&answer[shared..]);
        packed.extend_from_slice(&u16::try_from(rdata.len()).ok()?.to_le_bytes());
        packed.extend_from_slice(rdata);
    }
    Some(())
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn key() -> Vec<u8> {
        let name = |text| Name::parse(text).unwrap();
        codec::record_key(&name("example"), &name("www.example"), RecordType::MX)
    }

    fn record(answers: &[Value]) -> RecordDoc {
        let mut record = RecordDoc::new(RecordId([7; 12]), "example", "www.example", RecordType::MX, 1 << 30);
        record.networks.push(0);
        for (number, answer) in (0..).zip(answers) {
            let mut id = [7; 12];
            id[11] = number;
            let answer = answer.as_array().unwrap().clone();
            record.answers.push(AnswerDoc { id: AnswerId(id), answer, meta: Map::new(), region: None });
        }
        record
    }

    fn packed_and_back(record: &RecordDoc) -> Option<RecordDoc> {
        let packed = pack(&key(), record)?;
        Some(PackedRecord::read(&packed).unwrap().document(&key()).unwrap())
    }

    #[test]
    fn a_plain_record_comes_back_as_it_was() {
        let mut plain = record(&[json!([10, "mail.example.com"]), json!([20, "b.example.com"])]);
        assert_eq!(packed_and_back(&plain).as_ref(), Some(&plain));
        assert_eq!(pack(&key(), &plain).unwrap().len(), 18 + (3 + 2 + 20) + (3 + 2 + 17));
        plain.use_client_subnet = false;
        plain.networks.clear();
        plain.answers[1].id.0[0] = 8;
        assert_eq!(packed_and_back(&plain).as_ref(), Some(&plain), "with ids that have nothing in common");
        assert_eq!(packed_and_back(&record(&[])), Some(record(&[])));
    }

    #[test]
    fn a_record_that_says_more_than_its_rdata_is_not_plain() {
        let plain = || record(&[json!([10, "mail.example.com"])]);
        let changes: [fn(&mut RecordDoc); 13] = [
            |record| record.answers[0].answer[0] = json!("10"),
            |record| record.answers[0].answer[1] = json!("Mail.example.com."),
            |record| record.answers[0].answer = vec![json!("10 mail.example.com")],
            |record| record.on_empty = OnEmpty::All,
            |record| drop(record.answers[0].meta.insert("up".to_owned(), json!(true))),
            |record| record.answers[0].region = Some("east".to_owned()),
            |record| drop(record.meta.insert("weight".to_owned(), json!(1))),
            |record| drop(record.regions.insert("east".to_owned(), json!({}))),
            |record| drop(record.extra.insert("tags".to_owned(), json!({}))),
            |record| record.networks = vec![0, 0],
            |record| record.override_ttl = true,
            |record| record.link = Some("a.example".to_owned()),
            |record| record.domain = "WWW.example".to_owned(),
        ];
        for (number, change) in changes.iter().enumerate() {
            let mut changed = plain();
            change(&mut changed);
            assert_ne!(changed, plain());
            assert_eq!(pack(&key(), &changed), None, "change {number}");
        }
    }

    #[test]
    fn a_new_record_gets_the_ids_that_were_made_for_it() {
        let mut next = 0;
        let make_id = || {
            next += 1;
            [[0; 11].as_slice(), &[next]].concat().try_into().unwrap()
        };
        let mut packed = Vec::new();
        write_new(60, [b"\x00\x0a\x01b\x00".as_slice()].into_iter(), make_id, &mut packed).unwrap();
        let document = PackedRecord::read(&packed).unwrap().document(&key()).unwrap();
        assert_eq!((document.id.0[11], document.answers[0].id.0[11], document.ttl), (1, 2, 60));
        assert_eq!(
            (&document.answers[0].answer, &document.networks),
            (&vec![json!(10), json!("b")], &vec![0])
        );
    }

    #[test]
    fn no_cut_and_no_flipped_bit_panics() {
        let whole = pack(&key(), &record(&[json!([10, "mail.example.com"])])).unwrap();
        let read = |octets: &[u8]| PackedRecord::read(octets).map(|record| record.document(&key()));
        for cut in 19..whole.len() {
            assert_eq!(read(&whole[..cut]), Some(Err(Damaged)), "{cut} octets");
        }
        for bit in 0..whole.len() * 8 {
            let mut flipped = whole.clone();
            flipped[bit / 8] ^= 1 << (bit % 8);
            let _ = read(&flipped);
        }
    }
}
