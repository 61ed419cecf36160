//! Rules that hold for all routes: headers that every answer has, paths that are not served, networks that may write, and
//! how many connections a client may have.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::net::{IpAddr, Ipv6Addr};
use std::str::FromStr;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use hyper::header::{HeaderName, HeaderValue};
use hyper::{Method, StatusCode};

use crate::path;
use crate::reply::{self, Reply};
use crate::settings::Terms;
use crate::stream::Peer;

/// A network: an address and how many of its bits count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix: u8,
}

/// A text is no network in CIDR form.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("it is no network, such as 10.0.0.0/8")]
pub struct NoNetwork;

impl FromStr for Network {
    type Err = NoNetwork;

    fn from_str(text: &str) -> Result<Self, NoNetwork> {
        let (address, prefix) = text.trim().split_once('/').ok_or(NoNetwork)?;
        let address: IpAddr = address.parse().map_err(|_| NoNetwork)?;
        let bits = if address.is_ipv4() { 32 } else { 128 };
        let prefix = prefix.parse().ok().filter(|prefix| *prefix <= bits).ok_or(NoNetwork)?;
        Ok(Self { address, prefix })
    }
}

impl Network {
    /// Whether an address is in the network. One of IPv4 is, too, when it comes dressed as one of IPv6.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (bits, total) = match (self.address, address.to_canonical()) {
            (IpAddr::V4(network), IpAddr::V4(address)) => (u128::from(network.to_bits() ^ address.to_bits()), 32),
            (IpAddr::V6(network), IpAddr::V6(address)) => (network.to_bits() ^ address.to_bits(), 128),
            _ => return false,
        };
        bits.checked_shr(total - u32::from(self.prefix)).unwrap_or(0) == 0
    }
}

/// Whether a header of this name and value can be sent.
pub fn is_header(name: &str, value: &str) -> bool {
    HeaderName::from_str(name).is_ok() && HeaderValue::from_str(value).is_ok()
}

/// The rules, ready to be applied.
pub(crate) struct Rules {
    headers: Vec<(HeaderName, HeaderValue)>,
    blocked: Vec<Vec<u8>>,
    writers: Vec<Network>,
}

impl Rules {
    pub(crate) fn new(terms: &Terms) -> Self {
        let header = |(name, value): (&String, &String)| {
            Some((HeaderName::from_str(name).ok()?, HeaderValue::from_str(value).ok()?))
        };
        Self {
            headers: terms.response_headers.iter().filter_map(header).collect(),
            blocked: terms.blocked_paths.iter().map(|path| path.clone().into_bytes()).collect(),
            writers: terms.write_networks.clone(),
        }
    }

    /// The refusal of a path that is not served.
    pub(crate) fn blocked(&self, path: &str) -> Option<Reply> {
        if self.blocked.is_empty() {
            return None;
        }
        // Whoever writes a path with escapes asks for the same.
        let path = path::decode(path.as_bytes()).unwrap_or_default();
        let is_blocked = self.blocked.iter().any(|blocked| path.starts_with(blocked));
        is_blocked.then(|| reply::text(StatusCode::FORBIDDEN, "Endpoint is blocked by agent configuration"))
    }

    /// The refusal of a write from outside the networks that may.
    pub(crate) fn unwritable(&self, method: &Method, peer: Peer) -> Option<Reply> {
        if self.writers.is_empty() || matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS) {
            return None;
        }
        let is_allowed = peer.is_some_and(|peer| self.writers.iter().any(|network| network.contains(peer)));
        (!is_allowed).then(|| reply::text(StatusCode::FORBIDDEN, "Access is restricted"))
    }

    /// Whether there are headers that every answer has.
    pub(crate) fn has_headers(&self) -> bool {
        !self.headers.is_empty()
    }

    /// Adds the headers that every answer has; what a route says itself stands.
    pub(crate) fn dress(&self, reply: &mut Reply) {
        for (name, value) in &self.headers {
            reply.headers_mut().entry(name).or_insert_with(|| value.clone());
        }
    }
}

/// How many connections each client has. Bounded by the number of all connections.
pub(crate) struct Clients {
    max: AtomicUsize,
    counts: Mutex<BTreeMap<IpAddr, usize>>,
}

impl Clients {
    pub(crate) fn new(max: usize) -> Self {
        Self { max: AtomicUsize::new(max), counts: Mutex::default() }
    }

    /// Sets another bound, for the connections to come.
    pub(crate) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// Counts one more, unless it would be too many. Those on Unix sockets are not counted.
    pub(crate) fn enter(self: &Arc<Self>, peer: Peer) -> Option<ClientGuard> {
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
fn bounded_as(peer: IpAddr) -> IpAddr {
    match peer.to_canonical() {
        IpAddr::V6(address) => IpAddr::V6(Ipv6Addr::from_bits(address.to_bits() & (u128::MAX << 64))),
        v4 => v4,
    }
}

/// Counts a connection of a client for as long as it lives.
pub(crate) struct ClientGuard {
    clients: Arc<Clients>,
    client: Peer,
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
    fn networks_contain_what_shares_their_bits() {
        for (network, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("192.168.7.0/25", "192.168.7.127", "192.168.7.128"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("127.0.0.1/32", "::ffff:127.0.0.1", "127.0.0.2"),
            ("2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"),
            ("::/0", "::1", "1.2.3.4"),
        ] {
            let network: Network = network.parse().unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{network:?} {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{network:?} {outside}");
        }
        for text in ["10.0.0.0", "10.0.0.0/33", "x/8", "::/129", ""] {
            assert_eq!(text.parse::<Network>(), Err(NoNetwork), "{text}");
        }
    }

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
