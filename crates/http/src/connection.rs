//! One connection: requests are read by hyper, answered, and parked without it.
//!
//! A client that waits minutes for its answer should cost little. Hyper keeps two buffers and its own machine for each
//! connection, so a request that is parked leaves it: the stream alone is kept with the wait, the answer is written here,
//! and then a fresh hyper takes the stream back.
//!
//! A request is only parked so if nothing is lost by it: it has no body, the connection stays open behind it, and all
//! bytes of earlier answers are out. Otherwise it waits inside hyper, which costs memory and nothing else.
//!
//! For the same reason a connection meets hyper only when its client has said something, and leaves it again when the
//! client has been quiet for some time.

mod attached;
mod head;
mod wire;

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;
use tokio::time::Instant;

use crate::server::{ConnectionGuard, Shared, stopping};
use attached::{Left, Parked};
use wire::Wire;

/// Serves a connection to its end, and gives its place back then.
pub(crate) async fn run(server: Arc<Shared>, stream: TcpStream, _place: ConnectionGuard) {
    let mut left = Some(Left::Quiet { stream, since: Instant::now() });
    // Each step is boxed, so that none takes room while another waits.
    while let Some(last) = left {
        let next = match last {
            Left::Quiet { stream, since } => Box::pin(next_request(&server, stream, since)).await,
            Left::Parked(parked) => Box::pin(detached(&server, parked)).await,
        };
        left = match next {
            Some(Next::Request(wire)) => Box::pin(attached::run(&server, wire)).await,
            Some(Next::Quiet(stream)) => Some(Left::Quiet { stream, since: Instant::now() }),
            None => None,
        };
    }
}

/// What comes after a wait outside of hyper.
enum Next {
    /// Something has arrived.
    Request(Wire),
    /// Nothing has arrived yet.
    Quiet(TcpStream),
}

/// Waits for the first byte of a request on a connection that has been quiet since then. `None` if none comes in time, or
/// the server stops first.
async fn next_request(server: &Shared, stream: TcpStream, since: Instant) -> Option<Next> {
    let mut draining = server.draining.subscribe();
    let arrived = tokio::select! {
        readable = stream.readable() => readable.is_ok(),
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
async fn closed(stream: &TcpStream) {
    if let Ok(1..) = stream.peek(&mut [0]).await {
        std::future::pending::<()>().await;
    }
}

/// Writes an answer; `false` if the client did not take it.
async fn write(stream: &mut TcpStream, head: &[u8], body: &[u8], stall_timeout: Duration) -> bool {
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
