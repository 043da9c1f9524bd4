//! A record made ready to be tried, without being served.

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::Arc;

use filters::{Entropy, Entry, FeedCell, FeedId, MetaKey};
use geoip_data::GeoData;
use serde_json::Value;
use zones::{Asker, CompiledRecord, RecordDoc, RecordType, Rrset, RrsetBody, Workspace, compile};

use crate::error::ApiError;
use crate::service::Service;
use crate::service::documents::PushedValue;
use crate::v1::explain::answers::shown;

/// The values of feeds as they were when they were first looked at, with some overridden: a simulation sees
/// one moment.
pub(crate) struct FrozenFeeds<'s> {
    service: &'s Service,
    overrides: HashMap<FeedId, Vec<PushedValue>>,
    cells: RefCell<HashMap<FeedId, Arc<FeedCell>>>,
}

impl<'s> FrozenFeeds<'s> {
    /// The values of now.
    pub(crate) fn new(service: &'s Service, overrides: HashMap<FeedId, Vec<PushedValue>>) -> Self {
        Self { service, overrides, cells: RefCell::default() }
    }

    /// The values of a feed.
    fn cell(&self, id: FeedId) -> Option<Arc<FeedCell>> {
        if let Some(cell) = self.cells.borrow().get(&id) {
            return Some(Arc::clone(cell));
        }
        let live = self.service.feed_cell(id)?;
        let frozen = Arc::new(FeedCell::new(id));
        for key in MetaKey::ALL.iter().copied() {
            frozen.set(key, live.get(key).as_ref(), live.updated_at_s());
        }
        for PushedValue { key, value, .. } in self.overrides.get(&id).into_iter().flatten() {
            frozen.set(*key, value.as_ref(), live.updated_at_s());
        }
        self.cells.borrow_mut().insert(id, Arc::clone(&frozen));
        Some(frozen)
    }
}

/// One answer of a side.
pub(crate) struct SideAnswer {
    /// Its fields as they were sent.
    pub(crate) fields: Vec<Value>,
    /// Stands for its data: equal for equal data, on both sides.
    pub(crate) data: u32,
}

/// A record ready to be tried.
pub(crate) struct Side {
    rtype: RecordType,
    compiled: CompiledRecord,
    steps: usize,
    /// Those of the record; of a record without a chain, each data once.
    pub(crate) answers: Vec<SideAnswer>,
}

/// Numbers for data, shared by the sides that are compared.
#[derive(Default)]
pub(crate) struct DataNumbers(HashMap<Vec<u8>, u32>);

impl DataNumbers {
    fn of(&mut self, wire: Vec<u8>) -> u32 {
        // Two records have at most 8192 answers.
        let next = self.0.len() as u32;
        *self.0.entry(wire).or_insert(next)
    }
}

impl Side {
    /// Compiles a record. A linked one has what its target has; `None` when that is not there.
    ///
    /// # Errors
    /// 400 for what cannot be served.
    pub(crate) fn new(
        service: &Service,
        record: RecordDoc,
        feeds: &FrozenFeeds<'_>,
        numbers: &mut DataNumbers,
    ) -> Result<Option<Self>, ApiError> {
        let Some(record) = service.behind_links(record)? else { return Ok(None) };
        let compiled = compile::record(&record, &|id| feeds.cell(id))
            .map_err(|error| ApiError::bad_request(format!("Input validation failed ({error})")))?;
        let Some(body) = compiled.body() else { return Ok(None) };
        let rrset = Rrset { rtype: record.rtype, ttl: record.ttl, body };
        let answers = shown(&rrset, Some(&record)).into_iter();
        let answers = answers.map(|one| SideAnswer { fields: one.answer, data: numbers.of(one.wire) });
        let (rtype, steps, answers) = (record.rtype, record.filters.len(), answers.collect());
        Ok(Some(Self { rtype, compiled, steps, answers }))
    }

    /// How much one run takes: answers looked at in all steps.
    pub(crate) fn cost(&self) -> usize {
        self.answers.len() * (self.steps + 1)
    }

    /// Fills `order` with the answers that a client gets.
    pub(crate) fn run(
        &self,
        asker: &Asker,
        geo: &GeoData,
        entropy: &mut Entropy,
        workspace: &mut Workspace,
        order: &mut Vec<u16>,
    ) {
        order.clear();
        match self.compiled.body() {
            Some(RrsetBody::Steered(record)) => {
                // Addresses that filters draw count for the answers in whose place they stand.
                let answer = |entry| match entry {
                    Entry::Answer(answer) => Some(answer),
                    Entry::Address { answer, .. } => answer,
                };
                order
                    .extend(record.choose(asker, geo, entropy, workspace, &mut ()).iter().filter_map(answer));
                order.dedup();
            }
            Some(RrsetBody::Static(_)) => order.extend((0..).zip(&self.answers).map(|(index, _)| index)),
            None => {}
        }
        // One name has one canonical name, and one DNAME.
        if matches!(self.rtype, RecordType::CNAME | RecordType::DNAME) {
            order.truncate(1);
        }
    }
}
