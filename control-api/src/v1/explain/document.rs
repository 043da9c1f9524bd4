//! The shape of an explanation.

use filters::{AnswerId, FeedId, Level, OnEmpty, Recorder, StepRecord, Used, Verdict, position_of_entry};
use geoip_data::{CountryCode, Georegion, SubdivisionCode};
use serde::{Serialize, Serializer};
use serde_json::{Map, Value};
use zones::{RecordDoc, RecordId, RecordType};

use super::answers::Shown;

/// Why a client gets what it gets.
#[derive(Debug, Serialize)]
pub(crate) struct Explanation {
    /// The zone that answers; a linked zone under its own name.
    pub(crate) zone: String,
    /// The name asked for.
    pub(crate) domain: String,
    /// The type asked for.
    #[serde(rename = "type")]
    pub(crate) rtype: RecordType,
    /// The revision of the snapshot.
    pub(crate) revision: u64,
    /// What all draws follow from.
    pub(crate) seed: u64,
    pub(crate) client: ClientView,
    pub(crate) record: RecordView,
    pub(crate) steps: Vec<StepView>,
    /// What `on_empty` put in place when the steps left nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) restored: Option<RestoredView>,
    /// What goes out, in order.
    #[serde(rename = "final")]
    pub(crate) final_answers: Vec<AnswerView>,
    /// The TXT records that the chain adds to the reply.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) additional: Vec<TextView>,
    /// In seconds.
    pub(crate) ttl: u32,
    /// How many leading bits of the client's address matter, here and behind aliases: the scope of a reply to
    /// this client subnet.
    pub(crate) scope: u8,
    /// The record that an alias leads to, as far as it is served here.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) next: Option<Box<Explanation>>,
}

/// Who asks, and what is known about it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct ClientView {
    /// The source of the query.
    pub(crate) address: String,
    /// The EDNS client subnet of the query.
    pub(crate) ecs: Option<String>,
    /// Whom the answers are for: the subnet where the record honors one, else the source.
    pub(crate) effective: String,
    pub(crate) country: Option<CountryCode>,
    pub(crate) subdivision: Option<SubdivisionCode>,
    pub(crate) georegion: Option<Georegion>,
    pub(crate) latitude: Option<f32>,
    pub(crate) longitude: Option<f32>,
    pub(crate) asn: Option<u32>,
    pub(crate) source: SourceView,
}

/// Which data told place and AS number.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct SourceView {
    pub(crate) location: String,
    pub(crate) asn: String,
}

/// Where the answers are stored: for a wildcard, a linked record or zone, and an alias another place than asked.
#[derive(Debug, Serialize)]
pub(crate) struct RecordView {
    pub(crate) id: Option<RecordId>,
    pub(crate) zone: String,
    pub(crate) domain: String,
    #[serde(rename = "type")]
    pub(crate) rtype: RecordType,
    pub(crate) use_client_subnet: bool,
}

/// One answer that goes out.
#[derive(Debug, Serialize)]
pub(crate) struct AnswerView {
    pub(crate) id: Option<AnswerId>,
    pub(crate) answer: Vec<Value>,
    pub(crate) rdata: String,
}

impl From<&Shown> for AnswerView {
    fn from(shown: &Shown) -> Self {
        Self { id: shown.id, answer: shown.answer.clone(), rdata: shown.rdata.clone() }
    }
}

/// One TXT record about an answer.
#[derive(Debug, Serialize)]
pub(crate) struct TextView {
    pub(crate) domain: String,
    #[serde(rename = "type")]
    pub(crate) rtype: RecordType,
    pub(crate) rdata: String,
}

/// One step of the chain.
#[derive(Debug, Serialize)]
pub(crate) struct StepView {
    pub(crate) filter: String,
    /// With defaults filled in.
    pub(crate) config: Map<String, Value>,
    pub(crate) disabled: bool,
    pub(crate) before: Vec<Option<AnswerId>>,
    pub(crate) after: Vec<Option<AnswerId>>,
    /// One for each of `before`, in that order.
    pub(crate) answers: Vec<JudgedView>,
}

/// What took the place of nothing.
#[derive(Debug, Serialize)]
pub(crate) struct RestoredView {
    /// The record's rule.
    pub(crate) on_empty: OnEmpty,
    pub(crate) after: Vec<Option<AnswerId>>,
}

