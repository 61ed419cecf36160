//! What each function of a template gives.

use std::net::IpAddr;

use super::Value;
use super::interfaces::{Addresses, InterfaceAddress};
use super::select::{is_private, passes, sorted};

/// Calls a function. `all` are the addresses of the machine.
pub(super) fn call(function: &str, arguments: Vec<Value>, all: &[InterfaceAddress]) -> Result<Value, String> {
    let mut arguments = Arguments { function, values: arguments.into_iter() };
    let value = match function {
        "." | "GetAllInterfaces" => Value::Addresses(all.to_vec()),
        "GetDefaultInterfaces" => Value::Addresses(all.iter().filter(|one| one.is_default).cloned().collect()),
        "GetPrivateInterfaces" => Value::Addresses(reachable(all, true)?),
        "GetPublicInterfaces" => Value::Addresses(reachable(all, false)?),
        "GetPrivateIP" => first(reachable(all, true)?),
        "GetPublicIP" => first(reachable(all, false)?),
        "GetPrivateIPs" => spaced(filtered(by_size(all)?, "flag", "forwardable", true)?.into_iter().filter(is_private)),
        "GetPublicIPs" => spaced(by_size(all)?.into_iter().filter(|one| !is_private(one))),
        "GetInterfaceIP" => first(named(all, &arguments.text()?)?),
        "GetInterfaceIPs" => spaced(named(all, &arguments.text()?)?.into_iter()),
        "include" | "exclude" => {
            let (selector, parameter) = (arguments.text()?, arguments.text()?);
            Value::Addresses(filtered(arguments.addresses()?, &selector, &parameter, function == "include")?)
        }
        "sort" => {
            let clauses = arguments.text()?;
            Value::Addresses(sorted(arguments.addresses()?, &clauses)?)
        }
        "limit" => {
            let count =
                usize::try_from(arguments.number()?).map_err(|_| "limit takes no negative number".to_owned())?;
            Value::Addresses(arguments.addresses()?.into_iter().take(count).collect())
        }
        "offset" => {
            let count = arguments.number()?;
            Value::Addresses(offset(arguments.addresses()?, count)?)
        }
        "unique" => {
            let selector = arguments.text()?;
            let mut addresses = arguments.addresses()?;
            match selector.to_ascii_lowercase().as_str() {
                "address" => addresses.dedup_by_key(|one| (one.address, one.prefix)),
                "name" => addresses.dedup_by_key(|one| one.name.clone()),
                _ => return Err(format!("unique takes \"address\" or \"name\", not {selector:?}")),
            }
            Value::Addresses(addresses)
        }
        "attr" => {
            let name = arguments.text()?;
            let first = arguments.addresses()?.into_iter().next();
            Value::Text(first.map(|one| attribute(&one, &name)).transpose()?.unwrap_or_default())
        }
        "join" => {
            let (name, separator) = (arguments.text()?, arguments.text()?);
            let addresses = arguments.addresses()?;
            let attributes: Result<Vec<_>, _> = addresses.iter().map(|one| attribute(one, &name)).collect();
            Value::Text(attributes?.join(&separator))
        }
        "math" => {
            let (operation, number) = (arguments.text()?, arguments.text()?);
            let moved = arguments.addresses()?.into_iter().map(|one| math(one, &operation, &number));
            Value::Addresses(moved.collect::<Result<_, _>>()?)
        }
        _ => return Err(format!("there is no function {function:?} for addresses")),
    };
    arguments.end()?;
    Ok(value)
}

/// The arguments of a call, one after the other.
struct Arguments<'a> {
    function: &'a str,
    values: std::vec::IntoIter<Value>,
}

impl Arguments<'_> {
    fn wants<T>(&self, what: &str) -> Result<T, String> {
        Err(format!("{} takes {what}", self.function))
    }

    fn text(&mut self) -> Result<String, String> {
        match self.values.next() {
            Some(Value::Text(text)) => Ok(text),
            _ => self.wants("a text here"),
        }
    }

    fn number(&mut self) -> Result<i64, String> {
        match self.values.next() {
            Some(Value::Number(number)) => Ok(number),
            _ => self.wants("a number here"),
        }
    }

    fn addresses(&mut self) -> Result<Addresses, String> {
        match self.values.next() {
            Some(Value::Addresses(addresses)) => Ok(addresses),
            _ => self.wants("interfaces, which come through \"|\""),
        }
    }

    fn end(mut self) -> Result<(), String> {
        if self.values.next().is_some() { self.wants("fewer arguments") } else { Ok(()) }
    }
}

