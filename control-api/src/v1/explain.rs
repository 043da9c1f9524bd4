//! `GET /v1/explain/{zone}/{domain}/{type}?client=ADDR[&ecs=PREFIX][&seed=N]`: why a client gets what it gets.
//!
//! The record is found as queries find it and its chain is run by the function that queries run
//! ([`Steered::choose`](zones::Steered::choose)), with a recorder listening. Nothing is decided here. Aliases
//! are followed with the same entropy, so that a seed replays a whole reply.

pub(crate) mod answers;
mod document;
pub(crate) mod lookup;

use std::collections::HashSet;
use std::net::IpAddr;

use axum::extract::{Extension, Path, State};
use filters::{Client, Entropy, IpPrefix, Recorder};
use geoip_data::{GeoData, Place};
use rand::RngExt;
use zones::{Asker, Name, QueryName, RecordDoc, RecordType, RrsetBody, Snapshot, Workspace};

use self::answers::{Shown, add_made, shown};
use self::document::{
    AnswerView, ClientView, Explanation, RecordView, RestoredView, SourceView, TextView, disabled_steps,
    restored, steps,
};
use self::lookup::{Found, Role, find, find_anywhere, next_name};
use super::zones::{Reply, zone_of_path};
use crate::ApiState;
use crate::auth::Right;
use crate::auth::guard::out_of_reach;
use crate::error::ApiError;
use crate::http::{Params, json};
use crate::limits::EXPLAINED_ALIASES;
use crate::service::{Actor, Service};

/// Seeds that are drawn stay below this, so that every JSON reader keeps them exactly.
const DRAWN_SEEDS: u64 = 1 << 32;

/// Zone, domain and type as they stand in the path.
pub(crate) type Segments = Path<(String, String, String)>;

/// A question by name and type, in the zone of an apex.
#[derive(Clone)]
pub(crate) struct Subject {
    pub(crate) zone: Name,
    pub(crate) name: QueryName,
    pub(crate) rtype: RecordType,
}

impl Subject {
    /// Reads a path. What is no name or no type cannot be there.
    pub(crate) fn of_path(Path((zone, domain, rtype)): &Segments) -> Result<Self, ApiError> {
        let zone = zone_of_path(zone)?;
        let name = Name::parse(domain).ok().and_then(|name| QueryName::from_wire(name.as_wire()).ok());
        let name = name.ok_or_else(ApiError::record_not_found)?;
        let rtype = RecordType::parse(rtype).ok_or_else(ApiError::record_not_found)?;
        Ok(Self { zone, name, rtype })
    }
}

/// Who asks.
struct Requester {
    source: IpAddr,
    subnet: Option<IpPrefix>,
    seed: u64,
}

impl Requester {
    fn read(params: &Params) -> Result<Self, ApiError> {
        let client = params.get("client").unwrap_or_default();
        let source = parse_address(client).ok_or_else(|| {
            ApiError::bad_request(format!(
                "query parameter client: expected an IPv4 or IPv6 address, got {}",
                echo(client)
            ))
        })?;
        let subnet = params.get("ecs").map(|text| {
            IpPrefix::parse(text).ok_or_else(|| {
                ApiError::bad_request(format!(
                    "query parameter ecs: expected a prefix such as 192.0.2.0/24 or 2001:db8::/56, got {}",
                    echo(text)
                ))
            })
        });
        Ok(Self { source, subnet: subnet.transpose()?, seed: seed(params)?.unwrap_or_else(drawn_seed) })
    }

    fn asker(&self) -> Asker {
        Asker::new(self.source, self.subnet.map(|prefix| (prefix.address(), prefix.bits())))
    }
}

/// An address without a zone identifier.
pub(crate) fn parse_address(text: &str) -> Option<IpAddr> {
    text.parse().ok().map(|address: IpAddr| address.to_canonical())
}

/// The `seed` of a request.
pub(crate) fn seed(params: &Params) -> Result<Option<u64>, ApiError> {
    params.number("seed")
}

/// A seed for who named none.
fn drawn_seed() -> u64 {
    rand::rng().random_range(0..DRAWN_SEEDS)
}

/// A caller's text, quoted and cut to a readable length.
fn echo(text: &str) -> String {
    format!("{:?}", text.chars().take(80).collect::<String>())
}

