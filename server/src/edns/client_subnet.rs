//! The client subnet option (RFC 7871).
//!
//! A resolver tells which network its client is in, so that an answer can be chosen for the client; the
//! reply repeats the network and says for how wide a network the choice holds: the *scope*.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Longest option data: family, two prefix lengths and a whole IPv6 address.
pub const MAXIMUM_OCTETS: usize = 4 + 16;

const FAMILY_NONE: u16 = 0;
const FAMILY_IPV4: u16 = 1;
const FAMILY_IPV6: u16 = 2;

/// The network of a client as a resolver gave it.
///
/// Invariants: the prefix length fits the family, the address has no bit set behind the prefix.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClientSubnet {
    family: u16,
    source_bits: u8,
    address: IpAddr,
}

/// The option does not follow RFC 7871, 6 and 7.1; the reply is FORMERR.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("malformed client subnet option")]
pub struct MalformedClientSubnet;

/// The network in a query that ends with a client subnet option of three IPv4 octets, which is what resolvers
/// send (RFC 7871, 11.1).
///
/// This is a guess from the last octets, made without reading the message: good enough to fetch memory early.
pub fn likely_network(query: &[u8]) -> Option<Ipv4Addr> {
    match *query.last_chunk()? {
        [0, 8, 0, 7, 0, 1, _, 0, a, b, c] => Some(Ipv4Addr::new(a, b, c, 0)),
        _ => None,
    }
}

impl ClientSubnet {
    /// Reads the data of an option as found in a query.
    ///
    /// Family 0 is accepted with a source prefix of 0 only: `dig +subnet=0` sends it to say "no client".
    ///
    /// # Errors
    /// An unknown family, a prefix longer than the family's addresses, a scope other than 0, an address of
    /// another length than the prefix needs, or bits set behind the prefix.
    pub fn parse(data: &[u8]) -> Result<Self, MalformedClientSubnet> {
        let (&[family_high, family_low, source_bits, scope_bits], address) =
            data.split_first_chunk::<4>().ok_or(MalformedClientSubnet)?;
        let family = u16::from_be_bytes([family_high, family_low]);
        let longest = match family {
            FAMILY_NONE => 0,
            FAMILY_IPV4 => 32,
            FAMILY_IPV6 => 128,
            _ => return Err(MalformedClientSubnet),
        };
        if source_bits > longest
            || scope_bits != 0
            || address.len() != usize::from(source_bits).div_ceil(8)
            || has_bits_behind_the_prefix(address, source_bits)
        {
            return Err(MalformedClientSubnet);
        }
        let mut octets = [0; 16];
        for (octet, &given) in octets.iter_mut().zip(address) {
            *octet = given;
        }
        let address = if family == FAMILY_IPV6 {
            IpAddr::V6(Ipv6Addr::from(octets))
        } else {
            let [a, b, c, d, ..] = octets;
            IpAddr::V4(Ipv4Addr::new(a, b, c, d))
        };
        Ok(Self { family, source_bits, address })
    }

    /// The network's address, zero behind the prefix.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// Length of the network's prefix in bits; 0 means that the client does not want to be known
    /// (RFC 7871, 7.1.2).
    pub fn source_bits(&self) -> u8 {
        self.source_bits
    }

    /// Octets of the option data in a reply.
    pub fn octets(&self) -> usize {
        4 + usize::from(self.source_bits).div_ceil(8)
    }

    /// The option data of a reply: the query's family, source prefix and address repeated, and the scope
    /// (RFC 7871, 7.2.1). Only the first [`ClientSubnet::octets`] are part of it.
    #[inline]
    pub fn reply_data(&self, scope_bits: u8) -> [u8; MAXIMUM_OCTETS] {
        let longest = if self.family == FAMILY_IPV6 { 128 } else { 32 };
        let scope_bits = if self.source_bits == 0 { 0 } else { scope_bits.min(longest) };
        let mut data = [0; MAXIMUM_OCTETS];
        data[..2].copy_from_slice(&self.family.to_be_bytes());
        data[2..4].copy_from_slice(&[self.source_bits, scope_bits]);
        match self.address {
            IpAddr::V4(address) => data[4..8].copy_from_slice(&address.octets()),
            IpAddr::V6(address) => data[4..].copy_from_slice(&address.octets()),
        }
        data
    }
}

