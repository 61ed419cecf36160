//! What one connection has read and not yet answered, and answered and not yet sent (RFC 7766): a machine without a
//! socket or a clock.
//!
//! **Invariants**
//! - Nothing is read while an answer is unsent: whoever does not read is soon not answered further. What is unsent is
//!   bounded by a batch and the answers of the queries that waited.
//! - A client has a bounded time for each of two things: for the next whole query, and for reading all that was answered.
//!   A byte now and then makes neither longer.

use std::io;
use std::time::Duration;

use tokio::time::Instant;

/// The most queries of one connection that wait for recursors; the next is taken when one of them is answered.
pub(crate) const PIPELINED_MAX: usize = 64;
/// The largest query; a connection that sends a larger one is closed.
const QUERY_BYTES_MAX: usize = 4_096;
/// From how many bytes on answers are sent before further queries are taken. The last answer may exceed it.
const BATCH_BYTES: usize = 65_536;
/// How much room for answers a connection keeps that has sent them all.
const KEPT_BYTES: usize = 4_096;
/// How long a connection may stay without a query, and a query may take to arrive. RFC 7766 has it in seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may take to read all that it was answered.
const UNREAD_TIMEOUT: Duration = Duration::from_secs(10);

/// The two directions of a connection.
#[derive(Debug)]
pub(crate) struct Exchange {
    /// What was read and not yet taken.
    read: Vec<u8>,
    /// Answers, each behind its length.
    unsent: Vec<u8>,
    /// How much of `unsent` went out already.
    sent: usize,
    /// Queries that wait for their answers.
    waiting: usize,
    /// By when the client must have sent its next query, or read what is unsent.
    deadline: Instant,
    /// Whether the client sends no more.
    is_ended: bool,
}

impl Exchange {
    pub(crate) fn new(now: Instant) -> Self {
        Self {
            read: Vec::new(),
            unsent: Vec::new(),
            sent: 0,
            waiting: 0,
            deadline: now + IDLE_TIMEOUT,
            is_ended: false,
        }
    }

    /// Where what is read goes, if more may be read now.
    pub(crate) fn room(&mut self) -> Option<&mut Vec<u8>> {
        let may_read = self.unsent.is_empty() && self.waiting < PIPELINED_MAX && !self.is_ended;
        may_read.then_some(&mut self.read)
    }

    /// Notes that the client sends no more. What it asked is still answered.
    pub(crate) fn end(&mut self) {
        self.is_ended = true;
    }

    /// The next whole query, if one may be taken now. It is [answered](Self::answer) before the next, or [waits](Self::wait).
    pub(crate) fn take(&mut self, now: Instant) -> io::Result<Option<Vec<u8>>> {
        if self.unsent.len() >= BATCH_BYTES || self.waiting >= PIPELINED_MAX {
            return Ok(None);
        }
        let [high, low, ref rest @ ..] = self.read[..] else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > QUERY_BYTES_MAX {
            return Err(io::ErrorKind::InvalidData.into());
        }
        let Some(query) = rest.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
        self.read.drain(..2 + length);
        if self.unsent.is_empty() {
            self.deadline = now + IDLE_TIMEOUT;
        }
        Ok(Some(query))
    }

    /// Notes that a query that was taken waits.
    pub(crate) fn wait(&mut self) {
        self.waiting += 1;
    }

    /// Adds the answer of a query that waited; an empty one is none.
    pub(crate) fn answer_late(&mut self, answer: &[u8], now: Instant) {
        self.waiting -= 1;
        if self.unsent.is_empty() {
            self.deadline = now + IDLE_TIMEOUT;
        }
        self.answer(answer, now);
    }

    /// Adds an answer; an empty one is none.
    pub(crate) fn answer(&mut self, answer: &[u8], now: Instant) {
        // No message is longer than its length can say.
        let Ok(length) = u16::try_from(answer.len()) else { return };
        if length == 0 {
            return;
        }
        if self.unsent.is_empty() {
            self.deadline = now + UNREAD_TIMEOUT;
        }
        self.unsent.extend_from_slice(&length.to_be_bytes());
        self.unsent.extend_from_slice(answer);
    }

    /// What is to be sent.
    pub(crate) fn unsent(&self) -> &[u8] {
        &self.unsent[self.sent..]
    }

    /// Notes that so many bytes of it went out. Tells whether that was all.
    pub(crate) fn sent(&mut self, count: usize, now: Instant) -> bool {
        self.sent += count;
        let is_all = self.sent >= self.unsent.len();
        if is_all {
            self.sent = 0;
            self.unsent.clear();
            self.unsent.shrink_to(KEPT_BYTES);
            self.deadline = now + IDLE_TIMEOUT;
        }
        is_all
    }

