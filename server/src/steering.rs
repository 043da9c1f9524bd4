//! Choosing among the answers of a record: running its filter chain for the client at hand.

use filters::{Client, Context, Entropy, Scratch, Selection};
use geoip_data::GeoData;
use zones::Steered;

use crate::telemetry::counters::{Counter, Counters};

/// Buffers for choosing, made once per worker.
#[derive(Default)]
pub struct Workspace {
    scratch: Scratch,
    selection: Selection,
    sent: AnswerSet,
}

/// A set of answer indices.
struct AnswerSet {
    words: Box<[u64]>,
}

impl Default for AnswerSet {
    fn default() -> Self {
        Self { words: vec![0; filters::limits::MAX_ANSWERS.div_ceil(64)].into_boxed_slice() }
    }
}

impl AnswerSet {
    /// Empties the set for indices below `count`.
    fn clear(&mut self, count: usize) {
        for word in self.words.iter_mut().take(count.div_ceil(64)) {
            *word = 0;
        }
    }

    /// Adds an index; false if it is there already.
    fn insert(&mut self, index: u16) -> bool {
        let bit = 1 << (index % 64);
        let Some(word) = self.words.get_mut(usize::from(index / 64)) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }
}

/// Everything that one query's choices depend on, and the scope they gather.
pub struct Steering<'w> {
    peer: Client,
    subnet: Option<Client>,
    geo: &'w GeoData,
    entropy: &'w mut Entropy,
    workspace: &'w mut Workspace,
    counters: &'w Counters,
    scope_bits: u8,
}

impl<'w> Steering<'w> {
    /// Choices for a query from `peer`, on behalf of `subnet` if it says so.
    pub fn new(
        peer: Client,
        subnet: Option<Client>,
        geo: &'w GeoData,
        entropy: &'w mut Entropy,
        workspace: &'w mut Workspace,
        counters: &'w Counters,
    ) -> Self {
        Self { peer, subnet, geo, entropy, workspace, counters, scope_bits: 0 }
    }

    /// Runs a record's chain and returns the answers that go out, in order. Of answers with the same data
    /// only the first goes out.
    pub fn choose(&mut self, record: &Steered) -> &[u16] {
        let Workspace { scratch, selection, sent } = &mut *self.workspace;
        let subnet = self.subnet.filter(|_| record.use_client_subnet);
        let count = record.answer_count();
        selection.reset(count);
        let mut context = Context::new(subnet.unwrap_or(self.peer), self.geo, self.entropy, scratch);
        record.chain.run(&mut context, selection, &mut ());
        if subnet.is_some() {
            self.scope_bits = self.scope_bits.max(context.scope_bits());
        }
        sent.clear(count);
        selection.retain(|answer| sent.insert(record.canonical(usize::from(answer))));
        self.counters.count(Counter::ChainsRun);
        if selection.is_empty() {
            self.counters.count(Counter::ChainsEmptied);
        }
        selection.as_slice()
    }

    /// The widest look that any chain took at the client subnet (RFC 7871, 7.2.1): 0 if none looked.
    pub fn scope_bits(&self) -> u8 {
        self.scope_bits
    }

    /// What the worker counts.
    pub fn counters(&self) -> &Counters {
        self.counters
    }
}

#[cfg(test)]
mod tests {
    use super::AnswerSet;

    #[test]
    fn an_index_is_new_once() {
        let mut set = AnswerSet::default();
        assert!(set.insert(0) && set.insert(64) && set.insert(4095));
        assert!(!set.insert(64));
        set.clear(65);
        assert!(set.insert(64));
        assert!(!set.insert(4095));
        assert!(!set.insert(u16::MAX), "an index that no record has");
    }
}
