//! Making a zone of a zone file.
//!
//! The file is received, parsed and compiled without the committer, which then takes the finished zone as one
//! change set: all of it or nothing. A waiting client gets the zone; a client that asked for a job gets the
//! job, and reads the outcome from it.
//!
//! A large file is worked on apart from the threads that serve requests, as one of two. A small one is done
//! where it arrives, and beside many others, so that they share the writes to disk.

mod build;
mod jobs;

use axum::Extension;
use axum::body::Body;
use axum::extract::{FromRequest, Multipart, Path, Request, State};
use axum::http::{HeaderMap, Response, StatusCode};
use serde_json::{Map, Value, json};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use zones::Name;
use zones::zone_file::{self, ImportLimits, Soa};

use self::build::Prepared;
use self::jobs::{ImportJob, ImportJobs};
use super::zones::{new_name, with_revision};
use crate::auth::{Reach, Right};
use crate::dto::record::record_object;
use crate::dto::zone::{NO_OTHER_NAMES, ZoneFields, zone_object};
use crate::error::ApiError;
use crate::http::body::{announced_length, discard, too_large};
use crate::http::{self, Params};
use crate::limits::{
    CONCURRENT_IMPORTS, CONCURRENT_SMALL_IMPORTS, IMPORT_BODY_TIMEOUT, IMPORT_RECORDS, IMPORT_REPLY_RECORDS,
    IMPORT_WARNINGS, SMALL_BODY_BYTES,
};
use crate::router::ApiState;
use crate::service::{Actor, Committed, JobOutcome, Service, Transaction};

/// What imports share: their jobs, and how many may run.
pub(crate) struct Imports {
    jobs: ImportJobs,
    large: Arc<Semaphore>,
    small: Arc<Semaphore>,
}

impl Imports {
    /// None are running; jobs of earlier runs are known from the tables.
    pub(crate) fn new(service: &Service) -> Self {
        let earlier = service.job_ids().unwrap_or_else(|error| {
            tracing::error!(error = error.detail, "the import jobs of earlier runs cannot be read");
            Vec::new()
        });
        Self {
            jobs: ImportJobs::after(earlier),
            large: Arc::new(Semaphore::new(CONCURRENT_IMPORTS)),
            small: Arc::new(Semaphore::new(CONCURRENT_SMALL_IMPORTS)),
        }
    }

    /// A place for an import. For a small one it is waited for: it comes free in a moment.
    async fn place(&self, size: Size) -> Result<OwnedSemaphorePermit, ApiError> {
        match size {
            Size::Small => Arc::clone(&self.small).acquire_owned().await.map_err(ApiError::internal),
            Size::Large => Arc::clone(&self.large).try_acquire_owned().map_err(|_| {
                ApiError::too_many_requests(format!(
                    "{CONCURRENT_IMPORTS} zone files are being imported already; try again later"
                ))
            }),
        }
    }
}

/// How much work a zone file may be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Size {
    /// Some milliseconds at most: the file is no longer than [`SMALL_BODY_BYTES`], and every record stands in it.
    Small,
    /// Anything else.
    Large,
}

impl Size {
    /// The size of an upload, from what its head says.
    fn announced(headers: &HeaderMap) -> Self {
        let is_small = announced_length(headers).is_some_and(|length| length <= SMALL_BODY_BYTES);
        if is_small { Self::Small } else { Self::Large }
    }

    /// The size of a file that was announced so: `$GENERATE` makes many records of one line.
    fn of(self, file: &[u8]) -> Self {
        const GENERATE: &[u8] = b"$GENERATE";
        let is_generate = |window: &[u8]| window.eq_ignore_ascii_case(GENERATE);
        if self == Self::Small && file.windows(GENERATE.len()).any(is_generate) { Self::Large } else { self }
    }

    /// Does work on a file of this size where it holds up no other request. A panic is an error of this work only.
    async fn run<T: Send + 'static>(
        self,
        work: impl FnOnce() -> Result<T, ApiError> + Send + 'static,
    ) -> Result<T, ApiError> {
        match self {
            Self::Small => catch_unwind(AssertUnwindSafe(work))
                .unwrap_or_else(|_| Err(ApiError::internal("work on a zone file panicked"))),
            Self::Large => tokio::task::spawn_blocking(work).await.map_err(ApiError::internal)?,
        }
    }
}

