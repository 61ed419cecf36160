//! Checks whose target begins to fail: how soon a watcher of the service hears of one, and what it takes when all do.
//!
//! A check notices at its next run, so all of them flip over the length of an interval. Times count from the moment in
//! which the target answered with the failure.

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::super::load::{join_all, micros_each, millis};
use super::super::subject::Subject;
use super::paced::{self, Ask};
use super::population::{
    CHECKS_OF_NAME, CHECKS_OF_SERVICE, Population, has_critical, is_critical, is_passing, name, service_id,
};
use super::steady::log_index;
use super::target::Target;
use super::{INTERVAL, Witness as _};
use crate::client::{Connection, Draft, Method};
use crate::report::Figure;
use crate::statistics::percentile;

/// How many checks flip singly, each watched by a blocking query of its own.
const WATCHED_MAX: u32 = 20;
/// How long after an interval a failing check may stay unnoticed.
const NOTICE_WAIT_MAX: Duration = Duration::from_secs(60);

/// What the flips of one server took.
pub(super) struct Flips {
    /// From a failure to the answer of whoever watches that service.
    single: Vec<Duration>,
    /// From the last failure to a catalog that shows all.
    last_to_catalog: Duration,
    /// Processor time from the first failure to that catalog: an interval of runs, and all flips.
    cpu: Duration,
    log_entries: u64,
    /// Of somebody who reads a key meanwhile.
    pub(super) reads: Vec<Duration>,
}

/// Flips some checks singly and then all of them at once.
pub(super) async fn measure(subject: &Subject, population: &Population, target: &Target) -> Result<Flips> {
    let single = flip_singly(subject, population, target).await.context("checks that flip singly")?;
    (0..population.count).for_each(|check| target.set_failing(check, false));
    population.await_catalog(subject, is_passing).await?;

    let index = log_index(subject).await?;
    let cpu = subject.process.cpu()?;
    target.runs().clear();
    (0..population.count).for_each(|check| target.set_failing(check, true));
    let all = async {
        let last = last_failure(population.count, target).await?;
        let shown = population.await_catalog(subject, is_critical).await?;
        Ok(shown - last)
    };
    let (reads, last_to_catalog) = paced::beside(subject, Ask::Get, all).await.context("all checks flip")?;
    Ok(Flips {
        single,
        last_to_catalog,
        cpu: subject.process.cpu()? - cpu,
        log_entries: log_index(subject).await? - index - 1,
        reads,
    })
}

/// Waits until every check was answered with a failure; gives when the last was.
async fn last_failure(count: u32, target: &Target) -> Result<Instant> {
    let deadline = Instant::now() + INTERVAL + NOTICE_WAIT_MAX;
    loop {
        let failures = target.runs().first_failures(count);
        let seen = failures.iter().flatten().count();
        if let (true, Some(last)) = (seen == failures.len(), failures.iter().flatten().max()) {
            return Ok(*last);
        }
        ensure!(Instant::now() < deadline, "{} of {count} checks did not run again", failures.len() - seen);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Flips the first check of each of some names.
async fn flip_singly(subject: &Subject, population: &Population, target: &Target) -> Result<Vec<Duration>> {
    let watched: Vec<u32> = (0..population.names().min(WATCHED_MAX)).map(|group| group * CHECKS_OF_NAME).collect();
    let mut tasks = JoinSet::new();
    for &check in &watched {
        let mut watcher = Watcher::open(subject, check).await?;
        // Once without a wait, for the index.
        watcher.ask().await?;
        tasks.spawn(watcher.await_critical());
    }
    target.runs().clear();
    watched.iter().for_each(|&check| target.set_failing(check, true));
    let heard = tokio::time::timeout(INTERVAL + NOTICE_WAIT_MAX, join_all(&mut tasks)).await;
    let heard = heard.context("a watcher heard nothing of its check")??;
    let failures = target.runs().first_failures(population.count);
    heard
        .into_iter()
        .map(|(check, at)| {
            let failed = failures[check as usize].context("a check is critical that did not fail")?;
            Ok(at.saturating_duration_since(failed))
        })
        .collect()
}

/// Somebody who waits for news of a service.
struct Watcher {
    connection: Connection,
    draft: Draft,
    check: u32,
    index: u64,
}

impl Watcher {
    async fn open(subject: &Subject, check: u32) -> Result<Self> {
        let connection = Connection::open(subject.address).await?;
        Ok(Self { connection, draft: Draft::default(), check, index: 0 })
    }

    /// Whether the check is critical in the next answer.
    async fn ask(&mut self) -> Result<bool> {
        let name = name(self.check / CHECKS_OF_NAME);
        self.draft.start(Method::Get).path(format_args!("/v1/health/service/{name}?wait=120s&index={}", self.index));
        let answer = self.connection.exchange(&self.draft).await?;
        answer.expect_ok()?;
        self.index = answer.index.context("an answer without X-Consul-Index")?;
        let entries: Vec<Value> = serde_json::from_slice(answer.body)?;
        let id = service_id(self.check / CHECKS_OF_SERVICE);
        Ok(entries.iter().any(|entry| entry["Service"]["ID"] == *id && has_critical(entry)))
    }

    async fn await_critical(mut self) -> Result<(u32, Instant)> {
        while !self.ask().await? {}
        Ok((self.check, Instant::now()))
    }
}

/// The figures of flips that came singly.
pub(super) fn single_figures(measured: &mut [Flips]) -> Vec<Figure> {
    let mut at = |fraction| -> Vec<f64> {
        measured.iter_mut().map(|flips| millis(percentile(&mut flips.single, fraction))).collect()
    };
    vec![
        Figure::new("failure to a watcher's answer, p50", "ms", &at(0.5)).headline(),
        Figure::new("failure to a watcher's answer, longest", "ms", &at(1.0)).headline(),
    ]
}

/// The figures of the flip of `count` checks.
pub(super) fn all_figures(measured: &[Flips], count: u32) -> Vec<Figure> {
    let each = |value: &dyn Fn(&Flips) -> f64| -> Vec<f64> { measured.iter().map(value).collect() };
    vec![
        Figure::new("last failure to all in the catalog", "ms", &each(&|flips| millis(flips.last_to_catalog)))
            .headline(),
        Figure::new("CPU per run and flip", "µs", &each(&|flips| micros_each(flips.cpu, count as usize))).headline(),
        Figure::new("log entries per flip", "", &each(&|flips| flips.log_entries as f64 / f64::from(count))).headline(),
    ]
}
