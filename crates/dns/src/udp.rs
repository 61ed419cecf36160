//! Datagrams: a thread and a socket for each processor.
//!
//! The kernel spreads clients over the sockets of one address (SO_REUSEPORT). A thread of its own, blocked in its
//! socket, costs a query two system calls and no trip through a reactor; it shares nothing with consensus and HTTP, whose
//! runtime thread a flood of questions would hold up otherwise. Reading and sending many datagrams per call (recvmmsg) was
//! measured at 3.5 µs a query against 3.7 µs: not worth the delay of the first of a batch, nor the `unsafe` it takes.

use std::io;
use std::net::UdpSocket;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::Instant;

use crate::datagrams::{Datagrams, Peer};
use crate::respond::Transport;
use crate::service::{Handled, Service, Wait};

/// The largest query that is read; nobody asks that long.
const QUERY_BYTES_MAX: usize = 4_096;
/// How often a thread that nobody asks looks whether it should end, and hands over its measurements.
const IDLE_WAKE: Duration = Duration::from_secs(1);
/// How long a thread waits after an error of its socket that does not go away by itself, such as a lack of memory.
const ERROR_PAUSE: Duration = Duration::from_millis(10);

/// A packet that waits, and where its answer goes.
pub(crate) struct Waiting {
    pub(crate) packet: Vec<u8>,
    pub(crate) wait: Wait,
    pub(crate) peer: Peer,
    pub(crate) socket: Arc<Datagrams>,
}

/// Serves one socket until the service stops. The channel is bounded by the waits that the service grants.
pub(crate) fn serve(service: &Service, socket: UdpSocket, later: &mpsc::UnboundedSender<Waiting>) -> io::Result<()> {
    socket.set_read_timeout(Some(IDLE_WAKE))?;
    let socket = Arc::new(Datagrams::new(socket)?);
    let mut worker = service.worker();
    let mut times = service.metrics().batch();
    let mut packet = [0; QUERY_BYTES_MAX];
    let mut out = Vec::with_capacity(QUERY_BYTES_MAX);
    while !service.is_stopping() {
        let (length, peer) = match socket.receive(&mut packet) {
            Ok(received) => received,
            Err(error) => {
                times.flush();
                pause_after(&error);
                continue;
            }
        };
        let started = Instant::now();
        match worker.handle(&packet[..length], Transport::Udp, peer.ip(), &mut out) {
            Handled::Answered(asked) => {
                // A client that can't be reached is no concern of the others.
                let _ = socket.send(&out, &peer);
                times.record(asked, started.elapsed());
            }
            Handled::Ignored => {}
            Handled::Later(wait) => {
                let packet = packet[..length].to_vec();
                // Without a receiver the server is ending, and the client asks again.
                let _ = later.send(Waiting { packet, wait, peer, socket: socket.clone() });
            }
        }
    }
    Ok(())
}

/// Waits a moment after an error that would come again at once. A time that is over, an interrupt and a client that was
/// not there for its answer are none.
fn pause_after(error: &io::Error) {
    use io::ErrorKind::{ConnectionRefused, Interrupted, TimedOut, WouldBlock};
    if !matches!(error.kind(), WouldBlock | TimedOut | Interrupted | ConnectionRefused) {
        tracing::warn!(%error, "a DNS socket");
        std::thread::sleep(ERROR_PAUSE);
    }
}
