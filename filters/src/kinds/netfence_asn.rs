//! `netfence_asn`: only answers of the requester's autonomous system, by the rules of all fences.

use super::fence::{Untagged, any_tagged};
use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::column::ListColumn;
use crate::context::Mark;
use crate::meta::MetaKey;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "netfence_asn",
    aliases: &[],
    short_description: "Fences by the requester's AS number",
    description: "Removes the answers whose <code>asn</code> list lacks the requester's AS number. If none matches, \
                  the answers without AS numbers remain.",
    tier: 3,
    inputs: &[MetaKey::Asn],
    options: &[OptionType {
        name: "remove_no_asn",
        kind: OptionKind::Flag,
        required: false,
        default: Some("1"),
        short_description: "Remove answers without AS numbers",
        description: "Whether answers without AS numbers are removed when another answer matches.",
    }],
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, settings| {
        let untagged = Untagged::from_option(settings.flag("remove_no_asn"));
        Ok(Filter::NetfenceAsn(NetfenceAsn { numbers: compiler.list(MetaKey::Asn)?, untagged }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct NetfenceAsn {
    numbers: ListColumn<u32>,
    untagged: Untagged,
}

impl NetfenceAsn {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if !any_tagged(run, &self.numbers) {
            return run.explain(|_, _, _, _| Reason::UntaggedKept);
        }
        let requester = run.context.asn();
        run.mark(|run, answer| match run.list(&self.numbers, answer) {
            None => Mark::Untagged,
            Some(numbers) if requester.is_some_and(|asn| numbers.binary_search(&asn).is_ok()) => Mark::Keep,
            Some(_) => Mark::Drop,
        });
        run.explain(|run, position, answer, used| {
            used.extend(run.used_list(&self.numbers, answer));
            self.untagged.reason(run, run.mark_at(position), Reason::AsnMatch)
        });
        self.untagged.apply(run);
    }
}
