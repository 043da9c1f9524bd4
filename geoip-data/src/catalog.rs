//! The tables of countries, subdivisions and georegions.
//!
//! They come from the CSV files in `data/`, which the build script turns into static arrays: nothing is read
//! or built when a program starts.

use crate::place::{Coordinates, CountryCode, Georegion, SubdivisionCode};

/// What is known about a country.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountryFacts {
    /// The ISO 3166-1 alpha-2 code.
    pub code: CountryCode,
    /// The ISO 3166-1 alpha-3 code.
    pub alpha3: &'static str,
    /// The English short name.
    pub name: &'static str,
    /// The continent: `AF`, `AN`, `AS`, `EU`, `NA`, `OC` or `SA`.
    pub continent: &'static str,
    /// The georegion; none for Antarctica and a few uninhabited islands. For the US and Canada this is only
    /// the answer for addresses whose subdivision is unknown.
    pub georegion: Option<Georegion>,
    /// The center, weighted by addresses where they are known, else by population, else by area.
    pub position: Option<Coordinates>,
    /// Whether the code is part of ISO 3166-1 (all but `XK`).
    pub is_official: bool,
}

/// Georegion and center of a US or Canadian subdivision.
struct SubdivisionFacts {
    country: CountryCode,
    subdivision: SubdivisionCode,
    georegion: Georegion,
    position: Coordinates,
}

// Defines COUNTRIES (sorted), COUNTRY_ROWS (by CountryCode::index, NO_COUNTRY where there is none),
// SUBDIVISIONS (sorted by country, then code), SUBDIVISION_SPANS (by row of COUNTRIES), SUBDIVISION_FACTS
// (sorted) and GEOREGION_POSITIONS (by Georegion::index).
include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// Marks the codes in `COUNTRY_ROWS` that name no country.
const NO_COUNTRY: u8 = u8::MAX;

/// The 249 countries of ISO 3166-1, by code.
pub fn countries() -> impl Iterator<Item = &'static CountryFacts> {
    COUNTRIES.iter().filter(|facts| facts.is_official)
}

/// The facts of one country, `XK` included.
pub fn country(code: CountryCode) -> Option<&'static CountryFacts> {
    row(code).and_then(|row| COUNTRIES.get(row))
}

/// The subdivisions of a country in ISO 3166-2, by code; empty for countries without any.
pub fn subdivisions(country: CountryCode) -> impl Iterator<Item = SubdivisionCode> {
    span(country).iter().copied()
}

/// The countries that have subdivisions in ISO 3166-2, by code.
pub fn subdivision_countries() -> impl Iterator<Item = CountryCode> {
    COUNTRIES.iter().map(|facts| facts.code).filter(|&code| !span(code).is_empty())
}

/// Whether ISO 3166-2 gives the country such a subdivision.
pub fn is_subdivision(country: CountryCode, subdivision: SubdivisionCode) -> bool {
    span(country).binary_search(&subdivision).is_ok()
}

/// The center of a country.
pub fn country_position(code: CountryCode) -> Option<Coordinates> {
    country(code)?.position
}

/// The center of a subdivision; known for the US and Canada.
pub fn subdivision_position(country: CountryCode, subdivision: SubdivisionCode) -> Option<Coordinates> {
    subdivision_facts(country, subdivision).map(|facts| facts.position)
}

/// The georegion of a country.
pub fn country_georegion(code: CountryCode) -> Option<Georegion> {
    country(code)?.georegion
}

/// The georegion of a subdivision; known for the US and Canada, whose subdivisions are in different ones.
pub fn subdivision_georegion(country: CountryCode, subdivision: SubdivisionCode) -> Option<Georegion> {
    subdivision_facts(country, subdivision).map(|facts| facts.georegion)
}

/// The reference point of a georegion.
pub(crate) fn georegion_position(georegion: Georegion) -> Coordinates {
    GEOREGION_POSITIONS[georegion.index()]
}

/// Where a country is in `COUNTRIES`.
fn row(code: CountryCode) -> Option<usize> {
    match COUNTRY_ROWS[code.index()] {
        NO_COUNTRY => None,
        row => Some(usize::from(row)),
    }
}

/// The sorted subdivision codes of a country.
fn span(country: CountryCode) -> &'static [SubdivisionCode] {
    row(country)
        .and_then(|row| SUBDIVISION_SPANS.get(row))
        .and_then(|&(start, end)| SUBDIVISIONS.get(usize::from(start)..usize::from(end)))
        .unwrap_or_default()
}

