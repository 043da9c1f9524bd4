//! Where an address is: countries, subdivisions, georegions, coordinates.
//!
//! All types here are small and `Copy`, so that filters can keep them in columns and compare them without
//! touching memory. Text is checked when it is parsed and never again.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::catalog;

/// Mean radius of the earth in kilometers (IUGG), for distances on a sphere.
const EARTH_RADIUS_KM: f64 = 6371.0088;

/// An ISO 3166-1 alpha-2 country code, such as `DE`.
///
/// Invariants: two upper-case letters that name a country of the catalog. Besides the 249 official codes the
/// catalog knows `XK` (Kosovo), a user-assigned code that address data use.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CountryCode(pub(crate) [u8; 2]);

impl CountryCode {
    /// The number of values [`CountryCode::index`] can take: the size of a bitset or table by country.
    pub const SPACE: usize = 26 * 26;

    /// Reads a two-letter code in any case; `None` if the catalog has no such country.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes: [u8; 2] = text.as_bytes().try_into().ok()?;
        if !bytes.iter().all(u8::is_ascii_alphabetic) {
            return None;
        }
        let code = Self(bytes.map(|byte| byte.to_ascii_uppercase()));
        catalog::country(code).map(|facts| facts.code)
    }

    /// The code as two upper-case letters.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or_default()
    }

    /// A dense number for tables and bitsets, `0..CountryCode::SPACE`, in alphabetical order.
    pub fn index(self) -> usize {
        usize::from(self.0[0] - b'A') * 26 + usize::from(self.0[1] - b'A')
    }
}

/// The part of an ISO 3166-2 code after the country, such as `NY` of `US-NY` or `12` of `FR-12`.
///
/// Invariants: one to three characters of `A-Z0-9`, padded with zero bytes. Whether a country has such a
/// subdivision is for [`catalog::is_subdivision`] to say.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SubdivisionCode(pub(crate) [u8; 3]);

impl SubdivisionCode {
    /// Reads one to three letters or digits in any case; `None` for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = text.as_bytes();
        if bytes.is_empty() || bytes.len() > 3 || !bytes.iter().all(u8::is_ascii_alphanumeric) {
            return None;
        }
        let mut code = [0; 3];
        for (place, byte) in code.iter_mut().zip(bytes) {
            *place = byte.to_ascii_uppercase();
        }
        Some(Self(code))
    }

    /// The code as a number other than 0, for comparing.
    pub fn number(self) -> u32 {
        let [first, second, third] = self.0;
        u32::from_be_bytes([0, first, second, third])
    }

    /// The code in upper case, without padding.
    pub fn as_str(&self) -> &str {
        let length = self.0.iter().position(|&byte| byte == 0).unwrap_or(self.0.len());
        std::str::from_utf8(&self.0[..length]).unwrap_or_default()
    }
}

macro_rules! text_form {
    ($code:ident, $expected:literal) => {
        impl fmt::Display for $code {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.pad(self.as_str())
            }
        }

        impl fmt::Debug for $code {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.as_str())
            }
        }

        impl Serialize for $code {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.serialize_str(self.as_str())
            }
        }

        impl<'de> Deserialize<'de> for $code {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                let text = <std::borrow::Cow<'de, str>>::deserialize(deserializer)?;
                $code::parse(&text).ok_or_else(|| {
                    serde::de::Error::invalid_value(serde::de::Unexpected::Str(&text), &$expected)
                })
            }
        }
    };
}

text_form!(CountryCode, "an ISO 3166-1 two-letter country code");
text_form!(SubdivisionCode, "one to three letters or digits");
text_form!(Georegion, "the name of a georegion");

/// One of the seven large regions that answers can be targeted to.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Georegion {
    /// The east of the United States and Canada, the Caribbean and Central America.
    UsEast,
    /// The middle of the United States and Canada, and Mexico.
    UsCentral,
    /// The west of the United States and Canada.
    UsWest,
    /// Europe, with all of Russia.
    Europe,
    /// Asia, Australia and the Pacific.
    Asiapac,
    /// South America.
    SouthAmerica,
    /// Africa.
    Africa,
}

