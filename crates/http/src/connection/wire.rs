//! The stream under hyper, which counts what passes so that the connection knows when it may leave hyper, and when the
//! client has gone quiet. Request lines that hyper would refuse and Go takes are escaped on their way ([`RequestLines`]).

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, ready};

use bytes::Bytes;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, ReadBuf};

use super::request_line::RequestLines;
use crate::reply::Reply;
use crate::stream::Stream;

/// An answer that is yet to come.
pub(super) type Answer = Pin<Box<dyn Future<Output = Reply> + Send>>;

/// A stream, with bytes in front of it that were read already.
pub(super) struct Wire {
    stream: TokioIo<Stream>,
    /// The rest of what was escaped, for which hyper had no room.
    escaped: Bytes,
    before: Bytes,
    lines: RequestLines,
    traffic: Arc<Traffic>,
}

/// What passed over a connection, and what its request is doing. Only its own task writes it.
#[derive(Default)]
pub(super) struct Traffic {
    /// How often something was read.
    reads: AtomicU64,
    /// How often that was when the last request was answered: more is the beginning of a next one.
    reads_accounted: AtomicU64,
    bytes_written: AtomicU64,
    /// Whether hyper has been writing and has not yet said that all of it is out.
    unflushed: AtomicBool,
    handling: AtomicBool,
    /// Whether the client has said that nothing more comes.
    ended: AtomicBool,
    /// Whether the request waits inside hyper for an answer that may be minutes away.
    waits_long: AtomicBool,
    /// Whether the last request had no body and the connection stays open behind it: all of it has been read then.
    whole: AtomicBool,
    parked: Mutex<Option<Answer>>,
}

impl Wire {
    pub(super) fn new(stream: Stream, before: Bytes) -> Self {
        Self {
            stream: TokioIo::new(stream),
            escaped: Bytes::new(),
            before,
            lines: RequestLines::default(),
            traffic: Arc::default(),
        }
    }

    /// Whether the stream is plain TCP, which can be parked.
    pub(super) fn is_plain(&self) -> bool {
        self.stream.inner().as_tcp().is_some()
    }

    pub(super) fn traffic(&self) -> Arc<Traffic> {
        self.traffic.clone()
    }

    /// The stream, once hyper has let go of it, and what was read of it and is in no request yet: first what hyper has
    /// in its buffer.
    pub(super) fn into_parts(self, of_hyper: &[u8]) -> (Stream, Bytes) {
        // Copied, since also an empty rest of hyper's buffer would hold all of it.
        let rest = [of_hyper, &self.escaped, &self.before].concat().into();
        (self.stream.into_inner(), rest)
    }
}

impl Traffic {
    /// A request has arrived, `whole` if nothing of it is yet to come and the connection stays open behind it.
    pub(super) fn begin(&self, whole: bool) {
        self.whole.store(whole, Ordering::Relaxed);
        self.waits_long.store(false, Ordering::Relaxed);
        self.handling.store(true, Ordering::Relaxed);
    }

    /// Its answer is given to hyper.
    pub(super) fn end(&self) {
        self.handling.store(false, Ordering::Relaxed);
        self.reads_accounted.store(self.reads.load(Ordering::Relaxed), Ordering::Relaxed);
    }

    /// The request waits for this answer and can leave hyper.
    pub(super) fn park(&self, answer: Answer) {
        *self.parked.lock().unwrap_or_else(PoisonError::into_inner) = Some(answer);
    }

    /// The request waits inside hyper for an answer that may be minutes away.
    pub(super) fn wait_long(&self) {
        self.waits_long.store(true, Ordering::Relaxed);
    }

    /// Whether an answer is made or written that its client reads also if it has nothing more to say, as `nc` does.
    fn is_answering(&self) -> bool {
        let is_handling = self.handling.load(Ordering::Relaxed) && !self.waits_long.load(Ordering::Relaxed);
        is_handling || self.unflushed.load(Ordering::Relaxed)
    }

