//! Unpacking the address data into the arrays of range tables.
//!
//! `data/README.md` describes the packed format. The input is our own, so anything unexpected stops the build.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read;
use std::path::Path;

use ruzstd::decoding::StreamingDecoder;

use crate::ranges::build::{Ranges, TableParts};
use crate::ranges::tail::Tail;

/// A packed file, unpacked.
pub struct Packed {
    key_bits: u32,
    /// The distinct values, in the order in which ranges number them.
    pub values: Vec<Vec<u8>>,
    starts: Vec<u64>,
    numbers: Vec<usize>,
}

impl Packed {
    /// Reads a packed file.
    pub fn read(path: &Path) -> Self {
        let file = File::open(path).unwrap_or_else(|error| panic!("cannot open {}: {error}", path.display()));
        let mut bytes = Vec::new();
        StreamingDecoder::new(file)
            .expect("packed data are one zstd frame")
            .read_to_end(&mut bytes)
            .expect("packed data can be unpacked");
        let mut input = &bytes[..];
        let packed = Self::parse(&mut input);
        assert!(input.is_empty(), "{}: {} bytes are left over", path.display(), input.len());
        packed
    }

    fn parse(input: &mut &[u8]) -> Self {
        assert_eq!(take(input, 4), b"SXG1", "the packed format is another one");
        let key_bits = u32::from(take(input, 1)[0]);
        let width = usize::from(take(input, 1)[0]);
        let count = take_count(input);
        let distinct = take_count(input);
        let values = take(input, distinct * width).chunks_exact(width).map(<[u8]>::to_vec).collect();
        let shifts = take(input, count - 1);
        let mut starts = vec![0];
        let mut start = 0;
        for shift in shifts {
            start += take_number(input) << shift;
            starts.push(start);
        }
        let planes = [take(input, count), take(input, count), take(input, count)];
        let numbers = (0..count)
            .map(|range| planes.iter().rev().fold(0, |number, plane| number << 8 | usize::from(plane[range])))
            .collect();
        Self { key_bits, values, starts, numbers }
    }

    /// Builds the table, with `value_of` saying what to store for each of the distinct values, and writes its
    /// arrays to the output folder.
    pub fn write_table<T: Tail>(&self, out: &Path, name: &str, value_of: &[u32], width: ValueWidth)
    where
        T::Bytes: AsRef<[u8]>,
    {
        let mut ranges = Ranges::new();
        for (&start, &number) in self.starts.iter().zip(&self.numbers) {
            ranges.push(u128::from(start) << (128 - self.key_bits), value_of[number]);
        }
        let parts = TableParts::<T>::build(&ranges);
        let values: Vec<u8> = match width {
            ValueWidth::Short => parts
                .values
                .iter()
                .flat_map(|&value| u16::try_from(value).expect("a short value fits 16 bits").to_le_bytes())
                .collect(),
            ValueWidth::Long => parts.values.iter().flat_map(|value| value.to_le_bytes()).collect(),
        };
        let file = |kind: &str, bytes: &[u8]| crate::write(&out.join(format!("{name}.{kind}")), bytes);
        file("buckets", parts.buckets.as_flattened());
        file("cells", parts.cells.as_flattened());
        file("tails", &parts.tails.iter().flat_map(|tail| tail.as_ref().to_vec()).collect::<Vec<u8>>());
        file("values", &values);
    }
}

/// How a table stores its values.
#[derive(Clone, Copy)]
pub enum ValueWidth {
    /// In two bytes.
    Short,
    /// In four bytes.
    Long,
}

/// Numbers the places of all files, from one on; zero is no data. Keys are the packed values.
pub fn number_places<'a>(files: impl IntoIterator<Item = &'a Packed>) -> BTreeMap<Vec<u8>, u32> {
    let mut places: BTreeMap<Vec<u8>, u32> = files
        .into_iter()
        .flat_map(|file| file.values.iter().cloned())
        .filter(|value| value.iter().any(|&byte| byte != 0))
        .map(|value| (value, 0))
        .collect();
    for (number, place) in (1..).zip(places.values_mut()) {
        *place = number;
    }
    places
}

fn take<'a>(input: &mut &'a [u8], length: usize) -> &'a [u8] {
    input.split_off(..length).expect("packed data are complete")
}

fn take_count(input: &mut &[u8]) -> usize {
    let bytes = take(input, 4).try_into().expect("four bytes were taken");
    u32::from_le_bytes(bytes) as usize
}

/// Takes a number in groups of seven bits, lowest first.
fn take_number(input: &mut &[u8]) -> u64 {
    let mut number = 0;
    for shift in (0..).step_by(7) {
        let byte = take(input, 1)[0];
        number |= u64::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            break;
        }
    }
    number
}