/// What a step did to one answer.
#[derive(Debug, Serialize)]
pub(crate) struct JudgedView {
    pub(crate) id: Option<AnswerId>,
    pub(crate) answer: Vec<Value>,
    pub(crate) verdict: Verdict,
    pub(crate) reason: String,
    #[serde(serialize_with = "as_object")]
    pub(crate) used: Vec<(&'static str, UsedView)>,
}

/// A metadata value that a decision rests on.
#[derive(Debug, Serialize)]
pub(crate) struct UsedView {
    /// Null for a feed without data, which counts as missing.
    pub(crate) value: Value,
    pub(crate) level: Level,
    pub(crate) feed: Option<FeedId>,
    /// Seconds since the feed last heard anything; null when it never did, and for what is no feed.
    pub(crate) age_s: Option<u64>,
}

fn as_object<S: Serializer>(used: &[(&'static str, UsedView)], serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_map(used.iter().map(|(key, value)| (key, value)))
}

/// The steps of a run.
pub(crate) fn steps(recorder: Recorder, count: usize, answers: &[Shown], now_s: u64) -> Vec<StepView> {
    recorder.steps.into_iter().map(|step| step_view(step, count, answers, now_s)).collect()
}

/// What was put in place after a run over `count` answers.
pub(crate) fn restored(recorder: &Recorder, count: usize, answers: &[Shown]) -> Option<RestoredView> {
    let restored = recorder.restored.as_ref()?;
    let id = |entry: &u16| answers.get(position_of_entry(*entry, count)).and_then(|answer| answer.id);
    Some(RestoredView { on_empty: restored.rule, after: restored.after.iter().map(id).collect() })
}

fn step_view(step: StepRecord, count: usize, answers: &[Shown], now_s: u64) -> StepView {
    let shown = |entry: &u16| answers.get(position_of_entry(*entry, count));
    let id = |entry: &u16| shown(entry).and_then(|answer| answer.id);
    let judged = step.answers.into_iter().map(|record| JudgedView {
        id: id(&record.answer),
        answer: shown(&record.answer).map(|shown| shown.answer.clone()).unwrap_or_default(),
        verdict: record.verdict,
        reason: record.reason.map_or_else(|| DISABLED.to_owned(), |reason| reason.to_string()),
        used: record.used.into_iter().map(|used| used_view(used, now_s)).collect(),
    });
    StepView {
        filter: step.filter.to_owned(),
        config: step.config,
        disabled: step.disabled,
        before: step.before.iter().map(id).collect(),
        after: step.after.iter().map(id).collect(),
        answers: judged.collect(),
    }
}

/// The reason of a step that is not run.
const DISABLED: &str = "the step is disabled";

fn used_view(used: Used, now_s: u64) -> (&'static str, UsedView) {
    let heard_at_s = used.updated_at_s.filter(|at_s| *at_s > 0);
    let view = UsedView {
        value: used.value.map_or(Value::Null, |value| value.to_json()),
        level: used.level,
        feed: used.feed,
        age_s: heard_at_s.map(|at_s| now_s.saturating_sub(at_s)),
    };
    (used.key.name(), view)
}

/// The steps of a record whose steps are all disabled, so that it is served as if it had none.
pub(crate) fn disabled_steps(document: Option<&RecordDoc>, answers: &[Shown]) -> Vec<StepView> {
    let ids: Vec<_> = answers.iter().map(|answer| answer.id).collect();
    let judged = |shown: &Shown| JudgedView {
        id: shown.id,
        answer: shown.answer.clone(),
        verdict: Verdict::Kept,
        reason: DISABLED.to_owned(),
        used: Vec::new(),
    };
    let filters = document.map(|document| document.filters.as_slice()).unwrap_or_default();
    let disabled = filters.iter().filter(|step| step.disabled == Some(true));
    let view = |step: &filters::FilterStep| StepView {
        filter: step.filter.clone(),
        config: step.config.clone(),
        disabled: true,
        before: ids.clone(),
        after: ids.clone(),
        answers: answers.iter().map(judged).collect(),
    };
    disabled.map(view).collect()
}
