//! A minimal HTTP/1.1 client over one kept connection, made to cost little next to the server that it measures.
//!
//! One write and one read per request: the answer is looked for in place and its body is lent, not copied (a chunked one
//! is put together in a reused buffer). No pipelining, no redirects, no retries: anything unexpected is an error, and an
//! error ends the run.

mod parse;

use anyhow::{Context, Result, bail, ensure};
use std::fmt::Write as _;
use std::net::SocketAddr;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use parse::{Chunks, Framing, Head, parse_head};

/// Room for most answers; a connection whose answers are larger grows it. Kept small for 10,000 watchers.
const READ_BUFFER_BYTES: usize = 2 * 1024;
/// Up to here a connection makes room ahead of what it has seen.
const READ_BUFFER_BYTES_MAX: usize = 256 * 1024;
/// How much of a wrong answer an error shows.
const SHOWN_BYTES_MAX: usize = 300;

/// The verbs that the benches use.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Method {
    #[default]
    Get,
    Put,
    Delete,
}

impl Method {
    fn name(self) -> &'static str {
        match self {
            Method::Get => "GET",
            Method::Put => "PUT",
            Method::Delete => "DELETE",
        }
    }
}

/// A request to be sent; its buffers are reused from one request to the next.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    pub(crate) method: Method,
    /// Path and query.
    pub(crate) path: String,
    pub(crate) body: Vec<u8>,
}

impl Draft {
    /// Empties the draft and returns it as a request of `method`.
    pub(crate) fn start(&mut self, method: Method) -> &mut Self {
        self.method = method;
        self.path.clear();
        self.body.clear();
        self
    }

    /// Appends to the path.
    pub(crate) fn path(&mut self, part: std::fmt::Arguments<'_>) -> &mut Self {
        self.path.write_fmt(part).expect("a String takes any text");
        self
    }
}

/// An answer; the body lives in the connection's buffers until the next request.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Answer<'a> {
    pub(crate) status: u16,
    /// `X-Consul-Index`, where the server gave one.
    pub(crate) index: Option<u64>,
    pub(crate) body: &'a [u8],
}

impl Answer<'_> {
    /// Fails unless the status is 200.
    pub(crate) fn expect_ok(&self) -> Result<()> {
        ensure!(self.status == 200, "status {}: {}", self.status, self.shown());
        Ok(())
    }

    /// Fails unless this is what a server answers to a write that happened.
    pub(crate) fn expect_true(&self) -> Result<()> {
        self.expect_ok()?;
        ensure!(self.body.trim_ascii() == b"true", "a write was answered with {}", self.shown());
        Ok(())
    }

    /// The beginning of the body, for an error.
    pub(crate) fn shown(&self) -> String {
        let shown = &self.body[..self.body.len().min(SHOWN_BYTES_MAX)];
        format!("{:?}", String::from_utf8_lossy(shown))
    }
}

/// One kept connection to a server.
#[derive(Debug)]
pub(crate) struct Connection {
    stream: TcpStream,
    host: String,
    outgoing: Vec<u8>,
    incoming: Vec<u8>,
    /// The bytes of `incoming` that hold something.
    filled: usize,
    /// A chunked body, put together.
    unchunked: Vec<u8>,
}

impl Connection {
    /// Connects.
    pub(crate) async fn open(address: SocketAddr) -> Result<Self> {
        let stream = TcpStream::connect(address).await.with_context(|| format!("connecting to {address}"))?;
        stream.set_nodelay(true)?;
        // A reset at the end leaves no port waiting: a run opens tens of thousands of connections.
        stream.set_zero_linger()?;
        Ok(Self {
            stream,
            host: address.to_string(),
            outgoing: Vec::new(),
            incoming: vec![0; READ_BUFFER_BYTES],
            filled: 0,
            unchunked: Vec::new(),
        })
    }

