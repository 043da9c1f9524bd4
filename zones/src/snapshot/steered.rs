//! RRsets whose answers are chosen for each query.

use std::collections::HashMap;

use filters::{AnswerId, Chain};

use crate::id::RecordId;

/// The answers of a record together with its compiled chain.
pub struct Steered {
    /// The record this came from: a linked record shows its target's here.
    pub record_id: RecordId,
    /// Whether an EDNS client subnet stands for the client (RFC 7871).
    pub use_client_subnet: bool,
    /// Decides which answers go out, and in which order.
    pub chain: Chain,
    rdata: Box<[u8]>,
    /// One more than there are answers: where the rdata of each starts, and the end.
    starts: Box<[u32]>,
    canonical: Box<[u16]>,
    has_duplicates: bool,
    answer_ids: Box<[AnswerId]>,
}

/// One answer of a [`Steered`] RRset to be.
pub(crate) struct SteeredAnswer {
    pub(crate) id: AnswerId,
    pub(crate) rdata: Vec<u8>,
}

impl Steered {
    /// Packs answers, of which there are at most [`crate::limits::MAX_ANSWERS`] with bounded rdata.
    pub(crate) fn new(
        record_id: RecordId,
        use_client_subnet: bool,
        chain: Chain,
        answers: &[SteeredAnswer],
    ) -> Self {
        let mut rdata = Vec::new();
        let mut starts = vec![0];
        let mut first_of = HashMap::new();
        let mut canonical = Vec::with_capacity(answers.len());
        for (index, answer) in answers.iter().enumerate() {
            rdata.extend_from_slice(&answer.rdata);
            starts.push(rdata.len() as u32);
            canonical.push(*first_of.entry(&answer.rdata).or_insert(index as u16));
        }
        Self {
            record_id,
            use_client_subnet,
            chain,
            has_duplicates: first_of.len() < answers.len(),
            rdata: rdata.into(),
            starts: starts.into(),
            canonical: canonical.into(),
            answer_ids: answers.iter().map(|answer| answer.id).collect(),
        }
    }

    /// How many answers there are before the chain runs.
    #[inline]
    pub fn answer_count(&self) -> usize {
        self.answer_ids.len()
    }

    /// The rdata of an answer, in wire form; empty for an index that no answer has.
    #[inline]
    pub fn rdata(&self, index: usize) -> &[u8] {
        match (self.starts.get(index), self.starts.get(index + 1)) {
            (Some(&start), Some(&end)) => &self.rdata[start as usize..end as usize],
            _ => &[],
        }
    }

    /// The first answer with the same rdata: equal ones go out once (RFC 2181, 5).
    ///
    /// # Panics
    /// When no answer has the index.
    #[inline]
    pub fn canonical(&self, index: usize) -> u16 {
        self.canonical[index]
    }

    /// Whether two answers have the same rdata, so that a reply must look for duplicates at all.
    #[inline]
    pub fn has_duplicates(&self) -> bool {
        self.has_duplicates
    }

    /// The identifier of an answer.
    ///
    /// # Panics
    /// When no answer has the index.
    #[inline]
    pub fn answer_id(&self, index: usize) -> AnswerId {
        self.answer_ids[index]
    }
}

impl std::fmt::Debug for Steered {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.debug_struct("Steered")
            .field("record_id", &self.record_id)
            .field("answers", &self.answer_count())
            .finish_non_exhaustive()
    }
}
