//! What stays of jobs that run in the background: enough to tell after a restart what became of them.

use serde::{Deserialize, Serialize};
use store::Table;
use zones::Name;

use super::transaction::Transaction;
use super::{Service, codec};
use crate::error::ApiError;

/// An import in the background.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobDoc {
    /// Its id.
    pub(crate) id: String,
    /// The zone that it makes.
    pub(crate) zone: String,
    /// When it was asked for, unix time in seconds.
    pub(crate) sent_s: u64,
    /// How it ended; nothing while it runs.
    pub(crate) outcome: Option<JobOutcome>,
}

/// How a job has ended.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(crate) struct JobOutcome {
    /// In words.
    pub(crate) status: String,
    /// The HTTP status that a waiting client would have got.
    pub(crate) code: u16,
    /// The message, if it has failed.
    pub(crate) message: Option<String>,
    /// What was left out of the file.
    pub(crate) warnings: Vec<String>,
}

impl Service {
    /// A job, by its id.
    pub(crate) fn job(&self, id: &str) -> Result<Option<JobDoc>, ApiError> {
        self.get(Table::Jobs, &codec::job_key(id))
    }

    /// The last job of a zone.
    pub(crate) fn last_job_of(&self, zone: &Name) -> Result<Option<JobDoc>, ApiError> {
        let (jobs, zone) = (self.documents::<JobDoc>(Table::Jobs, b"")?, zone.to_string());
        Ok(jobs.into_iter().filter(|job| job.zone == zone).max_by_key(|job| job.sent_s))
    }

    /// The ids of all jobs, the oldest first.
    pub(crate) fn job_ids(&self) -> Result<Vec<String>, ApiError> {
        let mut jobs = self.documents::<JobDoc>(Table::Jobs, b"")?;
        jobs.sort_by_key(|job| job.sent_s);
        Ok(jobs.into_iter().map(|job| job.id).collect())
    }
}

impl Transaction<'_> {
    /// Notes that a job is under way, and forgets others, given by their ids.
    pub(crate) fn start_job(&mut self, job: &JobDoc, forgotten: &[String]) -> Result<(), ApiError> {
        for id in forgotten {
            self.layer.delete(Table::Jobs, codec::job_key(id));
        }
        self.put(Table::Jobs, codec::job_key(&job.id), job)
    }

    /// Notes how a job has ended, if it was not forgotten meanwhile.
    pub(crate) fn end_job(&mut self, job: &JobDoc) -> Result<(), ApiError> {
        let key = codec::job_key(&job.id);
        match self.around.view.get(&self.layer, Table::Jobs, &key)? {
            Some(_) => self.put(Table::Jobs, key, job),
            None => Ok(()),
        }
    }
}
