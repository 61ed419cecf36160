//! The memory of a server: at rest before the bench wrote anything, and after the loads.

use anyhow::Result;

use super::Bench;
use crate::process::Memory;
use crate::report::Figure;

pub(super) const MEGABYTE: f64 = 1e6;

/// Measures memory before any load. A server found running has whatever its past left it with.
pub(crate) async fn measure_idle(bench: &mut Bench) -> Result<()> {
    // Both were started before; one wait is enough for both.
    bench.subjects[0].settle().await;
    report(bench, "memory, idle")
}

/// Measures memory after the loads.
pub(crate) fn measure_loaded(bench: &mut Bench) -> Result<()> {
    report(bench, "memory, loaded")
}

fn report(bench: &mut Bench, name: &str) -> Result<()> {
    let memories = bench.each(|subject| subject.process.memory())?;
    bench.report.section(name, figures(&memories))
}

/// The figures of one reading from each server.
pub(crate) fn figures(memories: &[Memory]) -> Vec<Figure> {
    let each = |value: fn(&Memory) -> u64| -> Vec<f64> {
        memories.iter().map(|memory| value(memory) as f64 / MEGABYTE).collect()
    };
    vec![
        Figure::new("resident (RSS)", "MB", &each(|memory| memory.resident)).headline(),
        Figure::new("proportional (PSS)", "MB", &each(|memory| memory.proportional)),
        Figure::new("anonymous (heap and stacks)", "MB", &each(|memory| memory.anonymous)),
    ]
}
