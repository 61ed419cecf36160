//! The end of an output: what is kept of one that may be larger than it is worth.

use std::collections::VecDeque;
use std::future::Future;
use std::io;

use tokio::net::unix::pipe::Receiver;

/// The last bytes of an output.
pub struct Tail {
    bytes: VecDeque<u8>,
    bytes_max: usize,
    /// How many there were in all.
    total: u64,
}

impl Tail {
    /// Nothing yet, and never more than so many bytes.
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes: VecDeque::new(), bytes_max, total: 0 }
    }

    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.total += bytes.len() as u64;
        let kept = &bytes[bytes.len().saturating_sub(self.bytes_max)..];
        let excess = (self.bytes.len() + kept.len()).saturating_sub(self.bytes_max);
        self.bytes.drain(..excess);
        self.bytes.extend(kept);
    }

    /// What is kept, as it is.
    pub(super) fn into_bytes(self) -> Vec<u8> {
        self.bytes.into()
    }

    /// What is kept; bytes that are no text read as U+FFFD.
    pub(super) fn text(&self) -> String {
        let (front, back) = self.bytes.as_slices();
        String::from_utf8_lossy(&[front, back].concat()).into_owned()
    }

    /// The same, with a line before it that says so if it is not all.
    pub fn told(&self) -> String {
        if self.total <= self.bytes_max as u64 {
            return self.text();
        }
        format!("Captured {} of {} bytes\n...\n{}", self.bytes.len(), self.total, self.text())
    }
}

impl Tail {
    /// Reads a command's output until the command itself ends. Children that it left behind may hold the pipe open; they
    /// are their own affair.
    pub async fn read_until<T>(
        &mut self,
        ended: impl Future<Output = io::Result<T>>,
        pipe: &mut Receiver,
    ) -> io::Result<T> {
        let mut ended = std::pin::pin!(ended);
        let mut buffer = [0; 4096];
        let mut is_open = true;
        let outcome = loop {
            tokio::select! {
                biased;
                outcome = &mut ended => break outcome?,
                ready = pipe.readable(), if is_open => {
                    ready?;
                    is_open = read_ready(pipe, &mut buffer, self);
                }
            }
        };
        read_rest(pipe, &mut buffer, self);
        Ok(outcome)
    }
}

/// How much output is read at once, so that one that never stops does not keep the time-out waiting.
const READS_AT_ONCE: usize = 16;

/// Reads what is there; whether there may be more.
fn read_ready(pipe: &Receiver, buffer: &mut [u8], tail: &mut Tail) -> bool {
    for _ in 0..READS_AT_ONCE {
        match pipe.try_read(buffer) {
            Ok(0) => return false,
            Ok(count) => tail.push(&buffer[..count]),
            Err(error) => return error.kind() == io::ErrorKind::WouldBlock,
        }
    }
    true
}

/// Reads what a command left in the pipe: at most what a pipe holds, for a child of it may go on writing.
fn read_rest(pipe: &Receiver, buffer: &mut [u8], tail: &mut Tail) {
    const PIPE_BYTES: usize = 64 << 10;
    let mut left = PIPE_BYTES;
    while left > 0
        && let Ok(count @ 1..) = pipe.try_read(buffer)
    {
        tail.push(&buffer[..count]);
        left = left.saturating_sub(count);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_is_kept() {
        let mut tail = Tail::new(4);
        tail.push(b"ab");
        assert_eq!(tail.told(), "ab");
        tail.push(b"cde");
        assert_eq!(tail.told(), "Captured 4 of 5 bytes\n...\nbcde");
        tail.push(b"0123456789");
        assert_eq!((tail.text(), tail.total), ("6789".to_owned(), 15));
    }
}
