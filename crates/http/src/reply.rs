//! Answers on their way out: status, headers, body; and refusals, which become one at the last step.

use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use hyper::body::{Frame, SizeHint};
use hyper::header::{self, HeaderName, HeaderValue};
use hyper::{Response, StatusCode};
use tokio::sync::mpsc;

/// An answer.
pub(crate) type Reply = Response<Body>;

/// What a handler gives: an answer now, or one that a parked request waits for.
pub(crate) enum Outcome {
    /// The answer.
    Ready(Reply),
    /// The request is parked: its answer may take minutes.
    Parked(Pin<Box<dyn Future<Output = Reply> + Send>>),
}

/// `Content-Type` of JSON.
pub(crate) const JSON: HeaderValue = HeaderValue::from_static("application/json");
/// `Content-Type` of plain text, as Go's server finds it out.
pub(crate) const TEXT: HeaderValue = HeaderValue::from_static("text/plain; charset=utf-8");

/// The index to wait beyond.
pub(crate) const INDEX: HeaderName = HeaderName::from_static("x-consul-index");
/// Whether a leader is known.
pub(crate) const KNOWN_LEADER: HeaderName = HeaderName::from_static("x-consul-knownleader");
/// For how many milliseconds the answering server has not heard from the leader.
pub(crate) const LAST_CONTACT: HeaderName = HeaderName::from_static("x-consul-lastcontact");
/// The consistency that was in effect.
pub(crate) const EFFECTIVE_CONSISTENCY: HeaderName = HeaderName::from_static("x-consul-effective-consistency");
/// How the answer was found; always the same.
pub(crate) const QUERY_BACKEND: HeaderName = HeaderName::from_static("x-consul-query-backend");
/// What happens without a rule; there are no rules yet.
pub(crate) const DEFAULT_ACL_POLICY: HeaderName = HeaderName::from_static("x-consul-default-acl-policy");
/// A hash of a service's definition, to wait for another one.
pub(crate) const CONTENT_HASH: HeaderName = HeaderName::from_static("x-consul-contenthash");
/// Why the health of a service is what it is.
pub(crate) const REASON: HeaderName = HeaderName::from_static("x-consul-reason");
/// Whether `?cached` was answered from a kept answer.
pub(crate) const X_CACHE: HeaderName = HeaderName::from_static("x-cache");

/// A truth value in a header.
pub(crate) fn truth(value: bool) -> HeaderValue {
    HeaderValue::from_static(if value { "true" } else { "false" })
}

/// The body of an answer.
pub(crate) enum Body {
    /// All of it; perhaps nothing.
    Whole(Bytes),
    /// As it is made. What is sent so tells by itself whether it is complete.
    Pieces(mpsc::Receiver<Bytes>),
    /// As it happens, for as long as the client listens.
    Endless(mpsc::Receiver<Bytes>),
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        match &mut *self {
            Self::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Self::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Self::Pieces(pieces) | Self::Endless(pieces) => {
                pieces.poll_recv(cx).map(|piece| piece.map(|piece| Ok(Frame::data(piece))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        matches!(self, Self::Whole(bytes) if bytes.is_empty())
    }

    fn size_hint(&self) -> SizeHint {
        match self {
            Self::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Self::Pieces(_) | Self::Endless(_) => SizeHint::default(),
        }
    }
}

/// An answer without a body.
pub(crate) fn empty(status: StatusCode) -> Reply {
    whole(status, Bytes::new())
}

/// An answer of plain text.
pub(crate) fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = whole(status, text.into());
    reply.headers_mut().insert(header::CONTENT_TYPE, TEXT);
    reply
}

/// An answer of JSON.
pub(crate) fn json(body: impl Into<Bytes>) -> Reply {
    let mut reply = whole(StatusCode::OK, body.into());
    reply.headers_mut().insert(header::CONTENT_TYPE, JSON);
    reply
}

/// An answer without headers of its own.
pub(crate) fn whole(status: StatusCode, body: Bytes) -> Reply {
    let mut reply = Response::new(Body::Whole(body));
    *reply.status_mut() = status;
    reply
}

/// A request that is not answered as the client hoped. The texts are for the client, and where clients act on them they
/// are Consul's.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Refused {
    /// The status.
    pub(crate) status: StatusCode,
    /// The body.
    pub(crate) text: Cow<'static, str>,
}

impl Refused {
    /// The request is wrong in itself.
    pub(crate) fn bad_request(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, text: text.into() }
    }

    /// The server did not do it. Consul answers so to much that is the client's fault, too.
    pub(crate) fn internal(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::INTERNAL_SERVER_ERROR, text: text.into() }
    }

    /// The body is larger than allowed.
    pub(crate) fn too_large(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::PAYLOAD_TOO_LARGE, text: text.into() }
    }

    /// The server has as much to do as it may.
    pub(crate) fn overloaded(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::TOO_MANY_REQUESTS, text: text.into() }
    }

    /// There is no such thing.
    pub(crate) fn not_found(text: impl Into<Cow<'static, str>>) -> Self {
        Self { status: StatusCode::NOT_FOUND, text: text.into() }
    }

    /// The answer that says so.
    pub(crate) fn into_reply(self) -> Reply {
        let mut reply = match &*self.text {
            "" => empty(self.status),
            _ => text(
                self.status,
                match self.text {
                    Cow::Borrowed(text) => Bytes::from_static(text.as_bytes()),
                    Cow::Owned(text) => Bytes::from(text),
                },
            ),
        };
        if self.status == StatusCode::TOO_MANY_REQUESTS {
            reply.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from_static("1"));
        }
        reply
    }
}
