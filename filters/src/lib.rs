//! Metadata, filters and the filter chain: which answers go out, and in which order.
//!
//! A record's chain is a list of steps. Each step sorts the answers that are still selected or removes some
//! of them. What a step looks at is *metadata*: typed values on the answer, on the answer's region, or on the
//! record, literal or fed live.
//!
//! The crate is pure: it does no I/O and reads no clock. Randomness, the client and the geography come in
//! through [`Context`]; live values come in through [`FeedCell`]s. Everything that can be decided when a
//! record is published is decided then, by [`Chain::compile`]; [`Chain::run`] neither allocates nor locks.
//!
//! ```text
//! JSON ── MetaTable::parse ──┐
//! JSON ── FilterStep ────────┴─ Chain::compile ─→ Chain ── run(Context, Selection, Trace) ─→ order of answers
//! ```
//!
//! Promises, each held by a test:
//!
//! - a chain never invents an answer and never duplicates one;
//! - for every address inside the scope that a run reports, the same entropy gives the same result;
//! - a live value is read at most once per run, so a trace shows exactly what was decided on;
//! - the plain run and the traced run are the same code.
#![forbid(unsafe_code)]

mod catalog;
mod chain;
mod column;
mod compile;
mod config;
mod context;
mod id;
mod kinds;
pub mod limits;
mod live;
mod meta;
mod on_empty;
mod place;
mod prefix;
mod selection;
mod texts;
mod trace;
mod wildcard;

pub use catalog::{FilterType, OptionKind, OptionType, filter_types};
pub use chain::{AnswerInput, Chain, ChainError, ChainInput, FilterStep};
pub use context::{Client, Context, Entropy, Scratch, from_seed_u64};
pub use id::{AnswerId, FeedId, IdError, parse_object_id};
pub use live::FeedCell;
pub use meta::{MetaEntry, MetaError, MetaKey, MetaTable, MetaValue, PulsarJob, parse_value};
pub use on_empty::OnEmpty;
pub use place::{CountryTag, SubdivisionTag};
pub use prefix::{IpPrefix, PrefixSet};
pub use selection::{Entry, Selection, position_of_entry};
pub use trace::{
    AddressRecord, AnswerRecord, Level, Reason, Recorder, Restored, StepRecord, Trace, Used, Verdict,
};
pub use wildcard::WildcardLabels;