/// Explains one decision.
#[utoipa::path(
    get, path = "/v1/explain/{zone}/{domain}/{type}",
    params(
        ("client" = String, Query, description = "The address of the one who asks"),
        ("ecs" = Option<String>, Query, description = "The client subnet of the query, such as 192.0.2.0/24"),
        ("seed" = Option<u64>, Query, description = "What all draws follow from"),
    ),
    responses((status = 200, description = "The decision, step by step", body = ref("#/components/schemas/Explanation"))),
)]
pub(crate) async fn explain(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    segments: Segments,
    params: Params,
) -> Reply {
    let subject = Subject::of_path(&segments)?;
    let requester = Requester::read(&params)?;
    let geo = state.geo.load().clone();
    let explanation = state
        .examine(move |service| {
            let snapshot = service.snapshot().load_full();
            Explainer::new(service, &actor, &snapshot, &geo, &requester).explain(&subject)
        })
        .await?;
    Ok(json(&explanation))
}

/// Refuses to show a record to a key that may not see it: a wildcard, an alias or a linked zone leads to another one
/// than the path names.
pub(super) fn must_view(actor: &Actor, found: &Found<'_>) -> Result<(), ApiError> {
    let (zone, owner) = (found.zone.to_string(), found.owner.to_string());
    match actor.may_view_record(&zone, &owner, &found.rrset.rtype.to_string()) {
        true => Ok(()),
        false => Err(out_of_reach("the record that answers this question", Right::ViewZones)),
    }
}

/// One reply in the making.
struct Explainer<'a> {
    service: &'a Service,
    actor: &'a Actor,
    snapshot: &'a Snapshot,
    geo: &'a GeoData,
    requester: &'a Requester,
    entropy: Entropy,
    workspace: Workspace,
    now_s: u64,
}

impl<'a> Explainer<'a> {
    fn new(
        service: &'a Service,
        actor: &'a Actor,
        snapshot: &'a Snapshot,
        geo: &'a GeoData,
        requester: &'a Requester,
    ) -> Self {
        Self {
            service,
            actor,
            snapshot,
            geo,
            requester,
            entropy: filters::from_seed_u64(requester.seed),
            workspace: Workspace::default(),
            now_s: service.options().clock.now_us() / 1_000_000,
        }
    }

    /// Explains the record asked for, and those that aliases lead to.
    fn explain(&mut self, subject: &Subject) -> Result<Explanation, ApiError> {
        let found = find(self.snapshot, &subject.zone, &subject.name, subject.rtype)?;
        must_view(self.actor, &found)?;
        self.workspace.begin_query();
        let (mut first, mut target) = self.explain_one(subject, &found)?;
        if found.role != Role::Referral {
            first.additional = self.texts(&first.domain);
        }
        let mut chain = vec![first];
        let mut visited = HashSet::from([subject.name.to_name()]);
        while let Some(name) = target.take()
            && visited.insert(name.to_name())
            && visited.len() <= EXPLAINED_ALIASES + 1
        {
            let Ok(found) = find_anywhere(self.snapshot, &name, subject.rtype) else { break };
            if must_view(self.actor, &found).is_err() {
                break;
            }
            let zone = lookup::answering_apex(self.snapshot, &name, subject.rtype);
            let zone = zone.unwrap_or_else(|| found.zone.clone());
            let (next, further) = self.explain_one(&Subject { zone, name, rtype: subject.rtype }, &found)?;
            chain.push(next);
            target = further;
        }
        let folded = chain.into_iter().rev().reduce(|behind, explanation| Explanation {
            scope: explanation.scope.max(behind.scope),
            next: Some(Box::new(behind)),
            ..explanation
        });
        folded.ok_or_else(|| ApiError::internal("an explanation without a record"))
    }

    /// Explains one record; gives the name that the question goes on with, too.
    fn explain_one(
        &mut self,
        subject: &Subject,
        found: &Found<'_>,
    ) -> Result<(Explanation, Option<QueryName>), ApiError> {
        let document = self.service.stored_record(&found.zone, &found.owner, found.rrset.rtype)?;
        let mut answers = shown(&found.rrset, document.as_ref());
        let Decision { client, steps, restored, order, scope } =
            self.decide(&subject.name, found, document.as_ref(), &mut answers);
        let out: Vec<&Shown> = order.iter().filter_map(|position| answers.get(*position)).collect();
        let target = out.first().and_then(|first| next_name(&found.role, &first.wire));
        let explanation = Explanation {
            zone: subject.zone.to_string(),
            domain: subject.name.to_name().to_string(),
            rtype: subject.rtype,
            revision: self.snapshot.revision,
            seed: self.requester.seed,
            client: self.client_view(client),
            record: record_view(found, document.as_ref()),
            steps,
            restored,
            final_answers: out.into_iter().map(AnswerView::from).collect(),
            additional: Vec::new(),
            ttl: found.rrset.ttl,
            scope,
            next: None,
        };
        Ok((explanation, target))
    }

