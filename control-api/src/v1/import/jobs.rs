//! Imports that run in the background, and what clients may read about them.
//!
//! How far a job is, is kept in memory. What became of it is stored as well, in one change with the zone that it
//! made, so that a restart does not forget it; one that was cut short by a restart has failed. The zone itself is
//! read when somebody asks.

use rand::RngExt;
use serde_json::{Value, json};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use zones::Name;

use crate::error::ApiError;
use crate::limits::IMPORT_JOBS_KEPT;
use crate::service::{JobDoc, JobOutcome, Service};

/// The letters of a job id. Twenty of them cannot be guessed.
const ID_LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const ID_LENGTH: usize = 20;

/// The last [`IMPORT_JOBS_KEPT`] jobs.
#[derive(Default)]
pub(crate) struct ImportJobs(Mutex<Known>);

#[derive(Default)]
struct Known {
    /// The ids of jobs that are only stored, from runs of the server before this one; oldest first.
    earlier: VecDeque<String>,
    /// The jobs of this process, oldest first.
    jobs: VecDeque<Arc<ImportJob>>,
}

impl Known {
    /// Forgets the oldest job, of those of this process one that has ended if there is any. Gives its id.
    fn forget_one(&mut self) -> Option<String> {
        self.earlier.pop_front().or_else(|| {
            let finished = self.jobs.iter().position(|job| job.progress().outcome.is_some());
            self.jobs.remove(finished.unwrap_or(0)).map(|job| job.id.clone())
        })
    }
}

impl ImportJobs {
    /// No jobs but those that are stored, given by their ids, the oldest first.
    pub(crate) fn after(earlier: Vec<String>) -> Self {
        Self(Mutex::new(Known { earlier: earlier.into(), jobs: VecDeque::new() }))
    }

    fn known(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds a job. Gives it with the ids of those that are forgotten for it.
    pub(crate) fn start(&self, zone: &str, sent_s: u64) -> (Arc<ImportJob>, Vec<String>) {
        let mut random = rand::rng();
        let id = (0..ID_LENGTH).map(|_| char::from(ID_LETTERS[random.random_range(0..ID_LETTERS.len())]));
        let job = Arc::new(ImportJob {
            id: id.collect(),
            zone: zone.to_owned(),
            sent_s,
            progress: Mutex::new(Progress { percent: 0, status: "Waiting".to_owned(), outcome: None }),
        });
        let mut known = self.known();
        let mut forgotten = Vec::new();
        while known.earlier.len() + known.jobs.len() >= IMPORT_JOBS_KEPT {
            forgotten.extend(known.forget_one());
        }
        known.jobs.push_back(Arc::clone(&job));
        (job, forgotten)
    }

    /// The job of an id, or else the last one of the zone of that name.
    pub(crate) fn find(&self, id_or_zone: &str) -> Option<Arc<ImportJob>> {
        let zone = Name::parse(id_or_zone).ok().map(|zone| zone.to_string());
        let known = self.known();
        let by_id = known.jobs.iter().find(|job| job.id == id_or_zone);
        by_id.or_else(|| known.jobs.iter().rfind(|job| Some(&job.zone) == zone.as_ref())).cloned()
    }
}

/// One import.
pub(crate) struct ImportJob {
    id: String,
    zone: String,
    sent_s: u64,
    progress: Mutex<Progress>,
}

struct Progress {
    percent: u8,
    status: String,
    outcome: Option<JobOutcome>,
}

impl ImportJob {
    fn progress(&self) -> MutexGuard<'_, Progress> {
        self.progress.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The zone that is being made.
    pub(crate) fn zone(&self) -> &str {
        &self.zone
    }

    /// What is stored of the job.
    pub(crate) fn document(&self, outcome: Option<JobOutcome>) -> JobDoc {
        JobDoc { id: self.id.clone(), zone: self.zone.clone(), sent_s: self.sent_s, outcome }
    }

    /// Tells how far the job is.
    pub(crate) fn advance(&self, percent: u8, status: &str) {
        let mut progress = self.progress();
        progress.percent = percent;
        progress.status = status.to_owned();
    }

    /// Ends the job.
    pub(crate) fn finish(&self, outcome: JobOutcome) {
        let status = outcome.status.clone();
        *self.progress() = Progress { percent: 100, status, outcome: Some(outcome) };
    }

