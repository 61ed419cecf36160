//! The restart of a server that holds many keys: SIGKILL, start, and the time until it answers a consistent read.
//!
//! A new server is filled first, by transactions. After every restart a sample of the keys is read back: a server that
//! is fast because it forgot something fails here. The page cache is warm for all, as after a crash of the process.

use anyhow::{Context, Result};
use std::time::Duration;
use tokio::time::Instant;

use super::Bench;
use super::fill::fill_keys;
use super::keys::{KeySpace, LOAD_KEYS, Random};
use super::load::{Workload, run_to_end};
use super::memory;
use super::subject::Subject;
use crate::client::{Answer, Draft, Method};
use crate::process::Memory;
use crate::report::{Figure, number};
use crate::statistics::{median, minimum};

/// Keys that are read back after a restart.
const SAMPLE: u32 = 1000;

/// Measures `restarts` restarts of each server with `count` keys, in turn.
pub(crate) async fn measure(bench: &mut Bench, count: u32, restarts: u32) -> Result<()> {
    if restarts == 0 {
        return bench.report.skip("The restart is not measured: --restarts 0.");
    }
    if let Some(missing) = bench.subjects.iter().find(|subject| !subject.can_start()) {
        let role = missing.role();
        let sentence = format!("The restart is not measured: --{role}-start does not say how to start the {role}.");
        return bench.report.skip(sentence);
    }
    let keys = KeySpace::new(LOAD_KEYS, count);
    let mut fills = Vec::new();
    for subject in &mut bench.subjects {
        subject.renew().await?;
        let start = Instant::now();
        fill_keys(subject, &keys).await.with_context(|| format!("filling the {}", subject.role()))?;
        fills.push(f64::from(count) / start.elapsed().as_secs_f64());
        subject.quiet().await?;
    }
    let filled = bench.each(|subject| subject.process.memory())?;
    let mut sides = vec![Restarts::default(); bench.subjects.len()];
    for _ in 0..restarts {
        for (subject, side) in bench.subjects.iter_mut().zip(&mut sides) {
            let restarted = restart(subject, &keys, side).await;
            restarted.with_context(|| format!("restarting the {}", subject.role()))?;
        }
    }
    report(bench, count, &fills, &filled, &sides)
}

/// The restarts of one server.
#[derive(Clone, Debug, Default)]
struct Restarts {
    times: Vec<Duration>,
    /// The processor time used in each of them; what else the machine does shows less in it.
    cpu: Vec<Duration>,
    memory: Memory,
}

async fn restart(subject: &mut Subject, keys: &KeySpace, side: &mut Restarts) -> Result<()> {
    let last = keys.count() - 1;
    let mut draft = Draft::default();
    draft.start(Method::Get).path(format_args!("/v1/kv/{}?consistent", keys.key(last)));
    let accept = |answer: &Answer<'_>| match answer.status {
        // Not ready: no leader yet, or too busy.
        500 | 429 => Ok(false),
        // Anything else must be the value, a 404 in particular.
        _ => keys.expect_current(last, answer).map(|()| true),
    };
    side.times.push(subject.time_restart(&draft, accept).await?);
    side.cpu.push(subject.process.cpu()?);
    subject.quiet().await?;
    side.memory = subject.process.memory()?;
    run_to_end(subject, 1, |_| ReadBack {
        keys: keys.clone(),
        random: Random::of_client(0),
        remaining: SAMPLE,
        number: 0,
    })
    .await
}

/// Reads a sample of the keys.
struct ReadBack {
    keys: KeySpace,
    random: Random,
    remaining: u32,
    number: u32,
}

impl Workload for ReadBack {
    fn prepare(&mut self, draft: &mut Draft) -> bool {
        let Some(remaining) = self.remaining.checked_sub(1) else { return false };
        self.remaining = remaining;
        self.number = self.random.below(self.keys.count());
        draft.start(Method::Get).path(format_args!("/v1/kv/{}", self.keys.key(self.number)));
        true
    }

    fn verify(&mut self, answer: &Answer<'_>) -> Result<()> {
        self.keys.expect_current(self.number, answer)
    }
}

fn report(bench: &mut Bench, count: u32, fills: &[f64], filled: &[Memory], sides: &[Restarts]) -> Result<()> {
    let each = |of: fn(&Restarts) -> &[Duration], statistic: fn(&[f64]) -> f64| -> Vec<f64> {
        let seconds = |side| of(side).iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
        sides.iter().map(|side| statistic(&seconds(side))).collect()
    };
    let times = vec![
        Figure::new("start to consistent read", "s", &each(|side| &side.times, median)).headline(),
        Figure::new("start to consistent read, least", "s", &each(|side| &side.times, minimum)),
        Figure::new("CPU until then", "s", &each(|side| &side.cpu, median)).headline(),
        Figure::new("CPU until then, least", "s", &each(|side| &side.cpu, minimum)),
        Figure::new("fill by txn of 64, 8 clients", "keys/s", fills),
    ];
    let restarted: Vec<_> = sides.iter().map(|side| side.memory).collect();
    let count = number(count.into());
    bench.report.section(format!("restart with {count} keys"), times)?;
    bench.report.section(format!("memory, filled with {count} keys"), memory::figures(filled))?;
    bench.report.section(format!("memory, restarted with {count} keys"), memory::figures(&restarted))
}
