//! Upper bounds of this crate, with the reason for each.

/// Answers in one record. A selection holds 16-bit indices in buffers made once per worker; NS1 itself
/// advises far fewer, and 4096 A records already overflow a 64 KiB message.
pub const MAX_ANSWERS: usize = 4096;

/// Steps in one chain. Real chains have fewer than ten; the bound keeps the time of one query predictable.
pub const MAX_STEPS: usize = 64;

/// Different live numbers (feed and key) that one chain may read: three for each answer, as `shed_load`
/// needs, and room for others. The buffer of one worker has this many places.
pub const MAX_LIVE_NUMBERS: usize = 4 * MAX_ANSWERS;

/// Different live lists (feed and key) that one chain may read, for the same reason.
pub const MAX_LIVE_LISTS: usize = MAX_ANSWERS;

/// Items in a list of AS numbers, prefixes or subdivisions of one metadata value.
pub const MAX_LIST_ITEMS: usize = 1000;

/// Characters of a `note`.
pub const MAX_NOTE_CHARACTERS: usize = 256;

/// Octets of one name or value in `additional_metadata`: together with `=` it must fit a message with ease.
pub const MAX_PAIR_OCTETS: usize = 255;

/// Pairs in `additional_metadata`, jobs in `pulsar`.
pub const MAX_PAIRS: usize = 64;

/// Largest magnitude of a decimal. Far above any real load or weight, and small enough that the sum of all
/// weights of a record stays exact to a few parts in 10^16.
pub const MAX_DECIMAL: f64 = 1e15;

/// Characters of an offending value that an error message repeats.
pub const MAX_ECHOED_CHARACTERS: usize = 80;

/// Octets of TXT record data, with their bookkeeping, that one run may add: as many as a message can have.
pub const MAX_TEXT_OCTETS: usize = 65_535;

/// Addresses that `ipv4_prefix_shuffle` draws for one answer: a whole /24, whose draws are still told apart by
/// looking at each.
pub const MAX_DRAWN_ADDRESSES: u32 = 256;