/// `PUT /v1/import/zonefile/:zone`, with `?async=true` in the background.
#[utoipa::path(
    put, path = "/v1/import/zonefile/{zone}",
    params(
        ("async" = Option<bool>, Query, description = "`true` imports in the background"),
        ("networks" = Option<String>, Query, description = "Ids of networks, with commas"),
        ("views" = Option<String>, Query, description = "Must be empty"),
        ("name" = Option<String>, Query, description = "Must be the zone"),
    ),
    request_body(content = ref("#/components/schemas/ZoneFile"), content_type = "multipart/form-data"),
    responses((status = 200, description = "The zone or the job", body = ref("#/components/schemas/ImportedZone"))),
)]
pub async fn start(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(zone): Path<String>,
    params: Params,
    request: Request,
) -> Result<Response<Body>, ApiError> {
    let size = Size::announced(request.headers());
    let Admitted { zone, in_background, settings, place } = match admit(&state, &zone, &params, size).await {
        Ok(admitted) => admitted,
        Err(refusal) => {
            discard(request.into_body()).await;
            return Err(refusal);
        }
    };
    let received = receive(request, state.options.limits.import_body_bytes);
    let file = tokio::time::timeout(IMPORT_BODY_TIMEOUT, received)
        .await
        .map_err(|_| ApiError::new(StatusCode::REQUEST_TIMEOUT, "the zone file did not arrive in time"))??;
    let (announced, size) = (size, size.of(&file));
    let place = if size == announced { place } else { state.imports.place(size).await? };
    let import = Import { service: state.service, actor, zone, settings, size, file, _place: place };
    if !in_background {
        let (service, zone) = (import.service.clone(), import.zone.clone());
        let Committed { value: Imported { warnings, .. }, revision } = import.run(None).await?;
        let reply = size.run(move || reply(&service, &zone, warnings)).await?;
        return Ok(with_revision(http::json(&reply), revision));
    }
    let (job, forgotten) = state.imports.jobs.start(&import.zone.to_string(), unix_time_s());
    let shown = job.to_json(&import.service);
    let document = job.document(None);
    let begin = move |transaction: &mut Transaction<'_>| transaction.start_job(&document, &forgotten);
    if let Err(error) = import.service.commit(&Actor::system(), begin).await {
        job.finish(failed(&error));
        return Err(error);
    }
    tokio::spawn(async move {
        let service = import.service.clone();
        match import.run(Some(&job)).await {
            Ok(Committed { value: Imported { records, warnings }, .. }) => {
                job.finish(succeeded(records, warnings));
            }
            Err(error) => fail(&service, &job, &error).await,
        }
    });
    Ok(http::json(&shown))
}

/// What is known of an import before its file is read.
struct Admitted {
    zone: Name,
    in_background: bool,
    settings: Map<String, Value>,
    place: OwnedSemaphorePermit,
}

/// Refuses what can be refused without the file.
async fn admit(state: &ApiState, zone: &str, params: &Params, size: Size) -> Result<Admitted, ApiError> {
    let zone = new_name("zone", zone)?;
    let in_background = params.flag("async")?.unwrap_or(false);
    let settings = settings_of(params, &zone)?;
    if state.service.zone(&zone)?.is_some() {
        return Err(ApiError::bad_request("zone already exists"));
    }
    let place = state.imports.place(size).await?;
    Ok(Admitted { zone, in_background, settings, place })
}

/// How a job ends that has made its zone.
fn succeeded(records: usize, warnings: Vec<String>) -> JobOutcome {
    let status = format!("Created zone and {records} records");
    JobOutcome { status, code: StatusCode::OK.as_u16(), message: None, warnings }
}

/// How a job ends that has not.
fn failed(error: &ApiError) -> JobOutcome {
    let (status, code) = ("Failed".to_owned(), error.status.as_u16());
    JobOutcome { status, code, message: Some(error.message.clone()), warnings: Vec::new() }
}

