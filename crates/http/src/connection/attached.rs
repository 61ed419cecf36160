//! A connection while hyper has it: requests are dispatched, slow clients are dropped, parked requests and quiet
//! connections leave.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use hyper::body::{Body as _, Frame, Incoming, SizeHint};
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Response, Version};
use tokio::time::Instant;

use super::wire::{Answer, Traffic, Waiting, Wire};
use crate::dispatch;
use crate::reply::{Body, Outcome};
use crate::settings::Settings;
use crate::shared::{Shared, stopping};
use crate::stream::{Peer, Stream};

/// What has left hyper.
pub(super) enum Left {
    /// A request that waits for its answer.
    Parked(Parked),
    /// A connection whose client has asked nothing since then.
    Quiet { stream: Stream, since: Instant },
    /// One that was thought quiet, and the beginning of a next request was in hyper's buffer.
    Begun(Wire),
}

/// A request that has left hyper.
pub(super) struct Parked {
    /// Its connection.
    pub(super) stream: Stream,
    /// What the client sent behind it.
    pub(super) rest: Bytes,
    /// Its answer.
    pub(super) answer: Answer,
}

/// The most headers of a request: hyper's own number, of which its parser keeps room on the stack.
const HEADERS_MAX: usize = 100;
/// The smallest bound of a head that hyper takes, in bytes.
const HEAD_BYTES_FLOOR: usize = 8 << 10;

/// How often a connection looks at what it waits for. A client that asks more often than that never leaves hyper, whose
/// making costs half a request; one that asks less often costs no buffers in between.
const LOOK: Duration = Duration::from_millis(100);

/// How late the end of a time-out may be noticed on a connection that can't leave hyper, as a part of the shortest.
const LOOKS_IN_HEAD_TIMEOUT: u32 = 4;

/// Serves requests until the connection ends, a request is parked or none comes for some time.
pub(super) async fn run(server: &Arc<Shared>, wire: Wire, peer: Peer) -> Option<Left> {
    let is_plain = wire.is_plain();
    let traffic = wire.traffic();
    let service = {
        let (server, traffic) = (server.clone(), traffic.clone());
        service_fn(move |request| {
            let can_leave = is_plain && can_leave(&request);
            // Before hyper reads again, which depends on it.
            traffic.begin(can_leave);
            serve(server.clone(), traffic.clone(), peer, can_leave, request)
        })
    };
    let mut builder = http1::Builder::new();
    let head_bytes_max = server.in_force().terms.head_bytes_max.max(HEAD_BYTES_FLOOR);
    builder.title_case_headers(true).max_headers(HEADERS_MAX).max_buf_size(head_bytes_max).header_read_timeout(None);
    let mut connection = Box::new(builder.serve_connection(wire, service));
    let mut draining = server.draining.subscribe();
    let mut is_stopping = false;
    let mut patience = Patience::new(traffic.waiting());
    // One that can't leave is only looked at for its time-outs, of which that is the shortest.
    let look = if is_plain { LOOK } else { (server.settings.head_timeout / LOOKS_IN_HEAD_TIMEOUT).max(LOOK) };
    let answer = loop {
        tokio::select! {
            biased;
            left = std::future::poll_fn(|cx| poll(&mut connection, &traffic, cx)) => break Some(left?),
            () = stopping(&mut draining), if !is_stopping => {
                is_stopping = true;
                Pin::new(&mut *connection).graceful_shutdown();
            }
            () = tokio::time::sleep(look) => {
                let waiting = traffic.waiting();
                if patience.is_over(waiting, &server.settings) {
                    return None;
                }
                // It was quiet already when this was looked at last.
                if !patience.is_fresh() && traffic.is_between_requests() {
                    break None;
                }
            }
        }
    };
    let parts = connection.into_parts();
    let (stream, rest) = parts.io.into_parts(&parts.read_buf);
    Some(match answer {
        Some(answer) => Left::Parked(Parked { stream, rest, answer }),
        None if !rest.is_empty() => Left::Begun(Wire::new(stream, rest)),
        None => Left::Quiet { stream, since: patience.since },
    })
}

/// Drives hyper. Ready with nothing when the connection has ended, or with the answer that a request left hyper for.
fn poll<S>(connection: &mut http1::Connection<Wire, S>, traffic: &Traffic, cx: &mut Context<'_>) -> Poll<Option<Answer>>
where
    S: HttpService<Incoming, ResBody = Sent, Error = Infallible>,
{
    match Pin::new(connection).poll(cx) {
        Poll::Ready(ended) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke off");
            }
            Poll::Ready(None)
        }
        Poll::Pending if traffic.is_deserted() => Poll::Ready(None),
        Poll::Pending => traffic.take_parked().map_or(Poll::Pending, |answer| Poll::Ready(Some(answer))),
    }
}

async fn serve(
    server: Arc<Shared>,
    traffic: Arc<Traffic>,
    peer: Peer,
    can_leave: bool,
    request: Request<Incoming>,
) -> Result<Response<Sent>, Infallible> {
    let reply = match dispatch::answer(server, peer, request).await {
        Outcome::Ready(reply) => reply,
        Outcome::Parked(answer) if can_leave => {
            traffic.wait_long();
            traffic.park(answer);
            std::future::pending().await
        }
        Outcome::Parked(answer) => {
            traffic.wait_long();
            answer.await
        }
    };
    let is_made = matches!(reply.body(), Body::Whole(_));
    if matches!(reply.body(), Body::Endless(_)) {
        traffic.wait_long();
    }
    let making = Making(traffic);
    Ok(reply.map(|body| Sent { body, _making: (!is_made).then_some(making) }))
}

/// A body on its way out; one that is not made yet keeps the connection with its request.
struct Sent {
    body: Body,
    _making: Option<Making>,
}

impl hyper::body::Body for Sent {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        Pin::new(&mut self.body).poll_frame(cx)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// An answer that is being made: its request is over when this is.
struct Making(Arc<Traffic>);

impl Drop for Making {
    fn drop(&mut self) {
        self.0.end();
    }
}

/// Whether the connection stays open behind the request and all of the request has arrived.
fn can_leave(request: &Request<Incoming>) -> bool {
    let closes = |value: &hyper::header::HeaderValue| {
        value.to_str().is_ok_and(|text| text.split(',').any(|option| option.trim().eq_ignore_ascii_case("close")))
    };
    request.version() == Version::HTTP_11
        && request.body().is_end_stream()
        && !request.headers().get_all(CONNECTION).iter().any(closes)
}

/// How long the client has kept the connection waiting for the same thing.
struct Patience {
    waiting: Waiting,
    since: Instant,
    /// Whether it waited for something else when it was looked at last.
    fresh: bool,
}

impl Patience {
    fn new(waiting: Waiting) -> Self {
        Self { waiting, since: Instant::now(), fresh: true }
    }

    fn is_fresh(&self) -> bool {
        self.fresh
    }

    /// Looks at what the connection waits for now; whether it has for too long.
    fn is_over(&mut self, waiting: Waiting, settings: &Settings) -> bool {
        if self.waiting != waiting {
            *self = Self::new(waiting);
            return false;
        }
        self.fresh = false;
        let limit = match waiting {
            Waiting::Request => settings.idle_timeout,
            Waiting::Head => settings.head_timeout,
            Waiting::Client { .. } => settings.stall_timeout,
            // Handlers have limits of their own.
            Waiting::Handler => return false,
        };
        self.since.elapsed() >= limit
    }
}
