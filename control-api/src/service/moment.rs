//! A whole zone as it was at one moment.
//!
//! A scan of the tables sees changes that are made beside it, and a large zone takes seconds to read. So the zone
//! is asked for its serial before and after, by the committer, which is between two batches then: every change
//! of a zone raises its serial, so two that are equal had nothing between them. Nothing is locked meanwhile.

use zones::{Name, ZoneDoc};

use super::read::inherit;
use super::transaction::Transaction;
use super::{Actor, Service};
use crate::error::ApiError;

/// How often a reading is tried.
const ATTEMPTS: usize = 8;

impl Transaction<'_> {
    /// A zone; a linked one with the settings of its target.
    pub(crate) fn zone_with_inherited(&self, name: &Name) -> Result<ZoneDoc, ApiError> {
        let mut zone = self.zone(name)?;
        let mut target = zone.link.clone();
        for _ in 0..zones::limits::MAX_LINKS {
            let Some(next) = target.and_then(|name| Name::parse(&name).ok()) else { break };
            let next = self.zone(&next)?;
            target = next.link.clone();
            inherit(&mut zone, next);
        }
        Ok(zone)
    }
}

impl Service {
    /// Gives what `read` makes of a zone that nobody changes meanwhile; when somebody does, `read` is run again.
    ///
    /// # Errors
    /// 404 for an unknown zone, 503 when the zone is changed all the time, and those of `read`.
    pub(crate) async fn at_one_moment<T, F>(&self, zone: &Name, read: F) -> Result<(ZoneDoc, T), ApiError>
    where
        T: Send + 'static,
        F: Fn(&Service, &ZoneDoc) -> Result<T, ApiError> + Clone + Send + 'static,
    {
        let mut before = self.settled_zone(zone).await?;
        for _ in 0..ATTEMPTS {
            let (read, seen) = (read.clone(), before.clone());
            let value = self.read(move |service| read(service, &seen)).await;
            let after = self.settled_zone(zone).await?;
            if (after.id, after.serial) == (before.id, before.serial) {
                return Ok((after, value?));
            }
            before = after;
        }
        Err(ApiError::unavailable(format!(
            "zone {zone} is changed faster than it can be read; try again later"
        )))
    }

    /// A zone as the committer knows it between two changes.
    async fn settled_zone(&self, zone: &Name) -> Result<ZoneDoc, ApiError> {
        let zone = zone.clone();
        let system = Actor::system();
        let asked = self.commit(&system, move |transaction| transaction.zone_with_inherited(&zone)).await;
        Ok(asked?.value)
    }
}
