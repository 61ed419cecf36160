//! The quorate binary: flags, configuration files, wiring and the command line.
//!
//! It is called `quorate`, or `consul` by a symlink, and does the same under each name.

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

use crate::config::network::Machine;
use crate::flags::{AgentFlags, Command, Misuse};

fn main() -> ExitCode {
    allocator::keep_small();
    // An agent hears them once it listens; a command ends by them.
    if std::env::args_os().nth(1).is_some_and(|command| command == "agent") {
        agent::hold_signals();
    }
    match flags::parse(std::env::args_os().skip(1)) {
        Ok(Command::Agent(flags)) => start_agent(flags),
        Ok(command) => ask(command),
        Err(misuse) => explain(misuse),
    }
}

/// Settings, logging, then the agent until it is told to stop.
fn start_agent(flags: AgentFlags) -> ExitCode {
    let configuration = match config::read(flags, &Machine::this()) {
        Ok(configuration) => configuration,
        Err(error) => return fail(&error),
    };
    let log = match logging::start(&configuration.settings.log) {
        Ok(log) => log,
        Err(error) => return fail(&error),
    };
    for warning in &configuration.settings.warnings {
        tracing::warn!("{warning}");
    }
    match agent::run(configuration, log) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => fail(&format_args!("{error:#}")),
    }
}

/// Asks a server.
fn ask(command: Command) -> ExitCode {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&error),
    };
    match runtime.block_on(command::run(command)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            if !failure.is_silent() {
                eprintln!("{failure}");
            }
            ExitCode::from(failure.code())
        }
    }
}

/// What shells answer for a command that is not found, and Consul too.
const NO_SUCH_COMMAND: u8 = 127;

/// Says what is wrong with the command line, or prints the help that was asked for.
fn explain(misuse: Misuse) -> ExitCode {
    match misuse {
        Misuse::Help(help) => {
            println!("{help}");
            ExitCode::SUCCESS
        }
        Misuse::NoCommand(help) => {
            eprintln!("{help}");
            ExitCode::from(NO_SUCH_COMMAND)
        }
        Misuse::NoSubcommand(help) => {
            eprintln!("{help}");
            ExitCode::FAILURE
        }
        Misuse::Mistake(line) => {
            eprintln!("{line}");
            ExitCode::FAILURE
        }
    }
}

/// One line on why the agent does not run.
fn fail(problem: &dyn std::fmt::Display) -> ExitCode {
    eprintln!("==> {problem}");
    ExitCode::FAILURE
}
