//! A store in memory, for tests of the layers above.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::{PoisonError, RwLock};

use crate::change::Action;
use crate::{ChangeSet, Entries, Entry, Op, Store, StoreError, Table};

/// How many entries a scan copies under one lock.
const SCAN_CHUNK: usize = 256;

/// A [`Store`] that forgets everything when it is dropped.
#[derive(Debug, Default)]
pub struct MemoryStore {
    state: RwLock<State>,
}

/// The tables and the revision they are at.
#[derive(Debug, Default)]
struct State {
    revision: u64,
    tables: BTreeMap<(Table, Vec<u8>), Vec<u8>>,
}

impl MemoryStore {
    /// An empty store at revision 0.
    pub fn new() -> Self {
        Self::default()
    }

    /// Copies up to [`SCAN_CHUNK`] entries that start with `prefix`, from `start` on.
    fn chunk(&self, table: Table, prefix: &[u8], start: Bound<Vec<u8>>) -> Vec<Entry> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        let start = start.map(|key| (table, key));
        state
            .tables
            .range((start, Bound::Unbounded))
            .take_while(|((of, key), _)| *of == table && key.starts_with(prefix))
            .take(SCAN_CHUNK)
            .map(|((_, key), value)| (key.clone(), value.clone()))
            .collect()
    }
}

impl State {
    /// Does one operation.
    fn apply(&mut self, op: &Op) {
        let done: Result<(), std::convert::Infallible> = op.each(|table, key, action| {
            match action {
                Action::Put(value) => {
                    self.tables.insert((table, key.to_vec()), value.to_vec());
                }
                Action::Delete => {
                    self.tables.remove(&(table, key.to_vec()));
                }
                Action::DeletePrefix => {
                    let from = (table, key.to_vec());
                    let keys = self.tables.range(from..).map(|(at, _)| at);
                    let under = keys.take_while(|(of, at)| *of == table && at.starts_with(key));
                    for doomed in under.cloned().collect::<Vec<_>>() {
                        self.tables.remove(&doomed);
                    }
                }
            }
            Ok(())
        });
        done.unwrap_or_else(|never| match never {});
    }
}

impl Store for MemoryStore {
    fn revision(&self) -> u64 {
        self.state.read().unwrap_or_else(PoisonError::into_inner).revision
    }

    fn commit(&self, sets: &[ChangeSet]) -> Result<u64, StoreError> {
        sets.iter().try_for_each(|set| crate::limits::check(set).map(drop))?;
        let mut state = self.state.write().unwrap_or_else(PoisonError::into_inner);
        for set in sets {
            set.ops.iter().for_each(|op| state.apply(op));
            state.revision += 1;
        }
        Ok(state.revision)
    }

    fn get(&self, table: Table, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        let state = self.state.read().unwrap_or_else(PoisonError::into_inner);
        Ok(state.tables.get(&(table, key.to_vec())).cloned())
    }

    fn scan(&self, table: Table, prefix: &[u8], after: Option<&[u8]>) -> Entries<'_> {
        let prefix = prefix.to_vec();
        let mut next = match after {
            Some(after) if after >= prefix.as_slice() => Some(Bound::Excluded(after.to_vec())),
            _ => Some(Bound::Included(prefix.clone())),
        };
        let chunks = std::iter::from_fn(move || {
            let chunk = self.chunk(table, &prefix, next.take()?);
            next = chunk.last().map(|(key, _)| Bound::Excluded(key.clone()));
            Some(chunk)
        });
        Box::new(chunks.flatten().map(Ok))
    }

    fn checkpoint(&self) -> Result<(), StoreError> {
        Ok(())
    }
}
