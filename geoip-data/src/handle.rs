//! The cell that readers and the reloader share.

use std::sync::Arc;

use arc_swap::{ArcSwap, Guard};

use crate::GeoData;

/// A shared, replaceable [`GeoData`]; clones refer to the same cell.
#[derive(Clone)]
pub struct GeoHandle(Arc<ArcSwap<GeoData>>);

impl GeoHandle {
    /// A cell that holds `data`.
    pub fn new(data: GeoData) -> Self {
        Self(Arc::new(ArcSwap::from_pointee(data)))
    }

    /// The cell itself, for readers that keep a cached guard of it.
    pub fn cell(&self) -> &Arc<ArcSwap<GeoData>> {
        &self.0
    }

    /// The current data. Never waits.
    pub fn load(&self) -> Guard<Arc<GeoData>> {
        self.0.load()
    }

    /// Replaces the data; lookups that are under way finish with the old ones.
    pub fn store(&self, data: GeoData) {
        self.0.store(Arc::new(data));
    }
}
