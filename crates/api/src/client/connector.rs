//! How a client reaches its server: TCP, TLS on it, or a Unix socket.

use std::future::Future;
use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use hyper::Uri;
use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::connect::{Connected, Connection, HttpConnector};
use hyper_util::rt::TokioIo;
use rustls::InvalidMessage;
use rustls::pki_types::ServerName;
use tokio::net::UnixStream;
use tower_service::Service;

use super::tls::Tls;

type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// Opens connections.
#[derive(Clone)]
pub(super) struct Connector {
    pub(super) http: HttpConnector,
    pub(super) tls: Option<Arc<Tls>>,
    pub(super) socket: Option<PathBuf>,
}

/// A connection of any kind.
pub(super) struct Wire(Box<dyn Duplex>);

/// Both directions of a stream.
pub(super) trait Duplex: Read + Write + Send + Unpin {}
impl<T: Read + Write + Send + Unpin> Duplex for T {}

impl Service<Uri> for Connector {
    type Response = Wire;
    type Error = BoxError;
    type Future = Pin<Box<dyn Future<Output = Result<Wire, BoxError>> + Send>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.http.poll_ready(cx).map_err(Into::into)
    }

    fn call(&mut self, uri: Uri) -> Self::Future {
        if let Some(path) = self.socket.clone() {
            return Box::pin(async move {
                let stream = UnixStream::connect(&path).await.map_err(|error| named(&path, &error))?;
                Ok(Wire(Box::new(TokioIo::new(stream))))
            });
        }
        let tls = self.tls.clone();
        let host = uri.host().unwrap_or_default().trim_matches(['[', ']']).to_owned();
        let connecting = self.http.call(uri);
        Box::pin(async move {
            let stream = connecting.await?;
            let Some(tls) = tls else { return Ok(Wire(Box::new(stream))) };
            let name = tls.server_name.clone().unwrap_or(host);
            let name = ServerName::try_from(name)?;
            let stream = tls.connector().connect(name, stream.into_inner()).await.map_err(in_the_clear)?;
            Ok(Wire(Box::new(TokioIo::new(stream))))
        })
    }
}

/// An error with the path of the socket that it is about: the URL does not tell it.
fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("{}: {error}", path.display()))
}

/// What a server that speaks no TLS is to TLS is an invalid message; to whoever asks it is another scheme.
fn in_the_clear(error: io::Error) -> io::Error {
    match error.get_ref().and_then(|inner| inner.downcast_ref()) {
        Some(rustls::Error::InvalidMessage(InvalidMessage::InvalidContentType)) => {
            io::Error::new(error.kind(), "the server does not speak TLS there: its address may begin with http://")
        }
        _ => error,
    }
}

impl Connection for Wire {
    fn connected(&self) -> Connected {
        Connected::new()
    }
}

impl Read for Wire {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_read(cx, buffer)
    }
}

impl Write for Wire {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut *self.get_mut().0).poll_write(cx, bytes)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut *self.get_mut().0).poll_shutdown(cx)
    }
}
