//! `quorate-bench server`: one server of Consul's HTTP API, and a second one beside it, under the same load.
//!
//! Every load runs in rounds that alternate between target and peer, so that what else the machine does falls on both.
//! The order is: memory at rest, fill, loads, memory after them, parked watchers, local checks, restart. A server that the bench may
//! start gets a new process and an empty directory for the watchers, for each kind of check and for the restart; one that was found running
//! keeps its process, is left without the bench's keys, and is not restarted.
//!
//! Every answer is checked against what was written last; a wrong one ends the run.

mod checks;
mod dns;
mod fill;
mod get;
mod health;
pub(crate) mod hostile;
mod instances;
mod keys;
mod load;
mod memory;
mod prober;
mod put;
mod restart;
pub(crate) mod stalls;
mod subject;
mod txn;
mod watch;

use anyhow::{Result, ensure};
use clap::Args;
use std::fs;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use crate::process::raise_open_files;
use crate::report::Report;
use load::Plan;
use subject::Subject;

/// Keys that every load but the restart runs over.
const KEYS: u32 = 20_000;
/// Open files that the bench needs besides its watchers' connections: clients, tables of /proc, output.
const OPEN_FILES_BESIDE_WATCHERS: u64 = 500;

const EXAMPLE: &str = "\
Examples:
  quorate-bench server --target 127.0.0.1:8500

  quorate-bench server --json figures.json \\
    --target 127.0.0.1:8500 --target-start 'target/release/quorate agent -server -bootstrap-expect=1 -data-dir={data} \\
      -hcl \"limits { http_max_conns_per_client = 12000 }\"' \\
    --peer 127.0.0.1:9500 --peer-start 'consul agent -server -bootstrap-expect=1 -data-dir={data} -bind=127.0.0.1 \\
      -http-port=9500 -hcl \"limits { http_max_conns_per_client = 12000 }\"'

bench/README.md has the whole commands and says what each figure means.";

/// Drive a server that speaks Consul's HTTP API, on this machine
#[derive(Debug, Args)]
#[command(after_help = EXAMPLE)]
pub(crate) struct Arguments {
    /// Where the server to be measured serves HTTP
    #[arg(long, value_name = "ADDR")]
    target: String,
    /// Where the server serves HTTP that the target is compared with
    #[arg(long, value_name = "ADDR")]
    peer: Option<String>,
    /// The target's process, where its listening socket does not tell
    #[arg(long, value_name = "PID", conflicts_with = "target_start")]
    target_pid: Option<u32>,
    /// The peer's process, where its listening socket does not tell
    #[arg(long, value_name = "PID", conflicts_with = "peer_start", requires = "peer")]
    peer_pid: Option<u32>,
    /// The command line that starts the target, with {data} for its data directory; the restart is measured only with it
    #[arg(long, value_name = "COMMAND")]
    target_start: Option<String>,
    /// The command line that starts the peer, likewise
    #[arg(long, value_name = "COMMAND", requires = "peer")]
    peer_start: Option<String>,
    /// Where data directories are made, on a disk, since a file system in memory syncs for nothing; if not given, the
    /// system's temporary directory
    #[arg(long, value_name = "DIR")]
    data_root: Option<PathBuf>,
    /// The target's address of DNS, ip:port; DNS is measured only if every server has one
    #[arg(long, value_name = "ADDRESS")]
    target_dns: Option<SocketAddr>,
    /// The peer's, likewise
    #[arg(long, value_name = "ADDRESS", requires = "peer")]
    peer_dns: Option<SocketAddr>,
    /// Seconds of load of each kind on each server
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=3600))]
    seconds: u32,
    /// Rounds into which those seconds are divided
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    rounds: u32,
    /// Parked watchers; 0 skips them
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=50_000))]
    watchers: u32,
    /// Keys that the server holds when it is restarted
    #[arg(long, default_value_t = 1_000_000, value_parser = clap::value_parser!(u32).range(1_000..=10_000_000))]
    restart_keys: u32,
    /// How often it is restarted; 0 skips it
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(0..=100))]
    restarts: u32,
    /// Local checks on each server; 0 skips them
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(0..=50_000))]
    checks: u32,
    /// Seconds for which they are watched while nothing changes; their interval is 10 s
    #[arg(long, default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3600))]
    check_seconds: u32,
    /// Write all figures to this file
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
}

