//! Changes that are not stored yet, laid over the tables.
//!
//! Requests of one batch are checked one after another against the tables *and* what the requests before
//! them in the same batch do. Each request writes into a [`Layer`] of its own, which is dropped when the
//! request fails and folded into the batch's layer when it succeeds.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use store::{ChangeSet, Entry, Puts, Store, Table};

use crate::error::ApiError;

/// Pending puts and deletes.
///
/// Invariant: an entry is newer than every clearing of a prefix it lies under.
#[derive(Debug, Default)]
pub(crate) struct Layer {
    /// The new value of a key; `None` when it is deleted.
    entries: BTreeMap<(Table, Vec<u8>), Option<Vec<u8>>>,
    /// Prefixes under which everything below this layer is gone.
    cleared: Vec<(Table, Vec<u8>)>,
    /// Puts of an import. Their own transaction does not see them; later ones do.
    imported: Vec<Arc<Puts>>,
}

impl Layer {
    /// Whether nothing would change.
    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty() && self.cleared.is_empty() && self.imported.is_empty()
    }

    /// How many operations the layer holds.
    pub(crate) fn len(&self) -> usize {
        let imported: usize = self.imported.iter().map(|puts| puts.len()).sum();
        self.entries.len() + self.cleared.len() + imported
    }

    /// How many octets of keys and values the layer holds.
    pub(crate) fn bytes(&self) -> usize {
        let entries = self.entries.iter();
        let entries = entries.map(|((_, key), value)| key.len() + value.as_ref().map_or(0, Vec::len));
        entries.chain(self.imported.iter().map(|puts| puts.octet_count())).sum()
    }

    /// Gives a key a value.
    pub(crate) fn put(&mut self, table: Table, key: Vec<u8>, value: Vec<u8>) {
        self.entries.insert((table, key), Some(value));
    }

    /// Gives many keys their values, which this layer says nothing else about.
    pub(crate) fn import(&mut self, puts: Arc<Puts>) {
        self.imported.push(puts);
    }

    /// Removes a key.
    pub(crate) fn delete(&mut self, table: Table, key: Vec<u8>) {
        self.entries.insert((table, key), None);
    }

    /// Removes every key under a prefix.
    pub(crate) fn delete_prefix(&mut self, table: Table, prefix: Vec<u8>) {
        let under: Vec<_> = self.range(table, &prefix).map(|(key, _)| key.clone()).collect();
        for key in under {
            self.entries.remove(&key);
        }
        self.cleared.push((table, prefix));
    }

    /// What this layer says about a key: `None` nothing, `Some(None)` gone, `Some(Some(_))` its value.
    fn get(&self, table: Table, key: &[u8]) -> Option<Option<&[u8]>> {
        if self.is_empty() {
            return None;
        }
        // A lookup by borrowed pair would need a key type of its own; these keys are short.
        if let Some(value) = self.entries.get(&(table, key.to_vec())) {
            return Some(value.as_deref());
        }
        let gone = self.cleared.iter().any(|(of, prefix)| *of == table && key.starts_with(prefix));
        gone.then_some(None)
    }

    fn range(
        &self,
        table: Table,
        prefix: &[u8],
    ) -> impl Iterator<Item = (&(Table, Vec<u8>), &Option<Vec<u8>>)> {
        let from = (table, prefix.to_vec());
        let prefix = prefix.to_vec();
        self.entries
            .range((Bound::Included(from), Bound::Unbounded))
            .take_while(move |((of, key), _)| *of == table && key.starts_with(&prefix))
    }

    /// Lays this layer over the entries of a scan.
    fn overlay(&self, table: Table, prefix: &[u8], found: &mut BTreeMap<Vec<u8>, Vec<u8>>) {
        for (_, gone) in self.cleared.iter().filter(|(of, _)| *of == table) {
            found.retain(|key, _| !key.starts_with(gone));
        }
        for ((_, key), value) in self.range(table, prefix) {
            match value {
                Some(value) => found.insert(key.clone(), value.clone()),
                None => found.remove(key),
            };
        }
    }

    /// The same changes as a change set for the store.
    pub(crate) fn to_change_set(&self) -> ChangeSet {
        let Self { entries, cleared, imported } = self;
        let layer = Self { entries: entries.clone(), cleared: cleared.clone(), imported: imported.clone() };
        layer.into_change_set()
    }

    /// [`Self::to_change_set`] without a copy.
    pub(crate) fn into_change_set(self) -> ChangeSet {
        let mut set = ChangeSet::new();
        for (table, prefix) in self.cleared {
            set.delete_prefix(table, prefix);
        }
        for puts in self.imported {
            set.put_all(puts);
        }
        for ((table, key), value) in self.entries {
            match value {
                Some(value) => set.put(table, key, value),
                None => set.delete(table, key),
            }
        }
        set
    }

    /// Folds a newer layer into this one.
    pub(crate) fn absorb(&mut self, mut newer: Layer) {
        for (table, prefix) in newer.cleared {
            self.delete_prefix(table, prefix);
        }
        for puts in &newer.imported {
            for (key, value) in puts.iter() {
                self.put(puts.table(), key.to_vec(), value.to_vec());
            }
        }
        self.entries.append(&mut newer.entries);
    }
}

