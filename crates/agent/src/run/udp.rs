//! UDP: sends an empty datagram and passes unless somebody objects in the time given: an answer, or silence, will do. So
//! it tells a closed port on a reachable host from an open one, and nothing more. Consul waits for an answer without end.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use tokio::net::UdpSocket;

use super::{critical, dial, passing};
use crate::machine::RunResult;

pub(super) async fn run(address: &str, timeout: Duration) -> RunResult {
    let (socket, peer) = match open(address).await {
        Ok(opened) => opened,
        Err(problem) => return critical(problem),
    };
    let exchange = async {
        socket.send(&[]).await?;
        socket.recv(&mut [0]).await
    };
    match tokio::time::timeout(timeout, exchange).await {
        Err(_) | Ok(Ok(_)) => passing(format!("UDP connect {address}: Success")),
        Ok(Err(error)) => {
            let local = socket.local_addr().map_or_else(|_| "?".to_owned(), |local| local.to_string());
            critical(format!("read udp {local}->{peer}: read: {}", dial::words(&error)))
        }
    }
}

async fn open(address: &str) -> Result<(UdpSocket, SocketAddr), String> {
    let wrong = |problem: String| format!("dial udp: {problem}");
    let (host, port) = dial::host_and_port(dial::Protocol::Udp, address).map_err(wrong)?;
    let peers = dial::resolve(host, port).await.map_err(wrong)?;
    let Some(&peer) = peers.first() else { return Err(wrong(format!("lookup {host}: no such host"))) };
    let any: SocketAddr = match peer {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED, 0).into(),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED, 0).into(),
    };
    let failed = |error: std::io::Error| format!("dial udp {peer}: {}", dial::words(&error));
    let socket = UdpSocket::bind(any).await.map_err(failed)?;
    socket.connect(peer).await.map_err(failed)?;
    Ok((socket, peer))
}
