//! A connection while hyper has it: requests are dispatched, quiet clients are dropped, parked requests leave.

use std::convert::Infallible;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Body as _, Incoming};
use hyper::header::CONNECTION;
use hyper::server::conn::http1;
use hyper::service::{HttpService, service_fn};
use hyper::{Request, Version};
use tokio::time::Instant;

use super::wire::{Answer, Traffic, Waiting, Wire};
use crate::dispatch;
use crate::reply::{Body, Reply};
use crate::routes::Outcome;
use crate::server::{Shared, stopping};
use crate::settings::Settings;
use crate::stream::{Peer, Stream};

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
/// The largest head of a request in bytes: the longest path with a few long headers. Go allows 1 MiB; what is that long
/// is no question that a server of Consul's API can answer.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// Serves requests until the connection ends or a request is parked.
pub(super) async fn run(server: &Arc<Shared>, wire: Wire, peer: Peer) -> Option<Parked> {
    let is_plain = wire.is_plain();
    let traffic = wire.traffic();
    let service = {
        let (server, traffic) = (server.clone(), traffic.clone());
        service_fn(move |request| serve(server.clone(), traffic.clone(), peer, is_plain, request))
    };
    let mut builder = http1::Builder::new();
    builder.title_case_headers(true).max_headers(HEADERS_MAX).max_buf_size(HEAD_BYTES_MAX).header_read_timeout(None);
    let mut connection = Box::new(builder.serve_connection(wire, service));
    let mut draining = server.draining.subscribe();
    let mut is_stopping = false;
    let mut patience = Patience::new(traffic.waiting());
    let answer = loop {
        tokio::select! {
            biased;
            left = std::future::poll_fn(|cx| poll(&mut connection, &traffic, cx)) => break left?,
            () = stopping(&mut draining), if !is_stopping => {
                is_stopping = true;
                Pin::new(&mut *connection).graceful_shutdown();
            }
            () = tokio::time::sleep(server.settings.head_timeout) => {
                if patience.is_over(traffic.waiting(), &server.settings) {
                    return None;
                }
            }
        }
    };
    let parts = connection.into_parts();
    // Also an empty rest of hyper's buffer would hold all of it.
    let rest = Bytes::copy_from_slice(&parts.read_buf);
    Some(Parked { stream: parts.io.into_stream(), rest, answer })
}

/// Drives hyper. Ready with nothing when the connection has ended, or with the answer that a request left hyper for.
fn poll<S>(connection: &mut http1::Connection<Wire, S>, traffic: &Traffic, cx: &mut Context<'_>) -> Poll<Option<Answer>>
where
    S: HttpService<Incoming, ResBody = Body, Error = Infallible>,
{
    match Pin::new(connection).poll(cx) {
        Poll::Ready(ended) => {
            if let Err(error) = ended {
                tracing::debug!(%error, "a connection broke off");
            }
            Poll::Ready(None)
        }
        Poll::Pending => traffic.take_parked().map_or(Poll::Pending, |answer| Poll::Ready(Some(answer))),
    }
}

async fn serve(
    server: Arc<Shared>,
    traffic: Arc<Traffic>,
    peer: Peer,
    is_plain: bool,
    request: Request<Incoming>,
) -> Result<Reply, Infallible> {
    traffic.begin();
    let can_leave = is_plain && can_leave(&request);
    let reply = match dispatch::answer(server, peer, request).await {
        Outcome::Ready(reply) => reply,
        Outcome::Parked(answer) if can_leave => {
            traffic.park(answer);
            std::future::pending().await
        }
        Outcome::Parked(answer) => answer.await,
    };
    traffic.end();
    Ok(reply)
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
}

impl Patience {
    fn new(waiting: Waiting) -> Self {
        Self { waiting, since: Instant::now() }
    }

    /// Looks at what the connection waits for now; whether it has for too long.
    fn is_over(&mut self, waiting: Waiting, settings: &Settings) -> bool {
        if self.waiting != waiting {
            *self = Self::new(waiting);
            return false;
        }
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
