//! Telling why: what each step of a run saw and did.
//!
//! A run is generic over its trace. `()` traces nothing and compiles to nothing, so the query path and an
//! explanation are the same code and cannot disagree. [`Recorder`] keeps everything as data.

use std::fmt;
use std::net::Ipv4Addr;

use serde::Serialize;
use serde_json::{Map, Value};

use crate::{FeedId, MetaKey, MetaValue, OnEmpty};

/// Where a metadata value was found. The most specific level that has the key wins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// On the answer.
    Answer,
    /// On the answer's region.
    Region,
    /// On the record.
    Record,
}

/// One metadata value that a decision rested on.
#[derive(Clone, Debug, PartialEq)]
pub struct Used {
    /// The key.
    pub key: MetaKey,
    /// The value; `None` for a feed pointer whose feed has no data, which counts as missing.
    pub value: Option<MetaValue>,
    /// Where it was found.
    pub level: Level,
    /// The feed that the value came from, unless it was literal.
    pub feed: Option<FeedId>,
    /// When the feed last got a value, in seconds since the Unix epoch.
    pub updated_at_s: Option<u64>,
}

/// Listens to a run.
pub trait Trace {
    /// Whether the run reports at all. `false` removes the reporting from the compiled code.
    const ENABLED: bool = true;

    /// A step begins: its place in the chain, the filter's name, whether it is disabled, its options with
    /// defaults filled in, and the selection before it.
    fn begin_step(
        &mut self,
        step: usize,
        filter: &'static str,
        disabled: bool,
        config: Map<String, Value>,
        before: &[u16],
    );

    /// Why the step treats one answer as it does, and on which metadata that rests.
    fn answer(&mut self, answer: u16, reason: Reason, used: Vec<Used>);

    /// The step made an address. `entry` stands for it in selections from now on; `answer` is the answer whose
    /// metadata it has, if any.
    fn address(&mut self, _entry: u16, _answer: Option<u16>, _address: Ipv4Addr) {}

    /// The step ends with this selection.
    fn end_step(&mut self, after: &[u16]);

    /// The chain left nothing, and the record's rule puts these answers in place.
    fn restored(&mut self, _rule: OnEmpty, _after: &[u16]) {}
}

impl Trace for () {
    const ENABLED: bool = false;

    #[inline(always)]
    fn begin_step(&mut self, _: usize, _: &'static str, _: bool, _: Map<String, Value>, _: &[u16]) {}

    #[inline(always)]
    fn answer(&mut self, _: u16, _: Reason, _: Vec<Used>) {}

    #[inline(always)]
    fn end_step(&mut self, _: &[u16]) {}
}

/// Why a filter treats an answer as it does.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Reason {
    /// `up` is true.
    IsUp,
    /// `up` is false.
    IsDown,
    /// `up` is missing, which counts as down.
    UpMissing,
    /// No answer is up, so the filter lets all pass.
    NoneIsUp,
    /// The load or one of the watermarks is missing.
    LoadUnknown,
    /// The load is not above the low watermark.
    LoadLow,
    /// The load has reached the high watermark.
    LoadHigh,
    /// The load is between the watermarks; the draw kept the answer.
    LoadKeptByDraw {
        /// The probability with which it would have been shed.
        probability: f64,
    },
    /// The load is between the watermarks; the draw shed the answer.
    LoadShedByDraw {
        /// The probability with which it was shed.
        probability: f64,
    },
    /// All answers would have been shed, so all stay.
    AllWouldBeShed,
    /// Drawn at random.
    Drawn,
    /// Drawn at random in proportion to its weight.
    DrawnByWeight {
        /// The weight.
        weight: f64,
    },
    /// Drawn after all answers with a positive weight.
    DrawnWithoutWeight,
    /// Ordered by a hash of the requester.
    StickyOrder,
    /// Ordered by a hash of the requester in proportion to its weight.
    StickyOrderByWeight {
        /// The weight.
        weight: f64,
    },
    /// The requester is in one of the answer's subdivisions.
    SubdivisionMatch,
    /// The requester is in one of the answer's countries.
    CountryMatch,
    /// The requester is in one of the answer's georegions.
    GeoregionMatch,
    /// The requester's AS number is one of the answer's.
    AsnMatch,
    /// The requester's address is in one of the answer's prefixes.
    PrefixMatch,
    /// The answer is tagged and nothing of it matches the requester.
    NoMatch,
    /// The answer is not tagged, and stays.
    UntaggedKept,
    /// The answer is not tagged, and goes because a tagged one matches.
    UntaggedDropped,
    /// Ordered by the distance to the requester.
    Distance {
        /// The great-circle distance.
        km: f32,
    },
    /// Somewhere with a name and without a position: after every distance.
    DistanceUnknown,
    /// The answer has no location: last.
    NoLocation,
    /// The requester's location is not known, so the order stays.
    RequesterNowhere,
    /// Fewer than two answers, or none with the metadata that the filter looks at: nothing to do.
    NothingToDo,
    /// The answer has the lowest value.
    LowestValue,
    /// Another answer has a lower value.
    HigherValue,
    /// Ordered by its value.
    OrderedByValue,
    /// The answer has no value while others have one.
    ValueMissing,
    /// Among the first answers.
    AmongFirst,
    /// Past the first answers.
    PastFirst,
    /// In the region of the first answer.
    RegionOfFirst,
    /// In another region than the first answer.
    OtherRegion,
    /// Addresses drawn from its prefixes stand in its place.
    Replaced {
        /// How many.
        addresses: usize,
    },
    /// The answer has nothing that the filter works with, and passes.
    Passed,
    /// The answer adds TXT records to the reply.
    TextsAdded {
        /// How many.
        texts: usize,
    },
}

