//! The machine that an agent runs on, and the addresses that follow from it.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, UdpSocket};

use serde_json::Value;

use super::merge::Merged;
use super::template::interfaces::{self, InterfaceAddress};
use super::{ConfigError, Kind, template};

/// What the settings need to know of the machine.
#[derive(Clone, Debug)]
pub(crate) struct Machine {
    /// Its name.
    pub(crate) hostname: String,
    /// The address from which it reaches other networks over IPv4.
    pub(crate) outbound_v4: Option<Ipv4Addr>,
    /// The same over IPv6.
    pub(crate) outbound_v6: Option<Ipv6Addr>,
    /// The addresses of its interfaces, which templates choose from.
    pub(crate) interfaces: Vec<InterfaceAddress>,
}

impl Machine {
    /// This machine.
    pub(crate) fn this() -> Self {
        let hostname = rustix::system::uname().nodename().to_string_lossy().into_owned();
        let outbound_v4 = match outbound("0.0.0.0:0", "192.0.2.1:9") {
            Some(IpAddr::V4(address)) => Some(address),
            _ => None,
        };
        let outbound_v6 = match outbound("[::]:0", "[2001:db8::1]:9") {
            Some(IpAddr::V6(address)) => Some(address),
            _ => None,
        };
        Self { hostname, outbound_v4, outbound_v6, interfaces: interfaces::of_this_machine() }
    }
}

/// The own address on the way to `target`. Connecting a datagram socket sends nothing: the kernel only picks the route.
/// The targets are addresses that are set aside for documentation.
fn outbound(any: &str, target: &str) -> Option<IpAddr> {
    let socket = UdpSocket::bind(any).ok()?;
    socket.connect(target).ok()?;
    let address = socket.local_addr().ok()?.ip();
    (!address.is_loopback() && !address.is_unspecified()).then_some(address)
}

/// The keys whose values may be templates of addresses.
const TEMPLATES: &[&str] = &[
    "addresses.dns",
    "addresses.grpc",
    "addresses.http",
    "addresses.https",
    "advertise_addr",
    "advertise_addr_ipv4",
    "advertise_addr_ipv6",
    "advertise_addr_wan",
    "advertise_addr_wan_ipv4",
    "advertise_addr_wan_ipv6",
    "bind_addr",
    "client_addr",
    "recursors",
    "retry_join",
    "retry_join_wan",
    "serf_lan",
    "serf_wan",
    "start_join",
    "start_join_wan",
];

/// Puts the addresses of this machine in the place of templates. One that gives none is an error: the address that stands
/// where none was said would be another one than was meant.
pub(super) fn expand_templates(merged: &mut Merged, machine: &Machine) -> Result<(), ConfigError> {
    for path in TEMPLATES {
        let Some(entry) = merged.get_mut(path) else { continue };
        let (origin, parts) = (entry.origin.clone(), entry.parts.clone());
        let expand = |text: &str| {
            let wrong = |problem: &str| ConfigError(format!("{}: {problem}", parts.get(text).unwrap_or(&origin)));
            match template::expand(text, &machine.interfaces) {
                Ok(expanded) if expanded.trim().is_empty() => {
                    Err(wrong(&format!("{text} gives no address on this machine")))
                }
                expanded => expanded.map_err(|problem| wrong(&problem)),
            }
        };
        match &mut entry.value {
            Value::String(text) if template::is_template(text) => *text = expand(text)?,
            Value::Array(list) if entry.key.kind == Kind::List => {
                let mut expanded = Vec::new();
                for value in list.drain(..) {
                    match value.as_str() {
                        Some(text) if template::is_template(text) => {
                            let origin = parts.get(text).unwrap_or(&origin);
                            for word in expand(text)?.split_whitespace() {
                                entry.parts.insert(word.to_owned(), origin.clone());
                                expanded.push(Value::from(word));
                            }
                        }
                        _ => expanded.push(value),
                    }
                }
                *list = expanded;
            }
            _ => {}
        }
    }
    Ok(())
}

/// The one IP address that `text` is; an error is the end of a sentence about it.
pub(super) fn parse_ip(text: &str) -> Result<IpAddr, String> {
    match parse_ips(text)?[..] {
        [address] => Ok(address),
        [] => Err("it must be an IP address".to_owned()),
        _ => Err("it must be one IP address".to_owned()),
    }
}

/// The IP addresses in `text`, between spaces.
pub(super) fn parse_ips(text: &str) -> Result<Vec<IpAddr>, String> {
    let parse = |word: &str| {
        if word.starts_with("unix://") {
            return Err("it can't be a Unix socket; addresses.http takes some".to_owned());
        }
        let bare = word.strip_prefix('[').and_then(|word| word.strip_suffix(']')).unwrap_or(word);
        bare.parse().map_err(|_| format!("{word:?} is no IP address"))
    };
    text.split_whitespace().map(parse).collect()
}

/// The address that others are told if none was said: that to which the agent binds, or, bound to all, the one that leads
/// out. A machine without a way out has only its own; the second value then is a warning.
pub(super) fn advertised(bind: IpAddr, machine: &Machine) -> (IpAddr, Option<String>) {
    let outbound = match bind {
        IpAddr::V4(any) if any.is_unspecified() => machine.outbound_v4.map(IpAddr::V4),
        IpAddr::V6(any) if any.is_unspecified() => machine.outbound_v6.map(IpAddr::V6),
        bound => return (bound, None),
    };
    match (outbound, bind) {
        (Some(address), _) => (address, None),
        (None, IpAddr::V4(_)) => (Ipv4Addr::LOCALHOST.into(), Some(no_way_out())),
        (None, IpAddr::V6(_)) => (Ipv6Addr::LOCALHOST.into(), Some(no_way_out())),
    }
}

fn no_way_out() -> String {
    "no network leads out of this machine, so others are told its loopback address; say another with -advertise"
        .to_owned()
}
