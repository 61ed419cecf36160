//! What the agent is told while it runs: by signals, and by requests to read the configuration again.

use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot};
use tracing::{error, info};

use super::notify;
use super::reload::Reloader;

/// Who waits for the configuration to be read again.
pub(super) type Reloads = mpsc::Receiver<oneshot::Sender<Result<(), String>>>;

/// The signals that the agent listens to, and the requests that mean the same as SIGHUP.
pub(super) struct Signals {
    interrupt: Signal,
    terminate: Signal,
    hangup: Signal,
    reloads: Reloads,
}

impl Signals {
    pub(super) fn listen(reloads: Reloads) -> std::io::Result<Self> {
        Ok(Self {
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            hangup: signal(SignalKind::hangup())?,
            reloads,
        })
    }

    /// Waits for a signal to stop and gives its name; reads the configuration again when it is told to.
    pub(super) async fn stop(&mut self, reloader: &mut Reloader) -> &'static str {
        loop {
            tokio::select! {
                _ = self.interrupt.recv() => {
                    say_leave(!reloader.current().process.skip_leave_on_interrupt);
                    return "SIGINT";
                }
                _ = self.terminate.recv() => {
                    say_leave(reloader.current().process.leave_on_terminate);
                    return "SIGTERM";
                }
                _ = self.hangup.recv() => drop(reload(reloader, "SIGHUP")),
                Some(asker) = self.reloads.recv() => {
                    // An asker that has gone is no reason to take it back.
                    let _ = asker.send(reload(reloader, "a request"));
                }
            }
        }
    }

    /// Waits for one more signal to stop and gives its name.
    pub(super) async fn stop_again(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// Reads the configuration again.
fn reload(reloader: &mut Reloader, by: &str) -> Result<(), String> {
    notify::tell(notify::State::Reloading);
    let outcome = reloader.reload();
    if let Err(error) = &outcome {
        error!(error, by, "the configuration was not taken, and nothing has changed");
    }
    notify::tell(notify::State::Ready);
    outcome
}

/// Says what leaving means for a server that has nobody to tell.
fn say_leave(leaves: bool) {
    if leaves {
        info!("leaving: there are no other members, so this is the same as stopping");
    }
}
