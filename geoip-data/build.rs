//! Turns the tables in `data/` into static data, so that nothing is read, unpacked or built at run time.

use std::path::{Path, PathBuf};
use std::{env, fs};

#[path = "build/catalog.rs"]
mod catalog;
#[path = "build/expand.rs"]
mod expand;
#[path = "build/ranges.rs"]
#[allow(dead_code, reason = "the crate uses more of it than this script")]
mod ranges;

use expand::{Packed, ValueWidth, number_places};

fn main() {
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").expect("cargo sets CARGO_MANIFEST_DIR"));
    let out = PathBuf::from(env::var_os("OUT_DIR").expect("cargo sets OUT_DIR"));
    for input in ["build.rs", "build", "data", "src/ranges"] {
        println!("cargo::rerun-if-changed={input}");
    }
    let data = root.join("data");
    let tables = catalog::Tables::read(&data);
    write(&out.join("catalog.rs"), tables.source().as_bytes());
    write(&out.join("sources.rs"), catalog::sources(&data).as_bytes());

    let v4 = Packed::read(&data.join("location-ipv4.pack.zst"));
    let v6 = Packed::read(&data.join("location-ipv6.pack.zst"));
    let places = number_places([&v4, &v6]);
    write(&out.join("places.rs"), tables.places(places.keys()).as_bytes());
    let numbers = |file: &Packed| -> Vec<u32> {
        file.values.iter().map(|value| places.get(value).copied().unwrap_or_default()).collect()
    };
    v4.write_table::<u16>(&out, "location-ipv4", &numbers(&v4), ValueWidth::Short);
    v6.write_table::<u32>(&out, "location-ipv6", &numbers(&v6), ValueWidth::Short);

    let v4 = Packed::read(&data.join("asn-ipv4.pack.zst"));
    let v6 = Packed::read(&data.join("asn-ipv6.pack.zst"));
    v4.write_table::<u16>(&out, "asn-ipv4", &as_numbers(&v4), ValueWidth::Long);
    v6.write_table::<u32>(&out, "asn-ipv6", &as_numbers(&v6), ValueWidth::Long);
}

/// The AS numbers among which a file's ranges choose.
fn as_numbers(file: &Packed) -> Vec<u32> {
    let number = |value: &Vec<u8>| {
        u32::from_le_bytes(value.as_slice().try_into().expect("an AS number has four bytes"))
    };
    file.values.iter().map(number).collect()
}

/// Writes a file of the output folder.
fn write(path: &Path, bytes: &[u8]) {
    fs::write(path, bytes).unwrap_or_else(|error| panic!("cannot write {}: {error}", path.display()));
}
