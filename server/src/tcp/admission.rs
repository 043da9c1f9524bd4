//! Which connections are taken.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::config::TcpLimits;

/// Counts open connections, overall and by network. Touched when a connection opens and closes, never per
/// query.
#[derive(Debug)]
pub struct Admission {
    limits: TcpLimits,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    total: usize,
    by_network: HashMap<IpAddr, usize>,
}

/// The right to one connection, until dropped.
#[derive(Debug)]
pub struct Permit {
    admission: Arc<Admission>,
    network: IpAddr,
}

impl Admission {
    /// Nothing is open yet.
    pub fn new(limits: TcpLimits) -> Self {
        Self { limits, open: Mutex::default() }
    }

    /// Takes a connection from an address, unless there are too many.
    pub fn admit(self: &Arc<Self>, address: IpAddr) -> Option<Permit> {
        let network = network_of(address);
        let mut open = self.open();
        let from_network = open.by_network.get(&network).copied().unwrap_or(0);
        if open.total >= self.limits.connections || from_network >= self.limits.connections_per_address {
            return None;
        }
        open.total += 1;
        open.by_network.insert(network, from_network + 1);
        Some(Permit { admission: Arc::clone(self), network })
    }

    /// Connections that are open now.
    pub fn open_connections(&self) -> usize {
        self.open().total
    }

    fn open(&self) -> MutexGuard<'_, Open> {
        // The numbers are whole between any two statements: a panic elsewhere cannot have broken them.
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut open = self.admission.open();
        open.total = open.total.saturating_sub(1);
        match open.by_network.get_mut(&self.network) {
            Some(count) if *count > 1 => *count -= 1,
            _ => {
                open.by_network.remove(&self.network);
            }
        }
    }
}

/// Whoever has one IPv6 address usually has its whole /64.
fn network_of(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = u128::from(address) >> 64 << 64;
            IpAddr::V6(Ipv6Addr::from(bits))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn admission(connections: usize, connections_per_address: usize) -> Arc<Admission> {
        let limits = TcpLimits { connections, connections_per_address, ..TcpLimits::default() };
        Arc::new(Admission::new(limits))
    }

    #[test]
    fn an_address_has_its_limit_and_gets_its_place_back() {
        let admission = admission(10, 2);
        let address = "192.0.2.1".parse().unwrap();
        let first = admission.admit(address).unwrap();
        let _second = admission.admit(address).unwrap();
        assert!(admission.admit(address).is_none());
        assert!(admission.admit("::ffff:192.0.2.1".parse().unwrap()).is_none(), "the same address");
        let _other = admission.admit("192.0.2.2".parse().unwrap()).unwrap();
        drop(first);
        assert!(admission.admit(address).is_some());
        assert_eq!(admission.open_connections(), 2);
    }

    #[test]
    fn an_ipv6_network_counts_as_one_address() {
        let admission = admission(10, 1);
        let _first = admission.admit("2001:db8::1".parse().unwrap()).unwrap();
        assert!(admission.admit("2001:db8::2".parse().unwrap()).is_none());
        assert!(admission.admit("2001:db8:0:1::1".parse().unwrap()).is_some());
    }

    #[test]
    fn there_is_a_limit_over_all_and_nothing_is_left_behind() {
        let admission = admission(2, 2);
        let permits: Vec<_> =
            ["192.0.2.1", "192.0.2.2"].map(|address| admission.admit(address.parse().unwrap())).into();
        assert!(permits.iter().all(Option::is_some));
        assert!(admission.admit("192.0.2.3".parse().unwrap()).is_none());
        drop(permits);
        assert_eq!(admission.open_connections(), 0);
        assert!(admission.open().by_network.is_empty());
    }
}
