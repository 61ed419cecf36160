//! The restart of a server whose agent has kept many services: SIGKILL, start, and the time until it knows them again.

use anyhow::{Context as _, Result};
use std::time::Duration;

use super::super::Bench;
use super::population::service_id;
use crate::client::{Answer, Draft, Method};
use crate::report::Figure;

/// What an agent answers for a service that it does not know.
const UNKNOWN: u16 = 404;

/// Restarts each server with so many services.
pub(super) async fn measure(bench: &mut Bench, shown: &str, services: u32) -> Result<()> {
    let mut draft = Draft::default();
    draft.start(Method::Get).path(format_args!("/v1/agent/health/service/id/{}", service_id(services - 1)));
    // The health of a service that has just been taken up may be anything.
    let is_known = |answer: &Answer<'_>| Ok(answer.status != UNKNOWN);
    let mut times: Vec<Duration> = Vec::new();
    let mut cpu: Vec<Duration> = Vec::new();
    for subject in &mut bench.subjects {
        let time = subject.time_restart(&draft, is_known).await;
        times.push(time.with_context(|| format!("restarting the {}", subject.role()))?);
        cpu.push(subject.process.cpu()?);
    }
    let seconds = |values: &[Duration]| values.iter().map(Duration::as_secs_f64).collect::<Vec<_>>();
    let figures = vec![
        Figure::new("start to knowing them", "s", &seconds(&times)).headline(),
        Figure::new("CPU until then", "s", &seconds(&cpu)).headline(),
    ];
    bench.report.section(format!("restart with {shown}"), figures)
}
