//! Connections that send what they like and throw away what they get.

use anyhow::{Context, Result, bail, ensure};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::sleep;

/// How much of an answer is read at once; and of a body sent.
const PIECE_BYTES: usize = 64 << 10;
/// How much of a refusal is shown.
const SHOWN_BYTES: usize = 400;

/// Sends a request and reads its answer up to the end or to `bytes_max`, without keeping it. An answer other than 200 is an error.
pub(super) async fn ask_and_discard(address: SocketAddr, request: &[u8], bytes_max: u64) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(request).await?;
    let (mut buffer, mut read) = (vec![0; PIECE_BYTES], 0);
    while read < bytes_max {
        let count = stream.read(&mut buffer).await?;
        let beginning = &buffer[..count.min(SHOWN_BYTES)];
        ensure!(read > 0 || beginning.starts_with(b"HTTP/1.1 200"), "{}", String::from_utf8_lossy(beginning));
        if count == 0 {
            break;
        }
        read += count as u64;
    }
    Ok(())
}

/// The head of a request with a body of so many bytes.
pub(super) fn head(method: &str, path: &str, body_bytes: u64) -> Vec<u8> {
    format!("{method} {path} HTTP/1.1\r\nHost: bench\r\nContent-Length: {body_bytes}\r\n\r\n").into_bytes()
}

/// Announces a body, sends a part of it, and leaves it at that for a while.
pub(super) async fn send_part(
    address: SocketAddr,
    head: Vec<u8>,
    first: &[u8],
    sent_bytes: u64,
    hold: Duration,
) -> Result<()> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(&head).await?;
    stream.write_all(first).await?;
    let piece = vec![b'x'; PIECE_BYTES];
    let mut left = sent_bytes.saturating_sub(first.len() as u64);
    while left > 0 {
        let count = left.min(PIECE_BYTES as u64) as usize;
        stream.write_all(&piece[..count]).await?;
        left -= count as u64;
    }
    sleep(hold).await;
    Ok(())
}

/// The same for several HTTP/2 streams on one connection.
pub(super) async fn send_parts_on_streams(
    address: SocketAddr,
    path: &str,
    streams: u32,
    sent_bytes: usize,
    hold: Duration,
) -> Result<()> {
    let stream = TcpStream::connect(address).await?;
    let (client, connection) = h2::client::handshake(stream).await?;
    let sending = async {
        let mut client = client.ready().await?;
        let mut bodies = Vec::new();
        for _ in 0..streams {
            let uri = format!("http://bench{path}");
            let request = http::Request::builder().method("PUT").uri(uri).body(()).context("a request")?;
            let (answer, body) = client.send_request(request, false)?;
            bodies.push((answer, body, sent_bytes));
            client = client.ready().await?;
        }
        // In turn, as far as the server lets each.
        while bodies.iter().any(|(_, _, left)| *left > 0) {
            let mut has_sent = false;
            for (_, body, left) in bodies.iter_mut().filter(|(_, _, left)| *left > 0) {
                body.reserve_capacity((*left).min(PIECE_BYTES));
                let count = body.capacity().min(*left);
                if count > 0 {
                    body.send_data(vec![b'x'; count].into(), false)?;
                    *left -= count;
                    has_sent = true;
                }
            }
            if !has_sent {
                sleep(Duration::from_millis(5)).await;
            } else {
                tokio::task::yield_now().await;
            }
        }
        sleep(hold).await;
        Ok(())
    };
    tokio::select! {
        sent = sending => sent,
        ended = connection => bail!("the connection ended: {ended:?}"),
    }
}
