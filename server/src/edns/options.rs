//! The options of a reply that are the same whatever the answer turns out to be.

use super::{cookie, nsid};
use crate::message::option_code;

const HEADER_OCTETS: usize = 4;
/// Both cookies, an identifier and an idle timeout.
const MOST_OCTETS: usize = 3 * HEADER_OCTETS + cookie::REPLY_OCTETS + nsid::MAXIMUM_OCTETS + 2;

/// Encoded options, in a buffer that is used again for each query.
#[derive(Debug)]
pub struct ReplyOptions {
    octets: [u8; MOST_OCTETS],
    length: usize,
}

impl Default for ReplyOptions {
    fn default() -> Self {
        Self { octets: [0; MOST_OCTETS], length: 0 }
    }
}

impl ReplyOptions {
    /// What was added since the last [`ReplyOptions::clear`].
    pub fn as_octets(&self) -> &[u8] {
        self.octets.get(..self.length).unwrap_or(&[])
    }

    /// Starts anew.
    pub fn clear(&mut self) {
        self.length = 0;
    }

    /// Adds the cookies of client and server.
    pub fn cookie(&mut self, data: &[u8; cookie::REPLY_OCTETS]) {
        self.add(option_code::COOKIE, data);
    }

    /// Adds the identifier of the server.
    pub fn nsid(&mut self, nsid: &nsid::Nsid) {
        self.add(option_code::NSID, nsid.octets());
    }

    /// Adds the idle timeout of the connection.
    pub fn keepalive(&mut self, timeout: super::keepalive::IdleTimeout) {
        self.add(option_code::TCP_KEEPALIVE, &timeout.octets());
    }

    /// Adds an option; each is added once at most, for which there is room.
    fn add(&mut self, code: u16, data: &[u8]) {
        let end = self.length + HEADER_OCTETS + data.len();
        let Some(slots) = self.octets.get_mut(self.length..end) else { return };
        let [c0, c1] = code.to_be_bytes();
        let [l0, l1] = (data.len() as u16).to_be_bytes();
        for (slot, octet) in slots.iter_mut().zip([c0, c1, l0, l1].iter().chain(data)) {
            *slot = *octet;
        }
        self.length = end;
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;
    use crate::edns::keepalive::IdleTimeout;

    #[test]
    fn there_is_room_for_one_of_each() {
        let mut options = ReplyOptions::default();
        options.cookie(&[1; cookie::REPLY_OCTETS]);
        options.nsid(&"n".repeat(nsid::MAXIMUM_OCTETS).parse().unwrap());
        options.keepalive(IdleTimeout::new(Duration::from_secs(1)));
        assert_eq!(options.as_octets().len(), MOST_OCTETS);
        assert_eq!(options.as_octets()[..5], [0, 10, 0, 24, 1]);
        assert_eq!(options.as_octets()[MOST_OCTETS - 6..], [0, 11, 0, 2, 0, 10]);
        options.clear();
        assert!(options.as_octets().is_empty());
    }
}
