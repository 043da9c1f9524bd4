//! Choosing among the answers of a record: running its filter chain for the client at hand.

use filters::Entropy;
use geoip_data::GeoData;
use zones::{Asker, Chosen, QueryName, Steered, Workspace};

use crate::telemetry::counters::{Counter, Counters};

/// Everything that one query's choices depend on, and the scope they gather.
pub struct Steering<'w> {
    asker: &'w mut Asker,
    geo: &'w GeoData,
    entropy: &'w mut Entropy,
    workspace: &'w mut Workspace,
    counters: &'w Counters,
    scope_bits: u8,
}

impl<'w> Steering<'w> {
    /// Choices for a query from `asker`.
    pub fn new(
        asker: &'w mut Asker,
        geo: &'w GeoData,
        entropy: &'w mut Entropy,
        workspace: &'w mut Workspace,
        counters: &'w Counters,
    ) -> Self {
        workspace.begin_query();
        Self { asker, geo, entropy, workspace, counters, scope_bits: 0 }
    }

    /// Runs a record's chain and returns what goes out, in order. Of answers with the same data
    /// only the first goes out.
    #[inline]
    pub fn choose(&mut self, record: &Steered) -> Chosen<'_> {
        let chosen = record.choose(self.asker, self.geo, self.entropy, self.workspace, &mut ());
        if chosen.client.from_subnet {
            self.scope_bits = self.scope_bits.max(chosen.scope_bits);
        }
        self.counters.count(Counter::ChainsRun);
        if chosen.is_empty() {
            self.counters.count(Counter::ChainsEmptied);
        }
        chosen
    }

    /// Says for which name the next choices are, and whether a wildcard stands for it from this label on.
    #[inline]
    pub fn set_wildcard(&mut self, name: &QueryName, encloser_label: Option<usize>) {
        self.asker.set_wildcard(name, encloser_label);
    }

    /// Keeps the TXT records that the last choice added to the reply; false if there are none.
    #[inline]
    pub fn keep_texts(&mut self) -> bool {
        self.workspace.keep_texts()
    }

    /// The rdata of the TXT records, each with the position of its answer, counted from 0.
    pub fn texts(&self) -> impl Iterator<Item = (u16, &[u8])> {
        self.workspace.texts()
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
