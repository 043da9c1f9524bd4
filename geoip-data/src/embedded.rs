//! The data that are part of the program.
//!
//! The build script wrote the arrays; here they become slices of static memory. The system maps them from the
//! executable and reads a page when an address first needs it, so the tables cost nothing at start and little
//! memory.

use crate::place::{Coordinates, CountryCode, Georegion, Place, SubdivisionCode};
use crate::ranges::{AddressTable, RangeTable, Values, WideTable};

// Defines PLACES; a location table's value is one more than a position in it.
include!(concat!(env!("OUT_DIR"), "/places.rs"));

/// Makes its content begin on a cache line, so that no entry of a table straddles two.
#[repr(align(64))]
struct Aligned<B: ?Sized>(B);

/// A file of the build script's output as a slice of byte arrays.
macro_rules! array {
    ($file:expr) => {{
        static FILE: &Aligned<[u8]> = &Aligned(*include_bytes!(concat!(env!("OUT_DIR"), "/", $file)));
        FILE.0.as_chunks().0
    }};
}

/// The table of one family.
macro_rules! table {
    ($name:literal, $values:ident) => {
        RangeTable::embedded(
            array!(concat!($name, ".buckets")),
            array!(concat!($name, ".cells")),
            array!(concat!($name, ".tails")),
            Values::$values(array!(concat!($name, ".values")).into()),
        )
    };
}

/// The places that [`location`] refers to.
pub(crate) fn places() -> &'static [Place] {
    &PLACES
}

/// Address to place.
pub(crate) fn location() -> AddressTable {
    AddressTable { v4: table!("location-ipv4", Short), v6: WideTable::To48(table!("location-ipv6", Short)) }
}

/// Address to AS number.
pub(crate) fn asn() -> AddressTable {
    AddressTable { v4: table!("asn-ipv4", Long), v6: WideTable::To48(table!("asn-ipv6", Long)) }
}

#[cfg(test)]
mod tests;
