//! MaxMind DB files as range tables.
//!
//! A file is read into memory, every network it holds is visited once, every distinct record is decoded once,
//! and what is left is the same kind of table that the embedded data have. The file is not needed after that:
//! it may be changed or removed at any time. City, Country, Enterprise and ASN files work, from MaxMind or with
//! the same field names.
//!
//! Files come from outside. A record that cannot be decoded or a tree that is not one refuses the whole file,
//! because damage in one place says nothing good about the others; the work is bounded by the size of the file.

use std::collections::HashMap;
use std::fs::File;
use std::io::Read;
use std::net::IpAddr;
use std::path::Path;

use maxminddb::{LookupResult, MaxMindDbError, Reader, WithinOptions};
use serde::Deserialize;

use crate::GeoError;
use crate::date;
use crate::geo_data::{AsnData, LocationData};
use crate::limits::{MAX_FILE_BYTES, MAX_NAME_CHARACTERS, MAX_TREE_NODES};
use crate::place::{Coordinates, CountryCode, Georegion, Place, SubdivisionCode};
use crate::ranges::{AddressTable, NO_VALUE, Ranges};
use crate::reload::FileStamp;
use crate::sources::GeoSource;

/// The fields of a City or Country record that say where a network is.
#[derive(Default, Deserialize)]
#[serde(default)]
struct LocationRecord<'a> {
    #[serde(borrow)]
    continent: Continent<'a>,
    country: Country<'a>,
    registered_country: Country<'a>,
    subdivisions: Vec<Country<'a>>,
    location: Location,
}

/// A continent of a record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Continent<'a> {
    code: Option<&'a str>,
}

/// A country or subdivision of a record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Country<'a> {
    iso_code: Option<&'a str>,
}

/// The position of a record.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Location {
    latitude: Option<f64>,
    longitude: Option<f64>,
}

/// The field of an ASN or ISP record that is of interest.
#[derive(Default, Deserialize)]
#[serde(default)]
struct AsnRecord {
    autonomous_system_number: Option<u32>,
}

/// Reads a City or Country file.
///
/// # Errors
///
/// If the file cannot be read, is damaged or has no places.
pub(crate) fn read_location(path: &Path) -> Result<LocationData, GeoError> {
    let file = MmdbFile::open(path)?;
    let mut places = Places::default();
    let table = file.flatten(|record| {
        let record = record.decode::<LocationRecord<'_>>()?.unwrap_or_default();
        Ok(places.number(place(&record)))
    })?;
    if places.list.is_empty() {
        return Err(GeoError::NoPlaces { path: path.to_owned(), name: file.name() });
    }
    let source = file.source(table.bytes());
    Ok(LocationData { places: places.list.into(), table, source })
}

/// Reads an ASN file.
///
/// # Errors
///
/// If the file cannot be read, is damaged or has no AS numbers.
pub(crate) fn read_asn(path: &Path) -> Result<AsnData, GeoError> {
    let file = MmdbFile::open(path)?;
    let mut found = false;
    let table = file.flatten(|record| {
        let record = record.decode::<AsnRecord>()?.unwrap_or_default();
        let number = record.autonomous_system_number.unwrap_or(NO_VALUE);
        found |= number != NO_VALUE;
        Ok(number)
    })?;
    if !found {
        return Err(GeoError::NoAsNumbers { path: path.to_owned(), name: file.name() });
    }
    let source = file.source(table.bytes());
    Ok(AsnData { table, source })
}

/// What a record says about a network, completed from the catalog.
///
/// The country is where the network is; where the file does not know that, the one it is registered in is a
/// better guess than none. Codes that ISO 3166 does not have count as unknown.
fn place(record: &LocationRecord<'_>) -> Place {
    let code = record.country.iso_code.or(record.registered_country.iso_code);
    let country = code.and_then(CountryCode::parse);
    // Subdivisions are those of `country`; the registered one has none. The largest comes first.
    let subdivision = record
        .subdivisions
        .first()
        .and_then(|subdivision| subdivision.iso_code)
        .and_then(SubdivisionCode::parse)
        .filter(|_| country.is_some() && record.country.iso_code.is_some());
    let mut place = match country {
        Some(country) => Place::of(country, subdivision),
        None => Place {
            country: None,
            subdivision: None,
            georegion: record.continent.code.and_then(continent_georegion),
            position: None,
        },
    };
    place.position = position(&record.location).or(place.position);
    place
}

/// The georegion of a network of which only the continent is known; North America has several.
fn continent_georegion(code: &str) -> Option<Georegion> {
    match code {
        "AF" => Some(Georegion::Africa),
        "AS" | "OC" => Some(Georegion::Asiapac),
        "EU" => Some(Georegion::Europe),
        "SA" => Some(Georegion::SouthAmerica),
        _ => None,
    }
}

/// The position of a record, if it is one on the earth.
fn position(location: &Location) -> Option<Coordinates> {
    let (latitude, longitude) = (location.latitude?, location.longitude?);
    ((-90.0..=90.0).contains(&latitude) && (-180.0..=180.0).contains(&longitude))
        .then_some(Coordinates { latitude: latitude as f32, longitude: longitude as f32 })
}

/// The distinct places of a file.
#[derive(Default)]
struct Places {
    list: Vec<Place>,
    numbers: HashMap<PlaceKey, u32>,
}

/// A place as something that can be hashed: coordinates by their bits.
type PlaceKey = (Option<CountryCode>, Option<SubdivisionCode>, Option<Georegion>, Option<[u32; 2]>);

