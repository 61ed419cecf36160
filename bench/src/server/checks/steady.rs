//! Checks at work while nothing changes: what a run costs, whether all of them happen, spread over the interval, and what
//! they write. Both servers run theirs at the same time, so that what else the machine does falls on both.

use anyhow::{Context as _, Result};
use std::time::Duration;
use tokio::time::Instant;

use super::super::Bench;
use super::super::load::micros_each;
use super::super::memory::MEGABYTE;
use super::super::subject::Subject;
use super::runs::Spread;
use super::{INTERVAL, Side};
use crate::client::{Connection, Draft, Method};
use crate::report::Figure;

/// What one server's checks took.
pub(super) struct Steady {
    spread: Spread,
    cpu: Duration,
    /// That of the programs that it ran.
    children_cpu: Duration,
    log_entries: u64,
    resident: u64,
}

/// Watches the checks of each server for a while.
pub(super) async fn measure(bench: &Bench, sides: &[Side], length: Duration) -> Result<Vec<Steady>> {
    let mut indexes = Vec::new();
    for subject in &bench.subjects {
        indexes.push(log_index(subject).await?);
    }
    let cpu = |subject: &Subject| Ok((subject.process.cpu()?, subject.process.children_cpu()?));
    let before = bench.each(cpu)?;
    sides.iter().for_each(|side| side.runs.clear());
    let start = Instant::now();
    tokio::time::sleep(length).await;
    let after = bench.each(cpu)?;
    let mut measured = Vec::new();
    for (place, (subject, side)) in bench.subjects.iter().zip(sides).enumerate() {
        measured.push(Steady {
            spread: side.runs.spread(side.population.count, start, length),
            cpu: after[place].0 - before[place].0,
            children_cpu: after[place].1 - before[place].1,
            // The write that asks is none of the checks'.
            log_entries: log_index(subject).await? - indexes[place] - 1,
            resident: subject.process.memory()?.resident,
        });
    }
    Ok(measured)
}

/// The figures of `count` checks over `length`.
pub(super) fn figures(measured: &[Steady], count: u32, length: Duration) -> Vec<Figure> {
    let each = |value: &dyn Fn(&Steady) -> f64| -> Vec<f64> { measured.iter().map(value).collect() };
    let wanted = f64::from(count) * length.as_secs_f64() / INTERVAL.as_secs_f64();
    let of_run = |cpu: Duration, steady: &Steady| micros_each(cpu, steady.spread.count as usize);
    let mut figures = vec![
        Figure::new("CPU per run", "µs", &each(&|steady| of_run(steady.cpu, steady))).headline(),
        Figure::new("of a core", "", &each(&|steady| steady.cpu.as_secs_f64() / length.as_secs_f64())),
        Figure::new("runs of those due", "", &each(&|steady| f64::from(steady.spread.count) / wanted)).headline(),
        Figure::new("fullest 100 ms of the mean", "", &each(&|steady| steady.spread.peak)),
        Figure::new("log entries", "", &each(&|steady| steady.log_entries as f64)).headline(),
        Figure::new("resident (RSS)", "MB", &each(&|steady| steady.resident as f64 / MEGABYTE)).headline(),
    ];
    if measured.iter().any(|steady| !steady.children_cpu.is_zero()) {
        let children = each(&|steady| of_run(steady.children_cpu, steady));
        figures.push(Figure::new("CPU of the commands per run", "µs", &children));
    }
    if measured.iter().any(|steady| steady.spread.most > 0) {
        figures.push(Figure::new("runs of a check, fewest", "", &each(&|steady| f64::from(steady.spread.fewest))));
        figures.push(Figure::new("runs of a check, most", "", &each(&|steady| f64::from(steady.spread.most))));
    }
    figures
}

/// The index of a write that is made for it: what lies between two of them, others wrote.
pub(super) async fn log_index(subject: &Subject) -> Result<u64> {
    let mut connection = Connection::open(subject.address).await?;
    let mut draft = Draft::default();
    let key = subject.keys.key(0);
    draft.start(Method::Put).path(format_args!("/v1/kv/{key}/index"));
    // Another value each time: a write that changes nothing need not be one.
    let now = std::time::UNIX_EPOCH.elapsed()?.as_nanos();
    draft.body.extend_from_slice(now.to_string().as_bytes());
    connection.exchange(&draft).await?.expect_true()?;
    draft.start(Method::Get).path(format_args!("/v1/kv/{key}/index"));
    let answer = connection.exchange(&draft).await?;
    answer.expect_ok()?;
    let entries: serde_json::Value = serde_json::from_slice(answer.body)?;
    entries[0]["ModifyIndex"].as_u64().context("a key without ModifyIndex")
}
