//! A connection that speaks HTTP/2. Its requests wait inside hyper: many of them share the one connection.

use std::convert::Infallible;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONNECTION, CONTENT_LENGTH};
use hyper::rt::Executor;
use hyper::server::conn::http2;
use hyper::service::service_fn;
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioIo, TokioTimer};
use quorate_base::Host;
use quorate_base::clients::ClientGuard;
use tokio::time::Instant;

use crate::dispatch;
use crate::reply::{Body, Guarded, Refused, Reply};
use crate::routes::Outcome;
use crate::server::{Shared, stopping};
use crate::stream::{Peer, Stream};

/// How many requests may be under way at once on a connection; as many as Go's server allows.
const STREAMS_MAX: u32 = 250;

/// HTTP/2 counts 32 bytes more for each header. As many are allowed for ten headers, as by Go's server.
fn header_list_bytes_max(head_bytes_max: usize) -> u32 {
    u32::try_from(head_bytes_max.saturating_add(10 * 32)).unwrap_or(u32::MAX)
}

/// Hyper's tasks, on the server's host.
#[derive(Clone)]
struct Tasks(Host);

impl<F: Future<Output = ()> + Send + 'static> Executor<F> for Tasks {
    fn execute(&self, task: F) {
        self.0.spawn(task);
    }
}

/// Serves requests until the connection ends, or until it has been idle for too long.
pub(super) async fn run(server: &Arc<Shared>, stream: Stream, peer: Peer) {
    let under_way = Arc::new(AtomicUsize::new(0));
    let service = {
        let (server, under_way) = (server.clone(), under_way.clone());
        service_fn(move |request| serve(server.clone(), under_way.clone(), peer, request))
    };
    let mut builder = http2::Builder::new(Tasks(server.node.host().clone()));
    builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    builder.max_header_list_size(header_list_bytes_max(server.in_force().terms.head_bytes_max));
    // A client that has gone away without a word is noticed by its silence.
    builder.keep_alive_interval(server.settings.stall_timeout).keep_alive_timeout(server.settings.stall_timeout);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut draining = server.draining.subscribe();
    let mut is_stopping = false;
    let mut idle_since = Instant::now();
    loop {
        tokio::select! {
            biased;
            ended = connection.as_mut() => {
                if let Err(error) = ended {
                    tracing::debug!(%error, "a connection broke off");
                }
                return;
            }
            () = stopping(&mut draining), if !is_stopping => {
                is_stopping = true;
                connection.as_mut().graceful_shutdown();
            }
            () = tokio::time::sleep(server.settings.head_timeout) => {
                if under_way.load(Ordering::Relaxed) > 0 {
                    idle_since = Instant::now();
                } else if idle_since.elapsed() >= server.settings.idle_timeout {
                    if is_stopping {
                        // Hyper waits for a client that never began, and for one that does not read its answer.
                        return;
                    }
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// Counts a request for as long as it is under way, to the end of its answer.
struct UnderWay(Arc<AtomicUsize>);

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

async fn serve(
    server: Arc<Shared>,
    under_way: Arc<AtomicUsize>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response<Guarded<(UnderWay, Option<ClientGuard>)>>, Infallible> {
    under_way.fetch_add(1, Ordering::Relaxed);
    let counted = UnderWay(under_way);
    let is_head = request.method() == Method::HEAD;
    let Some(place) = server.enter_stream(peer) else {
        let refused = Refused::overloaded("This client has as many requests under way as it may have.\n");
        return Ok(Guarded::reply(refused.into_reply(), (counted, None)));
    };
    let mut reply = match dispatch::answer(server, peer, request).await {
        Outcome::Ready(reply) => reply,
        Outcome::Parked(answer) => answer.await,
    };
    // HTTP/2 has no such header: its connections are closed by other means.
    reply.headers_mut().remove(CONNECTION);
    if is_head {
        leave_out_body(&mut reply);
    }
    Ok(Guarded::reply(reply, (counted, Some(place))))
}

/// Tells the length of a body and leaves it out, which hyper does for HTTP/1.1 alone.
fn leave_out_body(reply: &mut Reply) {
    if let Some(length) = reply.body().size_hint().exact() {
        reply.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    *reply.body_mut() = Body::Whole(Bytes::new());
}
