//! Connecting, with the words that Go has for how it fails.

use std::io;
use std::net::SocketAddr;

use tokio::net::TcpStream;

/// Splits `host:port`; an IPv6 address stands in brackets.
pub(super) fn host_and_port(address: &str) -> Result<(&str, u16), String> {
    let missing = || format!("address {address}: missing port in address");
    let (host, port) = address.rsplit_once(':').ok_or_else(missing)?;
    let host = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').ok_or_else(missing)?,
        None if host.contains(':') => return Err(format!("address {address}: too many colons in address")),
        None => host,
    };
    let port = port.parse().map_err(|_| format!("lookup tcp/{port}: unknown port"))?;
    Ok((if host.is_empty() { "127.0.0.1" } else { host }, port))
}

/// The addresses of a host, at least one.
pub(super) async fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>, String> {
    let no_such_host = || format!("lookup {host}: no such host");
    let found: Vec<_> = tokio::net::lookup_host((host, port)).await.map_err(|_| no_such_host())?.collect();
    if found.is_empty() { Err(no_such_host()) } else { Ok(found) }
}

/// Connects to one of a host's addresses, tried in order.
pub(super) async fn tcp(address: &str) -> Result<TcpStream, String> {
    let (host, port) = host_and_port(address).map_err(|problem| format!("dial tcp: {problem}"))?;
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
        _ => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart() {
        assert_eq!(host_and_port("a.b:80"), Ok(("a.b", 80)));
        assert_eq!(host_and_port("[::1]:80"), Ok(("::1", 80)));
        assert_eq!(host_and_port(":80"), Ok(("127.0.0.1", 80)));
        for wrong in ["a", "::1", "::1:80", "[::1:80", "a:x", "a:70000", ""] {
            assert!(host_and_port(wrong).is_err(), "{wrong}");
        }
    }
}
