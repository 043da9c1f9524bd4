//! Places on the globe as filters use them: points, and the country and subdivision tags of answers.
//!
//! Distances are compared as squared chords between unit vectors. A chord grows with the great circle between
//! its ends, so the order is the same, and it needs three subtractions instead of trigonometry. Near points
//! keep their resolution (well under a metre), which the cosine of the angle would not.

use std::sync::LazyLock;

use geoip_data::{Coordinates, CountryCode, SubdivisionCode, catalog};

/// Mean radius of the earth in kilometres (IUGG).
const EARTH_RADIUS_KM: f32 = 6371.0;

/// A point on the unit sphere.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point([f32; 3]);

impl Point {
    /// So far out that the square of every chord to it is infinite.
    pub(crate) const NOWHERE: Point = Point([1e30; 3]);

    pub(crate) fn new(position: Coordinates) -> Self {
        let latitude = f64::from(position.latitude).to_radians();
        let longitude = f64::from(position.longitude).to_radians();
        let around = latitude.cos();
        #[expect(
            clippy::cast_possible_truncation,
            reason = "components are at most 1; single precision is meant"
        )]
        let vector = [around * longitude.cos(), around * longitude.sin(), latitude.sin()]
            .map(|component| component as f32);
        Self(vector)
    }

    /// The squared chord to another point: 0 for the same point, 4 for the opposite one.
    #[inline]
    pub(crate) fn chord(self, other: Self) -> Chord {
        let squares = self.0.iter().zip(other.0).map(|(mine, theirs)| (mine - theirs) * (mine - theirs));
        Chord(squares.sum())
    }
}

/// A squared chord of the unit sphere; orders like the great-circle distance.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub(crate) struct Chord(f32);

impl Chord {
    /// Farther than any point: a place that is known by name but has no position.
    pub(crate) const UNKNOWN: Chord = Chord(f32::INFINITY);

    /// Bits that order like the chord, which is never negative.
    pub(crate) fn rank(self) -> u32 {
        self.0.to_bits()
    }

    /// The chord of a [`Chord::rank`].
    pub(crate) fn from_rank(rank: u32) -> Self {
        Self(f32::from_bits(rank))
    }

    /// The shorter of two.
    pub(crate) fn min(self, other: Self) -> Self {
        Self(self.0.min(other.0))
    }

    /// The great-circle distance in kilometres; `None` when it is unknown.
    pub(crate) fn distance_km(self) -> Option<f32> {
        let half = (self.0.sqrt() / 2.0).min(1.0);
        self.0.is_finite().then(|| 2.0 * half.asin() * EARTH_RADIUS_KM)
    }
}

/// A country that an answer serves, with its representative point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct CountryTag {
    /// The country.
    pub country: CountryCode,
    pub(crate) point: Option<Point>,
}

impl CountryTag {
    /// Tags a country.
    pub fn new(country: CountryCode) -> Self {
        Self { country, point: country_point(country) }
    }
}

/// A subdivision (state, province) that an answer serves, with its representative point.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct SubdivisionTag {
    /// The country of the subdivision.
    pub country: CountryCode,
    /// The subdivision inside the country.
    pub subdivision: SubdivisionCode,
    pub(crate) point: Option<Point>,
}

impl SubdivisionTag {
    /// Tags a subdivision. When it has no position of its own, that of its country stands in.
    pub fn new(country: CountryCode, subdivision: SubdivisionCode) -> Self {
        Self { country, subdivision, point: subdivision_point(country, subdivision) }
    }
}

/// The points of the catalog, computed once.
struct Points {
    /// By [`CountryCode::index`].
    countries: Vec<Option<Point>>,
    /// Which of `subdivisions` is the table of a country, by [`CountryCode::index`].
    tables: Vec<Option<usize>>,
    /// For each country whose subdivisions have positions of their own, these by [`letters`].
    subdivisions: Vec<Vec<Option<Point>>>,
}

static POINTS: LazyLock<Points> = LazyLock::new(|| {
    let mut points = Points {
        countries: vec![None; CountryCode::SPACE],
        tables: vec![None; CountryCode::SPACE],
        subdivisions: Vec::new(),
    };
    for facts in catalog::countries() {
        points.countries[facts.code.index()] = catalog::country_position(facts.code).map(Point::new);
    }
    for country in catalog::subdivision_countries() {
        let mut table = vec![None; LETTERS * LETTERS];
        for subdivision in catalog::subdivisions(country) {
            let position = catalog::subdivision_position(country, subdivision);
            if let (Some(index), Some(position)) = (letters(subdivision), position) {
                table[index] = Some(Point::new(position));
            }
        }
        if table.iter().any(Option::is_some) {
            points.tables[country.index()] = Some(points.subdivisions.len());
            points.subdivisions.push(table);
        }
    }
    points
});

const LETTERS: usize = 26;

/// A dense number for a code of two letters. Only such codes have positions of their own.
fn letters(subdivision: SubdivisionCode) -> Option<usize> {
    let [_, first, second, 0] = subdivision.number().to_be_bytes() else { return None };
    let letter = |octet: u8| octet.checked_sub(b'A').map(usize::from).filter(|letter| *letter < LETTERS);
    Some(letter(first)? * LETTERS + letter(second)?)
}

/// Computes the points of the catalog unless that was done, so that no query has to.
pub(crate) fn prepare_points() {
    LazyLock::force(&POINTS);
}

/// The representative point of a country.
pub(crate) fn country_point(country: CountryCode) -> Option<Point> {
    POINTS.countries.get(country.index()).copied().flatten()
}

/// The representative point of a subdivision, or else of its country.
pub(crate) fn subdivision_point(country: CountryCode, subdivision: SubdivisionCode) -> Option<Point> {
    let points = &*POINTS;
    let own = || {
        let table = points.tables.get(country.index()).copied().flatten()?;
        points.subdivisions.get(table)?.get(letters(subdivision)?).copied().flatten()
    };
    own().or_else(|| country_point(country))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn point(latitude: f32, longitude: f32) -> Point {
        Point::new(Coordinates { latitude, longitude })
    }

    #[test]
    fn a_quarter_of_the_globe_is_ten_thousand_kilometres() {
        let distance = point(0.0, 0.0).chord(point(90.0, 0.0)).distance_km().unwrap();
        assert!((distance - 10_007.5).abs() < 1.0, "{distance}");
    }

    #[test]
    fn every_position_of_the_catalog_is_found() {
        for country in catalog::subdivision_countries() {
            for subdivision in catalog::subdivisions(country) {
                let position = catalog::subdivision_position(country, subdivision)
                    .or_else(|| catalog::country_position(country));
                assert_eq!(
                    subdivision_point(country, subdivision),
                    position.map(Point::new),
                    "{country} {subdivision}"
                );
            }
        }
    }

    #[test]
    fn the_shorter_way_around_the_date_line_counts() {
        let across = point(0.0, 179.0).chord(point(0.0, -179.0));
        let along = point(0.0, 179.0).chord(point(0.0, 170.0));
        assert!(across < along);
    }

    #[test]
    fn points_a_hundred_metres_apart_are_told_apart() {
        let home = point(52.5, 13.4);
        assert!(home.chord(point(52.501, 13.4)) < home.chord(point(52.502, 13.4)));
        assert!(home.chord(home).rank() < home.chord(point(52.501, 13.4)).rank());
    }
}