impl Georegion {
    /// All georegions, in the order of [`Georegion::index`].
    pub const ALL: [Self; 7] = [
        Self::UsEast,
        Self::UsCentral,
        Self::UsWest,
        Self::Europe,
        Self::Asiapac,
        Self::SouthAmerica,
        Self::Africa,
    ];

    /// The name that metadata use, such as `US-EAST`.
    pub fn name(self) -> &'static str {
        match self {
            Self::UsEast => "US-EAST",
            Self::UsCentral => "US-CENTRAL",
            Self::UsWest => "US-WEST",
            Self::Europe => "EUROPE",
            Self::Asiapac => "ASIAPAC",
            Self::SouthAmerica => "SOUTH-AMERICA",
            Self::Africa => "AFRICA",
        }
    }

    /// The same as [`Georegion::name`].
    pub fn as_str(&self) -> &'static str {
        self.name()
    }

    /// Reads a name in any case; `None` if there is no such georegion.
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|region| region.name().eq_ignore_ascii_case(text))
    }

    /// The reference point from which distances to and between georegions are measured.
    pub fn position(self) -> Coordinates {
        catalog::georegion_position(self)
    }

    /// A dense number, `0..7`, for tables and bit masks.
    pub fn index(self) -> usize {
        self as usize
    }
}

/// A point on the earth.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Coordinates {
    /// Degrees north of the equator, `-90..=90`.
    pub latitude: f32,
    /// Degrees east of Greenwich, `-180..=180`.
    pub longitude: f32,
}

impl Coordinates {
    /// The great-circle distance in kilometers, on a sphere (at most 0.6 % off the true one).
    pub fn distance_km(self, other: Self) -> f32 {
        // The haversine form stays exact for near points, where the cosine form loses all digits.
        let [latitude, longitude] = self.radians();
        let [other_latitude, other_longitude] = other.radians();
        let half_chord = ((other_latitude - latitude) / 2.0).sin().powi(2)
            + latitude.cos() * other_latitude.cos() * ((other_longitude - longitude) / 2.0).sin().powi(2);
        (2.0 * EARTH_RADIUS_KM * half_chord.clamp(0.0, 1.0).sqrt().asin()) as f32
    }

    /// Latitude and longitude in radians.
    fn radians(self) -> [f64; 2] {
        [f64::from(self.latitude).to_radians(), f64::from(self.longitude).to_radians()]
    }
}

/// All that is known about where a network is.
#[derive(Clone, Copy, Debug, PartialEq, Serialize)]
pub struct Place {
    /// The country.
    pub country: Option<CountryCode>,
    /// The largest subdivision of that country; the embedded data have it for the US and Canada only.
    pub subdivision: Option<SubdivisionCode>,
    /// The georegion of the subdivision, else of the country.
    pub georegion: Option<Georegion>,
    /// The position the data give, else the center of the subdivision, else of the country.
    pub position: Option<Coordinates>,
}

impl Place {
    /// The place of a network of which only country and subdivision are known: the catalog fills in the rest.
    pub fn of(country: CountryCode, subdivision: Option<SubdivisionCode>) -> Self {
        Self {
            country: Some(country),
            subdivision,
            georegion: subdivision
                .and_then(|subdivision| catalog::subdivision_georegion(country, subdivision))
                .or_else(|| catalog::country_georegion(country)),
            position: subdivision
                .and_then(|subdivision| catalog::subdivision_position(country, subdivision))
                .or_else(|| catalog::country_position(country)),
        }
    }
}

