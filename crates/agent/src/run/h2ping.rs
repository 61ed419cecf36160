//! H2PING: opens an HTTP/2 connection and passes if a PING comes back. The few frames that takes are written by hand:
//!
//! ```text
//! length: 24 bit | type: 8 | flags: 8 | stream: 32 | payload
//! ```

use std::io;
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};

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
    let address = &ping.address;
    let work = async {
        let dialled = |problem| format!("Failed to dial to {address}: {problem}");
        let stream = dial::tcp(address).await.map_err(dialled)?;
        let pinged = match &ping.tls {
            None => exchange(stream).await,
            Some(how) => {
                let (host, _) = dial::host_and_port(address).map_err(dialled)?;
                exchange(tls.connect(stream, host, how, Inside::Http2).await.map_err(dialled)?).await
            }
        };
        pinged.map_err(|error| format!("HTTP2 ping failed: {}", dial::words(&error)))
    };
    match tokio::time::timeout(timeout, work).await {
        Ok(Ok(())) => passing("HTTP2 ping was successful"),
        Ok(Err(problem)) => critical(problem),
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
