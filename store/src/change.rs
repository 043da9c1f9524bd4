//! Change sets: what is stored, one numbered step at a time.

use std::sync::Arc;

use crate::{StoreError, codec, limits};

/// The tables. All live in one ordered tree, told apart by the first byte of the stored key, so that one
/// change set can touch several of them in one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Table {
    /// Zones: settings, one document each.
    Zones = 1,
    /// Records: one document for each owner and type.
    Records = 2,
    /// Data sources.
    Sources = 3,
    /// Feeds of the sources.
    Feeds = 4,
    /// The last values that feeds were given.
    FeedValues = 5,
    /// Which records use which feed.
    FeedUses = 6,
    /// Keys of the control API, hashed.
    Keys = 7,
    /// The activity log.
    Activity = 8,
    /// Jobs that outlive the request that started them.
    Jobs = 9,
    /// What has no table of its own: settings of the whole server, links, TSIG keys, versions of zones.
    Meta = 10,
}

impl Table {
    /// All tables, in the order of their prefix.
    pub const ALL: [Table; 10] = [
        Table::Zones,
        Table::Records,
        Table::Sources,
        Table::Feeds,
        Table::FeedValues,
        Table::FeedUses,
        Table::Keys,
        Table::Activity,
        Table::Jobs,
        Table::Meta,
    ];

    /// The byte that stands before each key of this table on disk.
    pub(crate) fn prefix(self) -> u8 {
        self as u8
    }

    /// The table of a prefix byte.
    pub(crate) fn from_prefix(byte: u8) -> Option<Table> {
        Table::ALL.get(usize::from(byte).checked_sub(1)?).copied()
    }
}

/// One absolute operation. Doing it twice is the same as doing it once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Op {
    /// Gives a key a value, whether or not it had one.
    Put {
        /// The table.
        table: Table,
        /// The key within the table.
        key: Vec<u8>,
        /// The new value.
        value: Vec<u8>,
    },
    /// Removes a key if it is there.
    Delete {
        /// The table.
        table: Table,
        /// The key within the table.
        key: Vec<u8>,
    },
    /// Removes every key that starts with the prefix; an empty prefix empties the table.
    DeletePrefix {
        /// The table.
        table: Table,
        /// What the keys start with.
        prefix: Vec<u8>,
    },
    /// Gives many keys of one table their values: the same as as many [`Op::Put`], in less memory.
    Puts(Arc<Puts>),
}

/// Entries to be put into one table, packed. A million small ones take some 80 octets each here, and three
/// times as much as [`Op::Put`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Puts {
    table: Table,
    /// The puts as the journal has them.
    octets: Vec<u8>,
    count: usize,
}

impl Puts {
    /// No entries yet.
    pub fn new(table: Table) -> Self {
        Self { table, octets: Vec::new(), count: 0 }
    }

    /// No entries yet, with room for some of this many octets of keys and values in all.
    pub fn with_capacity(table: Table, entries: usize, octets: usize) -> Self {
        let octets = octets.saturating_add(entries.saturating_mul(codec::PUT_OCTETS));
        Self { table, octets: Vec::with_capacity(octets), count: 0 }
    }

    /// Adds an entry. Ascending keys are stored fastest.
    ///
    /// # Errors
    /// [`StoreError::TooLarge`] for a key or value that no store takes.
    pub fn push(&mut self, key: &[u8], value: &[u8]) -> Result<(), StoreError> {
        limits::check_entry(key.len() as u64, value.len() as u64)?;
        codec::encode_put(self.table, key, value, &mut self.octets);
        self.count += 1;
        Ok(())
    }

    /// The table.
    pub fn table(&self) -> Table {
        self.table
    }

    /// How many entries there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// The keys with their values, in the order in which they were added.
    pub fn iter(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let mut rest = self.octets.as_slice();
        std::iter::from_fn(move || codec::take_put(&mut rest))
    }

    /// How many octets the keys and the values take, with what tells them apart.
    pub fn octet_count(&self) -> usize {
        self.octets.len()
    }

    /// The puts as the journal has them.
    pub(crate) fn octets(&self) -> &[u8] {
        &self.octets
    }
}

/// What is done to a key, or to all keys that begin with it.
#[derive(Clone, Copy)]
pub(crate) enum Action<'a> {
    Put(&'a [u8]),
    Delete,
    DeletePrefix,
}

impl Op {
    /// Tells what is done, key by key.
    pub(crate) fn each<'a, E>(
        &'a self,
        mut each: impl FnMut(Table, &'a [u8], Action<'a>) -> Result<(), E>,
    ) -> Result<(), E> {
        match self {
            Op::Put { table, key, value } => each(*table, key, Action::Put(value)),
            Op::Delete { table, key } => each(*table, key, Action::Delete),
            Op::DeletePrefix { table, prefix } => each(*table, prefix, Action::DeletePrefix),
            Op::Puts(puts) => {
                puts.iter().try_for_each(|(key, value)| each(puts.table(), key, Action::Put(value)))
            }
        }
    }
}

/// Operations that take effect together, in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeSet {
    /// The operations; a later one wins over an earlier one on the same key.
    pub ops: Vec<Op>,
}

impl ChangeSet {
    /// A change set without operations.
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds a [`Op::Put`].
    pub fn put(&mut self, table: Table, key: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) {
        self.ops.push(Op::Put { table, key: key.into(), value: value.into() });
    }

    /// Adds many puts.
    pub fn put_all(&mut self, puts: Arc<Puts>) {
        self.ops.push(Op::Puts(puts));
    }

    /// Adds a [`Op::Delete`].
    pub fn delete(&mut self, table: Table, key: impl Into<Vec<u8>>) {
        self.ops.push(Op::Delete { table, key: key.into() });
    }

    /// Adds a [`Op::DeletePrefix`].
    pub fn delete_prefix(&mut self, table: Table, prefix: impl Into<Vec<u8>>) {
        self.ops.push(Op::DeletePrefix { table, prefix: prefix.into() });
    }

    /// Whether nothing would change.
    pub fn is_empty(&self) -> bool {
        self.ops.is_empty()
    }
}
