//! One connection: requests are read by hyper, answered, and parked without it.
//!
//! A client that waits minutes for its answer should cost little. Hyper keeps two buffers and its own machine for each
//! connection, so a request that is parked leaves it: the stream alone is kept with the wait, the answer is written here,
//! and then a fresh hyper takes the stream back.
//!
//! A request is only parked so if nothing is lost by it: it has no body, the connection stays open behind it, and all
//! bytes of earlier answers are out; and the stream is a plain one. Otherwise it waits inside hyper, which costs memory and
//! nothing else. Over TLS, clients may speak HTTP/2 ([`multiplexed`]).

mod attached;
mod head;
mod multiplexed;
mod wire;

use std::io::IoSlice;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use tokio::io::AsyncWriteExt as _;

use crate::server::Shared;
use crate::stream::{Peer, Stream};
use attached::Parked;
use wire::Wire;

/// Serves a connection to its end.
pub(crate) async fn run(server: Arc<Shared>, stream: Stream, peer: Peer) {
    if stream.is_http2() {
        return Box::pin(multiplexed::run(&server, stream, peer)).await;
    }
    let mut wire = Wire::new(stream, Bytes::new());
    // Boxed, so that nothing of it is kept while a request is parked.
    while let Some(parked) = Box::pin(attached::run(&server, wire, peer)).await {
        match detached(&server, parked).await {
            Some(next) => wire = next,
            None => return,
        }
    }
}

/// Waits for the answer of a parked request and writes it. Gives the connection back if it stays open.
async fn detached(server: &Shared, parked: Parked) -> Option<Wire> {
    let Parked { mut stream, rest, answer } = parked;
    let reply = tokio::select! {
        biased;
        reply = answer => reply,
        () = closed(&stream) => return None,
    };
    let stay_open = !server.is_draining();
    let (head, body) = head::encode(reply, stay_open, server.node.host().wall.now_ms());
    let written = write(&mut stream, &head, &body, server.settings.stall_timeout).await;
    if written && stay_open { Some(Wire::new(stream, rest)) } else { None }
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
