//! What the fuzz targets do with the bytes they get: one function for each.
//!
//! None of them only looks for panics. Each states what must hold of whatever comes out: that it survives the
//! way back, that two readers of one thing agree, that a reply to garbage is not larger than the garbage.
#![forbid(unsafe_code)]

mod api;
mod edns;
mod geo_file;
mod metadata;
mod name;
mod query;
mod rdata;
mod record;
mod zone_file;

pub use api::{push, request};
pub use edns::{client_subnet, cookie};
pub use geo_file::geo_file;
pub use metadata::metadata;
pub use name::name;
pub use query::{edns_options, message};
pub use rdata::{rdata_fields, rdata_text, rdata_wire};
pub use record::record;
pub use zone_file::zone_file;

#[cfg(test)]
mod tests {
    use std::path::Path;

    /// Runs every seed of a target; an input that once found a fault is one of them.
    #[track_caller]
    fn run_seeds(target: &str, run: impl Fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("seeds").join(target);
        let mut seeds: Vec<_> =
            std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
        seeds.sort();
        assert!(!seeds.is_empty());
        for seed in seeds {
            println!("{}", seed.display());
            run(&std::fs::read(&seed).unwrap());
        }
    }

    /// A test for each target, of the target's name.
    macro_rules! seeds_do_no_harm {
        ($($target:ident)*) => { $(
            #[test]
            fn $target() {
                run_seeds(stringify!($target), super::$target);
            }
        )* };
    }

    seeds_do_no_harm! {
        message edns_options name zone_file rdata_text rdata_wire rdata_fields metadata record request geo_file
        client_subnet cookie push
    }
}