impl fmt::Display for Reason {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = match self {
            Reason::IsUp => "up",
            Reason::IsDown => "down",
            Reason::UpMissing => "up is missing, which counts as down",
            Reason::NoneIsUp => "no answer is up, so all pass",
            Reason::LoadUnknown => "the load or a watermark is missing",
            Reason::LoadLow => "load at or below the low watermark",
            Reason::LoadHigh => "load at or above the high watermark",
            Reason::LoadKeptByDraw { probability } => {
                return write!(out, "kept by the draw; the probability of shedding was {probability:.3}");
            }
            Reason::LoadShedByDraw { probability } => {
                return write!(out, "shed by the draw; the probability of shedding was {probability:.3}");
            }
            Reason::AllWouldBeShed => "all answers would be shed, so all stay",
            Reason::Drawn => "drawn at random",
            Reason::DrawnByWeight { weight } => return write!(out, "drawn at random with weight {weight}"),
            Reason::DrawnWithoutWeight => "no positive weight: drawn after all that have one",
            Reason::StickyOrder => "ordered by the requester's hash",
            Reason::StickyOrderByWeight { weight } => {
                return write!(out, "ordered by the requester's hash with weight {weight}");
            }
            Reason::SubdivisionMatch => "the requester is in this subdivision",
            Reason::CountryMatch => "the requester is in this country",
            Reason::GeoregionMatch => "the requester is in this georegion",
            Reason::AsnMatch => "the requester is in this autonomous system",
            Reason::PrefixMatch => "the requester is in this prefix",
            Reason::NoMatch => "the requester is elsewhere",
            Reason::UntaggedKept => "not tagged: kept",
            Reason::UntaggedDropped => "not tagged: dropped, as a tagged answer matches",
            Reason::Distance { km } => return write!(out, "{km:.0} km away"),
            Reason::DistanceUnknown => "at a place without a known position",
            Reason::NoLocation => "no location: last",
            Reason::RequesterNowhere => "the requester's location is unknown: order kept",
            Reason::NothingToDo => "nothing to compare",
            Reason::LowestValue => "the lowest value",
            Reason::HigherValue => "not the lowest value",
            Reason::OrderedByValue => "ordered by value",
            Reason::ValueMissing => "no value while others have one",
            Reason::AmongFirst => "among the first",
            Reason::PastFirst => "past the first",
            Reason::RegionOfFirst => "in the region of the first answer",
            Reason::OtherRegion => "in another region than the first answer",
            Reason::Replaced { addresses } => {
                return write!(out, "replaced by addresses drawn from its prefixes: {addresses}");
            }
            Reason::Passed => "passes",
            Reason::TextsAdded { texts } => return write!(out, "adds TXT records: {texts}"),
        };
        out.write_str(text)
    }
}