fn filtered(addresses: Addresses, selector: &str, parameter: &str, keep: bool) -> Result<Addresses, String> {
    let mut kept = Vec::new();
    for one in addresses {
        if passes(&one, selector, parameter)? == keep {
            kept.push(one);
        }
    }
    Ok(kept)
}

/// What others can reach, private or public; the interface that leads out first, and the largest network.
fn reachable(all: &[InterfaceAddress], private: bool) -> Result<Addresses, String> {
    let up = filtered(filtered(all.to_vec(), "flag", "forwardable", true)?, "flag", "up", true)?;
    let sorted = sorted(up, "default,type,size")?;
    Ok(sorted.into_iter().filter(|one| is_private(one) == private).collect())
}

fn by_size(all: &[InterfaceAddress]) -> Result<Addresses, String> {
    sorted(all.to_vec(), "type,size")
}

fn named(all: &[InterfaceAddress], pattern: &str) -> Result<Addresses, String> {
    let named = filtered(all.to_vec(), "name", pattern, true)?;
    sorted(filtered(named, "flag", "forwardable", true)?, "type,size")
}

fn first(addresses: Addresses) -> Value {
    Value::Text(addresses.first().map(|one| one.address.to_string()).unwrap_or_default())
}

fn spaced(addresses: impl Iterator<Item = InterfaceAddress>) -> Value {
    Value::Text(addresses.map(|one| one.address.to_string()).collect::<Vec<_>>().join(" "))
}

/// Those from a place on; a negative one counts from the end.
fn offset(mut addresses: Addresses, count: i64) -> Result<Addresses, String> {
    let places = usize::try_from(count.unsigned_abs()).unwrap_or(usize::MAX);
    if places > addresses.len() {
        return Err(format!("offset {count} is beyond the {} interfaces", addresses.len()));
    }
    let start = if count < 0 { addresses.len() - places } else { places };
    Ok(addresses.split_off(start))
}

/// What `attr` tells of an address.
fn attribute(one: &InterfaceAddress, name: &str) -> Result<String, String> {
    let (network, last) = bounds(one);
    let text = match name.to_ascii_lowercase().as_str() {
        "address" | "host" => one.address.to_string(),
        "name" => one.name.clone(),
        "mask_bits" => one.prefix.to_string(),
        "network" => format!("{network}/{}", one.prefix),
        "broadcast" if one.address.is_ipv4() => last.to_string(),
        "type" => if one.address.is_ipv4() { "IPv4" } else { "IPv6" }.to_owned(),
        _ => {
            let known = "address, broadcast, host, mask_bits, name, network and type";
            return Err(format!("{name:?} is not served as an attribute of an address; those served are {known}"));
        }
    };
    Ok(text)
}

/// The first and the last address of the network of an address.
fn bounds(one: &InterfaceAddress) -> (IpAddr, IpAddr) {
    match one.address {
        IpAddr::V4(v4) => {
            let host = u32::MAX.checked_shr(one.prefix.into()).unwrap_or(0);
            (IpAddr::V4((v4.to_bits() & !host).into()), IpAddr::V4((v4.to_bits() | host).into()))
        }
        IpAddr::V6(v6) => {
            let host = u128::MAX.checked_shr(one.prefix.into()).unwrap_or(0);
            (IpAddr::V6((v6.to_bits() & !host).into()), IpAddr::V6((v6.to_bits() | host).into()))
        }
    }
}

/// An address further on, from itself ("address") or within its network ("network"), where a negative number counts from
/// the end.
fn math(one: InterfaceAddress, operation: &str, number: &str) -> Result<InterfaceAddress, String> {
    let count: i128 = match number.parse() {
        Ok(count) if number.starts_with(['+', '-']) => count,
        _ => return Err(format!("math takes a number with its sign, such as \"+1\", not {number:?}")),
    };
    let (first, last) = bounds(&one);
    let (start, wraps) = match (operation.to_ascii_lowercase().as_str(), count < 0) {
        ("address", _) => (one.address, false),
        ("network", false) => (first, true),
        // -1 is the last one.
        ("network", true) => (last, true),
        _ => return Err(format!("math knows \"address\" and \"network\", not {operation:?}")),
    };
    let steps = if wraps && count < 0 { count + 1 } else { count };
    let address = match start {
        IpAddr::V4(v4) => IpAddr::V4(v4.to_bits().wrapping_add(steps as u32).into()),
        IpAddr::V6(v6) => IpAddr::V6(v6.to_bits().wrapping_add(steps as u128).into()),
    };
    let moved = InterfaceAddress { address, ..one };
    Ok(moved)
}
