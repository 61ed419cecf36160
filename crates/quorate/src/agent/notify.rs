//! Tells systemd how the agent is: ready, reading its configuration again, stopping.
//!
//! A unit with `Type=notify` has a socket whose name is in `NOTIFY_SOCKET`. Without one, nothing is told.

use std::os::linux::net::SocketAddrExt as _;
use std::os::unix::net::{SocketAddr, UnixDatagram};

use rustix::time::{ClockId, clock_gettime};

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
pub(super) fn tell(state: State) {
    let Some(name) = std::env::var_os("NOTIFY_SOCKET") else { return };
    let text = match state {
        State::Ready => "READY=1".to_owned(),
        State::Reloading => {
            let now = clock_gettime(ClockId::Monotonic);
            format!("RELOADING=1\nMONOTONIC_USEC={}", now.tv_sec * 1_000_000 + now.tv_nsec / 1_000)
        }
        State::Stopping => "STOPPING=1".to_owned(),
    };
    let sent = address(&name).and_then(|address| UnixDatagram::unbound()?.send_to_addr(text.as_bytes(), &address));
    if let Err(error) = sent {
        tracing::warn!(%error, socket = ?name, "systemd could not be told how the agent is");
    }
}

/// The address of a socket by its name; behind an `@` it is no file.
fn address(name: &std::ffi::OsStr) -> std::io::Result<SocketAddr> {
    match name.as_encoded_bytes().strip_prefix(b"@") {
        Some(name) => SocketAddr::from_abstract_name(name),
        None => SocketAddr::from_pathname(name),
    }
}
