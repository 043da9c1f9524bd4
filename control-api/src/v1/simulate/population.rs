//! Clients to try a record on.
//!
//! A population stands for all IPv4 addresses that the geography places in a country: each country has some
//! sampled addresses, spread evenly over its own, and each sample weighs as many addresses as it stands for.
//! IPv6 is left out, because the number of its addresses says nothing about people.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError, Weak};

use geoip_data::{CountryCode, GeoData};

/// Samples that every country gets, so that small ones have shares, too.
const SAMPLES_PER_COUNTRY: u64 = 16;

/// Samples that are spread over all countries by their number of addresses.
const SAMPLES_BY_ADDRESSES: u64 = 2048;

/// One client.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Sample {
    pub(crate) address: IpAddr,
    pub(crate) country: Option<CountryCode>,
    /// How many clients it stands for.
    pub(crate) weight: f64,
}

/// Clients as they were listed, each standing for itself.
pub(crate) fn of_list(addresses: &[IpAddr], geo: &GeoData) -> Vec<Sample> {
    let sample = |address: &IpAddr| Sample {
        address: *address,
        country: geo.place(*address).value.and_then(|place| place.country),
        weight: 1.0,
    };
    addresses.iter().map(sample).collect()
}

/// The population of the geography in use; it takes a walk through all networks, so it is kept.
#[derive(Default)]
pub(crate) struct Populations(Mutex<Option<Kept>>);

/// A population and the geography that it is of.
struct Kept {
    geo: Weak<GeoData>,
    population: Arc<[Sample]>,
}

impl Populations {
    /// Samples by country and then by address. Takes some time where the geography is new.
    pub(crate) fn of_countries(&self, geo: &Arc<GeoData>) -> Arc<[Sample]> {
        // The lock is held while one is made, so that requests that come at once share it.
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(kept) = &*kept
            && kept.geo.upgrade().is_some_and(|of| Arc::ptr_eq(&of, geo))
        {
            return Arc::clone(&kept.population);
        }
        let population: Arc<[Sample]> = of_countries(geo).into();
        *kept = Some(Kept { geo: Arc::downgrade(geo), population: Arc::clone(&population) });
        population
    }
}

/// Fewer samples that stand for the same clients: at most about `most`, and at least one of each country.
pub(crate) fn thinned(samples: &[Sample], most: usize) -> Vec<Sample> {
    if samples.len() <= most {
        return samples.to_vec();
    }
    let of_country = |group: &[Sample]| {
        let kept = (group.len() * most / samples.len()).max(1);
        let scale = group.len() as f64 / kept as f64;
        let pick = |index: usize| {
            let sample = group[(2 * index + 1) * group.len() / (2 * kept)];
            Sample { weight: sample.weight * scale, ..sample }
        };
        (0..kept).map(pick).collect::<Vec<_>>()
    };
    samples.chunk_by(|one, other| one.country == other.country).flat_map(of_country).collect()
}

/// A block of addresses in one place.
struct Block {
    start: u32,
    addresses: u64,
    country: CountryCode,
}

fn of_countries(geo: &GeoData) -> Vec<Sample> {
    let mut blocks = located_blocks(geo);
    // Stable: the blocks of a country stay in the order of their addresses.
    blocks.sort_by_key(|block| block.country);
    let all: u64 = blocks.iter().map(|block| block.addresses).sum();
    let mut samples = Vec::new();
    for group in blocks.chunk_by(|one, other| one.country == other.country) {
        let addresses: u64 = group.iter().map(|block| block.addresses).sum();
        let count = (SAMPLES_PER_COUNTRY + SAMPLES_BY_ADDRESSES * addresses / all.max(1)).min(addresses);
        let mut before = 0;
        let mut blocks = group.iter();
        let mut block = blocks.next();
        for index in 0..count {
            // The middle of each of `count` equal parts of the country's addresses.
            let place = (2 * index + 1) * addresses / (2 * count);
            while let Some(passed) = block.filter(|block| before + block.addresses <= place) {
                before += passed.addresses;
                block = blocks.next();
            }
            let Some(block) = block else { break };
            // The offset is inside the block, which has at most 2^32 addresses.
            let address = Ipv4Addr::from_bits(block.start.wrapping_add((place - before) as u32));
            let weight = addresses as f64 / count as f64;
            samples.push(Sample { address: address.into(), country: Some(block.country), weight });
        }
    }
    samples
}

/// All IPv4 blocks whose country is known, by address.
fn located_blocks(geo: &GeoData) -> Vec<Block> {
    let mut blocks: Vec<Block> = Vec::new();
    let mut next = Some(0u32);
    while let Some(start) = next {
        let located = geo.place(Ipv4Addr::from_bits(start).into());
        let addresses = 1u64 << (32 - u32::from(located.prefix_bits.min(32)));
        // The block around an address that is the first after a block begins with it.
        next = u32::try_from(u64::from(start) + addresses).ok();
        let Some(country) = located.value.and_then(|place| place.country) else { continue };
        match blocks.last_mut() {
            Some(last)
                if last.country == country && u64::from(last.start) + last.addresses == u64::from(start) =>
            {
                last.addresses += addresses;
            }
            _ => blocks.push(Block { start, addresses, country }),
        }
    }
    blocks
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_population_stands_for_all_located_addresses_of_each_country() {
        let geo = Arc::new(GeoData::embedded());
        let populations = Populations::default();
        let samples = populations.of_countries(&geo);
        assert!(Arc::ptr_eq(&samples, &populations.of_countries(&geo)), "it is made once");
        let country = |text| CountryCode::parse(text);
        for group in samples.chunk_by(|one, other| one.country == other.country) {
            for sample in group {
                let place = geo.place(sample.address).value.unwrap();
                assert_eq!(place.country, sample.country, "{}", sample.address);
            }
        }
        let countries = samples.chunk_by(|one, other| one.country == other.country).count();
        assert!((200..=250).contains(&countries), "{countries}");
        let addresses = |code| -> f64 {
            samples.iter().filter(|sample| sample.country == country(code)).map(|one| one.weight).sum()
        };
        // Registries have given some 1.6 thousand million addresses to the US, and 64 thousand to Andorra.
        assert!((1.2e9..1.8e9).contains(&addresses("US")), "{}", addresses("US"));
        assert!((3e4..3e5).contains(&addresses("AD")), "{}", addresses("AD"));
        let all: f64 = samples.iter().map(|sample| sample.weight).sum();

        let few = thinned(&samples, 500);
        assert!(few.len() <= 500 + countries, "{}", few.len());
        assert_eq!(few.chunk_by(|one, other| one.country == other.country).count(), countries);
        let stood_for: f64 = few.iter().map(|sample| sample.weight).sum();
        assert!((stood_for / all - 1.0).abs() < 1e-9, "{stood_for} of {all}");
        assert_eq!(thinned(&samples, samples.len()), *samples);
    }
}
