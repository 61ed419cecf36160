//! Reading a request's body: within its bound, and not for longer than its client keeps sending.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, EXPECT};

use crate::call::Call;
use crate::reply::Refused;

impl Call {
    /// The length of the body as the client told it.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// Whether the client told the length of a body, and there is one. Some routes pass over a body of unknown length.
    pub(crate) fn has_sized_body(&self) -> bool {
        self.content_length().is_some_and(|length| length > 0)
    }

    /// Reads the body, refusing it by its announced length before anything is kept, or else once it grows too large.
    pub(crate) async fn take_body(
        &mut self,
        bytes_max: usize,
        too_large: impl Fn(Option<u64>) -> Refused,
    ) -> Result<Bytes, Refused> {
        let announced = self.content_length();
        if announced.is_some_and(|length| length > bytes_max as u64) {
            self.discard_body().await;
            return Err(too_large(announced));
        }
        let stall_timeout = self.server.settings.stall_timeout;
        let mut whole = Vec::new();
        while let Some(piece) = next_piece(&mut self.body, stall_timeout).await? {
            if whole.len() + piece.len() > bytes_max {
                self.discard_rest().await;
                return Err(too_large(None));
            }
            if whole.is_empty() && self.body.is_end_stream() {
                // The piece is a part of the connection's buffer; what is kept of it is copied by whoever keeps it.
                return Ok(piece);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Reads what is left of a body and forgets it. Clients that send all of a body before they look at the answer would
    /// otherwise find their connection broken, and no answer.
    pub(crate) async fn discard_body(&mut self) {
        // One that waits to be asked for its body is not asked.
        if !self.head.headers.contains_key(EXPECT) {
            self.discard_rest().await;
        }
    }

    /// The same for a body of which something was read: its client is sending, whatever it waited for before.
    pub(crate) async fn discard_rest(&mut self) {
        // A client that sends more than any archive of this service is cut off.
        const BYTES_MAX: usize = 256 << 20;
        let stall_timeout = self.server.settings.stall_timeout;
        let mut bytes = 0;
        while bytes < BYTES_MAX
            && let Ok(Some(piece)) = next_piece(&mut self.body, stall_timeout).await
        {
            bytes += piece.len();
        }
    }

    /// Reads a body of JSON, in the limit for such bodies.
    pub(crate) async fn take_json_body(&mut self) -> Result<Bytes, Refused> {
        let bytes_max = self.server.settings.body_bytes_max;
        self.take_body(bytes_max, |_| {
            Refused::too_large(format!("Request body too large, max size: {bytes_max} bytes"))
        })
        .await
    }
}

/// The next piece of a body; `None` at its end.
pub(crate) async fn next_piece(body: &mut Incoming, stall_timeout: Duration) -> Result<Option<Bytes>, Refused> {
    loop {
        let mut body = std::pin::Pin::new(&mut *body);
        let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx));
        let Ok(frame) = tokio::time::timeout(stall_timeout, frame).await else {
            return Err(Refused {
                status: StatusCode::REQUEST_TIMEOUT,
                text: format!("no byte of the request's body arrived for {} s", stall_timeout.as_secs()).into(),
            });
        };
        match frame {
            None => return Ok(None),
            Some(Ok(frame)) => {
                if let Ok(data) = frame.into_data() {
                    return Ok(Some(data));
                }
            }
            Some(Err(error)) => return Err(Refused::bad_request(format!("the request's body broke off: {error}"))),
        }
    }
}
