//! H2PING: opens an HTTP/2 connection and passes if a PING comes back. The few frames that takes are written by hand:
//!
//! ```text
//! length: 24 bit | type: 8 | flags: 8 | stream: 32 | payload
//! ```

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, timeout_at};
use tokio_rustls::client::TlsStream;

use super::tls::{Inside, TlsConfigs};
use super::{critical, dial, passing};
use crate::definition::H2Ping;
use crate::machine::RunResult;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
const SETTINGS: u8 = 4;
const PING: u8 = 6;
const GO_AWAY: u8 = 7;
const ACK: u8 = 1;
const PING_PAYLOAD: [u8; 8] = *b"quorate.";
/// The largest payload that may be sent to one who said nothing about it.
const PAYLOAD_BYTES_MAX: usize = 16_384;

pub(super) async fn run(tls: &TlsConfigs, ping: &H2Ping, timeout: Duration) -> RunResult {
    let deadline = Instant::now() + timeout;
    match timeout_at(deadline, dialled(tls, ping)).await {
        Ok(Ok(Dialled::Plain(stream))) => exchanged(deadline, stream).await,
        Ok(Ok(Dialled::Tls(stream))) => exchanged(deadline, *stream).await,
        Ok(Err(problem)) => critical(format!("Failed to dial to {}: {problem}", ping.address)),
        Err(_) => critical(format!("Failed to dial to {}: context deadline exceeded", ping.address)),
    }
}

/// A connection that HTTP/2 can be spoken over.
enum Dialled {
    Plain(TcpStream),
    Tls(Box<TlsStream<TcpStream>>),
}

async fn dialled(tls: &TlsConfigs, ping: &H2Ping) -> Result<Dialled, String> {
    let stream = dial::tcp(&ping.address).await?;
    let Some(how) = &ping.tls else { return Ok(Dialled::Plain(stream)) };
    let host = dial::host(&ping.address)?;
    Ok(Dialled::Tls(Box::new(tls.connect(stream, host, how, Inside::Http2).await?)))
}

async fn exchanged(deadline: Instant, stream: impl AsyncRead + AsyncWrite + Unpin) -> RunResult {
    match timeout_at(deadline, exchange(stream)).await {
        Ok(Ok(())) => passing("HTTP2 ping was successful"),
        Ok(Err(error)) => critical(format!("HTTP2 ping failed: {}", dial::words(&error))),
        Err(_) => critical("HTTP2 ping failed: context deadline exceeded"),
    }
}

async fn exchange(mut stream: impl AsyncRead + AsyncWrite + Unpin) -> io::Result<()> {
    let mut hello = PREFACE.to_vec();
    hello.extend_from_slice(&frame(SETTINGS, 0, &[]));
    hello.extend_from_slice(&frame(PING, 0, &PING_PAYLOAD));
    stream.write_all(&hello).await?;
    loop {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await?;
        let [high, middle, low, kind, flags, ..] = head;
        let length = u32::from_be_bytes([0, high, middle, low]) as usize;
        if length > PAYLOAD_BYTES_MAX {
            return Err(io::Error::other("frame too large"));
        }
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).await?;
        match (kind, flags & ACK) {
            (PING, ACK) if payload == PING_PAYLOAD => return Ok(()),
            (SETTINGS, 0) => stream.write_all(&frame(SETTINGS, ACK, &[])).await?,
            (GO_AWAY, _) => return Err(io::Error::other("server sent GOAWAY and closed the connection")),
            _ => {}
        }
    }
}

fn frame(kind: u8, flags: u8, payload: &[u8]) -> Vec<u8> {
    // All of ours are short.
    let mut frame = vec![0, 0, payload.len() as u8, kind, flags, 0, 0, 0, 0];
    frame.extend_from_slice(payload);
    frame
}
