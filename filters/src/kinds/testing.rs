//! A small record to run chains over, for tests.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, LazyLock};

use geoip_data::{GeoData, Place};
use rand::Rng;
use serde_json::{Map, Value, json};

use crate::{
    AnswerId, AnswerInput, Chain, ChainError, ChainInput, Client, Context, FeedCell, FeedId, FilterStep,
    MetaKey, MetaTable, OnEmpty, Recorder, Scratch, Selection, StepRecord, from_seed_u64, parse_value,
};

pub(crate) static GEO: LazyLock<GeoData> = LazyLock::new(GeoData::embedded);

/// An address that the embedded data know no place for.
pub(crate) const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 2, 3));

/// Some IPv4 address whose place is as wanted.
pub(crate) fn address_where(wanted: impl Fn(&Place) -> bool) -> IpAddr {
    let mut entropy = from_seed_u64(7);
    (0..1_000_000)
        .map(|_| IpAddr::V4(Ipv4Addr::from_bits(entropy.next_u32())))
        .find(|address| GEO.place(*address).value.is_some_and(&wanted))
        .expect("the embedded data have every larger country")
}

/// Some address in a country.
pub(crate) fn in_country(country: &str) -> IpAddr {
    address_where(|place| place.country.is_some_and(|code| code.as_str() == country))
}

/// Some address in a subdivision.
pub(crate) fn in_subdivision(country: &str, subdivision: &str) -> IpAddr {
    address_where(|place| {
        place.country.is_some_and(|code| code.as_str() == country)
            && place.subdivision.is_some_and(|code| code.as_str() == subdivision)
    })
}

/// Some address in a georegion.
pub(crate) fn in_georegion(region: &str) -> IpAddr {
    address_where(|place| place.georegion.is_some_and(|georegion| georegion.name() == region))
}

fn object(json: &Value) -> Map<String, Value> {
    json.as_object().expect("tests write objects").clone()
}

fn table(json: &Value) -> MetaTable {
    MetaTable::parse(&object(json)).expect("tests write valid metadata")
}

/// A record in the making.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    answers: Vec<(MetaTable, Option<String>)>,
    regions: Vec<(String, MetaTable)>,
    meta: MetaTable,
    steps: Vec<FilterStep>,
    on_empty: OnEmpty,
    record_type: u16,
    feeds: HashMap<FeedId, Arc<FeedCell>>,
}

impl Default for Record {
    fn default() -> Self {
        Self {
            answers: Vec::new(),
            regions: Vec::new(),
            meta: MetaTable::default(),
            steps: Vec::new(),
            on_empty: OnEmpty::default(),
            record_type: 1,
            feeds: HashMap::new(),
        }
    }
}

/// What came out of a run.
#[derive(Debug, PartialEq)]
pub(crate) struct Outcome {
    pub(crate) answers: Vec<u16>,
    pub(crate) scope_bits: u8,
}

impl Record {
    pub(crate) fn new(answers: &[Value]) -> Self {
        answers.iter().fold(Self::default(), |record, meta| record.answer(meta, None))
    }

    pub(crate) fn answer(mut self, meta: &Value, region: Option<&str>) -> Self {
        self.answers.push((table(meta), region.map(str::to_owned)));
        self
    }

    pub(crate) fn region(mut self, name: &str, meta: &Value) -> Self {
        self.regions.push((name.to_owned(), table(meta)));
        self
    }

    pub(crate) fn meta(mut self, meta: &Value) -> Self {
        self.meta = table(meta);
        self
    }

    pub(crate) fn step(mut self, filter: &str, config: &Value) -> Self {
        self.steps.push(FilterStep { filter: filter.to_owned(), config: object(config), disabled: None });
        self
    }

    pub(crate) fn disabled_step(mut self, filter: &str) -> Self {
        self.steps.push(FilterStep { filter: filter.to_owned(), config: Map::new(), disabled: Some(true) });
        self
    }

    pub(crate) fn on_empty(mut self, rule: OnEmpty) -> Self {
        self.on_empty = rule;
        self
    }

    /// Adds a feed; metadata point at it with [`pointer`].
    pub(crate) fn feed(mut self, id: u8) -> Self {
        self.feeds.insert(feed_id(id), Arc::new(FeedCell::new(feed_id(id))));
        self
    }

    pub(crate) fn push(&self, feed: u8, key: MetaKey, json: &Value) {
        let value = parse_value(key, json).expect("tests push valid values");
        self.feeds[&feed_id(feed)].set(key, value.as_ref(), 1_700_000_000);
    }

