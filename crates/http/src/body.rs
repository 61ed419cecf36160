//! Reading a request's body: within its bound and its client's share of the memory, and for no longer than its client
//! keeps sending at a fair pace.

use std::time::Duration;

use bytes::Bytes;
use hyper::StatusCode;
use hyper::body::{Body as _, Incoming};
use hyper::header::{CONTENT_LENGTH, EXPECT};
use quorate_base::account::{COUNTED_BYTES_MIN, NoRoom};
use tokio::time::Instant;

use crate::call::Call;
use crate::reply::Refused;

impl Call {
    /// The length of the body that the client announced.
    pub(crate) fn content_length(&self) -> Option<u64> {
        self.head.headers.get(CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// Whether the client announced a body, and it is not empty. Some routes pass over a body of unknown length.
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
        let mut pace = Pace::new(self.server.settings.stall_timeout);
        let mut whole = Vec::new();
        while let Some(piece) = pace.next_piece(&mut self.body).await? {
            if whole.len() + piece.len() > bytes_max {
                self.discard_rest().await;
                return Err(too_large(None));
            }
            let is_all = whole.is_empty() && self.body.is_end_stream();
            if let Err(error) = self.charge(if is_all { piece.len() } else { growth(&whole, piece.len()) }) {
                self.discard_rest().await;
                return Err(error.into());
            }
            if is_all {
                // The piece is a part of the connection's buffer; what is kept of it is copied.
                return Ok(piece);
            }
            whole.extend_from_slice(&piece);
        }
        Ok(whole.into())
    }

    /// Charges the client with what the server is about to hold of its body, until the request is answered.
    fn charge(&mut self, bytes: usize) -> Result<(), NoRoom> {
        if bytes < COUNTED_BYTES_MIN { Ok(()) } else { self.held.add(bytes) }
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
        let mut pace = Pace::new(self.server.settings.stall_timeout);
        let mut bytes = 0;
        while bytes < BYTES_MAX
            && let Ok(Some(piece)) = pace.next_piece(&mut self.body).await
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

/// How much more room a body takes with the next piece of it. It grows in steps that double, and each is charged at once;
/// small pieces in between fit into it.
fn growth(whole: &Vec<u8>, piece_bytes: usize) -> usize {
    let needed = whole.len() + piece_bytes;
    if needed <= whole.capacity() { 0 } else { needed.max(2 * whole.capacity()) - whole.capacity() }
}

/// The least that a client sends of a body in a second, on the whole, once [`Pace::stall_timeout`] is over. A byte now and
/// then would hold memory for as long as the client likes.
const BYTES_PER_SECOND_MIN: u64 = 1 << 10;

/// How fast a body arrives.
pub(crate) struct Pace {
    started: Instant,
    bytes: u64,
    /// How long nothing may arrive.
    stall_timeout: Duration,
}

impl Pace {
    pub(crate) fn new(stall_timeout: Duration) -> Self {
        Self { started: Instant::now(), bytes: 0, stall_timeout }
    }

    /// When the next piece must be there.
    fn deadline(&self) -> Instant {
        let earned = Duration::from_secs(self.bytes / BYTES_PER_SECOND_MIN);
        (self.started + earned).min(Instant::now()) + self.stall_timeout
    }

    /// The next piece of a body; `None` at its end.
    pub(crate) async fn next_piece(&mut self, body: &mut Incoming) -> Result<Option<Bytes>, Refused> {
        loop {
            let mut body = std::pin::Pin::new(&mut *body);
            let frame = std::future::poll_fn(|cx| body.as_mut().poll_frame(cx));
            let Ok(frame) = tokio::time::timeout_at(self.deadline(), frame).await else {
                return Err(self.too_slow());
            };
            match frame {
                None => return Ok(None),
                Some(Ok(frame)) => {
                    if let Ok(data) = frame.into_data() {
                        self.bytes += data.len() as u64;
                        return Ok(Some(data));
                    }
                }
                Some(Err(error)) => return Err(Refused::bad_request(format!("the request's body broke off: {error}"))),
            }
        }
    }

    fn too_slow(&self) -> Refused {
        let Self { started, bytes, .. } = self;
        let text = format!(
            "the request's body arrives too slowly: {bytes} bytes in {} s, where {BYTES_PER_SECOND_MIN} a second are the \
             least after {} s",
            started.elapsed().as_secs(),
            self.stall_timeout.as_secs()
        );
        Refused { status: StatusCode::REQUEST_TIMEOUT, text: text.into() }
    }
}
