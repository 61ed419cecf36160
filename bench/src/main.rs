//! The load generator: drives servers that programs could use in each other's place and prints what they cost.
//!
//! Each subcommand is one kind of server and one directory here. What they share: the HTTP client, the look into
//! processes, the start of servers, statistics and the report.

mod client;
mod launch;
mod process;
mod report;
mod server;
mod statistics;

use anyhow::{Context, Result, bail};
use clap::{Parser, Subcommand};
use std::process::ExitCode;
use tokio::signal::unix::{SignalKind, signal};

#[derive(Debug, Parser)]
#[command(name = "quorate-bench", about = "Drives a server, and a peer beside it, and prints what each costs.")]
struct CommandLine {
    #[command(subcommand)]
    bench: Bench,
}

#[derive(Debug, Subcommand)]
enum Bench {
    Server(server::Arguments),
    Stalls(server::stalls::Arguments),
    Hostile(server::hostile::Arguments),
}

fn main() -> ExitCode {
    match run(CommandLine::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quorate-bench: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(command_line: CommandLine) -> Result<()> {
    // One thread: on a small machine the rest belongs to the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let mut interrupt = signal(SignalKind::interrupt()).context("listening for SIGINT")?;
        let mut terminate = signal(SignalKind::terminate()).context("listening for SIGTERM")?;
        let bench = async {
            match command_line.bench {
                Bench::Server(arguments) => server::run(arguments).await,
                Bench::Stalls(arguments) => server::stalls::run(arguments).await,
                Bench::Hostile(arguments) => server::hostile::run(arguments).await,
            }
        };
        // Leaving by these ways ends the servers that the bench started.
        tokio::select! {
            result = bench => result,
            _ = interrupt.recv() => bail!("interrupted"),
            _ = terminate.recv() => bail!("terminated"),
        }
    })
}