    pub(crate) fn compile(&self) -> Result<Chain, ChainError> {
        let answers: Vec<_> = self
            .answers
            .iter()
            .zip(0u8..)
            .map(|((meta, region), number)| AnswerInput {
                id: AnswerId([number; 12]),
                meta,
                region: region.as_deref(),
            })
            .collect();
        let regions: Vec<_> = self.regions.iter().map(|(name, meta)| (name.as_str(), meta.clone())).collect();
        let input = ChainInput {
            steps: &self.steps,
            answers: &answers,
            regions: &regions,
            record: &self.meta,
            record_type: self.record_type,
            on_empty: self.on_empty,
        };
        Chain::compile(&input, &|feed| self.feeds.get(&feed).cloned())
    }

    pub(crate) fn chain(&self) -> Chain {
        self.compile().expect("tests write valid chains")
    }

    pub(crate) fn run(&self, client: Client, seed: u64) -> Outcome {
        run(&self.chain(), self.answers.len(), client, seed)
    }

    /// The order of answers for the sender of a query.
    pub(crate) fn order(&self, address: IpAddr) -> Vec<u16> {
        self.run(Client::source(address), 1).answers
    }

    /// What a trace says of the only step.
    pub(crate) fn trace(&self, address: IpAddr, seed: u64) -> StepRecord {
        record_trace(self, address, seed).steps.remove(0)
    }

    /// The names of the steps.
    pub(crate) fn filters(&self) -> impl Iterator<Item = &str> {
        self.steps.iter().map(|step| step.filter.as_str())
    }

    pub(crate) fn record_type(mut self, number: u16) -> Self {
        self.record_type = number;
        self
    }

    /// The reasons that a trace gives for the answers of the only step, as text.
    pub(crate) fn reasons(&self, address: IpAddr) -> Vec<String> {
        let texts =
            self.trace(address, 1).answers.into_iter().map(|answer| answer.reason.map(|it| it.to_string()));
        texts.map(Option::unwrap_or_default).collect()
    }
}

/// What a trace says of a run.
pub(crate) fn record_trace(record: &Record, address: IpAddr, seed: u64) -> Recorder {
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(seed), Scratch::new(), Selection::new());
    let mut recorder = Recorder::default();
    selection.reset(record.answers.len());
    let mut context = Context::new(Client::source(address), &GEO, &mut entropy, &mut scratch);
    record.chain().run(&mut context, &mut selection, &mut recorder);
    recorder
}

pub(crate) fn run(chain: &Chain, answers: usize, client: Client, seed: u64) -> Outcome {
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(seed), Scratch::new(), Selection::new());
    selection.reset(answers);
    let mut context = Context::new(client, &GEO, &mut entropy, &mut scratch);
    chain.run(&mut context, &mut selection, &mut ());
    let scope_bits = context.scope_bits();
    Outcome { answers: selection.as_slice().to_vec(), scope_bits }
}

/// Runs a chain many times with one generator and gives each outcome to `count`.
pub(crate) fn repeat(
    record: &Record,
    times: usize,
    client: impl Fn(usize) -> Client,
    mut count: impl FnMut(&[u16]),
) {
    let (mut entropy, mut scratch, mut selection) = (from_seed_u64(42), Scratch::new(), Selection::new());
    let chain = record.chain();
    for time in 0..times {
        selection.reset(record.answers.len());
        let mut context = Context::new(client(time), &GEO, &mut entropy, &mut scratch);
        chain.run(&mut context, &mut selection, &mut ());
        count(selection.as_slice());
    }
}

pub(crate) fn feed_id(number: u8) -> FeedId {
    FeedId([number; 12])
}

/// Metadata that point at a feed.
pub(crate) fn pointer(feed: u8) -> Value {
    json!({ "feed": feed_id(feed).to_string() })
}

/// Chi-square of counts against the shares that were expected.
pub(crate) fn chi_square(counts: &[usize], shares: &[f64]) -> f64 {
    let total: usize = counts.iter().sum();
    let cell = |(count, share): (&usize, &f64)| {
        let expected = share * total as f64;
        (*count as f64 - expected).powi(2) / expected
    };
    counts.iter().zip(shares).map(cell).sum()
}

/// The value that chi-square with `cells - 1` degrees of freedom passes once in 10^5 tries, from above
/// (Wilson and Hilferty).
pub(crate) fn chi_square_bound(cells: usize) -> f64 {
    let freedom = (cells - 1) as f64;
    let spread = 2.0 / (9.0 * freedom);
    freedom * (1.0 - spread + 4.265 * spread.sqrt()).powi(3)
}

/// A client of whom nothing matters.
pub(crate) fn somewhere() -> Client {
    Client::source(NOWHERE)
}

/// How often each answer of `count` came at `position` in many runs.
pub(crate) fn tally(record: &Record, count: usize, position: usize, times: usize) -> Vec<usize> {
    let mut counts = vec![0; count];
    repeat(record, times, |_| somewhere(), |answers| counts[usize::from(answers[position])] += 1);
    counts
}
