//! The chain: compiled once when a record is published, run for every query.

use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::catalog::{FilterType, OptionType, UNSUPPORTED};
use crate::column::LiveSlots;
use crate::compile::Compiler;
use crate::config::Settings;
use crate::kinds::{Filter, Run};
use crate::limits::{MAX_ANSWERS, MAX_LIVE_LISTS, MAX_LIVE_NUMBERS, MAX_STEPS};
use crate::live::FeedCell;
use crate::meta::{MetaTable, echo};
use crate::{AnswerId, Context, FeedId, OnEmpty, Selection, Trace, filter_types};

/// One step of a chain as clients send it; it is given back as it came.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FilterStep {
    /// The name of the filter.
    pub filter: String,
    /// Its options.
    #[serde(default)]
    pub config: Map<String, Value>,
    /// Whether the step is skipped; absent means no.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disabled: Option<bool>,
}

/// What a chain is compiled from.
#[derive(Clone, Copy)]
pub struct ChainInput<'a> {
    /// The steps, in order.
    pub steps: &'a [FilterStep],
    /// The answers, in the order of the record.
    pub answers: &'a [AnswerInput<'a>],
    /// The regions by name. A region that an answer names and this list lacks has no metadata.
    pub regions: &'a [(&'a str, MetaTable)],
    /// The metadata of the record.
    pub record: &'a MetaTable,
    /// The type of the record as a number (1 is A).
    pub record_type: u16,
    /// What goes out when the steps leave nothing.
    pub on_empty: OnEmpty,
}

/// One answer as a chain sees it.
#[derive(Clone, Copy)]
pub struct AnswerInput<'a> {
    /// The answer's identifier, which sticky orders depend on.
    pub id: AnswerId,
    /// The answer's metadata.
    pub meta: &'a MetaTable,
    /// The answer's region.
    pub region: Option<&'a str>,
}

/// Why a chain does not compile. The message names the step, the key and what is allowed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum ChainError {
    /// No such filter.
    #[error("filters[{index}]: unknown filter {name}; known are {known}", known = KnownFilters)]
    UnknownFilter {
        /// The position of the step.
        index: usize,
        /// The name, quoted and cut to a bounded length.
        name: String,
    },
    /// A filter of the API that this server does not have yet.
    #[error("filters[{index}]: filter {name} is not supported yet: {reason}; supported are {known}", known = KnownFilters)]
    UnsupportedFilter {
        /// The position of the step.
        index: usize,
        /// The name.
        name: &'static str,
        /// What it needs that is not there.
        reason: &'static str,
    },
    /// The filter works on other record types only.
    #[error(
        "filters[{index}]: filter {name} is not allowed for this record type; expected one of types {allowed:?}",
        name = filter.name,
        allowed = filter.record_types
    )]
    RecordType {
        /// The position of the step.
        index: usize,
        /// The filter.
        filter: &'static FilterType,
    },
    /// The filter has no such option.
    #[error(
        "filters[{index}].config: unknown key {key} of filter {name}; allowed are {allowed}",
        name = filter.name,
        allowed = OptionNames(filter)
    )]
    UnknownOption {
        /// The position of the step.
        index: usize,
        /// The key, quoted and cut to a bounded length.
        key: String,
        /// The filter.
        filter: &'static FilterType,
    },
    /// The value of an option is not allowed.
    #[error(
        "filters[{index}].config.{key}: {found} is not allowed; expected {expected}",
        key = option.name,
        expected = option.kind
    )]
    OptionValue {
        /// The position of the step.
        index: usize,
        /// The option.
        option: &'static OptionType,
        /// The value as JSON, cut to a bounded length.
        found: String,
    },
    /// A required option is missing.
    #[error("filters[{index}].config.{key}: missing; expected {expected}", key = option.name, expected = option.kind)]
    MissingOption {
        /// The position of the step.
        index: usize,
        /// The option.
        option: &'static OptionType,
    },
    /// With all levels of metadata put together, an answer has a low watermark above its high one.
    #[error(
        "filters[{index}]: answer {number} has low_watermark {low} above high_watermark {high}",
        number = answer + 1
    )]
    Watermarks {
        /// The position of the step.
        index: usize,
        /// The position of the answer; the message counts from 1.
        answer: usize,
        /// The low watermark.
        low: f64,
        /// The high watermark.
        high: f64,
    },
    /// More addresses could be drawn than a reply has room for.
    #[error(
        "filters[{index}].config.N: {addresses} addresses could be drawn for one reply; at most {MAX_ANSWERS} are allowed"
    )]
    TooManyAddresses {
        /// The position of the step.
        index: usize,
        /// How many there could be.
        addresses: usize,
    },
    /// Metadata points at a feed that does not exist.
    #[error("invalid feed pointer")]
    UnknownFeed {
        /// The feed.
        feed: FeedId,
    },
    /// Too many steps.
    #[error("filters: {count} steps; at most {MAX_STEPS} are allowed")]
    TooManySteps {
        /// How many there are.
        count: usize,
    },
    /// Too many answers.
    #[error("answers: {count} answers; at most {MAX_ANSWERS} are allowed")]
    TooManyAnswers {
        /// How many there are.
        count: usize,
    },
    /// The chain would read more live values than a worker has room for.
    #[error("filters: more than {MAX_LIVE_NUMBERS} numbers or {MAX_LIVE_LISTS} lists come from feeds")]
    TooManyLiveValues,
}

