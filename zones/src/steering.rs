//! Choosing among the answers of a record for one query.
//!
//! [`Steered::choose`] is what a query runs and what an explanation of it runs: who the client is, the
//! chain, and that equal answers go out once. Generic over its trace, it tells nothing and costs nothing
//! where `()` listens.

use std::net::IpAddr;

use filters::{Client, Context, Entropy, Entry, Scratch, Selection, Trace, WildcardLabels};
use geoip_data::GeoData;

use crate::limits::MAX_ANSWERS;
use crate::snapshot::{QueryName, Steered};

/// Who asks, and on whose behalf.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Asker {
    source: Client,
    subnet: Option<Client>,
    wildcard: WildcardLabels,
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
            wildcard: WildcardLabels::default(),
        }
    }

    /// Says that the answers are those of a wildcard for this name, whose closest encloser begins at a label; or,
    /// without one, that they are the name's own.
    #[inline]
    pub fn set_wildcard(&mut self, name: &QueryName, encloser_label: Option<usize>) {
        self.wildcard = encloser_label.map_or(WildcardLabels::default(), |label| {
            WildcardLabels::of(name.wire().get(..name.offset(label)).unwrap_or_default())
        });
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

/// The TXT records that chains add to a reply.
impl Workspace {
    /// Forgets those of the query before.
    #[inline]
    pub fn begin_query(&mut self) {
        self.scratch.begin_query();
    }

    /// Keeps those of the last choice until the next query, if there are any, whatever else is chosen for this
    /// one.
    #[inline]
    pub fn keep_texts(&mut self) -> bool {
        let has_texts = self.scratch.has_texts();
        if has_texts {
            self.scratch.keep_texts();
        }
        has_texts
    }

    /// Their rdata, each with the position of its answer, counted from 0.
    pub fn texts(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.scratch.texts()
    }
}

/// What goes out.
#[derive(Clone, Copy, Debug)]
pub struct Chosen<'w> {
    selection: &'w Selection,
    /// How many leading bits of the client's address the choice depends on (RFC 7871, 7.2.1). A reply says so
    /// only where the client came in a subnet option.
    pub scope_bits: u8,
    /// Whom the answers were chosen for.
    pub client: Client,
}

impl<'w> Chosen<'w> {
    /// Answers, and addresses that filters made, in order.
    #[inline]
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Entry> + 'w {
        self.selection.entries()
    }

    /// The same as a trace names them.
    pub fn as_slice(&self) -> &'w [u16] {
        self.selection.as_slice()
    }

    /// Whether nothing goes out.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.selection.is_empty()
    }
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
        let mut context = Context::new(client, geo, entropy, scratch).with_wildcard(asker.wildcard);
        self.chain.run(&mut context, selection, trace);
        let scope_bits = context.scope_bits();
        if selection.has_addresses() {
            selection.retain_first_of_equal(scratch, |entry| match entry {
                Entry::Answer(answer) => address_key(self.rdata(usize::from(answer))),
                Entry::Address { octets, .. } => address_key(&octets),
            });
        } else if self.has_duplicates() {
            sent.clear(count);
            selection.retain(|answer| sent.insert(self.canonical(usize::from(answer))));
        }
        Chosen { selection, scope_bits, client }
    }
}

/// Equal for equal IPv4 addresses. Only A records have addresses that filters made, so all rdata are such.
fn address_key(rdata: &[u8]) -> u64 {
    rdata.iter().fold(0, |key, octet| key << 8 | u64::from(*octet))
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
