//! The data that every server gets: zone files, and records for the API.

use std::{fmt::Write, path::Path};

use clap::ValueEnum;
use geoip_data::{CountryCode, catalog};
use serde_json::{Value, json};

use crate::{
    check::{COUNTRIES, MANY, numbered_address, steered_address},
    query::{Scenario, Sizes},
};

/// The apex of the large zone.
pub const LARGE: &str = "bench.test";
/// The apex of the zone with steered records.
pub const STEERED: &str = "steer.test";

/// Data that a server is started with. Each is loaded alone, so that memory and load time are of it alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DataSet {
    /// One zone of many A records.
    Large,
    /// Many zones of five records.
    Small,
    /// One zone of steered records.
    Steered,
}

impl DataSet {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Large, Self::Small, Self::Steered];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Large => "large zone",
            Self::Small => "small zones",
            Self::Steered => "steered records",
        }
    }

    /// What can be asked of it.
    pub fn scenarios(self) -> Vec<Scenario> {
        Scenario::value_variants().iter().copied().filter(|scenario| scenario.data_set() == self).collect()
    }

    /// The apexes of its zones.
    pub fn apexes(self, sizes: Sizes) -> Vec<String> {
        match self {
            Self::Large => vec![LARGE.into()],
            Self::Small => (0..sizes.zones).map(small_apex).collect(),
            Self::Steered => vec![STEERED.into()],
        }
    }

    /// Writes its zone files into `folder`, each named after its apex. Steered records are not among them:
    /// every server has its own way to say those.
    ///
    /// # Errors
    /// When a file cannot be written.
    pub fn write(self, sizes: Sizes, folder: &Path) -> std::io::Result<()> {
        std::fs::create_dir_all(folder)?;
        match self {
            Self::Large => std::fs::write(folder.join(LARGE), large_zone(sizes)),
            Self::Small => (0..sizes.zones)
                .try_for_each(|number| std::fs::write(folder.join(small_apex(number)), small_zone(number))),
            Self::Steered => Ok(()),
        }
    }
}

/// The apex of small zone `number`.
pub fn small_apex(number: u32) -> String {
    format!("z{number}.test")
}

/// The continent of a country of [`COUNTRIES`], as geography files name it.
pub fn continent(country: &str) -> &'static str {
    let code = CountryCode::parse(country);
    code.and_then(catalog::country).map_or("", |facts| facts.continent)
}

/// The large zone.
pub fn large_zone(sizes: Sizes) -> String {
    let mut text = head();
    for number in 0..sizes.names {
        writeln!(text, "h{number} A {}", numbered_address(number)).expect("strings take everything");
    }
    text
}

/// Small zone `number`: five records.
pub fn small_zone(number: u32) -> String {
    let mut text = head();
    let address = numbered_address(number);
    for owner in ["@", "www"] {
        writeln!(text, "{owner} A {address}").expect("strings take everything");
    }
    text
}

/// SOA, NS and the address of the name server: three records.
pub fn head() -> String {
    "$TTL 300\n@ SOA ns1 hostmaster 1 7200 900 1209600 300\n@ NS ns1\nns1 A 192.0.2.53\n".into()
}

/// The steered records, as API documents without zone and domain: label and document.
pub fn steered_records() -> Vec<(&'static str, Value)> {
    let first = json!({"filter": "select_first_n", "config": {"N": 1}});
    let weigh = json!({"filter": "weighted_shuffle", "config": {}});
    let locate = json!({"filter": "geotarget_country", "config": {}});
    let up = json!({"filter": "up", "config": {}});
    let answers = |count: u8, meta: &dyn Fn(u8) -> Value| -> Vec<Value> {
        (0..count)
            .map(|index| json!({"answer": [steered_address(index).to_string()], "meta": meta(index)}))
            .collect()
    };
    vec![
        (
            "country",
            json!({
                "answers": answers(4, &|index| json!({"country": [COUNTRIES[usize::from(index)]]})),
                "filters": [locate, first],
            }),
        ),
        (
            "weighted",
            json!({
                "answers": answers(4, &|index| json!({"weight": index + 1})),
                "filters": [weigh, first],
            }),
        ),
        (
            "chain",
            json!({
                "answers": answers(8, &|index| {
                    json!({"country": [COUNTRIES[usize::from(index / 2)]], "weight": index % 2 + 1})
                }),
                "filters": [weigh, locate, first],
            }),
        ),
        (
            "many",
            json!({
                "answers": answers(MANY, &|index| json!({"up": index % 2 == 0, "weight": index % 8 + 1})),
                "filters": [up, weigh, first],
            }),
        ),
    ]
}