    /// What a client reads: of a job that has ended with the body that a waiting client would have got, by both names
    /// in use. The zone is shown as it is now.
    pub(crate) fn to_json(&self, service: &Service) -> Value {
        let progress = self.progress();
        let mut body = json!({
            "sent": self.sent_s,
            "id": self.id,
            "type": "importzonefile",
            "percent": progress.percent,
            "status": progress.status,
        });
        let outcome = progress.outcome.clone();
        drop(progress);
        if let Some(outcome) = outcome {
            let code = outcome.code;
            let response = self.response(service, outcome);
            body["response"] = response.clone();
            body["result"] = response;
            body["response_code"] = code.into();
        }
        body
    }

    fn response(&self, service: &Service, outcome: JobOutcome) -> Value {
        let JobOutcome { message, warnings, .. } = outcome;
        if let Some(message) = message {
            return json!({ "message": message });
        }
        match Name::parse(&self.zone).map(|name| super::reply(service, &name, warnings.clone())) {
            Ok(Ok(reply)) => Value::Object(reply),
            // The zone is gone again.
            _ => json!({ "zone": self.zone, "warnings": warnings }),
        }
    }
}

/// A job that an earlier run of the server has left: that of an id, or else the last one of the zone of that name.
pub(crate) fn left_behind(service: &Service, id_or_zone: &str) -> Result<Option<ImportJob>, ApiError> {
    let mut found = service.job(id_or_zone)?;
    if found.is_none()
        && let Ok(zone) = Name::parse(id_or_zone)
    {
        found = service.last_job_of(&zone)?;
    }
    let Some(JobDoc { id, zone, sent_s, outcome }) = found else { return Ok(None) };
    let cut_short = || JobOutcome {
        status: "Failed".to_owned(),
        code: 503,
        message: Some("the server was stopped before the import was finished".to_owned()),
        warnings: Vec::new(),
    };
    let outcome = outcome.unwrap_or_else(cut_short);
    let progress = Progress { percent: 100, status: outcome.status.clone(), outcome: Some(outcome) };
    Ok(Some(ImportJob { id, zone, sent_s, progress: Mutex::new(progress) }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::TestApi;

    fn outcome(code: u16, message: Option<&str>) -> JobOutcome {
        let message = message.map(str::to_owned);
        JobOutcome { status: "Ended".to_owned(), code, message, warnings: vec!["a TTL".to_owned()] }
    }

    #[tokio::test]
    async fn a_job_tells_its_progress_and_then_its_outcome() {
        let api = TestApi::new().await;
        let jobs = ImportJobs::default();
        let (job, _) = jobs.start("a.test", 1_376_070_394);
        job.advance(20, "Creating zone");
        let id = job.id.clone();
        assert_eq!(id.len(), 20);
        let text = jobs.find(&id).unwrap().to_json(&api.service).to_string();
        assert_eq!(
            text,
            format!(
                "{{\"sent\":1376070394,\"id\":\"{id}\",\"type\":\"importzonefile\",\"percent\":20,\
                 \"status\":\"Creating zone\"}}"
            )
        );
        job.finish(outcome(400, Some("line 3: no")));
        let body = job.to_json(&api.service);
        assert_eq!((body["percent"].as_u64(), body["response_code"].as_u64()), (Some(100), Some(400)));
        assert_eq!(
            (&body["status"], &body["response"]),
            (&json!("Ended"), &json!({"message": "line 3: no"}))
        );
        assert_eq!(body["result"], body["response"]);
        assert!(jobs.find("unknown").is_none());
        let (later, _) = jobs.start("a.test", 1_376_070_395);
        assert_eq!(jobs.find("A.test").unwrap().id, later.id, "the last one of its zone");
        later.finish(outcome(200, None));
        let body = later.to_json(&api.service);
        assert_eq!(body["result"], json!({"zone": "a.test", "warnings": ["a TTL"]}), "there is no such zone");
    }

    #[test]
    fn those_of_earlier_runs_are_forgotten_first_and_running_ones_last() {
        let jobs = ImportJobs::after((0..IMPORT_JOBS_KEPT + 1).map(|number| number.to_string()).collect());
        let (first, forgotten) = jobs.start("a.test", 0);
        assert_eq!(forgotten, ["0", "1"]);
        let (second, forgotten) = jobs.start("a.test", 1);
        assert_eq!(forgotten, ["2"]);
        second.finish(outcome(200, None));
        let forgotten: Vec<String> =
            (0..IMPORT_JOBS_KEPT - 1).flat_map(|_| jobs.start("a.test", 2).1).collect();
        assert_eq!(forgotten.len(), IMPORT_JOBS_KEPT - 1);
        assert_eq!(forgotten.last(), Some(&second.id));
        assert!(jobs.find(&first.id).is_some() && jobs.find(&second.id).is_none());
        let known = jobs.known();
        assert_eq!((known.earlier.len(), known.jobs.len()), (0, IMPORT_JOBS_KEPT));
    }
}
