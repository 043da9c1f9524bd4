//! Choosing among the answers of a record for one query.
//!
//! [`Steered::choose`] is what a query runs and what an explanation of it runs: who the client is, the
//! chain, and that equal answers go out once. Generic over its trace, it tells nothing and costs nothing
//! where `()` listens.

use std::net::IpAddr;

use filters::{Client, Context, Entropy, Scratch, Selection, Trace};
use geoip_data::GeoData;

use crate::limits::MAX_ANSWERS;
use crate::snapshot::Steered;

/// Who asks, and on whose behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    source: Client,
    subnet: Option<Client>,
}

impl Asker {
    /// A query from `source`, with the address and the source prefix length of its EDNS client subnet if it
    /// has one. A prefix length of 0 says that the client does not want to be known (RFC 7871, 7.1.2), so that
    /// the source stands for it.
    pub fn new(source: IpAddr, subnet: Option<(IpAddr, u8)>) -> Self {
        let subnet = subnet.filter(|(_, bits)| *bits > 0);
        Self {
            source: Client::source(source),
            subnet: subnet.map(|(address, bits)| Client::subnet(address, bits)),
        }
    }

    /// Whom answers are for: the subnet where the record honors one, else the source.
    #[inline]
    pub fn client(&self, use_client_subnet: bool) -> Client {
        self.subnet.filter(|_| use_client_subnet).unwrap_or(self.source)
    }
}

/// Buffers for choosing, made once per worker.
#[derive(Default)]
pub struct Workspace {
    scratch: Scratch,
    selection: Selection,
    sent: AnswerSet,
}

/// What goes out.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'w> {
    /// The indices of the answers, in order.
    pub answers: &'w [u16],
    /// How many leading bits of the client's address the choice depends on (RFC 7871, 7.2.1). A reply says so
    /// only where the client came in a subnet option.
    pub scope_bits: u8,
    /// Whom the answers were chosen for.
    pub client: Client,
}

impl Steered {
    /// Runs the chain for one query and gives the answers that go out, in order. Of answers with the same
    /// data only the first goes out.
    #[inline]
    pub fn choose<'w, T: Trace>(
        &self,
        asker: &Asker,
        geo: &GeoData,
        entropy: &mut Entropy,
        workspace: &'w mut Workspace,
        trace: &mut T,
    ) -> Chosen<'w> {
        let Workspace { scratch, selection, sent } = workspace;
        let client = asker.client(self.use_client_subnet);
        let count = self.answer_count();
        selection.reset(count);
        let mut context = Context::new(client, geo, entropy, scratch);
        self.chain.run(&mut context, selection, trace);
        let scope_bits = context.scope_bits();
        if self.has_duplicates() {
            sent.clear(count);
            selection.retain(|answer| sent.insert(self.canonical(usize::from(answer))));
        }
        Chosen { answers: selection.as_slice(), scope_bits, client }
    }
}

/// A set of answer indices.
struct AnswerSet {
    words: Box<[u64]>,
}

impl Default for AnswerSet {
    fn default() -> Self {
        Self { words: vec![0; MAX_ANSWERS.div_ceil(64)].into_boxed_slice() }
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

#[cfg(test)]
mod tests {
    use super::*;

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

    #[test]
    fn a_subnet_of_no_bits_is_no_subnet() {
        let source: IpAddr = "192.0.2.1".parse().unwrap();
        assert_eq!(Asker::new(source, Some((source, 0))), Asker::new(source, None));
        assert_ne!(Asker::new(source, Some((source, 24))), Asker::new(source, None));
    }
}
