//! Record documents: what is accepted can be served.

use std::cell::RefCell;

use control_api::dto::record::{AnswerFields, RecordFields};
use control_api::service::RecordPath;
use filters::AnswerId;
use serde_json::{Map, Value};
use server::{Disposition, Peer, Transport};
use sextant_tests::responder_over;
use zones::{AnswerDoc, Change, Name, RecordDoc, RecordId, RecordType, World, ZoneSettings, compile};

const TYPES: [RecordType; 6] =
    [RecordType::A, RecordType::AAAA, RecordType::CNAME, RecordType::TXT, RecordType::MX, RecordType::HTTPS];

thread_local! {
    static WORLD: RefCell<World> = RefCell::new(World::new());
}

/// An octet for the type, then the body of a request for a record. It is read, compiled, published and
/// asked for.
pub fn record(data: &[u8]) {
    let Some((&first, json)) = data.split_first() else { return };
    let rtype = TYPES[usize::from(first) % TYPES.len()];
    let Ok(body) = serde_json::from_slice::<Map<String, Value>>(json) else { return };
    let name = |text: &str| Name::parse(text).expect("it is a name");
    let path = RecordPath { zone: name("example.test"), owner: name("www.example.test"), rtype };
    let Ok(fields) = RecordFields::parse(&body, &path) else { return };
    let Ok(record) = compile::record(&document(fields, &path), &|_| None) else { return };
    let settings = ZoneSettings {
        apex: path.zone.clone(),
        primary_master: name("ns1.example.test"),
        hostmaster: name("hostmaster.example.test"),
        serial: 1,
        refresh_s: 1,
        retry_s: 1,
        expire_s: 1,
        ttl_s: 1,
        negative_ttl_s: 1,
        link: None,
        is_served: true,
    };
    let changes = [Change::PutZone(settings), Change::PutRecord { zone: path.zone.clone(), record }];
    let snapshot = WORLD.with_borrow_mut(|world| world.apply(1, changes));
    let mut responder = responder_over(snapshot, 7);
    for transport in [Transport::Udp, Transport::Tcp] {
        let query = [
            &b"\xab\xcd\0\0\0\x01\0\0\0\0\0\x01"[..],
            path.owner.as_wire(),
            &rtype.0.to_be_bytes(),
            b"\0\x01\0\0\x29\x04\xd0\0\0\0\0\0\x0b\0\x08\0\x07\0\x01\x18\0\x51\x02\x45",
        ]
        .concat();
        let mut out = vec![0; 65_535];
        let peer = Peer { address: ([198, 51, 100, 7], 4242).into(), transport };
        let Disposition::Reply(octets) = responder.answer(&query, peer, &mut out) else {
            panic!("a good query has a reply")
        };
        sextant_tests::check_reply(&query, Some(&out[..octets]), transport);
    }
}

fn document(fields: RecordFields, path: &RecordPath) -> RecordDoc {
    let (zone, owner) = (path.zone.to_string(), path.owner.to_string());
    let mut record = RecordDoc::new(RecordId([1; 12]), &zone, &owner, path.rtype, fields.ttl.unwrap_or(60));
    record.use_client_subnet = fields.use_client_subnet.unwrap_or(true);
    record.filters = fields.filters.unwrap_or_default();
    record.regions = fields.regions.unwrap_or_default();
    record.meta = fields.meta.unwrap_or_default();
    let answer = |(index, answer): (usize, AnswerFields)| AnswerDoc {
        id: AnswerId([index as u8; 12]),
        answer: answer.answer,
        meta: answer.meta,
        region: answer.region,
    };
    record.answers = fields.answers.unwrap_or_default().into_iter().enumerate().map(answer).collect();
    record
}
