//! What stays of jobs that run in the background: enough to tell after a restart what became of them.

use serde::{Deserialize, Serialize};
use store::Table;
use zones::Name;

use super::transaction::Transaction;
use super::{Service, codec};
use crate::error::ApiError;
use crate::limits::IMPORT_JOBS_KEPT;

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
}

impl Transaction<'_> {
    /// Notes how a job stands. Beyond [`IMPORT_JOBS_KEPT`] the oldest ones are forgotten.
    pub(crate) fn put_job(&mut self, job: &JobDoc) -> Result<(), ApiError> {
        let key = codec::job_key(&job.id);
        let mut others: Vec<(u64, Vec<u8>)> = Vec::new();
        for (other, value) in self.scan(Table::Jobs, b"")? {
            if other != key {
                others.push((codec::decode::<JobDoc>(&value)?.sent_s, other));
            }
        }
        others.sort();
        let surplus = (others.len() + 1).saturating_sub(IMPORT_JOBS_KEPT);
        for (_, oldest) in others.into_iter().take(surplus) {
            self.layer.delete(Table::Jobs, oldest);
        }
        self.put(Table::Jobs, key, job)
    }
}
