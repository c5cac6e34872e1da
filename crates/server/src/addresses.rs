//! How many connections each address holds.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::{Arc, Mutex, PoisonError};

/// One address gets a quarter of all connections, or this many if that is more.
const LEAST: u32 = 16;

/// Keeps one address from taking every connection. A /64 is one address with IPv6. This machine's
/// own are not counted: behind a proxy on it everybody comes from there.
pub(crate) struct Addresses {
    most: u32,
    held: Mutex<HashMap<IpAddr, u32>>,
}

/// One connection of an address, given back when dropped.
pub(crate) struct Place {
    addresses: Arc<Addresses>,
    /// Absent for this machine.
    network: Option<IpAddr>,
}

impl Addresses {
    /// For a server that takes so many connections in all.
    pub(crate) fn new(connections: u32) -> Self {
        Self { most: (connections / 4).max(LEAST), held: Mutex::default() }
    }

    /// A place for one more connection; none if the address would hold too many.
    pub(crate) fn place(self: &Arc<Self>, address: IpAddr) -> Option<Place> {
        let address = address.to_canonical();
        let network = (!address.is_loopback()).then(|| network(address));
        if let Some(network) = network {
            let mut held = self.held.lock().unwrap_or_else(PoisonError::into_inner);
            let count = held.entry(network).or_default();
            if *count == self.most {
                return None;
            }
            *count += 1;
        }
        Some(Place { addresses: Arc::clone(self), network })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let Some(network) = self.network else { return };
        let mut held = self.addresses.held.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = held.entry(network) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => Ipv6Addr::from_bits(v6.to_bits() & (u128::MAX << 64)).into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().expect("an address")
    }

    #[test]
    fn an_address_gets_a_quarter() {
        for (connections, most) in [(10_000, 2_500), (100, 25), (8, 16)] {
            let addresses = Arc::new(Addresses::new(connections));
            let mut places: Vec<_> =
                (0..most).map(|_| addresses.place(ip("192.0.2.1")).expect("a place")).collect();
            assert!(addresses.place(ip("192.0.2.1")).is_none());
            assert!(addresses.place(ip("::ffff:192.0.2.1")).is_none());
            assert!(addresses.place(ip("192.0.2.2")).is_some());
            places.pop();
            assert!(addresses.place(ip("192.0.2.1")).is_some());
            places.clear();
            assert!(addresses.held.lock().expect("no panic").is_empty());
        }
    }

    #[test]
    fn a_network_is_one_address_with_ipv6() {
        let addresses = Arc::new(Addresses::new(64));
        let place = |host: u32| addresses.place(ip(&format!("2001:db8::{host:x}")));
        let places: Vec<_> = (1..=16).map_while(place).collect();
        assert_eq!(places.len(), 16);
        assert!(place(17).is_none());
        assert!(addresses.place(ip("2001:db8:0:1::1")).is_some());
    }

    #[test]
    fn this_machine_gets_all() {
        for local in ["127.0.0.1", "::1", "::ffff:127.0.0.1"] {
            let addresses = Arc::new(Addresses::new(1));
            let places: Vec<_> = (0..100).map_while(|_| addresses.place(ip(local))).collect();
            assert_eq!(places.len(), 100, "{local}");
        }
    }
}
