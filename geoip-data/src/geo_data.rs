//! The lookup tables of one moment: what an address maps to.

use std::borrow::Cow;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::embedded;
use crate::place::{Located, Place};
use crate::ranges::AddressTable;
use crate::sources::{GeoSource, GeoSources};

/// Where addresses are and which networks announce them.
///
/// Immutable: a reload makes a new one and swaps it in (see [`crate::GeoHandle`]). The two kinds of data are
/// shared between successive ones, so that a new file of one kind leaves the other alone.
pub struct GeoData {
    pub(crate) location: Arc<LocationData>,
    pub(crate) asn: Arc<AsnData>,
}

/// Address to place.
pub(crate) struct LocationData {
    /// The places; a value of the table is one more than a position in them.
    pub places: Cow<'static, [Place]>,
    /// The ranges.
    pub table: AddressTable,
    /// Where they come from.
    pub source: GeoSource,
}

/// Address to AS number.
pub(crate) struct AsnData {
    /// The ranges; a value is the number itself.
    pub table: AddressTable,
    /// Where they come from.
    pub source: GeoSource,
}

impl LocationData {
    /// The data that are part of the program.
    pub(crate) fn embedded() -> Self {
        let table = embedded::location();
        let source = GeoSource::embedded_location(table.bytes());
        Self { places: embedded::places().into(), table, source }
    }
}

impl AsnData {
    /// The data that are part of the program.
    pub(crate) fn embedded() -> Self {
        let table = embedded::asn();
        let source = GeoSource::embedded_asn(table.bytes());
        Self { table, source }
    }
}

impl GeoData {
    /// The data that are part of the program. Costs nothing: the tables are mapped from the executable and
    /// their pages are read when an address needs them.
    pub fn embedded() -> Self {
        Self { location: Arc::new(LocationData::embedded()), asn: Arc::new(AsnData::embedded()) }
    }

    /// Where an address is, if that is known.
    ///
    /// An IPv4-mapped IPv6 address is looked up as the IPv6 address it is written as; callers turn it into
    /// IPv4 first. The embedded IPv6 data tell networks apart up to /48, so no prefix is longer than that.
    #[inline]
    pub fn place(&self, address: IpAddr) -> Located<Option<&Place>> {
        let hit = self.location.table.find(address);
        let position = (hit.value as usize).checked_sub(1);
        Located {
            value: position.and_then(|position| self.location.places.get(position)),
            prefix_bits: hit.prefix_bits,
        }
    }

    /// Reads the memory that [`GeoData::place`] will read for each of these addresses, up to 32. It waits for
    /// memory once for all of them, where one lookup after the other would each wait several times.
    pub fn warm_places(&self, addresses: &[Ipv4Addr]) {
        self.location.table.warm(addresses);
    }

    /// The number of the autonomous system that announces an address, if one does.
    #[inline]
    pub fn asn(&self, address: IpAddr) -> Located<Option<u32>> {
        let hit = self.asn.table.find(address);
        Located { value: (hit.value != 0).then_some(hit.value), prefix_bits: hit.prefix_bits }
    }

    /// Which data these are.
    pub fn sources(&self) -> GeoSources {
        GeoSources { location: self.location.source.clone(), asn: self.asn.source.clone() }
    }
}
