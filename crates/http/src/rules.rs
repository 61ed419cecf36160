//! Rules that hold for all routes: headers that every answer has, paths that are not served, and networks that may write.

use std::net::IpAddr;
use std::str::FromStr;

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
    pub(crate) fn add_headers_to(&self, reply: &mut Reply) {
        for (name, value) in &self.headers {
            reply.headers_mut().entry(name).or_insert_with(|| value.clone());
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
}
