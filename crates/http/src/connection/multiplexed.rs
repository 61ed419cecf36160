//! A connection that speaks HTTP/2. Its requests wait inside hyper: many of them share the one connection.

use std::convert::Infallible;
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
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
use crate::reply::{Body, Outcome, Refused, Reply};
use crate::shared::{Shared, stopping};
use crate::stream::{Peer, Stream};

/// How many requests may be under way at once on a connection; as many as Go's server allows.
const STREAMS_MAX: u32 = 250;

/// How much of an answer is given to hyper at once. It keeps what it was given whether the client has room for it or not,
/// and takes the next piece when there is room.
const PIECE_BYTES: usize = 16 << 10;

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

/// Serves requests until the connection ends, until it has been idle for too long, or until its client has read nothing
/// for too long.
pub(super) async fn run(server: &Arc<Shared>, stream: Stream, peer: Peer) {
    let progress = Arc::new(Progress::default());
    let service = {
        let (server, progress) = (server.clone(), progress.clone());
        service_fn(move |request| serve(server.clone(), progress.clone(), peer, request))
    };
    let settings = &server.settings;
    let mut builder = http2::Builder::new(Tasks(server.node.host().clone()));
    builder.timer(TokioTimer::new()).max_concurrent_streams(STREAMS_MAX);
    builder.max_header_list_size(header_list_bytes_max(server.in_force().terms.head_bytes_max));
    // A client that has gone away without a word is noticed by its silence.
    builder.keep_alive_interval(settings.stall_timeout).keep_alive_timeout(settings.stall_timeout);
    let mut connection = pin!(builder.serve_connection(TokioIo::new(stream), service));
    let mut draining = server.draining.subscribe();
    let mut is_stopping = false;
    let mut patience = Patience::new();
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
            () = tokio::time::sleep(settings.head_timeout) => {
                patience.look(&progress);
                if patience.read_nothing_for() >= settings.stall_timeout {
                    tracing::debug!(?peer, "a client does not read its answers");
                    return;
                }
                if patience.asked_nothing_for() >= settings.idle_timeout {
                    if is_stopping {
                        // Hyper waits for a client that never began.
                        return;
                    }
                    is_stopping = true;
                    connection.as_mut().graceful_shutdown();
                }
            }
        }
    }
}

/// What the requests of a connection do.
#[derive(Default)]
struct Progress {
    /// Requests that are under way, to the end of their answers.
    under_way: AtomicUsize,
    /// Answers that hyper has not taken to their end yet, though all of them is there.
    unsent: AtomicUsize,
    /// How often hyper took a piece of one.
    pieces: AtomicU64,
}

/// How long a client has kept the connection waiting.
struct Patience {
    asked: Instant,
    read: Instant,
    pieces: u64,
}

impl Patience {
    fn new() -> Self {
        let now = Instant::now();
        Self { asked: now, read: now, pieces: 0 }
    }

    fn look(&mut self, progress: &Progress) {
        let pieces = progress.pieces.load(Ordering::Relaxed);
        if pieces != self.pieces || progress.unsent.load(Ordering::Relaxed) == 0 {
            self.pieces = pieces;
            self.read = Instant::now();
        }
        if progress.under_way.load(Ordering::Relaxed) > 0 {
            self.asked = Instant::now();
        }
    }

    fn read_nothing_for(&self) -> Duration {
        self.read.elapsed()
    }

    fn asked_nothing_for(&self) -> Duration {
        self.asked.elapsed()
    }
}

async fn serve(
    server: Arc<Shared>,
    progress: Arc<Progress>,
    peer: Peer,
    request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    let counted = UnderWay::new(progress);
    let is_head = request.method() == Method::HEAD;
    let Some(place) = server.enter_stream(peer) else {
        let refused = Refused::overloaded("This client has as many requests under way as it may have.\n");
        return Ok(refused.into_reply().map(|body| Sent::new(body, counted, None)));
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
    Ok(reply.map(|body| Sent::new(body, counted, Some(place))))
}

/// Tells the length of a body and leaves it out, which hyper does for HTTP/1.1 alone.
fn leave_out_body(reply: &mut Reply) {
    if let Some(length) = reply.body().size_hint().exact() {
        reply.headers_mut().entry(CONTENT_LENGTH).or_insert(length.into());
    }
    *reply.body_mut() = Body::Whole(Bytes::new());
}

/// Counts a request for as long as it is under way, to the end of its answer.
struct UnderWay(Arc<Progress>);

impl UnderWay {
    fn new(progress: Arc<Progress>) -> Self {
        progress.under_way.fetch_add(1, Ordering::Relaxed);
        Self(progress)
    }
}

impl Drop for UnderWay {
    fn drop(&mut self) {
        self.0.under_way.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A body on its way out, with the places that its request has.
struct Sent {
    body: Body,
    /// Whether all of it is there already, so that only the client can hold it up.
    is_made: bool,
    counted: UnderWay,
    _place: Option<ClientGuard>,
}

impl Sent {
    fn new(body: Body, counted: UnderWay, place: Option<ClientGuard>) -> Self {
        let is_made = matches!(body, Body::Whole(_));
        if is_made {
            counted.0.unsent.fetch_add(1, Ordering::Relaxed);
        }
        Self { body, is_made, counted, _place: place }
    }
}

impl Drop for Sent {
    fn drop(&mut self) {
        if self.is_made {
            self.counted.0.unsent.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        self.counted.0.pieces.fetch_add(1, Ordering::Relaxed);
        match &mut self.body {
            Body::Whole(rest) if rest.len() > PIECE_BYTES => {
                Poll::Ready(Some(Ok(Frame::data(rest.split_to(PIECE_BYTES)))))
            }
            body => Pin::new(body).poll_frame(cx),
        }
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
