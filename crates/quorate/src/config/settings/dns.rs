//! The part of the settings that is about DNS: where it is served, and how it is answered.

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::time::Duration;

use quorate_base::duration::GoDuration;
use quorate_dns::{RecursorStrategy, Soa, Zone};

use super::{ConfigError, Resolver};

/// How DNS is answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DnsSettings {
    /// Where it is served, UDP and TCP; nowhere if the port is disabled.
    pub(crate) addresses: Vec<SocketAddr>,
    /// What the zone is told, but for the datacenter and the node's name.
    pub(crate) zone: quorate_dns::Settings,
}

/// The port of DNS.
const PORT: u16 = 8_600;
/// The port of recursors that say none.
const RECURSOR_PORT: u16 = 53;
/// The longest that an answer may be told to keep, RFC 2181.
const TTL_SECONDS_MAX: i64 = i32::MAX as i64;
/// The most records that a limit may allow: more than fit into any message.
const RECORDS_LIMIT_MAX: i64 = 65_535;
/// How long a recursor's host name may take to resolve.
const RESOLVE_TIMEOUT: Duration = Duration::from_secs(3);
/// The most recursors: each that does not answer costs a question its time-out.
const RECURSORS_MAX: usize = 16;

impl Resolver<'_> {
    /// Where DNS is served: at the addresses of its own, or at those for all clients, of which sockets speak HTTP alone.
    fn dns_addresses(&self, port: u16) -> Result<Vec<SocketAddr>, ConfigError> {
        let (ips, sockets) = self.clients("dns")?;
        if self.text("addresses.dns").is_some() && !sockets.is_empty() {
            return Err(self.wrong("addresses.dns", "DNS has no Unix sockets"));
        }
        Ok(ips.into_iter().map(|ip| SocketAddr::new(ip, port)).collect())
    }

    /// How DNS is answered.
    pub(super) fn dns(&mut self) -> Result<DnsSettings, ConfigError> {
        let addresses = match self.port("ports.dns", PORT)? {
            Some(port) => self.dns_addresses(port)?,
            None => Vec::new(),
        };
        let defaults = quorate_dns::Settings::default();
        let alt_domain = self.text("alt_domain").filter(|domain| !domain.is_empty());
        let limit =
            |path, default: usize| self.number(path, default as i64, 0..=RECORDS_LIMIT_MAX).map(|limit| limit as usize);
        let udp_answer_limit = limit("dns_config.udp_answer_limit", defaults.udp_answer_limit)?;
        let a_record_limit = limit("dns_config.a_record_limit", defaults.a_record_limit)?;
        let flag = |path, default| self.flag(path).unwrap_or(default);
        let zone = quorate_dns::Settings {
            domain: self.text("domain").unwrap_or(&defaults.domain).to_owned(),
            alt_domain: alt_domain.map(str::to_owned),
            node_ttl_seconds: self.ttl("dns_config.node_ttl")?,
            service_ttl_seconds: self.service_ttls()?,
            only_passing: flag("dns_config.only_passing", defaults.only_passing),
            allow_stale: flag("dns_config.allow_stale", defaults.allow_stale),
            max_stale: self.max_stale(defaults.max_stale)?,
            udp_answer_limit,
            a_record_limit,
            enable_truncate: flag("dns_config.enable_truncate", defaults.enable_truncate),
            disable_compression: flag("dns_config.disable_compression", defaults.disable_compression),
            node_meta_txt: flag("dns_config.enable_additional_node_meta_txt", defaults.node_meta_txt),
            soa: self.soa(defaults.soa)?,
            recursors: self.recursors()?,
            recursor_strategy: self.recursor_strategy()?,
            recursor_timeout: self.recursor_timeout(defaults.recursor_timeout)?,
            ..defaults
        };
        self.check_names(&zone)?;
        Ok(DnsSettings { addresses, zone })
    }

    /// Both names of the zone must be names.
    fn check_names(&self, zone: &quorate_dns::Settings) -> Result<(), ConfigError> {
        let is_alt = |name: &str| zone.alt_domain.as_deref() == Some(name);
        Zone::new(zone.clone()).map(drop).map_err(|error| {
            let path = if is_alt(&error.0) { "alt_domain" } else { "domain" };
            self.wrong(path, error)
        })
    }

    /// Whole seconds of a duration, as long as an answer may be kept.
    fn ttl(&self, path: &str) -> Result<u32, ConfigError> {
        let Some(text) = self.text(path) else { return Ok(0) };
        seconds(text).map_err(|problem| self.wrong(path, problem))
    }

    fn service_ttls(&self) -> Result<BTreeMap<String, u32>, ConfigError> {
        const PATH: &str = "dns_config.service_ttl";
        let Some(entries) = self.entry(PATH).and_then(|entry| entry.value.as_object()) else {
            return Ok(BTreeMap::new());
        };
        let ttl = |(name, value): (&String, &serde_json::Value)| {
            let seconds = seconds(value.as_str().unwrap_or_default());
            let wrong = |problem| self.wrong_part(PATH, name, format_args!("{name:?}: {problem}"));
            seconds.map(|seconds| (name.clone(), seconds)).map_err(wrong)
        };
        entries.iter().map(ttl).collect()
    }

    /// Longer than any other duration may be: Consul's default is ten years.
    fn max_stale(&self, default: Duration) -> Result<Duration, ConfigError> {
        const PATH: &str = "dns_config.max_stale";
        let Some(text) = self.text(PATH) else { return Ok(default) };
        match GoDuration::parse(text) {
            Ok(GoDuration(nanoseconds @ 0..)) => Ok(GoDuration(nanoseconds).to_std()),
            Ok(_) => Err(self.wrong(PATH, "it is negative")),
            Err(error) => Err(self.wrong(PATH, error)),
        }
    }

    fn soa(&self, defaults: Soa) -> Result<Soa, ConfigError> {
        let number =
            |path, default: u32| self.number(path, default.into(), 0..=TTL_SECONDS_MAX).map(|number| number as u32);
        Ok(Soa {
            refresh: number("dns_config.soa.refresh", defaults.refresh)?,
            retry: number("dns_config.soa.retry", defaults.retry)?,
            expire: number("dns_config.soa.expire", defaults.expire)?,
            min_ttl: number("dns_config.soa.min_ttl", defaults.min_ttl)?,
        })
    }

    fn recursors(&self) -> Result<Vec<SocketAddr>, ConfigError> {
        const PATH: &str = "recursors";
        let list = self.entry(PATH).and_then(|entry| entry.value.as_array());
        let mut recursors = Vec::new();
        for text in list.into_iter().flatten().filter_map(serde_json::Value::as_str) {
            let address = match recursor(text) {
                Some(address) => address,
                None => resolved(text).map_err(|problem| self.wrong_part(PATH, text, problem))?,
            };
            if !recursors.contains(&address) {
                recursors.push(address);
            }
        }
        if recursors.len() > RECURSORS_MAX {
            return Err(self.wrong(PATH, format_args!("{} are more than {RECURSORS_MAX}", recursors.len())));
        }
        Ok(recursors)
    }

    fn recursor_strategy(&self) -> Result<RecursorStrategy, ConfigError> {
        const PATH: &str = "dns_config.recursor_strategy";
        match self.text(PATH).unwrap_or_default() {
            "" | "sequential" => Ok(RecursorStrategy::Sequential),
            "random" => Ok(RecursorStrategy::Random),
            _ => Err(self.wrong(PATH, "it must be \"sequential\" or \"random\"")),
        }
    }

    fn recursor_timeout(&self, default: Duration) -> Result<Duration, ConfigError> {
        let given = self.duration("dns_config.recursor_timeout", GoDuration(0))?;
        Ok(if given == GoDuration(0) { default } else { given.to_std() })
    }
}

