//! Connecting, with the words that Go has for how it fails.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// The protocol that an address is of; services have their ports by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Protocol {
    Tcp,
    Udp,
}

impl Protocol {
    fn word(self) -> &'static str {
        match self {
            Self::Tcp => "tcp",
            Self::Udp => "udp",
        }
    }
}

/// Splits `host:port`; an IPv6 address stands in brackets.
fn split(address: &str) -> Result<(&str, &str), String> {
    let missing = || format!("address {address}: missing port in address");
    let (host, port) = address.rsplit_once(':').ok_or_else(missing)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(missing)?,
        None if host.contains(':') => return Err(format!("address {address}: too many colons in address")),
        None => host,
    };
    Ok((if host.is_empty() { "127.0.0.1" } else { host }, port))
}

/// The host of an address.
pub(super) fn host(address: &str) -> Result<&str, String> {
    split(address).map(|(host, _)| host)
}

/// The host and port of an address. A port may be the name of a service; none at all is 0.
pub(super) fn host_and_port(protocol: Protocol, address: &str) -> Result<(&str, u16), String> {
    let (host, port) = split(address)?;
    let digits = port.strip_prefix(['-', '+']).unwrap_or(port);
    if port.is_empty() {
        return Ok((host, 0));
    }
    if digits.bytes().all(|byte| byte.is_ascii_digit()) && !digits.is_empty() {
        let port = port.parse().map_err(|_| format!("address {port}: invalid port"))?;
        return Ok((host, port));
    }
    let named = named_port(protocol, port);
    Ok((host, named.ok_or_else(|| format!("lookup {}/{port}: unknown port", protocol.word()))?))
}

/// The port of a service by the machine's list of them; of the most common also without one.
fn named_port(protocol: Protocol, name: &str) -> Option<u16> {
    const KNOWN: [(&str, u16); 4] = [("http", 80), ("https", 443), ("domain", 53), ("ssh", 22)];
    let list = std::fs::read_to_string("/etc/services").unwrap_or_default();
    let known = KNOWN.iter().find(|(known, _)| *known == name && protocol == Protocol::Tcp);
    listed_port(&list, protocol, name).or(known.map(|(_, port)| *port))
}

/// Finds a line `name port/protocol aliases`; behind a `#` are comments.
fn listed_port(list: &str, protocol: Protocol, name: &str) -> Option<u16> {
    list.lines().find_map(|line| {
        let mut words = line.split('#').next()?.split_whitespace();
        let (first, place) = (words.next()?, words.next()?);
        let (port, of) = place.split_once('/')?;
        let is_it = of == protocol.word() && (first == name || words.any(|alias| alias == name));
        if is_it { port.parse().ok() } else { None }
    })
}

/// The addresses of a host, at least one.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let no_such_host = || format!("lookup {host}: no such host");
    let found: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(|_| no_such_host())?.collect();
    if found.is_empty() { Err(no_such_host()) } else { Ok(found) }
}

/// Connects to one of a host's addresses, tried in order.
pub(super) async fn tcp(address: &str) -> Result<TcpStream, String> {
    let (host, port) = host_and_port(Protocol::Tcp, address).map_err(|problem| format!("dial tcp: {problem}"))?;
    let mut failure = String::new();
    for address in resolve(host, port).await.map_err(|problem| format!("dial tcp: {problem}"))? {
        match TcpStream::connect(address).await {
            Ok(stream) => return Ok(stream),
            Err(error) => failure = format!("dial tcp {address}: connect: {}", words(&error)),
        }
    }
    Err(failure)
}

/// An error of the operating system in lower case and without its number, as Go writes it.
pub(super) fn words(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::ConnectionRefused => "connection refused".into(),
        io::ErrorKind::ConnectionReset => "connection reset by peer".into(),
        io::ErrorKind::HostUnreachable => "no route to host".into(),
        io::ErrorKind::NetworkUnreachable => "network is unreachable".into(),
        io::ErrorKind::NotFound => "no such file or directory".into(),
        io::ErrorKind::PermissionDenied => "permission denied".into(),
        io::ErrorKind::UnexpectedEof => "unexpected EOF".into(),
        // What the standard library refuses by itself, such as a NUL in a name; Go has the system's word for it.
        io::ErrorKind::InvalidInput => "invalid argument".into(),
        _ => {
            let text = error.to_string();
            let text = text.split(" (os error ").next().unwrap_or_default();
            let (first, rest) = text.split_at_checked(1).unwrap_or((text, ""));
            first.to_ascii_lowercase() + rest
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        let tcp = |address| host_and_port(Protocol::Tcp, address);
        assert_eq!(tcp("a.b:80"), Ok(("a.b", 80)));
        assert_eq!(tcp("[::1]:80"), Ok(("::1", 80)));
        assert_eq!(tcp(":80"), Ok(("127.0.0.1", 80)));
        assert_eq!(tcp("a:"), Ok(("a", 0)));
        assert_eq!(tcp("a:http"), Ok(("a", 80)));
        for (wrong, words) in [
            ("a", "address a: missing port in address"),
            ("::1", "address ::1: too many colons in address"),
            ("::1:80", "address ::1:80: too many colons in address"),
            ("[::1:80", "address [::1:80: missing port in address"),
            ("a:no-such-service", "lookup tcp/no-such-service: unknown port"),
            ("a:70000", "address 70000: invalid port"),
            ("a:-1", "address -1: invalid port"),
            ("a:-", "lookup tcp/-: unknown port"),
            ("", "address : missing port in address"),
        ] {
            assert_eq!(tcp(wrong), Err(words.to_owned()));
        }
        assert_eq!(host_and_port(Protocol::Udp, "a:x-x"), Err("lookup udp/x-x: unknown port".to_owned()));
    }

    #[test]
    fn services_are_found_in_the_list() {
        let list = "# http 1/tcp\nhttp\t\t80/tcp\twww # 81/tcp\nhttp 82/udp\nodd\n";
        assert_eq!(listed_port(list, Protocol::Tcp, "www"), Some(80));
        assert_eq!(listed_port(list, Protocol::Udp, "http"), Some(82));
        assert_eq!(listed_port(list, Protocol::Tcp, "odd"), None);
    }

    #[test]
    fn errors_of_the_system_are_told_without_their_number() {
        assert_eq!(words(&io::Error::from_raw_os_error(8)), "exec format error");
        assert_eq!(words(&io::Error::from_raw_os_error(20)), "not a directory");
        assert_eq!(words(&io::Error::from(io::ErrorKind::InvalidInput)), "invalid argument");
    }
}
