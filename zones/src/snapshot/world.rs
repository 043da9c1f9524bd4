//! The builder of snapshots: takes change sets, one after the other, and makes what queries read.
//!
//! One thread owns the world. A change set is folded into edits for each zone, each zone that changes is made
//! again from its old tables, and linked records follow in a second step, when their targets are in place.
//! All that is not touched is shared with the snapshots before.

use std::collections::{BTreeSet, HashMap, VecDeque};
use std::sync::Arc;

use super::Snapshot;
use super::apexes::Apexes;
use super::edits::Edits;
use super::links::{Linker, Links};
use super::nodes::{Body, StoredRrset};
use super::zone::Zone;
use crate::change::{Change, ZoneSettings};
use crate::compile::{CompiledBody, CompiledRecord};
use crate::limits::{MAX_INLINE_RDATA, MAX_RETIRED_SNAPSHOTS};
use crate::name::Name;
use crate::record_type::RecordType;

/// All zones, and what is needed to change them.
#[derive(Debug, Default)]
pub struct World {
    apexes: Apexes,
    pub(super) links: Links,
    current: Arc<Snapshot>,
    /// Snapshots that a worker may still read. They are freed here, not by the worker.
    pub(super) retired: VecDeque<Arc<Snapshot>>,
}

/// What a change set does to one zone.
#[derive(Debug, Default)]
struct ZoneEdit {
    apex: Option<Name>,
    settings: Option<ZoneSettings>,
    /// The zone that was there before is gone.
    is_reset: bool,
    edits: Edits,
}

/// A change set being gathered.
#[derive(Debug, Default)]
struct Batch {
    zones: Vec<ZoneEdit>,
    by_apex: HashMap<Name, usize>,
    /// The last zone touched: records come grouped by zone.
    last: usize,
    /// Records that others may link to and that changed.
    changed: Vec<(Name, RecordType)>,
    /// Linked records that must be looked at again.
    linkers: BTreeSet<Linker>,
}

impl Batch {
    fn zone(&mut self, apex: &Name) -> &mut ZoneEdit {
        if self.zones.get(self.last).and_then(|zone| zone.apex.as_ref()) != Some(apex) {
            self.last = match self.by_apex.get(apex) {
                Some(&index) => index,
                None => {
                    self.by_apex.insert(apex.clone(), self.zones.len());
                    self.zones.push(ZoneEdit { apex: Some(apex.clone()), ..ZoneEdit::default() });
                    self.zones.len() - 1
                }
            };
        }
        &mut self.zones[self.last]
    }
}

impl World {
    /// A world without zones.
    pub fn new() -> Self {
        Self::default()
    }

    /// The snapshot made last.
    pub fn snapshot(&self) -> &Arc<Snapshot> {
        &self.current
    }

    /// Makes changes, in order, and gives the snapshot that has all of them.
    ///
    /// One change or a million: the changes are packed as they come, so that an iterator which reads them
    /// from disk never has them all in memory. A record may come before its zone. Changes that cannot be (a record of a zone that does not exist,
    /// or outside of it) are left out and logged: validation keeps them away.
    pub fn apply(&mut self, revision: u64, changes: impl IntoIterator<Item = Change>) -> Arc<Snapshot> {
        let mut update = self.update();
        for change in changes {
            update.take(change);
        }
        update.publish(revision)
    }

