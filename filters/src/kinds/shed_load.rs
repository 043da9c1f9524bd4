//! `shed_load`: less traffic for what is loaded, before it is overloaded.
//!
//! Each answer has a load and two watermarks. Up to the low one it always stays; from the high one on it
//! always goes; between them it goes with a probability that grows in a straight line. Every answer has its
//! own draw. An answer that lacks its load or a watermark stays. When all answers would go, all stay: shedding
//! the whole service helps nobody.

use super::{Filter, Run};
use crate::catalog::{FilterType, OptionKind, OptionType};
use crate::chain::ChainError;
use crate::column::NumberColumn;
use crate::compile::Compiler;
use crate::config::Settings;
use crate::context::{Mark, draw_unit};
use crate::meta::MetaKey;
use crate::trace::{Reason, Trace};

pub(crate) const TYPE: FilterType = FilterType {
    name: "shed_load",
    aliases: &[],
    short_description: "Sheds traffic of loaded answers",
    description: "Compares the load of each answer (the metadata that <code>metric</code> names) with its \
                  watermarks. Up to <code>low_watermark</code> the answer stays, from <code>high_watermark</code> \
                  on it is removed, and between them it is removed with a probability that grows from 0 to 1. \
                  If all answers would be removed, all of them stay.",
    tier: 3,
    inputs: &[
        MetaKey::LowWatermark,
        MetaKey::HighWatermark,
        MetaKey::Loadavg,
        MetaKey::Connections,
        MetaKey::Requests,
    ],
    options: &[OptionType {
        name: "metric",
        kind: OptionKind::Word(&["loadavg", "connections", "requests"]),
        required: true,
        default: Some("loadavg"),
        short_description: "Load metric",
        description: "The metadata that holds the load: <code>loadavg</code>, <code>connections</code> or \
                      <code>requests</code>.",
    }],
    record_types: &[],
    looks_at_client: false,
    compile,
};

/// The compiled filter.
#[derive(Clone, Debug)]
pub(crate) struct ShedLoad {
    load: NumberColumn,
    low: NumberColumn,
    high: NumberColumn,
}

fn compile(compiler: &mut Compiler<'_>, settings: &Settings) -> Result<Filter, ChainError> {
    let metric = match settings.word("metric") {
        "connections" => MetaKey::Connections,
        "requests" => MetaKey::Requests,
        _ => MetaKey::Loadavg,
    };
    for answer in 0..compiler.answer_count() {
        let low = compiler.literal_number(answer, MetaKey::LowWatermark);
        let high = compiler.literal_number(answer, MetaKey::HighWatermark);
        if let (Some(low), Some(high)) = (low, high)
            && low > high
        {
            return Err(ChainError::Watermarks { index: compiler.step(), answer, low, high });
        }
    }
    Ok(Filter::ShedLoad(Box::new(ShedLoad {
        load: compiler.number(metric)?,
        low: compiler.number(MetaKey::LowWatermark)?,
        high: compiler.number(MetaKey::HighWatermark)?,
    })))
}

/// What a load means between its watermarks.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Pressure {
    Unknown,
    Low,
    Between { probability: f64 },
    High,
}

fn pressure(load: f64, low: f64, high: f64) -> Pressure {
    if load <= low {
        Pressure::Low
    } else if load >= high {
        Pressure::High
    } else {
        // low < load < high, so the divisor is positive.
        Pressure::Between { probability: (load - low) / (high - low) }
    }
}

impl ShedLoad {
    fn pressure<T: Trace>(&self, run: &mut Run<'_, '_, T>, answer: u16) -> Pressure {
        let load = run.number(&self.load, answer);
        match (load, run.number(&self.low, answer), run.number(&self.high, answer)) {
            (Some(load), Some(low), Some(high)) => pressure(load, low, high),
            _ => Pressure::Unknown,
        }
    }

    pub(super) fn apply<T: Trace>(&self, run: &mut Run<'_, '_, T>) {
        run.mark(|run, answer| match self.pressure(run, answer) {
            Pressure::Unknown | Pressure::Low => Mark::Keep,
            Pressure::High => Mark::Drop,
            Pressure::Between { probability } => {
                if draw_unit(run.context.entropy) < probability {
                    Mark::Drop
                } else {
                    Mark::Keep
                }
            }
        });
        let any_stays = run.has_mark(Mark::Keep);
        run.explain(|run, position, answer, used| {
            for column in [&self.load, &self.low, &self.high] {
                used.extend(run.used_number(column, answer));
            }
            match (any_stays, self.pressure(run, answer), run.mark_at(position)) {
                (false, ..) => Reason::AllWouldBeShed,
                (true, Pressure::Unknown, _) => Reason::LoadUnknown,
                (true, Pressure::Low, _) => Reason::LoadLow,
                (true, Pressure::High, _) => Reason::LoadHigh,
                (true, Pressure::Between { probability }, Mark::Drop) => {
                    Reason::LoadShedByDraw { probability }
                }
                (true, Pressure::Between { probability }, _) => Reason::LoadKeptByDraw { probability },
            }
        });
        if any_stays {
            run.keep_marked(Mark::Keep);
        }
    }
}
