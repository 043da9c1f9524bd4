//! `sextant simulate`: which clients would get which answer.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;

use anyhow::{Context, Result, anyhow, bail};
use serde_json::{Map, Value, json};

use super::api::{Api, ApiArguments, SubjectArguments, escaped};
use super::array;
use super::table::{Table, fields, plain};

/// The largest candidate that is read, in octets: what the API takes.
const CANDIDATE_OCTETS: u64 = 8 << 20;

/// Answers that are listed for one country.
const ANSWERS_PER_COUNTRY: usize = 4;

/// Options of `simulate`.
#[derive(Debug, clap::Args)]
pub struct SimulateArguments {
    #[command(flatten)]
    subject: SubjectArguments,
    /// Client to try; repeatable (default: samples of all countries, weighted by their addresses)
    #[arg(long = "client", value_name = "ADDR", value_delimiter = ',')]
    clients: Vec<String>,
    /// File with a record, as for PUT or POST, to try beside the stored one; - reads standard input
    #[arg(long, value_name = "FILE")]
    record: Option<String>,
    /// Value that a feed is taken to have; repeatable
    #[arg(long = "feed", value_name = "ID.KEY=VALUE", value_parser = feed_value)]
    feeds: Vec<FeedValue>,
    /// Seed of all draws (default: 0)
    #[arg(long, value_name = "N")]
    seed: Option<u64>,
    /// Draws for each client of a record that draws (default: 32)
    #[arg(long, value_name = "N")]
    draws: Option<u32>,
    /// Print the shares in each country, too
    #[arg(long)]
    countries: bool,
    /// Print the shares as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    api: ApiArguments,
}

/// A value for one key of one feed.
#[derive(Debug, Clone, PartialEq)]
struct FeedValue {
    feed: String,
    key: String,
    value: Value,
}

/// Reads `ID.KEY=VALUE`; a value that is not JSON is a text, as on a feed URL.
fn feed_value(text: &str) -> Result<FeedValue, String> {
    let parse = || {
        let (place, value) = text.split_once('=')?;
        let (feed, key) = place.split_once('.')?;
        let value = serde_json::from_str(value).unwrap_or_else(|_| Value::from(value));
        Some(FeedValue { feed: feed.to_owned(), key: key.to_owned(), value })
    };
    parse().ok_or_else(|| "expected the id of a feed, a dot, a metadata key, = and a value".to_owned())
}

/// Asks for the simulation and puts it into a table.
///
/// # Errors
/// What the server says against it, a server that does not answer, and a candidate that cannot be read.
pub fn run(arguments: &SimulateArguments) -> Result<String> {
    let SubjectArguments { name, rtype, .. } = &arguments.subject;
    let path = |zone: &str| format!("/v1/simulate/{zone}/{}/{}", escaped(name), escaped(rtype));
    let told = Api::open(&arguments.api)?.ask(&arguments.subject, path, Some(&body(arguments)?))?;
    if arguments.json {
        return Ok(format!("{}\n", serde_json::to_string_pretty(&told)?));
    }
    let mut text = String::new();
    let who = if arguments.clients.is_empty() { "clients of all countries" } else { "clients" };
    let _ = writeln!(
        text,
        "{name} {rtype}: the answer that comes first for {} {who}, seed {}",
        told["clients"], told["seed"]
    );
    let sides: Vec<(&str, &Value)> = match told.get("candidate") {
        None => vec![("SHARE", &told)],
        Some(candidate) => vec![("STORED", &told["stored"]), ("CANDIDATE", candidate)],
    };
    text.push_str(&overall(&sides).print(2));
    if arguments.countries {
        text.push_str(&by_country(&sides).print(2));
    }
    if let Some(changed) = told.get("changed") {
        print_changed(changed, &mut text);
    }
    Ok(text)
}

fn body(arguments: &SimulateArguments) -> Result<Value> {
    let mut body = Map::new();
    if !arguments.clients.is_empty() {
        body.insert("clients".to_owned(), json!(arguments.clients));
    }
    if let Some(path) = &arguments.record {
        body.insert("record".to_owned(), candidate(path)?);
    }
    let mut feeds: BTreeMap<&str, Map<String, Value>> = BTreeMap::new();
    for FeedValue { feed, key, value } in &arguments.feeds {
        feeds.entry(feed).or_default().insert(key.clone(), value.clone());
    }
    if !feeds.is_empty() {
        body.insert("feeds".to_owned(), json!(feeds));
    }
    if let Some(seed) = arguments.seed {
        body.insert("seed".to_owned(), json!(seed));
    }
    if let Some(draws) = arguments.draws {
        body.insert("draws".to_owned(), json!(draws));
    }
    Ok(Value::Object(body))
}

