//! Packs address data for the repository.
//!
//! ```text
//! cargo run --release -p geoip-data --example pack -- \
//!     location-ipv4.csv location-ipv6.csv asn-ipv4.csv asn-ipv6.csv geoip-data/data
//! ```
//!
//! Inputs are CSV files without header, plain or compressed with zstd (`.zst`), sorted by address:
//!
//! - location: `start,country,subdivision`; a row holds until the next one starts; empty fields are unknown;
//! - ASN: `start,end,asn`; ranges are inclusive and may leave gaps.
//!
//! IPv6 is cut to /48: each /48 takes the value of its first address. Equal neighbors are merged. The output
//! is one `.pack.zst` file for each input; `data/README.md` describes the format.

use std::collections::{BTreeSet, HashMap};
use std::error::Error;
use std::fs::File;
use std::io::Read;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::path::Path;
use std::{env, fs};

type Result<T> = std::result::Result<T, Box<dyn Error>>;

/// Compression level: the output is made once and unpacked in every build.
const LEVEL: i32 = 19;

/// An address family, with the number of address bits that are kept.
#[derive(Clone, Copy)]
enum Family {
    V4 = 32,
    V6 = 48,
}

impl Family {
    /// The first key whose addresses all come at or after this one.
    fn start(self, text: &str) -> Result<u64> {
        Ok(match self {
            Self::V4 => u64::from(text.parse::<Ipv4Addr>()?.to_bits()),
            Self::V6 => text.parse::<Ipv6Addr>()?.to_bits().div_ceil(1 << 80) as u64,
        })
    }

    /// The first key after a range with this last address.
    ///
    /// A /48 of which the range has only the beginning belongs to the range, one of which it lacks the first
    /// address does not.
    fn end(self, text: &str) -> Result<u64> {
        Ok(1 + match self {
            Self::V4 => u64::from(text.parse::<Ipv4Addr>()?.to_bits()),
            Self::V6 => (text.parse::<Ipv6Addr>()?.to_bits() >> 80) as u64,
        })
    }
}

/// Ranges that last until the next one starts; values are opaque bytes, all of one width.
#[derive(Default)]
struct Ranges {
    starts: Vec<u64>,
    values: Vec<Vec<u8>>,
}

impl Ranges {
    /// Says that `value` holds from `start` on; a later value for the same start wins.
    fn push(&mut self, start: u64, value: Vec<u8>) {
        if self.starts.last() == Some(&start) {
            self.starts.pop();
            self.values.pop();
        }
        if self.values.last() != Some(&value) {
            self.starts.push(start);
            self.values.push(value);
        }
    }
}

fn main() -> Result<()> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [location_v4, location_v6, asn_v4, asn_v6, folder] = &arguments[..] else {
        return Err("usage: pack LOCATION_IPV4 LOCATION_IPV6 ASN_IPV4 ASN_IPV6 OUTPUT_FOLDER".into());
    };
    let folder = Path::new(folder);
    write(folder, "location-ipv4", Family::V4, &location(location_v4, Family::V4)?)?;
    write(folder, "location-ipv6", Family::V6, &location(location_v6, Family::V6)?)?;
    write(folder, "asn-ipv4", Family::V4, &asn(asn_v4, Family::V4)?)?;
    write(folder, "asn-ipv6", Family::V6, &asn(asn_v6, Family::V6)?)
}

/// Reads a location file. A value is two bytes of country and three of subdivision, padded with zeros.
fn location(path: &str, family: Family) -> Result<Ranges> {
    let mut ranges = Ranges::default();
    for row in open(path)?.records() {
        let row = row?;
        let (Some(start), Some(country), Some(subdivision)) = (row.get(0), row.get(1), row.get(2)) else {
            return Err(format!("{path}: a row has fewer than three fields").into());
        };
        if !matches!(country.len(), 0 | 2) || subdivision.len() > 3 {
            return Err(format!("{path}: {country:?}, {subdivision:?} is no place").into());
        }
        let mut value = vec![0; 5];
        value[..country.len()].copy_from_slice(country.as_bytes());
        value[2..2 + subdivision.len()].copy_from_slice(subdivision.as_bytes());
        ranges.push(family.start(start)?, value);
    }
    Ok(ranges)
}

