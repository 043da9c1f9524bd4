//! What the sticky filters share: an order that depends on the requester and stays.
//!
//! Rendezvous hashing: every pair of requester and answer has a score, and the answers are ordered by score.
//! Taking one answer away moves only the requesters that had it, and leaves the order of the others as it was.
//! The hash is fixed for good, so that every server and every release gives one requester the same order.

use std::net::IpAddr;

use super::Run;
use crate::AnswerId;
use crate::catalog::{OptionKind, OptionType};
use crate::config::Settings;
use crate::prefix::IpPrefix;
use crate::trace::Trace;

pub(super) const OPTIONS: &[OptionType] = &[OptionType {
    name: "sticky_by_network",
    kind: OptionKind::Flag,
    required: false,
    default: Some("0"),
    short_description: "Stick by network",
    description: "Whether requesters of one network, a /24 of IPv4 or a /56 of IPv6, count as one.",
}];

/// Who counts as one requester.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum StickTo {
    Address,
    /// A /24 of IPv4 or a /56 of IPv6.
    Network,
}

impl StickTo {
    pub(super) fn read(settings: &Settings) -> Self {
        if settings.flag("sticky_by_network") { StickTo::Network } else { StickTo::Address }
    }

    /// The hash of the requester. The scope becomes as long as the part of the address that went into it.
    pub(super) fn requester<T: Trace>(self, run: &mut Run<'_, '_, T>) -> u64 {
        let address = run.context.client().address;
        let bits = match (self, address) {
            (StickTo::Address, IpAddr::V4(_)) => 32,
            (StickTo::Address, IpAddr::V6(_)) => 128,
            (StickTo::Network, IpAddr::V4(_)) => 24,
            (StickTo::Network, IpAddr::V6(_)) => 56,
        };
        run.context.widen_scope(bits);
        match IpPrefix::new(address, bits).address() {
            IpAddr::V4(v4) => hash(&v4.octets()),
            IpAddr::V6(v6) => hash(&v6.octets()),
        }
    }
}

/// The score of a requester and an answer, or a region: 64 uniform bits.
pub(super) fn score(requester: u64, candidate: u64) -> u64 {
    mix(requester ^ candidate.rotate_left(32))
}

/// The hash of an answer.
pub(super) fn answer_hash(id: AnswerId) -> u64 {
    hash(&id.0)
}

/// The hash of some octets: FNV-1a, then mixed.
pub(super) fn hash(octets: &[u8]) -> u64 {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    mix(octets.iter().fold(OFFSET, |hash, octet| (hash ^ u64::from(*octet)).wrapping_mul(PRIME)))
}

/// The finalizer of splitmix64: every bit in changes half of the bits out.
fn mix(bits: u64) -> u64 {
    let bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}
