//! One request over one connection by hyper, without a task of its own: the connection is driven beside the work.

use std::error::Error as _;
use std::future::Future;
use std::io;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::body::{Body, Take};
use super::dial;
use super::output::Tail;

/// The most headers of an answer. hyper's own bound of 100 is below what some frameworks send.
const HEADERS_MAX: usize = 2048;
/// The most bytes of an answer's head, headers included.
const HEAD_BYTES_MAX: usize = 256 << 10;

/// Drives a connection until the work is done.
pub(super) async fn beside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let (mut connection, mut work) = (pin!(connection), pin!(work));
    tokio::select! {
        biased;
        done = &mut work => done,
        // The work sees for itself that the connection has ended.
        _ = &mut connection => work.await,
    }
}

/// What has come of an answer. It outlives the exchange, which may be cut off at any time.
pub(super) struct Received {
    /// The head, once it is there.
    pub(super) head: Option<Response<()>>,
    body: Body,
    bytes_max: usize,
    kept_max: usize,
}

impl Received {
    /// Nothing yet; `bytes_max` bounds what is read of a body, and `kept_max` what of it is kept.
    pub(super) fn new(bytes_max: usize, kept_max: usize) -> Self {
        Self { head: None, body: Body::new(Take::Nothing, bytes_max, kept_max), bytes_max, kept_max }
    }

    /// The end of the body.
    pub(super) fn into_tail(self) -> Tail {
        self.body.into_tail()
    }
}

/// Sends a request by HTTP/1.1. The head of the answer decides what is taken of its body.
pub(super) async fn http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    received: &mut Received,
    take: impl FnOnce(&Response<()>) -> Take,
) -> Result<(), hyper::Error> {
    let mut builder = http1::Builder::new();
    builder.max_headers(HEADERS_MAX).max_header_size(HEAD_BYTES_MAX);
    let (mut sender, connection) = builder.handshake(TokioIo::new(stream)).await?;
    beside(connection, async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        let head = received.head.insert(Response::from_parts(head, ()));
        let take = take(head);
        received.body = Body::new(take, received.bytes_max, received.kept_max);
        if take == Take::Nothing { Ok(()) } else { read(body, &mut received.body).await }
    })
    .await
}

async fn read(mut from: Incoming, to: &mut Body) -> Result<(), hyper::Error> {
    while let Some(frame) = from.frame().await {
        if let Some(bytes) = frame?.data_ref()
            && to.push(bytes).is_err()
        {
            break;
        }
    }
    Ok(())
}

/// Why an exchange failed, as Go's libraries say it.
pub(super) fn words(error: &hyper::Error) -> String {
    if error.is_parse_too_large() {
        return format!("net/http: server response headers exceeded {HEAD_BYTES_MAX} bytes; aborted");
    }
    if error.is_parse() {
        return "net/http: HTTP/1.x transport connection broken: malformed HTTP response".to_owned();
    }
    match io_error(error) {
        Some(error) => dial::words(error),
        None => "EOF".to_owned(),
    }
}

/// The error of the operating system behind another, if it comes from there.
fn io_error(error: &hyper::Error) -> Option<&io::Error> {
    let mut cause = error.source();
    while let Some(error) = cause {
        if let Some(error) = error.downcast_ref() {
            return Some(error);
        }
        cause = error.source();
    }
    None
}
