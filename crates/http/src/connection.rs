//! One connection: requests are read by hyper, answered, and parked without it.
//!
//! A client that waits minutes for its answer should cost little. Hyper keeps two buffers and its own machine for each
//! connection, so a request that is parked leaves it: the stream alone is kept with the wait, the answer is written here,
//! and then a fresh hyper takes the stream back.
//!
//! A request is only parked so if nothing is lost by it: it has no body, the connection stays open behind it, and all
//! bytes of earlier answers are out; and the stream is a plain one. Otherwise it waits inside hyper, which costs memory and
//! nothing else. Over TLS, clients may speak HTTP/2 ([`multiplexed`]).
//!
//! For the same reason a plain connection meets hyper only when its client has said something, and leaves it again when
//! the client has been quiet for some time.

mod attached;
mod head;
mod multiplexed;
mod request_line;
mod wire;

use std::io::IoSlice;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use bytes::Bytes;
use quorate_base::clients::ClientGuard;
use tokio::io::AsyncWriteExt as _;
use tokio::time::Instant;

use crate::shared::{Shared, stopping};
use crate::stream::{Arrival, Peer, Stream};
use attached::{Left, Parked};
use wire::Wire;

/// Serves a connection to its end, and gives its places back then.
pub(crate) async fn run(
    server: Arc<Shared>,
    arrival: Arrival,
    peer: Peer,
    _place: ConnectionGuard,
    _place_of_client: ClientGuard,
) {
    // Each step is boxed, so that none takes room while another waits.
    let Some(stream) = Box::pin(begin(&server, arrival, peer)).await else { return };
    if stream.is_http2() {
        return Box::pin(multiplexed::run(&server, stream, peer)).await;
    }
    let mut left = Some(Left::Quiet { stream, since: Instant::now() });
    while let Some(last) = left {
        let next = match last {
            Left::Begun(wire) => Some(Next::Request(wire)),
            Left::Quiet { stream, since } => Box::pin(next_request(&server, stream, since)).await,
            Left::Parked(parked) => Box::pin(detached(&server, parked)).await,
        };
        left = match next {
            Some(Next::Request(wire)) => Box::pin(attached::run(&server, wire, peer)).await,
            Some(Next::Quiet(stream)) => Some(Left::Quiet { stream, since: Instant::now() }),
            None => None,
        };
    }
}

/// Begins TLS if it is spoken.
async fn begin(server: &Shared, arrival: Arrival, peer: Peer) -> Option<Stream> {
    let handshake_timeout = server.in_force().terms.handshake_timeout;
    match tokio::time::timeout(handshake_timeout, arrival.open()).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, ?peer, "a connection did not begin"),
        Err(_) => tracing::debug!(?peer, "a client took too long to begin TLS"),
    }
    None
}

/// What comes after a wait outside of hyper.
enum Next {
    /// Something has arrived.
    Request(Wire),
    /// Nothing has arrived yet.
    Quiet(Stream),
}

/// Waits for the first byte of a request on a connection that has been quiet since then. `None` if none comes in time, or
/// the server stops first. Only a plain stream can be looked into.
async fn next_request(server: &Shared, stream: Stream, since: Instant) -> Option<Next> {
    let Some(plain) = stream.as_tcp() else { return Some(Next::Request(Wire::new(stream, Bytes::new()))) };
    let mut draining = server.draining.subscribe();
    let arrived = tokio::select! {
        readable = plain.readable() => readable.is_ok(),
        () = stopping(&mut draining) => false,
        () = tokio::time::sleep_until(since + server.settings.idle_timeout) => false,
    };
    arrived.then(|| Next::Request(Wire::new(stream, Bytes::new())))
}

/// Waits for the answer of a parked request and writes it. Gives the connection back if it stays open.
async fn detached(server: &Shared, parked: Parked) -> Option<Next> {
    let Parked { mut stream, rest, answer } = parked;
    let reply = tokio::select! {
        biased;
        reply = answer => reply,
        () = closed(&stream) => return None,
    };
    let stay_open = !server.is_draining();
    // Boxed, so that the long wait before it takes no room for it.
    let written = Box::pin(async {
        let (head, body) = head::encode(reply, stay_open, server.node.host().wall.now_ms());
        write(&mut stream, &head, &body, server.settings.stall_timeout).await
    });
    let written = written.await;
    if !written || !stay_open {
        return None;
    }
    Some(if rest.is_empty() { Next::Quiet(stream) } else { Next::Request(Wire::new(stream, rest)) })
}

/// Resolves when the client has closed its side. More bytes are a next request, which has to wait for the first answer.
/// Only a plain stream is parked: the others can't be looked into.
async fn closed(stream: &Stream) {
    let Some(stream) = stream.as_tcp() else { return std::future::pending().await };
    if let Ok(1..) = stream.peek(&mut [0]).await {
        std::future::pending::<()>().await;
    }
}

/// Writes an answer; `false` if the client did not take it.
async fn write(stream: &mut Stream, head: &[u8], body: &[u8], stall_timeout: Duration) -> bool {
    let mut written = 0;
    while written < head.len() + body.len() {
        let rest_of_head = head.get(written..).unwrap_or(&[]);
        let rest_of_body = &body[written.saturating_sub(head.len())..];
        let rest = [IoSlice::new(rest_of_head), IoSlice::new(rest_of_body)];
        match tokio::time::timeout(stall_timeout, stream.write_vectored(&rest)).await {
            Ok(Ok(count @ 1..)) => written += count,
            _ => return false,
        }
    }
    true
}

/// Counts a connection for as long as it lives.
pub(crate) struct ConnectionGuard(Arc<Shared>);

impl ConnectionGuard {
    pub(crate) fn enter(shared: &Arc<Shared>) -> Option<Self> {
        if shared.connections.fetch_add(1, Ordering::Relaxed) >= shared.settings.connections_max {
            shared.connections.fetch_sub(1, Ordering::Relaxed);
            return None;
        }
        Some(Self(shared.clone()))
    }
}

impl Drop for ConnectionGuard {
    fn drop(&mut self) {
        self.0.connections.fetch_sub(1, Ordering::Relaxed);
    }
}