impl Places {
    /// The table value of a place: one more than its position in the list.
    fn number(&mut self, place: Place) -> u32 {
        let bits = place.position.map(|at| [at.latitude.to_bits(), at.longitude.to_bits()]);
        let key = (place.country, place.subdivision, place.georegion, bits);
        if key == (None, None, None, None) {
            return NO_VALUE;
        }
        *self.numbers.entry(key).or_insert_with(|| {
            self.list.push(place);
            // There are fewer places than records, and those fit the limit on tree nodes.
            self.list.len() as u32
        })
    }
}

/// An open file.
struct MmdbFile<'a> {
    path: &'a Path,
    stamp: FileStamp,
    reader: Reader<Vec<u8>>,
}

impl<'a> MmdbFile<'a> {
    /// Reads a file and checks its outline.
    fn open(path: &'a Path) -> Result<Self, GeoError> {
        let too_large = || GeoError::TooLarge { path: path.to_owned() };
        let (bytes, stamp) = read(path)
            .map_err(|cause| GeoError::Read { path: path.to_owned(), cause })?
            .ok_or_else(too_large)?;
        let reader =
            Reader::from_source(bytes).map_err(|cause| GeoError::Damaged { path: path.to_owned(), cause })?;
        if reader.metadata().node_count > MAX_TREE_NODES {
            return Err(too_large());
        }
        Ok(Self { path, stamp, reader })
    }

    /// Visits all networks; `value_of` is asked once for each distinct record.
    fn flatten(
        &self,
        value_of: impl FnMut(&LookupResult<'_, Vec<u8>>) -> Result<u32, MaxMindDbError>,
    ) -> Result<AddressTable, GeoError> {
        flatten(&self.reader, value_of)
            .map_err(|cause| GeoError::Damaged { path: self.path.to_owned(), cause })
    }

    /// What the file calls itself.
    fn name(&self) -> String {
        self.reader.metadata().database_type.chars().take(MAX_NAME_CHARACTERS).collect()
    }

    fn source(&self, table_bytes: usize) -> GeoSource {
        let name = self.name();
        GeoSource {
            date: date::day(self.reader.metadata().build_epoch).unwrap_or_default(),
            file: Some(self.path.to_owned()),
            attribution: attribution(&name).to_owned(),
            name,
            table_bytes,
            stamp: Some(self.stamp),
        }
    }
}

/// What the makers of free databases ask to be shown.
fn attribution(name: &str) -> &'static str {
    if name.starts_with("GeoLite2") {
        "This product includes GeoLite Data created by MaxMind, available from https://www.maxmind.com."
    } else if name.starts_with("DBIP") {
        "IP Geolocation by DB-IP (https://db-ip.com)"
    } else {
        ""
    }
}

/// Reads a file; `None` if it is larger than allowed. The stamp is of the moment before, so that a file which
/// changes while it is read is seen as changed later.
fn read(path: &Path) -> std::io::Result<Option<(Vec<u8>, FileStamp)>> {
    let file = File::open(path)?;
    let stamp = FileStamp::of(&file.metadata()?);
    if stamp.size() > MAX_FILE_BYTES {
        return Ok(None);
    }
    let mut bytes = Vec::with_capacity(stamp.size() as usize + 1);
    // It may grow while it is read, and pipes do not say how much there is.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut bytes)?;
    Ok((bytes.len() as u64 <= MAX_FILE_BYTES).then_some((bytes, stamp)))
}

/// Makes a table of a file's networks.
///
/// IPv4 networks are found in the first /96 of an IPv6 tree; a record that covers all of that /96 holds for
/// IPv4 as a whole. Aliases of the IPv4 networks elsewhere in the tree (6to4 and the like) are left out.
fn flatten(
    reader: &Reader<Vec<u8>>,
    mut value_of: impl FnMut(&LookupResult<'_, Vec<u8>>) -> Result<u32, MaxMindDbError>,
) -> Result<AddressTable, MaxMindDbError> {
    let (mut v4, mut v6) = (Ranges::new(), Ranges::new());
    let mut values: HashMap<usize, u32> = HashMap::new();
    // A tree has one leaf more than nodes. In a damaged one paths may join again, and then there is no end to
    // the leaves; those without data are visited too, so that they count.
    let mut leaves_left = u64::from(reader.metadata().node_count) * 2 + 2;
    for record in reader.networks(WithinOptions::default().include_networks_without_data())? {
        let record = record?;
        leaves_left = leaves_left.checked_sub(1).ok_or_else(|| {
            MaxMindDbError::invalid_database("the search tree has more leaves than its nodes allow")
        })?;
        let Some(offset) = record.offset() else { continue };
        let value = match values.get(&offset) {
            Some(&value) => value,
            None => *values.entry(offset).or_insert(value_of(&record)?),
        };
        let network = record.network()?;
        let prefix_bits = u32::from(network.prefix());
        match network.ip() {
            IpAddr::V4(first) => v4.push_block(u128::from(first.to_bits()) << 96, prefix_bits, value),
            IpAddr::V6(first) => {
                v6.push_block(first.to_bits(), prefix_bits, value);
                if first.is_unspecified() && prefix_bits <= 96 {
                    v4.push_block(0, 0, value);
                }
            }
        }
    }
    Ok(AddressTable::build(&v4, &v6))
}

#[cfg(test)]
mod tests;
