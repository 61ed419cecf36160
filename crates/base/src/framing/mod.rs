//! How bytes are framed wherever they outlive a process: the log, the mark beside it, snapshot files and archives.
//!
//! ```text
//! length    u32 LE   of the payload
//! checksum  u32 LE   CRC-32C over the context, the length, the payload and the padding
//! payload
//! padding            zeroes up to the framing's alignment
//! ```
//! The *context* is what both sides know and nobody stores: where the frame is, or all that came before it. A frame found
//! in a different context never passes for one of this.
//!
//! [`head`] is how a file begins, [`stream`] a file of records. Readers take bytes that a disk or a client gave: none
//! panics, looks past the length that it finds, or believes a length above its bound.

pub mod head;
pub mod stream;

use std::ops::Range;

/// What precedes each payload.
pub const FRAME_HEAD_BYTES: usize = 8;

/// The checksum of these bytes.
pub fn checksum(bytes: &[u8]) -> u32 {
    crc32c::crc32c(bytes)
}

/// One way to frame, in one context.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Framing {
    /// The checksum of the context.
    context: u32,
    alignment: usize,
    payload_bytes_max: usize,
}

/// A frame that was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// What it holds.
    pub payload: &'a [u8],
    /// What it takes, head and padding included.
    pub bytes: usize,
    /// Its checksum, which can be the context of the frame after it.
    pub checksum: u32,
}

/// Why there is no frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Broken {
    /// The bytes end before it does.
    #[error("it ends early")]
    Torn,
    /// These bytes were never written as a frame in this context.
    #[error("the checksum does not match")]
    Damaged,
    /// Its length is above the bound, so nothing is set aside for it.
    #[error("a length of {bytes} bytes, more than the {limit} allowed")]
    TooLarge {
        /// The length.
        bytes: usize,
        /// The bound.
        limit: usize,
    },
}

impl Framing {
    /// Frames with payloads up to this length, without a context and not padded.
    pub const fn new(payload_bytes_max: usize) -> Self {
        Self { context: 0, alignment: 1, payload_bytes_max }
    }

    /// The same, with each frame padded to a multiple of this.
    pub const fn aligned(self, alignment: usize) -> Self {
        Self { alignment, ..self }
    }

    /// The same in the context of these bytes.
    pub fn in_context(self, context: &[u8]) -> Self {
        Self { context: checksum(context), ..self }
    }

    /// The same in the context of all that this checksum covers: a chain, in which no frame can be missing, come twice or
    /// stand elsewhere.
    pub const fn after(self, checksum: u32) -> Self {
        Self { context: checksum, ..self }
    }

    /// What a frame with such a payload takes.
    pub const fn frame_bytes(&self, payload_bytes: usize) -> usize {
        (FRAME_HEAD_BYTES + payload_bytes).next_multiple_of(self.alignment)
    }

    /// What the frame takes that begins so, whether or not the rest of it is valid.
    pub fn announced_bytes(&self, head: &[u8; FRAME_HEAD_BYTES]) -> Result<usize, Broken> {
        let [a, b, c, d, ..] = *head;
        let bytes = u32::from_le_bytes([a, b, c, d]) as usize;
        if bytes > self.payload_bytes_max {
            return Err(Broken::TooLarge { bytes, limit: self.payload_bytes_max });
        }
        Ok(self.frame_bytes(bytes))
    }

    /// Begins a frame at the end of `out`; its payload is then appended. Gives the place for [`Self::end`].
    pub fn begin(&self, out: &mut Vec<u8>) -> usize {
        let start = out.len();
        out.extend_from_slice(&[0; FRAME_HEAD_BYTES]);
        start
    }