async fn fail(service: &Service, job: &ImportJob, error: &ApiError) {
    let document = job.document(Some(failed(error)));
    let end = move |transaction: &mut Transaction<'_>| transaction.end_job(&document);
    if let Err(error) = service.commit(&Actor::system(), end).await {
        tracing::warn!(error = error.message, "the end of an import could not be stored");
    }
    job.finish(failed(error));
}

/// `GET /v1/import/zonefile/:jobid`; the name of the zone stands for its last job.
#[utoipa::path(
    get, path = "/v1/import/zonefile/{zone}",
    responses((status = 200, description = "The job", body = ref("#/components/schemas/ImportJob"))),
)]
pub async fn status(
    State(state): State<ApiState>,
    Extension(actor): Extension<Actor>,
    Path(id): Path<String>,
) -> Result<Response<Body>, ApiError> {
    let job = state.imports.jobs.find(&id);
    let shown = state.service.read(move |service| {
        let job = match job {
            Some(job) => Some(job),
            None => jobs::left_behind(service, &id)?.map(Arc::new),
        };
        // A job shows all records.
        let may_view = |zone: &str| actor.access.reach(Right::ViewZones, zone) == Reach::Everything;
        let job = job.filter(|job| may_view(job.zone()));
        Ok(job.ok_or_else(|| ApiError::not_found("import job not found"))?.to_json(service))
    });
    Ok(http::json(&shown.await?))
}

/// `GET /v1/import/zonefile/:zone/status`, as of an export.
#[utoipa::path(
    get, path = "/v1/import/zonefile/{zone}/status",
    responses((status = 200, description = "The job", body = ref("#/components/schemas/ImportJob"))),
)]
pub async fn status_of_zone(
    state: State<ApiState>,
    actor: Extension<Actor>,
    zone: Path<String>,
) -> Result<Response<Body>, ApiError> {
    status(state, actor, zone).await
}

/// An import whose file has arrived.
struct Import {
    service: Service,
    actor: Actor,
    zone: Name,
    settings: Map<String, Value>,
    size: Size,
    file: Vec<u8>,
    /// Held until the end, so that only so many imports hold memory.
    _place: OwnedSemaphorePermit,
}

/// What an import has made.
struct Imported {
    records: usize,
    warnings: Vec<String>,
}

impl Import {
    async fn run(self, job: Option<&ImportJob>) -> Result<Committed<Imported>, ApiError> {
        let progress = |percent, status: &str| job.into_iter().for_each(|job| job.advance(percent, status));
        let Self { service, actor, zone, mut settings, size, file, _place } = self;
        progress(5, "Reading the zone file");
        let apex = zone.clone();
        let (soa, prepared) = size.run(move || read_file(file, &apex)).await?;
        let served_serial = soa.as_ref().map(|soa| soa.serial);
        if let Some(soa) = soa {
            settings.extend(settings_of_soa(&soa));
        }
        progress(60, "Creating zone");
        let fields = ZoneFields::from_update(&settings, &zone)?;
        let Prepared { records: prepared, warnings } = prepared;
        // The name server record of the apex is ours and counts as well.
        let records = prepared.len() + 1;
        let document = job.map(|job| job.document(Some(succeeded(records, warnings.clone()))));
        let change = move |transaction: &mut Transaction<'_>| {
            if let Some(document) = &document {
                transaction.end_job(document)?;
            }
            transaction.import_zone(fields, served_serial, prepared)?;
            Ok(Imported { records, warnings })
        };
        service.commit(&actor, change).await
    }
}

fn read_file(file: Vec<u8>, zone: &Name) -> Result<(Option<Soa>, Prepared), ApiError> {
    let limits = ImportLimits {
        records: IMPORT_RECORDS,
        rrset_records: zones::limits::MAX_ANSWERS,
        warnings: IMPORT_WARNINGS,
        ..ImportLimits::default()
    };
    let parsed = zone_file::parse(&file[..], zone, &limits)
        .map_err(|error| ApiError::bad_request(format!("zonefile: {error}")))?;
    // A large file is not held beside the records that are made of it.
    drop(file);
    let soa = parsed.soa.clone();
    Ok((soa, build::prepare(parsed, zone, unix_time_s())?))
}

