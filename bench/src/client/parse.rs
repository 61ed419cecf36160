//! The bytes of an HTTP/1.1 answer: where its head ends, what the load generator needs to know of it, and its body.
//!
//! Only what a server may send to a client that keeps its connection is understood: a body has a `Content-Length` or is
//! chunked. A body that ends with the connection is refused, because such a server would be measured by its handshakes.

use anyhow::{Context, Result, bail, ensure};

/// A head longer than this is not an answer of the API measured here.
const HEAD_BYTES_MAX: usize = 16 * 1024;
/// The largest body that is read: a recursive read of a million keys is a third of it.
const BODY_BYTES_MAX: usize = 1 << 30;
/// The longest line between two chunks: a length in hexadecimal digits and an extension that nobody sends.
const CHUNK_LINE_BYTES_MAX: usize = 256;

/// How the end of a body is found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framing {
    /// This many bytes.
    Length(usize),
    /// Chunks, the last of them empty.
    Chunked,
}

/// What is kept of the status line and the header fields.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Head {
    /// Bytes up to and with the empty line.
    pub(crate) bytes: usize,
    pub(crate) status: u16,
    pub(crate) framing: Framing,
    /// `X-Consul-Index`.
    pub(crate) index: Option<u64>,
    /// False when the server announced that it closes the connection.
    pub(crate) keep_alive: bool,
}

/// The head at the start of `bytes`, or nothing while it is incomplete.
pub(crate) fn parse_head(bytes: &[u8]) -> Result<Option<Head>> {
    let Some(end) = find_head_end(bytes) else {
        ensure!(bytes.len() <= HEAD_BYTES_MAX, "the answer's head is longer than {HEAD_BYTES_MAX} bytes");
        return Ok(None);
    };
    let text = std::str::from_utf8(&bytes[..end]).context("the answer's head is not text")?;
    let mut lines = text.split("\r\n");
    let status = parse_status(lines.next().unwrap_or_default())?;
    let mut head = Head { bytes: end + 4, status, framing: Framing::Length(0), index: None, keep_alive: true };
    let mut framing = None;
    for line in lines {
        let (name, value) = line.split_once(':').with_context(|| format!("not a header field: {line:?}"))?;
        let value = value.trim();
        if name.eq_ignore_ascii_case("content-length") {
            let length = value.parse().with_context(|| format!("Content-Length {value:?}"))?;
            ensure!(length <= BODY_BYTES_MAX, "a body of {length} bytes is above {BODY_BYTES_MAX}");
            // Chunks win over a length, as RFC 9112 section 6.3 has it.
            framing = framing.or(Some(Framing::Length(length)));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            ensure!(value.eq_ignore_ascii_case("chunked"), "Transfer-Encoding {value:?} is not understood");
            framing = Some(Framing::Chunked);
        } else if name.eq_ignore_ascii_case("x-consul-index") {
            head.index = Some(value.parse().with_context(|| format!("X-Consul-Index {value:?}"))?);
        } else if name.eq_ignore_ascii_case("connection") {
            head.keep_alive = !value.eq_ignore_ascii_case("close");
        }
    }
    head.framing = match framing {
        Some(framing) => framing,
        None if status == 204 || status == 304 => Framing::Length(0),
        None => bail!("the answer has neither Content-Length nor chunks: {text:?}"),
    };
    Ok(Some(head))
}

fn find_head_end(bytes: &[u8]) -> Option<usize> {
    let searched = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    searched.windows(4).position(|window| window == b"\r\n\r\n")
}

fn parse_status(line: &str) -> Result<u16> {
    let rest = line.strip_prefix("HTTP/1.1 ").with_context(|| format!("not an HTTP/1.1 answer: {line:?}"))?;
    let digits = rest.split(' ').next().unwrap_or_default();
    digits.parse().with_context(|| format!("not a status line: {line:?}"))
}

/// Takes a chunked body apart as its bytes arrive.
#[derive(Debug, Default)]
pub(crate) struct Chunks {
    state: ChunkState,
    line: Vec<u8>,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum ChunkState {
    /// In the line that gives the next chunk's length.
    #[default]
    Length,
    /// In a chunk, with this many bytes to come.
    Data(usize),
    /// In the line break behind a chunk.
    Break,
    /// In the fields behind the last chunk, up to an empty line.
    Trailer,
    Done,
}

impl Chunks {
    /// Appends the body bytes found in `input` to `body`; returns how many bytes of `input` were used.
    pub(crate) fn feed(&mut self, input: &[u8], body: &mut Vec<u8>) -> Result<usize> {
        let mut used = 0;
        while used < input.len() && self.state != ChunkState::Done {
            if let ChunkState::Data(remaining) = self.state {
                let taken = remaining.min(input.len() - used);
                ensure!(body.len() + taken <= BODY_BYTES_MAX, "a chunked body is above {BODY_BYTES_MAX} bytes");
                body.extend_from_slice(&input[used..used + taken]);
                used += taken;
                self.state = if taken == remaining { ChunkState::Break } else { ChunkState::Data(remaining - taken) };
            } else {
                self.line.push(input[used]);
                used += 1;
                ensure!(self.line.len() <= CHUNK_LINE_BYTES_MAX, "a chunk's line is too long");
                if self.line.ends_with(b"\r\n") {
                    self.state = self.end_of_line()?;
                    self.line.clear();
                }
            }
        }
        Ok(used)
    }

