//! `POST /v1/simulate/{zone}/{domain}/{type}`: which clients would get which answer, now and after a change.
//!
//! The record is compiled as it would be for queries, with the values that its feeds have now or that the
//! request gives them, and tried on clients by the function that queries run. Nothing is stored.

mod population;
mod side;
#[cfg(test)]
mod tests;
mod trial;

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::Arc;

use axum::extract::{Extension, State};
use filters::FeedId;
use geoip_data::GeoData;
use serde::Serialize;
use serde_json::{Map, Value};
use zones::RecordDoc;

pub(crate) use self::population::Populations;
use self::population::{Sample, of_list, thinned};
use self::side::{DataNumbers, FrozenFeeds, Side};
pub(crate) use self::trial::Changed;
use self::trial::{Shares, Trial};
use super::explain::lookup::find;
use super::explain::{Segments, Subject, must_view, parse_address};
use super::records;
use super::zones::Reply;
use crate::ApiState;
use crate::dto::fields;
use crate::dto::record::RecordFields;
use crate::error::ApiError;
use crate::http::{JsonObject, json};
use crate::limits::{SIMULATED_ANSWERS, SIMULATED_CLIENTS, SIMULATED_DRAWS};
use crate::service::documents::PushedValue;
use crate::service::{Actor, RecordPath, Service};
use crate::source_types::push::values_of;

/// Runs for each client of a record that draws, when the request names no number: with the samples of the
/// smallest country, its shares have a standard error of 2.2 % at most.
const USUAL_DRAWS: u32 = 32;

/// The same where only the difference between two records is asked for.
const COMPARED_DRAWS: u32 = 16;

/// The fields of a request.
const KNOWN_FIELDS: [&str; 6] = ["clients", "population", "record", "feeds", "seed", "draws"];

/// A request as it was sent.
struct Request {
    /// Listed clients; otherwise the population of all countries.
    clients: Option<Vec<IpAddr>>,
    candidate: Option<Map<String, Value>>,
    feeds: HashMap<FeedId, Vec<PushedValue>>,
    seed: u64,
    draws: Option<u32>,
}

/// The reply: the shares of the stored record, or of both when there is a candidate.
#[derive(Serialize)]
struct Simulation {
    clients: usize,
    draws: u32,
    seed: u64,
    #[serde(flatten)]
    shares: SharesOfSides,
}

#[derive(Serialize)]
#[serde(untagged)]
enum SharesOfSides {
    One(Shares),
    Two { stored: Option<Shares>, candidate: Option<Shares>, changed: Changed },
}

impl Request {
    fn read(body: &Map<String, Value>) -> Result<Self, ApiError> {
        if let Some(unknown) = body.keys().find(|key| !KNOWN_FIELDS.contains(&key.as_str())) {
            let unknown: String = unknown.chars().take(80).collect();
            return Err(ApiError::bad_request(format!(
                "Input validation failed (unknown field {unknown:?}; allowed are {})",
                KNOWN_FIELDS.join(", ")
            )));
        }
        let clients = fields::array(body, "clients")?.map(|clients| read_clients(clients)).transpose()?;
        match fields::string(body, "population")? {
            None | Some("countries") if clients.is_none() => {}
            None => {}
            Some(_) if clients.is_some() => {
                return Err(ApiError::bad_request(
                    "Input validation failed (clients and population exclude each other)",
                ));
            }
            Some(other) => {
                return Err(ApiError::invalid_field("population", &other.into(), "\"countries\""));
            }
        }
        let seed = match body.get("seed") {
            None => 0,
            Some(seed) => seed
                .as_u64()
                .ok_or_else(|| ApiError::invalid_field("seed", seed, "an integer between 0 and 2^64-1"))?,
        };
        let draws = fields::integer(body, "draws", SIMULATED_DRAWS)?;
        if draws == Some(0) {
            return Err(ApiError::invalid_field(
                "draws",
                &0.into(),
                &format!("an integer between 1 and {SIMULATED_DRAWS}"),
            ));
        }
        Ok(Self {
            clients,
            candidate: fields::object(body, "record")?.cloned(),
            feeds: read_feeds(fields::object(body, "feeds")?)?,
            seed,
            draws,
        })
    }
}

