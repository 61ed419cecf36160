//! Closed-loop load: clients that each send their next request when the last one is answered.

use anyhow::{Context, Result};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::Bench;
use super::subject::Subject;
use crate::client::{Answer, Connection, Draft};
use crate::process::Process;
use crate::report::Figure;
use crate::statistics::{median, minimum, percentile};

/// How long requests may stay unanswered after the end of their slice.
const ANSWER_WAIT_MAX: Duration = Duration::from_secs(60);
/// How long a run over a given number of requests may take.
const RUN_TO_END_MAX: Duration = Duration::from_secs(1800);

/// How long every load lasts.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// Slices that each server gets, in turn.
    pub(crate) rounds: u32,
    /// The length of one.
    pub(crate) slice: Duration,
}

/// What one client asks, and what it expects.
pub(crate) trait Workload: Send + 'static {
    /// Writes the next request; false when none is left.
    fn prepare(&mut self, draft: &mut Draft) -> bool;

    /// Fails on an answer to that request that is not right.
    fn verify(&mut self, answer: &Answer<'_>) -> Result<()>;
}

/// A connection and what is done over it.
struct Client<W> {
    connection: Connection,
    workload: W,
    draft: Draft,
    latencies: Vec<Duration>,
}

/// Clients of one server; they keep their connections from slice to slice.
pub(crate) struct Clients<W> {
    process: Process,
    clients: Vec<Client<W>>,
}

/// What one slice took.
#[derive(Clone, Debug)]
pub(crate) struct Slice {
    pub(crate) requests: usize,
    pub(crate) elapsed: Duration,
    pub(crate) server_cpu: Duration,
    pub(crate) generator_cpu: Duration,
}

/// All slices of one load on one server.
#[derive(Clone, Debug, Default)]
pub(crate) struct Series {
    pub(crate) slices: Vec<Slice>,
    pub(crate) latencies: Vec<Duration>,
}

impl<W: Workload> Clients<W> {
    /// Connects `count` clients; `workload` makes what each does from its number.
    pub(crate) async fn open(subject: &Subject, count: u32, workload: impl Fn(u32) -> W) -> Result<Self> {
        let mut clients = Vec::new();
        for number in 0..count {
            let connection = Connection::open(subject.address).await?;
            clients.push(Client {
                connection,
                workload: workload(number),
                draft: Draft::default(),
                latencies: Vec::new(),
            });
        }
        Ok(Self { process: subject.process, clients })
    }

    /// Runs all clients for a while and adds what it took to `series`.
    pub(crate) async fn run_slice(&mut self, length: Duration, series: &mut Series) -> Result<()> {
        let before = (self.process.cpu()?, Process::own().cpu()?);
        let start = Instant::now();
        let mut tasks = JoinSet::new();
        for client in self.clients.drain(..) {
            tasks.spawn(client.run(start + length));
        }
        let finish = tokio::time::timeout_at(start + length + ANSWER_WAIT_MAX, join_all(&mut tasks));
        self.clients = finish.await.with_context(|| format!("requests unanswered after {ANSWER_WAIT_MAX:?}"))??;
        let elapsed = start.elapsed();
        let requests = self.clients.iter().map(|client| client.latencies.len()).sum();
        series.slices.push(Slice {
            requests,
            elapsed,
            server_cpu: self.process.cpu()? - before.0,
            generator_cpu: Process::own().cpu()? - before.1,
        });
        self.clients.iter_mut().for_each(|client| series.latencies.append(&mut client.latencies));
        Ok(())
    }
}

impl<W: Workload> Client<W> {
    async fn run(mut self, until: Instant) -> Result<Self> {
        let mut sent = Instant::now();
        while sent < until && self.workload.prepare(&mut self.draft) {
            let answer = self.connection.exchange(&self.draft).await?;
            self.workload.verify(&answer).with_context(|| format!("{:?} {}", self.draft.method, self.draft.path))?;
            let answered = Instant::now();
            self.latencies.push(answered - sent);
            sent = answered;
        }
        Ok(self)
    }
}

/// Waits for all tasks; the first failure ends the wait.
pub(crate) async fn join_all<T: 'static>(tasks: &mut JoinSet<Result<T>>) -> Result<Vec<T>> {
    let mut results = Vec::with_capacity(tasks.len());
    while let Some(result) = tasks.join_next().await {
        results.push(result.context("a client's task")??);
    }
    Ok(results)
}

/// Runs clients until none has anything left to ask.
pub(crate) async fn run_to_end<W: Workload>(subject: &Subject, count: u32, workload: impl Fn(u32) -> W) -> Result<()> {
    let mut clients = Clients::open(subject, count, workload).await?;
    clients.run_slice(RUN_TO_END_MAX, &mut Series::default()).await
}

/// Runs a load on every server in turn, round by round, and reports it.
pub(crate) async fn compare<W: Workload>(
    bench: &mut Bench,
    name: &str,
    count: u32,
    workload: impl Fn(&Subject, u32) -> W,
) -> Result<()> {
    let mut sides = Vec::new();
    for subject in &bench.subjects {
        let clients = Clients::open(subject, count, |number| workload(subject, number)).await?;
        sides.push((subject.role(), clients, Series::default()));
    }
    for _ in 0..bench.plan.rounds {
        for (role, clients, series) in &mut sides {
            clients.run_slice(bench.plan.slice, series).await.with_context(|| format!("{name}, {role}"))?;
        }
    }
    let mut series: Vec<_> = sides.into_iter().map(|(_, _, series)| series).collect();
    bench.report.section(name, figures(&mut series))
}

/// The figures of a load, from the series of each server.
pub(crate) fn figures(series: &mut [Series]) -> Vec<Figure> {
    let latency = |series: &mut [Series], fraction| -> Vec<f64> {
        series.iter_mut().map(|series| millis(percentile(&mut series.latencies, fraction))).collect()
    };
    let p50 = latency(series, 0.5);
    let p99 = latency(series, 0.99);
    let each = |value: fn(&Series) -> f64| -> Vec<f64> { series.iter().map(value).collect() };
    vec![
        Figure::new("rate", "req/s", &each(|series| median(&series.rates()))).headline(),
        Figure::new("latency p50", "ms", &p50).headline(),
        Figure::new("latency p99", "ms", &p99),
        Figure::new("CPU per request", "µs", &each(|series| median(&series.cpu_micros()))).headline(),
        Figure::new("CPU per request, least round", "µs", &each(|series| minimum(&series.cpu_micros()))),
        Figure::new("generator's CPU per request", "µs", &each(Series::generator_cpu_micros)),
        Figure::new("requests measured", "", &each(|series| series.requests() as f64)),
    ]
}

impl Series {
    fn requests(&self) -> usize {
        self.slices.iter().map(|slice| slice.requests).sum()
    }

    fn rates(&self) -> Vec<f64> {
        self.slices.iter().map(|slice| slice.requests as f64 / slice.elapsed.as_secs_f64()).collect()
    }

    fn cpu_micros(&self) -> Vec<f64> {
        self.slices.iter().map(|slice| micros_each(slice.server_cpu, slice.requests)).collect()
    }

    fn generator_cpu_micros(&self) -> f64 {
        micros_each(self.slices.iter().map(|slice| slice.generator_cpu).sum(), self.requests())
    }
}

/// Microseconds of `total` for each of `count`.
pub(crate) fn micros_each(total: Duration, count: usize) -> f64 {
    total.as_secs_f64() * 1e6 / count as f64
}

/// A duration in milliseconds.
pub(crate) fn millis(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1e3
}
