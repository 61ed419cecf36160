//! One request over one connection by hyper, without a task of its own: the connection is driven beside the work.

use std::future::Future;
use std::pin::pin;

use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::client::conn::http1;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};

use super::output::Tail;

/// Drives a connection until the work is done.
pub(super) async fn beside<T>(connection: impl Future, work: impl Future<Output = T>) -> T {
    let (mut connection, mut work) = (pin!(connection), pin!(work));
    tokio::select! {
        biased;
        done = &mut work => done,
        // The work sees for itself that the connection has ended.
        _ = &mut connection => work.await,
    }
}

/// Sends a request by HTTP/1.1 and gives the answer with the end of its body.
pub(super) async fn http1(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    request: Request<Full<Bytes>>,
    bytes_max: usize,
) -> Result<(Response<()>, Tail), hyper::Error> {
    let (mut sender, connection) = http1::Builder::new().handshake(TokioIo::new(stream)).await?;
    beside(connection, async {
        let (head, body) = sender.send_request(request).await?.into_parts();
        Ok((Response::from_parts(head, ()), read(body, bytes_max).await?))
    })
    .await
}

async fn read(mut body: Incoming, bytes_max: usize) -> Result<Tail, hyper::Error> {
    let mut tail = Tail::new(bytes_max);
    while let Some(frame) = body.frame().await {
        if let Some(bytes) = frame?.data_ref() {
            tail.push(bytes);
        }
    }
    Ok(tail)
}