fn has_bits_behind_the_prefix(address: &[u8], source_bits: u8) -> bool {
    let used_bits = source_bits % 8;
    match address.last() {
        Some(&last) if used_bits != 0 => last & (0xff >> used_bits) != 0,
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn echoed(data: &[u8], scope_bits: u8) -> Vec<u8> {
        let subnet = ClientSubnet::parse(data).unwrap();
        subnet.reply_data(scope_bits)[..subnet.octets()].to_vec()
    }

    #[test]
    fn a_likely_network_is_that_of_an_option_at_the_very_end() {
        let query = [&[7; 40][..], &[0, 8, 0, 7, 0, 1, 24, 0, 192, 0, 2]].concat();
        assert_eq!(likely_network(&query), Some(Ipv4Addr::new(192, 0, 2, 0)));
        assert_eq!(likely_network(&query[1..]), Some(Ipv4Addr::new(192, 0, 2, 0)));
        assert_eq!(likely_network(&query[..50]), None);
        assert_eq!(likely_network(&query[45..]), None);
        assert_eq!(likely_network(&[]), None);
    }

    #[test]
    fn a_subnet_is_read_and_echoed_with_its_scope() {
        let data = [0, 1, 24, 0, 192, 0, 2];
        let subnet = ClientSubnet::parse(&data).unwrap();
        assert_eq!(subnet.address(), "192.0.2.0".parse::<IpAddr>().unwrap());
        assert_eq!(subnet.source_bits(), 24);
        assert_eq!(echoed(&data, 20), [0, 1, 24, 20, 192, 0, 2]);

        let data = [0, 2, 36, 0, 0x20, 0x01, 0x0d, 0xb8, 0xf0];
        assert_eq!(
            ClientSubnet::parse(&data).unwrap().address(),
            "2001:db8:f000::".parse::<IpAddr>().unwrap()
        );
        assert_eq!(echoed(&data, 48), [0, 2, 36, 48, 0x20, 0x01, 0x0d, 0xb8, 0xf0]);
    }

    #[test]
    fn a_scope_stays_within_the_family_and_is_zero_for_an_anonymous_client() {
        assert_eq!(echoed(&[0, 1, 32, 0, 192, 0, 2, 1], 128), [0, 1, 32, 32, 192, 0, 2, 1]);
        assert_eq!(echoed(&[0, 1, 0, 0], 24), [0, 1, 0, 0]);
        assert_eq!(echoed(&[0, 0, 0, 0], 24), [0, 0, 0, 0]);
    }

    #[test]
    fn malformed_options_are_refused() {
        let malformed: [&[u8]; 11] = [
            &[],
            &[0, 1, 24],
            &[0, 1, 24, 0, 192, 0],          // too few octets
            &[0, 1, 24, 0, 192, 0, 2, 0],    // too many octets
            &[0, 1, 33, 0, 192, 0, 2, 0, 0], // longer than an IPv4 address
            &[0, 2, 129, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0],
            &[0, 1, 24, 24, 192, 0, 2], // a scope in a query
            &[0, 1, 20, 0, 192, 0, 2],  // a bit behind the prefix
            &[0, 3, 0, 0],              // an unknown family
            &[0, 0, 8, 0, 1],           // no family, yet an address
            &[0, 1, 0, 0, 0],
        ];
        for data in malformed {
            assert_eq!(ClientSubnet::parse(data), Err(MalformedClientSubnet), "{data:?}");
        }
    }
}
