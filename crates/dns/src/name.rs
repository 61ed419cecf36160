//! Names: from the bytes of a question to what is looked up, and from what is found to the bytes of a name.
//!
//! A question's name is read once, folded to lower case and joined by dots into a buffer on the stack; a [`Lookup`]
//! borrows its parts from there. Labels that hold a dot or no UTF-8 are in no catalog and lead to [`Lookup::Nothing`].

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::wire_name::{NAME_BYTES_MAX, WireName};
use crate::zone::{Domain, Zone};

/// What a question's name asks for. Names are in lower case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lookup<'a> {
    /// `NAME.node[.DC]`
    Node(&'a str),
    /// `[TAG.]NAME.service[.DC]` or `_NAME._TAG[.service][.DC]`
    Service { name: &'a str, tag: Option<&'a str> },
    /// `HEXIP.addr[.DC]`: an address written as a name.
    Address(IpAddr),
    /// A name below `in-addr.arpa` or `ip6.arpa` that says a whole address.
    Reverse(IpAddr),
    /// The zone itself.
    Apex,
    /// `ns` of the zone, which its SOA record names: the servers.
    NameServer,
    /// A name of the zone that has nothing itself but others below it, such as `service`.
    Parent,
    /// A name of the zone that does not exist.
    Nothing,
    /// A name outside of the zone.
    Outside,
}

/// A question's name in lower case, joined by dots, without the last one.
pub(crate) struct Text {
    bytes: [u8; NAME_BYTES_MAX],
    length: usize,
    /// Whether the text says everything: no label holds a dot.
    is_plain: bool,
}

impl Text {
    /// Reads a name as it stands in a message, uncompressed and with its end.
    pub(crate) fn of_wire(wire: &[u8]) -> Self {
        let mut text = Self { bytes: [0; NAME_BYTES_MAX], length: 0, is_plain: true };
        let mut rest = wire;
        while let Some((&length, after)) = rest.split_first() {
            let Some((label, next)) = after.split_at_checked(usize::from(length)) else { break };
            if label.is_empty() || text.length + label.len() + 1 > NAME_BYTES_MAX {
                break;
            }
            if text.length > 0 {
                text.bytes[text.length] = b'.';
                text.length += 1;
            }
            let place = &mut text.bytes[text.length..text.length + label.len()];
            place.copy_from_slice(label);
            place.make_ascii_lowercase();
            text.is_plain &= !label.contains(&b'.');
            text.length += label.len();
            rest = next;
        }
        text
    }

    /// The text.
    pub(crate) fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
    }

    /// The text, if it says everything and is one.
    pub(crate) fn plain(&self) -> Option<&str> {
        self.is_plain.then(|| std::str::from_utf8(self.as_bytes()).ok()).flatten()
    }

    /// What the name asks for, and the zone that it is in.
    pub(crate) fn lookup<'a, 'z>(&'a self, zone: &'z Zone) -> (Lookup<'a>, &'z Domain) {
        let Some(text) = self.plain() else {
            // In the zone or not is still to be told apart, by the end alone.
            return match zone.domains().find(|domain| domain.before(self.as_bytes()).is_some()) {
                Some(domain) => (Lookup::Nothing, domain),
                None => (Lookup::Outside, &zone.domain),
            };
        };
        for domain in zone.domains() {
            // A name that ends in text has text before that.
            if let Some(inside) = domain.before(text.as_bytes()).and_then(|before| text.get(..before.len())) {
                return (in_zone(inside, &zone.datacenter), domain);
            }
        }
        (reverse(text).map_or(Lookup::Outside, Lookup::Reverse), &zone.domain)
    }
}

/// What the part of a name before the zone asks for.
fn in_zone<'a>(inside: &'a str, datacenter: &str) -> Lookup<'a> {
    if inside.is_empty() {
        return Lookup::Apex;
    }
    if inside == "ns" {
        return Lookup::NameServer;
    }
    if inside == datacenter {
        return Lookup::Parent;
    }
    // The kind is the last label, or the last but one before a datacenter.
    let (before, last) = split_last(inside);
    if let Some(lookup) = of_kind(last, before) {
        return lookup;
    }
    let (name, kind) = split_last(before);
    match of_kind(kind, name) {
        // An address is the same everywhere.
        Some(lookup @ Lookup::Address(_)) => lookup,
        Some(lookup) if last == datacenter => lookup,
        Some(_) => Lookup::Nothing,
        None => without_kind(if last == datacenter { before } else { inside }),
    }
}

/// What a name asks for that has no label of those that divide the zone: RFC 2782 has none between protocol and domain.
fn without_kind(name: &str) -> Lookup<'_> {
    match name.split_once('.') {
        Some((service, tag)) if !tag.contains('.') => by_protocol(service, tag).unwrap_or(Lookup::Nothing),
        None if name.starts_with('_') => Lookup::Parent,
        _ => Lookup::Nothing,
    }
}