struct KnownFilters;

impl fmt::Display for KnownFilters {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, filter) in filter_types().iter().enumerate() {
            write!(out, "{}{}", if index == 0 { "" } else { ", " }, filter.name)?;
        }
        Ok(())
    }
}

struct OptionNames(&'static FilterType);

impl fmt::Display for OptionNames {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.options.is_empty() {
            return out.write_str("none");
        }
        for (index, option) in self.0.options.iter().enumerate() {
            write!(out, "{}{}", if index == 0 { "" } else { ", " }, option.name)?;
        }
        Ok(())
    }
}

/// A compiled chain.
#[derive(Clone, Debug, Default)]
pub struct Chain {
    steps: Box<[Step]>,
    live: LiveSlots,
    tier: u8,
    uses_client: bool,
    /// [`OnEmpty::Nodata`] for a chain that cannot come to leave nothing.
    on_empty: OnEmpty,
}

#[derive(Clone, Debug)]
struct Step {
    settings: Settings,
    /// `None` for a disabled step.
    filter: Option<Filter>,
    /// How many of the first positions matter to the steps that follow: past them the order is all one.
    needed: usize,
}

/// Finds the type of a step's filter.
fn filter_type(index: usize, step: &FilterStep, record_type: u16) -> Result<&'static FilterType, ChainError> {
    if let Some((name, reason)) = UNSUPPORTED.iter().find(|(name, _)| *name == step.filter) {
        return Err(ChainError::UnsupportedFilter { index, name, reason });
    }
    let unknown = || ChainError::UnknownFilter { index, name: echo(&Value::from(step.filter.as_str())) };
    let filter = FilterType::find(&step.filter).ok_or_else(unknown)?;
    if filter.allows(record_type) { Ok(filter) } else { Err(ChainError::RecordType { index, filter }) }
}