    /// Sends the draft and waits for the whole answer.
    pub(crate) async fn exchange(&mut self, draft: &Draft) -> Result<Answer<'_>> {
        self.send(draft).await?;
        self.receive().await
    }

    async fn send(&mut self, draft: &Draft) -> Result<()> {
        ensure!(self.filled == 0, "the server sent {} bytes that nobody asked for", self.filled);
        self.outgoing.clear();
        for part in [draft.method.name(), " ", &draft.path, " HTTP/1.1\r\nHost: ", &self.host] {
            self.outgoing.extend_from_slice(part.as_bytes());
        }
        if draft.method != Method::Get {
            std::io::Write::write_fmt(&mut self.outgoing, format_args!("\r\nContent-Length: {}", draft.body.len()))?;
        }
        self.outgoing.extend_from_slice(b"\r\n\r\n");
        self.outgoing.extend_from_slice(&draft.body);
        self.stream.write_all(&self.outgoing).await.context("sending a request")
    }

    async fn receive(&mut self) -> Result<Answer<'_>> {
        let head = loop {
            match parse_head(&self.incoming[..self.filled])? {
                Some(head) => break head,
                None => self.read_more().await?,
            }
        };
        let Head { status, index, .. } = head;
        let body = match head.framing {
            Framing::Length(length) => self.receive_length(&head, length).await?,
            Framing::Chunked => self.receive_chunks(&head).await?,
        };
        let answer = Answer { status, index, body };
        // An answer of 200 that closes would make the next request fail with less to go by.
        if !head.keep_alive {
            bail!("the server closes the connection after status {status}: {}", answer.shown());
        }
        Ok(answer)
    }

    async fn receive_length(&mut self, head: &Head, length: usize) -> Result<&[u8]> {
        let end = head.bytes + length;
        if self.incoming.len() <= end {
            self.incoming.resize(end + 1, 0);
        }
        while self.filled < end {
            self.read_more().await?;
        }
        ensure!(self.filled == end, "{} bytes behind the answer's body", self.filled - end);
        self.filled = 0;
        Ok(&self.incoming[head.bytes..end])
    }

    async fn receive_chunks(&mut self, head: &Head) -> Result<&[u8]> {
        self.unchunked.clear();
        let mut chunks = Chunks::default();
        let mut start = head.bytes;
        loop {
            let used = chunks.feed(&self.incoming[start..self.filled], &mut self.unchunked)?;
            ensure!(start + used == self.filled, "{} bytes behind the last chunk", self.filled - start - used);
            self.filled = 0;
            if chunks.is_done() {
                return Ok(&self.unchunked);
            }
            start = 0;
            self.read_more().await?;
        }
    }

    async fn read_more(&mut self) -> Result<()> {
        if self.filled == self.incoming.len() {
            self.incoming.resize(self.filled * 2, 0);
        }
        let room = self.incoming.len() - self.filled;
        let count = self.stream.read(&mut self.incoming[self.filled..]).await.context("reading an answer")?;
        ensure!(count > 0, "the server closed the connection in place of an answer");
        self.filled += count;
        // A read that leaves room tells tokio that the socket is empty, which saves a system call; so make room.
        if count == room && self.incoming.len() < READ_BUFFER_BYTES_MAX {
            self.incoming.resize(self.incoming.len() * 2, 0);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::net::TcpListener;

    /// Runs `ask` against a server that reads one request and answers with `pieces`, each sent on its own.
    async fn answered<T>(pieces: Vec<Vec<u8>>, ask: impl AsyncFnOnce(Connection) -> T) -> T {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let serve = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            let count = stream.read(&mut request).await.unwrap();
            assert!(request[..count].starts_with(b"PUT /v1/kv/a?flags=1 HTTP/1.1\r\nHost: 127.0.0.1:"));
            assert!(request[..count].ends_with(b"\r\nContent-Length: 5\r\n\r\nhello"));
            for piece in pieces {
                stream.write_all(&piece).await.unwrap();
                tokio::task::yield_now().await;
            }
            stream
        };
        let client = async { ask(Connection::open(address).await.unwrap()).await };
        tokio::join!(serve, client).1
    }

    fn put() -> Draft {
        let mut draft = Draft::default();
        draft.start(Method::Put).path(format_args!("/v1/kv/a?flags={}", 1)).body.extend_from_slice(b"hello");
        draft
    }

    #[tokio::test]
    async fn an_answer_in_pieces_is_put_together() {
        let body = vec![b'v'; 10_000];
        let head = format!("HTTP/1.1 200 OK\r\nX-Consul-Index: 7\r\nContent-Length: {}\r\n\r\n", body.len());
        let whole = [head.into_bytes(), body.clone()].concat();
        let pieces = whole.chunks(999).map(<[u8]>::to_vec).collect();
        answered(pieces, async |mut connection| {
            let answer = connection.exchange(&put()).await.unwrap();
            assert_eq!((answer.status, answer.index), (200, Some(7)));
            assert_eq!(answer.body, body);
        })
        .await;
    }

    #[tokio::test]
    async fn a_chunked_answer_is_put_together() {
        let wire = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\ntr\r\n3\r\nue\n\r\n0\r\n\r\n";
        let pieces = wire.as_bytes().chunks(7).map(<[u8]>::to_vec).collect();
        answered(pieces, async |mut connection| {
            connection.exchange(&put()).await.unwrap().expect_true().unwrap();
        })
        .await;
    }

    #[tokio::test]
    async fn wrong_answers_are_errors() {
        let cases = [
            ("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ntrueextra", "behind the answer's body"),
            ("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nextra", "behind the last chunk"),
            ("HTTP/1.1 429 No\r\nConnection: close\r\nContent-Length: 4\r\n\r\nfull", "after status 429: \"full\""),
            ("HTTP/1.1 500 No\r\nContent-Length: 3\r\n\r\nbad", "status 500: \"bad\""),
            ("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nfalse", "a write was answered with \"false\""),
        ];
        for (wire, expected) in cases {
            let error = answered(vec![wire.into()], async |mut connection| {
                connection.exchange(&put()).await.and_then(|answer| answer.expect_true()).unwrap_err().to_string()
            })
            .await;
            assert!(error.contains(expected), "{error:?} for {wire:?}");
        }
    }
}
