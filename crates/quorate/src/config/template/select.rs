//! Which addresses a filter lets through, and in which order they stand.

use std::cmp::Ordering;
use std::net::IpAddr;

use nix::net::if_::InterfaceFlags;
use regex::Regex;

use super::interfaces::{Addresses, InterfaceAddress};
use super::networks;

/// Whether an address passes `include SELECTOR PARAMETER`.
pub(super) fn passes(one: &InterfaceAddress, selector: &str, parameter: &str) -> Result<bool, String> {
    match selector.to_ascii_lowercase().as_str() {
        "address" => matches(parameter, &one.address.to_string()),
        "name" => matches(parameter, &one.name),
        "flag" | "flags" => has_flags(one, parameter),
        "network" => any(parameter, |network| is_in(one.address, network)),
        "rfc" | "rfcs" => any(parameter, |number| networks::is_of_rfc(one.address, number)),
        "size" => match parameter.parse::<u8>() {
            Ok(size) => Ok(one.prefix == size),
            Err(_) => Err(format!("{parameter:?} is no size of a network mask")),
        },
        "type" => any(&parameter.to_ascii_lowercase(), |kind| match kind {
            "ip" => Ok(true),
            "ipv4" => Ok(one.address.is_ipv4()),
            "ipv6" => Ok(one.address.is_ipv6()),
            "unix" => Ok(false),
            _ => Err(format!("{kind:?} is no type of address")),
        }),
        _ => Err(format!(
            "there is no filter {selector:?}; those there are: address, flag, name, network, rfc, size, type"
        )),
    }
}

fn matches(pattern: &str, text: &str) -> Result<bool, String> {
    Regex::new(pattern)
        .map(|pattern| pattern.is_match(text))
        .map_err(|_| format!("{pattern:?} is no regular expression"))
}

/// Whether one of the alternatives between bars passes.
fn any(parameter: &str, passes: impl Fn(&str) -> Result<bool, String>) -> Result<bool, String> {
    let mut any = false;
    for alternative in parameter.split('|') {
        any |= passes(alternative)?;
    }
    Ok(any)
}

fn is_in(address: IpAddr, network: &str) -> Result<bool, String> {
    let wrong = || format!("{network:?} is no network");
    let (network, prefix) = network.split_once('/').unwrap_or((network, ""));
    let network: IpAddr = network.parse().map_err(|_| wrong())?;
    let prefix = match prefix {
        "" => {
            if network.is_ipv4() {
                32
            } else {
                128
            }
        }
        prefix => prefix.parse().map_err(|_| wrong())?,
    };
    Ok(networks::contains(network, prefix, address))
}

/// Whether the interface has all the flags that are its own, or the address one of those that are an address's.
fn has_flags(one: &InterfaceAddress, flags: &str) -> Result<bool, String> {
    let mut wanted = InterfaceFlags::empty();
    let mut of_interface = false;
    let mut passes = false;
    let ip = one.address;
    for flag in flags.to_ascii_lowercase().split('|') {
        let interface = match flag {
            "broadcast" => InterfaceFlags::IFF_BROADCAST,
            "loopback" => InterfaceFlags::IFF_LOOPBACK,
            "multicast" => InterfaceFlags::IFF_MULTICAST,
            "point-to-point" => InterfaceFlags::IFF_POINTOPOINT,
            "up" => InterfaceFlags::IFF_UP,
            _ => InterfaceFlags::empty(),
        };
        of_interface |= !interface.is_empty() || flag == "down";
        wanted |= interface;
        passes |= match flag {
            "forwardable" => networks::is_forwardable(ip),
            "global unicast" => is_global_unicast(ip),
            "interface-local multicast" => matches!(ip, IpAddr::V6(v6) if v6.octets()[..2] == [0xff, 0x01]),
            "link-local multicast" => match ip {
                IpAddr::V4(v4) => v4.octets()[..3] == [224, 0, 0],
                IpAddr::V6(v6) => v6.octets()[..2] == [0xff, 0x02],
            },
            "link-local unicast" => is_link_local(ip),
            "loopback" => ip.is_loopback(),
            "multicast" => ip.is_multicast(),
            "unspecified" => ip.is_unspecified(),
            "broadcast" | "down" | "point-to-point" | "up" => false,
            _ => return Err(format!("there is no flag {flag:?}")),
        };
    }
    Ok(passes || (of_interface && one.flags.contains(wanted)))
}

fn is_link_local(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => v4.is_link_local(),
        IpAddr::V6(v6) => v6.is_unicast_link_local(),
    }
}

fn is_global_unicast(ip: IpAddr) -> bool {
    let is_broadcast = matches!(ip, IpAddr::V4(v4) if v4.is_broadcast());
    !(is_broadcast || ip.is_unspecified() || ip.is_loopback() || ip.is_multicast() || is_link_local(ip))
}

/// The addresses in the order that the clauses between commas ask for; a minus turns a clause around.
pub(super) fn sorted(mut addresses: Addresses, clauses: &str) -> Result<Addresses, String> {
    let mut orders = Vec::new();
    for clause in clauses.split(',').map(|clause| clause.trim().to_ascii_lowercase()) {
        let order: fn(&InterfaceAddress, &InterfaceAddress) -> Ordering = match clause.trim_start_matches(['+', '-']) {
            "address" => |a, b| a.address.cmp(&b.address),
            "default" => |a, b| b.is_default.cmp(&a.is_default),
            "name" => |a, b| a.name.cmp(&b.name),
            // Addresses of interfaces have none.
            "port" => |_, _| Ordering::Equal,
            "private" => |a, b| is_private(b).cmp(&is_private(a)),
            "size" => |a, b| a.prefix.cmp(&b.prefix),
            "type" => |a, b| a.address.is_ipv6().cmp(&b.address.is_ipv6()),
            _ => return Err(format!("there is no order {clause:?}")),
        };
        orders.push((order, clause.starts_with('-')));
    }
    addresses.sort_by(|a, b| {
        let by = |&(order, is_reversed): &(fn(&_, &_) -> Ordering, bool)| {
            if is_reversed { order(b, a) } else { order(a, b) }
        };
        orders.iter().map(by).fold(Ordering::Equal, Ordering::then)
    });
    Ok(addresses)
}

/// Whether no address of the open Internet is it.
pub(super) fn is_private(one: &InterfaceAddress) -> bool {
    networks::is_of_rfc(one.address, "6890").unwrap_or(false)
}