    /// Whether a client that may have left keeps the place of one that waits.
    pub(super) fn is_deserted(&self) -> bool {
        self.ended.load(Ordering::Relaxed) && self.waits_long.load(Ordering::Relaxed)
    }

    /// The parked answer, if the connection can leave hyper now.
    pub(super) fn take_parked(&self) -> Option<Answer> {
        if self.unflushed.load(Ordering::Relaxed) || !self.handling.load(Ordering::Relaxed) {
            return None;
        }
        self.parked.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// Whether nothing is between the last request and a next one, of which nothing has arrived.
    pub(super) fn is_between_requests(&self) -> bool {
        self.waiting() == Waiting::Request && self.whole.load(Ordering::Relaxed)
    }

    /// What the connection waits for.
    pub(super) fn waiting(&self) -> Waiting {
        if self.unflushed.load(Ordering::Relaxed) {
            Waiting::Client { bytes_written: self.bytes_written.load(Ordering::Relaxed) }
        } else if self.handling.load(Ordering::Relaxed) {
            Waiting::Handler
        } else if self.reads.load(Ordering::Relaxed) > self.reads_accounted.load(Ordering::Relaxed) {
            Waiting::Head
        } else {
            Waiting::Request
        }
    }
}

/// What a connection waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Waiting {
    /// A next request; nothing of it has arrived.
    Request,
    /// The rest of a request's head.
    Head,
    /// The server itself.
    Handler,
    /// The client to take what was written; how much it has taken so far.
    Client { bytes_written: u64 },
}

impl Read for Wire {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        let source = Source {
            stream: this.stream.inner_mut(),
            escaped: &mut this.escaped,
            before: &mut this.before,
            lines: &mut this.lines,
            traffic: &this.traffic,
        };
        ready!(Pin::new(&mut TokioIo::new(source)).poll_read(cx, buffer))?;
        this.traffic.reads.fetch_add(1, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }
}

/// What hyper reads from. It lives for one read, because only Tokio's buffers show what was read.
struct Source<'a> {
    stream: &'a mut Stream,
    escaped: &'a mut Bytes,
    before: &'a mut Bytes,
    lines: &'a mut RequestLines,
    traffic: &'a Traffic,
}

impl AsyncRead for Source<'_> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let this = &mut *self;
        if !this.escaped.is_empty() {
            move_into(buffer, this.escaped);
            return Poll::Ready(Ok(()));
        }
        let filled = buffer.filled().len();
        if this.before.is_empty() {
            ready!(Pin::new(&mut *this.stream).poll_read(cx, buffer))?;
        } else {
            move_into(buffer, this.before);
        }
        if buffer.filled().len() == filled && buffer.remaining() > 0 {
            this.traffic.ended.store(true, Ordering::Relaxed);
            // Hyper would take it for the end of the connection. It reads again once the answer is out.
            if this.lines.is_between_requests() && this.traffic.is_answering() {
                return Poll::Pending;
            }
        }
        if let Some(escaped) = this.lines.pass(&buffer.filled()[filled..]) {
            buffer.set_filled(filled);
            *this.escaped = escaped.into();
            move_into(buffer, this.escaped);
        }
        Poll::Ready(Ok(()))
    }
}

/// Moves as much as there is room for.
fn move_into(buffer: &mut ReadBuf<'_>, bytes: &mut Bytes) {
    let count = buffer.remaining().min(bytes.len());
    buffer.put_slice(&bytes.split_to(count));
}

impl Wire {
    fn wrote(&self, result: Poll<io::Result<usize>>) -> Poll<io::Result<usize>> {
        self.traffic.unflushed.store(true, Ordering::Relaxed);
        if let Poll::Ready(Ok(count)) = &result {
            self.traffic.bytes_written.fetch_add(*count as u64, Ordering::Relaxed);
        }
        result
    }
}

impl Write for Wire {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.wrote(result)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let result = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.wrote(result)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        // Hyper flushes the stream only after it has written all that it had.
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        self.traffic.unflushed.store(false, Ordering::Relaxed);
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}
