//! Address to place and AS number.
//!
//! The crate answers two questions about an IP address: where it is ([`GeoData::place`]) and which autonomous
//! system announces it ([`GeoData::asn`]). Every answer comes with the prefix it holds for, so that a DNS
//! answer can say exactly how widely it may be cached (RFC 7871, 7.2.1).
//!
//! A default data set is part of the program; MaxMind DB files can replace it and are loaded again when they
//! change ([`reload`]). [`catalog`] lists the countries, subdivisions and georegions that metadata may name.

#![forbid(unsafe_code)]

pub mod catalog;
mod date;
mod embedded;
mod error;
mod geo_data;
mod handle;
mod limits;
mod mmdb;
mod place;
mod ranges;
pub mod reload;
mod sources;

pub use error::GeoError;
pub use geo_data::GeoData;
pub use handle::GeoHandle;
pub use place::{Coordinates, CountryCode, Georegion, Located, Place, SubdivisionCode};
pub use sources::{GeoSource, GeoSources};
