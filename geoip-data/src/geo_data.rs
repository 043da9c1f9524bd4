//! The lookup tables of one moment: what an address maps to.

use std::net::IpAddr;

use crate::place::{Located, Place};
use crate::sources::GeoSources;

/// Where addresses are and which networks announce them.
///
/// Immutable: a reload makes a new one and swaps it in (see [`crate::GeoHandle`]).
pub struct GeoData {
    sources: GeoSources,
}

impl GeoData {
    /// The data that are part of the program. Costs nothing: the tables are mapped from the executable and
    /// their pages are read when an address needs them.
    pub fn embedded() -> Self {
        Self { sources: GeoSources::embedded() }
    }

    /// Where an address is, if that is known. An IPv4-mapped IPv6 address is looked up as the IPv6 address
    /// it is written as; callers turn it into IPv4 first.
    pub fn place(&self, _address: IpAddr) -> Located<Option<&Place>> {
        Located { value: None, prefix_bits: 0 }
    }

    /// The number of the autonomous system that announces an address, if one does.
    pub fn asn(&self, _address: IpAddr) -> Located<Option<u32>> {
        Located { value: None, prefix_bits: 0 }
    }

    /// Which data these are.
    pub fn sources(&self) -> &GeoSources {
        &self.sources
    }
}
