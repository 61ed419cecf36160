//! What a connection runs over: TCP, TLS on it, or a Unix socket.

use std::io;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, ReadBuf};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio_rustls::server::TlsStream;

use crate::tls::Tls;

/// Where connections come from.
#[derive(Debug)]
pub enum Listener {
    /// An address.
    Tcp(TcpListener),
    /// An address where TLS is spoken.
    Tls(TcpListener, Arc<Tls>),
    /// A Unix socket.
    Unix(UnixListener),
}

impl From<TcpListener> for Listener {
    fn from(listener: TcpListener) -> Self {
        Self::Tcp(listener)
    }
}

/// The address of a client; none on a Unix socket.
pub(crate) type Peer = Option<IpAddr>;

/// A connection before anything is spoken.
pub(crate) enum Arrival {
    Tcp(TcpStream),
    Tls(TcpStream, Arc<Tls>),
    Unix(UnixStream),
}

impl Listener {
    /// How a log calls it: its URL.
    pub fn name(&self) -> String {
        let address = |listener: &TcpListener| listener.local_addr().map_or("?".to_owned(), |own| own.to_string());
        match self {
            Self::Tcp(listener) => format!("http://{}", address(listener)),
            Self::Tls(listener, _) => format!("https://{}", address(listener)),
            Self::Unix(listener) => {
                let own = listener.local_addr().ok();
                let path = own.and_then(|own| own.as_pathname().map(|path| path.display().to_string()));
                format!("unix://{}", path.unwrap_or_default())
            }
        }
    }

    pub(crate) async fn accept(&self) -> io::Result<(Arrival, Peer)> {
        match self {
            Self::Tcp(listener) => {
                listener.accept().await.map(|(stream, peer)| (Arrival::Tcp(stream), Some(peer.ip())))
            }
            Self::Tls(listener, tls) => {
                let (stream, peer) = listener.accept().await?;
                Ok((Arrival::Tls(stream, tls.clone()), Some(peer.ip())))
            }
            Self::Unix(listener) => listener.accept().await.map(|(stream, _)| (Arrival::Unix(stream), None)),
        }
    }
}

impl Arrival {
    /// The stream, once TLS has begun if it is spoken.
    pub(crate) async fn open(self) -> io::Result<Stream> {
        match self {
            Self::Tcp(stream) => {
                // Answers are written whole; waiting for more would only delay them.
                stream.set_nodelay(true)?;
                Ok(Stream::Tcp(stream))
            }
            Self::Tls(stream, tls) => {
                stream.set_nodelay(true)?;
                let mut first = [0];
                if stream.peek(&mut first).await? == 1 && first[0].is_ascii_uppercase() {
                    return Err(refuse_plain(stream).await);
                }
                Ok(Stream::Tls(Box::new(tls.accept(stream).await?)))
            }
            Self::Unix(stream) => Ok(Stream::Unix(stream)),
        }
    }
}

/// Tells a client that speaks HTTP without TLS, whose first byte is a letter, what is wrong. The text is Go's.
async fn refuse_plain(mut stream: TcpStream) -> io::Error {
    const REFUSAL: &[u8] = b"HTTP/1.0 400 Bad Request\r\n\r\nClient sent an HTTP request to an HTTPS server.\n";
    let told = async {
        stream.write_all(REFUSAL).await?;
        stream.shutdown().await?;
        // What is not read would reset the connection, and the client might not see the answer.
        stream.read(&mut [0; 4096]).await
    };
    match told.await {
        Ok(_) => io::Error::other("a client spoke HTTP without TLS"),
        Err(error) => error,
    }
}

/// A connection.
pub(crate) enum Stream {
    Tcp(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
    Unix(UnixStream),
}

impl Stream {
    /// Whether the client chose HTTP/2, which it can do over TLS alone.
    pub(crate) fn is_http2(&self) -> bool {
        matches!(self, Self::Tls(stream) if stream.get_ref().1.alpn_protocol() == Some(b"h2"))
    }

    /// The plain stream, which can be looked into without taking anything.
    pub(crate) fn as_tcp(&self) -> Option<&TcpStream> {
        match self {
            Self::Tcp(stream) => Some(stream),
            _ => None,
        }
    }

    fn inner(self: Pin<&mut Self>) -> Pin<&mut dyn Duplex> {
        match self.get_mut() {
            Self::Tcp(stream) => Pin::<&mut TcpStream>::new(stream),
            Self::Tls(stream) => Pin::<&mut TlsStream<TcpStream>>::new(stream),
            Self::Unix(stream) => Pin::<&mut UnixStream>::new(stream),
        }
    }
}

/// Both directions.
trait Duplex: AsyncRead + AsyncWrite {}
impl<T: AsyncRead + AsyncWrite> Duplex for T {}

impl AsyncRead for Stream {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_read(cx, buffer)
    }
}

impl AsyncWrite for Stream {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        self.inner().poll_write(cx, bytes)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.inner().poll_write_vectored(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        match self {
            Self::Tcp(stream) => stream.is_write_vectored(),
            Self::Tls(stream) => stream.is_write_vectored(),
            Self::Unix(stream) => stream.is_write_vectored(),
        }
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.inner().poll_shutdown(cx)
    }
}