/// Whole seconds of a duration that an answer may be kept.
fn seconds(text: &str) -> Result<u32, String> {
    let duration = GoDuration::parse(text).map_err(|error| error.to_string())?;
    match duration.0 / GoDuration::SECOND.0 {
        seconds @ 0..=TTL_SECONDS_MAX if duration.0 >= 0 => Ok(seconds as u32),
        _ => Err(format!("{text} is not between 0s and {TTL_SECONDS_MAX}s")),
    }
}

/// An address with or without a port.
fn recursor(text: &str) -> Option<SocketAddr> {
    let text = text.trim();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(text);
    let address = bare.parse::<IpAddr>().ok().map(|address| SocketAddr::new(address, RECURSOR_PORT));
    address.or_else(|| text.parse().ok())
}

/// The first address of a host's name, with or without a port, as the system knows it now. It is asked on a thread of its
/// own and not for long: name servers that are down hold up no start and no reload.
fn resolved(text: &str) -> Result<SocketAddr, String> {
    let text = text.trim().to_owned();
    let bare = text.strip_prefix('[').and_then(|text| text.strip_suffix(']')).unwrap_or(&text);
    let (name, port) = match bare.rsplit_once(':') {
        Some((name, port)) if !name.contains(':') => (name, port.parse().ok()),
        // An address of one link, with its interface, has colons of its own.
        _ => (bare, Some(RECURSOR_PORT)),
    };
    let (name, Some(port), false) = (name.to_owned(), port, name.is_empty()) else {
        return Err(format!("{text:?} is no IP address and no host name, with or without a port"));
    };
    let (found, address) = std::sync::mpsc::channel();
    std::thread::spawn(move || found.send((name.as_str(), port).to_socket_addrs().map(|mut all| all.next())));
    match address.recv_timeout(RESOLVE_TIMEOUT) {
        Ok(Ok(Some(address))) => Ok(address),
        Ok(Ok(None)) => Err(format!("the host name of {text:?} has no address")),
        Ok(Err(error)) => Err(format!("the host name of {text:?} could not be resolved: {error}")),
        Err(_) => Err(format!("the host name of {text:?} could not be resolved within {RESOLVE_TIMEOUT:?}")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_recursor_is_an_address_with_or_without_a_port() {
        let cases = [
            ("8.8.8.8", Some("8.8.8.8:53")),
            (" 8.8.8.8:5353 ", Some("8.8.8.8:5353")),
            ("::1", Some("[::1]:53")),
            ("[::1]", Some("[::1]:53")),
            ("[::1]:54", Some("[::1]:54")),
            ("dns.example", None),
            ("", None),
        ];
        for (text, expected) in cases {
            assert_eq!(recursor(text), expected.map(|address| address.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_host_name_is_resolved() {
        for (text, port) in [("localhost", 53), (" localhost:5353 ", 5_353)] {
            let address = resolved(text).unwrap();
            assert!(address.ip().is_loopback() && address.port() == port, "{text}: {address}");
        }
        for wrong in ["", ":53", "localhost:port", "no host", "nobody.invalid"] {
            assert!(resolved(wrong).unwrap_err().contains(wrong), "{wrong}");
        }
    }

    #[test]
    fn a_time_to_keep_is_whole_seconds() {
        assert_eq!((seconds("1500ms"), seconds("0s"), seconds("2m")), (Ok(1), Ok(0), Ok(120)));
        for wrong in ["-1s", "soon", "600000h"] {
            assert!(seconds(wrong).is_err(), "{wrong}");
        }
    }
}
