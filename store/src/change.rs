//! Change sets: what is stored, one numbered step at a time.

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
    /// Settings of the whole server.
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
