//! Questions over UDP: the addresses and the SRV records of the service with ten instances that `health` registered, the
//! questions that resolvers and proxies ask over and over.
//!
//! As with HTTP, each client sends its next question when the last one is answered. A datagram may be lost, so a client
//! waits for an answer only so long; a question without one is counted and not part of the times.

use anyhow::{Context, Result, ensure};
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;
use tokio::net::UdpSocket;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Bench;
use super::load::{Series, Slice, figures, join_all};
use super::put::MANY_CLIENTS;
use super::subject::Subject;
use crate::process::Process;
use crate::report::Figure;

/// The service asked for, registered by `health`.
const NAME: &[u8] = b"\x11quorate-bench-web\x07service\x06consul\0";
/// What both servers answer with when nothing else is configured: `udp_answer_limit`.
const ANSWERS: u16 = 3;
/// How long an answer is waited for. A resolver's own time-out is longer.
const ANSWER_WAIT: Duration = Duration::from_secs(2);

/// A question of this bench: what it is called, and its type.
struct Question {
    name: &'static str,
    kind: u16,
}

const QUESTIONS: [Question; 2] = [
    Question { name: "DNS A of a service with 10 instances, 64 clients", kind: 1 },
    Question { name: "DNS SRV of a service with 10 instances, 64 clients", kind: 33 },
];

/// Measures both questions on all servers whose DNS address is known.
pub(crate) async fn measure(bench: &mut Bench, addresses: &[Option<SocketAddr>]) -> Result<()> {
    let Some(addresses) = addresses.iter().copied().collect::<Option<Vec<_>>>() else {
        return bench.report.skip("DNS is not measured: --target-dns or --peer-dns is not given");
    };
    for question in &QUESTIONS {
        let mut sides = Vec::new();
        for (subject, address) in bench.subjects.iter().zip(&addresses) {
            sides.push(Side::open(subject, *address, question.kind).await?);
        }
        for _ in 0..bench.plan.rounds {
            for side in &mut sides {
                side.run_slice(bench.plan.slice).await.with_context(|| question.name)?;
            }
        }
        let lost: Vec<f64> = sides.iter().map(|side| side.lost as f64).collect();
        let mut series: Vec<Series> = sides.into_iter().map(|side| side.series).collect();
        let mut all = figures(&mut series);
        all.push(Figure::new("questions lost", "", &lost).headline());
        bench.report.section(question.name, all)?;
    }
    Ok(())
}

/// The clients of one server.
struct Side {
    process: Process,
    clients: Vec<Client>,
    series: Series,
    lost: u64,
}

impl Side {
    async fn open(subject: &Subject, address: SocketAddr, kind: u16) -> Result<Self> {
        let mut clients = Vec::new();
        for number in 0..MANY_CLIENTS {
            clients.push(Client::open(address, kind, number as u16).await?);
        }
        Ok(Self { process: subject.process, clients, series: Series::default(), lost: 0 })
    }

    async fn run_slice(&mut self, length: Duration) -> Result<()> {
        let before = (self.process.cpu()?, Process::own().cpu()?);
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for client in self.clients.drain(..) {
            tasks.spawn(client.run(start + length));
        }
        self.clients = join_all(&mut tasks).await?;
        let mut slice = Slice {
            requests: 0,
            elapsed: start.elapsed(),
            server_cpu: self.process.cpu()? - before.0,
            generator_cpu: Process::own().cpu()? - before.1,
        };
        for client in &mut self.clients {
            slice.requests += client.latencies.len();
            self.lost += std::mem::take(&mut client.lost);
            self.series.latencies.append(&mut client.latencies);
        }
        self.series.slices.push(slice);
        Ok(())
    }
}

/// One client with a socket of its own.
struct Client {
    socket: UdpSocket,
    query: Vec<u8>,
    latencies: Vec<Duration>,
    lost: u64,
}

impl Client {
    async fn open(address: SocketAddr, kind: u16, id: u16) -> Result<Self> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        socket.connect(address).await?;
        let mut query = id.to_be_bytes().to_vec();
        query.extend([1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        query.extend(NAME);
        query.extend(kind.to_be_bytes());
        query.extend([0, 1]);
        Ok(Self { socket, query, latencies: Vec::new(), lost: 0 })
    }

    async fn run(mut self, until: Instant) -> Result<Self> {
        let mut buffer = [0; 512];
        let mut sent = Instant::now();
        while sent < until {
            // A number of its own for each, so that an answer that comes too late is not taken for the next one's.
            let id = u16::from_be_bytes([self.query[0], self.query[1]]).wrapping_add(MANY_CLIENTS as u16);
            self.query[..2].copy_from_slice(&id.to_be_bytes());
            self.socket.send(&self.query).await?;
            match tokio::time::timeout(ANSWER_WAIT, self.answer(&mut buffer)).await {
                Ok(answered) => {
                    check(&buffer[..answered?])?;
                    self.latencies.push(sent.elapsed());
                }
                Err(_) => self.lost += 1,
            }
            sent = Instant::now();
        }
        Ok(self)
    }

    /// The length of the answer to the question that was sent last.
    async fn answer(&self, buffer: &mut [u8]) -> Result<usize> {
        loop {
            let length = self.socket.recv(buffer).await?;
            if length >= 2 && buffer[..2] == self.query[..2] {
                return Ok(length);
            }
        }
    }
}

/// Fails on an answer without an error code of 0 and as many records as there must be.
fn check(answer: &[u8]) -> Result<()> {
    let number = |place: usize| answer.get(place..place + 2).map(|bytes| u16::from_be_bytes([bytes[0], bytes[1]]));
    let (flags, answers) = (number(2).unwrap_or_default(), number(6).unwrap_or_default());
    ensure!(flags & 0x800f == 0x8000, "an answer with the flags {flags:04x}");
    ensure!(answers == ANSWERS, "an answer with {answers} records instead of {ANSWERS}");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wrong_answer_is_noticed() {
        let answer = |flags: u16, answers: u16| {
            let [high, low] = flags.to_be_bytes();
            [0, 1, high, low, 0, 1, 0, answers as u8, 0, 0, 0, 0]
        };
        check(&answer(0x8580, ANSWERS)).unwrap();
        assert!(check(&answer(0x8583, ANSWERS)).is_err());
        assert!(check(&answer(0x0580, ANSWERS)).is_err());
        assert!(check(&answer(0x8580, 2)).is_err());
        assert!(check(&[0; 3]).is_err());
    }
}
