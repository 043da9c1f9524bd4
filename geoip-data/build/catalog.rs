//! The CSV tables of countries, subdivisions and georegions as Rust source text.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Write;
use std::path::Path;

/// Stands before arrays of coordinates: some latitude is always near a well-known number.
const COORDINATES_ALLOWED: &str = "#[allow(clippy::approx_constant)]\n";

/// One row of a CSV file, by column name.
type Row = HashMap<String, String>;

/// `CountryCode::SPACE`.
const COUNTRY_SPACE: usize = 26 * 26;

/// Codes in the country table that are not part of ISO 3166-1.
const UNOFFICIAL: [&str; 1] = ["XK"];

/// The order of `Georegion::ALL`, as name and variant.
const GEOREGIONS: [(&str, &str); 7] = [
    ("US-EAST", "UsEast"),
    ("US-CENTRAL", "UsCentral"),
    ("US-WEST", "UsWest"),
    ("EUROPE", "Europe"),
    ("ASIAPAC", "Asiapac"),
    ("SOUTH-AMERICA", "SouthAmerica"),
    ("AFRICA", "Africa"),
];

/// The rows of all tables, sorted by what they are looked up by.
pub struct Tables {
    countries: BTreeMap<String, Row>,
    subdivisions: BTreeMap<String, BTreeSet<String>>,
    subdivision_facts: BTreeMap<(String, String), Row>,
    georegions: HashMap<String, Row>,
}

impl Tables {
    /// Reads the tables from the data folder.
    pub fn read(data: &Path) -> Self {
        let mut subdivisions: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
        for row in rows(&data.join("subdivisions.csv")) {
            let (country, code) = row["code"].split_once('-').expect("a subdivision code is CC-XXX");
            subdivisions.entry(country.to_owned()).or_default().insert(code.to_owned());
        }
        Self {
            countries: rows(&data.join("countries.csv")).map(|row| (row["iso2"].clone(), row)).collect(),
            subdivisions,
            subdivision_facts: rows(&data.join("us_ca_subdivisions.csv"))
                .map(|row| ((row["country"].clone(), row["subdivision"].clone()), row))
                .collect(),
            georegions: rows(&data.join("georegions.csv"))
                .map(|row| (row["georegion"].clone(), row))
                .collect(),
        }
    }

    /// The source text of the arrays that `src/catalog.rs` includes.
    pub fn source(&self) -> String {
        let mut text = String::new();
        self.write_countries(&mut text).expect("a string takes all text");
        self.write_subdivisions(&mut text).expect("a string takes all text");
        self.write_georegions(&mut text).expect("a string takes all text");
        text
    }

    /// The source text of the places that the embedded tables refer to, given as packed values.
    pub fn places<'a>(&self, keys: impl ExactSizeIterator<Item = &'a Vec<u8>>) -> String {
        let mut text = format!("{COORDINATES_ALLOWED}static PLACES: [Place; {}] = [\n", keys.len());
        for key in keys {
            let (code, suffix) = key.split_at(2);
            let code = std::str::from_utf8(code).expect("a country code is text");
            let suffix = std::str::from_utf8(suffix).expect("a subdivision code is text");
            let suffix = suffix.trim_end_matches('\0');
            text += &self.place(code, suffix);
        }
        text + "];\n"
    }

    /// The source text of one place: what `Place::of` would make.
    fn place(&self, code: &str, suffix: &str) -> String {
        let facts = self.countries.get(code).unwrap_or_else(|| panic!("country {code:?} is not listed"));
        let subdivision_facts = self.subdivision_facts.get(&(code.to_owned(), suffix.to_owned()));
        assert!(suffix.is_empty() || subdivision_facts.is_some(), "{code}-{suffix} is not listed");
        let region = subdivision_facts.unwrap_or(facts);
        format!(
            "Place {{ country: Some({}), subdivision: {}, georegion: {}, position: {} }},\n",
            country(code),
            optional((!suffix.is_empty()).then(|| subdivision(suffix))),
            optional(georegion(&region["georegion"])),
            optional(
                subdivision_facts
                    .and_then(|row| position(row, &["ip", "pop"]))
                    .or_else(|| position(facts, &["ip", "pop", "geo"]))
            ),
        )
    }

    fn write_countries(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "{COORDINATES_ALLOWED}static COUNTRIES: [CountryFacts; {}] = [",
            self.countries.len()
        )?;
        let mut row_by_index = [u8::MAX; COUNTRY_SPACE];
        for (number, (code, row)) in self.countries.iter().enumerate() {
            row_by_index[country_index(code)] = u8::try_from(number).expect("fewer than 255 countries");
            writeln!(
                text,
                "CountryFacts {{ code: {}, alpha3: {:?}, name: {:?}, continent: {:?}, georegion: {}, \
                 position: {}, is_official: {} }},",
                country(code),
                row["iso3"],
                row["name"],
                row["continent"],
                optional(georegion(&row["georegion"])),
                optional(position(row, &["ip", "pop", "geo"])),
                !UNOFFICIAL.contains(&code.as_str()),
            )?;
        }
        writeln!(text, "];\nstatic COUNTRY_ROWS: [u8; {COUNTRY_SPACE}] = {row_by_index:?};")
    }

    fn write_subdivisions(&self, text: &mut String) -> std::fmt::Result {
        let unknown: Vec<_> =
            self.subdivisions.keys().filter(|&country| !self.countries.contains_key(country)).collect();
        assert!(unknown.is_empty(), "subdivisions of unknown countries: {unknown:?}");
        let total: usize = self.subdivisions.values().map(BTreeSet::len).sum();
        let mut spans = Vec::new();
        let mut start = 0;
        writeln!(text, "static SUBDIVISIONS: [SubdivisionCode; {total}] = [")?;
        for code in self.countries.keys() {
            let codes = self.subdivisions.get(code);
            for code in codes.into_iter().flatten() {
                writeln!(text, "{},", subdivision(code))?;
            }
            let end = start + codes.map_or(0, BTreeSet::len);
            spans.push((start, end));
            start = end;
        }
        writeln!(text, "];\nstatic SUBDIVISION_SPANS: [(u16, u16); {}] = {spans:?};", spans.len())?;

        let facts = &self.subdivision_facts;
        writeln!(
            text,
            "{COORDINATES_ALLOWED}static SUBDIVISION_FACTS: [SubdivisionFacts; {}] = [",
            facts.len()
        )?;
        for ((country_code, code), row) in facts {
            writeln!(
                text,
                "SubdivisionFacts {{ country: {}, subdivision: {}, georegion: {}, position: {} }},",
                country(country_code),
                subdivision(code),
                georegion(&row["georegion"]).expect("each listed subdivision has a georegion"),
                position(row, &["ip", "pop"]).expect("each listed subdivision has a position"),
            )?;
        }
        writeln!(text, "];")
    }

    fn write_georegions(&self, text: &mut String) -> std::fmt::Result {
        writeln!(
            text,
            "{COORDINATES_ALLOWED}static GEOREGION_POSITIONS: [Coordinates; {}] = [",
            GEOREGIONS.len()
        )?;
        for (name, _) in GEOREGIONS {
            let row = self.georegions.get(name).unwrap_or_else(|| panic!("georegion {name} is missing"));
            writeln!(text, "{},", coordinates(&row["lat"], &row["lon"]))?;
        }
        writeln!(text, "];")
    }
}

