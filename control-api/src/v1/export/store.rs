//! The exports of this process.

use std::collections::VecDeque;
use std::fs::File;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde_json::{Value, json};
use tokio::sync::{AcquireError, Semaphore, SemaphorePermit};
use zones::{Name, ZoneDoc, ZoneId};

use crate::error::ApiError;
use crate::limits::{CONCURRENT_EXPORTS, EXPORTS_KEPT, EXPORTS_KEPT_BYTES, EXPORTS_WAITING};

/// All exports, oldest first: at most one of a zone.
pub(crate) struct Exports {
    known: Mutex<VecDeque<(Name, Arc<Export>)>>,
    turns: Semaphore,
}

impl Default for Exports {
    fn default() -> Self {
        Self { known: Mutex::default(), turns: Semaphore::new(CONCURRENT_EXPORTS) }
    }
}

impl Exports {
    fn known(&self) -> MutexGuard<'_, VecDeque<(Name, Arc<Export>)>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The export of a zone.
    pub(super) fn find(&self, zone: &Name) -> Option<Arc<Export>> {
        self.known().iter().find(|(name, _)| name == zone).map(|(_, export)| Arc::clone(export))
    }

    /// Adds an export of a zone in place of the one before.
    ///
    /// # Errors
    /// 429 when too many are to be written yet.
    pub(super) fn add(&self, name: &Name, zone: &ZoneDoc) -> Result<Arc<Export>, ApiError> {
        let mut known = self.known();
        let waiting = known.iter().filter(|(_, export)| export.is_under_way()).count();
        if waiting >= EXPORTS_WAITING {
            return Err(ApiError::too_many_requests(format!(
                "{EXPORTS_WAITING} zone files are to be written already; try again later"
            )));
        }
        known.retain(|(other, _)| other != name);
        let export =
            Arc::new(Export { zone: zone.id, state: Mutex::new(State::Queued { serial: zone.serial }) });
        known.push_back((name.clone(), Arc::clone(&export)));
        Ok(export)
    }

    /// Waits until one more may be written.
    pub(super) async fn turn(&self) -> Result<SemaphorePermit<'_>, AcquireError> {
        self.turns.acquire().await
    }

    /// Forgets finished exports beyond [`EXPORTS_KEPT`] and [`EXPORTS_KEPT_BYTES`], the oldest first, but never the
    /// last one.
    pub(super) fn forget_oldest(&self) {
        let mut known = self.known();
        loop {
            let octets: u64 = known.iter().map(|(_, export)| export.octets()).sum();
            let oldest = known.iter().position(|(_, export)| !export.is_under_way());
            match oldest {
                Some(oldest)
                    if known.len() > 1 && (known.len() > EXPORTS_KEPT || octets > EXPORTS_KEPT_BYTES) =>
                {
                    known.remove(oldest);
                }
                _ => return,
            }
        }
    }
}

/// One export.
pub(super) struct Export {
    zone: ZoneId,
    state: Mutex<State>,
}

/// Where an export stands. The serial is that of the zone it shows or is to show.
enum State {
    Queued { serial: u32 },
    Generating { serial: u32 },
    Completed { serial: u32, content: Arc<Content>, at_s: u64 },
    Failed { message: String },
}

/// What was written.
pub(super) struct Content {
    /// The text; it has no name, and its space is free as soon as nobody reads it.
    pub(super) file: Arc<File>,
    /// Its length.
    pub(super) octets: u64,
    /// Its entity tag.
    pub(super) tag: String,
}

impl Export {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this is the export of a zone as it is now. One that has failed is of no zone.
    pub(super) fn is_of(&self, zone: &ZoneDoc) -> bool {
        let serial = match &*self.state() {
            State::Queued { serial } | State::Generating { serial } | State::Completed { serial, .. } => {
                *serial
            }
            State::Failed { .. } => return false,
        };
        self.zone == zone.id && serial == zone.serial
    }

    fn is_under_way(&self) -> bool {
        matches!(*self.state(), State::Queued { .. } | State::Generating { .. })
    }

    fn octets(&self) -> u64 {
        self.content().map_or(0, |content| content.octets)
    }

    /// The text, once it is complete.
    pub(super) fn content(&self) -> Option<Arc<Content>> {
        match &*self.state() {
            State::Completed { content, .. } => Some(Arc::clone(content)),
            _ => None,
        }
    }

    /// Its turn has come.
    pub(super) fn begin(&self) {
        let mut state = self.state();
        if let State::Queued { serial } = *state {
            *state = State::Generating { serial };
        }
    }

    /// The text is written, of the zone as it is given.
    pub(super) fn complete(&self, zone: &ZoneDoc, content: Content, at_s: u64) {
        *self.state() = State::Completed { serial: zone.serial, content: Arc::new(content), at_s };
    }

    /// There will be no text.
    pub(super) fn fail(&self, message: String) {
        *self.state() = State::Failed { message };
    }

    /// What clients read. Some compare the status in capitals.
    pub(super) fn status(&self) -> Value {
        let (status, message, at) = match &*self.state() {
            State::Queued { .. } => ("QUEUED", "the export waits for its turn".to_owned(), None),
            State::Generating { .. } => ("GENERATING", "the export is being written".to_owned(), None),
            State::Completed { serial, at_s, .. } => {
                ("COMPLETED", format!("the zone with serial {serial}"), Some(rfc3339(*at_s)))
            }
            State::Failed { message } => ("FAILED", message.clone(), None),
        };
        json!({ "status": status, "message": message, "generated_at": at })
    }
}

/// A unix time as RFC 3339 has it, in UTC.
fn rfc3339(unix_s: u64) -> String {
    let (days, second) = (unix_s / 86_400, unix_s % 86_400);
    let (mut year, mut day) = (1970, days);
    let is_leap =
        |year: u64| year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400));
    let length = |year| if is_leap(year) { 366 } else { 365 };
    while day >= length(year) {
        day -= length(year);
        year += 1;
    }
    let february = if is_leap(year) { 29 } else { 28 };
    let mut month = 1;
    for days in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < days {
            break;
        }
        day -= days;
        month += 1;
    }
    let (hour, minute) = (second / 3600, second / 60 % 60);
    format!("{year:04}-{month:02}-{:02}T{hour:02}:{minute:02}:{:02}Z", day + 1, second % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_written_as_rfc_3339_has_them() {
        for (unix_s, text) in [
            (0, "1970-01-01T00:00:00Z"),
            (951_782_400, "2000-02-29T00:00:00Z"),
            (1_709_251_199, "2024-02-29T23:59:59Z"),
            (1_735_689_599, "2024-12-31T23:59:59Z"),
            (4_107_542_400, "2100-03-01T00:00:00Z"),
        ] {
            assert_eq!(rfc3339(unix_s), text);
        }
    }
}
