//! The agent: a server from its settings, until a signal or its own disk stops it.
//!
//! One runtime thread runs consensus, the apply task and HTTP; the log and checks have a thread of their own each, DNS has
//! several, and long encodings go to the runtime's blocking threads. On one or two processors that costs two thirds of what a pool of threads does.
//!
//! **Invariants**
//! - Signals are listened to before anything is begun, and those that come earlier are held until then: none of them
//!   kills the process. One to reload that comes during the start is obeyed behind it, one to stop at once.
//! - Whoever started the agent is told that it is ready when nothing is left that could fail.

mod check_thread;
mod data_directory;
mod files;
mod identity;
mod listening;
mod local;
mod notify;
mod open_files;
mod registration;
pub(crate) mod reload;
mod signals;
mod start;
mod telemetry;
mod terms;
mod watches;

use std::sync::Arc;

use anyhow::Context as _;
use tokio::sync::{Notify, mpsc};
use tracing::{info, warn};

pub(crate) use self::signals::hold as hold_signals;
use self::signals::{Signals, Stop};
use self::start::Running;
use crate::config::Configuration;
use crate::logging::Log;

/// How many requests to read the configuration again may wait; one past it is answered with an error.
const RELOADS_WAITING: usize = 4;

/// How long the end of the process waits for what runs on other threads.
const EXIT_WAIT: std::time::Duration = std::time::Duration::from_secs(1);

/// Runs the agent until it is told to stop.
pub(crate) fn run(configuration: Configuration, log: Log) -> anyhow::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("runtime")?;
    let outcome = runtime.block_on(serve(configuration, log));
    // What still runs on other threads looks up names or encodes for nobody.
    runtime.shutdown_timeout(EXIT_WAIT);
    outcome
}

async fn serve(configuration: Configuration, log: Log) -> anyhow::Result<()> {
    let (reload, reloads) = mpsc::channel(RELOADS_WAITING);
    let mut signals = Signals::listen(reloads).context("signals")?;
    let leave = Arc::new(Notify::new());
    let program = local::Program { log: log.clone(), leave: leave.clone(), reload };
    let started = tokio::select! {
        started = start::start(configuration, program) => Ok(started?),
        stop = signals.stop_at_once() => Err(stop),
    };
    let mut running = match started {
        Ok(running) => running,
        Err(stop) => {
            info!(signal = stop.name, "stopped during the start: nobody was served");
            // Not by a return: that would wait for what still runs on other threads.
            log.flush();
            std::process::exit(if stop.is_in_order { 0 } else { stop.code_at_once });
        }
    };
    notify::tell(notify::State::Ready).await;
    let outcome = until_told(&mut running, &mut signals, &leave).await;
    notify::tell(notify::State::Stopping).await;
    let hurry = match outcome {
        Ok(Some(quit)) => Some(quit),
        _ => tokio::select! {
            () = running.end_in_order() => None,
            stop = signals.stop_at_once() => Some(stop),
        },
    };
    // Its files go with it.
    drop(running);
    if let Some(stop) = hurry {
        warn!(signal = stop.name, "ending at once, without waiting for clients; what was acknowledged is in the log");
        log.flush();
        std::process::exit(stop.code_at_once);
    }
    info!("stopped");
    outcome.map(drop)
}

/// Waits for a reason to stop: a signal that leaves no time is given back, and what nobody wanted is an error.
async fn until_told(running: &mut Running, signals: &mut Signals, leave: &Notify) -> anyhow::Result<Option<Stop>> {
    let node = running.node.clone();
    tokio::select! {
        reason = node.stopped() => Err(anyhow::anyhow!("the server stopped: {reason}")),
        stop = signals.stop(&mut running.reloader) => {
            info!(signal = stop.name, "stopping");
            Ok((!stop.is_in_order).then_some(stop))
        }
        () = leave.notified() => {
            info!("stopping, as a request asked");
            Ok(None)
        }
    }
}
