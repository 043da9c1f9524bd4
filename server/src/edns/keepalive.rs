//! The idle timeout of a connection (RFC 7828): how long a client may keep it without asking anything.

use std::time::Duration;

/// The timeout as it is sent: in units of 100 ms (RFC 7828, 3.1).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IdleTimeout(u16);

impl IdleTimeout {
    /// Octets of the option data.
    pub const OCTETS: usize = 2;

    /// The timeout rounded down, so that the client closes before the server does.
    pub fn new(timeout: Duration) -> Self {
        Self(u16::try_from(timeout.as_millis() / 100).unwrap_or(u16::MAX))
    }

    /// The option data.
    pub fn octets(self) -> [u8; Self::OCTETS] {
        self.0.to_be_bytes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_timeout_is_told_in_tenths_of_a_second() {
        let sent = |timeout| IdleTimeout::new(timeout).octets();
        assert_eq!(sent(Duration::from_secs(10)), [0, 100]);
        assert_eq!(sent(Duration::from_millis(1099)), [0, 10]);
        assert_eq!(sent(Duration::from_millis(99)), [0, 0]);
        assert_eq!(sent(Duration::from_secs(86_400)), [255, 255]);
    }
}
