//! The documents behind what queries see.

use zones::limits::MAX_LINKS;
use zones::{Name, RecordDoc, RecordType};

use super::Service;
use crate::error::ApiError;

impl Service {
    /// The record with the answers that queries get from a place: of a linked record, the one that its links
    /// lead to. `None` when there is none, and when links lead nowhere or in a circle.
    pub fn stored_record(
        &self,
        zone: &Name,
        owner: &Name,
        rtype: RecordType,
    ) -> Result<Option<RecordDoc>, ApiError> {
        match self.record(zone, owner, rtype)? {
            Some(record) => self.behind_links(record),
            None => Ok(None),
        }
    }

    /// The record that a record's links lead to; itself when it has no link.
    pub(crate) fn behind_links(&self, record: RecordDoc) -> Result<Option<RecordDoc>, ApiError> {
        let mut record = record;
        for _ in 0..=MAX_LINKS {
            let Some(target) = &record.link else { return Ok(Some(record)) };
            let Ok(target) = Name::parse(target) else { return Ok(None) };
            match self.record_of_longest_zone(&target, record.rtype)? {
                Some(next) => record = next,
                None => return Ok(None),
            }
        }
        Ok(None)
    }

    /// The record of a name in the zone with the longest apex that has one.
    fn record_of_longest_zone(&self, name: &Name, rtype: RecordType) -> Result<Option<RecordDoc>, ApiError> {
        let mut apex = Some(name.clone());
        while let Some(candidate) = apex {
            if let Some(record) = self.record(&candidate, name, rtype)? {
                return Ok(Some(record));
            }
            apex = candidate.parent();
        }
        Ok(None)
    }
}
