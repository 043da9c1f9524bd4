//! What the server counts.

pub mod counters;
pub mod tally;
