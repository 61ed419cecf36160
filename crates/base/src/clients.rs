//! How many connections each client has, so that none of them takes the places of all.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

/// How many connections, or requests over HTTP/2, each client has. Bounded by the number of all of them.
#[derive(Debug)]
pub struct Clients {
    max: AtomicUsize,
    counts: Mutex<BTreeMap<IpAddr, usize>>,
}

impl Clients {
    /// Counts for clients that may have so many each.
    pub fn new(max: usize) -> Self {
        Self { max: AtomicUsize::new(max), counts: Mutex::default() }
    }

    /// Sets another bound, for the connections to come.
    pub fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Counts one more, unless it would be too many. Those without an address, on Unix sockets, are not counted.
    pub fn enter(self: &Arc<Self>, peer: Option<IpAddr>) -> Option<ClientGuard> {
        let client = peer.map(bounded_as);
        if let Some(client) = client {
            let mut counts = self.counts.lock().unwrap_or_else(PoisonError::into_inner);
            let count = counts.get(&client).copied().unwrap_or(0);
            if count >= self.max.load(Ordering::Relaxed) {
                return None;
            }
            counts.insert(client, count + 1);
        }
        Some(ClientGuard { clients: self.clone(), client })
    }
}

/// Whoever has an IPv6 address has a whole /64 of them: they count as one.
pub fn bounded_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// Counts a connection of a client for as long as it lives.
#[derive(Debug)]
pub struct ClientGuard {
    clients: Arc<Clients>,
    client: Option<IpAddr>,
}

impl Drop for ClientGuard {
    fn drop(&mut self) {
        let Some(client) = self.client else { return };
        let mut counts = self.clients.counts.lock().unwrap_or_else(PoisonError::into_inner);
        if let Entry::Occupied(mut count) = counts.entry(client) {
            *count.get_mut() -= 1;
            if *count.get() == 0 {
                count.remove();
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_client_has_its_own_bound() {
        let clients = Arc::new(Clients::new(2));
        let (one, other) = (Some([10, 0, 0, 1].into()), Some([10, 0, 0, 2].into()));
        let held: Vec<_> = [clients.enter(one), clients.enter(one), clients.enter(other), clients.enter(None)].into();
        assert!(held.iter().all(Option::is_some));
        assert!(clients.enter(one).is_none());
        drop(held);
        assert!(clients.enter(one).is_some());
        assert!(clients.counts.lock().unwrap().is_empty());
        let v6 = |text: &str| Some(text.parse().unwrap());
        let held = [clients.enter(v6("2001:db8::1")), clients.enter(v6("2001:db8::2"))];
        assert!(clients.enter(v6("2001:db8::3")).is_none() && clients.enter(v6("2001:db8:0:1::1")).is_some());
        drop(held);
    }
}