fn read_clients(clients: &[Value]) -> Result<Vec<IpAddr>, ApiError> {
    if clients.is_empty() || clients.len() > SIMULATED_CLIENTS {
        return Err(ApiError::bad_request(format!(
            "Input validation failed (field '<obj>.clients' has {} clients; from 1 to {SIMULATED_CLIENTS} are allowed)",
            clients.len()
        )));
    }
    let read = |(index, client): (usize, &Value)| {
        client.as_str().and_then(parse_address).ok_or_else(|| {
            ApiError::invalid_field(&format!("clients[{index}]"), client, "an IPv4 or IPv6 address")
        })
    };
    clients.iter().enumerate().map(read).collect()
}

fn read_feeds(feeds: Option<&Map<String, Value>>) -> Result<HashMap<FeedId, Vec<PushedValue>>, ApiError> {
    let read = |(id, values): (&String, &Value)| {
        let place = || format!("feeds.{}", id.chars().take(80).collect::<String>());
        let feed = FeedId::parse(id)
            .ok_or_else(|| ApiError::bad_request(format!("{}: not the id of a feed", place())))?;
        let Value::Object(values) = values else {
            return Err(ApiError::invalid_field(&place(), values, "of type object"));
        };
        Ok((feed, values_of(values, &place())?))
    };
    feeds.into_iter().flatten().map(read).collect()
}

/// Simulates a record.
#[utoipa::path(
    post, path = "/v1/simulate/{zone}/{domain}/{type}",
    request_body = ref("#/components/schemas/SimulationRequest"),
    responses((status = 200, description = "The shares of the answers", body = ref("#/components/schemas/Simulation"))),
)]
pub(crate) async fn simulate(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
    JsonObject(body): JsonObject,
) -> Reply {
    let subject = Subject::of_path(&segments)?;
    let request = Request::read(&body)?;
    let candidate_path = match &request.candidate {
        Some(_) => Some(records::new_path(&state.service, &segments)?),
        None => None,
    };
    let (geo, populations) = (state.geo.load().clone(), Arc::clone(&state.populations));
    let simulation = state
        .examine(move |service| {
            let candidate = match (&request.candidate, candidate_path) {
                (Some(body), Some(path)) => Some(candidate_of(service, &actor, body, &path)?),
                _ => None,
            };
            let stored = match stored_of(service, &actor, &subject) {
                Err(error) if candidate.is_some() && error == ApiError::record_not_found() => None,
                stored => Some(stored?),
            };
            Simulator { service, geo: &geo, populations: &populations }.simulate(&request, stored, candidate)
        })
        .await?;
    Ok(json(&simulation))
}

/// The record that queries come by now.
fn stored_of(service: &Service, actor: &Actor, subject: &Subject) -> Result<RecordDoc, ApiError> {
    let snapshot = service.snapshot().load_full();
    let found = find(&snapshot, &subject.zone, &subject.name, subject.rtype)?;
    must_view(actor, &found)?;
    let record = service.stored_record(&found.zone, &found.owner, found.rrset.rtype)?;
    record.ok_or_else(ApiError::record_not_found)
}

/// The record as it would be stored: a new one, or the present one with the given fields.
fn candidate_of(
    service: &Service,
    actor: &Actor,
    body: &Map<String, Value>,
    path: &RecordPath,
) -> Result<RecordDoc, ApiError> {
    let fields = RecordFields::parse(body, path);
    service.rehearse(actor, |transaction| match transaction.find_record(path)? {
        Some(_) => transaction.update_record(path, fields),
        None => transaction.create_record(path, fields),
    })
}