impl Serialize for Reason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// What became of an answer in a step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// It is where it was among those that stayed.
    Kept,
    /// It is gone.
    Dropped,
    /// It stayed, at another place among those that stayed.
    Moved,
}

/// One answer in one step.
#[derive(Clone, Debug, PartialEq)]
pub struct AnswerRecord {
    /// The index of the answer in its record.
    pub answer: u16,
    /// What became of it.
    pub verdict: Verdict,
    /// Why; `None` in a disabled step.
    pub reason: Option<Reason>,
    /// The metadata that the decision rested on.
    pub used: Vec<Used>,
}

/// An address that a step made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRecord {
    /// What stands for it in selections: no answer has this index.
    pub entry: u16,
    /// The answer whose metadata it has.
    pub answer: Option<u16>,
    /// The address.
    pub address: Ipv4Addr,
}

/// What was put in place after a chain left nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Restored {
    /// By which rule.
    pub rule: OnEmpty,
    /// The answers that go out.
    pub after: Vec<u16>,
}

/// One step of a run.
#[derive(Clone, Debug, PartialEq)]
pub struct StepRecord {
    /// The place of the step in the chain.
    pub step: usize,
    /// The name of the filter.
    pub filter: &'static str,
    /// Its options, with defaults filled in.
    pub config: Map<String, Value>,
    /// Whether the step was skipped.
    pub disabled: bool,
    /// The answers before the step.
    pub before: Vec<u16>,
    /// The answers after it.
    pub after: Vec<u16>,
    /// One entry for each answer of `before`, in that order.
    pub answers: Vec<AnswerRecord>,
}

/// A trace that keeps everything.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Recorder {
    /// The steps so far.
    pub steps: Vec<StepRecord>,
    /// The addresses that steps made. In `before`, `after` and `answers` their entries stand for them.
    pub addresses: Vec<AddressRecord>,
    /// What took the place of nothing; `None` when the last step left something, or nothing goes out.
    pub restored: Option<Restored>,
}

impl Trace for Recorder {
    fn begin_step(
        &mut self,
        step: usize,
        filter: &'static str,
        disabled: bool,
        config: Map<String, Value>,
        before: &[u16],
    ) {
        let answers = before
            .iter()
            .map(|answer| AnswerRecord {
                answer: *answer,
                verdict: Verdict::Kept,
                reason: None,
                used: Vec::new(),
            })
            .collect();
        self.steps.push(StepRecord {
            step,
            filter,
            config,
            disabled,
            before: before.to_vec(),
            after: Vec::new(),
            answers,
        });
    }

    fn answer(&mut self, answer: u16, reason: Reason, used: Vec<Used>) {
        let answers = self.steps.last_mut().into_iter().flat_map(|step| &mut step.answers);
        for record in answers.filter(|record| record.answer == answer) {
            record.reason = Some(reason);
            record.used.clone_from(&used);
        }
    }

    fn address(&mut self, entry: u16, answer: Option<u16>, address: Ipv4Addr) {
        self.addresses.push(AddressRecord { entry, answer, address });
    }

    fn restored(&mut self, rule: OnEmpty, after: &[u16]) {
        self.restored = Some(Restored { rule, after: after.to_vec() });
    }

    fn end_step(&mut self, after: &[u16]) {
        let Some(step) = self.steps.last_mut() else { return };
        step.after = after.to_vec();
        let mut stayed = 0;
        for record in &mut step.answers {
            record.verdict = match after.iter().position(|answer| *answer == record.answer) {
                None => Verdict::Dropped,
                Some(position) => {
                    let verdict = if position == stayed { Verdict::Kept } else { Verdict::Moved };
                    stayed += 1;
                    verdict
                }
            };
        }
    }
}
