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
use std::net::IpAddr;
use std::sync::{Arc, Mutex, PoisonError};

use futures_util::StreamExt as _;
use futures_util::stream::FuturesUnordered;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep_until};

use crate::exchange::Exchange;
use crate::measure::Batch;
use crate::respond::Transport;
use crate::service::{Handled, Service, Wait, Worker};

/// What answers all connections, one query at a time and all on one thread: so it may keep what it found.
pub(crate) type SharedWorker = Arc<Mutex<Worker>>;

/// Serves one connection.
pub(crate) struct Connection {
    service: Service,
    worker: SharedWorker,
    client: IpAddr,
    times: Batch,
    exchange: Exchange,
}

/// What the stream did.
enum Step {
    Read(usize),
    Sent(usize),
}

impl Connection {
    pub(crate) fn new(service: Service, worker: SharedWorker, client: IpAddr) -> Self {
        let times = service.metrics().batch();
        Self { service, worker, client, times, exchange: Exchange::new(Instant::now()) }
    }

    /// Answers until the client has all it asked for and ends, or takes too long.
    pub(crate) async fn run(mut self, mut stream: TcpStream) -> io::Result<()> {
        // Answers are whole when they are written; there is nothing to wait for.
        stream.set_nodelay(true)?;
        let service = self.service.clone();
        let mut waiting = FuturesUnordered::new();
        let mut places = Vec::new();
        loop {
            for (packet, wait) in self.answer_queries().await? {
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

    /// Answers the queries that were read; gives back those that wait. Between two queries all others have their turn: one
    /// that asks for much, and often, costs them the time of one answer.
    async fn answer_queries(&mut self) -> io::Result<Vec<(Vec<u8>, Wait)>> {
        let mut later = Vec::new();
        let mut out = Vec::new();
        while let Some(packet) = self.exchange.take(Instant::now())? {
            let started = Instant::now();
            let handled = self.handle(&packet, &mut out);
            match handled {
                Handled::Answered(asked) => {
                    let now = Instant::now();
                    self.exchange.answer(&out, now);
                    self.times.record(asked, now - started);
                }
                Handled::Ignored => {}
                Handled::Later(wait) => {
                    self.exchange.wait();
                    later.push((packet, wait));
                }
            }
            tokio::task::yield_now().await;
        }
        self.times.flush();
        Ok(later)
    }

    fn handle(&self, packet: &[u8], out: &mut Vec<u8>) -> Handled {
        let mut worker = self.worker.lock().unwrap_or_else(PoisonError::into_inner);
        worker.handle(packet, Transport::Tcp, self.client, out)
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