/// The tables with the pending layers over them, oldest first.
pub(crate) struct View<'a> {
    /// What is stored.
    pub(crate) store: &'a dyn Store,
    /// What the earlier requests of the batch change.
    pub(crate) batch: &'a Layer,
}

impl View<'_> {
    /// The value of a key, seen through `newest` first.
    pub(crate) fn get(&self, newest: &Layer, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, ApiError> {
        for layer in [newest, self.batch] {
            if let Some(value) = layer.get(table, key) {
                return Ok(value.map(<[u8]>::to_vec));
            }
        }
        Ok(self.store.get(table, key)?)
    }

    /// The entries under a prefix in key order. Meant for prefixes with few entries.
    pub(crate) fn scan(&self, newest: &Layer, table: Table, prefix: &[u8]) -> Result<Vec<Entry>, ApiError> {
        let mut found = BTreeMap::new();
        for entry in self.store.scan(table, prefix, None) {
            let (key, value) = entry?;
            found.insert(key, value);
        }
        self.batch.overlay(table, prefix, &mut found);
        newest.overlay(table, prefix, &mut found);
        Ok(found.into_iter().collect())
    }

    /// A key under a prefix that is wanted. Holds one entry at a time.
    pub(crate) fn find(
        &self,
        newest: &Layer,
        table: Table,
        prefix: &[u8],
        is_wanted: impl Fn(&[u8]) -> bool,
    ) -> Result<Option<Vec<u8>>, ApiError> {
        for entry in self.store.scan(table, prefix, None) {
            let (key, _) = entry?;
            if is_wanted(&key) && self.get(newest, table, &key)?.is_some() {
                return Ok(Some(key));
            }
        }
        let mut added = BTreeMap::new();
        self.batch.overlay(table, prefix, &mut added);
        newest.overlay(table, prefix, &mut added);
        Ok(added.into_keys().find(|key| is_wanted(key)))
    }
}

#[cfg(test)]
mod tests {
    use store::MemoryStore;

    use super::*;

    fn keys(view: &View<'_>, newest: &Layer) -> Vec<String> {
        let entries = view.scan(newest, Table::Records, b"z").unwrap();
        entries.into_iter().map(|(key, _)| String::from_utf8(key).unwrap()).collect()
    }

    fn stored(keys: &[&str]) -> MemoryStore {
        let store = MemoryStore::new();
        let mut set = ChangeSet::new();
        for key in keys {
            set.put(Table::Records, *key, "stored");
        }
        store.commit(&[set]).unwrap();
        store
    }

    #[test]
    fn the_newest_layer_wins_over_the_batch_and_the_tables() {
        let store = stored(&["za", "zb", "zc"]);
        let (mut batch, mut newest) = (Layer::default(), Layer::default());
        batch.put(Table::Records, b"zb".to_vec(), b"batch".to_vec());
        batch.delete(Table::Records, b"zc".to_vec());
        newest.put(Table::Records, b"zb".to_vec(), b"newest".to_vec());
        newest.put(Table::Records, b"zd".to_vec(), b"newest".to_vec());
        let view = View { store: &store, batch: &batch };
        assert_eq!(view.get(&newest, Table::Records, b"zb"), Ok(Some(b"newest".to_vec())));
        assert_eq!(view.get(&newest, Table::Records, b"zc"), Ok(None));
        assert_eq!(view.get(&newest, Table::Records, b"za"), Ok(Some(b"stored".to_vec())));
        assert_eq!(keys(&view, &newest), ["za", "zb", "zd"]);
    }

    #[test]
    fn a_cleared_prefix_hides_what_is_older_and_not_what_is_newer() {
        let store = stored(&["za", "zb", "y"]);
        let (mut batch, mut newest) = (Layer::default(), Layer::default());
        batch.put(Table::Records, b"zc".to_vec(), b"batch".to_vec());
        newest.put(Table::Records, b"za".to_vec(), b"before".to_vec());
        newest.delete_prefix(Table::Records, b"z".to_vec());
        newest.put(Table::Records, b"zb".to_vec(), b"after".to_vec());
        let view = View { store: &store, batch: &batch };
        assert_eq!(keys(&view, &newest), ["zb"]);
        assert_eq!(view.get(&newest, Table::Records, b"za"), Ok(None));
        assert_eq!(view.get(&newest, Table::Records, b"y"), Ok(Some(b"stored".to_vec())));
    }

    #[test]
    fn folding_and_storing_say_the_same_as_the_layers() {
        let store = stored(&["za", "zb"]);
        let (mut batch, mut newest) = (Layer::default(), Layer::default());
        batch.put(Table::Records, b"zc".to_vec(), b"batch".to_vec());
        newest.delete_prefix(Table::Records, b"z".to_vec());
        newest.put(Table::Records, b"zd".to_vec(), b"newest".to_vec());
        let set = newest.to_change_set();
        batch.absorb(newest);
        let empty = Layer::default();
        let view = View { store: &store, batch: &batch };
        assert_eq!(keys(&view, &empty), ["zd"]);
        store.commit(&[set]).unwrap();
        let view = View { store: &store, batch: &empty };
        assert_eq!(keys(&view, &empty), ["zd"]);
    }
}
