//! The end of an output: what is kept of one that may be larger than it is worth.

use std::collections::VecDeque;

/// The last bytes of an output.
pub(super) struct Tail {
    bytes: VecDeque<u8>,
    bytes_max: usize,
    /// How many there were in all.
    total: u64,
}

impl Tail {
    pub(super) fn new(bytes_max: usize) -> Self {
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
    pub(super) fn told(&self) -> String {
        if self.total <= self.bytes_max as u64 {
            return self.text();
        }
        format!("Captured {} of {} bytes\n...\n{}", self.bytes.len(), self.total, self.text())
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
