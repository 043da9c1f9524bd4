//! `additional_metadata`: says more about the answers in TXT records.
//!
//! Each pair of an answer's `additional_metadata` becomes one TXT record in the additional section, written
//! `name=text`: in the order of the answers at this step, and of the pairs in each. The owner is made of the
//! position of the answer, so the step belongs at the end of a chain. The answers stay as they are.

use super::{Filter, Run};
use crate::catalog::FilterType;
use crate::column::ValueColumn;
use crate::meta::{MetaKey, MetaValue};
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "additional_metadata",
    aliases: &[],
    short_description: "Adds metadata to the reply",
    description: "Adds a TXT record to the additional section of the reply for each pair of \
                  <code>additional_metadata</code>, in the order of the answers. Belongs at the end of a chain.",
    tier: 2,
    inputs: &[MetaKey::AdditionalMetadata],
    options: &[],
    record_types: &[],
    looks_at_client: false,
    compile: |compiler, _| {
        let pairs = compiler.value(MetaKey::AdditionalMetadata)?;
        Ok(Filter::AdditionalMetadata(AdditionalMetadata { pairs }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct AdditionalMetadata {
    pairs: ValueColumn,
}

impl AdditionalMetadata {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        run.explain(|run, _, answer, used| {
            used.extend(run.used_value(&self.pairs, answer));
            match pairs(run.value(&self.pairs, answer)) {
                [] => Reason::Passed,
                pairs => Reason::TextsAdded { texts: pairs.len() },
            }
        });
        if !run.context.scratch.begin_texts() {
            return;
        }
        for (position, index) in (0..run.selection.len()).zip(0u16..) {
            let answer = run.answer_at(position);
            run.add_texts(&self.pairs, answer, index);
        }
    }
}

/// The pairs of a value.
pub(super) fn pairs(value: Option<&MetaValue>) -> &[(Box<str>, Box<str>)] {
    if let Some(MetaValue::Pairs(pairs)) = value { pairs } else { &[] }
}
