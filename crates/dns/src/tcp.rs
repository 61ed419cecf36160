//! Connections: each carries any number of queries, one after the other or pipelined (RFC 7766).
//!
//! A query that can be answered at once is answered in its turn; those that wait for a recursor are answered when they
//! are ready, and the ones behind them do not wait for them.

use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio::time::{Instant, timeout};

use crate::respond::Transport;
use crate::service::{Handled, Service, Worker};

/// The most connections at once; one more is closed at once. Each holds some KiB, and the answers of 64 waiting queries at most.
const CONNECTIONS_MAX: usize = 1_024;
/// The most queries of one connection that wait for recursors; the next is read when one of them is answered.
const PIPELINED_MAX: usize = 64;
/// The largest query; a connection that sends a larger one is closed.
const QUERY_BYTES_MAX: usize = 4_096;
/// How long a connection may stay without a query, and a query may take to arrive. RFC 7766 has it in seconds.
const IDLE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long a client may leave an answer unread.
const WRITE_TIMEOUT: Duration = Duration::from_secs(10);
/// How long no connection is accepted after an error that does not go away by itself, such as too many open files.
const ERROR_PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections for as long as it is polled.
pub(crate) async fn serve(service: Service, listener: TcpListener) {
    let connections = Arc::new(Semaphore::new(CONNECTIONS_MAX));
    loop {
        let stream = match listener.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a DNS connection could not be accepted");
                tokio::time::sleep(ERROR_PAUSE).await;
                continue;
            }
        };
        let Ok(permit) = connections.clone().try_acquire_owned() else {
            tracing::debug!("a DNS connection was closed: there are as many as may be");
            continue;
        };
        let connection = Connection::new(service.clone(), stream);
        service.host().spawn(async move {
            // A client that goes away, or stalls, ends its connection and nothing else.
            let _ = connection.run().await;
            drop(permit);
        });
    }
}

struct Connection {
    service: Service,
    worker: Worker,
    stream: TcpStream,
    /// What was read and not yet taken.
    read: Vec<u8>,
}

impl Connection {
    fn new(service: Service, stream: TcpStream) -> Self {
        let worker = service.small_worker();
        Self { service, worker, stream, read: Vec::new() }
    }

    async fn run(mut self) -> std::io::Result<()> {
        // Answers are whole when they are written; there is nothing to wait for.
        self.stream.set_nodelay(true)?;
        let service = self.service.clone();
        let mut waiting = FuturesUnordered::new();
        let mut out = Vec::new();
        loop {
            while waiting.len() < PIPELINED_MAX
                && let Some(packet) = self.take_packet()?
            {
                let started = Instant::now();
                match self.worker.handle(&packet, Transport::Tcp, &mut out) {
                    Handled::Answered(asked) => {
                        self.send(&out).await?;
                        service.metrics().record(asked, started.elapsed());
                    }
                    Handled::Ignored => {}
                    Handled::Later(wait) => {
                        let service = &service;
                        waiting.push(async move { service.answer_later(&packet, Transport::Tcp, wait).await });
                    }
                }
            }
            tokio::select! {
                Some(answer) = waiting.next(), if !waiting.is_empty() => self.send(&answer).await?,
                more = timeout(IDLE_TIMEOUT, self.stream.read_buf(&mut self.read)), if waiting.len() < PIPELINED_MAX => {
                    match more {
                        Ok(Ok(0)) if waiting.is_empty() => return Ok(()),
                        // The client sends no more; what it asked is still answered.
                        Ok(Ok(0)) => return self.finish(waiting).await,
                        Ok(more) => { more?; }
                        Err(_) if waiting.is_empty() => return Ok(()),
                        Err(_) => {}
                    }
                }
            }
        }
    }

    /// The next whole query of what was read.
    fn take_packet(&mut self) -> std::io::Result<Option<Vec<u8>>> {
        let [high, low, ref rest @ ..] = self.read[..] else { return Ok(None) };
        let length = usize::from(u16::from_be_bytes([high, low]));
        if length > QUERY_BYTES_MAX {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        let Some(packet) = rest.get(..length).map(<[u8]>::to_vec) else { return Ok(None) };
        self.read.drain(..2 + length);
        Ok(Some(packet))
    }

    async fn send(&mut self, answer: &[u8]) -> std::io::Result<()> {
        if answer.is_empty() {
            return Ok(());
        }
        let mut framed = Vec::with_capacity(2 + answer.len());
        framed.extend_from_slice(&(answer.len() as u16).to_be_bytes());
        framed.extend_from_slice(answer);
        timeout(WRITE_TIMEOUT, self.stream.write_all(&framed)).await?
    }

    async fn finish(mut self, mut waiting: impl futures_util::Stream<Item = Vec<u8>> + Unpin) -> std::io::Result<()> {
        while let Some(answer) = waiting.next().await {
            self.send(&answer).await?;
        }
        Ok(())
    }
}
