//! Registering checks: what the agent takes for one, and how soon the catalog has all.

use anyhow::Result;
use std::time::Duration;
use tokio::time::Instant;

use super::super::Bench;
use super::super::load::{self, Series, micros_each, millis};
use super::super::subject::Subject;
use super::population::{Population, is_there};
use super::steady::log_index;
use crate::report::Figure;

const KILOBYTE: f64 = 1e3;

/// What registering took on one server.
pub(super) struct Registered {
    requests: Series,
    /// From the last registration that was answered to a catalog that has all.
    catalog: Duration,
    /// Until then, the first runs included.
    cpu: Duration,
    log_entries: u64,
    /// Resident bytes that the checks added once the work was done.
    memory: f64,
}

/// Registers checks on a server that was quiet.
pub(super) async fn measure(subject: &Subject, population: &Population) -> Result<Registered> {
    let (index, cpu) = (log_index(subject).await?, subject.process.cpu()?);
    let memory = subject.process.memory()?.resident;
    let requests = population.register(subject).await?;
    let start = Instant::now();
    let shown = population.await_catalog(subject, is_there).await?;
    let cpu = subject.process.cpu()? - cpu;
    let log_entries = log_index(subject).await? - index - 1;
    // What the crowd of requests left behind is given back meanwhile.
    subject.settle().await;
    let memory = subject.process.memory()?.resident as f64 - memory as f64;
    Ok(Registered { requests, catalog: shown - start, cpu, log_entries, memory })
}

/// Reports what registering `count` checks took.
pub(super) fn report(bench: &mut Bench, shown: &str, count: u32, registered: Vec<Registered>) -> Result<()> {
    let each = |value: &dyn Fn(&Registered) -> f64| -> Vec<f64> { registered.iter().map(value).collect() };
    let all = vec![
        Figure::new("last answer to all in the catalog", "ms", &each(&|side| millis(side.catalog))).headline(),
        Figure::new(
            "CPU of each check, the catalog's included",
            "µs",
            &each(&|side| micros_each(side.cpu, count as usize)),
        )
        .headline(),
        Figure::new("log entries of each check", "", &each(&|side| side.log_entries as f64 / f64::from(count))),
        Figure::new(
            "memory of each check, with its part of the service",
            "kB",
            &each(&|side| side.memory / f64::from(count) / KILOBYTE),
        )
        .headline(),
    ];
    let mut requests: Vec<_> = registered.into_iter().map(|side| side.requests).collect();
    bench
        .report
        .section(format!("registering services with ten checks each, {shown}"), load::figures(&mut requests))?;
    bench.report.section(format!("{shown} registered"), all)
}
