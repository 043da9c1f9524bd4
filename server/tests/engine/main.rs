//! The query engine from the outside: octets in, octets out, replies read by an independent codec.

mod aliases;
mod allocation;
mod answers;
mod counting;
mod edns;
mod garbage;
mod made;
mod packets;
mod referrals;
mod steered;
mod support;
mod transports;
mod truncation;