/// Which countries' clients would get other replies from one record than from another, by the same entropy.
/// A missing record gives no answers. For random chains a change of few draws may stay unseen.
///
/// # Errors
/// What a stored record says against being compiled, which is a bug.
pub(crate) fn compare(
    service: &Service,
    geo: &Arc<GeoData>,
    populations: &Populations,
    old: Option<RecordDoc>,
    new: RecordDoc,
) -> Result<Changed, ApiError> {
    let feeds = FrozenFeeds::new(service, HashMap::new());
    let mut numbers = DataNumbers::default();
    let old = match old {
        Some(old) => Side::new(service, old, &feeds, &mut numbers)?,
        None => None,
    };
    let new = Side::new(service, new, &feeds, &mut numbers)?;
    let sides = [old.as_ref(), new.as_ref()];
    let all = populations.of_countries(geo);
    let (samples, draws) = fitting(&all, &sides, COMPARED_DRAWS);
    Ok(Trial { samples: &samples, draws, seed: 0, geo }.run(&sides).changed)
}

/// How often all clients can be tried within the bound of one request.
fn affordable_runs(sides: &[Option<&Side>]) -> usize {
    let cost: usize = sides.iter().flatten().map(|side| side.cost()).sum();
    SIMULATED_ANSWERS / cost.max(1)
}

/// As many draws as wanted and possible, of fewer samples where even one is too much for all.
fn fitting(samples: &[Sample], sides: &[Option<&Side>], wanted: u32) -> (Vec<Sample>, u32) {
    let runs = affordable_runs(sides);
    let samples = thinned(samples, runs);
    // Bounded by `wanted`, so it fits.
    let draws = (runs / samples.len().max(1)).clamp(1, wanted as usize) as u32;
    (samples, draws)
}

struct Simulator<'a> {
    service: &'a Service,
    geo: &'a Arc<GeoData>,
    populations: &'a Populations,
}

impl Simulator<'_> {
    fn simulate(
        &self,
        request: &Request,
        stored: Option<RecordDoc>,
        candidate: Option<RecordDoc>,
    ) -> Result<Simulation, ApiError> {
        for feed in request.feeds.keys() {
            if self.service.feed_cell(*feed).is_none() {
                return Err(ApiError::bad_request(format!("feeds.{feed}: there is no such feed")));
            }
        }
        let feeds = FrozenFeeds::new(self.service, request.feeds.clone());
        let mut numbers = DataNumbers::default();
        let mut side = |record: Option<RecordDoc>| match record {
            Some(record) => Side::new(self.service, record, &feeds, &mut numbers),
            None => Ok(None),
        };
        let is_compared = candidate.is_some();
        let (stored, candidate) = (side(stored)?, side(candidate)?);
        let both = [stored.as_ref(), candidate.as_ref()];
        let sides = if is_compared { &both[..] } else { &both[..1] };
        let (samples, draws) = self.clients(request, sides)?;
        let outcome = Trial { samples: &samples, draws, seed: request.seed, geo: self.geo }.run(sides);
        let mut shares =
            sides.iter().zip(&outcome.sides).map(|(side, tally)| side.map(|side| tally.shares(side)));
        let (stored, candidate) = (shares.next().flatten(), shares.next().flatten());
        let shares = match (is_compared, stored) {
            (true, stored) => SharesOfSides::Two { stored, candidate, changed: outcome.changed },
            (false, Some(stored)) => SharesOfSides::One(stored),
            (false, None) => return Err(ApiError::record_not_found()),
        };
        Ok(Simulation { clients: samples.len(), draws, seed: request.seed, shares })
    }

    /// Whom to try the sides on, and how often.
    fn clients(&self, request: &Request, sides: &[Option<&Side>]) -> Result<(Vec<Sample>, u32), ApiError> {
        let wanted = request.draws.unwrap_or(USUAL_DRAWS);
        let (samples, draws) = match &request.clients {
            None => fitting(&self.populations.of_countries(self.geo), sides, wanted),
            Some(listed) if listed.len() > affordable_runs(sides) => {
                return Err(ApiError::bad_request(format!(
                    "clients: {} are too many for a record of this size; at most {} can be tried",
                    listed.len(),
                    affordable_runs(sides)
                )));
            }
            Some(listed) => fitting(&of_list(listed, self.geo), sides, wanted),
        };
        match request.draws {
            Some(asked) if asked > draws => Err(ApiError::bad_request(format!(
                "draws: {asked} are too many for so many clients and a record of this size; at most {draws} are possible"
            ))),
            _ => Ok((samples, draws)),
        }
    }
}
