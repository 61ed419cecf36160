//! Which entries of the catalog are at an address: what a reverse lookup asks, which would search all of it otherwise.

use std::cmp::Ordering;
use std::net::IpAddr;

use equivalent::{Comparable, Equivalent};

use crate::tables::Set;

/// Keys of entries by their address. An address is compared as what it means, not as it is written
/// (`::ffff:10.0.0.1` is 10.0.0.1); an entry whose address is a host name, or none, is not here.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Addresses<K: Ord>(Set<(IpAddr, K)>);

impl<K: Ord> Default for Addresses<K> {
    fn default() -> Self {
        Self(Set::default())
    }
}

impl<K: Ord + Clone> Addresses<K> {
    /// Notes that an entry is at an address.
    pub(crate) fn insert(&mut self, address: &str, key: K) {
        if let Ok(address) = address.parse::<IpAddr>() {
            self.0.insert((address.to_canonical(), key), ());
        }
    }

    /// Forgets that an entry is at an address.
    pub(crate) fn remove(&mut self, address: &str, key: K) {
        if let Ok(address) = address.parse::<IpAddr>() {
            self.0.remove(&(address.to_canonical(), key));
        }
    }

    /// The keys of what is at an address, in their order.
    pub(crate) fn at(&self, address: IpAddr) -> impl Iterator<Item = &K> + use<'_, K> {
        let address = address.to_canonical();
        self.0
            .starting_at(&Start(address))
            .take_while(move |((other, _), ())| *other == address)
            .map(|((_, key), ())| key)
    }
}

/// Where the entries of an address begin: before each of them, behind those of all smaller addresses.
struct Start(IpAddr);

impl<K> Equivalent<(IpAddr, K)> for Start {
    fn equivalent(&self, _: &(IpAddr, K)) -> bool {
        false
    }
}

impl<K> Comparable<(IpAddr, K)> for Start {
    fn compare(&self, (address, _): &(IpAddr, K)) -> Ordering {
        self.0.cmp(address).then(Ordering::Less)
    }
}
