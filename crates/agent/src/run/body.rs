//! The body of an answer on its way in: unpacked if it is packed, its end kept, and no more of it taken than is allowed.

use std::io::{self, Write as _};

use flate2::write::MultiGzDecoder;

use super::output::Tail;

/// What is taken of a body.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Take {
    /// Nothing: it is not looked at.
    Nothing,
    /// What is sent.
    AsItIs,
    /// What gzip made what is sent from.
    Unpacked,
}

/// A body as far as it has come.
pub(super) enum Body {
    AsItIs(Sink),
    Unpacked(Box<MultiGzDecoder<Sink>>),
}

impl Body {
    /// Nothing yet; `bytes_max` bounds what is taken, unpacked, and `kept_max` what of it is kept.
    pub(super) fn new(take: Take, bytes_max: usize, kept_max: usize) -> Self {
        let sink = Sink { tail: Tail::new(kept_max), left: bytes_max };
        match take {
            Take::Unpacked => Self::Unpacked(Box::new(MultiGzDecoder::new(sink))),
            Take::Nothing | Take::AsItIs => Self::AsItIs(sink),
        }
    }

    /// Takes what has come; an error if nothing behind it is of use: there is too much, or it is not packed as it was said.
    pub(super) fn push(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::AsItIs(sink) => sink.write_all(bytes),
            Self::Unpacked(decoder) => decoder.write_all(bytes),
        }
    }

    /// The end of what has come.
    pub(super) fn into_tail(self) -> Tail {
        match self {
            Self::AsItIs(sink) => sink.tail,
            Self::Unpacked(mut decoder) => {
                // A body that broke off is told as far as it can be unpacked.
                let _ = decoder.flush();
                std::mem::replace(&mut decoder.get_mut().tail, Tail::new(0))
            }
        }
    }
}

/// Keeps the end of what is written to it, until it was too much.
pub(super) struct Sink {
    tail: Tail,
    /// How many bytes may still come.
    left: usize,
}

impl io::Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if self.left == 0 && !bytes.is_empty() {
            return Err(io::Error::other("the body is too large"));
        }
        let taken = bytes.len().min(self.left);
        self.tail.push(&bytes[..taken]);
        self.left -= taken;
        Ok(taken)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;

    fn packed(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn bodies_are_unpacked_as_far_as_they_come() {
        let packed = packed(b"zipped text");
        let mut whole = Body::new(Take::Unpacked, 100, 4);
        packed.chunks(3).for_each(|chunk| whole.push(chunk).unwrap());
        assert_eq!(whole.into_tail().text(), "text");
        let mut cut = Body::new(Take::Unpacked, 100, 100);
        cut.push(&packed[..packed.len() - 8]).unwrap();
        assert_eq!(cut.into_tail().text(), "zipped text");
        let mut not_packed = Body::new(Take::Unpacked, 100, 100);
        assert!(not_packed.push(b"no gzip at all").is_err());
    }

    #[test]
    fn more_than_may_come_is_not_taken() {
        for take in [Take::AsItIs, Take::Unpacked] {
            let text = vec![b'x'; 1 << 20];
            let mut body = Body::new(take, 1000, 10);
            let sent = if take == Take::Unpacked { packed(&text) } else { text };
            assert!(body.push(&sent).is_err(), "{take:?}");
            assert_eq!(body.into_tail().told(), "Captured 10 of 1000 bytes\n...\nxxxxxxxxxx");
        }
    }
}
