//! One connection: any number of queries, one after the other or pipelined (RFC 7766).
//!
//! A query that can be answered at once is answered in its turn; those that wait for a recursor are answered when they
//! are ready, and the ones behind them do not wait for them. Answers that are ready together go out together. What may be
//! read and for how long is [`Exchange`]'s affair.
//!
//! A question that waited gives its place back when its answer is out: so the answers that clients leave unread are
//! bounded over all connections, by the places for questions that wait.

use std::future::pending;
use std::io;

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::exchange::Exchange;
use crate::measure::Batch;
use crate::respond::Transport;
use crate::service::{Handled, Service, Wait, Worker};

/// Serves one connection.
pub(crate) struct Connection {
    service: Service,
    worker: Worker,
    times: Batch,
    exchange: Exchange,
}

/// What the stream did.
enum Step {
    Read(usize),
    Sent(usize),
}

impl Connection {
    pub(crate) fn new(service: Service) -> Self {
        let (worker, times) = (service.small_worker(), service.metrics().batch());
        Self { service, worker, times, exchange: Exchange::new(Instant::now()) }
    }

    /// Answers until the client has all it asked for and ends, or takes too long.
    pub(crate) async fn run(mut self, mut stream: TcpStream) -> io::Result<()> {
        // Answers are whole when they are written; there is nothing to wait for.
        stream.set_nodelay(true)?;
        let service = self.service.clone();
        let mut waiting = FuturesUnordered::new();
        let mut places = Vec::new();
        loop {
            for (packet, wait) in self.answer_queries()? {
                waiting.push(answer_later(&service, packet, wait));
            }
            if self.exchange.is_over() {
                return Ok(());
            }
            let deadline = self.exchange.deadline();
            tokio::select! {
                Some((answer, place)) = waiting.next(), if !waiting.is_empty() => {
                    self.exchange.answer_late(&answer, Instant::now());
                    places.push(place);
                }
                step = step(&mut self.exchange, &mut stream) => match step? {
                    Step::Read(0) => self.exchange.end(),
                    Step::Read(_) => {}
                    Step::Sent(count) => {
                        if self.exchange.sent(count, Instant::now()) {
                            places.clear();
                        }
                    }
                },
                () = until(deadline) => return Ok(()),
            }
        }
    }

    /// Answers the queries that were read; gives back those that wait.
    fn answer_queries(&mut self) -> io::Result<Vec<(Vec<u8>, Wait)>> {
        let mut later = Vec::new();
        let mut out = Vec::new();
        let mut started = Instant::now();
        while let Some(packet) = self.exchange.take(started)? {
            match self.worker.handle(&packet, Transport::Tcp, &mut out) {
                Handled::Answered(asked) => {
                    let now = Instant::now();
                    self.exchange.answer(&out, now);
                    self.times.record(asked, now - started);
                    started = now;
                }
                Handled::Ignored => {}
                Handled::Later(wait) => {
                    self.exchange.wait();
                    later.push((packet, wait));
                }
            }
        }
        self.times.flush();
        Ok(later)
    }
}

/// The answer to a query that waits, and its place.
async fn answer_later(service: &Service, packet: Vec<u8>, mut wait: Wait) -> (Vec<u8>, Wait) {
    let answer = service.answer_later(&packet, Transport::Tcp, &mut wait).await;
    (answer, wait)
}

/// Sends what is to be sent, or else reads; waits for ever if neither may be.
async fn step(exchange: &mut Exchange, stream: &mut TcpStream) -> io::Result<Step> {
    if !exchange.unsent().is_empty() {
        return stream.write(exchange.unsent()).await.map(Step::Sent);
    }
    match exchange.room() {
        Some(buffer) => stream.read_buf(buffer).await.map(Step::Read),
        None => pending().await,
    }
}

async fn until(deadline: Option<Instant>) {
    match deadline {
        Some(deadline) => sleep_until(deadline).await,
        None => pending().await,
    }
}
