//! Whether all listeners find a place.

use std::net::SocketAddr;

use super::{Addresses, ConfigError, DnsSettings, HttpSettings, Resolver};
use crate::config::Entry;

impl Resolver<'_> {
    /// Refuses two listeners on one address and port, also where one of them takes all addresses.
    pub(super) fn check_listeners(
        &self,
        addresses: &Addresses,
        http: &HttpSettings,
        dns: &DnsSettings,
    ) -> Result<(), ConfigError> {
        let listeners = [("ports.dns", &dns.addresses), ("ports.http", &addresses.http), ("ports.https", &http.https)];
        for (position, (path, own)) in listeners.iter().enumerate() {
            for (other, others) in listeners.iter().take(position) {
                let taken = own.iter().find(|address| others.iter().any(|other| overlap(address, other)));
                if let Some(address) = taken {
                    return Err(self.twice(path, other, address));
                }
            }
        }
        Ok(())
    }

    /// An error about two keys that name one address; a default is nobody's mistake.
    fn twice(&self, path: &str, other: &str, address: &SocketAddr) -> ConfigError {
        let (path, other) = if self.entry(path).is_some() { (path, other) } else { (other, path) };
        let other = self.entry(other).map_or_else(|| format!("the default of {other:?}"), Entry::culprit);
        self.wrong(path, format_args!("{address} is taken already, by {other}"))
    }
}

/// Whether two listeners would meet.
fn overlap(one: &SocketAddr, other: &SocketAddr) -> bool {
    let takes_all = one.ip().is_unspecified() || other.ip().is_unspecified();
    let (one_is_v4, other_is_v4) = (one.is_ipv4(), other.is_ipv4());
    one.port() == other.port() && (one.ip() == other.ip() || (takes_all && one_is_v4 == other_is_v4))
}
