//! `quorate-bench stalls`: how long unrelated requests wait while a server does something large.
//!
//! A server is filled, then does one large thing after the other. Meanwhile a GET and a PUT of a key that has to do with none of
//! it are asked every few milliseconds, and the longest wait of each is printed. Nothing waits long on a server whose work is
//! bounded.

mod steps;

use anyhow::Result;
use clap::Args;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

use super::describe_machine;
use super::prober::Prober;
use super::subject::{Subject, Target};
use crate::report::{Figure, Report};

/// What a quick run's sizes are divided by.
const QUICK_DIVISOR: u32 = 50;
/// How long questions are asked before and after the large thing.
const MARGIN: Duration = Duration::from_millis(300);

/// Print how long unrelated requests wait while a server does something large
#[derive(Debug, Args)]
pub(crate) struct Arguments {
    #[command(flatten)]
    target: Target,
    /// Keys under one prefix
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    keys: u32,
    /// Services of the local agent, and of the catalog
    #[arg(long, default_value_t = 100_000, value_parser = clap::value_parser!(u32).range(100..=1_000_000))]
    services: u32,
    /// Services of the node whose check flips
    #[arg(long, default_value_t = 4_000, value_parser = clap::value_parser!(u32).range(10..=100_000))]
    node_services: u32,
    /// Sessions of one node
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(100..=10_000_000))]
    sessions: u32,
    /// Seconds to wait for the reaping of tombstones after the delete; the server is to be started with a short tombstone_ttl
    #[arg(long, default_value_t = 25, value_parser = clap::value_parser!(u32).range(0..=3600))]
    reap_seconds: u32,
    /// A fiftieth of these sizes: a minute, for CI
    #[arg(long)]
    quick: bool,
    /// Only these: keys, local, flip, sessions, catalog
    #[arg(long, value_delimiter = ',', value_name = "NAME")]
    only: Vec<String>,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// How much there is of everything.
#[derive(Clone, Copy, Debug)]
struct Sizes {
    keys: u32,
    services: u32,
    node_services: u32,
    sessions: u32,
    reap: Duration,
}

/// The server, and what was found out.
struct Stalls {
    subject: Subject,
    report: Report,
    sizes: Sizes,
}

/// Runs all of it.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    let divisor = if arguments.quick { QUICK_DIVISOR } else { 1 };
    let sizes = Sizes {
        keys: arguments.keys / divisor,
        services: arguments.services / divisor,
        node_services: arguments.node_services / divisor,
        sessions: arguments.sessions / divisor,
        reap: Duration::from_secs(arguments.reap_seconds.into()),
    };
    let subject = arguments.target.open().await?;
    let report = Report::new(vec![describe_machine(), subject.describe().await?])?;
    let mut stalls = Stalls { subject, report, sizes };
    let is_wanted = |name: &str| arguments.only.is_empty() || arguments.only.iter().any(|only| only == name);
    if is_wanted("keys") {
        stalls.keys().await?;
    }
    if is_wanted("local") {
        stalls.local_services().await?;
    }
    if is_wanted("flip") {
        stalls.node_check_flips().await?;
    }
    if is_wanted("sessions") {
        stalls.sessions().await?;
    }
    if is_wanted("catalog") {
        stalls.catalog_services().await?;
    }
    stalls.report.finish(arguments.json.as_deref())
}

impl Stalls {
    /// Has the server do something while questions are asked, and reports their waits.
    async fn while_asking<T>(&mut self, name: String, work: impl AsyncFnOnce(&Subject) -> Result<T>) -> Result<T> {
        let prober = Prober::start(self.subject.address)?;
        tokio::time::sleep(MARGIN).await;
        let begun = Instant::now();
        let done = work(&self.subject).await;
        let took = begun.elapsed();
        tokio::time::sleep(MARGIN).await;
        let mut figures = prober.stop().await?.figures();
        figures.push(Figure::new("took", "s", &[took.as_secs_f64()]).headline());
        self.report.section(name, figures)?;
        done
    }
}
