//! `netfence_prefix`: only answers with a prefix that holds the requester, by the rules of all fences.
//!
//! Any covering prefix matches; the longest has no privilege. For a client subnet its first address is tested.
//! The scope is as long as the matched prefix, and as long as it takes to tell the requester from every prefix
//! that did not match.

use super::fence::{Untagged, any_tagged};
use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::column::ListColumn;
use crate::context::Mark;
use crate::meta::MetaKey;
use crate::prefix::{IpPrefix, membership};
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "netfence_prefix",
    aliases: &[],
    short_description: "Fences by the requester's address",
    description: "Removes the answers whose <code>ip_prefixes</code> do not hold the requester's address. If none \
                  matches, the answers without prefixes remain.",
    tier: 3,
    inputs: &[MetaKey::IpPrefixes],
    options: &[OptionType {
        name: "remove_no_ip_prefixes",
        kind: OptionKind::Flag,
        required: false,
        default: Some("1"),
        short_description: "Remove answers without prefixes",
        description: "Whether answers without prefixes are removed when another answer matches.",
    }],
    record_types: &[],
    looks_at_client: true,
    compile: |compiler, settings| {
        let untagged = Untagged::from_option(settings.flag("remove_no_ip_prefixes"));
        Ok(Filter::NetfencePrefix(NetfencePrefix { prefixes: compiler.list(MetaKey::IpPrefixes)?, untagged }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct NetfencePrefix {
    prefixes: ListColumn<IpPrefix>,
    untagged: Untagged,
}

impl NetfencePrefix {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if !any_tagged(run, &self.prefixes) {
            return run.explain(|_, _, _, _| Reason::UntaggedKept);
        }
        let address = run.context.client().address;
        run.mark(|run, answer| {
            let found = run.list(&self.prefixes, answer).map(|prefixes| membership(prefixes, address));
            let Some(found) = found else { return Mark::Untagged };
            run.context.widen_scope(found.scope_bits);
            if found.is_member { Mark::Keep } else { Mark::Drop }
        });
        run.explain(|run, position, answer, used| {
            used.extend(run.used_list(&self.prefixes, answer));
            self.untagged.reason(run, run.mark_at(position), Reason::PrefixMatch)
        });
        self.untagged.apply(run);
    }
}