/// Reads an ASN file. A value is the number in four bytes, zero for none.
///
/// Where two rows overlap, which happens at the seams of the sources, the one that starts later wins.
fn asn(path: &str, family: Family) -> Result<Ranges> {
    let none = || 0_u32.to_le_bytes().to_vec();
    let mut ranges = Ranges::default();
    ranges.push(0, none());
    let (mut last_start, mut last_end) = (0, 0);
    for row in open(path)?.records() {
        let row = row?;
        let (Some(start), Some(end), Some(number)) = (row.get(0), row.get(1), row.get(2)) else {
            return Err(format!("{path}: a row has fewer than three fields").into());
        };
        let (start, end) = (family.start(start)?, family.end(end)?);
        if start < last_start || end < last_end {
            return Err(format!("{path}: {row:?} is out of order or lies inside the row before").into());
        }
        if start >= end {
            continue; // Finer than a /48.
        }
        if start < last_end {
            println!("{path}: {row:?} overlaps the row before");
        } else if start > last_end {
            ranges.push(last_end, none());
        }
        ranges.push(start, number.parse::<u32>()?.to_le_bytes().to_vec());
        (last_start, last_end) = (start, end);
    }
    if last_end < 1 << family as u32 {
        ranges.push(last_end, none());
    }
    Ok(ranges)
}

/// Opens a CSV file, compressed or not.
fn open(path: &str) -> Result<csv::Reader<Box<dyn Read>>> {
    let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
    let input: Box<dyn Read> =
        if path.ends_with(".zst") { Box::new(zstd::Decoder::new(file)?) } else { Box::new(file) };
    Ok(csv::ReaderBuilder::new().has_headers(false).from_reader(input))
}

/// Writes one packed file and says how large it became.
fn write(folder: &Path, name: &str, family: Family, ranges: &Ranges) -> Result<()> {
    let packed = pack(family, ranges)?;
    let compressed = zstd::bulk::compress(&packed, LEVEL)?;
    let path = folder.join(format!("{name}.pack.zst"));
    fs::write(&path, &compressed)?;
    println!(
        "{}: {} ranges, {} bytes packed, {} compressed",
        path.display(),
        ranges.starts.len(),
        packed.len(),
        compressed.len()
    );
    Ok(())
}

/// Lays the ranges out so that they compress well: equal kinds of bytes stand together.
fn pack(family: Family, ranges: &Ranges) -> Result<Vec<u8>> {
    if ranges.starts.first() != Some(&0) || !ranges.starts.is_sorted_by(|left, right| left < right) {
        return Err("ranges must start at zero and rise".into());
    }
    let distinct: BTreeSet<&Vec<u8>> = ranges.values.iter().collect();
    let width = distinct.first().map_or(0, |value| value.len());
    let number_of: HashMap<&Vec<u8>, u32> = distinct.iter().copied().zip(0..).collect();

    let mut packed = b"SXG1".to_vec();
    packed.extend([family as u8, u8::try_from(width)?]);
    packed.extend(u32::try_from(ranges.starts.len())?.to_le_bytes());
    packed.extend(u32::try_from(distinct.len())?.to_le_bytes());
    for value in &distinct {
        packed.extend(*value);
    }
    // Most ranges are blocks, so most distances end in zero bits: their count, then what is left.
    let mut shifts = Vec::new();
    let mut distances = Vec::new();
    for pair in ranges.starts.windows(2) {
        let distance = pair[1] - pair[0];
        let shift = distance.trailing_zeros();
        shifts.push(u8::try_from(shift)?);
        push_number(&mut distances, distance >> shift);
    }
    packed.extend(shifts);
    packed.extend(distances);
    for plane in 0..3 {
        packed.extend(ranges.values.iter().map(|value| number_of[value].to_le_bytes()[plane]));
    }
    Ok(packed)
}

/// Appends a number in groups of seven bits, lowest first; the top bit says that more follow.
fn push_number(bytes: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        bytes.push(number as u8 | 0x80);
        number >>= 7;
    }
    bytes.push(number as u8);
}
