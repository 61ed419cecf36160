//! Runs simulated clusters from seeds.
//!
//! Each seed gets a process of its own: libraries draw their hash seeds once per process, and a run must be the same
//! whether it is the first or the hundredth.

use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering};

use clap::Parser;
use quorate_sim::run::{Plan, Summary, Violation, run};
use quorate_sim::sabotage::Sabotage;

/// Runs simulated clusters from seeds. Example: `quorate-sim --seed 7 --servers 3`
#[derive(Parser)]
struct Arguments {
    /// The first seed.
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many seeds from there on.
    #[arg(long, default_value_t = 1)]
    runs: u64,
    /// How many servers the cluster has.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u64).range(1..=9))]
    servers: u64,
    /// For how many simulated seconds things go wrong.
    #[arg(long, default_value_t = 10)]
    seconds: u64,
    /// Breaks the cluster on purpose.
    #[arg(long)]
    sabotage: Option<Sabotage>,
    /// Checks only this property.
    #[arg(long)]
    only: Option<String>,
    /// Prints the node's log.
    #[arg(long)]
    verbose: bool,
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    if arguments.runs == 1 { run_here(&arguments) } else { run_children(&arguments) }
}

impl Arguments {
    /// The arguments that replay one seed of these.
    fn replay(&self, seed: u64) -> Vec<String> {
        let mut words = vec![
            format!("--seed={seed}"),
            format!("--servers={}", self.servers),
            format!("--seconds={}", self.seconds),
        ];
        if let Some(sabotage) = self.sabotage {
            let name = clap::ValueEnum::to_possible_value(&sabotage).map(|value| value.get_name().to_owned());
            words.push(format!("--sabotage={}", name.unwrap_or_default()));
        }
        words.extend(self.only.iter().map(|only| format!("--only={only}")));
        words
    }
}

/// Runs each seed in a process of its own; fails if any fails.
fn run_children(arguments: &Arguments) -> ExitCode {
    let Ok(program) = std::env::current_exe() else {
        eprintln!("this program can't find itself to run a seed in a process of its own");
        return ExitCode::FAILURE;
    };
    let mut failed = 0;
    for seed in arguments.seed..arguments.seed + arguments.runs {
        let child = Command::new(&program).args(arguments.replay(seed)).status();
        failed += u64::from(!child.is_ok_and(|status| status.success()));
    }
    println!("{} passed, {failed} failed", arguments.runs - failed);
    if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn run_here(arguments: &Arguments) -> ExitCode {
    if arguments.verbose {
        tracing_subscriber::fmt().with_max_level(tracing::Level::DEBUG).without_time().init();
    }
    quorate_sim::randomness::seed_this_process(arguments.seed);
    let plan = Plan {
        seed: arguments.seed,
        servers: arguments.servers as usize,
        seconds: arguments.seconds,
        sabotage: arguments.sabotage,
        only: arguments.only.clone(),
    };
    note_panics();
    // A thread of its own draws its hash seeds after the process was seeded.
    let outcome = std::thread::spawn(move || simulate(plan)).join();
    let panicked = || Violation { property: "panic".into(), what: "a task or the run panicked; see above".into() };
    let outcome = outcome.unwrap_or_else(|_| Err(panicked()));
    match outcome.and_then(|summary| if PANICKED.load(Ordering::Relaxed) { Err(panicked()) } else { Ok(summary) }) {
        Ok(Summary { steps, writes, calls, holds, trace }) => {
            println!(
                "seed {}: {steps} steps, {writes} writes kept, {calls} calls linearizable, {holds} locks held, trace {trace:016x}",
                arguments.seed
            );
            ExitCode::SUCCESS
        }
        Err(violation) => {
            println!("seed {}: {} violated: {}", arguments.seed, violation.property, violation.what);
            println!("replay: cargo run -p quorate-sim --release -- {}", arguments.replay(arguments.seed).join(" "));
            ExitCode::FAILURE
        }
    }
}

/// Whether anything panicked. A task that does only ends, and a run without one of its clients proves less than it says.
static PANICKED: AtomicBool = AtomicBool::new(false);

fn note_panics() {
    let print = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |panic| {
        PANICKED.store(true, Ordering::Relaxed);
        print(panic);
    }));
}

fn simulate(plan: Plan) -> Result<Summary, Violation> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    match runtime {
        Ok(runtime) => runtime.block_on(run(plan)),
        Err(error) => Err(Violation { property: "runtime".into(), what: error.to_string() }),
    }
}