fn candidate(path: &str) -> Result<Value> {
    let source: Box<dyn Read> = match path {
        "-" => Box::new(std::io::stdin()),
        path => Box::new(std::fs::File::open(path).map_err(|error| anyhow!("{path}: {error}"))?),
    };
    let mut text = String::new();
    source.take(CANDIDATE_OCTETS + 1).read_to_string(&mut text).with_context(|| path.to_owned())?;
    if text.len() as u64 > CANDIDATE_OCTETS {
        bail!("{path}: more than {CANDIDATE_OCTETS} octets");
    }
    serde_json::from_str(&text).with_context(|| format!("{path} is not JSON"))
}

/// One row for each answer of any side.
fn overall(sides: &[(&str, &Value)]) -> Table {
    let mut table = Table::default();
    let titles = sides.iter().map(|(title, _)| (*title).to_owned());
    table.row(std::iter::once("ANSWER".to_owned()).chain(titles).collect());
    let mut rows: Vec<(&Value, Vec<String>)> = Vec::new();
    for (column, (_, side)) in sides.iter().enumerate() {
        for share in array(&side["overall"]) {
            let place = rows.iter().position(|(answer, _)| *answer == &share["answer"]);
            let place = place.unwrap_or_else(|| {
                rows.push((&share["answer"], vec!["-".to_owned(); sides.len()]));
                rows.len() - 1
            });
            rows[place].1[column] = percent(&share["share"]);
        }
    }
    for (answer, cells) in rows {
        table.row(std::iter::once(answer_text(answer)).chain(cells).collect());
    }
    table
}

/// One row for each country, with the answers it gets most on each side.
fn by_country(sides: &[(&str, &Value)]) -> Table {
    let mut table = Table::default();
    let titles = sides.iter().map(|(title, _)| (*title).to_owned());
    table.row(std::iter::once("COUNTRY".to_owned()).chain(titles).collect());
    let mut rows: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (column, (_, side)) in sides.iter().enumerate() {
        for (country, shares) in side["countries"].as_object().into_iter().flatten() {
            let row = rows.entry(country).or_insert_with(|| vec!["-".to_owned(); sides.len()]);
            row[column] = most(array(shares));
        }
    }
    for (country, cells) in rows {
        table.row(std::iter::once(country.to_owned()).chain(cells).collect());
    }
    table
}

/// The largest shares in one line.
fn most(shares: &[Value]) -> String {
    let mut shares: Vec<&Value> = shares.iter().collect();
    // Stable, so that equal shares stay in the order of the record.
    shares.sort_by(|one, other| {
        let share = |value: &Value| value["share"].as_f64().unwrap_or(0.0);
        share(other).total_cmp(&share(one))
    });
    let shown = shares.iter().take(ANSWERS_PER_COUNTRY);
    let mut texts: Vec<String> = shown
        .map(|share| format!("{} {}", answer_text(&share["answer"]), percent(&share["share"])))
        .collect();
    if shares.len() > ANSWERS_PER_COUNTRY {
        texts.push(format!("and {} more", shares.len() - ANSWERS_PER_COUNTRY));
    }
    texts.join(", ")
}

fn print_changed(changed: &Value, text: &mut String) {
    let countries: Vec<String> = array(&changed["countries"]).iter().map(plain).collect();
    let _ = writeln!(text, "{} of clients would get another reply", percent(&changed["share"]));
    for line in countries.chunks(24) {
        let _ = writeln!(text, "  {}", line.join(" "));
    }
}

fn answer_text(answer: &Value) -> String {
    if answer.is_null() { "(none)".to_owned() } else { fields(answer) }
}

fn percent(share: &Value) -> String {
    format!("{:.2} %", share.as_f64().unwrap_or(0.0) * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_feed_value_is_json_or_a_text() {
        let read = |text| feed_value(text).map(|value| (value.feed, value.key, value.value));
        let expected = |value| Ok(("ab".to_owned(), "up".to_owned(), value));
        assert_eq!(read("ab.up=false"), expected(json!(false)));
        assert_eq!(read("ab.up=DE"), expected(json!("DE")));
        assert_eq!(read("ab.up=[1]"), expected(json!([1])));
        for text in ["ab.up", "up=1", ""] {
            assert!(read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn both_sides_stand_in_one_table_answer_by_answer() {
        let side = |shares: Value| json!({"overall": shares, "countries": {"DE": shares}});
        let stored = side(json!([{"answer": ["a"], "share": 0.25}, {"answer": null, "share": 0.75}]));
        let candidate = side(json!([{"answer": ["b"], "share": 0.4}, {"answer": ["a"], "share": 0.6}]));
        let sides = [("STORED", &stored), ("CANDIDATE", &candidate)];
        assert_eq!(
            overall(&sides).print(0),
            "ANSWER  STORED   CANDIDATE\na       25.00 %  60.00 %\n(none)  75.00 %  -\nb       -        40.00 %\n"
        );
        let row = "DE       (none) 75.00 %, a 25.00 %  a 60.00 %, b 40.00 %\n";
        assert!(by_country(&sides).print(0).ends_with(row), "{}", by_country(&sides).print(0));
    }
}
