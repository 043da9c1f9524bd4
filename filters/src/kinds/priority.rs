//! `priority`: the lowest `priority` wins; `eliminate` is on unless it is said otherwise.

use super::Filter;
use super::by_value::{ByValue, Others};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::meta::MetaKey;

pub(crate) const TYPE: FilterType = FilterType {
    name: "priority",
    aliases: &[],
    short_description: "Keeps the answers of the lowest priority value",
    description: "Keeps only the answers with the lowest <code>priority</code>. With \
                  <code>eliminate</code> off, sorts by it instead. Answers without a value \
                  come last or go, unless no answer has one.",
    tier: 2,
    inputs: &[MetaKey::Priority],
    options: &[OptionType {
        name: "eliminate",
        kind: OptionKind::Flag,
        required: false,
        default: Some("1"),
        short_description: "Eliminate all others",
        description: "Whether only the answers with the lowest value stay.",
    }],
    record_types: &[],
    looks_at_client: false,
    compile: |compiler, settings| {
        let others = Others::from_option(settings.flag("eliminate"));
        Ok(Filter::ByValue(ByValue { value: compiler.number(MetaKey::Priority)?, others }))
    },
};
