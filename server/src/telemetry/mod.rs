//! What the server counts.

pub mod counters;
