//! The query engine from the outside: octets in, octets out, replies read by an independent codec.

mod aliases;
mod allocation;
mod answers;
mod any;
mod cookies;
#[allow(dead_code, reason = "each test program uses a part of it")]
mod counting;
mod describing;
mod edns;
mod garbage;
mod kinds;
mod made;
mod mutations;
mod packets;
mod probes;
mod referrals;
mod steered;
mod streams;
mod support;
mod tallies;
mod together;
mod transports;
mod truncation;
