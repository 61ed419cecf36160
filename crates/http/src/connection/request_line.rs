//! Request lines as Go's server takes them: with any byte in the target that is no space and no control character.
//!
//! Hyper refuses some of these bytes and ends the target at a `#`, so they are escaped before it sees them. Which bytes
//! are a request line's is found by following the requests of a connection from one to the next: a head, then as many
//! bytes of a body as its `Content-Length` says. What is not certain is left alone to the end of the connection or its
//! next pause: bytes behind a body in chunks, and behind a head that hyper refuses anyway.
//!
//! **Invariant:** no byte of a header or of a body is changed.

/// Follows a stream of requests from its beginning, in pieces of any size.
#[derive(Debug, Default)]
pub(super) struct RequestLines {
    place: Place,
    /// The beginning of a header's line whose end has not arrived.
    line: Vec<u8>,
    body: Body,
}

/// Where the next byte belongs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Place {
    /// Before a request; empty lines there are passed over.
    #[default]
    Before,
    Method,
    Target,
    Header,
    Body {
        bytes_left: u64,
    },
    /// Nobody knows.
    Unknown,
}

/// The body of the request whose head is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Body {
    #[default]
    None,
    Bytes(u64),
    Unknown,
}

/// How much is kept of a header's line that arrives in pieces: any sane `Content-Length` is shorter.
const LINE_BYTES_MAX: usize = 64;

impl RequestLines {
    /// Takes the next bytes. Gives what is to be sent in their place if something was escaped.
    pub(super) fn pass(&mut self, bytes: &[u8]) -> Option<Vec<u8>> {
        let mut escaped = Vec::new();
        let mut copied = 0;
        let mut at = 0;
        while at < bytes.len() && self.place != Place::Unknown {
            let rest = &bytes[at..];
            if self.place == Place::Target {
                let line = &rest[..end_of_line(rest)];
                for place in (at..at + line.len()).filter(|place| is_escaped(bytes[*place])) {
                    escaped.extend_from_slice(&bytes[copied..place]);
                    escaped.extend_from_slice(format!("%{:02X}", bytes[place]).as_bytes());
                    copied = place + 1;
                }
            }
            at += self.step(rest);
        }
        if copied == 0 {
            return None;
        }
        escaped.extend_from_slice(&bytes[copied..]);
        Some(escaped)
    }

    /// Whether all that has passed are whole requests.
    pub(super) fn is_between_requests(&self) -> bool {
        self.place == Place::Before
    }

    /// Goes on by some bytes of what is next, which is not empty; tells how many.
    fn step(&mut self, next: &[u8]) -> usize {
        match self.place {
            Place::Before => {
                let count = next.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count();
                if count < next.len() {
                    self.place = Place::Method;
                }
                count
            }
            Place::Method => {
                let Some(place) = next.iter().position(|byte| matches!(byte, b' ' | b'\n')) else { return next.len() };
                self.place = if next[place] == b' ' { Place::Target } else { Place::Unknown };
                place + 1
            }
            Place::Target => {
                let end = end_of_line(next);
                if end == next.len() {
                    return end;
                }
                (self.place, self.body) = (Place::Header, Body::None);
                end + 1
            }
            Place::Header => {
                let end = end_of_line(next);
                if end == next.len() {
                    let room = LINE_BYTES_MAX - self.line.len();
                    self.line.extend_from_slice(&next[..end.min(room)]);
                    return end;
                }
                if self.line.is_empty() {
                    self.header(&next[..end]);
                } else {
                    let room = LINE_BYTES_MAX - self.line.len();
                    let mut line = std::mem::take(&mut self.line);
                    line.extend_from_slice(&next[..end.min(room)]);
                    self.header(&line);
                }
                end + 1
            }
            Place::Body { bytes_left } => {
                let count = bytes_left.min(next.len() as u64);
                self.place = after_head(Body::Bytes(bytes_left - count));
                count as usize
            }
            Place::Unknown => next.len(),
        }
    }

    /// Takes a header's line, or as much of it as was kept.
    fn header(&mut self, line: &[u8]) {
        let line = line.strip_suffix(b"\r").unwrap_or(line);
        if line.is_empty() {
            self.place = after_head(self.body);
        } else if let Some(value) = behind(b"content-length", line) {
            let length = Some(value)
                .filter(|_| line.len() < LINE_BYTES_MAX)
                .and_then(|value| value.strip_prefix(b":"))
                .and_then(|value| std::str::from_utf8(value).ok())
                .map(|value| value.trim_matches([' ', '\t']))
                .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()))
                .and_then(|digits| digits.parse().ok());
            self.body = match (self.body, length) {
                (Body::None, Some(length)) => Body::Bytes(length),
                (Body::Bytes(earlier), Some(length)) if earlier == length => self.body,
                _ => Body::Unknown,
            };
        } else if behind(b"transfer-encoding", line).is_some() {
            self.body = Body::Unknown;
        }
    }
}

