//! The answers of an RRset as the API shows them.
//!
//! Queries read wire form; who reads an explanation knows the ids and fields that were stored. The snapshot
//! and the stored record may be one change apart: what the record does not have any more is shown from its
//! wire form.

use std::collections::HashMap;

use filters::{AnswerId, Recorder};
use serde_json::Value;
use zones::{AnswerDoc, RecordDoc, RecordType, Rrset, RrsetBody, rdata};

/// One answer.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Shown {
    /// Its identifier; `None` when the record that it was stored in has changed in this moment.
    pub(crate) id: Option<AnswerId>,
    /// Its fields as they were sent.
    pub(crate) answer: Vec<Value>,
    /// Its data as a zone file has them.
    pub(crate) rdata: String,
    /// Its data on the wire.
    pub(crate) wire: Vec<u8>,
}

/// All answers of an RRset, in the order of their indices.
pub(crate) fn shown(rrset: &Rrset<'_>, document: Option<&RecordDoc>) -> Vec<Shown> {
    let answers = document.map(|document| document.answers.as_slice()).unwrap_or_default();
    match rrset.body {
        RrsetBody::Static(list) => {
            let mut stored: HashMap<Vec<u8>, &AnswerDoc> = HashMap::new();
            for answer in answers {
                if let Ok(wire) = rdata::from_fields(rrset.rtype, &answer.answer) {
                    stored.entry(wire).or_insert(answer);
                }
            }
            list.iter().map(|wire| show(rrset.rtype, wire, None, stored.get(wire).copied())).collect()
        }
        RrsetBody::Steered(record) => {
            let stored: HashMap<AnswerId, &AnswerDoc> =
                answers.iter().map(|answer| (answer.id, answer)).collect();
            let show_one = |index| {
                let id = record.answer_id(index);
                show(rrset.rtype, record.rdata(index), Some(id), stored.get(&id).copied())
            };
            (0..record.answer_count()).map(show_one).collect()
        }
    }
}

/// Shows the addresses that a chain made after the answers, under the ids of those that they stand for.
pub(crate) fn add_made(recorder: &Recorder, answers: &mut Vec<Shown>) {
    for made in &recorder.addresses {
        let id = made.answer.and_then(|answer| answers.get(usize::from(answer))).and_then(|answer| answer.id);
        let rdata = made.address.to_string();
        let (answer, wire) = (vec![Value::from(rdata.as_str())], made.address.octets().to_vec());
        answers.push(Shown { id, answer, rdata, wire });
    }
}

fn show(rtype: RecordType, wire: &[u8], id: Option<AnswerId>, stored: Option<&AnswerDoc>) -> Shown {
    let text = text_of(rtype, wire);
    Shown {
        id: id.or(stored.map(|answer| answer.id)),
        answer: match stored {
            Some(answer) => answer.answer.clone(),
            None => rdata::to_fields(rtype, wire).unwrap_or_else(|_| vec![Value::from(text.as_str())]),
        },
        rdata: text,
        wire: wire.to_vec(),
    }
}

/// Data in the form of a zone file.
pub(crate) fn text_of(rtype: RecordType, wire: &[u8]) -> String {
    // RFC 3597, 5 has a form for octets of any meaning.
    let generic = || format!("\\# {} {}", wire.len(), data_encoding::HEXLOWER.encode(wire));
    rdata::to_text(rtype, wire).unwrap_or_else(|_| generic())
}