/// What every part of the run works with.
struct Bench {
    /// The target and, in a comparison, the peer behind it.
    subjects: Vec<Subject>,
    plan: Plan,
    report: Report,
}

impl Bench {
    /// One value from each server.
    fn each<T>(&self, value: impl Fn(&Subject) -> Result<T>) -> Result<Vec<T>> {
        self.subjects.iter().map(value).collect()
    }
}

/// Runs the whole bench.
pub(crate) async fn run(arguments: Arguments) -> Result<()> {
    raise_open_files(u64::from(arguments.watchers) + OPEN_FILES_BESIDE_WATCHERS)?;
    let subjects = open_subjects(&arguments).await?;
    let mut conditions = vec![describe_machine()];
    for subject in &subjects {
        conditions.push(subject.describe().await?);
    }
    let plan =
        Plan { rounds: arguments.rounds, slice: Duration::from_secs(arguments.seconds.into()) / arguments.rounds };
    let mut bench = Bench { subjects, plan, report: Report::new(conditions)? };

    let outcome = measure(&mut bench, &arguments).await;
    for subject in &bench.subjects {
        let cleaned = subject.clean_up().await;
        // What went wrong in the measurement is the better explanation.
        if outcome.is_ok() {
            cleaned?;
        }
    }
    outcome?;
    bench.report.finish(arguments.json.as_deref())
}

async fn measure(bench: &mut Bench, arguments: &Arguments) -> Result<()> {
    memory::measure_idle(bench).await?;
    for subject in &bench.subjects {
        fill::fill(subject).await?;
    }
    put::measure(bench).await?;
    get::measure(bench).await?;
    health::measure(bench).await?;
    let addresses = [arguments.target_dns, arguments.peer_dns];
    dns::measure(bench, &addresses[..bench.subjects.len()]).await?;
    txn::measure(bench).await?;
    memory::measure_loaded(bench)?;
    watch::measure(bench, arguments.watchers).await?;
    let plan = checks::Plan { count: arguments.checks, steady: Duration::from_secs(arguments.check_seconds.into()) };
    let root = arguments.data_root.clone().unwrap_or_else(std::env::temp_dir);
    checks::measure(bench, plan, &root).await?;
    restart::measure(bench, arguments.restart_keys, arguments.restarts).await
}

async fn open_subjects(arguments: &Arguments) -> Result<Vec<Subject>> {
    let root = arguments.data_root.clone().unwrap_or_else(std::env::temp_dir);
    let target = &arguments.target;
    let mut subjects =
        vec![Subject::open("target", target, arguments.target_pid, arguments.target_start.as_deref(), &root).await?];
    if let Some(peer) = &arguments.peer {
        ensure!(peer != target, "target and peer are the same server, {peer}");
        subjects.push(Subject::open("peer", peer, arguments.peer_pid, arguments.peer_start.as_deref(), &root).await?);
    }
    Ok(subjects)
}

/// One sentence about the machine; what the kernel does not tell is left out.
fn describe_machine() -> String {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let field = |text: &str, name: &str| {
        text.lines().find_map(|line| Some(line.strip_prefix(name)?.split_once(':')?.1.trim().to_owned()))
    };
    let cores = std::thread::available_parallelism().map_or(0, usize::from);
    let processor = field(&read("/proc/cpuinfo"), "model name").unwrap_or_default();
    let memory = field(&read("/proc/meminfo"), "MemTotal").unwrap_or_default();
    let kernel = read("/proc/sys/kernel/osrelease");
    let load = read("/proc/loadavg");
    let load = load.split(' ').next().unwrap_or_default();
    format!("machine: {cores} cores ({processor}), {memory}, Linux {}, load average {load} at the start", kernel.trim())
}
