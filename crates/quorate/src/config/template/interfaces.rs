//! The addresses that this machine has, by interface.

use std::net::IpAddr;

use nix::net::if_::InterfaceFlags;

/// Some addresses.
pub(crate) type Addresses = Vec<InterfaceAddress>;

/// An address on an interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct InterfaceAddress {
    /// The interface's name.
    pub(crate) name: String,
    /// What the interface is and can do.
    pub(crate) flags: InterfaceFlags,
    /// Its address.
    pub(crate) address: IpAddr,
    /// How many bits of it are the network's.
    pub(crate) prefix: u8,
    /// Whether the interface leads out of the machine.
    pub(crate) is_default: bool,
}

/// The addresses of this machine, in the order of its interfaces.
pub(crate) fn of_this_machine() -> Addresses {
    let Ok(found) = nix::ifaddrs::getifaddrs() else { return Vec::new() };
    let default = default_interface();
    // The interfaces themselves come first, in their order; their addresses follow by family.
    let mut names: Vec<String> = Vec::new();
    let mut addresses = Vec::new();
    for one in found {
        if !names.contains(&one.interface_name) {
            names.push(one.interface_name.clone());
        }
        let ip = one.address.as_ref().and_then(ip);
        let Some(address) = ip else { continue };
        let prefix = one.netmask.as_ref().and_then(ip_of_mask).map_or(0, ones);
        let is_default = default.as_ref() == Some(&one.interface_name);
        addresses.push(InterfaceAddress { name: one.interface_name, flags: one.flags, address, prefix, is_default });
    }
    addresses.sort_by_key(|address| names.iter().position(|name| *name == address.name));
    addresses
}

fn ip(address: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    let v4 = address.as_sockaddr_in().map(|v4| IpAddr::V4(v4.ip()));
    v4.or_else(|| address.as_sockaddr_in6().map(|v6| IpAddr::V6(v6.ip())))
}

fn ip_of_mask(mask: &nix::sys::socket::SockaddrStorage) -> Option<IpAddr> {
    ip(mask)
}

fn ones(mask: IpAddr) -> u8 {
    let ones = match mask {
        IpAddr::V4(mask) => mask.to_bits().count_ones(),
        IpAddr::V6(mask) => mask.to_bits().count_ones(),
    };
    u8::try_from(ones).unwrap_or(u8::MAX)
}

/// The interface of the IPv4 route to everywhere, as the kernel tells it.
fn default_interface() -> Option<String> {
    let routes = std::fs::read_to_string("/proc/net/route").ok()?;
    routes.lines().skip(1).find_map(|route| {
        let mut fields = route.split_whitespace();
        let name = fields.next()?;
        (fields.next()? == "00000000").then(|| name.to_owned())
    })
}
