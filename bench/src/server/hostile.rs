//! `quorate-bench hostile`: how much memory one client can make a server hold, and whether it goes on answering others.
//!
//! Each shape meets a new server. What the client holds itself is small, since answers are read and thrown away, and every shape
//! ends by itself. The server's peak is watched; one that goes past `--memory-max` has its client taken away, for the machine's
//! sake. To see what a server does at a limit, start it under one: `prlimit --as=4294967296 quorate agent ...`.

mod connections;
mod shapes;

use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::{Instant, sleep, timeout};

use super::describe_machine;
use super::memory::MEGABYTE;
use super::prober::Prober;
use super::subject::{Subject, Target};
use crate::process::raise_open_files;
use crate::report::{Figure, Report};

/// How often the server's memory is looked at.
const LOOK_PACE: Duration = Duration::from_millis(20);
/// How long a shape may take.
const SHAPE_MAX: Duration = Duration::from_secs(60);
/// How long after a shape the server's memory is read again: the time to give back what nobody holds any more.
const AFTER: Duration = Duration::from_secs(2);
/// Open files that all shapes need.
const OPEN_FILES: u64 = 1_000;

/// Print how much memory one client can make a server hold
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Past so many MB the server's client is taken away
    #[arg(long, default_value_t = 6_000, value_name = "MB")]
    memory_max: u32,
    /// The MB that an unfinished PUT /v1/snapshot sends, and that a script writes
    #[arg(long, default_value_t = 1_000, value_name = "MB", value_parser = clap::value_parser!(u32).range(1..=4_000))]
    megabytes: u32,
    /// Only these: parked, txn, bodies, streams, snapshot, script
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// Runs all shapes.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    raise_open_files(OPEN_FILES)?;
    let mut subject = arguments.target.open().await?;
    let mut report = Report::new(vec![describe_machine(), subject.describe().await?])?;
    for shape in shapes::ALL {
        if !arguments.only.is_empty() && !arguments.only.iter().any(|name| name == shape.name()) {
            continue;
        }
        subject.renew().await?;
        shape.prepare(&subject).await?;
        let figures = meet(&subject, *shape, &arguments).await?;
        report.section(shape.sentence(arguments.megabytes), figures)?;
    }
    report.finish(arguments.json.as_deref())
}

/// Has a server meet a shape.
async fn meet(subject: &Subject, shape: shapes::Shape, arguments: &Arguments) -> Result<Vec<Figure>> {
    let before = subject.process.memory()?.resident;
    let prober = Prober::start(subject.address)?;
    let begun = Instant::now();
    let bytes_max = u64::from(arguments.memory_max) << 20;
    let past_limit = async {
        while subject.process.memory().is_ok_and(|memory| memory.resident < bytes_max) {
            sleep(LOOK_PACE).await;
        }
    };
    let (was_cut_short, outcome) = tokio::select! {
        outcome = timeout(SHAPE_MAX, shape.act(subject.address, arguments.megabytes)) => (false, outcome.unwrap_or(Ok(()))),
        () = past_limit => (true, Ok(())),
    };
    // To be refused is a good end, but only where it is meant.
    if let Err(refusal) = outcome {
        eprintln!("{}: a client was refused: {refusal:#}", shape.name());
    }
    let took = begun.elapsed();
    let peak = subject.process.peak_memory();
    let mut figures = vec![
        Figure::new("peak memory", "MB", &[peak.as_ref().map_or(f64::NAN, |&peak| megabytes(peak))]).headline(),
        Figure::new("memory before", "MB", &[megabytes(before)]),
    ];
    sleep(AFTER).await;
    let after = subject.process.memory().map(|memory| memory.resident);
    figures.extend([
        Figure::new("2 s after", "MB", &[after.as_ref().map_or(f64::NAN, |&after| megabytes(after))]).headline(),
        Figure::new("ended the server", "", &[f64::from(u8::from(after.is_err()))]).headline(),
        Figure::new("cut short at --memory-max", "", &[f64::from(u8::from(was_cut_short))]),
        Figure::new("took", "s", &[took.as_secs_f64()]),
    ]);
    figures.extend(prober.stop().await?.figures());
    Ok(figures)
}

fn megabytes(bytes: u64) -> f64 {
    bytes as f64 / MEGABYTE
}
