//! Changes that are checked and then not made.

use filters::{FeedCell, FeedId};
use std::sync::Arc;

use super::Service;
use super::actor::Actor;
use super::overlay::{Layer, View};
use super::transaction::{Effects, Surroundings, Transaction};
use crate::error::ApiError;

impl Service {
    /// Runs `action` over the present state as [`Self::commit`] would, and drops what it changes: nothing is
    /// stored, published or logged, no serial grows, and the committer is not asked.
    ///
    /// # Errors
    /// Those of `action`.
    pub fn rehearse<T>(
        &self,
        actor: &Actor,
        action: impl FnOnce(&mut Transaction<'_>) -> Result<T, ApiError>,
    ) -> Result<T, ApiError> {
        let (nothing, no_effects) = (Layer::default(), Effects::default());
        let around = Surroundings {
            view: View { store: self.0.store.as_ref(), batch: &nothing },
            directory: &self.0.directory,
            batch: &no_effects,
            options: &self.0.options,
            now_us: self.0.options.clock.now_us(),
        };
        let mut transaction = Transaction::new(around, actor.clone());
        let value = action(&mut transaction)?;
        transaction.finish()?;
        Ok(value)
    }

    /// The live values of a feed.
    pub(crate) fn feed_cell(&self, feed: FeedId) -> Option<Arc<FeedCell>> {
        self.0.directory.feed(feed).map(|feed| feed.cell)
    }
}
