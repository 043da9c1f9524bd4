//! `parse_ipv4`: the address that is spelled in the name asked for.
//!
//! For A records at a wildcard. Where the labels that `*` stands for are four decimals with the separator between
//! them, that address is added at the end, without metadata; with `.` the decimals are labels. Otherwise, and for
//! a name that exists, nothing happens.

use std::net::Ipv4Addr;

use super::ipv4_prefix_shuffle::A;
use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "parse_ipv4",
    aliases: &[],
    short_description: "Answers with the address in the name",
    description: "For wildcard records: when the labels that <code>*</code> stands for spell an IPv4 address, as \
                  in <code>192-0-2-1.example.com</code>, adds that address to the answers.",
    tier: 3,
    inputs: &[],
    options: &[OptionType {
        name: "separator",
        kind: OptionKind::Word(&["-", ".", "_"]),
        required: false,
        default: Some("-"),
        short_description: "Separator",
        description: "What stands between the four decimals: <code>-</code>, <code>.</code> or <code>_</code>.",
    }],
    record_types: &[A],
    looks_at_client: false,
    compile: |_, settings| {
        let separator = settings.word("separator").bytes().next().unwrap_or(b'-');
        Ok(Filter::ParseIpv4(ParseIpv4 { separator }))
    },
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct ParseIpv4 {
    separator: u8,
}

impl ParseIpv4 {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        run.explain(|_, _, _, _| Reason::Passed);
        let Some(octets) = run.context.wildcard().ipv4(self.separator) else { return };
        if let Some(entry) = run.selection.push_address(None, octets) {
            run.trace.address(entry, None, Ipv4Addr::from(octets));
        }
    }
}
