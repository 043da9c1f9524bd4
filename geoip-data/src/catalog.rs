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
