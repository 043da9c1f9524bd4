//! `cost`: the lowest `cost` wins; `eliminate` is off unless it is said otherwise.

use super::Filter;
use super::by_value::{ByValue, Others};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::meta::MetaKey;

pub(crate) const TYPE: FilterType = FilterType {
    name: "cost",
    aliases: &[],
    short_description: "Sorts by cost",
    description: "Sorts the answers by <code>cost</code>, lowest first. With <code>eliminate</code> on, keeps only \
                  the lowest instead. Answers without a value \
                  come last or go, unless no answer has one.",
    tier: 2,
    inputs: &[MetaKey::Cost],
    options: &[OptionType {
        name: "eliminate",
        kind: OptionKind::Flag,
        required: false,
        default: Some("0"),
        short_description: "Eliminate all others",
        description: "Whether only the answers with the lowest value stay.",
    }],
    record_types: &[],
    looks_at_client: false,
    compile: |compiler, settings| {
        let others = Others::from_option(settings.flag("eliminate"));
        Ok(Filter::ByValue(ByValue { value: compiler.number(MetaKey::Cost)?, others }))
    },
};