    /// Ends the frame that began at `start`; gives its checksum.
    ///
    /// # Panics
    /// If the payload is longer than the bound: what would be written could not be read.
    pub fn end(&self, out: &mut Vec<u8>, start: usize) -> u32 {
        let payload_bytes = out.len() - start - FRAME_HEAD_BYTES;
        assert!(payload_bytes <= self.payload_bytes_max, "{payload_bytes} bytes are no payload of this framing");
        out.resize(start + self.frame_bytes(payload_bytes), 0);
        let frame = &mut out[start..];
        frame[..4].copy_from_slice(&(payload_bytes as u32).to_le_bytes());
        let checksum = self.checksum(frame);
        frame[4..FRAME_HEAD_BYTES].copy_from_slice(&checksum.to_le_bytes());
        checksum
    }

    /// Appends a frame with this payload to `out`; gives its checksum.
    ///
    /// # Panics
    /// As [`Self::end`].
    pub fn put(&self, payload: &[u8], out: &mut Vec<u8>) -> u32 {
        let start = self.begin(out);
        out.extend_from_slice(payload);
        self.end(out, start)
    }

    /// Reads the frame at the front of `bytes`.
    pub fn read<'a>(&self, bytes: &'a [u8]) -> Result<Frame<'a>, Broken> {
        let head = bytes.first_chunk().ok_or(Broken::Torn)?;
        let frame = bytes.get(..self.announced_bytes(head)?).ok_or(Broken::Torn)?;
        let [a, b, c, d, checksum @ ..] = *head;
        let checksum = u32::from_le_bytes(checksum);
        if checksum != self.checksum(frame) {
            return Err(Broken::Damaged);
        }
        let payload: Range<usize> = FRAME_HEAD_BYTES..FRAME_HEAD_BYTES + u32::from_le_bytes([a, b, c, d]) as usize;
        Ok(Frame { payload: &frame[payload], bytes: frame.len(), checksum })
    }

    /// Over a whole frame but for its own four bytes.
    fn checksum(&self, frame: &[u8]) -> u32 {
        let with_length = crc32c::crc32c_append(self.context, &frame[..4]);
        crc32c::crc32c_append(with_length, &frame[FRAME_HEAD_BYTES..])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const FRAMING: Framing = Framing::new(100).aligned(8);

    fn framed(payload: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        FRAMING.put(payload, &mut out);
        out
    }

    #[test]
    fn a_frame_comes_back_and_only_in_its_context() {
        for length in [0, 1, 7, 8, 100] {
            let payload = vec![7; length];
            let bytes = framed(&payload);
            assert_eq!(bytes.len(), FRAMING.frame_bytes(length));
            let more = [&bytes[..], b"behind"].concat();
            let frame = FRAMING.read(&more).unwrap();
            assert_eq!((frame.payload, frame.bytes), (&payload[..], bytes.len()));
            assert_eq!(FRAMING.in_context(b"elsewhere").read(&bytes), Err(Broken::Damaged));
            assert_eq!(FRAMING.after(frame.checksum).read(&bytes), Err(Broken::Damaged));
        }
    }

    #[test]
    fn every_changed_bit_and_every_cut_is_noticed() {
        let bytes = framed(b"a payload");
        for length in 0..bytes.len() {
            assert_eq!(FRAMING.read(&bytes[..length]), Err(Broken::Torn));
        }
        for bit in 0..bytes.len() * 8 {
            let mut changed = bytes.clone();
            changed[bit / 8] ^= 1 << (bit % 8);
            assert!(FRAMING.read(&changed).is_err(), "bit {bit}");
        }
    }

    #[test]
    fn a_length_above_the_bound_is_not_waited_for() {
        let too_large = Broken::TooLarge { bytes: 101, limit: 100 };
        assert_eq!(FRAMING.read(&[101, 0, 0, 0, 0, 0, 0, 0]), Err(too_large));
        assert_eq!(FRAMING.announced_bytes(&[101, 0, 0, 0, 0, 0, 0, 0]), Err(too_large));
    }

    #[test]
    #[should_panic = "no payload of this framing"]
    fn what_could_not_be_read_is_not_written() {
        framed(&[0; 101]);
    }

    /// The published check value: files must not depend on which crate computes it.
    #[test]
    fn the_checksum_is_crc_32c() {
        assert_eq!(checksum(b"123456789"), 0xe306_9283);
    }
}