    /// When the connection is closed if nothing happens; never for want of a query while answers are waited for.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        (!self.unsent.is_empty() || self.waiting == 0).then_some(self.deadline)
    }

    /// Whether all was said: the client has ended its side and has all its answers.
    pub(crate) fn is_over(&self) -> bool {
        self.is_ended && self.waiting == 0 && self.unsent.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn start() -> (Exchange, Instant) {
        let now = Instant::now();
        (Exchange::new(now), now)
    }

    fn receive(exchange: &mut Exchange, bytes: &[u8]) {
        exchange.room().expect("it reads").extend_from_slice(bytes);
    }

    #[test]
    fn queries_are_taken_when_they_are_whole() {
        let (mut exchange, now) = start();
        receive(&mut exchange, b"\0\x02ab\0");
        assert_eq!(exchange.take(now).unwrap().as_deref(), Some(&b"ab"[..]));
        assert_eq!(exchange.take(now).unwrap(), None);
        receive(&mut exchange, b"\x01c");
        assert_eq!(exchange.take(now).unwrap().as_deref(), Some(&b"c"[..]));
        receive(&mut exchange, &[0xff, 0xff]);
        assert!(exchange.take(now).is_err());
    }

    #[test]
    fn a_byte_now_and_then_does_not_keep_a_connection() {
        let (mut exchange, now) = start();
        for second in 0..5 {
            receive(&mut exchange, b"\x01");
            exchange.take(now + second * SECOND).unwrap();
        }
        assert_eq!(exchange.deadline(), Some(now + IDLE_TIMEOUT));
        exchange.answer(&[7; 100], now + 5 * SECOND);
        for second in 6..9 {
            assert!(!exchange.sent(1, now + second * SECOND));
        }
        assert_eq!(exchange.deadline(), Some(now + 5 * SECOND + UNREAD_TIMEOUT));
        // All of it is out, and the time for the next query begins.
        assert!(exchange.sent(99, now + 9 * SECOND));
        assert_eq!(exchange.deadline(), Some(now + 9 * SECOND + IDLE_TIMEOUT));
    }

    #[test]
    fn who_does_not_read_is_not_answered_further() {
        let (mut exchange, now) = start();
        receive(&mut exchange, &b"\0\x01q".repeat(4));
        let mut answered = 0;
        while exchange.take(now).unwrap().is_some() {
            exchange.answer(&[7; 30_000], now);
            answered += 1;
        }
        assert_eq!(answered, 3);
        assert!(exchange.room().is_none());
        let all = exchange.unsent().len();
        assert_eq!(all, 3 * 30_002);
        assert!(!exchange.sent(all - 1, now));
        assert!(exchange.room().is_none());
        assert!(exchange.sent(1, now));
        assert!(exchange.take(now).unwrap().is_some() && exchange.room().is_some());
    }

    #[test]
    fn waiting_queries_are_bounded_and_keep_the_connection() {
        let (mut exchange, now) = start();
        receive(&mut exchange, &b"\0\x01q".repeat(PIPELINED_MAX + 1));
        for _ in 0..PIPELINED_MAX {
            assert!(exchange.take(now).unwrap().is_some());
            exchange.wait();
        }
        assert!(exchange.take(now).unwrap().is_none() && exchange.room().is_none());
        assert_eq!(exchange.deadline(), None);
        exchange.answer_late(b"a", now);
        assert!(exchange.take(now).unwrap().is_some());
        exchange.wait();
        for second in 1..=PIPELINED_MAX as u32 {
            // No answer is one, too.
            exchange.answer_late(b"", now + second * SECOND);
        }
        assert!(exchange.sent(3, now + 100 * SECOND));
        assert_eq!(exchange.deadline(), Some(now + 100 * SECOND + IDLE_TIMEOUT));
    }

    #[test]
    fn what_was_asked_before_the_end_is_answered() {
        let (mut exchange, now) = start();
        receive(&mut exchange, b"\0\x01q\0\x01q\0");
        exchange.end();
        assert!(exchange.take(now).unwrap().is_some());
        exchange.wait();
        assert!(exchange.take(now).unwrap().is_some());
        exchange.answer(b"a", now);
        assert!(!exchange.is_over() && exchange.sent(3, now) && !exchange.is_over());
        exchange.answer_late(b"b", now);
        assert_eq!(exchange.unsent(), b"\0\x01b");
        assert!(exchange.sent(3, now) && exchange.is_over());
    }
}
