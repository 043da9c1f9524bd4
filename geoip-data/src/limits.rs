//! The bounds on what is taken from files.

/// The largest file that is read. The richest files on the market are well below half of it; something larger
/// is more likely a mistake than a database.
pub(crate) const MAX_FILE_BYTES: u64 = 1 << 30;

/// The most nodes a search tree may have. A full City file has some ten million; a table made from this many
/// would take about a gibibyte while it is built.
pub(crate) const MAX_TREE_NODES: u32 = 1 << 25;

/// The longest name of a database that is kept, in characters.
pub(crate) const MAX_NAME_CHARACTERS: usize = 80;
