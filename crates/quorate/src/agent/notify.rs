//! Tells systemd how the agent is: ready, reading its configuration again, stopping.
//!
//! A unit with `Type=notify` has a socket whose name is in `NOTIFY_SOCKET`. Without one, nothing is told.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::SocketAddr;
use std::time::Duration;

use rustix::time::{ClockId, clock_gettime};
use tokio::net::UnixDatagram;

/// How long systemd may take to take it: it reads its socket all the time.
const TIMEOUT: Duration = Duration::from_secs(1);

/// What is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// Requests are answered.
    Ready,
    /// The configuration is being read again; `Ready` follows.
    Reloading,
    /// The end has begun.
    Stopping,
}

/// Tells the state to whoever started the agent, if it wants to know.
pub(super) async fn tell(state: State) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let text = match state {
        State::Ready => "READY=1".to_owned(),
        State::Reloading => {
            let now = clock_gettime(ClockId::Monotonic);
            format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)
        }
        State::Stopping => "STOPPING=1".to_owned(),
    };
    let sent = tokio::time::timeout(TIMEOUT, send(&name, &text)).await;
    if let Err(error) = sent.unwrap_or_else(|_| Err(std::io::ErrorKind::TimedOut.into())) {
        tracing::warn!(%error, socket = ?name, "systemd could not be told how the agent is");
    }
}

/// Sends to a socket, whose queue may be full.
async fn send(name: &std::ffi::OsStr, text: &str) -> std::io::Result<()> {
    let socket = std::os::unix::net::UnixDatagram::unbound()?;
    socket.set_nonblocking(true)?;
    socket.connect_addr(&address(name)?)?;
    UnixDatagram::from_std(socket)?.send(text.as_bytes()).await.map(drop)
}

/// The address of a socket by its name; behind an `@` it is no file.
fn address(name: &std::ffi::OsStr) -> std::io::Result<SocketAddr> {
    match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}
