//! `ipv4_prefix_shuffle`: random addresses out of the prefixes of each answer.
//!
//! Each answer with IPv4 prefixes in `ip_prefixes` is replaced by N distinct addresses, drawn from all addresses
//! of its prefixes, those that networks and broadcasts have included; by all of them, in random order, if there
//! are fewer. The addresses stand where the answer stood and have its metadata for the filters that follow.
//! Answers without IPv4 prefixes pass, and so do addresses that an earlier step made.

use std::net::{IpAddr, Ipv4Addr};

use rand::RngExt;

use super::shuffle::shuffle;
use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::chain::ChainError;
use crate::column::{ListColumn, ListPlace};
use crate::compile::Compiler;
use crate::config::Settings;
use crate::limits::{MAX_ANSWERS, MAX_DRAWN_ADDRESSES};
use crate::meta::MetaKey;
use crate::prefix::IpPrefix;
use crate::selection::Entry;
use crate::trace::{Reason, Trace};

/// The number of A records.
pub(super) const A: u16 = 1;

pub(crate) const TYPE: FilterType = FilterType {
    name: "ipv4_prefix_shuffle",
    aliases: &[],
    short_description: "Draws addresses from prefixes",
    description: "Replaces each answer that has IPv4 prefixes in <code>ip_prefixes</code> by <code>N</code> \
                  different addresses drawn from them; by all of them if there are fewer. Answers without IPv4 \
                  prefixes pass.",
    tier: 3,
    inputs: &[MetaKey::IpPrefixes],
    options: &[OptionType {
        name: "N",
        kind: OptionKind::Count { low: 1, high: MAX_DRAWN_ADDRESSES },
        required: false,
        default: Some("1"),
        short_description: "Number of addresses",
        description: "How many addresses to draw for each answer.",
    }],
    record_types: &[A],
    looks_at_client: false,
    compile,
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct Ipv4PrefixShuffle {
    prefixes: ListColumn<IpPrefix>,
    count: u32,
}

fn compile(compiler: &mut Compiler<'_>, settings: &Settings) -> Result<Filter, ChainError> {
    let (prefixes, count) = (compiler.list(MetaKey::IpPrefixes)?, settings.count("N"));
    let replaced = prefixes.places.iter().filter(|place| **place != ListPlace::Missing).count();
    let addresses = replaced * usize::try_from(count).unwrap_or(usize::MAX);
    if addresses + (compiler.answer_count() - replaced) > MAX_ANSWERS {
        return Err(ChainError::TooManyAddresses { index: compiler.step(), addresses });
    }
    Ok(Filter::Ipv4PrefixShuffle(Ipv4PrefixShuffle { prefixes, count }))
}

impl Ipv4PrefixShuffle {
    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        if self.prefixes.is_empty() {
            return run.explain(|_, _, _, _| Reason::Passed);
        }
        run.explain(|run, position, answer, used| {
            let is_address = matches!(run.entry_at(position), Entry::Address { .. });
            let addresses = if is_address { 0 } else { self.draws(run, answer) };
            if addresses == 0 {
                return Reason::Passed;
            }
            used.extend(run.used_list(&self.prefixes, answer));
            Reason::Replaced { addresses: addresses as usize }
        });
        run.replace_entries(|run, entry| match run.selection.resolve(entry) {
            Entry::Answer(answer) if self.draws(run, answer) > 0 => self.draw(run, answer),
            Entry::Answer(_) | Entry::Address { .. } => run.selection.push(entry),
        });
    }

    /// How many addresses are drawn for an answer.
    fn draws<T: Trace>(&self, run: &mut Run<'_, '_, T>, answer: u16) -> u32 {
        let total: u64 =
            ranges(run.list(&self.prefixes, answer).unwrap_or_default()).map(|(_, size)| size).sum();
        u32::try_from(total.min(u64::from(self.count))).unwrap_or(self.count)
    }

    /// Draws positions in the union without repeating any (Floyd): each time one more position may be drawn, and
    /// where one that was drawn before comes up, that new one is taken. This draws every set equally often, but
    /// not in every order, so the set is shuffled.
    fn draw<T: Trace>(&self, run: &mut Run<'_, '_, T>, answer: u16) {
        let mut drawn = [0u64; MAX_DRAWN_ADDRESSES as usize];
        let prefixes =
            self.prefixes.read(answer, run.slots, &mut run.context.scratch.live).unwrap_or_default();
        let total: u64 = ranges(prefixes).map(|(_, size)| size).sum();
        let count = total.min(u64::from(self.count));
        let mut made = 0;
        for (index, last) in (total - count..total).enumerate() {
            let candidate = run.context.entropy.random_range(0..=last);
            let known = drawn.get(..index).unwrap_or_default();
            let taken = if known.contains(&candidate) { last } else { candidate };
            if let Some(place) = drawn.get_mut(index) {
                *place = taken;
                made = index + 1;
            }
        }
        let drawn = &mut drawn[..made];
        shuffle(drawn, made, run.context.entropy);
        for position in drawn {
            let Some(octets) = nth(prefixes, *position) else { continue };
            if let Some(entry) = run.selection.push_address(Some(answer), octets) {
                run.trace.address(entry, Some(answer), Ipv4Addr::from(octets));
            }
        }
    }
}

/// The first address and the size of each IPv4 prefix.
fn ranges(prefixes: &[IpPrefix]) -> impl Iterator<Item = (u32, u64)> {
    prefixes.iter().filter_map(|prefix| match prefix.address() {
        IpAddr::V4(first) => Some((first.to_bits(), 1 << (32 - u32::from(prefix.bits().min(32))))),
        IpAddr::V6(_) => None,
    })
}

/// The address at a position of the union, which has its prefixes one after another.
fn nth(prefixes: &[IpPrefix], mut position: u64) -> Option<[u8; 4]> {
    for (first, size) in ranges(prefixes) {
        match position.checked_sub(size) {
            Some(rest) => position = rest,
            None => return Some(first.wrapping_add(u32::try_from(position).ok()?).to_be_bytes()),
        }
    }
    None
}
