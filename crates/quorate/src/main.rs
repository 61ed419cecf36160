//! The quorate binary: flags, configuration files, wiring and the command line.
//!
//! It is called `quorate`, or `consul` by a symlink, and does the same under each name.

#![deny(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "they end the program when nobody reads; `command::print` and `Failure::tell` do not"
)]

mod agent;
mod allocator;
mod child;
mod command;
mod config;
mod flags;
mod logging;
mod version;
mod watch;

use std::process::ExitCode;

use crate::command::Failure;
use crate::config::Sources;
use crate::config::network::Machine;
use crate::flags::{Command, Misuse};

fn main() -> ExitCode {
    allocator::keep_small();
    // An agent hears them once it listens; a command ends by them.
    if std::env::args_os().nth(1).is_some_and(|command| command == "agent") {
        agent::hold_signals();
    }
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => failure.tell(),
    }
}

fn run() -> Result<(), Failure> {
    match flags::parse(std::env::args_os().skip(1)) {
        Ok(Command::Agent(flags)) => start_agent(flags),
        Ok(command) => ask(command),
        Err(Misuse::Help(help)) => command::print(help),
        Err(Misuse::NoCommand { help, code }) => Err(Failure::with_code(help, code)),
        Err(Misuse::Mistake(line)) => Err(Failure::new(line)),
    }
}

/// Settings, logging, then the agent until it is told to stop.
fn start_agent(flags: Sources) -> Result<(), Failure> {
    let configuration = config::read(flags, &Machine::this()).map_err(not_run)?;
    let log = logging::start(&configuration.settings.log).map_err(not_run)?;
    for warning in &configuration.settings.warnings {
        tracing::warn!("{warning}");
    }
    let outcome = agent::run(configuration, log.clone());
    log.flush();
    outcome.map_err(|error| not_run(format_args!("{error:#}")))
}

/// One line on why the agent does not run.
fn not_run(problem: impl std::fmt::Display) -> Failure {
    Failure::new(format!("==> {problem}"))
}

/// Asks a server.
fn ask(command: Command) -> Result<(), Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map_err(Failure::of("Error starting"))?.block_on(command::run(command))
}