    /// The TXT records that the last choice adds: their owners are made of the positions of the answers that they
    /// are about, counted from 1.
    fn texts(&mut self, domain: &str) -> Vec<TextView> {
        if !self.workspace.keep_texts() {
            return Vec::new();
        }
        let view = |(position, rdata): (u16, &[u8])| TextView {
            domain: format!("{}.{domain}", u32::from(position) + 1),
            rtype: RecordType::TXT,
            rdata: answers::text_of(RecordType::TXT, rdata),
        };
        self.workspace.texts().map(view).collect()
    }

    /// Decides about one record; adds the addresses that its chain makes to the answers.
    fn decide(
        &mut self,
        name: &QueryName,
        found: &Found<'_>,
        document: Option<&RecordDoc>,
        answers: &mut Vec<Shown>,
    ) -> Decision {
        let mut asker = self.requester.asker();
        asker.set_wildcard(name, found.encloser_label);
        let mut decision = match found.rrset.body {
            RrsetBody::Static(_) => Decision {
                client: asker.client(document.is_none_or(|document| document.use_client_subnet)),
                steps: disabled_steps(document, answers),
                restored: None,
                order: (0..answers.len()).collect(),
                scope: 0,
            },
            RrsetBody::Steered(record) => {
                let mut recorder = Recorder::default();
                let chosen =
                    record.choose(&asker, self.geo, &mut self.entropy, &mut self.workspace, &mut recorder);
                let count = record.answer_count();
                let position = |entry: &u16| filters::position_of_entry(*entry, count);
                let mut order: Vec<usize> = chosen.as_slice().iter().map(position).collect();
                if order.is_empty() && found.role == Role::Referral {
                    let is_first = |index: &usize| usize::from(record.canonical(*index)) == *index;
                    order = (0..count).filter(is_first).collect();
                }
                add_made(&recorder, answers);
                // A client that does not want to be known, or that the record may not know, gets scope 0.
                let is_told =
                    record.use_client_subnet && self.requester.subnet.is_none_or(|subnet| subnet.bits() > 0);
                Decision {
                    client: chosen.client,
                    scope: if is_told { chosen.scope_bits } else { 0 },
                    restored: restored(&recorder, count, answers),
                    steps: steps(recorder, count, answers, self.now_s),
                    order,
                }
            }
        };
        if matches!(found.rrset.rtype, RecordType::CNAME | RecordType::DNAME) {
            decision.order.truncate(1);
        }
        decision
    }

    fn client_view(&self, client: Client) -> ClientView {
        let prefix = IpPrefix::new(client.address, client.prefix_bits);
        let place: Option<&Place> = self.geo.place(prefix.address()).value;
        let position = place.and_then(|place| place.position);
        let sources = self.geo.sources();
        ClientView {
            address: self.requester.source.to_string(),
            ecs: self.requester.subnet.map(|subnet| subnet.to_string()),
            effective: prefix.to_string(),
            country: place.and_then(|place| place.country),
            subdivision: place.and_then(|place| place.subdivision),
            georegion: place.and_then(|place| place.georegion),
            latitude: position.map(|position| position.latitude),
            longitude: position.map(|position| position.longitude),
            asn: self.geo.asn(prefix.address()).value,
            source: SourceView { location: sources.location.to_string(), asn: sources.asn.to_string() },
        }
    }
}

/// What was decided about one record.
struct Decision {
    client: Client,
    steps: Vec<document::StepView>,
    restored: Option<RestoredView>,
    order: Vec<usize>,
    scope: u8,
}

fn record_view(found: &Found<'_>, document: Option<&RecordDoc>) -> RecordView {
    let stored_at = |text: fn(&RecordDoc) -> &str, name: &Name| {
        document.map_or_else(|| name.to_string(), |document| text(document).to_owned())
    };
    RecordView {
        id: document.map(|document| document.id),
        zone: stored_at(|document| &document.zone, &found.zone),
        domain: stored_at(|document| &document.domain, &found.owner),
        rtype: found.rrset.rtype,
        use_client_subnet: document.is_none_or(|document| document.use_client_subnet),
    }
}

#[cfg(test)]
mod tests;
