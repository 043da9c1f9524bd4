//! The net effect of a list of operations, in key order.
//!
//! Tables are rewritten chunk by chunk, so the operations are first brought into the order of the keys: what
//! is wiped (prefixes), and on top of it what each touched key ends up as.

use std::collections::BTreeSet;
use std::iter::Peekable;
use std::vec;

use crate::Table;
use crate::change::Action;

/// A key of a table. Orders like the keys on disk.
type Place<'a> = (Table, &'a [u8]);

/// What becomes of a key; `None` is removed.
type Point<'a> = (Place<'a>, Option<&'a [u8]>);

/// What a list of operations amounts to.
#[derive(Default)]
pub(crate) struct Changes<'a> {
    /// What becomes of single keys, the last asked for last. Takes precedence over `wiped`.
    points: Vec<Point<'a>>,
    /// Whether the keys do not ascend: imports ask for them in their order, and are not sorted again.
    is_mixed: bool,
    /// Prefixes to be emptied. Invariant: none is a prefix of another.
    wiped: BTreeSet<Place<'a>>,
}

impl<'a> Changes<'a> {
    /// Adds an operation.
    pub(crate) fn add(&mut self, table: Table, key: &'a [u8], action: Action<'a>) {
        let place = (table, key);
        match action {
            Action::Put(value) => self.set(place, Some(value)),
            Action::Delete => self.set(place, None),
            Action::DeletePrefix => self.wipe(place),
        }
    }

    /// How many operations were added, less those that others overrule.
    pub(crate) fn len(&self) -> usize {
        self.points.len() + self.wiped.len()
    }

    fn set(&mut self, place: Place<'a>, value: Option<&'a [u8]>) {
        self.is_mixed |= self.points.last().is_some_and(|(last, _)| *last >= place);
        self.points.push((place, value));
    }

    /// Sorts the points and keeps the last of each key.
    fn settle(&mut self) {
        if std::mem::take(&mut self.is_mixed) {
            self.points.sort_by_key(|(place, _)| *place);
            // `dedup_by` keeps the first of equals, so the later value moves there.
            self.points.dedup_by(|later, first| {
                let same = later.0 == first.0;
                if same {
                    first.1 = later.1;
                }
                same
            });
        }
    }

    /// Adds a prefix to be emptied.
    fn wipe(&mut self, place: Place<'a>) {
        self.settle();
        let start = self.points.partition_point(|(at, _)| *at < place);
        let doomed = self.points[start..].iter().take_while(|(at, _)| covers(place, *at)).count();
        self.points.drain(start..start + doomed);
        if is_wiped(&self.wiped, place) {
            return;
        }
        let narrower: Vec<_> =
            self.wiped.range(place..).copied().take_while(|at| covers(place, *at)).collect();
        for at in narrower {
            self.wiped.remove(&at);
        }
        self.wiped.insert(place);
    }

    /// Starts going through the changes in key order.
    pub(crate) fn into_sweep(mut self) -> Sweep<'a> {
        self.settle();
        let pending_wipes = self.wiped.clone();
        Sweep { points: self.points.into_iter().peekable(), wiped: self.wiped, pending_wipes, resume: None }
    }
}

/// A pass over the changes, chunk by chunk.
pub(crate) struct Sweep<'a> {
    points: Peekable<vec::IntoIter<Point<'a>>>,
    wiped: BTreeSet<Place<'a>>,
    /// The prefixes whose end has not been reached.
    pending_wipes: BTreeSet<Place<'a>>,
    /// Where the first pending wipe goes on, if part of it is done.
    resume: Option<Vec<u8>>,
}

impl<'a> Sweep<'a> {
    /// The tree key of the first change that is left.
    pub(crate) fn next_place(&mut self) -> Option<Vec<u8>> {
        let point = self.points.peek().map(|(at, _)| tree_key(*at));
        let wipe = self.resume.clone().or_else(|| self.pending_wipes.first().map(|at| tree_key(*at)));
        match (point, wipe) {
            (Some(point), Some(wipe)) => Some(point.min(wipe)),
            (point, wipe) => point.or(wipe),
        }
    }

    /// Whether exactly one point and no wipe is left.
    pub(crate) fn is_last_point(&self) -> bool {
        self.points.len() == 1 && self.pending_wipes.is_empty()
    }

    /// Takes the changes below `upper` (a tree key; `None` is the end of the table) and returns what the
    /// chunk with the entries `kept` is to hold then.
    pub(crate) fn merge_chunk<'b>(
        &mut self,
        table: u8,
        kept: &'b [(Vec<u8>, &'b [u8])],
        upper: Option<&[u8]>,
    ) -> Vec<(&'b [u8], &'b [u8])>
    where
        'a: 'b,
    {
        let mut merged = Vec::with_capacity(kept.len() + 1);
        let mut kept = kept.iter().map(|(key, value)| (key.as_slice(), *value)).peekable();
        while let Some(((_, key), value)) = self.points.next_if(|(at, _)| is_below(*at, table, upper)) {
            while let Some(entry) = kept.next_if(|(old, _)| *old < key) {
                self.keep(table, entry, &mut merged);
            }
            kept.next_if(|(old, _)| *old == key);
            merged.extend(value.map(|value| (key, value)));
        }
        kept.for_each(|entry| self.keep(table, entry, &mut merged));
        self.advance_wipes(table, upper);
        merged
    }

    /// Keeps an old entry, unless it is wiped.
    fn keep<'b>(&self, table: u8, entry: (&'b [u8], &'b [u8]), merged: &mut Vec<(&'b [u8], &'b [u8])>) {
        let wiped = Table::from_prefix(table).is_some_and(|table| is_wiped(&self.wiped, (table, entry.0)));
        if !wiped {
            merged.push(entry);
        }
    }

    /// Drops the wipes that end below `upper` and remembers where one that does not goes on.
    fn advance_wipes(&mut self, table: u8, upper: Option<&[u8]>) {
        self.resume = None;
        while let Some(&wipe) = self.pending_wipes.first() {
            if !is_below(wipe, table, upper) {
                return;
            }
            if let Some(upper) = upper
                && upper[1..].starts_with(wipe.1)
            {
                self.resume = Some(upper.to_vec());
                return;
            }
            self.pending_wipes.pop_first();
        }
    }
}

/// Whether a place lies in this table below a tree key.
fn is_below(place: Place<'_>, table: u8, upper: Option<&[u8]>) -> bool {
    place.0.prefix() == table && upper.is_none_or(|upper| place.1 < &upper[1..])
}

/// Whether the key of `inner` starts with that of `outer`, in the same table.
fn covers(outer: Place<'_>, inner: Place<'_>) -> bool {
    outer.0 == inner.0 && inner.1.starts_with(outer.1)
}

/// Whether one of the prefixes covers the place: only the greatest below it can, as none covers another.
fn is_wiped(wiped: &BTreeSet<Place<'_>>, place: Place<'_>) -> bool {
    wiped.range(..=place).next_back().is_some_and(|prefix| covers(*prefix, place))
}

/// The key in the tree.
fn tree_key(place: Place<'_>) -> Vec<u8> {
    let mut key = vec![place.0.prefix()];
    key.extend_from_slice(place.1);
    key
}
