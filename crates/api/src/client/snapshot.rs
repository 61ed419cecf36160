//! Saving and restoring the whole state, which may be larger than memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use bytes::Bytes;
use http_body_util::BodyExt;
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::{Method, StatusCode};

use super::connection::{Content, read_all, refused};
use super::query::Target;
use super::{Answer, Client, Error, Query};

/// The bytes of a snapshot as they arrive.
#[derive(Debug)]
pub struct SnapshotStream {
    url: String,
    body: Incoming,
}

impl SnapshotStream {
    /// The next bytes; `None` at the end.
    pub async fn chunk(&mut self) -> Result<Option<Bytes>, Error> {
        while let Some(frame) = self.body.frame().await {
            let frame = frame.map_err(|error| Error::Transport { url: self.url.clone(), source: error.into() })?;
            if let Ok(bytes) = frame.into_data() {
                return Ok(Some(bytes));
            }
        }
        Ok(None)
    }
}

impl Client {
    /// Starts to save the state.
    pub async fn snapshot_save(&self, query: &Query) -> Result<Answer<SnapshotStream>, Error> {
        let target = Target::new("/v1/snapshot").query(query);
        let (url, response) = self.send(Method::GET, target, None, Duration::ZERO).await?;
        let status = response.status();
        if status != StatusCode::OK {
            return Err(refused(status, &read_all(&url, response).await?.1));
        }
        let (head, body) = response.into_parts();
        Ok(Answer::new(SnapshotStream { url, body }, &head.headers))
    }

    /// Replaces the state by `length` bytes of `snapshot`. They are read in the calling thread as they are sent.
    pub async fn snapshot_restore<R>(&self, snapshot: R, length: u64) -> Result<(), Error>
    where
        R: io::Read + Send + Sync + Unpin + 'static,
    {
        let body = Content::Stream(ReadBody { reader: snapshot, left: length }.boxed());
        self.write(Method::PUT, Target::new("/v1/snapshot"), Some(("application/octet-stream", body))).await?;
        Ok(())
    }
}

/// How much of a snapshot is read at once.
const CHUNK_BYTES: u64 = 64 * 1024;

/// A body that is read from a file.
struct ReadBody<R> {
    reader: R,
    left: u64,
}

impl<R: io::Read + Unpin> hyper::body::Body for ReadBody<R> {
    type Data = Bytes;
    type Error = io::Error;

    fn poll_frame(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, io::Error>>> {
        let body = self.get_mut();
        if body.left == 0 {
            return Poll::Ready(None);
        }
        let mut chunk = vec![0; body.left.min(CHUNK_BYTES) as usize];
        Poll::Ready(Some(body.reader.read_exact(&mut chunk).map(|()| {
            body.left -= chunk.len() as u64;
            Frame::data(chunk.into())
        })))
    }

    fn is_end_stream(&self) -> bool {
        self.left == 0
    }

    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}