/// A value together with the block of addresses that share it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Located<T> {
    /// What was found.
    pub value: T,
    /// The length of the shortest prefix around the address for which `value` holds, in the address's own
    /// family: `0..=32` or `0..=128`.
    pub prefix_bits: u8,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(latitude: f32, longitude: f32) -> Coordinates {
        Coordinates { latitude, longitude }
    }

    #[test]
    fn a_country_code_is_read_in_any_case_and_must_exist() {
        for text in ["de", "DE", "De"] {
            assert_eq!(CountryCode::parse(text).unwrap().as_str(), "DE");
        }
        for text in ["", "D", "DEU", "ZZ", "UK", "1A", "d\u{e9}", "\u{e9}", "  "] {
            assert_eq!(CountryCode::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_subdivision_code_is_one_to_three_letters_or_digits() {
        for (text, read) in [("ny", "NY"), ("1", "1"), ("75c", "75C"), ("MOS", "MOS")] {
            assert_eq!(SubdivisionCode::parse(text).unwrap().as_str(), read);
        }
        for text in ["", "ABCD", "N-Y", "N ", "\u{e9}", "A\0"] {
            assert_eq!(SubdivisionCode::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn codes_are_ordered_as_their_texts() {
        let code = |text| SubdivisionCode::parse(text).unwrap();
        assert!(code("A") < code("A1") && code("A1") < code("B"));
        let country = |text| CountryCode::parse(text).unwrap();
        assert!(country("AD") < country("DE") && country("AD").index() < country("DE").index());
        assert!(country("ZW").index() < CountryCode::SPACE);
    }

    #[test]
    fn a_georegion_is_read_in_any_case() {
        for region in Georegion::ALL {
            assert_eq!(Georegion::parse(region.name()), Some(region));
            assert_eq!(Georegion::parse(&region.name().to_lowercase()), Some(region));
            assert_eq!(Georegion::ALL[region.index()], region);
        }
        assert_eq!(Georegion::parse("US_EAST"), None);
    }

    #[test]
    fn distances_follow_the_great_circle() {
        let (london, new_york, sydney) = (at(51.5074, -0.1278), at(40.7128, -74.006), at(-33.8688, 151.2093));
        for (from, to, kilometers) in [(london, new_york, 5570.0), (london, sydney, 16994.0)] {
            assert!((from.distance_km(to) - kilometers).abs() < 2.0, "{}", from.distance_km(to));
            assert_eq!(from.distance_km(to), to.distance_km(from));
        }
        assert_eq!(london.distance_km(london), 0.0);
        assert!(at(10.0, 180.0).distance_km(at(10.0, -180.0)) < 1e-6);
        // Half way around, where rounding must not leave the domain of the arc sine.
        assert!((at(12.3, 45.6).distance_km(at(-12.3, -134.4)) - 20_015.1).abs() < 0.5);
    }

    #[test]
    fn near_points_keep_their_order() {
        let here = at(50.0, 8.0);
        assert!(here.distance_km(at(50.0, 8.0001)) > 0.0);
        assert!(here.distance_km(at(50.0, 8.0001)) < here.distance_km(at(50.0, 8.0002)));
    }

    #[test]
    fn a_place_has_the_georegion_and_center_of_its_subdivision() {
        let place = |country, subdivision: &str| {
            Place::of(CountryCode::parse(country).unwrap(), SubdivisionCode::parse(subdivision))
        };
        assert_eq!(place("US", "WA").georegion, Some(Georegion::UsWest));
        assert_eq!(place("CA", "QC").georegion, Some(Georegion::UsEast));
        assert_eq!(place("DE", "BE").georegion, Some(Georegion::Europe));
        assert_eq!(place("DE", "BE").position, place("DE", "").position);
        assert_ne!(place("US", "WA").position, place("US", "").position);
        assert_eq!(place("AQ", "").georegion, None);
    }

    #[test]
    fn codes_and_georegions_serialize_as_text() {
        let place = Place::of(CountryCode::parse("US").unwrap(), SubdivisionCode::parse("NY"));
        let json = serde_json::to_value(place).unwrap();
        assert_eq!(
            [&json["country"], &json["subdivision"], &json["georegion"]],
            ["US", "NY", "US-EAST"].map(|text| text).each_ref()
        );
        assert_eq!(serde_json::from_str::<CountryCode>("\"us\"").unwrap(), place.country.unwrap());
        assert!(serde_json::from_str::<CountryCode>("\"zz\"").is_err());
        assert_eq!(format!("{:>4}|{:?}", place.country.unwrap(), place.georegion.unwrap()), "  US|US-EAST");
    }
}
