//! The networks that RFCs set aside, with the numbers by which templates ask for them.

use std::net::IpAddr;

/// A network: its address and how many bits count.
type Network = (&'static str, u8);

/// Networks by the number of the RFC.
#[rustfmt::skip]
const BY_RFC: &[(u32, &[Network])] = &[
    (919, &[("255.255.255.255", 32)]),
    (1112, &[("224.0.0.0", 4)]),
    (1122, &[("0.0.0.0", 8), ("127.0.0.0", 8)]),
    (1918, &[("10.0.0.0", 8), ("172.16.0.0", 12), ("192.168.0.0", 16)]),
    (2544, &[("198.18.0.0", 15)]),
    (3056, &[("2002::", 16)]),
    (3849, &[("2001:db8::", 32)]),
    (3927, &[("169.254.0.0", 16)]),
    (4193, &[("fc00::", 7)]),
    (4291, &[("::", 128), ("::1", 128), ("::", 96), ("::ffff:0:0", 96), ("fe80::", 10), ("fec0::", 10), ("ff00::", 8)]),
    (5737, &[("192.0.2.0", 24), ("198.51.100.0", 24), ("203.0.113.0", 24)]),
    (6598, &[("100.64.0.0", 10)]),
    (6890, &[
        ("0.0.0.0", 8), ("10.0.0.0", 8), ("100.64.0.0", 10), ("127.0.0.0", 8), ("169.254.0.0", 16), ("172.16.0.0", 12),
        ("192.0.0.0", 24), ("192.0.2.0", 24), ("192.88.99.0", 24), ("192.168.0.0", 16), ("198.18.0.0", 15),
        ("198.51.100.0", 24), ("203.0.113.0", 24), ("240.0.0.0", 4), ("255.255.255.255", 32),
        ("::1", 128), ("::", 128), ("64:ff9b::", 96), ("::ffff:0:0", 96), ("100::", 64), ("2001::", 16), ("2002::", 16),
        ("fc00::", 7), ("fe80::", 10),
    ]),
];

/// What no router forwards.
const NOT_FORWARDED: &[Network] = &[
    ("0.0.0.0", 8),
    ("127.0.0.0", 8),
    ("169.254.0.0", 16),
    ("192.0.0.0", 24),
    ("192.0.2.0", 24),
    ("198.51.100.0", 24),
    ("203.0.113.0", 24),
    ("240.0.0.0", 4),
    ("255.255.255.255", 32),
    ("::1", 128),
    ("::", 128),
    ("::ffff:0:0", 96),
    ("2001:db8::", 32),
    ("2001:10::", 28),
    ("fe80::", 10),
];

/// Whether an address is in one of the networks of an RFC.
pub(super) fn is_of_rfc(address: IpAddr, number: &str) -> Result<bool, String> {
    let rfc = number.trim().parse().ok().and_then(|number: u32| BY_RFC.iter().find(|(known, _)| *known == number));
    let (_, networks) = rfc.ok_or_else(|| format!("RFC {number:?} sets no network aside that is known here"))?;
    Ok(is_in_any(address, networks))
}

/// Whether routers forward what is sent to an address.
pub(super) fn is_forwardable(address: IpAddr) -> bool {
    !is_in_any(address, NOT_FORWARDED)
}

fn is_in_any(address: IpAddr, networks: &[Network]) -> bool {
    networks.iter().any(|(network, prefix)| network.parse().is_ok_and(|network| contains(network, *prefix, address)))
}

/// Whether a network contains an address.
pub(super) fn contains(network: IpAddr, prefix: u8, address: IpAddr) -> bool {
    match (network, address) {
        (IpAddr::V4(network), IpAddr::V4(address)) => {
            let ignored = 32u32.saturating_sub(prefix.into());
            (network.to_bits() ^ address.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
        }
        (IpAddr::V6(network), IpAddr::V6(address)) => {
            let ignored = 128u32.saturating_sub(prefix.into());
            (network.to_bits() ^ address.to_bits()).checked_shr(ignored).unwrap_or(0) == 0
        }
        _ => false,
    }
}
