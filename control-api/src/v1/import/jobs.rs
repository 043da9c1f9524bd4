//! Imports that run in the background, and what clients may read about them.
//!
//! What is read often is kept in memory. What became of a job is stored as well, in one change with the zone that it
//! made, so that a restart does not forget it; one that was cut short by a restart has failed.

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

/// The jobs of this process, oldest first.
#[derive(Default)]
pub(crate) struct ImportJobs(Mutex<VecDeque<Arc<ImportJob>>>);

impl ImportJobs {
    /// Adds a job. Beyond [`IMPORT_JOBS_KEPT`] the oldest finished one is forgotten.
    pub(crate) fn start(&self, zone: &str, sent_s: u64) -> Arc<ImportJob> {
        let mut random = rand::rng();
        let id = (0..ID_LENGTH).map(|_| char::from(ID_LETTERS[random.random_range(0..ID_LETTERS.len())]));
        let progress = Progress { percent: 0, status: "Waiting".to_owned(), outcome: None };
        let job = Arc::new(ImportJob {
            id: id.collect(),
            zone: zone.to_owned(),
            sent_s,
            progress: Mutex::new(progress),
        });
        let mut jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if jobs.len() >= IMPORT_JOBS_KEPT {
            let finished = jobs.iter().position(|job| job.progress().outcome.is_some());
            jobs.remove(finished.unwrap_or(0));
        }
        jobs.push_back(Arc::clone(&job));
        job
    }

    /// The job of an id, or else the last one of the zone of that name.
    pub(crate) fn find(&self, id_or_zone: &str) -> Option<Arc<ImportJob>> {
        let zone = Name::parse(id_or_zone).ok().map(|zone| zone.to_string());
        let jobs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let by_id = jobs.iter().find(|job| job.id == id_or_zone);
        by_id.or_else(|| jobs.iter().rfind(|job| Some(&job.zone) == zone.as_ref())).cloned()
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
    outcome: Option<(u16, Arc<Value>)>,
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

    /// Ends the job with the status and body that a waiting client would have got.
    pub(crate) fn finish(&self, status: &str, code: u16, response: Value) {
        let outcome = Some((code, Arc::new(response)));
        *self.progress() = Progress { percent: 100, status: status.to_owned(), outcome };
    }

    /// What a client reads. The response goes by both names in use.
    pub(crate) fn to_json(&self) -> Value {
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
        if let Some((code, response)) = outcome {
            body["response"] = Value::clone(&response);
            body["result"] = Value::clone(&response);
            body["response_code"] = code.into();
        }
        body
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
    let JobOutcome { status, code, message, warnings } = outcome.unwrap_or_else(cut_short);
    let response = match message {
        Some(message) => json!({ "message": message }),
        None => match Name::parse(&zone).ok().map(|name| super::reply(service, &name, warnings.clone())) {
            Some(Ok(reply)) => Value::Object(reply),
            // The zone is gone again.
            _ => json!({ "zone": zone, "warnings": warnings }),
        },
    };
    let progress = Progress { percent: 100, status, outcome: Some((code, Arc::new(response))) };
    Ok(Some(ImportJob { id, zone, sent_s, progress: Mutex::new(progress) }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_job_tells_its_progress_and_then_its_outcome() {
        let jobs = ImportJobs::default();
        let job = jobs.start("a.test", 1_376_070_394);
        job.advance(20, "Creating zone");
        let id = job.to_json()["id"].as_str().unwrap().to_owned();
        assert_eq!(id.len(), 20);
        let text = jobs.find(&id).unwrap().to_json().to_string();
        assert_eq!(
            text,
            format!(
                "{{\"sent\":1376070394,\"id\":\"{id}\",\"type\":\"importzonefile\",\"percent\":20,\
                 \"status\":\"Creating zone\"}}"
            )
        );
        job.finish("Failed", 400, json!({"message": "line 3: no"}));
        let body = job.to_json();
        assert_eq!((body["percent"].as_u64(), body["response_code"].as_u64()), (Some(100), Some(400)));
        assert_eq!(body["response"], json!({"message": "line 3: no"}));
        assert_eq!(body["result"], body["response"]);
        assert!(jobs.find("unknown").is_none());
        let later = jobs.start("a.test", 1_376_070_395);
        assert_eq!(jobs.find("A.test").unwrap().id, later.id, "the last one of its zone");
    }

    #[test]
    fn finished_jobs_are_forgotten_before_running_ones() {
        let jobs = ImportJobs::default();
        let first = jobs.start("a.test", 0);
        let second = jobs.start("a.test", 1);
        second.finish("done", 200, Value::Null);
        for _ in 0..IMPORT_JOBS_KEPT - 1 {
            jobs.start("a.test", 2);
        }
        assert!(jobs.find(&first.id).is_some());
        assert!(jobs.find(&second.id).is_none());
        assert_eq!(jobs.0.lock().unwrap().len(), IMPORT_JOBS_KEPT);
    }
}