/// What `name` asks for below this label, if that is one of those that divide the zone.
fn of_kind<'a>(kind: &str, name: &'a str) -> Option<Lookup<'a>> {
    let lookup = match kind {
        "node" | "service" | "addr" if name.is_empty() => Lookup::Parent,
        "node" => Lookup::Node(name),
        "service" => service(name),
        "addr" => address(name).map_or(Lookup::Nothing, Lookup::Address),
        // Nothing is there yet.
        "query" | "connect" | "virtual" | "ingress" => Lookup::Nothing,
        _ => return None,
    };
    Some(lookup)
}

/// `a.b.c` as `a.b` and `c`.
fn split_last(name: &str) -> (&str, &str) {
    name.rsplit_once('.').unwrap_or(("", name))
}

/// A service and perhaps a tag.
fn service(name: &str) -> Lookup<'_> {
    let (before, last) = split_last(name);
    by_protocol(before, last).unwrap_or(Lookup::Service { name: last, tag: (!before.is_empty()).then_some(before) })
}

/// A service in the form of RFC 2782, in which the protocol stands for the tag, and `_tcp` for none.
fn by_protocol<'a>(service: &'a str, protocol: &'a str) -> Option<Lookup<'a>> {
    let (name, tag) = (service.strip_prefix('_')?, protocol.strip_prefix('_')?);
    (!name.contains('.')).then_some(Lookup::Service { name, tag: (tag != "tcp").then_some(tag) })
}

/// The address that the hexadecimal digits of a label say.
fn address(label: &str) -> Option<IpAddr> {
    if !label.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        return None;
    }
    match label.len() {
        8 => u32::from_str_radix(label, 16).ok().map(|bits| Ipv4Addr::from_bits(bits).into()),
        32 => u128::from_str_radix(label, 16).ok().map(|bits| Ipv6Addr::from_bits(bits).into()),
        _ => None,
    }
}

/// The address of a name in the tree that leads from addresses to names.
fn reverse(text: &str) -> Option<IpAddr> {
    if let Some(numbers) = text.strip_suffix(".in-addr.arpa") {
        let mut octets = [0; 4];
        let mut labels = numbers.split('.');
        for octet in octets.iter_mut().rev() {
            let label = labels.next()?;
            // No leading zeroes and no sign: each address has one name.
            *octet = label.parse().ok().filter(|octet: &u8| octet.to_string() == label)?;
        }
        return labels.next().is_none().then(|| Ipv4Addr::from(octets).into());
    }
    let digits = text.strip_suffix(".ip6.arpa")?;
    let (mut bits, mut count) = (0u128, 0);
    for label in digits.split('.').rev() {
        let &[digit] = label.as_bytes() else { return None };
        bits = bits << 4 | u128::from(char::from(digit).to_digit(16)?);
        count += 1;
    }
    (count == 32).then(|| Ipv6Addr::from_bits(bits).into())
}

/// A name that an answer speaks of. How long it is and whether it can be written shows when it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Target<'a> {
    /// `NODE.node.DC` of the zone.
    Node(&'a str),
    /// `NAME.service.DC` of the zone.
    Service(&'a str),
    /// `HEXIP.addr.DC` of the zone.
    Address(IpAddr),
    /// A label of the zone.
    InZone(&'static str),
    /// Any name, as people write it.
    Text(&'a str),
}

impl WireName {
    /// Writes a name; `None` for one that DNS can't carry.
    pub(crate) fn of(target: Target<'_>, zone: &Zone, domain: &Domain) -> Option<Self> {
        let mut name = Self::empty();
        match target {
            Target::Node(node) => name.labels(node)?.label(b"node")?.label(zone.datacenter.as_bytes())?,
            Target::Service(service) => name.labels(service)?.label(b"service")?.label(zone.datacenter.as_bytes())?,
            Target::Address(address) => {
                let mut digits = [0; 32];
                name.label(hexadecimal(address, &mut digits))?.label(b"addr")?.label(zone.datacenter.as_bytes())?
            }
            Target::InZone(label) => name.label(label.as_bytes())?,
            Target::Text(text) => {
                let name = name.labels(text.strip_suffix('.').unwrap_or(text))?;
                return name.append(&[0]).map(|name| name.clone());
            }
        };
        name.append(domain.wire())?;
        Some(name)
    }
}

fn hexadecimal(address: IpAddr, digits: &mut [u8; 32]) -> &[u8] {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let (bits, length) = match address {
        IpAddr::V4(address) => (u128::from(address.to_bits()), 8),
        IpAddr::V6(address) => (address.to_bits(), 32),
    };
    for (place, digit) in digits[..length].iter_mut().rev().enumerate() {
        *digit = DIGITS[(bits >> (4 * place)) as usize & 15];
    }
    &digits[..length]
}