/// The facts of a US or Canadian subdivision.
fn subdivision_facts(
    country: CountryCode,
    subdivision: SubdivisionCode,
) -> Option<&'static SubdivisionFacts> {
    let found = SUBDIVISION_FACTS
        .binary_search_by_key(&(country, subdivision), |facts| (facts.country, facts.subdivision))
        .ok()?;
    SUBDIVISION_FACTS.get(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn country_code(text: &str) -> CountryCode {
        CountryCode::parse(text).unwrap()
    }

    fn subdivision_code(text: &str) -> SubdivisionCode {
        SubdivisionCode::parse(text).unwrap()
    }

    #[test]
    fn there_are_249_countries_in_order() {
        let codes: Vec<_> = countries().map(|facts| facts.code).collect();
        assert_eq!(codes.len(), 249);
        assert!(codes.is_sorted());
        assert_eq!((codes[0].as_str(), codes[248].as_str()), ("AD", "ZW"));
    }

    #[test]
    fn every_country_is_found_by_its_code_and_has_a_center() {
        for facts in &COUNTRIES {
            assert_eq!(CountryCode::parse(facts.code.as_str()), Some(facts.code));
            assert_eq!(country(facts.code), Some(facts));
            let position = facts.position.unwrap();
            assert!(position.latitude.abs() <= 90.0 && position.longitude.abs() <= 180.0);
            assert!(!facts.name.is_empty() && facts.alpha3.len() == 3 && facts.continent.len() == 2);
        }
    }

    #[test]
    fn kosovo_is_known_without_being_listed() {
        let kosovo = country_code("XK");
        assert_eq!(country(kosovo).map(|facts| facts.name), Some("Kosovo"));
        assert!(countries().all(|facts| facts.code != kosovo));
    }

    #[test]
    fn only_antarctica_and_empty_islands_have_no_georegion() {
        let without: Vec<_> =
            countries().filter(|facts| facts.georegion.is_none()).map(|facts| facts.code).collect();
        assert_eq!(without, ["AQ", "BV", "GS", "HM", "TF"].map(country_code));
    }

    #[test]
    fn all_subdivisions_of_iso_3166_2_are_there() {
        assert_eq!(subdivision_countries().count(), 200);
        let total: usize = subdivision_countries().map(|country| subdivisions(country).count()).sum();
        assert_eq!(total, 5070);
        for country in subdivision_countries() {
            let codes: Vec<_> = subdivisions(country).collect();
            assert!(codes.is_sorted());
            for code in codes {
                assert_eq!(SubdivisionCode::parse(code.as_str()), Some(code));
                assert!(is_subdivision(country, code));
            }
        }
    }

    #[test]
    fn a_subdivision_belongs_to_its_country() {
        for (country, code, is_one) in [
            ("US", "NY", true),
            ("RU", "MOS", true),
            ("US", "ON", false),
            ("CA", "ON", true),
            ("GI", "1", false),
        ] {
            assert_eq!(
                is_subdivision(country_code(country), subdivision_code(code)),
                is_one,
                "{country}-{code}"
            );
        }
        assert_eq!(subdivisions(country_code("GI")).count(), 0);
    }

    #[test]
    fn us_and_canadian_subdivisions_have_georegion_and_center() {
        let us: Vec<_> = subdivisions(country_code("US"))
            .filter(|&code| subdivision_georegion(country_code("US"), code).is_some())
            .collect();
        assert_eq!(us.len(), 51);
        for (country, code, georegion) in [
            ("US", "NY", Some(Georegion::UsEast)),
            ("US", "TX", Some(Georegion::UsCentral)),
            ("CA", "BC", Some(Georegion::UsWest)),
            ("FR", "75", None),
        ] {
            let (country, code) = (country_code(country), subdivision_code(code));
            assert_eq!(subdivision_georegion(country, code), georegion);
            assert_eq!(subdivision_position(country, code).is_some(), georegion.is_some());
        }
    }

    #[test]
    fn georegions_have_their_own_reference_points() {
        assert_eq!(Georegion::UsWest.position(), Coordinates { latitude: 37.5, longitude: -118.0 });
        assert_eq!(Georegion::Africa.position(), Coordinates { latitude: 1.0, longitude: 20.0 });
    }
}