    /// Whether the last chunk and what follows it were read.
    pub(crate) fn is_done(&self) -> bool {
        self.state == ChunkState::Done
    }

    fn end_of_line(&self) -> Result<ChunkState> {
        let line = std::str::from_utf8(&self.line).context("a chunk's line is not text")?.trim_end();
        Ok(match self.state {
            ChunkState::Length => {
                let digits = line.split(';').next().unwrap_or_default().trim_end();
                match usize::from_str_radix(digits, 16).with_context(|| format!("a chunk's length {line:?}"))? {
                    0 => ChunkState::Trailer,
                    length => ChunkState::Data(length),
                }
            }
            ChunkState::Break => {
                ensure!(line.is_empty(), "{line:?} behind a chunk");
                ChunkState::Length
            }
            ChunkState::Trailer if line.is_empty() => ChunkState::Done,
            other => other,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_read_once_it_is_complete() {
        let whole = b"HTTP/1.1 200 OK\r\nX-Consul-Index: 42\r\ncontent-length: 4\r\n\r\ntrue";
        for cut in 0..whole.len() - 4 {
            assert_eq!(parse_head(&whole[..cut]).unwrap(), None, "cut at {cut}");
        }
        let head = parse_head(whole).unwrap().unwrap();
        let expected = Head {
            bytes: whole.len() - 4,
            status: 200,
            framing: Framing::Length(4),
            index: Some(42),
            keep_alive: true,
        };
        assert_eq!(head, expected);
    }

    #[test]
    fn chunks_win_over_a_length_in_either_order() {
        for fields in
            ["Content-Length: 9\r\nTransfer-Encoding: chunked", "transfer-encoding: Chunked\r\nContent-Length: 9"]
        {
            let head = parse_head(format!("HTTP/1.1 500 No\r\n{fields}\r\n\r\n").as_bytes()).unwrap().unwrap();
            assert_eq!((head.status, head.framing), (500, Framing::Chunked));
        }
    }

    #[test]
    fn a_closing_server_is_noticed() {
        let head = parse_head(b"HTTP/1.1 429 Busy\r\nConnection: close\r\nContent-Length: 0\r\n\r\n").unwrap().unwrap();
        assert!(!head.keep_alive);
    }

    #[test]
    fn heads_that_cannot_be_measured_are_refused() {
        let refused = [
            "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 abc\r\nContent-Length: 0\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 999999999999\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
        ];
        for text in refused {
            assert!(parse_head(text.as_bytes()).is_err(), "{text:?}");
        }
        assert!(parse_head(&[b'x'; HEAD_BYTES_MAX + 1]).is_err());
    }

    #[test]
    fn a_status_without_a_body_needs_no_length() {
        let head = parse_head(b"HTTP/1.1 204 No Content\r\n\r\n").unwrap().unwrap();
        assert_eq!(head.framing, Framing::Length(0));
    }

    #[test]
    fn a_chunked_body_is_the_same_however_it_is_cut() {
        let wire = b"4\r\nabcd\r\nA;name=value\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\nNEXT";
        for cut in 0..wire.len() {
            let mut chunks = Chunks::default();
            let mut body = Vec::new();
            let first = chunks.feed(&wire[..cut], &mut body).unwrap();
            let second = chunks.feed(&wire[first..], &mut body).unwrap();
            assert!(chunks.is_done(), "cut at {cut}");
            assert_eq!(body, b"abcd0123456789", "cut at {cut}");
            assert_eq!(&wire[first + second..], b"NEXT", "cut at {cut}");
        }
    }

    #[test]
    fn broken_chunks_are_refused() {
        for wire in ["xyz\r\n", "\r\n", "1\r\nab\r\n", "-1\r\n"] {
            assert!(Chunks::default().feed(wire.as_bytes(), &mut Vec::new()).is_err(), "{wire:?}");
        }
        let endless = vec![b'1'; CHUNK_LINE_BYTES_MAX + 1];
        assert!(Chunks::default().feed(&endless, &mut Vec::new()).is_err());
    }
}