impl Chain {
    /// Compiles a chain: checks every step, and lays out the metadata that the filters read.
    ///
    /// Disabled steps are checked too, and then skipped when the chain runs.
    ///
    /// # Errors
    /// See [`ChainError`].
    pub fn compile(
        input: &ChainInput<'_>,
        feeds: &dyn Fn(FeedId) -> Option<Arc<FeedCell>>,
    ) -> Result<Chain, ChainError> {
        if input.steps.len() > MAX_STEPS {
            return Err(ChainError::TooManySteps { count: input.steps.len() });
        }
        if input.answers.len() > MAX_ANSWERS {
            return Err(ChainError::TooManyAnswers { count: input.answers.len() });
        }
        let mut settings = Vec::with_capacity(input.steps.len());
        for (index, step) in input.steps.iter().enumerate() {
            settings.push(Settings::read(index, filter_type(index, step, input.record_type)?, &step.config)?);
        }
        let tier = settings.iter().map(|settings| settings.filter.tier).max().unwrap_or(1);
        let mut compiler = Compiler::new(input, feeds);
        let mut steps = Vec::with_capacity(settings.len());
        let mut uses_client = false;
        for (index, settings) in settings.into_iter().enumerate() {
            let filter = if input.steps[index].disabled == Some(true) {
                None
            } else {
                uses_client |= settings.filter.looks_at_client;
                compiler.begin_step(index);
                Some((settings.filter.compile)(&mut compiler, &settings)?)
            };
            steps.push(Step { settings, filter, needed: usize::MAX });
        }
        spare_work(&mut steps);
        let may_empty = steps.iter().filter_map(|step| step.filter.as_ref()).any(Filter::may_empty);
        let on_empty = if may_empty { input.on_empty } else { OnEmpty::Nodata };
        Ok(Chain { steps: steps.into_boxed_slice(), live: compiler.finish(), tier, uses_client, on_empty })
    }

    /// Runs the chain over the answers in `selection`, which the caller has reset to all answers of the record.
    ///
    /// What remains is what goes out, in that order. The context gathers the scope.
    pub fn run<T: Trace>(&self, context: &mut Context<'_>, selection: &mut Selection, trace: &mut T) {
        let count = selection.len();
        context.scratch.live.begin(&self.live);
        let mut ties = None;
        for (index, step) in self.steps.iter().enumerate() {
            if T::ENABLED {
                let (filter, disabled) = (step.settings.filter.name, step.filter.is_none());
                trace.begin_step(index, filter, disabled, step.settings.to_json(), selection.as_slice());
            }
            if let Some(filter) = &step.filter {
                if self.on_empty == OnEmpty::Previous && filter.may_empty() && !selection.is_empty() {
                    context.scratch.previous.clear();
                    context.scratch.previous.extend_from_slice(selection.as_slice());
                }
                match filter {
                    // A trace shows the order; it is the same one.
                    Filter::WeightedShuffle(shuffle) if shuffle.is_put_off() && !T::ENABLED => {
                        ties = Some(shuffle.order(context.entropy));
                    }
                    _ => {
                        let (live, ties) = (&self.live, ties.take());
                        let mut run = Run::new(live, context, selection, trace, step.needed, ties);
                        filter.apply(&mut run);
                        run.settle_ties();
                    }
                }
            }
            if T::ENABLED {
                trace.end_step(selection.as_slice());
            }
        }
        context.scratch.live.end();
        if self.on_empty != OnEmpty::Nodata && count > 0 && selection.is_empty() {
            match self.on_empty {
                OnEmpty::Nodata => {}
                OnEmpty::All => selection.reset(count),
                OnEmpty::Previous => selection.swap_entries(&mut context.scratch.previous),
            }
            trace.restored(self.on_empty, selection.as_slice());
        }
    }

    /// The service tier of the record: 1 without filters, else the highest of its filters.
    pub fn tier(&self) -> u8 {
        self.tier.max(1)
    }

    /// Whether a step that is not disabled may look at who asks. If not, the scope is always 0.
    pub fn uses_client(&self) -> bool {
        self.uses_client
    }

    /// Whether no step would run, so that all answers go out in their own order.
    pub fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.filter.is_none())
    }
}

/// Tells each step how many positions matter: with `select_first_n` right after it, drawing and sorting need not
/// go on past the first N. A shuffle by weight before a geotarget of which only the first position matters is put
/// off until it is known which answers are equally near.
fn spare_work(steps: &mut [Step]) {
    let (mut needed, mut next_finds_first) = (usize::MAX, false);
    for step in steps.iter_mut().rev() {
        let Some(filter) = &mut step.filter else { continue };
        if let Filter::WeightedShuffle(shuffle) = filter
            && next_finds_first
        {
            shuffle.put_off();
        }
        next_finds_first = needed == 1 && filter.sorts_by_place();
        step.needed = needed;
        needed = filter.positions_that_matter();
    }
}

#[cfg(test)]
mod tests;