fn after_head(body: Body) -> Place {
    match body {
        Body::None | Body::Bytes(0) => Place::Before,
        Body::Bytes(bytes_left) => Place::Body { bytes_left },
        Body::Unknown => Place::Unknown,
    }
}

/// What is behind a name in a line, if the line begins with it in any case.
fn behind<'a>(name: &[u8], line: &'a [u8]) -> Option<&'a [u8]> {
    let (start, rest) = line.split_at_checked(name.len())?;
    start.eq_ignore_ascii_case(name).then_some(rest)
}

fn end_of_line(bytes: &[u8]) -> usize {
    bytes.iter().position(|byte| *byte == b'\n').unwrap_or(bytes.len())
}

fn is_escaped(byte: u8) -> bool {
    matches!(byte, b'"' | b'#' | b'<' | b'>' | b'\\' | b'^' | b'`' | b'{' | b'|' | b'}' | 0x80..)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passed(lines: &mut RequestLines, bytes: &[u8]) -> Vec<u8> {
        lines.pass(bytes).unwrap_or_else(|| bytes.to_vec())
    }

    /// Raw and escaped requests in a row; all of the marks outside of targets stay.
    fn conversation() -> (Vec<u8>, Vec<u8>) {
        let raw = b"\r\n\nGET /a\"<>`{|}#\\^\xc3\xa9?b=\"\xff HTTP/1.1\r\nHost: \"x\"\r\nX: <\xff>\r\n\r\n\
            PUT /b\"? HTTP/1.1\r\nContent-length:\t 28 \r\nCONTENT-LENGTH: 28\r\n\r\n\"<\xff\r\n\r\nGET /\" HTTP/1.1\r\n\r\n##\
            G^T /c<d HTTP/1.1\nHost: x\n\n\
            PUT / HTTP/1.1\r\nContent-Length: 0\r\n\r\n\
            PUT /e> HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\"\"\r\n0\r\n\r\nGET /\" HTTP/1.1\r\n\r\n";
        let escaped = b"\r\n\nGET /a%22%3C%3E%60%7B%7C%7D%23%5C%5E%C3%A9?b=%22%FF HTTP/1.1\r\nHost: \"x\"\r\nX: <\xff>\r\n\r\n\
            PUT /b%22? HTTP/1.1\r\nContent-length:\t 28 \r\nCONTENT-LENGTH: 28\r\n\r\n\"<\xff\r\n\r\nGET /\" HTTP/1.1\r\n\r\n##\
            G^T /c%3Cd HTTP/1.1\nHost: x\n\n\
            PUT / HTTP/1.1\r\nContent-Length: 0\r\n\r\n\
            PUT /e%3E HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n\"\"\r\n0\r\n\r\nGET /\" HTTP/1.1\r\n\r\n";
        (raw.to_vec(), escaped.to_vec())
    }

    #[test]
    fn targets_alone_are_escaped_in_pieces_of_any_size() {
        let (raw, escaped) = conversation();
        for size in 1..=raw.len() {
            let mut lines = RequestLines::default();
            let passed: Vec<u8> = raw.chunks(size).flat_map(|piece| passed(&mut lines, piece)).collect();
            assert_eq!(String::from_utf8_lossy(&passed), String::from_utf8_lossy(&escaped), "in pieces of {size}");
        }
    }

    #[test]
    fn nothing_is_copied_where_nothing_is_escaped() {
        let mut lines = RequestLines::default();
        assert_eq!(lines.pass(b"GET /v1/kv/a?b=[c]&d=%22 HTTP/1.1\r\nX: \"\r\n\r\n"), None);
    }

    #[test]
    fn a_body_of_uncertain_length_ends_all_escaping() {
        for header in [
            "Content-Length: +1",
            "Content-Length: 1, 1",
            "Content-Length : 1",
            "Content-Length: 1\r\nContent-Length: 2",
        ] {
            let text = format!("PUT / HTTP/1.1\r\n{header}\r\n\r\nxGET /\" HTTP/1.1\r\n\r\n");
            assert_eq!(RequestLines::default().pass(text.as_bytes()), None, "{header}");
        }
        let spaces = " ".repeat(100);
        let text = format!("PUT / HTTP/1.1\r\nContent-Length:{spaces}1\r\n\r\nxGET /\" HTTP/1.1\r\n\r\n");
        let mut lines = RequestLines::default();
        assert!(text.as_bytes().chunks(7).all(|piece| lines.pass(piece).is_none()));
    }
}