/// The source text of what the program says about its embedded address data.
pub fn sources(data: &Path) -> String {
    let sources: HashMap<String, Row> =
        rows(&data.join("sources.csv")).map(|row| (row["kind"].clone(), row)).collect();
    let source = |kind: &str| {
        let row = sources.get(kind).unwrap_or_else(|| panic!("sources.csv lacks {kind}"));
        format!("[{:?}, {:?}, {:?}]", row["name"], row["date"], row["attribution"])
    };
    format!(
        "const LOCATION: [&str; 3] = {};\nconst ASN: [&str; 3] = {};\n",
        source("location"),
        source("asn")
    )
}

/// The rows of a CSV file with a header line.
fn rows(path: &Path) -> impl Iterator<Item = Row> {
    let mut reader =
        csv::Reader::from_path(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let rows: Vec<Row> = reader.deserialize().collect::<Result<_, _>>().unwrap_or_else(|error| {
        panic!("{}: {error}", path.display());
    });
    rows.into_iter()
}

/// `CountryCode::index`.
fn country_index(code: &str) -> usize {
    let [first, second] = code.as_bytes() else { panic!("{code:?} is not a country code") };
    assert!(first.is_ascii_uppercase() && second.is_ascii_uppercase(), "{code:?} is not a country code");
    usize::from(first - b'A') * 26 + usize::from(second - b'A')
}

fn country(code: &str) -> String {
    format!("CountryCode(*b{code:?})")
}

/// The source text of a subdivision code, padded with zero bytes.
fn subdivision(code: &str) -> String {
    let valid = code.bytes().all(|byte| byte.is_ascii_uppercase() || byte.is_ascii_digit());
    assert!(valid && (1..=3).contains(&code.len()), "{code:?} is not a subdivision code");
    let mut bytes = [0; 3];
    bytes[..code.len()].copy_from_slice(code.as_bytes());
    format!("SubdivisionCode({bytes:?})")
}

fn georegion(name: &str) -> Option<String> {
    let variant = |name: &str| GEOREGIONS.iter().find(|known| known.0 == name).map(|known| known.1);
    (!name.is_empty())
        .then(|| format!("Georegion::{}", variant(name).unwrap_or_else(|| panic!("georegion {name:?}"))))
}

/// The first position a row has, by preference of column.
fn position(row: &Row, columns: &[&str]) -> Option<String> {
    columns
        .iter()
        .map(|column| (&row[&format!("lat_{column}")], &row[&format!("lon_{column}")]))
        .find(|(latitude, longitude)| !latitude.is_empty() && !longitude.is_empty())
        .map(|(latitude, longitude)| coordinates(latitude, longitude))
}

fn coordinates(latitude: &str, longitude: &str) -> String {
    let number = |text: &str| text.parse::<f32>().unwrap_or_else(|_| panic!("{text:?} is not a number"));
    format!("Coordinates {{ latitude: {:?}, longitude: {:?} }}", number(latitude), number(longitude))
}

fn optional(value: Option<String>) -> String {
    value.map_or("None".to_owned(), |value| format!("Some({value})"))
}