    /// Begins what [`World::apply`] does in one call. Dropping the update before it is published makes no
    /// change visible, but forgets which records are linked: do not.
    pub fn update(&mut self) -> Update<'_> {
        Update { world: self, batch: Batch::default() }
    }

    /// Frees old snapshots that nobody reads any more. Applying changes does so, too.
    pub fn collect(&mut self) {
        self.retired.retain(|snapshot| Arc::strong_count(snapshot) > 1);
        while self.retired.len() > MAX_RETIRED_SNAPSHOTS {
            self.retired.pop_front();
        }
    }

    fn publish(&mut self, revision: u64) -> Arc<Snapshot> {
        let snapshot = Arc::new(Snapshot { revision, apexes: self.apexes.clone() });
        self.retired.push_back(std::mem::replace(&mut self.current, Arc::clone(&snapshot)));
        self.collect();
        snapshot
    }

    /// Makes what was gathered.
    fn make(&mut self, batch: Batch) {
        let Batch { zones, changed, mut linkers, .. } = batch;
        for zone in zones {
            self.make_zone(zone);
        }
        let moved = linkers.iter().map(|linker| (linker.owner.clone(), linker.rtype));
        let changed = changed.into_iter().chain(moved).collect();
        linkers.append(&mut self.links.all_linkers(changed));
        self.follow_links(linkers);
    }

    /// Folds one change into the batch.
    fn take(&mut self, change: Change, batch: &mut Batch) {
        match change {
            Change::PutZone(settings) => {
                let zone = batch.zone(&settings.apex);
                zone.settings = Some(settings);
            }
            Change::DeleteZone(apex) => {
                batch.linkers.extend(self.links.remove_zone(&apex));
                batch.linkers.retain(|linker| linker.zone != apex);
                let zone = batch.zone(&apex);
                (zone.settings, zone.is_reset, zone.edits) = (None, true, Edits::default());
            }
            Change::PutRecord { zone, record } => self.take_record(&zone, &record, batch),
            Change::DeleteRecord { zone, owner, rtype } => {
                let linker = Linker { zone, owner, rtype };
                self.forget_link(&linker, batch);
                stage(batch, &linker.zone, &linker.owner, rtype, None);
            }
        }
    }

    fn take_record(&mut self, zone: &Name, record: &CompiledRecord, batch: &mut Batch) {
        let linker = || Linker { zone: zone.clone(), owner: record.owner.clone(), rtype: record.rtype };
        if !self.links.is_empty() {
            self.forget_link(&linker(), batch);
        }
        let rdata;
        let body = match &record.body {
            CompiledBody::Link(target) => {
                self.links.put(linker(), target);
                batch.linkers.insert(linker());
                None
            }
            CompiledBody::Steered(steered) => Some(Body::Steered(steered)),
            CompiledBody::Static(packed) if packed.is_empty() => None,
            CompiledBody::Static(packed) if packed.len() <= MAX_INLINE_RDATA => Some(Body::Inline(packed)),
            CompiledBody::Static(packed) => {
                rdata = Arc::from(&**packed);
                Some(Body::Aside(&rdata))
            }
        };
        let rrset = body.map(|body| StoredRrset { rtype: record.rtype, ttl_s: record.ttl, body });
        stage(batch, zone, &record.owner, record.rtype, rrset);
    }

    /// A record changes: it is not linked for now, and who links to it must follow.
    fn forget_link(&mut self, linker: &Linker, batch: &mut Batch) {
        if !self.links.is_empty() {
            self.links.remove(linker);
            batch.linkers.remove(linker);
            let key = (linker.owner.clone(), linker.rtype);
            if self.links.has_linkers(&key) {
                batch.changed.push(key);
            }
        }
    }

    fn make_zone(&mut self, mut edit: ZoneEdit) {
        let Some(apex) = edit.apex else { return };
        let old = if edit.is_reset { None } else { self.apexes.get(&apex) };
        let zone = match (old, &edit.settings) {
            (Some(old), Some(settings)) => Some(old.with_settings(settings)),
            (Some(old), None) => Some((**old).clone()),
            (None, Some(settings)) => Some(Zone::new(settings)),
            (None, None) => None,
        };
        match zone {
            Some(mut zone) => {
                let is_new = zone.node_count() == 0 && zone.link().is_none();
                if is_new || !edit.edits.is_empty() {
                    zone.edit(&mut edit.edits);
                }
                self.apexes.put(zone);
            }
            None => {
                if !edit.edits.is_empty() {
                    tracing::error!(zone = %apex, "changes of records in a zone that does not exist");
                }
                self.apexes.remove(&apex);
            }
        }
    }

    /// Gives linked records what their targets have now.
    fn follow_links(&mut self, linkers: BTreeSet<Linker>) {
        let mut batch = Batch::default();
        for linker in &linkers {
            if self.links.contains(linker) && self.apexes.get(&linker.zone).is_some() {
                let rrset = self.links.resolve(&self.apexes, linker);
                stage(&mut batch, &linker.zone, &linker.owner, linker.rtype, rrset);
            }
        }
        for zone in batch.zones {
            self.make_zone(zone);
        }
    }
}

/// Changes of a [`World`] on their way into its next snapshot.
#[derive(Debug)]
pub struct Update<'w> {
    world: &'w mut World,
    batch: Batch,
}

impl Update<'_> {
    /// Adds a change, behind those before it.
    pub fn take(&mut self, change: Change) {
        self.world.take(change, &mut self.batch);
    }

    /// Adds [`Change::PutRecord`].
    pub fn put_record(&mut self, zone: &Name, record: &CompiledRecord) {
        self.world.take_record(zone, record, &mut self.batch);
    }

    /// Makes all changes, and gives the snapshot that has them.
    pub fn publish(self, revision: u64) -> Arc<Snapshot> {
        self.world.make(self.batch);
        self.world.publish(revision)
    }
}

/// Puts an RRset, or takes it away, in the zone's part of a batch.
fn stage(batch: &mut Batch, zone: &Name, owner: &Name, rtype: RecordType, rrset: Option<StoredRrset<'_>>) {
    match (owner.relative_to(zone), rrset) {
        (None, _) => tracing::error!(%zone, %owner, "a record outside its zone"),
        (Some(relative), Some(rrset)) => batch.zone(zone).edits.stage(relative, &rrset),
        (Some(relative), None) => batch.zone(zone).edits.remove(relative, rtype),
    }
}