/// The numbers and the mailbox of the file stay; the server is ours, and the serial is only looked at.
fn settings_of_soa(soa: &Soa) -> Map<String, Value> {
    let settings = json!({
        "ttl": soa.ttl,
        "nx_ttl": soa.minimum,
        "refresh": soa.refresh,
        "retry": soa.retry,
        "expiry": soa.expire,
        "hostmaster": soa.rname.to_mail_address(),
    });
    match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    }
}

/// `networks=0,1` of the query, as a zone's own setting. Views and vanity names are refused.
fn settings_of(params: &Params, zone: &Name) -> Result<Map<String, Value>, ApiError> {
    let mut settings = Map::new();
    if params.get("views").is_some_and(|views| !views.is_empty()) {
        return Err(ApiError::bad_request("query parameter views: views are not supported yet"));
    }
    if let Some(name) = params.get("name").filter(|name| !name.is_empty())
        && Name::parse(name).ok().as_ref() != Some(zone)
    {
        return Err(ApiError::bad_request(format!(
            "query parameter name: {name:?} is not {zone}; {NO_OTHER_NAMES}"
        )));
    }
    if let Some(list) = params.get("networks").filter(|list| !list.is_empty()) {
        let number = |one: &str| {
            let text = one.trim();
            text.parse::<i64>().map(Value::from).map_err(|_| {
                ApiError::bad_request(format!("query parameter networks: {text:?} is not a network id"))
            })
        };
        let networks: Vec<Value> = list.split(',').map(number).collect::<Result<_, _>>()?;
        settings.insert("networks".to_owned(), networks.into());
    }
    Ok(settings)
}

/// The zone with its records in full, and what was left out of the file.
fn reply(service: &Service, zone: &Name, mut warnings: Vec<String>) -> Result<Map<String, Value>, ApiError> {
    let document = service.existing_zone(zone)?;
    let mut records = Vec::new();
    for entry in service.records(zone, None) {
        if records.len() == IMPORT_REPLY_RECORDS {
            warnings.push(format!("only the first {IMPORT_REPLY_RECORDS} records are listed here"));
            break;
        }
        let record = entry?.document()?;
        // A zone file points at no feed.
        records.push(Value::Object(record_object(&record, |_| None)));
    }
    let mut reply = zone_object(&document);
    reply.insert("records".to_owned(), Value::Array(records));
    reply.insert("warnings".to_owned(), warnings.into());
    Ok(reply)
}

/// The content of the form field `zonefile`.
async fn receive(request: Request, limit: usize) -> Result<Vec<u8>, ApiError> {
    let expected = announced_length(request.headers()).unwrap_or(0);
    if expected > limit {
        return Err(too_large(limit));
    }
    let mut form = Multipart::from_request(request, &()).await.map_err(|_| {
        ApiError::bad_request(
            "a multipart/form-data body is expected, with the zone file in the field zonefile",
        )
    })?;
    let broken = |error: axum::extract::multipart::MultipartError| {
        ApiError::bad_request(format!("the form cannot be read: {}", error.body_text()))
    };
    let mut received = 0;
    while let Some(mut field) = form.next_field().await.map_err(broken)? {
        let wanted = field.name() == Some("zonefile");
        let mut content = Vec::with_capacity(if wanted { expected } else { 0 });
        while let Some(chunk) = field.chunk().await.map_err(broken)? {
            received += chunk.len();
            if received > limit {
                return Err(too_large(limit));
            }
            if wanted {
                content.extend_from_slice(&chunk);
            }
        }
        if wanted {
            return Ok(content);
        }
    }
    Err(ApiError::bad_request("the form has no field zonefile"))
}

fn unix_time_s() -> u64 {
    SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).map_or(0, |elapsed| elapsed.as_secs())
}

#[cfg(test)]
mod tests;
